// SPDX-License-Identifier: LGPL-3.0-or-later
// attention-backward-interface.glsl: what all variants of the attention going backward have in
// common.
//
//   A[q][k] = exp (scale·q·k − lse[q])    d_A = d_context·vᵀ    D[q] = Σ_k A[q][k]·d_A[q][k]
//   d_v = Aᵀ·d_context    d_s = A·(d_A − D)    d_q = scale·d_s·k    d_k = scale·d_sᵀ·q
//
//   qkv        in   [n_images][n_tokens][3][n_heads][head_width]  f32, read as VECTOR
//   d_context  in   [n_images][n_tokens][n_heads][head_width]     f32, read as VECTOR
//   rows       in   [n_images][n_heads][n_tokens]                 vec2  lse, D
//   d_qkv      out  [n_images][n_tokens][3][n_heads][head_width]  f32, written as VECTOR
//
// Each token sums over all others.  Own tokens are queries and the others keys, or with OF_KEYS the
// other way round; a token has two vectors that are multiplied: a query q and d_context, a key k and
// v.  The first of own and other give s, the second d_A.
//
// Grid: (tiles of own tokens, n_heads, n_images).

layout (constant_id = 0) const bool OF_KEYS = false; // params.of_keys

layout (std430, binding = 0) readonly buffer Qkv { VECTOR qkv[]; };
layout (std430, binding = 1) readonly buffer DContext { VECTOR d_context[]; };
layout (std430, binding = 2) readonly buffer Rows { vec2 rows[]; };
layout (std430, binding = 3) writeonly buffer DQkv { VECTOR d_qkv[]; };

layout (push_constant) uniform Params // VtrAttentionBackwardParams in core/ops/kernels.h
{
  uint n_images;
  uint n_tokens;
  uint n_heads;
  uint head_width;
  float scale;
  uint of_keys; // OF_KEYS
} params;

const uint QUERY = 0;
const uint KEY = 1;
const uint VALUE = 2;
const uint D_CONTEXT = 3;

const uint OWN_FIRST = OF_KEYS ? KEY : QUERY;
const uint OWN_SECOND = OF_KEYS ? VALUE : D_CONTEXT;
const uint OTHER_FIRST = OF_KEYS ? QUERY : KEY;
const uint OTHER_SECOND = OF_KEYS ? D_CONTEXT : VALUE;

// Where the q, k or v of a token lies in this workgroup's head and image, in vectors.
uint
start_of (uint token, uint which)
{
  return (((gl_WorkGroupID.z * params.n_tokens + token) * 3 + which) * params.n_heads
          + gl_WorkGroupID.y)
         * (params.head_width / VECTOR_WIDTH);
}

// A vector of what a token has.
VECTOR
load (uint token, uint which, uint vector)
{
  if (which != D_CONTEXT)
    return qkv[start_of (token, which) + vector];
  return d_context[((gl_WorkGroupID.z * params.n_tokens + token) * params.n_heads
                    + gl_WorkGroupID.y)
                       * (params.head_width / VECTOR_WIDTH)
                   + vector];
}

vec2
load_row (uint query)
{
  return rows[(gl_WorkGroupID.z * params.n_heads + gl_WorkGroupID.y) * params.n_tokens + query];
}

// A of a product q·k; `row` is the query's.
float
probability (float product, vec2 row)
{
  return exp (params.scale * product - row.x);
}
