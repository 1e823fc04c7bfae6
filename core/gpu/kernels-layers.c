/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * Launches of the kernels in which a forward pass spends its time.  Each has a
 * variant for software devices, by shuffles in a subgroup (why: see
 * shaders/layers/matmul-shuffle.comp), and one for GPUs, by tiles in shared
 * memory, which runs everywhere.  f16 is for GPUs: it has the latter alone.
 */
#include "gpu/launch.h"

/* Rows of x, or queries, of a workgroup by shuffles: more outweigh the loads better, until their
 * sums no longer stay in the fastest cache. */
#define SHUFFLE_ROWS_MAX 24

/* What a workgroup by shuffles costs besides its rows, in rows a lane: loads of w or of keys. */
#define SHUFFLE_BASE_COST 2

/* With fewer rows in all, compiling a longer shader would take longer than it saves. */
#define MANY_ROWS 64

guint32
vtr_launch_choose_rows_per_lane (guint32 n_lanes, guint32 n_rows, guint32 most)
{
  guint32 best = 1;
  guint64 least_cost = G_MAXUINT64;

  if (n_rows < MANY_ROWS)
    return 1;

  for (guint32 rows = 1; rows == 1 || (rows <= most && rows * n_lanes <= SHUFFLE_ROWS_MAX); rows++)
    {
      const guint64 cost =
          (guint64) vtr_launch_n_tiles (n_rows, n_lanes * rows) * (SHUFFLE_BASE_COST + rows);
      if (cost < least_cost)
        {
          least_cost = cost;
          best = rows;
        }
    }
  return best;
}

/* ---- layer norm ---- */

/* Rows of a workgroup, which share the loads of the affine. */
#define LAYER_NORM_ROWS_SHUFFLE 4

/* On a GPU as many invocations as read a row's memory in one stroke. */
#define LAYER_NORM_LANES 32
#define LAYER_NORM_ROWS 2

void
vtr_launch_choose_layer_norm (const VtrGpuLimits *limits,
                              const VtrTensor *const *tensors,
                              gconstpointer params,
                              VtrLaunch *launch)
{
  const VtrLayerNormParams *layer_norm = params;
  guint32 n_lanes = LAYER_NORM_LANES;
  guint32 n_rows = LAYER_NORM_ROWS;

  launch->shader = VTR_SHADER_LAYER_NORM;
  if (vtr_launch_is_f16 (tensors[2]))
    launch->shader = VTR_SHADER_LAYER_NORM_F16;
  else if (vtr_launch_use_shuffles (limits))
    {
      n_lanes = limits->subgroup_size;
      n_rows = LAYER_NORM_ROWS_SHUFFLE;
      launch->shader = layer_norm->width % 4 == 0 ? VTR_SHADER_LAYER_NORM_SHUFFLE_VEC4
                                                  : VTR_SHADER_LAYER_NORM_SHUFFLE;
    }
  vtr_launch_add_constant (launch, n_lanes);
  vtr_launch_add_constant (launch, n_rows);
  vtr_launch_set_line (launch, limits, vtr_launch_n_tiles (layer_norm->n_rows, n_rows));
}

/* ---- matmul ---- */

/* Columns of w that a lane holds. */
#define SHUFFLE_COLS 4

static void
choose_matmul_shuffle (const VtrGpuLimits *limits, const VtrMatmulParams *matmul, VtrLaunch *launch)
{
  const guint32 n_lanes = limits->subgroup_size;
  const guint32 rows = vtr_launch_choose_rows_per_lane (n_lanes, matmul->n_rows, G_MAXUINT32);

  launch->shader = matmul->depth % 4 == 0 ? VTR_SHADER_MATMUL_SHUFFLE_VEC4 //
                                          : VTR_SHADER_MATMUL_SHUFFLE;
  vtr_launch_add_constant (launch, matmul->flags);
  vtr_launch_add_constant (launch, matmul->activation);
  vtr_launch_add_constant (launch, n_lanes);
  vtr_launch_add_constant (launch, rows);
  vtr_launch_add_constant (launch, SHUFFLE_COLS);
  vtr_launch_add_constant (launch, matmul->n_cols % SHUFFLE_COLS == 0);
  launch->groups[0] = vtr_launch_n_tiles (matmul->n_rows, n_lanes * rows);
  launch->groups[1] = vtr_launch_n_tiles (matmul->n_cols, n_lanes * SHUFFLE_COLS);
  launch->groups[2] = 1;
}

/* Invocations of a workgroup of the tiled kernels. */
#define TILES_WIDTH 16
#define TILES_HEIGHT 8

/* With fewer tiles than this a large GPU idles: then smaller ones. */
#define MANY_TILES 256

static guint64
n_matmul_tiles (guint32 n_rows, guint32 n_cols, guint32 rows, guint32 cols)
{
  return (guint64) vtr_launch_n_tiles (n_rows, TILES_HEIGHT * rows) *
         vtr_launch_n_tiles (n_cols, TILES_WIDTH * cols);
}

/* By the types of w and y, and by whether rows are whole vectors. */
static VtrShader
choose_matmul_tiles_shader (const VtrTensor *w, const VtrTensor *y, gboolean vectors)
{
  if (vtr_launch_is_f16 (y))
    return vectors ? VTR_SHADER_MATMUL_TILES_F16_Y_VEC4 : VTR_SHADER_MATMUL_TILES_F16_Y;
  if (vtr_launch_is_f16 (w))
    return vectors ? VTR_SHADER_MATMUL_TILES_F16_VEC4 : VTR_SHADER_MATMUL_TILES_F16;
  return vectors ? VTR_SHADER_MATMUL_TILES_VEC4 : VTR_SHADER_MATMUL_TILES;
}

void
vtr_launch_add_matmul_tiles (VtrLaunch *launch, guint32 n_rows, guint32 n_cols)
{
  /* Values of x and of w that an invocation multiplies each with each, most work a load first. */
  static const struct
  {
    guint32 rows;
    guint32 cols;
  } sizes[] = { { 8, 8 }, { 8, 4 }, { 4, 2 } };
  guint i = 0;

  while (i + 1 < G_N_ELEMENTS (sizes) &&
         n_matmul_tiles (n_rows, n_cols, sizes[i].rows, sizes[i].cols) < MANY_TILES)
    i++;
  vtr_launch_add_constant (launch, sizes[i].rows);
  vtr_launch_add_constant (launch, sizes[i].cols);
  launch->groups[0] = vtr_launch_n_tiles (n_cols, TILES_WIDTH * sizes[i].cols);
  launch->groups[1] = vtr_launch_n_tiles (n_rows, TILES_HEIGHT * sizes[i].rows);
  launch->groups[2] = 1;
}

static void
choose_matmul_tiles (const VtrTensor *const *tensors,
                     const VtrMatmulParams *matmul,
                     VtrLaunch *launch)
{
  launch->shader = choose_matmul_tiles_shader (tensors[1], tensors[3], matmul->depth % 4 == 0);
  vtr_launch_add_constant (launch, matmul->flags);
  vtr_launch_add_constant (launch, matmul->activation);
  vtr_launch_add_matmul_tiles (launch, matmul->n_rows, matmul->n_cols);
}

void
vtr_launch_choose_matmul (const VtrGpuLimits *limits,
                          const VtrTensor *const *tensors,
                          gconstpointer params,
                          VtrLaunch *launch)
{
  if (vtr_launch_choose_matmul_cooperative (limits, tensors, params, launch))
    return;
  if (vtr_launch_use_shuffles (limits) && !vtr_launch_is_f16 (tensors[1]))
    choose_matmul_shuffle (limits, params, launch);
  else
    choose_matmul_tiles (tensors, params, launch);
}

/* ---- attention ---- */

/* Queries, and columns of v, in a tile: TILE and VALUE_SLICE in attention-tiles.comp. */
#define ATTENTION_TILE 32
#define ATTENTION_VALUE_SLICE 32

/* Values of its queries that a lane holds, with as many sums; the shader is as long. */
#define SHUFFLE_QUERY_VALUES 192

static void
choose_attention_shuffle (const VtrGpuLimits *limits,
                          const VtrAttentionParams *attention,
                          VtrLaunch *launch)
{
  const guint32 n_lanes = limits->subgroup_size;
  const guint32 vector_width = attention->head_width % 4 == 0 ? 4 : 1;
  const guint32 n_queries =
      vtr_launch_choose_rows_per_lane (n_lanes, attention->n_tokens,
                                       SHUFFLE_QUERY_VALUES / attention->head_width);

  launch->shader = vector_width == 4 ? VTR_SHADER_ATTENTION_SHUFFLE_VEC4 //
                                     : VTR_SHADER_ATTENTION_SHUFFLE;
  vtr_launch_add_constant (launch, n_lanes);
  vtr_launch_add_constant (launch, n_queries);
  vtr_launch_add_constant (launch, attention->head_width / vector_width);
  launch->groups[0] = vtr_launch_n_tiles (attention->n_tokens, n_lanes * n_queries);
}

static void
choose_attention_tiles (const VtrTensor *const *tensors,
                        const VtrAttentionParams *attention,
                        VtrLaunch *launch)
{
  launch->shader =
      vtr_launch_is_f16 (tensors[0]) ? VTR_SHADER_ATTENTION_TILES_F16 : VTR_SHADER_ATTENTION_TILES;
  vtr_launch_add_constant (launch,
                           vtr_launch_n_tiles (attention->head_width, ATTENTION_VALUE_SLICE));
  launch->groups[0] = vtr_launch_n_tiles (attention->n_tokens, ATTENTION_TILE);
}

void
vtr_launch_choose_attention (const VtrGpuLimits *limits,
                             const VtrTensor *const *tensors,
                             gconstpointer params,
                             VtrLaunch *launch)
{
  const VtrAttentionParams *attention = params;

  if (vtr_launch_use_shuffles (limits) && !vtr_launch_is_f16 (tensors[0]))
    choose_attention_shuffle (limits, attention, launch);
  else
    choose_attention_tiles (tensors, attention, launch);
  launch->groups[1] = attention->n_heads;
  launch->groups[2] = attention->n_images;
}
