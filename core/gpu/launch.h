/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * Choosing launches, split by kernel; only kernels*.c includes this.
 */
#include "gpu/gpu.h"

/* Appends a specialisation constant: its id is how many came before it. */
void vtr_launch_add_constant (VtrLaunch *launch, guint32 value);

/* A grid of @n_groups workgroups in one line, folded over y and z where the line is too long;
 * the shader finds its place with lib/grid.glsl. */
void vtr_launch_set_line (VtrLaunch *launch, const VtrGpuLimits *limits, guint64 n_groups);

/* Whether the variants by shuffles are the faster ones: see shaders/layers/matmul-shuffle.comp. */
gboolean vtr_launch_use_shuffles (const VtrGpuLimits *limits);

/* Whether the variant for halves is wanted (shaders/lib/storage.glsl): it alone takes f16. */
static inline gboolean
vtr_launch_is_f16 (const VtrTensor *tensor)
{
  return tensor->dtype == VTR_DTYPE_F16;
}

/* Tiles that cover @n_values. */
guint32 vtr_launch_n_tiles (guint32 n_values, guint32 tile_size);

/* kernels-layers.c */

/* How many rows a lane of the variants by shuffles takes, @most at most: few leave less of the last
 * tile empty, many are cheaper each. */
guint32 vtr_launch_choose_rows_per_lane (guint32 n_lanes, guint32 n_rows, guint32 most);

/* The grid of a product by tiles, and the constants ROWS and COLS of what an invocation sums. */
void vtr_launch_add_matmul_tiles (VtrLaunch *launch, guint32 n_rows, guint32 n_cols);

void vtr_launch_choose_layer_norm (const VtrGpuLimits *limits,
                                   const VtrTensor *const *tensors,
                                   gconstpointer params,
                                   VtrLaunch *launch);
void vtr_launch_choose_matmul (const VtrGpuLimits *limits,
                               const VtrTensor *const *tensors,
                               gconstpointer params,
                               VtrLaunch *launch);
void vtr_launch_choose_attention (const VtrGpuLimits *limits,
                                  const VtrTensor *const *tensors,
                                  gconstpointer params,
                                  VtrLaunch *launch);

/* kernels-cooperative.c; FALSE if the device or the product is not made for it */
gboolean vtr_launch_choose_matmul_cooperative (const VtrGpuLimits *limits,
                                               const VtrTensor *const *tensors,
                                               const VtrMatmulParams *matmul,
                                               VtrLaunch *launch);

/* kernels-explain.c */
void vtr_launch_choose_attention_rows (const VtrGpuLimits *limits,
                                       const VtrTensor *const *tensors,
                                       gconstpointer params,
                                       VtrLaunch *launch);
void vtr_launch_choose_attention_apply (const VtrGpuLimits *limits,
                                        const VtrTensor *const *tensors,
                                        gconstpointer params,
                                        VtrLaunch *launch);
void vtr_launch_choose_attention_statistics (const VtrGpuLimits *limits,
                                             const VtrTensor *const *tensors,
                                             gconstpointer params,
                                             VtrLaunch *launch);
void vtr_launch_choose_rollout_row_sums (const VtrGpuLimits *limits,
                                         const VtrTensor *const *tensors,
                                         gconstpointer params,
                                         VtrLaunch *launch);
void vtr_launch_choose_rollout_histogram (const VtrGpuLimits *limits,
                                          const VtrTensor *const *tensors,
                                          gconstpointer params,
                                          VtrLaunch *launch);
void vtr_launch_choose_rollout_select (const VtrGpuLimits *limits,
                                       const VtrTensor *const *tensors,
                                       gconstpointer params,
                                       VtrLaunch *launch);
void vtr_launch_choose_rollout_step (const VtrGpuLimits *limits,
                                     const VtrTensor *const *tensors,
                                     gconstpointer params,
                                     VtrLaunch *launch);

/* kernels-backward.c */
void vtr_launch_choose_layer_norm_backward (const VtrGpuLimits *limits,
                                            const VtrTensor *const *tensors,
                                            gconstpointer params,
                                            VtrLaunch *launch);
void vtr_launch_choose_matmul_backward (const VtrGpuLimits *limits,
                                        const VtrTensor *const *tensors,
                                        gconstpointer params,
                                        VtrLaunch *launch);
void vtr_launch_choose_attention_backward (const VtrGpuLimits *limits,
                                           const VtrTensor *const *tensors,
                                           gconstpointer params,
                                           VtrLaunch *launch);
