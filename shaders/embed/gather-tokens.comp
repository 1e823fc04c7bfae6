// SPDX-License-Identifier: LGPL-3.0-or-later
// gather-tokens.comp: takes some tokens of each image, in any order.
//
//   x        in   [n_images or 1][n_tokens][width]  f32
//   indices  in   [n_images][n_kept]                u32  each below n_tokens
//   y        out  [n_images][n_kept][width]         f32
//
// Grid: linear, one invocation per value of `y`.
#version 450
#extension GL_GOOGLE_include_directive : require

layout (constant_id = 0) const uint LOCAL_SIZE = 64;
layout (local_size_x_id = 0) in;

layout (std430, binding = 0) readonly buffer X { float x[]; };
layout (std430, binding = 1) readonly buffer Indices { uint indices[]; };
layout (std430, binding = 2) writeonly buffer Y { float y[]; };

layout (push_constant) uniform Params // VtrGatherTokensParams in core/ops/kernels.h
{
  uint n_values; // of `y`
  uint n_kept;   // tokens of an image of `y`
  uint width;
  uint image_stride; // values of an image of `x`; 0: all images have the same `x`
} params;

#include "grid.glsl"

void
main ()
{
  const uint index = invocation_index ();
  if (index >= params.n_values)
    return;

  const uint row = index / params.width;
  const uint image = row / params.n_kept;
  const uint column = index % params.width;

  y[index] = x[image * params.image_stride + indices[row] * params.width + column];
}
