// SPDX-License-Identifier: LGPL-3.0-or-later
// rollout-step.comp: r·Â, Σ_q r[q]·Â[q][k], over chunks of the queries.
//
//   qkv          in   [n_images][n_tokens][3][n_heads][head_width]  STORED
//   lse          in   [n_images][n_heads][n_tokens]                 f32
//   row_weights  in   [n_images][n_tokens][2]                       u32  see rollout-weights
//   partials     out  [n_images][n_chunks][n_tokens]                f32  summed by reduce-partials
//
// Grid: x over keys, one an invocation; y over chunks; z over images.  The heads are fused in the
// invocation, so that the discarding sees Ā.  Chunk 0 adds the identity's share.
#version 450
#extension GL_EXT_control_flow_attributes : require
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_shader_16bit_storage : require

layout (constant_id = 0) const uint LOCAL_SIZE = 64;
layout (local_size_x_id = 0) in;

#ifndef GRADIENT
layout (std430, binding = 2) readonly buffer RowWeights { uvec2 row_weights[]; };
#endif
layout (std430, binding = 3) writeonly buffer Partials { float partials[]; };

const bool OWN_IS_QUERY = false;
#include "rollout-tile.glsl"

// The weight of a row, and the bits of its cutoff.  The sensitivity is a plain sum.
uvec2
weight_of (uint image, uint query)
{
  const uint row = image * params.n_tokens + query;
#ifdef GRADIENT
  if (FUSION == FUSION_SENSITIVITY)
    return uvec2 (floatBitsToUint (1.0), 0);
  return uvec2 (rows[params.weights_start + 2 * row], rows[params.weights_start + 2 * row + 1]);
#else
  return row_weights[row];
#endif
}

// What Σ_q r[q]·I[q][k] adds.
float
identity_of (uint image, uint key)
{
#ifdef GRADIENT
  if (FUSION == FUSION_SENSITIVITY)
    return 0.0;
#endif
  return uintBitsToFloat (weight_of (image, key).x);
}

shared uvec2 tile_weights[TILE]; // of the rows of the tile; those past the end weigh nothing

void
load_weights (uint image, uint first, uint end)
{
  barrier (); // all are done with the tile before
  for (uint i = gl_LocalInvocationID.x; i < TILE; i += LOCAL_SIZE)
    tile_weights[i]
        = first + i < end ? weight_of (image, first + i) : uvec2 (0);
  barrier ();
}

void
main ()
{
  const uint chunk = gl_WorkGroupID.y;
  const uint image = gl_WorkGroupID.z;
  const uint key = gl_WorkGroupID.x * LOCAL_SIZE + gl_LocalInvocationID.x;

  const uint end = min ((chunk + 1) * params.chunk_size, params.n_tokens);
  float sum = chunk == 0 ? identity_of (image, clamp_token (key)) : 0.0;
  for (uint first = chunk * params.chunk_size; first < end; first += TILE)
    {
      load_weights (image, first, end);
      compute_fused (image, clamp_token (key), first);
      [[unroll]] for (uint i = 0; i < TILE; i++)
        if (is_kept (first + i, key, fused[i], tile_weights[i].y))
          sum += uintBitsToFloat (tile_weights[i].x) * fused[i];
    }
  if (key < params.n_tokens)
    partials[(image * params.n_chunks + chunk) * params.n_tokens + key] = sum;
}
