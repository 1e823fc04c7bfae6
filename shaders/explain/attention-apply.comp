// SPDX-License-Identifier: LGPL-3.0-or-later
// attention-apply.comp: a row vector times the attention of every head, Σ_q weights[q]·A_h[q][k].
//
//   qkv       in   [n_images][n_tokens][3][n_heads][head_width]  STORED
//   lse       in   [n_images][n_heads][n_tokens]                 f32
//   weights   in   [n_images][n_tokens]                          f32
//   partials  out  [n_images][n_heads][n_chunks][n_tokens]       f32  summed by reduce-partials
//
// Grid: x over keys, one an invocation; y over heads and, faster, over chunks of the queries;
// z over images.  The queries are split so that a single image can fill a GPU.
#version 450
#extension GL_EXT_control_flow_attributes : require
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_shader_16bit_storage : require

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

// Queries past the last are computed like the last and weigh nothing.
uint
other_start (uint image, uint first, uint i, uint head)
{
  return vector_start (image, min (first + i, params.n_tokens - 1), QUERY, head);
}

shared vec2 queries[TILE]; // weight, lse

void
load_queries (uint image, uint head, uint first, uint end)
{
  barrier (); // all are done with the tile before
  for (uint i = gl_LocalInvocationID.x; i < TILE; i += LOCAL_SIZE)
    {
      const uint query = min (first + i, end - 1);
      const float weight = first + i < end ? weights[image * params.n_tokens + query] : 0.0;
      const uint row_of_head = image * params.n_heads + head;
      queries[i] = vec2 (weight, lse[row_of_head * params.n_tokens + query]);
    }
  barrier ();
}

void
main ()
{
  const uint head = gl_WorkGroupID.y / params.n_chunks;
  const uint chunk = gl_WorkGroupID.y % params.n_chunks;
  const uint image = gl_WorkGroupID.z;
  const uint key = gl_WorkGroupID.x * LOCAL_SIZE + gl_LocalInvocationID.x;

  const uint own_start = vector_start (image, min (key, params.n_tokens - 1), KEY, head);
  const uint end = min ((chunk + 1) * params.chunk_size, params.n_tokens);
  float sum = 0.0;
  for (uint first = chunk * params.chunk_size; first < end; first += TILE)
    {
      load_queries (image, head, first, end);
      compute_dots (own_start, image, first, head);
      [[unroll]] for (uint i = 0; i < TILE; i++)
        sum += queries[i].x * exp (params.scale * dots[i] - queries[i].y);
    }

  const uint row = (image * params.n_heads + head) * params.n_chunks + chunk;
  if (key < params.n_tokens)
    partials[row * params.n_tokens + key] = sum;
}
