/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * Launches of the matrix product by cooperative matrices.
 */
#include "gpu/launch.h"

/* Bytes of a line in shared memory: SLICE_STRIDE in matmul-cooperative.comp. */
#define SLICE_LINE_BYTES 80

/* Sums that a lane can hold in registers beside all else. */
#define SUMS_PER_LANE_MAX 64

/* With fewer workgroups than this a large GPU idles: then smaller tiles. */
#define MANY_TILES 128

typedef struct
{
  guint32 down;   /* subgroups of a workgroup, one above the other */
  guint32 across; /* and side by side */
  guint32 rows;   /* of a subgroup's part of the tile */
  guint32 cols;
} Tile;

/* Most work a load first.  Which of them fits depends on the lanes of a subgroup: 32, 16, 8. */
static const Tile tiles[] = {
  { 2, 4, 64, 32 }, //
  { 2, 4, 32, 32 }, //
  { 2, 2, 32, 32 }, //
  { 2, 4, 16, 32 }, //
  { 2, 2, 16, 16 },
};

static guint64
n_tiles (const Tile *tile, const VtrMatmulParams *matmul)
{
  return (guint64) vtr_launch_n_tiles (matmul->n_rows, tile->down * tile->rows) *
         vtr_launch_n_tiles (matmul->n_cols, tile->across * tile->cols);
}

static gboolean
fits (const Tile *tile, const VtrGpuLimits *limits)
{
  const VtrCooperativeMatrix *matrix = &limits->cooperative;
  const guint32 n_subgroups = tile->down * tile->across;
  const guint32 n_lines = tile->down * tile->rows + tile->across * tile->cols;
  const guint32 slices_bytes = n_lines * SLICE_LINE_BYTES;
  const guint32 sums_bytes = n_subgroups * matrix->rows * tile->cols * sizeof (float);

  return matrix->lanes <= limits->max_group_size[0] &&
         n_subgroups * matrix->lanes <= limits->max_invocations &&
         MAX (slices_bytes, sums_bytes) <= limits->shared_bytes &&
         tile->rows * tile->cols <= SUMS_PER_LANE_MAX * matrix->lanes;
}

/* The largest that fits and occupies the device, else the smallest that fits; NULL if none does. */
static const Tile *
choose_tile (const VtrGpuLimits *limits, const VtrMatmulParams *matmul)
{
  const Tile *chosen = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (tiles); i++)
    if (fits (&tiles[i], limits))
      {
        chosen = &tiles[i];
        if (n_tiles (chosen, matmul) >= MANY_TILES)
          break;
      }
  return chosen;
}

/* By who multiplies, the type of y, and whether rows are whole vectors of eight or of four. */
static VtrShader
choose_shader (gboolean emulated, gboolean f16_y, gboolean eights)
{
  static const VtrShader shaders[2][2][2] = {
    { { VTR_SHADER_MATMUL_COOPERATIVE_VEC4, VTR_SHADER_MATMUL_COOPERATIVE_VEC8 },
      { VTR_SHADER_MATMUL_COOPERATIVE_Y_VEC4, VTR_SHADER_MATMUL_COOPERATIVE_Y_VEC8 } },
    { { VTR_SHADER_MATMUL_EMULATED_VEC4, VTR_SHADER_MATMUL_EMULATED_VEC8 },
      { VTR_SHADER_MATMUL_EMULATED_Y_VEC4, VTR_SHADER_MATMUL_EMULATED_Y_VEC8 } },
  };

  return shaders[emulated][f16_y][eights];
}

gboolean
vtr_launch_choose_matmul_cooperative (const VtrGpuLimits *limits,
                                      const VtrTensor *const *tensors,
                                      const VtrMatmulParams *matmul,
                                      VtrLaunch *launch)
{
  const VtrCooperativeMatrix *matrix = &limits->cooperative;
  const gboolean halves = vtr_launch_is_f16 (tensors[0]) && vtr_launch_is_f16 (tensors[1]);

  /* Fewer rows than a matrix has would waste the rest of it. */
  if (matrix->rows == 0 || !halves || matmul->n_rows < matrix->rows || matmul->depth % 4 != 0)
    return FALSE;
  const Tile *tile = choose_tile (limits, matmul);
  if (tile == NULL)
    return FALSE;

  launch->shader =
      choose_shader (matrix->emulated, vtr_launch_is_f16 (tensors[3]), matmul->depth % 8 == 0);
  vtr_launch_add_constant (launch, matmul->flags);
  vtr_launch_add_constant (launch, matmul->activation);
  vtr_launch_add_constant (launch, matrix->lanes);
  vtr_launch_add_constant (launch, tile->across);
  vtr_launch_add_constant (launch, tile->down);
  vtr_launch_add_constant (launch, matrix->rows);
  vtr_launch_add_constant (launch, matrix->cols);
  vtr_launch_add_constant (launch, matrix->depth);
  vtr_launch_add_constant (launch, tile->rows / matrix->rows);
  vtr_launch_add_constant (launch, tile->cols / matrix->cols);
  launch->subgroup_size = matrix->lanes;
  launch->groups[0] = vtr_launch_n_tiles (matmul->n_cols, tile->across * tile->cols);
  launch->groups[1] = vtr_launch_n_tiles (matmul->n_rows, tile->down * tile->rows);
  launch->groups[2] = 1;
  return TRUE;
}
