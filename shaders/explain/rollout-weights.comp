// SPDX-License-Identifier: LGPL-3.0-or-later
// rollout-weights.comp: what each row of Ā + I is multiplied by in r·Â, r[q] / (its sum).
//
//   partials     in   [n_images][n_chunks][n_tokens]  f32  not read where n_chunks is 0
//   r            in   [n_images][n_tokens]            f32
//   cutoff       in   [n_images][4]                   u32  not read unless `has_cutoff`
//   row_weights  out  [n_images][n_tokens][2]         u32  bits of the weight (f32), of the cutoff
//
// The cutoff travels with the weights because rollout-step has no binding left for it.
// Grid: linear, one invocation per row.
#version 450
#extension GL_GOOGLE_include_directive : require

layout (constant_id = 0) const uint LOCAL_SIZE = 64;
layout (local_size_x_id = 0) in;

layout (std430, binding = 0) readonly buffer Partials { float partials[]; };
layout (std430, binding = 1) readonly buffer R { float r[]; };
layout (std430, binding = 2) readonly buffer Cutoff { uint cutoff[]; };
layout (std430, binding = 3) writeonly buffer RowWeights { uvec2 row_weights[]; };

layout (push_constant) uniform Params // VtrRolloutWeightsParams in core/ops/kernels.h
{
  uint n_values; // n_images · n_tokens
  uint n_tokens;
  uint n_chunks; // 0: the rows of Ā sum to 1
  uint has_cutoff; // 0 or 1
  uint divide;     // 1: r[q] / (1 + sum); 0: r[q] as it is
} params;

#include "grid.glsl"

void
main ()
{
  const uint index = invocation_index ();
  if (index >= params.n_values)
    return;

  const uint image = index / params.n_tokens;
  const uint token = index % params.n_tokens;
  float sum = params.n_chunks == 0 ? 1.0 : 0.0;
  for (uint chunk = 0; chunk < params.n_chunks; chunk++)
    sum += partials[(image * params.n_chunks + chunk) * params.n_tokens + token];

  const uint cutoff_bits = params.has_cutoff != 0 ? cutoff[image * 4] : 0;
  const float weight = params.divide != 0 ? r[index] / (1.0 + sum) : r[index];
  row_weights[index] = uvec2 (floatBitsToUint (weight), cutoff_bits);
}
