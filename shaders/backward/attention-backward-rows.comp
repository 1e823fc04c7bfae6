// SPDX-License-Identifier: LGPL-3.0-or-later
// attention-backward-rows.comp: what the gradient of the attention needs of each query, together.
//
//   context    in   [n_images][n_tokens][n_heads][head_width]  f32
//   d_context  in   [n_images][n_tokens][n_heads][head_width]  f32
//   lse        in   [n_images][n_heads][n_tokens]              f32
//   rows       out  [n_images][n_heads][n_tokens]              vec2  lse, Σ context·d_context
//
// Grid: linear, one invocation per row, heads of a token side by side as their vectors are.
#version 450
#extension GL_GOOGLE_include_directive : require

layout (constant_id = 0) const uint LOCAL_SIZE = 64;
layout (local_size_x_id = 0) in;

layout (std430, binding = 0) readonly buffer Context { float context[]; };
layout (std430, binding = 1) readonly buffer DContext { float d_context[]; };
layout (std430, binding = 2) readonly buffer Lse { float lse[]; };
layout (std430, binding = 3) writeonly buffer Rows { vec2 rows[]; };

layout (push_constant) uniform Params // VtrAttentionBackwardRowsParams in core/ops/kernels.h
{
  uint n_images;
  uint n_tokens;
  uint n_heads;
  uint head_width;
  uint n_values; // n_images·n_tokens·n_heads
} params;

#include "grid.glsl"

void
main ()
{
  const uint index = invocation_index ();
  if (index >= params.n_values)
    return;

  const uint start = index * params.head_width;
  float sum = 0.0;
  for (uint column = 0; column < params.head_width; column++)
    sum += context[start + column] * d_context[start + column];

  const uint head = index % params.n_heads;
  const uint token = index / params.n_heads % params.n_tokens;
  const uint image = index / params.n_heads / params.n_tokens;
  const uint row = (image * params.n_heads + head) * params.n_tokens + token;
  rows[row] = vec2 (lse[row], sum);
}
