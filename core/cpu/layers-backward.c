/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* layer-norm-backward, activation-backward, swiglu-backward, pool-backward: see the shaders of
 * these names for the shapes. */
#include "cpu/activation.h"
#include "cpu/kernels.h"
#include "cpu/simd.h"

#include <math.h>

/* ---- layer-norm-backward ---- */

typedef struct
{
  float mean, inverse_deviation;
} Moments;

static Moments
measure_row (const float *x, gsize width, float eps)
{
  float sum = 0.0f, squares = 0.0f;

#pragma omp simd reduction(+ : sum)
  for (gsize i = 0; i < width; i++)
    sum += x[i];
  const float mean = sum / (float) width;

#pragma omp simd reduction(+ : squares)
  for (gsize i = 0; i < width; i++)
    squares += (x[i] - mean) * (x[i] - mean);
  return (Moments){ mean, 1.0f / sqrtf (squares / (float) width + eps) };
}

/* @d_x may be @d_y where nothing accumulates. */
static void
unnorm_row (const float *x,
            const float *weight,
            const float *d_y,
            const VtrLayerNormBackwardParams *params,
            float *d_x)
{
  const gsize width = params->width;
  const Moments moments = measure_row (x, width, params->eps);
  const float inverse = moments.inverse_deviation;
  float sum = 0.0f, dot = 0.0f;

#pragma omp simd reduction(+ : sum, dot)
  for (gsize i = 0; i < width; i++)
    {
      const float gradient = d_y[i] * weight[i];
      sum += gradient;
      dot += gradient * ((x[i] - moments.mean) * inverse);
    }
  const float mean_gradient = sum / (float) width;
  const float mean_dot = dot / (float) width;

#pragma omp simd
  for (gsize i = 0; i < width; i++)
    {
      const float normed = (x[i] - moments.mean) * inverse;
      const float gradient = (d_y[i] * weight[i] - mean_gradient - normed * mean_dot) * inverse;
      d_x[i] = params->accumulate ? d_x[i] + gradient : gradient;
    }
}

void
VTR_CPU (layer_norm_backward) (gconstpointer data, float *const *tensors)
{
  const VtrLayerNormBackwardParams *params = data;
  const gsize width = params->width;

#pragma omp parallel for if (VTR_CPU_IS_LARGE(8.0 * params->n_rows * width))
  for (gsize row = 0; row < params->n_rows; row++)
    unnorm_row (tensors[0] + row * width, tensors[1], tensors[2] + row * width, params,
                tensors[3] + row * width);
}

/* ---- activation-backward ---- */

/* @scale: NULL for none.  @d_z may be @z or @d_y.  Whole vectors if @n is a constant. */
static inline __attribute__ ((always_inline)) void
deactivate_values (const VtrActivation activation,
                   const float *z,
                   const float *scale,
                   const float *d_y,
                   gsize n,
                   float *d_z)
{
  VtrVec gradient = vtr_vec_load_part (d_y, n);

  if (activation != VTR_ACTIVATION_NONE)
    gradient *= vtr_vec_activation_slope (vtr_vec_load_part (z, n), activation);
  if (scale != NULL)
    gradient *= vtr_vec_load_part (scale, n);
  vtr_vec_store_part (d_z, gradient, n);
}

static inline __attribute__ ((always_inline)) void
deactivate_row (const VtrActivation activation,
                const float *z,
                const float *scale,
                const float *d_y,
                gsize width,
                float *d_z)
{
  gsize i = 0;

  for (; i + VTR_LANES <= width; i += VTR_LANES)
    deactivate_values (activation, z + i, scale != NULL ? scale + i : NULL, d_y + i, VTR_LANES,
                       d_z + i);
  if (i < width)
    deactivate_values (activation, z + i, scale != NULL ? scale + i : NULL, d_y + i, width - i,
                       d_z + i);
}

void
VTR_CPU (activation_backward) (gconstpointer data, float *const *tensors)
{
  const VtrActivationBackwardParams *params = data;
  const gsize width = params->width, n_rows = params->n_values / width;
  const float *scale = params->has_scale ? tensors[1] + width : NULL;

#pragma omp parallel for if (VTR_CPU_IS_LARGE(16.0 * params->n_values))
  for (gsize row = 0; row < n_rows; row++)
    {
      const float *z = tensors[0] + row * width, *d_y = tensors[2] + row * width;
      float *d_z = tensors[3] + row * width;
      /* Each activation is a constant of its loop. */
      switch ((VtrActivation) params->activation)
        {
        case VTR_ACTIVATION_NONE:
          deactivate_row (VTR_ACTIVATION_NONE, z, scale, d_y, width, d_z);
          break;
        case VTR_ACTIVATION_GELU_ERF:
          deactivate_row (VTR_ACTIVATION_GELU_ERF, z, scale, d_y, width, d_z);
          break;
        default:
          deactivate_row (params->activation, z, scale, d_y, width, d_z);
        }
    }
}

/* ---- swiglu-backward ---- */

void
VTR_CPU (swiglu_backward) (gconstpointer data, float *const *tensors)
{
  const VtrSwigluBackwardParams *params = data;
  const gsize width = params->width;
  const gsize n_rows = params->n_values / width;

#pragma omp parallel for if (VTR_CPU_IS_LARGE(16.0 * params->n_values))
  for (gsize row = 0; row < n_rows; row++)
    {
      const float *gate = tensors[0] + row * 2 * width, *up = gate + width;
      const float *d_hidden = tensors[1] + row * width;
      float *d_gate = tensors[2] + row * 2 * width, *d_up = d_gate + width;
      for (gsize i = 0; i < width; i += VTR_LANES)
        {
          const gsize n = width - i;
          const VtrVec x = vtr_vec_load_part (gate + i, n);
          const VtrVec gradient = vtr_vec_load_part (d_hidden + i, n);
          const VtrVec d_silu = gradient * vtr_vec_load_part (up + i, n);
          const VtrVec s = vtr_vec_sigmoid (x);
          const VtrVec silu = x * s;
          vtr_vec_store_part (d_gate + i, d_silu * (s + silu * (1.0f - s)), n);
          vtr_vec_store_part (d_up + i, gradient * silu, n);
        }
    }
}

/* ---- pool-backward ---- */

/* What the tokens of the @half-th range get is @share of its part of d_pooled. */
static float
share_of (const VtrPoolBackwardParams *params, gsize token, guint half)
{
  if (token < params->first_token[half] || token >= params->end_token[half])
    return 0.0f;
  return 1.0f / (float) (params->end_token[half] - params->first_token[half]);
}

void
VTR_CPU (pool_backward) (gconstpointer data, float *const *tensors)
{
  const VtrPoolBackwardParams *params = data;
  const gsize width = params->width;
  const gsize n_rows = params->n_values / width;
  const gboolean two_halves = params->pooled_width > width;

#pragma omp parallel for if (VTR_CPU_IS_LARGE(4.0 * params->n_values))
  for (gsize row = 0; row < n_rows; row++)
    {
      const gsize token = row % params->n_tokens;
      const float *d_pooled = tensors[0] + row / params->n_tokens * params->pooled_width;
      const float *d_second = d_pooled + (two_halves ? width : 0);
      const float first = share_of (params, token, 0);
      const float second = two_halves ? share_of (params, token, 1) : 0.0f;
      float *d_token = tensors[1] + row * width;
      for (gsize i = 0; i < width; i++)
        {
          const float gradient = d_pooled[i] * first + d_second[i] * second;
          d_token[i] = params->accumulate ? d_token[i] + gradient : gradient;
        }
    }
}
