// SPDX-License-Identifier: LGPL-3.0-or-later
// matmul-shuffle.comp: y = act (x·wᵀ + bias)·scale (+ y), for software devices.
//
// Tensors: see lib/matmul-interface.glsl.
//
// Grid: (row tiles, column tiles, 1); a workgroup is one subgroup of LANES invocations.  A tile is
// LANES·ROWS rows by LANES·COLS columns, a lane sums COLS columns of all those rows in registers.
//
// Why: a software rasteriser loads from a buffer lane by lane, with a test of bounds each (some 300
// instructions for a vec4 in 8 lanes), even where all lanes want the same address.  A shuffle by a
// constant is one instruction.  So each lane loads different values, once, and all of x reaches all
// lanes by shuffles.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_shuffle : require

layout (constant_id = 2) const uint LANES = 8;
layout (constant_id = 3) const uint ROWS = 3;
layout (constant_id = 4) const uint COLS = 4;
layout (constant_id = 5) const bool BY_FOUR = false; // COLS is 4 and divides n_cols
layout (local_size_x_id = 2) in;

#include "matmul-interface.glsl"

layout (std430, binding = 3) buffer Y4 { vec4 y4[]; }; // y again

// store () for the four sums of a lane in a row; one access where that makes four.
void
store_four (uint row, uint first_col, vec4 sums, vec4 bias, vec4 scale)
{
  const uint index = (row * params.n_cols + first_col) / 4;
  vec4 value = sums + bias;

  [[unroll]] for (uint j = 0; j < 4; j++)
    value[j] = activate (value[j]) * scale[j];
  if ((FLAGS & FLAG_ACCUMULATE) != 0)
    value += y4[index];
  y4[index] = value;
}

void
main ()
{
  const uint lane = gl_SubgroupInvocationID;
  const uint first_row = gl_WorkGroupID.x * LANES * ROWS;
  const uint first_col = (gl_WorkGroupID.y * LANES + lane) * COLS;
  const uint n_vectors = params.depth / VECTOR_WIDTH;

  // Rows and columns past the end read the last one and store nothing.
  uint x_start[ROWS];
  uint w_start[COLS];
  [[unroll]] for (uint i = 0; i < ROWS; i++)
    x_start[i] = min (first_row + i * LANES + lane, params.n_rows - 1) * n_vectors;
  [[unroll]] for (uint j = 0; j < COLS; j++)
    w_start[j] = min (first_col + j, params.n_cols - 1) * n_vectors;

  float sums[ROWS * LANES * COLS];
  [[unroll]] for (uint i = 0; i < ROWS * LANES * COLS; i++)
    sums[i] = 0.0;

  for (uint k = 0; k < n_vectors; k++)
    {
      VECTOR from_w[COLS];
      [[unroll]] for (uint j = 0; j < COLS; j++)
        from_w[j] = w[w_start[j] + k];
      [[unroll]] for (uint i = 0; i < ROWS; i++)
        {
          const VECTOR from_x = x[x_start[i] + k];
          [[unroll]] for (uint l = 0; l < LANES; l++)
            {
              const VECTOR row = subgroupShuffle (from_x, l);
              [[unroll]] for (uint j = 0; j < COLS; j++)
                sums[(i * LANES + l) * COLS + j] += dot (row, from_w[j]);
            }
        }
    }

  if (BY_FOUR)
    {
      if (first_col >= params.n_cols)
        return;
      vec4 bias, scale;
      [[unroll]] for (uint j = 0; j < 4; j++)
        {
          bias[j] = column_bias (first_col + j);
          scale[j] = column_scale (first_col + j);
        }
      [[unroll]] for (uint i = 0; i < ROWS * LANES; i++)
        if (first_row + i < params.n_rows)
          store_four (first_row + i, first_col,
                      vec4 (sums[i * COLS], sums[i * COLS + 1], sums[i * COLS + 2],
                            sums[i * COLS + 3]),
                      bias, scale);
      return;
    }

  [[unroll]] for (uint j = 0; j < COLS; j++)
    {
      const uint col = first_col + j;
      if (col >= params.n_cols)
        break;
      const float bias = column_bias (col);
      const float scale = column_scale (col);
      [[unroll]] for (uint i = 0; i < ROWS * LANES; i++)
        if (first_row + i < params.n_rows)
          store (first_row + i, col, sums[i * COLS + j], bias, scale);
    }
}
