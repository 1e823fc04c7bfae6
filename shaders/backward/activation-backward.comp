// SPDX-License-Identifier: LGPL-3.0-or-later
// activation-backward.comp: d_z = d_y·act' (z)·scale, the gradient through what follows a product.
//
//   z         in   [n_rows][width]  f32  not read without an activation
//   epilogue  in   [2][width]       f32  bias, scale; read if has_scale
//   d_y       in   [n_rows][width]  f32
//   d_z       out  [n_rows][width]  f32  may be `z` or `d_y`
//
// Grid: linear, one invocation per value.
#version 450
#extension GL_GOOGLE_include_directive : require

layout (constant_id = 0) const uint LOCAL_SIZE = 64;
layout (local_size_x_id = 0) in;

layout (std430, binding = 0) readonly buffer Z { float z[]; };
layout (std430, binding = 1) readonly buffer Epilogue { float epilogue[]; };
layout (std430, binding = 2) readonly buffer Dy { float d_y[]; };
layout (std430, binding = 3) writeonly buffer Dz { float d_z[]; };

layout (push_constant) uniform Params // VtrActivationBackwardParams in core/ops/kernels.h
{
  uint n_values;
  uint width;
  uint activation; // VtrActivation
  uint has_scale;  // 0 or 1
} params;

#include "grid.glsl"
#include "activation.glsl"
#include "activation-slope.glsl"

void
main ()
{
  const uint index = invocation_index ();
  if (index >= params.n_values)
    return;

  float gradient = d_y[index];
  if (params.activation != 0)
    gradient *= activation_slope (params.activation, z[index]);
  if (params.has_scale != 0)
    gradient *= epilogue[params.width + index % params.width];
  d_z[index] = gradient;
}
