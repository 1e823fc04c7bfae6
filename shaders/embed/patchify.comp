// SPDX-License-Identifier: LGPL-3.0-or-later
// patchify.comp: cuts pixels into patches, each the row of the patch embedding's matrix product.
//
//   pixels   in   [n_images][3][height][width]                       f32
//   patches  out  [n_images][grid_rows·grid_cols][3][size][size]     STORED
//
// Grid: linear, one invocation per value of `patches`.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_16bit_storage : require

layout (constant_id = 0) const uint LOCAL_SIZE = 64;
layout (local_size_x_id = 0) in;

#include "storage.glsl"

layout (std430, binding = 0) readonly buffer Pixels { float pixels[]; };
layout (std430, binding = 1) writeonly buffer Patches { STORED patches[]; };

layout (push_constant) uniform Params // VtrPatchifyParams in core/ops/kernels.h
{
  uint n_values; // of `patches`
  uint height;   // pixels
  uint width;
  uint size; // of a patch, pixels
  uint grid_rows;
  uint grid_cols;
} params;

#include "grid.glsl"

void
main ()
{
  const uint index = invocation_index ();
  if (index >= params.n_values)
    return;

  const uint dx = index % params.size;
  uint rest = index / params.size;
  const uint dy = rest % params.size;
  rest /= params.size;
  const uint channel = rest % 3;
  rest /= 3;
  const uint col = rest % params.grid_cols;
  rest /= params.grid_cols;
  const uint row = rest % params.grid_rows;
  const uint image = rest / params.grid_rows;

  const uint y = row * params.size + dy;
  const uint x = col * params.size + dx;
  patches[index] = STORED (pixels[((image * 3 + channel) * params.height + y) * params.width + x]);
}
