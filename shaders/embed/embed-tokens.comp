// SPDX-License-Identifier: LGPL-3.0-or-later
// embed-tokens.comp: puts the prefix tokens before the patches and adds the positions.
//
//   patches    in   [n_images][n_patches][width]   f32
//   prefix     in   [n_prefix][width]              f32  not read where n_prefix is 0
//   positions  in   [n_patches][width]             f32  not read unless has_positions
//   tokens     out  [n_images][n_prefix + n_patches][width]
//
// Grid: linear, one invocation per value of `tokens`.
#version 450
#extension GL_GOOGLE_include_directive : require

layout (constant_id = 0) const uint LOCAL_SIZE = 64;
layout (local_size_x_id = 0) in;

layout (std430, binding = 0) readonly buffer Patches { float patches[]; };
layout (std430, binding = 1) readonly buffer Prefix { float prefix[]; };
layout (std430, binding = 2) readonly buffer Positions { float positions[]; };
layout (std430, binding = 3) writeonly buffer Tokens { float tokens[]; };

layout (push_constant) uniform Params // VtrEmbedTokensParams in core/ops/kernels.h
{
  uint n_values; // of `tokens`
  uint n_prefix;
  uint n_patches;
  uint width;
  uint has_positions; // 0 or 1
} params;

#include "grid.glsl"

void
main ()
{
  const uint index = invocation_index ();
  if (index >= params.n_values)
    return;

  const uint n_tokens = params.n_prefix + params.n_patches;
  const uint column = index % params.width;
  const uint token = index / params.width % n_tokens;
  const uint image = index / params.width / n_tokens;

  if (token < params.n_prefix)
    {
      tokens[index] = prefix[token * params.width + column];
      return;
    }

  const uint patch_index = token - params.n_prefix;
  float value = patches[(image * params.n_patches + patch_index) * params.width + column];
  if (params.has_positions != 0)
    value += positions[patch_index * params.width + column];
  tokens[index] = value;
}
