/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * Launches of the kernels that go backward.  Products and attention have variants as their forward
 * has: see kernels-layers.c.
 */
#include "gpu/launch.h"

/* ---- layer norm ---- */

/* As many invocations as read a row's memory in one stroke. */
#define LAYER_NORM_LANES 32
#define LAYER_NORM_ROWS 2

void
vtr_launch_choose_layer_norm_backward (const VtrGpuLimits *limits,
                                       const VtrTensor *const *tensors G_GNUC_UNUSED,
                                       gconstpointer params,
                                       VtrLaunch *launch)
{
  const VtrLayerNormBackwardParams *layer_norm = params;

  launch->shader = VTR_SHADER_LAYER_NORM_BACKWARD;
  vtr_launch_add_constant (launch, LAYER_NORM_LANES);
  vtr_launch_add_constant (launch, LAYER_NORM_ROWS);
  vtr_launch_set_line (launch, limits, vtr_launch_n_tiles (layer_norm->n_rows, LAYER_NORM_ROWS));
}

/* ---- matmul ---- */

/* Columns of w that a lane holds: COLS in matmul-backward-shuffle.comp. */
#define SHUFFLE_COLS 4

void
vtr_launch_choose_matmul_backward (const VtrGpuLimits *limits,
                                   const VtrTensor *const *tensors G_GNUC_UNUSED,
                                   gconstpointer params,
                                   VtrLaunch *launch)
{
  const VtrMatmulBackwardParams *matmul = params;
  const gboolean vectors = matmul->depth % 4 == 0 && matmul->n_cols % 4 == 0;

  if (!vtr_launch_use_shuffles (limits))
    {
      launch->shader =
          vectors ? VTR_SHADER_MATMUL_BACKWARD_TILES_VEC4 : VTR_SHADER_MATMUL_BACKWARD_TILES;
      vtr_launch_add_matmul_tiles (launch, matmul->n_rows, matmul->n_cols);
      return;
    }

  const guint32 n_lanes = limits->subgroup_size;
  const guint32 rows = vtr_launch_choose_rows_per_lane (n_lanes, matmul->n_rows, G_MAXUINT32);
  launch->shader =
      vectors ? VTR_SHADER_MATMUL_BACKWARD_SHUFFLE_VEC4 : VTR_SHADER_MATMUL_BACKWARD_SHUFFLE;
  vtr_launch_add_constant (launch, n_lanes);
  vtr_launch_add_constant (launch, rows);
  launch->groups[0] = vtr_launch_n_tiles (matmul->n_rows, n_lanes * rows);
  launch->groups[1] = vtr_launch_n_tiles (matmul->n_cols, n_lanes * SHUFFLE_COLS);
  launch->groups[2] = 1;
}

/* ---- attention ---- */

/* Own tokens, and columns of what is summed, in a tile: TILE and SUM_SLICE in
 * attention-backward-tiles.comp. */
#define ATTENTION_TILE 32
#define ATTENTION_SUM_SLICE 32

/* Values of its own tokens that a lane holds, four times as many with their other vector and the
 * sums; the shader is as long. */
#define SHUFFLE_TOKEN_VALUES 96

void
vtr_launch_choose_attention_backward (const VtrGpuLimits *limits,
                                      const VtrTensor *const *tensors G_GNUC_UNUSED,
                                      gconstpointer params,
                                      VtrLaunch *launch)
{
  const VtrAttentionBackwardParams *attention = params;
  guint32 n_own = ATTENTION_TILE;

  vtr_launch_add_constant (launch, attention->of_keys);
  if (vtr_launch_use_shuffles (limits))
    {
      const guint32 n_lanes = limits->subgroup_size;
      const guint32 vector_width = attention->head_width % 4 == 0 ? 4 : 1;
      const guint32 n_tokens =
          vtr_launch_choose_rows_per_lane (n_lanes, attention->n_tokens,
                                           SHUFFLE_TOKEN_VALUES / attention->head_width);

      launch->shader = vector_width == 4 ? VTR_SHADER_ATTENTION_BACKWARD_SHUFFLE_VEC4 //
                                         : VTR_SHADER_ATTENTION_BACKWARD_SHUFFLE;
      vtr_launch_add_constant (launch, n_lanes);
      vtr_launch_add_constant (launch, n_tokens);
      vtr_launch_add_constant (launch, attention->head_width / vector_width);
      n_own = n_lanes * n_tokens;
    }
  else
    {
      launch->shader = VTR_SHADER_ATTENTION_BACKWARD_TILES;
      vtr_launch_add_constant (launch,
                               vtr_launch_n_tiles (attention->head_width, ATTENTION_SUM_SLICE));
    }
  launch->groups[0] = vtr_launch_n_tiles (attention->n_tokens, n_own);
  launch->groups[1] = attention->n_heads;
  launch->groups[2] = attention->n_images;
}
