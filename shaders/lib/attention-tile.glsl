// SPDX-License-Identifier: LGPL-3.0-or-later
// attention-tile.glsl: products of an invocation's own token with TILE other tokens, in registers.
//
// The others are the same for the whole workgroup, so their loads are broadcasts (scalar loads where
// a device has them), and the own token's values are loaded once for all of them.  Nothing is
// shared between invocations and nothing has the size of a head, so any head fits any device.
//
// Two kernels that recompute the same A[q][k] get the same bits, whichever of q and k is their own:
// the order of the sum is fixed (`precise`, products commute).  The rollout's cutoff relies on it.
//
// Wants `params` with head_width, n_heads and n_tokens, and GL_EXT_control_flow_attributes.

layout (constant_id = 1) const uint TILE = 16;
layout (constant_id = 2) const bool BY_FOUR = true; // whether head_width is a multiple of 4

// The same memory twice: qkv [n_images][n_tokens][3][n_heads][head_width]
layout (std430, binding = 0) readonly buffer Qkv { float qkv[]; };
layout (std430, binding = 0) readonly buffer Qkv4 { vec4 qkv4[]; };

const uint QUERY = 0;
const uint KEY = 1;

// Where the query or key of a token's head 0 starts in `qkv`.
uint
token_start (uint image, uint token, uint slot)
{
  return ((image * params.n_tokens + token) * 3 + slot) * params.n_heads * params.head_width;
}

uint others[TILE]; // starts in `qkv` of the other tokens
float dots[TILE];

// dots[i] = own · others[i], all at `offset` (that of the head) behind their starts.
void
compute_dots (uint own, uint offset)
{
  [[unroll]] for (uint i = 0; i < TILE; i++)
    dots[i] = 0.0;

  if (BY_FOUR)
    for (uint column = offset; column < offset + params.head_width; column += 4)
      {
        const vec4 mine = qkv4[(own + column) / 4];
        [[unroll]] for (uint i = 0; i < TILE; i++)
          {
            const vec4 other = qkv4[(others[i] + column) / 4];
            precise float sum = fma (mine.x, other.x, dots[i]);
            sum = fma (mine.y, other.y, sum);
            sum = fma (mine.z, other.z, sum);
            sum = fma (mine.w, other.w, sum);
            dots[i] = sum;
          }
      }
  else
    for (uint column = offset; column < offset + params.head_width; column++)
      {
        const float mine = qkv[own + column];
        [[unroll]] for (uint i = 0; i < TILE; i++)
          {
            precise const float sum = fma (mine, qkv[others[i] + column], dots[i]);
            dots[i] = sum;
          }
      }
}
