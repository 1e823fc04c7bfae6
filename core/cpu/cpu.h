/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * cpu: the device that is the host's processor.  Knows kernels, nothing of ViTs.
 *
 *   cpu-device.c      VtrCpuDevice: memory, streams that run each kernel at once
 *   variants.c        which build of the kernels this processor can run
 *
 * The kernels, built once for each instruction set (meson.build), threads by OpenMP:
 *
 *   kernels.h         their names and what all of them are given
 *   kernels.c         kernel → function
 *   simd.h            vectors of floats and functions of them
 *   tile.h            products of a block of vectors with others: the core of all attention
 *   embed.c           patchify, embed-tokens, gather-tokens, pool
 *   layers.c          layer-norm, swiglu, rope
 *   product.c         matmul, matmul-backward: the products they are (product.h)
 *   matmul.c          such a product
 *   matmul-cblas.c    and by CBLAS, in its place where the build says so (-Dblas)
 *   activation.h      what follows the sums in both, and its slope
 *   attention.c       attention
 *   attention-rows.c  attention-rows, attention-apply
 *   attention-statistics.c  attention-statistics
 *   rollout.c         rollout-row-sums, rollout-histogram, rollout-step
 *   rollout-select.c  rollout-select, rollout-weights, reduce-partials
 *   layers-backward.c     layer-norm-backward, activation-backward, swiglu-backward, pool-backward
 *   attention-backward.c  attention-backward-rows, attention-backward
 */
#include "ops/device.h"

/* The processor as a device, id "cpu"; NULL if this build has none. */
VtrDeviceInfo *vtr_cpu_describe (void);

/* Opens it; VTR_ERROR_NO_DEVICE if this build has none. */
VtrDevice *vtr_cpu_open (GError **error);
