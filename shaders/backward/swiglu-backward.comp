// SPDX-License-Identifier: LGPL-3.0-or-later
// swiglu-backward.comp: the gradient through hidden = silu (gate)·up with silu (x) = x·sigmoid (x).
//
//   gate_up    in   [n_rows][2·width]  f32  gate, then up
//   d_hidden   in   [n_rows][width]    f32
//   d_gate_up  out  [n_rows][2·width]  f32  may be `gate_up`
//
// Grid: linear, one invocation per value of `d_hidden`.
#version 450
#extension GL_GOOGLE_include_directive : require

layout (constant_id = 0) const uint LOCAL_SIZE = 64;
layout (local_size_x_id = 0) in;

layout (std430, binding = 0) readonly buffer GateUp { float gate_up[]; };
layout (std430, binding = 1) readonly buffer DHidden { float d_hidden[]; };
layout (std430, binding = 2) writeonly buffer DGateUp { float d_gate_up[]; };

layout (push_constant) uniform Params // VtrSwigluBackwardParams in core/ops/kernels.h
{
  uint n_values; // of `d_hidden`
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

  const uint gate_index = index / params.width * 2 * params.width + index % params.width;
  const uint up_index = gate_index + params.width;
  const float gate = gate_up[gate_index];
  const float d_silu = d_hidden[index] * gate_up[up_index];
  const float s = sigmoid (gate);
  const float silu = gate * s;
  d_gate_up[gate_index] = d_silu * (s + silu * (1.0 - s));
  d_gate_up[up_index] = d_hidden[index] * silu;
}
