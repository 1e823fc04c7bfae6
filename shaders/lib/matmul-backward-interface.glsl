// SPDX-License-Identifier: LGPL-3.0-or-later
// matmul-backward-interface.glsl: what all variants of the product going backward have in common.
//
//   d_x = d_y·w
//
//   d_y  in   [n_rows][depth]   f32, read as VECTOR
//   w    in   [depth][n_cols]   f32, read as VECTOR: rows of w are outputs of the layer
//   d_x  out  [n_rows][n_cols]  f32

layout (std430, binding = 0) readonly buffer Dy { VECTOR d_y[]; };
layout (std430, binding = 1) readonly buffer W { VECTOR w[]; };
layout (std430, binding = 2) writeonly buffer Dx { float d_x[]; };

layout (push_constant) uniform Params // VtrMatmulBackwardParams in core/ops/kernels.h
{
  uint n_rows;
  uint n_cols;
  uint depth;
} params;

// The i-th value of a vector that may be a scalar.
float
component (VECTOR vector, uint i)
{
#if VECTOR_WIDTH == 1
  return vector;
#else
  return vector[i];
#endif
}
