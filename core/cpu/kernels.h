/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * The kernels of core/ops/kernels.h as functions of the host.  All files that
 * include this are built once for each instruction set, with the macro
 * VTR_CPU_VARIANT saying which; VTR_CPU (name) is a name of that build.
 */
#include "ops/kernels.h"

/* @params: the kernel's struct; @tensors: where the data of each tensor begins. */
typedef void (*VtrCpuKernel) (gconstpointer params, float *const *tensors);

/*
 * Whether work of that many additions is sooner done by several threads than by
 * one: waking them takes some microseconds, more where other programs are busy.
 */
#define VTR_CPU_IS_LARGE(n_additions) ((double) (n_additions) > 262144.0)

/* One build of all kernels. */
typedef struct
{
  const char *name; /* "AVX2" */
  guint n_lanes;    /* floats in a vector */
  VtrCpuKernel kernels[VTR_N_KERNELS];
  VtrCpuKernel matmul_f16;          /* VTR_KERNEL_MATMUL where w is f16, all else f32 */
  VtrCpuKernel matmul_backward_f16; /* likewise */
} VtrCpuVariant;

#ifdef VTR_CPU_VARIANT

#define VTR_CPU_JOIN_(name, variant) vtr_cpu_##name##_##variant
#define VTR_CPU_JOIN(name, variant) VTR_CPU_JOIN_ (name, variant)
#define VTR_CPU(name) VTR_CPU_JOIN (name, VTR_CPU_VARIANT)

extern const VtrCpuVariant VTR_CPU (variant);

void VTR_CPU (patchify) (gconstpointer params, float *const *tensors);
void VTR_CPU (embed_tokens) (gconstpointer params, float *const *tensors);
void VTR_CPU (gather_tokens) (gconstpointer params, float *const *tensors);
void VTR_CPU (layer_norm) (gconstpointer params, float *const *tensors);
void VTR_CPU (matmul) (gconstpointer params, float *const *tensors);
void VTR_CPU (matmul_f16) (gconstpointer params, float *const *tensors);
void VTR_CPU (swiglu) (gconstpointer params, float *const *tensors);
void VTR_CPU (rope) (gconstpointer params, float *const *tensors);
void VTR_CPU (attention) (gconstpointer params, float *const *tensors);
void VTR_CPU (pool) (gconstpointer params, float *const *tensors);
void VTR_CPU (attention_rows) (gconstpointer params, float *const *tensors);
void VTR_CPU (attention_apply) (gconstpointer params, float *const *tensors);
void VTR_CPU (attention_statistics) (gconstpointer params, float *const *tensors);
void VTR_CPU (rollout_row_sums) (gconstpointer params, float *const *tensors);
void VTR_CPU (rollout_histogram) (gconstpointer params, float *const *tensors);
void VTR_CPU (rollout_select) (gconstpointer params, float *const *tensors);
void VTR_CPU (rollout_weights) (gconstpointer params, float *const *tensors);
void VTR_CPU (rollout_step) (gconstpointer params, float *const *tensors);
void VTR_CPU (reduce_partials) (gconstpointer params, float *const *tensors);
void VTR_CPU (layer_norm_backward) (gconstpointer params, float *const *tensors);
void VTR_CPU (matmul_backward) (gconstpointer params, float *const *tensors);
void VTR_CPU (matmul_backward_f16) (gconstpointer params, float *const *tensors);
void VTR_CPU (activation_backward) (gconstpointer params, float *const *tensors);
void VTR_CPU (swiglu_backward) (gconstpointer params, float *const *tensors);
void VTR_CPU (attention_backward_rows) (gconstpointer params, float *const *tensors);
void VTR_CPU (attention_backward) (gconstpointer params, float *const *tensors);
void VTR_CPU (pool_backward) (gconstpointer params, float *const *tensors);

#endif
