// SPDX-License-Identifier: LGPL-3.0-or-later
// attention-statistics.comp: sums over each row of the attention of every head, whose entries are
// exp (scale·q·k − lse[q]).
//
//   qkv   in   [n_images][n_tokens][3][n_heads][head_width]  STORED
//   lse   in   [n_images][n_heads][n_tokens]                 f32
//   sums  out  [n_images][n_heads][n_tokens][N_SUMS]         f32  VtrRowSum in core/ops/ops.h
//
// Grid: x over queries, one an invocation; y over heads; z over images.
#version 450
#extension GL_EXT_control_flow_attributes : require
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_shader_16bit_storage : require

layout (constant_id = 0) const uint LOCAL_SIZE = 64;
layout (local_size_x_id = 0) in;

layout (std430, binding = 1) readonly buffer Lse { float lse[]; };
layout (std430, binding = 2) writeonly buffer Sums { float sums[]; };

layout (push_constant) uniform Params // VtrAttentionStatisticsParams in core/ops/kernels.h
{
  uint n_images;
  uint n_tokens;
  uint n_heads;
  uint head_width;
  uint n_prefix;
  uint n_columns; // of patches
  float scale; // of q·k
} params;

#include "attention-tile.glsl"

const uint N_SUMS = 12;

// Keys past the last are computed like the last and not added.
uint
other_start (uint image, uint first, uint i, uint head)
{
  return vector_start (image, min (first + i, params.n_tokens - 1), KEY, head);
}

// Where a patch is, in patches: column, row.
vec2
place_of (uint token)
{
  const uint patch_index = token - params.n_prefix;
  return vec2 (patch_index % params.n_columns, patch_index / params.n_columns);
}

// Of keys of one kind, the prefix or the patches.
struct KindSums
{
  float mass;
  float entropy;
  float squares;
  float maximum;
};

KindSums of_prefix = KindSums (0.0, 0.0, 0.0, 0.0);
KindSums of_patches = KindSums (0.0, 0.0, 0.0, 0.0);
float first_mass = 0.0;
float self_mass = 0.0;
float neighbour_mass = 0.0;
float distance_sum = 0.0;

void
add_entry (inout KindSums kind, float p, float log_p)
{
  kind.mass += p;
  kind.entropy -= p * log_p;
  kind.squares += p * p;
  kind.maximum = max (kind.maximum, p);
}

void
add_key (uint query, uint key, float log_p)
{
  const float p = exp (log_p);

  if (key == query)
    self_mass = p;
  if (key < params.n_prefix)
    {
      add_entry (of_prefix, p, log_p);
      if (key == 0)
        first_mass = p;
      return;
    }

  add_entry (of_patches, p, log_p);
  if (query >= params.n_prefix)
    {
      const vec2 way = place_of (query) - place_of (key);
      const float squared = dot (way, way);
      if (squared > 0.0 && squared < 3.0) // 1 or 2 of the eight around it
        neighbour_mass += p;
      distance_sum += p * sqrt (squared);
    }
}

void
store_sums (uint start)
{
  sums[start] = of_prefix.entropy + of_patches.entropy;
  sums[start + 1] = of_patches.entropy;
  sums[start + 2] = of_patches.mass;
  sums[start + 3] = of_prefix.squares + of_patches.squares;
  sums[start + 4] = of_patches.squares;
  sums[start + 5] = max (of_prefix.maximum, of_patches.maximum);
  sums[start + 6] = of_patches.maximum;
  sums[start + 7] = first_mass;
  sums[start + 8] = of_prefix.mass - first_mass;
  sums[start + 9] = self_mass;
  sums[start + 10] = neighbour_mass;
  sums[start + 11] = distance_sum;
}

void
main ()
{
  const uint head = gl_WorkGroupID.y;
  const uint image = gl_WorkGroupID.z;
  const uint query = gl_WorkGroupID.x * LOCAL_SIZE + gl_LocalInvocationID.x;
  const uint token = min (query, params.n_tokens - 1);

  const uint own_start = vector_start (image, token, QUERY, head);
  const uint row = (image * params.n_heads + head) * params.n_tokens + token;
  const float row_lse = lse[row];
  for (uint first = 0; first < params.n_tokens; first += TILE)
    {
      compute_dots (own_start, image, first, head);
      [[unroll]] for (uint i = 0; i < TILE; i++)
        if (first + i < params.n_tokens)
          add_key (token, first + i, params.scale * dots[i] - row_lse);
    }
  if (query < params.n_tokens)
    store_sums (row * N_SUMS);
}
