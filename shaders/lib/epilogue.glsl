// epilogue.glsl: what a matrix product does with each sum before it stores it.
//
// Wants the constants FLAGS and ACTIVATION, the buffers `epilogue` and `y`, and params.n_cols of
// the file that includes it.  FLAGS is VtrMatmulFlags, ACTIVATION is VtrActivation (core/ops/ops.h).
// They are constants because a software device computes both sides of every branch.

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
    value += y[index];
  y[index] = value;
}
