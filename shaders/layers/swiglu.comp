// SPDX-License-Identifier: LGPL-3.0-or-later
// swiglu.comp: hidden = silu (gate)·up with silu (x) = x·sigmoid (x).
//
//   gate_up  in   [n_rows][2·width]  STORED  gate, then up
//   hidden   out  [n_rows][width]    STORED
//
// Grid: linear, one invocation per value of `hidden`.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_16bit_storage : require

layout (constant_id = 0) const uint LOCAL_SIZE = 64;
layout (local_size_x_id = 0) in;

#include "storage.glsl"

layout (std430, binding = 0) readonly buffer GateUp { STORED gate_up[]; };
layout (std430, binding = 1) writeonly buffer Hidden { STORED hidden[]; };

layout (push_constant) uniform Params // VtrSwigluParams in core/ops/kernels.h
{
  uint n_values; // of `hidden`
  uint width;
} params;

#include "grid.glsl"
#include "activation.glsl"

void
main ()
{
  const uint index = invocation_index ();
  if (index >= params.n_values)
    return;

  const uint source = index / params.width * 2 * params.width + index % params.width;
  const float gate = float (gate_up[source]);
  const float up = float (gate_up[source + params.width]);
  hidden[index] = STORED (gate * sigmoid (gate) * up);
}
