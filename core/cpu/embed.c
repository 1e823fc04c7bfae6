/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* patchify, embed-tokens, gather-tokens, pool: see the shaders of these names for the shapes. */
#include "cpu/kernels.h"

#include <string.h>

void
VTR_CPU (patchify) (gconstpointer data, float *const *tensors)
{
  const VtrPatchifyParams *params = data;
  const float *pixels = tensors[0];
  float *patches = tensors[1];
  const gsize size = params->size, rows = params->grid_rows, cols = params->grid_cols;
  const gsize n_patches = params->n_values / (3 * size * size);

#pragma omp parallel for if (VTR_CPU_IS_LARGE(params->n_values))
  for (gsize patch = 0; patch < n_patches; patch++)
    {
      const gsize x = patch % cols * size;
      const gsize y = patch / cols % rows * size;
      const gsize image = patch / cols / rows;
      for (gsize channel = 0; channel < 3; channel++)
        for (gsize dy = 0; dy < size; dy++)
          memcpy (patches + ((patch * 3 + channel) * size + dy) * size,
                  pixels + ((image * 3 + channel) * params->height + y + dy) * params->width + x,
                  size * sizeof (float));
    }
}

void
VTR_CPU (embed_tokens) (gconstpointer data, float *const *tensors)
{
  const VtrEmbedTokensParams *params = data;
  const float *patches = tensors[0], *prefix = tensors[1], *positions = tensors[2];
  float *tokens = tensors[3];
  const gsize width = params->width;
  const gsize n_tokens = (gsize) params->n_prefix + params->n_patches;
  const gsize n_rows = params->n_values / width;

#pragma omp parallel for if (VTR_CPU_IS_LARGE(params->n_values))
  for (gsize row = 0; row < n_rows; row++)
    {
      const gsize token = row % n_tokens;
      const gsize image = row / n_tokens;
      float *out = tokens + row * width;
      if (token < params->n_prefix)
        {
          memcpy (out, prefix + token * width, width * sizeof (float));
          continue;
        }
      const gsize patch = token - params->n_prefix;
      memcpy (out, patches + (image * params->n_patches + patch) * width, width * sizeof (float));
      if (params->has_positions)
        for (gsize column = 0; column < width; column++)
          out[column] += positions[patch * width + column];
    }
}

void
VTR_CPU (gather_tokens) (gconstpointer data, float *const *tensors)
{
  const VtrGatherTokensParams *params = data;
  const guint32 *indices = (const guint32 *) tensors[1];
  const gsize width = params->width, n_kept = params->n_kept, stride = params->image_stride;
  const gsize n_rows = params->n_values / width;

#pragma omp parallel for if (VTR_CPU_IS_LARGE(params->n_values))
  for (gsize row = 0; row < n_rows; row++)
    memcpy (tensors[2] + row * width, tensors[0] + row / n_kept * stride + indices[row] * width,
            width * sizeof (float));
}

void
VTR_CPU (pool) (gconstpointer data, float *const *tensors)
{
  const VtrPoolParams *params = data;
  const gsize width = params->width;
  const gsize n_parts = params->pooled_width / width;
  const gsize n_rows = params->n_values / width;

#pragma omp parallel for if (VTR_CPU_IS_LARGE(params->n_values * (double) params->n_tokens))
  for (gsize row = 0; row < n_rows; row++)
    {
      const gsize part = row % n_parts;
      const gsize first = params->first_token[part], end = params->end_token[part];
      const float *tokens = tensors[0] + row / n_parts * params->n_tokens * width;
      float *out = tensors[1] + row * width;
      memset (out, 0, width * sizeof (float));
      for (gsize token = first; token < end; token++)
        for (gsize column = 0; column < width; column++)
          out[column] += tokens[token * width + column];
      for (gsize column = 0; column < width; column++)
        out[column] /= (float) (end - first);
    }
}
