/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* The functions between the two layers of an MLP; inlined, so that @activation may be a constant.
 */
#include "cpu/simd.h"
#include "ops/ops.h"

/*
 * x·Φ(x) = max (x, 0) − |x|·Φ(−|x|), and Φ(−a) = ½·erfc (a/√2) = 2^−P(a): one polynomial, the one
 * of degree 8 that is least wrong in the product, and one power.  Wrong by half a unit in the last
 * place of x at most; past 9 the product is less than 2e−18.
 */
static inline VtrVec
vtr_vec_gelu_erf (VtrVec x)
{
  const VtrVec a = vtr_vec_min (vtr_vec_abs (x), vtr_vec_of (9.0f));

  VtrVec p = a * 2.77232266e-6f - 3.86239371e-5f;
  p = p * a + 1.82562522e-4f;
  p = p * a + 1.45834027e-4f;
  p = p * a - 7.07542337e-3f;
  p = p * a + 5.25049940e-2f;
  p = p * a + 4.59204912e-1f;
  p = p * a + 1.15110576f;
  p = p * a + 1.0f;
  return vtr_vec_max (x, vtr_vec_of (0.0f)) - a * vtr_vec_exp2 (-p);
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
