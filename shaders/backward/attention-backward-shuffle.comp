// SPDX-License-Identifier: LGPL-3.0-or-later
// attention-backward-shuffle.comp: the gradient of the attention, for software devices.
//
// Tensors and formulas: see lib/attention-backward-interface.glsl.
//
// Grid: (tiles of own tokens, n_heads, n_images); a workgroup is one subgroup of LANES invocations.
// A lane has TOKENS tokens of its own, both vectors of each and their sums whole in registers.  The
// others come LANES at a time: each lane loads one, and all lanes see all by shuffles; see
// layers/matmul-shuffle.comp for why.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_shuffle : require

layout (constant_id = 1) const uint LANES = 8;
layout (constant_id = 2) const uint TOKENS = 1;
layout (constant_id = 3) const uint HEAD_VECTORS = 16; // head_width / VECTOR_WIDTH
layout (local_size_x_id = 1) in;

#include "attention-backward-interface.glsl"

const uint SECOND_VECTORS = OF_KEYS ? HEAD_VECTORS : 1;

uint
own_token (uint i)
{
  return (gl_WorkGroupID.x * TOKENS + i) * LANES + gl_SubgroupInvocationID;
}

void
main ()
{
  const uint last_token = params.n_tokens - 1;

  VECTOR own[TOKENS * HEAD_VECTORS * 2]; // [token][first, second]
  VECTOR first_sums[TOKENS * HEAD_VECTORS];
  VECTOR second_sums[TOKENS * SECOND_VECTORS];
  vec2 own_row[TOKENS]; // of queries
  [[unroll]] for (uint i = 0; i < TOKENS; i++)
    {
      const uint token = min (own_token (i), last_token);
      [[unroll]] for (uint d = 0; d < HEAD_VECTORS; d++)
        {
          own[(i * 2) * HEAD_VECTORS + d] = load (token, OWN_FIRST, d);
          own[(i * 2 + 1) * HEAD_VECTORS + d] = load (token, OWN_SECOND, d);
          first_sums[i * HEAD_VECTORS + d] = VECTOR (0.0);
        }
      [[unroll]] for (uint d = 0; d < SECOND_VECTORS; d++)
        second_sums[i * SECOND_VECTORS + d] = VECTOR (0.0);
      own_row[i] = load_row (token);
    }

  for (uint first_other = 0; first_other < params.n_tokens; first_other += LANES)
    {
      const uint other = min (first_other + gl_SubgroupInvocationID, last_token);

      float probs[TOKENS * LANES];     // products, then A
      float gradients[TOKENS * LANES]; // d_A, then d_s
      [[unroll]] for (uint i = 0; i < TOKENS * LANES; i++)
        {
          probs[i] = 0.0;
          gradients[i] = 0.0;
        }
      [[unroll]] for (uint d = 0; d < HEAD_VECTORS; d++)
        {
          const VECTOR loaded_first = load (other, OTHER_FIRST, d);
          const VECTOR loaded_second = load (other, OTHER_SECOND, d);
          [[unroll]] for (uint l = 0; l < LANES; l++)
            {
              const VECTOR first = subgroupShuffle (loaded_first, l);
              const VECTOR second = subgroupShuffle (loaded_second, l);
              [[unroll]] for (uint i = 0; i < TOKENS; i++)
                {
                  probs[i * LANES + l] += dot (own[(i * 2) * HEAD_VECTORS + d], first);
                  gradients[i * LANES + l] += dot (own[(i * 2 + 1) * HEAD_VECTORS + d], second);
                }
            }
        }

      const vec2 loaded_row = load_row (other);
      [[unroll]] for (uint l = 0; l < LANES; l++)
        {
          const vec2 other_row = subgroupShuffle (loaded_row, l);
          [[unroll]] for (uint i = 0; i < TOKENS; i++)
            {
              const vec2 row = OF_KEYS ? other_row : own_row[i];
              const float prob = first_other + l <= last_token
                                     ? probability (probs[i * LANES + l], row)
                                     : 0.0;
              probs[i * LANES + l] = prob;
              gradients[i * LANES + l] = prob * (gradients[i * LANES + l] - row.y);
            }
        }

      [[unroll]] for (uint d = 0; d < HEAD_VECTORS; d++)
        {
          const VECTOR loaded_first = load (other, OTHER_FIRST, d);
          [[unroll]] for (uint l = 0; l < LANES; l++)
            {
              const VECTOR first = subgroupShuffle (loaded_first, l);
              [[unroll]] for (uint i = 0; i < TOKENS; i++)
                first_sums[i * HEAD_VECTORS + d] += gradients[i * LANES + l] * first;
            }
          if (!OF_KEYS)
            continue;
          const VECTOR loaded_second = load (other, OTHER_SECOND, d);
          [[unroll]] for (uint l = 0; l < LANES; l++)
            {
              const VECTOR second = subgroupShuffle (loaded_second, l);
              [[unroll]] for (uint i = 0; i < TOKENS; i++)
                second_sums[i * SECOND_VECTORS + d] += probs[i * LANES + l] * second;
            }
        }
    }

  [[unroll]] for (uint i = 0; i < TOKENS; i++)
    {
      const uint token = own_token (i);
      if (token > last_token)
        break;
      [[unroll]] for (uint d = 0; d < HEAD_VECTORS; d++)
        d_qkv[start_of (token, OWN_FIRST) + d] = first_sums[i * HEAD_VECTORS + d] * params.scale;
      if (OF_KEYS)
        [[unroll]] for (uint d = 0; d < SECOND_VECTORS; d++)
          d_qkv[start_of (token, VALUE) + d] = second_sums[i * SECOND_VECTORS + d];
    }
}
