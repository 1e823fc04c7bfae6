// SPDX-License-Identifier: LGPL-3.0-or-later
// matmul-backward-tiles.comp: d_x = d_y·w, for GPUs.
//
// Tensors: see lib/matmul-backward-interface.glsl.
//
// Grid: (column tiles, row tiles, 1), 16 × 8 invocations a workgroup.  As matmul-tiles.comp, but a
// slice of w lies as it is read: line by line of the depth.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require

layout (constant_id = 0) const uint ROWS = 8;
layout (constant_id = 1) const uint COLS = 4;
layout (local_size_x = 16, local_size_y = 8) in;

#include "matmul-backward-interface.glsl"

const uint SLICE = 16; // values of depth
const uint SLICE_VECTORS = SLICE / VECTOR_WIDTH;
const uint N_INVOCATIONS = 128;
const uint TILE_ROWS = 8 * ROWS;
const uint TILE_COLS = 16 * COLS;
const uint TILE_COL_VECTORS = TILE_COLS / VECTOR_WIDTH;
// One value more than a line has: the lines of a column lie in different banks.
const uint STRIDE = TILE_ROWS + 1;

shared float d_y_slice[SLICE * STRIDE];  // [depth][row]
shared float w_slice[SLICE * TILE_COLS]; // [depth][column]

// Zeros past the depth; rows past the end are like the last one, columns zeros.
void
load_slices (uint first_row, uint first_col, uint first_depth)
{
  for (uint i = gl_LocalInvocationIndex; i < TILE_ROWS * SLICE_VECTORS; i += N_INVOCATIONS)
    {
      const uint depth = first_depth + i % SLICE_VECTORS * VECTOR_WIDTH;
      const uint row = i / SLICE_VECTORS;
      VECTOR value = VECTOR (0.0);
      if (depth < params.depth)
        value = d_y[(min (first_row + row, params.n_rows - 1) * params.depth + depth)
                    / VECTOR_WIDTH];
      [[unroll]] for (uint c = 0; c < VECTOR_WIDTH; c++)
        d_y_slice[(i % SLICE_VECTORS * VECTOR_WIDTH + c) * STRIDE + row] = component (value, c);
    }
  for (uint i = gl_LocalInvocationIndex; i < SLICE * TILE_COL_VECTORS; i += N_INVOCATIONS)
    {
      const uint depth = first_depth + i / TILE_COL_VECTORS;
      const uint col = first_col + i % TILE_COL_VECTORS * VECTOR_WIDTH;
      VECTOR value = VECTOR (0.0);
      if (depth < params.depth && col < params.n_cols)
        value = w[(depth * params.n_cols + col) / VECTOR_WIDTH];
      [[unroll]] for (uint c = 0; c < VECTOR_WIDTH; c++)
        w_slice[i * VECTOR_WIDTH + c] = component (value, c);
    }
}

void
main ()
{
  const uint first_row = gl_WorkGroupID.y * TILE_ROWS;
  const uint first_col = gl_WorkGroupID.x * TILE_COLS;

  float sums[ROWS * COLS];
  [[unroll]] for (uint i = 0; i < ROWS * COLS; i++)
    sums[i] = 0.0;

  for (uint depth = 0; depth < params.depth; depth += SLICE)
    {
      load_slices (first_row, first_col, depth);
      barrier ();
      for (uint k = 0; k < SLICE; k++)
        {
          float from_w[COLS];
          [[unroll]] for (uint j = 0; j < COLS; j++)
            from_w[j] = w_slice[k * TILE_COLS + gl_LocalInvocationID.x + j * 16];
          [[unroll]] for (uint i = 0; i < ROWS; i++)
            {
              const float from_d_y = d_y_slice[k * STRIDE + gl_LocalInvocationID.y + i * 8];
              [[unroll]] for (uint j = 0; j < COLS; j++)
                sums[i * COLS + j] += from_d_y * from_w[j];
            }
        }
      barrier (); // before the next slices overwrite these
    }

  [[unroll]] for (uint i = 0; i < ROWS; i++)
    {
      const uint row = first_row + gl_LocalInvocationID.y + i * 8;
      if (row >= params.n_rows)
        break;
      [[unroll]] for (uint j = 0; j < COLS; j++)
        {
          const uint col = first_col + gl_LocalInvocationID.x + j * 16;
          if (col < params.n_cols)
            d_x[row * params.n_cols + col] = sums[i * COLS + j];
        }
    }
}
