// SPDX-License-Identifier: LGPL-3.0-or-later
// attention-shuffle.comp: context = softmax (scale·q·kᵀ)·v with an online softmax, for software
// devices.
//
// Tensors: see lib/attention-interface.glsl.
//
// Grid: (query tiles, n_heads, n_images); a workgroup is one subgroup of LANES invocations.  A lane
// has QUERIES queries of its own, whole, in registers.  Keys come LANES at a time: each lane loads
// one, and all lanes see all by shuffles; see matmul-shuffle.comp for why.  Milakov & Gimelshein
// 2018 for the online softmax.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_shuffle : require

layout (constant_id = 0) const uint LANES = 8;
layout (constant_id = 1) const uint QUERIES = 2;
layout (constant_id = 2) const uint HEAD_VECTORS = 16; // head_width / VECTOR_WIDTH
layout (local_size_x_id = 0) in;

#include "attention-interface.glsl"

uint
query_token (uint i)
{
  return (gl_WorkGroupID.x * QUERIES + i) * LANES + gl_SubgroupInvocationID;
}

void
main ()
{
  const uint lane = gl_SubgroupInvocationID;
  const uint last_token = params.n_tokens - 1;
  const float scale = params.scale * LOG2_E; // so that exp2 () does

  VECTOR query[QUERIES * HEAD_VECTORS];
  VECTOR sums[QUERIES * HEAD_VECTORS];
  float highest[QUERIES]; // scaled product so far
  float total[QUERIES];   // of exp2 (scaled product − highest)
  [[unroll]] for (uint i = 0; i < QUERIES; i++)
    {
      const uint start = start_of (min (query_token (i), last_token), QUERY);
      [[unroll]] for (uint d = 0; d < HEAD_VECTORS; d++)
        {
          query[i * HEAD_VECTORS + d] = qkv[start + d] * scale;
          sums[i * HEAD_VECTORS + d] = VECTOR (0.0);
        }
      highest[i] = LOWEST;
      total[i] = 0.0;
    }

  for (uint first_key = 0; first_key < params.n_tokens; first_key += LANES)
    {
      const uint token = min (first_key + lane, last_token);

      float weight[QUERIES * LANES];
      [[unroll]] for (uint i = 0; i < QUERIES * LANES; i++)
        weight[i] = 0.0;
      const uint key_start = start_of (token, KEY);
      [[unroll]] for (uint d = 0; d < HEAD_VECTORS; d++)
        {
          const VECTOR own_key = qkv[key_start + d];
          [[unroll]] for (uint l = 0; l < LANES; l++)
            {
              const VECTOR key = subgroupShuffle (own_key, l);
              [[unroll]] for (uint i = 0; i < QUERIES; i++)
                weight[i * LANES + l] += dot (query[i * HEAD_VECTORS + d], key);
            }
        }

      [[unroll]] for (uint i = 0; i < QUERIES; i++)
        {
          float now_highest = highest[i];
          [[unroll]] for (uint l = 0; l < LANES; l++)
            {
              if (first_key + l > last_token)
                weight[i * LANES + l] = LOWEST;
              now_highest = max (now_highest, weight[i * LANES + l]);
            }
          const float fade = exp2 (highest[i] - now_highest);
          highest[i] = now_highest;
          total[i] *= fade;
          [[unroll]] for (uint l = 0; l < LANES; l++)
            {
              weight[i * LANES + l] = exp2 (weight[i * LANES + l] - now_highest);
              total[i] += weight[i * LANES + l];
            }
          [[unroll]] for (uint d = 0; d < HEAD_VECTORS; d++)
            sums[i * HEAD_VECTORS + d] *= fade;
        }

      const uint value_start = start_of (token, VALUE);
      [[unroll]] for (uint d = 0; d < HEAD_VECTORS; d++)
        {
          const VECTOR own_value = qkv[value_start + d];
          [[unroll]] for (uint l = 0; l < LANES; l++)
            {
              const VECTOR value = subgroupShuffle (own_value, l);
              [[unroll]] for (uint i = 0; i < QUERIES; i++)
                sums[i * HEAD_VECTORS + d] += weight[i * LANES + l] * value;
            }
        }
    }

  [[unroll]] for (uint i = 0; i < QUERIES; i++)
    {
      const uint token = query_token (i);
      if (token > last_token)
        break;
      const uint start = context_start_of (token);
      [[unroll]] for (uint d = 0; d < HEAD_VECTORS; d++)
        context[start + d] = sums[i * HEAD_VECTORS + d] / total[i];
      store_lse (token, highest[i], total[i]);
    }
}
