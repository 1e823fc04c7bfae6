// SPDX-License-Identifier: LGPL-3.0-or-later
// rollout-step.comp: r·Â, Σ_q r[q]·Â[q][k], over chunks of the queries.
//
//   qkv          in   [n_images][n_tokens][3][n_heads][head_width]  f32
//   lse          in   [n_images][n_heads][n_tokens]                 f32
//   row_weights  in   [n_images][n_tokens][2]                       u32  see rollout-weights
//   partials     out  [n_images][n_chunks][n_tokens]                f32  summed by reduce-partials
//
// Grid: x over keys, one an invocation; y over chunks; z over images.  The heads are fused in the
// invocation, so that the discarding sees Ā.  Chunk 0 adds the identity's share.
#version 450
#extension GL_EXT_control_flow_attributes : require
#extension GL_GOOGLE_include_directive : require

layout (constant_id = 0) const uint LOCAL_SIZE = 64;
layout (local_size_x_id = 0) in;

layout (std430, binding = 2) readonly buffer RowWeights { uvec2 row_weights[]; };
layout (std430, binding = 3) writeonly buffer Partials { float partials[]; };

const bool OWN_IS_QUERY = false;
#include "rollout-tile.glsl"

void
main ()
{
  const uint chunk = gl_WorkGroupID.y;
  const uint image = gl_WorkGroupID.z;
  const uint key = gl_WorkGroupID.x * LOCAL_SIZE + gl_LocalInvocationID.x;
  if (key >= params.n_tokens)
    return;

  const uint rows = image * params.n_tokens;
  const uint end = min ((chunk + 1) * params.chunk_size, params.n_tokens);
  float sum = chunk == 0 ? uintBitsToFloat (row_weights[rows + key].x) : 0.0;
  for (uint first = chunk * params.chunk_size; first < end; first += TILE)
    {
      compute_fused (image, key, first, end);
      [[unroll]] for (uint i = 0; i < TILE; i++)
        {
          const uvec2 row = row_weights[rows + min (first + i, end - 1)];
          if (first + i < end && is_kept (first + i, key, fused[i], row.y))
            sum += uintBitsToFloat (row.x) * fused[i];
        }
    }
  partials[(image * params.n_chunks + chunk) * params.n_tokens + key] = sum;
}
