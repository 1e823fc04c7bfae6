// SPDX-License-Identifier: LGPL-3.0-or-later
// rollout-row-sums.comp: sums of the rows of Ā after the discarding, over chunks of the keys.
//
//   qkv       in   [n_images][n_tokens][3][n_heads][head_width]  STORED
//   lse       in   [n_images][n_heads][n_tokens]                 f32
//   cutoff    in   [n_images][4]                                 u32  not read unless `has_cutoff`
//   partials  out  [n_images][n_chunks][n_tokens]                f32  summed by rollout-weights
//
// Grid: x over queries, one an invocation; y over chunks; z over images.
#version 450
#extension GL_EXT_control_flow_attributes : require
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_shader_16bit_storage : require

layout (constant_id = 0) const uint LOCAL_SIZE = 64;
layout (local_size_x_id = 0) in;

#ifndef GRADIENT
layout (std430, binding = 2) readonly buffer Cutoff { uint cutoff[]; };
#endif
layout (std430, binding = 3) writeonly buffer Partials { float partials[]; };

const bool OWN_IS_QUERY = true;
#include "rollout-tile.glsl"

uint
cutoff_of (uint image)
{
#ifdef GRADIENT
  return rows[params.cutoff_start + image * 4];
#else
  return cutoff[image * 4];
#endif
}

void
main ()
{
  const uint chunk = gl_WorkGroupID.y;
  const uint image = gl_WorkGroupID.z;
  const uint query = gl_WorkGroupID.x * LOCAL_SIZE + gl_LocalInvocationID.x;

  const uint cutoff_bits = params.has_cutoff != 0 ? cutoff_of (image) : 0;
  const uint end = min ((chunk + 1) * params.chunk_size, params.n_tokens);
  float sum = 0.0;
  for (uint first = chunk * params.chunk_size; first < end; first += TILE)
    {
      compute_fused (image, clamp_token (query), first);
      [[unroll]] for (uint i = 0; i < TILE; i++)
        if (first + i < end && is_kept (query, first + i, fused[i], cutoff_bits))
          sum += fused[i];
    }
  if (query < params.n_tokens)
    partials[(image * params.n_chunks + chunk) * params.n_tokens + query] = sum;
}
