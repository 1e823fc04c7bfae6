/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "reference.h"

void
reference_patchify (const float *pixels,
                    guint b,
                    guint height,
                    guint width,
                    guint size,
                    double *patches)
{
  for (guint image = 0; image < b; image++)
    for (guint row = 0; row < height / size; row++)
      for (guint col = 0; col < width / size; col++)
        for (guint channel = 0; channel < 3; channel++)
          for (guint y = 0; y < size; y++)
            for (guint x = 0; x < size; x++)
              *patches++ = pixels[((image * 3 + channel) * height + row * size + y) * width +
                                  col * size + x];
}

void
reference_embed_tokens (const float *patches,
                        const float *prefix,
                        const float *positions,
                        guint b,
                        guint p,
                        guint n_prefix,
                        guint d,
                        double *tokens)
{
  for (guint image = 0; image < b; image++)
    {
      for (guint i = 0; i < n_prefix * d; i++)
        *tokens++ = prefix[i];
      for (guint i = 0; i < p * d; i++)
        *tokens++ = (double) *patches++ + (positions != NULL ? positions[i] : 0.0);
    }
}

void
reference_gather_tokens (const float *x,
                         const guint32 *indices,
                         guint b,
                         gboolean shared,
                         guint n,
                         guint m,
                         guint d,
                         double *y)
{
  for (guint image = 0; image < b; image++)
    for (guint i = 0; i < m; i++, indices++)
      for (guint column = 0; column < d; column++)
        *y++ = x[((shared ? 0 : image) * n + *indices) * d + column];
}

/* Mean of the tokens from @first up to @end, [d]. */
static void
mean_tokens (const float *tokens, guint first, guint end, guint d, double *mean)
{
  for (guint i = 0; i < d; i++)
    {
      double sum = 0.0;
      for (guint token = first; token < end; token++)
        sum += tokens[token * d + i];
      mean[i] = sum / (end - first);
    }
}

void
reference_pool (const float *tokens,
                guint b,
                guint n,
                guint d,
                guint n_prefix,
                VtrPool pool,
                double *pooled)
{
  for (guint image = 0; image < b; image++, tokens += n * d)
    switch (pool)
      {
      case VTR_POOL_CLS:
        mean_tokens (tokens, 0, 1, d, pooled + image * d);
        break;
      case VTR_POOL_MEAN:
        mean_tokens (tokens, n_prefix, n, d, pooled + image * d);
        break;
      case VTR_POOL_CLS_AND_MEAN:
        mean_tokens (tokens, 0, 1, d, pooled + image * 2 * d);
        mean_tokens (tokens, n_prefix, n, d, pooled + image * 2 * d + d);
        break;
      case VTR_POOL_DISTILLATION:
        mean_tokens (tokens, 1, 2, d, pooled + image * d);
        break;
      case VTR_POOL_MEAN_ALL:
        mean_tokens (tokens, 0, n, d, pooled + image * d);
        break;
      }
}
