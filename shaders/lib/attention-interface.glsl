// SPDX-License-Identifier: LGPL-3.0-or-later
// attention-interface.glsl: what all variants of the attention have in common.
//
//   context = softmax (scale·q·kᵀ)·v
//
//   qkv      in   [n_images][n_tokens][3][n_heads][head_width]  STORED, read as a vector
//   context  out  [n_images][n_tokens][n_heads][head_width]     STORED, written as a vector
//   lse      out  [n_images][n_heads][n_tokens]                 f32  log Σ exp (scale·q·k)
//
// Vectors have VECTOR_WIDTH values.
//
// Grid: (query tiles, n_heads, n_images).

#include "storage.glsl"

layout (std430, binding = 0) readonly buffer Qkv { STORED_VECTOR qkv[]; };
layout (std430, binding = 1) writeonly buffer Context { STORED_VECTOR context[]; };
layout (std430, binding = 2) writeonly buffer Lse { float lse[]; };

layout (push_constant) uniform Params // VtrAttentionParams in core/ops/kernels.h
{
  uint n_images;
  uint n_tokens;
  uint n_heads;
  uint head_width;
  float scale;
} params;

const uint QUERY = 0;
const uint KEY = 1;
const uint VALUE = 2;

const float LOG2_E = 1.44269504;
const float LN_2 = 0.69314718;
const float LOWEST = -3.402823e38;

// Where the q, k or v of a token lies in this workgroup's head and image, in vectors.
uint
start_of (uint token, uint which)
{
  return (((gl_WorkGroupID.z * params.n_tokens + token) * 3 + which) * params.n_heads
          + gl_WorkGroupID.y)
         * (params.head_width / VECTOR_WIDTH);
}

// The same for its context.
uint
context_start_of (uint token)
{
  return ((gl_WorkGroupID.z * params.n_tokens + token) * params.n_heads + gl_WorkGroupID.y)
         * (params.head_width / VECTOR_WIDTH);
}

// `highest` is the greatest scale·log2 (e)·q·k of the row, `total` the sum of exp2 (… − highest).
void
store_lse (uint token, float highest, float total)
{
  lse[(gl_WorkGroupID.z * params.n_heads + gl_WorkGroupID.y) * params.n_tokens + token]
      = (highest + log2 (total)) * LN_2;
}
