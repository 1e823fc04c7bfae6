// SPDX-License-Identifier: LGPL-3.0-or-later
// reduce-partials.comp: sums over the chunks that a kernel's work was split into.
//
//   partials  in   [n_rows][n_chunks][width]  f32
//   out       out  [n_rows][width]            f32
//
// Grid: linear, one invocation per value of `out`.
#version 450
#extension GL_GOOGLE_include_directive : require

layout (constant_id = 0) const uint LOCAL_SIZE = 64;
layout (local_size_x_id = 0) in;

layout (std430, binding = 0) readonly buffer Partials { float partials[]; };
layout (std430, binding = 1) writeonly buffer Out { float sums[]; };

layout (push_constant) uniform Params // VtrReducePartialsParams in core/ops/kernels.h
{
  uint n_values; // of `out`
  uint width;
  uint n_chunks;
} params;

#include "grid.glsl"

void
main ()
{
  const uint index = invocation_index ();
  if (index >= params.n_values)
    return;

  const uint row = index / params.width;
  const uint column = index % params.width;
  float sum = 0.0;
  for (uint chunk = 0; chunk < params.n_chunks; chunk++)
    sum += partials[(row * params.n_chunks + chunk) * params.width + column];
  sums[index] = sum;
}
