// SPDX-License-Identifier: LGPL-3.0-or-later
// layer-norm-interface.glsl: what all variants of the layer norm have in common.
//
//   y = (x − mean) / sqrt (variance + eps) · weight + bias over each row
//
//   x       in   [n_rows][width]  f32, read as VECTOR
//   affine  in   [2][width]       f32, read as VECTOR: weight, bias
//   y       out  [n_rows][width]  STORED, written as VECTOR; may be `x` where both are f32
//
// The variance is taken around the mean in a pass of its own: E[x²] − mean² loses digits where the
// mean is large.

#include "storage.glsl"

layout (std430, binding = 0) readonly buffer X { VECTOR x[]; };
layout (std430, binding = 1) readonly buffer Affine { VECTOR affine[]; };
layout (std430, binding = 2) writeonly buffer Y { STORED_VECTOR y[]; };

layout (push_constant) uniform Params // VtrLayerNormParams in core/ops/kernels.h
{
  uint n_rows;
  uint width;
  float eps;
} params;
