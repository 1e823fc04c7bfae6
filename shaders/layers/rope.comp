// SPDX-License-Identifier: LGPL-3.0-or-later
// rope.comp: rotates q and k of the patches by their positions, in place:
// x·cos + rotate_half (x)·sin with rotate_half ([a, b]) = [−b, a], a and b halves of a head.
//
//   qkv    in/out  [n_images][n_tokens][3][n_heads][head_width]  STORED  prefix tokens and v stay
//   table  in      [2][n_tokens − n_prefix][head_width]          f32     cos, sin; or [n_images][2]..
//
// Grid: linear, one invocation per pair of values that turn together.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_16bit_storage : require

layout (constant_id = 0) const uint LOCAL_SIZE = 64;
layout (local_size_x_id = 0) in;

#include "storage.glsl"

layout (std430, binding = 0) buffer Qkv { STORED qkv[]; };
layout (std430, binding = 1) readonly buffer Table { float table[]; };

layout (push_constant) uniform Params // VtrRopeParams in core/ops/kernels.h
{
  uint n_pairs; // n_images·n_patches·2·n_heads·head_width / 2
  uint n_tokens;
  uint n_prefix;
  uint n_heads;
  uint head_width;
  uint table_stride; // values of an image's table; 0: all images have the same
} params;

#include "grid.glsl"

void
main ()
{
  const uint index = invocation_index ();
  if (index >= params.n_pairs)
    return;

  const uint half_width = params.head_width / 2;
  const uint n_patches = params.n_tokens - params.n_prefix;
  const uint column = index % half_width;
  const uint q_or_k_head = index / half_width % (2 * params.n_heads); // q's heads, then k's
  const uint rest = index / half_width / (2 * params.n_heads);
  const uint patch_index = rest % n_patches;
  const uint image = rest / n_patches;
  const uint token = image * params.n_tokens + params.n_prefix + patch_index;

  const uint first = (token * 3 * params.n_heads + q_or_k_head) * params.head_width + column;
  const uint second = first + half_width;
  const uint cos_first =
      image * params.table_stride + patch_index * params.head_width + column;
  const uint sin_first = cos_first + n_patches * params.head_width;

  const float a = float (qkv[first]);
  const float b = float (qkv[second]);
  qkv[first] = STORED (a * table[cos_first] - b * table[sin_first]);
  qkv[second] = STORED (b * table[cos_first + half_width] + a * table[sin_first + half_width]);
}
