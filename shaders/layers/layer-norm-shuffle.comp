// SPDX-License-Identifier: LGPL-3.0-or-later
// layer-norm-shuffle.comp: the layer norm for software devices.
//
// Tensors: see lib/layer-norm-interface.glsl.
//
// Grid: linear; a workgroup is one subgroup of LANES invocations and has ROWS rows, of which each
// lane takes every LANES-th vector.  Sums meet by shuffles: no barriers, few loads (see
// matmul-shuffle.comp); the affine is loaded once for all rows.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_shuffle : require

layout (constant_id = 0) const uint LANES = 8; // a power of two
layout (constant_id = 1) const uint ROWS = 4;
layout (local_size_x_id = 0) in;

#include "layer-norm-interface.glsl"
#include "grid.glsl"

float
sum_over_lanes (float value)
{
  [[unroll]] for (uint distance = LANES / 2; distance > 0; distance /= 2)
    value += subgroupShuffleXor (value, distance);
  return value;
}

void
main ()
{
  const uint lane = gl_SubgroupInvocationID;
  const uint first_row = workgroup_index () * ROWS;
  const uint n_vectors = params.width / VECTOR_WIDTH;
  const VECTOR one = VECTOR (1.0);

  // Rows past the end read the last one and store nothing.
  uint start[ROWS];
  [[unroll]] for (uint i = 0; i < ROWS; i++)
    start[i] = min (first_row + i, params.n_rows - 1) * n_vectors;

  float mean[ROWS];
  [[unroll]] for (uint i = 0; i < ROWS; i++)
    {
      float sum = 0.0;
      for (uint c = lane; c < n_vectors; c += LANES)
        sum += dot (x[start[i] + c], one);
      mean[i] = sum_over_lanes (sum) / float (params.width);
    }

  float inverse_deviation[ROWS];
  [[unroll]] for (uint i = 0; i < ROWS; i++)
    {
      float squares = 0.0;
      for (uint c = lane; c < n_vectors; c += LANES)
        {
          const VECTOR centred = x[start[i] + c] - mean[i];
          squares += dot (centred, centred);
        }
      const float variance = sum_over_lanes (squares) / float (params.width);
      inverse_deviation[i] = 1.0 / sqrt (variance + params.eps);
    }

  for (uint c = lane; c < n_vectors; c += LANES)
    {
      const VECTOR weight = affine[c];
      const VECTOR bias = affine[n_vectors + c];
      [[unroll]] for (uint i = 0; i < ROWS; i++)
        if (first_row + i < params.n_rows)
          y[start[i] + c] = (x[start[i] + c] - mean[i]) * inverse_deviation[i] * weight + bias;
    }
}
