/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "reference.h"

#include <math.h>

void
reference_layer_norm (const float *x,
                      const float *affine,
                      float eps,
                      guint n_rows,
                      guint d,
                      double *y)
{
  for (guint row = 0; row < n_rows; row++, x += d, y += d)
    {
      double mean = 0.0, variance = 0.0;
      for (guint i = 0; i < d; i++)
        mean += x[i] / (double) d;
      for (guint i = 0; i < d; i++)
        variance += (x[i] - mean) * (x[i] - mean) / d;
      for (guint i = 0; i < d; i++)
        y[i] = (x[i] - mean) / sqrt (variance + eps) * affine[i] + affine[d + i];
    }
}

static double
sigmoid (double x)
{
  return 1.0 / (1.0 + exp (-x));
}

static double
activate (double x, VtrActivation activation)
{
  switch (activation)
    {
    case VTR_ACTIVATION_NONE:
      return x;
    case VTR_ACTIVATION_GELU_ERF:
      return 0.5 * x * (1.0 + erf (x / G_SQRT2));
    case VTR_ACTIVATION_GELU_TANH:
      return 0.5 * x * (1.0 + tanh (sqrt (2.0 / G_PI) * (x + 0.044715 * x * x * x)));
    case VTR_ACTIVATION_GELU_QUICK:
      return x * sigmoid (1.702 * x);
    case VTR_ACTIVATION_TANH:
      return tanh (x);
    }
  g_assert_not_reached ();
}

void
reference_matmul (const float *x,
                  const float *w,
                  const float *epilogue,
                  VtrMatmulFlags flags,
                  VtrActivation activation,
                  guint m,
                  guint n,
                  guint k,
                  double *y)
{
  for (guint row = 0; row < m; row++)
    for (guint col = 0; col < n; col++)
      {
        double sum = flags & VTR_MATMUL_BIAS ? epilogue[col] : 0.0;
        for (guint i = 0; i < k; i++)
          sum += (double) x[row * k + i] * w[col * k + i];
        sum = activate (sum, activation);
        if (flags & VTR_MATMUL_SCALE)
          sum *= epilogue[n + col];
        y[row * n + col] = flags & VTR_MATMUL_ACCUMULATE ? y[row * n + col] + sum : sum;
      }
}

void
reference_swiglu (const float *gate_up, guint n_rows, guint f, double *hidden)
{
  for (guint row = 0; row < n_rows; row++)
    for (guint i = 0; i < f; i++)
      {
        const double gate = gate_up[row * 2 * f + i];
        hidden[row * f + i] = gate * sigmoid (gate) * gate_up[row * 2 * f + f + i];
      }
}

/* x·cos + rotate_half (x)·sin, rotate_half (x) = (−x[hd/2..], x[..hd/2]) */
static void
rotate (double *x, const float *cosines, const float *sines, guint hd)
{
  const guint half = hd / 2;

  for (guint i = 0; i < half; i++)
    {
      const double first = x[i], second = x[half + i];
      x[i] = first * cosines[i] - second * sines[i];
      x[half + i] = second * cosines[half + i] + first * sines[half + i];
    }
}

void
reference_rope (double *qkv, const float *table, guint b, guint n, guint p, guint h, guint hd)
{
  for (guint image = 0; image < b; image++)
    for (guint patch = 0; patch < p; patch++)
      for (guint head = 0; head < 2 * h; head++) /* of q, then of k */
        rotate (qkv + ((image * n + n - p + patch) * 3 * h + head) * hd, table + patch * hd,
                table + (p + patch) * hd, hd);
}
