// SPDX-License-Identifier: LGPL-3.0-or-later
// layer-norm-backward.comp: the gradient through a layer norm.
//
//   d_x = (g − mean (g) − normed·mean (g·normed)) / deviation,  g = d_y·weight,
//   normed = (x − mean) / deviation,  deviation = sqrt (variance + eps)
//
//   x       in      [n_rows][width]  f32
//   affine  in      [2][width]       f32  weight, bias
//   d_y     in      [n_rows][width]  f32
//   d_x     in/out  [n_rows][width]  f32  may be `d_y` where nothing accumulates
//
// Grid: linear, ROWS rows a workgroup with LANES invocations each.
#version 450
#extension GL_GOOGLE_include_directive : require

layout (constant_id = 0) const uint LANES = 32;
layout (constant_id = 1) const uint ROWS = 2;
layout (local_size_x_id = 0, local_size_y_id = 1) in;

layout (std430, binding = 0) readonly buffer X { float x[]; };
layout (std430, binding = 1) readonly buffer Affine { float affine[]; };
layout (std430, binding = 2) readonly buffer Dy { float d_y[]; };
layout (std430, binding = 3) buffer Dx { float d_x[]; };

layout (push_constant) uniform Params // VtrLayerNormBackwardParams in core/ops/kernels.h
{
  uint n_rows;
  uint width;
  float eps;
  uint accumulate; // 0 or 1: d_x +=
} params;

#include "grid.glsl"
#include "reduce.glsl"

void
main ()
{
  // A row past the end is computed like the last one, so that all take part in the barriers.
  const uint row = workgroup_index () * ROWS + gl_LocalInvocationID.y;
  const uint start = min (row, params.n_rows - 1) * params.width;
  const uint lane = gl_LocalInvocationID.x;
  const float width = float (params.width);

  float sum = 0.0;
  for (uint column = lane; column < params.width; column += LANES)
    sum += x[start + column];
  const float mean = reduce_sum (sum) / width;

  float squares = 0.0;
  for (uint column = lane; column < params.width; column += LANES)
    {
      const float centred = x[start + column] - mean;
      squares += centred * centred;
    }
  const float inverse_deviation = 1.0 / sqrt (reduce_sum (squares) / width + params.eps);

  float gradients = 0.0;
  float products = 0.0;
  for (uint column = lane; column < params.width; column += LANES)
    {
      const float gradient = d_y[start + column] * affine[column];
      gradients += gradient;
      products += gradient * (x[start + column] - mean);
    }
  const float mean_gradient = reduce_sum (gradients) / width;
  const float mean_product = reduce_sum (products) / width * inverse_deviation;

  if (row >= params.n_rows)
    return;
  for (uint column = lane; column < params.width; column += LANES)
    {
      const float normed = (x[start + column] - mean) * inverse_deviation;
      const float gradient = d_y[start + column] * affine[column];
      const float result = (gradient - mean_gradient - normed * mean_product) * inverse_deviation;
      d_x[start + column] = params.accumulate != 0 ? d_x[start + column] + result : result;
    }
}
