/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* layer-norm, swiglu, rope: see the shaders of these names for the shapes. */
#include "cpu/kernels.h"
#include "cpu/simd.h"

#include <math.h>

static void
norm_row (const float *x, const float *affine, gsize width, float eps, float *y)
{
  float sum = 0.0f, squares = 0.0f;

#pragma omp simd reduction(+ : sum)
  for (gsize i = 0; i < width; i++)
    sum += x[i];
  const float mean = sum / (float) width;

#pragma omp simd reduction(+ : squares)
  for (gsize i = 0; i < width; i++)
    squares += (x[i] - mean) * (x[i] - mean);
  const float inverse_deviation = 1.0f / sqrtf (squares / (float) width + eps);

#pragma omp simd
  for (gsize i = 0; i < width; i++)
    y[i] = (x[i] - mean) * inverse_deviation * affine[i] + affine[width + i];
}

void
VTR_CPU (layer_norm) (gconstpointer data, float *const *tensors)
{
  const VtrLayerNormParams *params = data;
  const gsize width = params->width;

#pragma omp parallel for if (VTR_CPU_IS_LARGE(4.0 * params->n_rows * width))
  for (gsize row = 0; row < params->n_rows; row++)
    norm_row (tensors[0] + row * width, tensors[1], width, params->eps, tensors[2] + row * width);
}

void
VTR_CPU (swiglu) (gconstpointer data, float *const *tensors)
{
  const VtrSwigluParams *params = data;
  const gsize width = params->width;
  const gsize n_rows = params->n_values / width;

#pragma omp parallel for if (VTR_CPU_IS_LARGE(16.0 * params->n_values))
  for (gsize row = 0; row < n_rows; row++)
    {
      const float *gate = tensors[0] + row * 2 * width, *up = gate + width;
      float *hidden = tensors[1] + row * width;
      for (gsize i = 0; i < width; i += VTR_LANES)
        {
          const VtrVec x = vtr_vec_load_part (gate + i, width - i);
          vtr_vec_store_part (hidden + i,
                              x * vtr_vec_sigmoid (x) * vtr_vec_load_part (up + i, width - i),
                              width - i);
        }
    }
}

/* Turns one head of one token; @cos and @sin are rows of the table. */
static void
turn_head (float *head, const float *cos, const float *sin, gsize half)
{
#pragma omp simd
  for (gsize i = 0; i < half; i++)
    {
      const float a = head[i], b = head[half + i];
      head[i] = a * cos[i] - b * sin[i];
      head[half + i] = b * cos[half + i] + a * sin[half + i];
    }
}

void
VTR_CPU (rope) (gconstpointer data, float *const *tensors)
{
  const VtrRopeParams *params = data;
  const gsize width = params->head_width;
  const gsize n_patches = params->n_tokens - params->n_prefix;
  const gsize n_turning = 2 * (gsize) params->n_heads; /* q's heads, then k's */
  const gsize n_rows = params->n_pairs / (width / 2) / n_turning;

#pragma omp parallel for if (VTR_CPU_IS_LARGE(4.0 * params->n_pairs))
  for (gsize row = 0; row < n_rows; row++)
    {
      const gsize patch = row % n_patches;
      const gsize token = row / n_patches * params->n_tokens + params->n_prefix + patch;
      const float *cos = tensors[1] + row / n_patches * params->table_stride + patch * width;
      for (gsize head = 0; head < n_turning; head++)
        turn_head (tensors[0] + (token * 3 * params->n_heads + head) * width, cos,
                   cos + n_patches * width, width / 2);
    }
}
