/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * The kernels a device must have, and the parameters each takes.  A struct here
 * is the push-constant block of the shader of the same name, byte for byte
 * (checked by tests/shader-interface.py); 128 bytes at most, 4 tensors at most.
 */
#include <glib.h>

typedef enum
{
  VTR_KERNEL_PATCHIFY,
  VTR_KERNEL_EMBED_TOKENS,
  VTR_KERNEL_LAYER_NORM,
  VTR_KERNEL_MATMUL,
  VTR_KERNEL_SWIGLU,
  VTR_KERNEL_ROPE,
  VTR_KERNEL_ATTENTION,
  VTR_KERNEL_POOL,
  VTR_KERNEL_ATTENTION_ROWS,
  VTR_KERNEL_ATTENTION_APPLY,
  VTR_KERNEL_ROLLOUT_ROW_SUMS,
  VTR_KERNEL_ROLLOUT_HISTOGRAM,
  VTR_KERNEL_ROLLOUT_SELECT,
  VTR_KERNEL_ROLLOUT_STEP,
  VTR_KERNEL_REDUCE_PARTIALS,
  VTR_N_KERNELS
} VtrKernel;

#define VTR_MAX_KERNEL_TENSORS 4
#define VTR_MAX_PARAMS_SIZE 128

typedef struct
{
  const char *name;    /* "layer-norm": the shader's file, the name in timings */
  guint n_tensors;     /* how many it binds */
  guint8 reads;        /* bit i: it reads tensor i */
  guint8 writes;       /* bit i: it writes tensor i */
  guint16 params_size; /* bytes of its params struct */
} VtrKernelInfo;

const VtrKernelInfo *vtr_kernel_get_info (VtrKernel kernel);
