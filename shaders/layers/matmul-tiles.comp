// SPDX-License-Identifier: LGPL-3.0-or-later
// matmul-tiles.comp: y = act (x·wᵀ + bias)·scale (+ y), for GPUs.
//
// Tensors: see lib/matmul-interface.glsl.
//
// Grid: (column tiles, row tiles, 1), 16 × 8 invocations a workgroup.  A tile is 8·ROWS rows by
// 16·COLS columns; its slices of x and w, SLICE deep, go through shared memory, and an invocation
// sums ROWS × COLS values in registers.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_16bit_storage : require

layout (constant_id = 2) const uint ROWS = 8;
layout (constant_id = 3) const uint COLS = 4;
layout (local_size_x = 16, local_size_y = 8) in;

#include "matmul-interface.glsl"

const uint SLICE = 16; // values of depth
const uint SLICE_VECTORS = SLICE / VECTOR_WIDTH;
const uint N_INVOCATIONS = 128;
const uint TILE_ROWS = 8 * ROWS;
const uint TILE_COLS = 16 * COLS;
// One value more than a line has: the lines of a column lie in different banks.
const uint X_STRIDE = TILE_ROWS + 1;
const uint W_STRIDE = TILE_COLS + 1;

shared float x_slice[SLICE * X_STRIDE]; // [depth][row]
shared float w_slice[SLICE * W_STRIDE]; // [depth][column]

// The i-th value of a vector that may be a scalar.
float
component (VECTOR vector, uint i)
{
#if VECTOR_WIDTH == 1
  return vector;
#else
  return vector[i];
#endif
}

void
load_slices (uint first_row, uint first_col, uint first_vector, uint n_vectors)
{
  for (uint i = gl_LocalInvocationIndex; i < TILE_ROWS * SLICE_VECTORS; i += N_INVOCATIONS)
    {
      const uint vector = first_vector + i % SLICE_VECTORS;
      const uint row = i / SLICE_VECTORS;
      VECTOR value = VECTOR (0.0);
      if (vector < n_vectors)
        value = VECTOR (x[min (first_row + row, params.n_rows - 1) * n_vectors + vector]);
      [[unroll]] for (uint c = 0; c < VECTOR_WIDTH; c++)
        x_slice[(i % SLICE_VECTORS * VECTOR_WIDTH + c) * X_STRIDE + row] = component (value, c);
    }
  for (uint i = gl_LocalInvocationIndex; i < TILE_COLS * SLICE_VECTORS; i += N_INVOCATIONS)
    {
      const uint vector = first_vector + i % SLICE_VECTORS;
      const uint col = i / SLICE_VECTORS;
      VECTOR value = VECTOR (0.0);
      if (vector < n_vectors)
        value = VECTOR (w[min (first_col + col, params.n_cols - 1) * n_vectors + vector]);
      [[unroll]] for (uint c = 0; c < VECTOR_WIDTH; c++)
        w_slice[(i % SLICE_VECTORS * VECTOR_WIDTH + c) * W_STRIDE + col] = component (value, c);
    }
}

void
main ()
{
  const uint first_row = gl_WorkGroupID.y * TILE_ROWS;
  const uint first_col = gl_WorkGroupID.x * TILE_COLS;
  const uint n_vectors = params.depth / VECTOR_WIDTH;

  float sums[ROWS * COLS];
  [[unroll]] for (uint i = 0; i < ROWS * COLS; i++)
    sums[i] = 0.0;

  for (uint vector = 0; vector < n_vectors; vector += SLICE_VECTORS)
    {
      load_slices (first_row, first_col, vector, n_vectors);
      barrier ();
      for (uint k = 0; k < SLICE; k++)
        {
          float from_w[COLS];
          [[unroll]] for (uint j = 0; j < COLS; j++)
            from_w[j] = w_slice[k * W_STRIDE + gl_LocalInvocationID.x + j * 16];
          [[unroll]] for (uint i = 0; i < ROWS; i++)
            {
              const float from_x = x_slice[k * X_STRIDE + gl_LocalInvocationID.y + i * 8];
              [[unroll]] for (uint j = 0; j < COLS; j++)
                sums[i * COLS + j] += from_x * from_w[j];
            }
        }
      barrier (); // before the next slices overwrite these
    }

  [[unroll]] for (uint j = 0; j < COLS; j++)
    {
      const uint col = first_col + gl_LocalInvocationID.x + j * 16;
      if (col >= params.n_cols)
        break;
      const float bias = column_bias (col);
      const float scale = column_scale (col);
      [[unroll]] for (uint i = 0; i < ROWS; i++)
        {
          const uint row = first_row + gl_LocalInvocationID.y + i * 8;
          if (row < params.n_rows)
            store (row, col, sums[i * COLS + j], bias, scale);
        }
    }
}
