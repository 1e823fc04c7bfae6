/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* The functions between the two layers of an MLP, and their slopes; inlined, so that @activation
 * may be a constant. */
#include "cpu/simd.h"
#include "ops/ops.h"

/*
 * Φ(−a) = ½·erfc (a/√2) = 2^−P(a) for @a in 0 .. 9: one polynomial, the one of degree 8 that is
 * least wrong in a·Φ(−a), and one power.
 */
static inline VtrVec
vtr_vec_normal_tail (VtrVec a)
{
  VtrVec p = a * 2.77232266e-6f - 3.86239371e-5f;
  p = p * a + 1.82562522e-4f;
  p = p * a + 1.45834027e-4f;
  p = p * a - 7.07542337e-3f;
  p = p * a + 5.25049940e-2f;
  p = p * a + 4.59204912e-1f;
  p = p * a + 1.15110576f;
  p = p * a + 1.0f;
  return vtr_vec_exp2 (-p);
}

/*
 * x·Φ(x) = max (x, 0) − |x|·Φ(−|x|).  Wrong by half a unit in the last place of x at most; past 9
 * the product is less than 2e−18.
 */
static inline VtrVec
vtr_vec_gelu_erf (VtrVec x)
{
  const VtrVec a = vtr_vec_min (vtr_vec_abs (x), vtr_vec_of (9.0f));

  return vtr_vec_max (x, vtr_vec_of (0.0f)) - a * vtr_vec_normal_tail (a);
}

static inline __attribute__ ((always_inline)) VtrVec
vtr_vec_activate (VtrVec x, VtrActivation activation)
{
  switch (activation)
    {
    case VTR_ACTIVATION_NONE:
      return x;
    case VTR_ACTIVATION_GELU_ERF:
      return vtr_vec_gelu_erf (x);
    case VTR_ACTIVATION_GELU_TANH:
      return 0.5f * x * (1.0f + vtr_vec_tanh (0.79788456f * (x + 0.044715f * x * x * x)));
    case VTR_ACTIVATION_GELU_QUICK:
      return x * vtr_vec_sigmoid (1.702f * x);
    case VTR_ACTIVATION_TANH:
      return vtr_vec_tanh (x);
    }
  return x;
}

/* Beyond ±this the slopes are 0 or 1 to all digits: it keeps squares and products of x finite. */
#define VTR_SLOPE_LIMIT 20.0f

/* Φ (x) + x·φ (x), φ the normal density: 1/√(2π) = 0.3989… */
static inline VtrVec
vtr_vec_gelu_erf_slope (VtrVec x)
{
  const VtrVec density = 0.39894228f * vtr_vec_exp (-0.5f * x * x);
  const VtrVec tail = vtr_vec_normal_tail (vtr_vec_min (vtr_vec_abs (x), vtr_vec_of (9.0f)));

  return vtr_vec_select (x < 0.0f, tail, 1.0f - tail) + x * density;
}

static inline VtrVec
vtr_vec_gelu_tanh_slope (VtrVec x)
{
  const VtrVec t = vtr_vec_tanh (0.79788456f * (x + 0.044715f * x * x * x));
  const VtrVec inner_slope = 0.79788456f * (1.0f + 0.134145f * x * x);

  return 0.5f * (1.0f + t) + 0.5f * x * (1.0f - t * t) * inner_slope;
}

static inline VtrVec
vtr_vec_gelu_quick_slope (VtrVec x)
{
  const VtrVec s = vtr_vec_sigmoid (1.702f * x);

  return s + 1.702f * x * s * (1.0f - s);
}

/* The derivative of vtr_vec_activate (). */
static inline __attribute__ ((always_inline)) VtrVec
vtr_vec_activation_slope (VtrVec x, VtrActivation activation)
{
  x = vtr_vec_min (vtr_vec_max (x, vtr_vec_of (-VTR_SLOPE_LIMIT)), vtr_vec_of (VTR_SLOPE_LIMIT));
  switch (activation)
    {
    case VTR_ACTIVATION_NONE:
      break;
    case VTR_ACTIVATION_GELU_ERF:
      return vtr_vec_gelu_erf_slope (x);
    case VTR_ACTIVATION_GELU_TANH:
      return vtr_vec_gelu_tanh_slope (x);
    case VTR_ACTIVATION_GELU_QUICK:
      return vtr_vec_gelu_quick_slope (x);
    case VTR_ACTIVATION_TANH:
      return 1.0f - vtr_vec_tanh (x) * vtr_vec_tanh (x);
    }
  return vtr_vec_of (1.0f);
}
