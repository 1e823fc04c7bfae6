// SPDX-License-Identifier: LGPL-3.0-or-later
// layer-norm.comp: the layer norm for GPUs.
//
// Tensors: see lib/layer-norm-interface.glsl, VECTOR is float.
//
// Grid: linear, ROWS rows a workgroup with LANES invocations each.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_16bit_storage : require

layout (constant_id = 0) const uint LANES = 32;
layout (constant_id = 1) const uint ROWS = 2;
layout (local_size_x_id = 0, local_size_y_id = 1) in;

#include "layer-norm-interface.glsl"
#include "grid.glsl"
#include "reduce.glsl"

void
main ()
{
  // A row past the end is computed like the last one, so that all take part in the barriers.
  const uint row = workgroup_index () * ROWS + gl_LocalInvocationID.y;
  const uint start = min (row, params.n_rows - 1) * params.width;
  const uint lane = gl_LocalInvocationID.x;

  float sum = 0.0;
  for (uint column = lane; column < params.width; column += LANES)
    sum += x[start + column];
  const float mean = reduce_sum (sum) / float (params.width);

  float squares = 0.0;
  for (uint column = lane; column < params.width; column += LANES)
    {
      const float centred = x[start + column] - mean;
      squares += centred * centred;
    }
  const float variance = reduce_sum (squares) / float (params.width);

  if (row >= params.n_rows)
    return;
  const float inverse_deviation = 1.0 / sqrt (variance + params.eps);
  for (uint column = lane; column < params.width; column += LANES)
    y[start + column] = STORED ((x[start + column] - mean) * inverse_deviation * affine[column]
                                + affine[params.width + column]);
}
