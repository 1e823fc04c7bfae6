// SPDX-License-Identifier: LGPL-3.0-or-later
// activation-slope.glsl: the derivatives of the functions in activation.glsl, which it wants.

// Beyond ±this the slopes are 0 or 1 to all digits: it keeps squares and products of x finite.
const float SLOPE_LIMIT = 20.0;

// Φ (x) + x·φ (x), φ the normal density: 1/√(2π) = 0.3989…
float
gelu_erf_slope (float x)
{
  const float density = 0.39894228 * exp (-0.5 * x * x);
  return 0.5 * (1.0 + error_function (x * 0.70710678)) + x * density;
}

float
gelu_tanh_slope (float x)
{
  const float t = bounded_tanh (0.79788456 * (x + 0.044715 * x * x * x));
  const float inner_slope = 0.79788456 * (1.0 + 0.134145 * x * x);
  return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * inner_slope;
}

float
gelu_quick_slope (float x)
{
  const float s = sigmoid (1.702 * x);
  return s + 1.702 * x * s * (1.0 - s);
}

// `activation` is a VtrActivation of core/ops/ops.h.
float
activation_slope (uint activation, float value)
{
  const float x = clamp (value, -SLOPE_LIMIT, SLOPE_LIMIT);
  switch (activation)
    {
    case 1:
      return gelu_erf_slope (x);
    case 2:
      return gelu_tanh_slope (x);
    case 3:
      return gelu_quick_slope (x);
    case 4:
      return 1.0 - bounded_tanh (x) * bounded_tanh (x);
    }
  return 1.0;
}
