// SPDX-License-Identifier: LGPL-3.0-or-later
// matmul-backward-shuffle.comp: d_x = d_y·w, for software devices.
//
// Tensors: see lib/matmul-backward-interface.glsl.
//
// Grid: (row tiles, column tiles, 1); a workgroup is one subgroup of LANES invocations.  As
// layers/matmul-shuffle.comp, which says why: a tile is LANES·ROWS rows by LANES·COLS columns, a
// lane sums COLS columns side by side of all those rows in registers.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_shuffle : require

layout (constant_id = 0) const uint LANES = 8;
layout (constant_id = 1) const uint ROWS = 3;
layout (local_size_x_id = 0) in;

#include "matmul-backward-interface.glsl"

const uint COLS = 4;
const uint COL_VECTORS = COLS / VECTOR_WIDTH;

void
main ()
{
  const uint lane = gl_SubgroupInvocationID;
  const uint first_row = gl_WorkGroupID.x * LANES * ROWS;
  const uint first_col = (gl_WorkGroupID.y * LANES + lane) * COLS;

  // Rows and columns past the end read the last one and store nothing.
  uint d_y_start[ROWS];
  uint w_start[COL_VECTORS];
  [[unroll]] for (uint i = 0; i < ROWS; i++)
    d_y_start[i] = min (first_row + i * LANES + lane, params.n_rows - 1) * params.depth;
  [[unroll]] for (uint v = 0; v < COL_VECTORS; v++)
    w_start[v] = min (first_col + v * VECTOR_WIDTH, params.n_cols - VECTOR_WIDTH);

  float sums[ROWS * LANES * COLS];
  [[unroll]] for (uint i = 0; i < ROWS * LANES * COLS; i++)
    sums[i] = 0.0;

  for (uint depth = 0; depth < params.depth; depth += VECTOR_WIDTH)
    {
      VECTOR from_w[VECTOR_WIDTH * COL_VECTORS]; // [depth][columns]
      [[unroll]] for (uint c = 0; c < VECTOR_WIDTH; c++)
        [[unroll]] for (uint v = 0; v < COL_VECTORS; v++)
          from_w[c * COL_VECTORS + v]
              = w[((depth + c) * params.n_cols + w_start[v]) / VECTOR_WIDTH];
      [[unroll]] for (uint i = 0; i < ROWS; i++)
        {
          const VECTOR from_d_y = d_y[(d_y_start[i] + depth) / VECTOR_WIDTH];
          [[unroll]] for (uint l = 0; l < LANES; l++)
            {
              const VECTOR row = subgroupShuffle (from_d_y, l);
              [[unroll]] for (uint c = 0; c < VECTOR_WIDTH; c++)
                [[unroll]] for (uint j = 0; j < COLS; j++)
                  sums[(i * LANES + l) * COLS + j]
                      += component (row, c)
                         * component (from_w[c * COL_VECTORS + j / VECTOR_WIDTH], j % VECTOR_WIDTH);
            }
        }
    }

  [[unroll]] for (uint i = 0; i < ROWS * LANES; i++)
    {
      if (first_row + i >= params.n_rows)
        break;
      [[unroll]] for (uint j = 0; j < COLS; j++)
        if (first_col + j < params.n_cols)
          d_x[(first_row + i) * params.n_cols + first_col + j] = sums[i * COLS + j];
    }
}
