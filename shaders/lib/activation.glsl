// SPDX-License-Identifier: LGPL-3.0-or-later
// activation.glsl: the functions between the two layers of an MLP.  Each keeps what it gives to
// exp () bounded, so that no finite x ends in inf − inf or inf / inf.

// 1 / (1 + exp (−x))
float
sigmoid (float x)
{
  return 1.0 / (1.0 + exp (min (-x, 80.0)));
}

// GLSL's own tanh may overflow where exp (2x) does.
float
bounded_tanh (float x)
{
  return 1.0 - 2.0 / (1.0 + exp (min (2.0 * x, 80.0)));
}

// The error function, which GLSL lacks.  Below 1 an odd polynomial of degree 13; from there on
// 1 − exp (−p (|x|)), p of degree 6 fitted to −log erfc.  Both are least-maximum fits to erf in
// 64 bits; evaluated in 32 bits the whole is within 1e-7 of it.  From 4 on erf is 1 in 32 bits.
float
error_function (float x)
{
  const float a = min (abs (x), 4.0);
  const float t = a * a;

  float inner = 7.64712022e-05;
  inner = inner * t - 0.000794235675;
  inner = inner * t + 0.0051797498;
  inner = inner * t - 0.0268485919;
  inner = inner * t + 0.112834305;
  inner = inner * t - 0.376126051;
  inner = inner * t + 0.128379151;
  inner = inner * a + a; // 2/√π is 1.128…: the 1 apart costs no rounding

  float log_erfc = -0.000185574012;
  log_erfc = log_erfc * a + 0.00293960725;
  log_erfc = log_erfc * a - 0.0218053181;
  log_erfc = log_erfc * a + 0.103037372;
  log_erfc = log_erfc * a + 0.638225675;
  log_erfc = log_erfc * a + 1.12704003;
  log_erfc = log_erfc * a + 0.000353719515;

  const float magnitude = a < 1.0 ? inner : 1.0 - exp (-log_erfc);
  return x < 0.0 ? -magnitude : magnitude;
}

// x·Φ(x), Φ the normal distribution
float
gelu_erf (float x)
{
  return 0.5 * x * (1.0 + error_function (x * 0.70710678));
}

// Its approximation by tanh (Hendrycks & Gimpel 2016), √(2/π) = 0.7978…
float
gelu_tanh (float x)
{
  return 0.5 * x * (1.0 + bounded_tanh (0.79788456 * (x + 0.044715 * x * x * x)));
}

float
gelu_quick (float x)
{
  return x * sigmoid (1.702 * x);
}
