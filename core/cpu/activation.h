/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* The functions between the two layers of an MLP; inlined, so that @activation may be a constant.
 */
#include "cpu/simd.h"
#include "ops/ops.h"

static inline __attribute__ ((always_inline)) VtrVec
vtr_vec_activate (VtrVec x, VtrActivation activation)
{
  switch (activation)
    {
    case VTR_ACTIVATION_NONE:
      return x;
    case VTR_ACTIVATION_GELU_ERF:
      return 0.5f * x * (1.0f + vtr_vec_erf (x * 0.70710678f));
    case VTR_ACTIVATION_GELU_TANH:
      return 0.5f * x * (1.0f + vtr_vec_tanh (0.79788456f * (x + 0.044715f * x * x * x)));
    case VTR_ACTIVATION_GELU_QUICK:
      return x * vtr_vec_sigmoid (1.702f * x);
    case VTR_ACTIVATION_TANH:
      return vtr_vec_tanh (x);
    }
  return x;
}
