// SPDX-License-Identifier: LGPL-3.0-or-later
// matmul-interface.glsl: what all variants of the matrix product have in common: tensors, params,
// and what happens to each sum before it is stored.
//
//   y = act (x·wᵀ + bias)·scale (+ y)
//
//   x         in      [n_rows][depth]   STORED, read by vectors of VECTOR_WIDTH
//   w         in      [n_cols][depth]   STORED, read by vectors of VECTOR_WIDTH
//   epilogue  in      [2][n_cols]       f32  bias, scale; read as FLAGS says
//   y         in/out  [n_rows][n_cols]  f32, with F16_Y f16; read as FLAGS says

// VtrMatmulFlags and VtrActivation of core/ops/ops.h.  They are constants because a software device
// computes both sides of every branch.
layout (constant_id = 0) const uint FLAGS = 0;
layout (constant_id = 1) const uint ACTIVATION = 0;

#include "storage.glsl"

#ifdef F16_Y
#define STORED_Y float16_t
#else
#define STORED_Y float
#endif

layout (std430, binding = 0) readonly buffer X { STORED_VECTOR x[]; };
layout (std430, binding = 1) readonly buffer W { STORED_VECTOR w[]; };
layout (std430, binding = 2) readonly buffer Epilogue { float epilogue[]; };
layout (std430, binding = 3) buffer Y { STORED_Y y[]; };

layout (push_constant) uniform Params // VtrMatmulParams in core/ops/kernels.h
{
  uint n_rows;
  uint n_cols;
  uint depth;
  uint flags;      // FLAGS
  uint activation; // ACTIVATION
} params;

#include "activation.glsl"

const uint FLAG_BIAS = 1;
const uint FLAG_SCALE = 2;
const uint FLAG_ACCUMULATE = 4;

const uint ACTIVATION_GELU_ERF = 1;
const uint ACTIVATION_GELU_TANH = 2;
const uint ACTIVATION_GELU_QUICK = 3;
const uint ACTIVATION_TANH = 4;

float
activate (float value)
{
  if (ACTIVATION == ACTIVATION_GELU_ERF)
    return gelu_erf (value);
  if (ACTIVATION == ACTIVATION_GELU_TANH)
    return gelu_tanh (value);
  if (ACTIVATION == ACTIVATION_GELU_QUICK)
    return gelu_quick (value);
  if (ACTIVATION == ACTIVATION_TANH)
    return bounded_tanh (value);
  return value;
}

// The bias and the layer scale of a column.
float
column_bias (uint col)
{
  return (FLAGS & FLAG_BIAS) != 0 ? epilogue[col] : 0.0;
}

float
column_scale (uint col)
{
  return (FLAGS & FLAG_SCALE) != 0 ? epilogue[params.n_cols + col] : 1.0;
}

void
store (uint row, uint col, float sum, float bias, float scale)
{
  const uint index = row * params.n_cols + col;
  float value = activate (sum + bias) * scale;

  if ((FLAGS & FLAG_ACCUMULATE) != 0)
    value += float (y[index]);
  y[index] = STORED_Y (value);
}
