// SPDX-License-Identifier: LGPL-3.0-or-later
// pool-backward.comp: the gradient of what was pooled, spread over the tokens it was the mean of.
//
//   d_pooled  in      [n_images][pooled_width]     f32  pooled_width is width or 2·width
//   d_tokens  in/out  [n_images][n_tokens][width]  f32
//
// Ranges: see layers/pool.comp.  Grid: linear, one invocation per value of `d_tokens`.
#version 450
#extension GL_GOOGLE_include_directive : require

layout (constant_id = 0) const uint LOCAL_SIZE = 64;
layout (local_size_x_id = 0) in;

layout (std430, binding = 0) readonly buffer DPooled { float d_pooled[]; };
layout (std430, binding = 1) buffer DTokens { float d_tokens[]; };

layout (push_constant) uniform Params // VtrPoolBackwardParams in core/ops/kernels.h
{
  uint n_values; // of `d_tokens`
  uint n_tokens;
  uint width;
  uint pooled_width;
  uint first_token[2]; // of each range
  uint end_token[2];   // one past its last
  uint accumulate;     // 0 or 1: d_tokens +=
} params;

#include "grid.glsl"

void
main ()
{
  const uint index = invocation_index ();
  if (index >= params.n_values)
    return;

  const uint column = index % params.width;
  const uint token = index / params.width % params.n_tokens;
  const uint start = index / params.width / params.n_tokens * params.pooled_width + column;

  float gradient = 0.0;
  if (token >= params.first_token[0] && token < params.end_token[0])
    gradient = d_pooled[start] / float (params.end_token[0] - params.first_token[0]);
  if (params.pooled_width > params.width && token >= params.first_token[1]
      && token < params.end_token[1])
    gradient += d_pooled[start + params.width]
                / float (params.end_token[1] - params.first_token[1]);
  d_tokens[index] = params.accumulate != 0 ? d_tokens[index] + gradient : gradient;
}
