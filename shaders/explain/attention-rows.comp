// SPDX-License-Identifier: LGPL-3.0-or-later
// attention-rows.comp: chosen rows of the attention of every head, exp (scale·q·k − lse[q]).
//
//   qkv    in   [n_images][n_tokens][3][n_heads][head_width]  STORED
//   lse    in   [n_images][n_heads][n_tokens]                 f32
//   rows   in   [n_images][n_rows]                            u32  which queries, each < n_tokens
//   probs  out  [n_images][n_heads][n_rows][n_tokens]         f32
//
// Grid: x over keys, one an invocation; y over heads and, faster, over tiles of TILE rows;
// z over images.
#version 450
#extension GL_EXT_control_flow_attributes : require
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_shader_16bit_storage : require

layout (constant_id = 0) const uint LOCAL_SIZE = 64;
layout (local_size_x_id = 0) in;

layout (std430, binding = 1) readonly buffer Lse { float lse[]; };
layout (std430, binding = 2) readonly buffer Rows { uint rows[]; };
layout (std430, binding = 3) writeonly buffer Probs { float probs[]; };

layout (push_constant) uniform Params // VtrAttentionRowsParams in core/ops/kernels.h
{
  uint n_images;
  uint n_tokens;
  uint n_heads;
  uint head_width;
  uint n_rows; // of each image
  float scale; // of q·k
} params;

#include "attention-tile.glsl"

// Rows past the last are computed like the last and not written.
uint
query_of (uint image, uint row)
{
  return rows[image * params.n_rows + min (row, params.n_rows - 1)];
}

uint
other_start (uint image, uint first, uint i, uint head)
{
  return vector_start (image, query_of (image, first + i), QUERY, head);
}

void
main ()
{
  const uint n_tiles = (params.n_rows + TILE - 1) / TILE;
  const uint head = gl_WorkGroupID.y / n_tiles;
  const uint first = gl_WorkGroupID.y % n_tiles * TILE;
  const uint image = gl_WorkGroupID.z;
  const uint key = gl_WorkGroupID.x * LOCAL_SIZE + gl_LocalInvocationID.x;

  const uint own_start = vector_start (image, min (key, params.n_tokens - 1), KEY, head);
  compute_dots (own_start, image, first, head);

  const uint row_of_head = image * params.n_heads + head;
  [[unroll]] for (uint i = 0; i < TILE; i++)
    if (first + i < params.n_rows && key < params.n_tokens)
      {
        const float row_lse = lse[row_of_head * params.n_tokens + query_of (image, first + i)];
        probs[(row_of_head * params.n_rows + first + i) * params.n_tokens + key]
            = exp (params.scale * dots[i] - row_lse);
      }
}
