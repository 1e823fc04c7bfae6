// SPDX-License-Identifier: LGPL-3.0-or-later
// pool.comp: the tokens of an image to the vector that its head reads.
//
//   tokens  in   [n_images][n_tokens][width]       STORED
//   pooled  out  [n_images][pooled_width]          f32  pooled_width is width or 2·width
//
// Each value of `pooled` is the mean of one column over a range of tokens: columns below `width`
// over the first range, the others over the second.  One token is a range of one.
//
// Grid: linear, one invocation per value of `pooled`.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_16bit_storage : require

layout (constant_id = 0) const uint LOCAL_SIZE = 64;
layout (local_size_x_id = 0) in;

#include "storage.glsl"

layout (std430, binding = 0) readonly buffer Tokens { STORED tokens[]; };
layout (std430, binding = 1) writeonly buffer Pooled { float pooled[]; };

layout (push_constant) uniform Params // VtrPoolParams in core/ops/kernels.h
{
  uint n_values; // of `pooled`
  uint n_tokens;
  uint width;
  uint pooled_width;
  uint first_token[2]; // of each range
  uint end_token[2];   // one past its last
} params;

#include "grid.glsl"

void
main ()
{
  const uint index = invocation_index ();
  if (index >= params.n_values)
    return;

  const uint image = index / params.pooled_width;
  const uint part = index % params.pooled_width / params.width;
  const uint column = index % params.width;
  const uint first = part == 0 ? params.first_token[0] : params.first_token[1];
  const uint end = part == 0 ? params.end_token[0] : params.end_token[1];

  float sum = 0.0;
  for (uint token = first; token < end; token++)
    sum += float (tokens[(image * params.n_tokens + token) * params.width + column]);
  pooled[index] = sum / float (end - first);
}
