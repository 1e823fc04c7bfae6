// SPDX-License-Identifier: LGPL-3.0-or-later
// attention-apply.comp: a row vector times the attention of every head, Σ_q weights[q]·A_h[q][k].
//
//   qkv       in   [n_images][n_tokens][3][n_heads][head_width]  f32
//   lse       in   [n_images][n_heads][n_tokens]                 f32
//   weights   in   [n_images][n_tokens]                          f32
//   partials  out  [n_images][n_heads][n_chunks][n_tokens]       f32  summed by reduce-partials
//
// Grid: x over keys, one an invocation; y over heads and, faster, over chunks of the queries;
// z over images.  The queries are split so that a single image can fill a GPU.
#version 450
#extension GL_EXT_control_flow_attributes : require
#extension GL_GOOGLE_include_directive : require

layout (constant_id = 0) const uint LOCAL_SIZE = 64;
layout (local_size_x_id = 0) in;

layout (std430, binding = 1) readonly buffer Lse { float lse[]; };
layout (std430, binding = 2) readonly buffer Weights { float weights[]; };
layout (std430, binding = 3) writeonly buffer Partials { float partials[]; };

layout (push_constant) uniform Params // VtrAttentionApplyParams in core/ops/kernels.h
{
  uint n_images;
  uint n_tokens;
  uint n_heads;
  uint head_width;
  uint n_chunks;
  uint chunk_size; // queries of a chunk
  float scale; // of q·k
} params;

#include "attention-tile.glsl"

void
main ()
{
  const uint head = gl_WorkGroupID.y / params.n_chunks;
  const uint chunk = gl_WorkGroupID.y % params.n_chunks;
  const uint image = gl_WorkGroupID.z;
  const uint key = gl_WorkGroupID.x * LOCAL_SIZE + gl_LocalInvocationID.x;
  if (key >= params.n_tokens)
    return;

  const uint own = token_start (image, key, KEY);
  const uint row_of_head = image * params.n_heads + head;
  const uint end = min ((chunk + 1) * params.chunk_size, params.n_tokens);
  float sum = 0.0;
  for (uint first = chunk * params.chunk_size; first < end; first += TILE)
    {
      // Queries past the end are computed like the last and not added.
      [[unroll]] for (uint i = 0; i < TILE; i++)
        others[i] = token_start (image, min (first + i, end - 1), QUERY);
      compute_dots (own, head * params.head_width);

      [[unroll]] for (uint i = 0; i < TILE; i++)
        if (first + i < end)
          sum += weights[image * params.n_tokens + first + i]
                 * exp (params.scale * dots[i]
                        - lse[row_of_head * params.n_tokens + first + i]);
    }
  partials[(row_of_head * params.n_chunks + chunk) * params.n_tokens + key] = sum;
}
