/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "analysis/diagnosis.h"

#include <math.h>
#include <string.h>

/* Floors are what f32 and the choice of pictures move a healthy head by, or less. */
const VtrHeadTrait vtr_head_traits[VTR_N_HEAD_TRAITS] = {
  [VTR_HEAD_TRAIT_ENTROPY] = { VTR_STATISTIC_ENTROPY, VTR_READING_ALL, 0.01, TRUE },
  [VTR_HEAD_TRAIT_ENTROPY_CLS] = { VTR_STATISTIC_ENTROPY, VTR_READING_CLS_PATCHES, 0.01, TRUE },
  [VTR_HEAD_TRAIT_MAXIMUM] = { VTR_STATISTIC_MAXIMUM, VTR_READING_ALL, 0.005, TRUE },
  [VTR_HEAD_TRAIT_PARTICIPATION] = { VTR_STATISTIC_PARTICIPATION, VTR_READING_ALL, 1.0, TRUE },
  [VTR_HEAD_TRAIT_DISTANCE] = { VTR_STATISTIC_DISTANCE, VTR_READING_ALL_PATCHES, 1.0, TRUE },
  [VTR_HEAD_TRAIT_CLS_MASS] = { VTR_STATISTIC_CLS_MASS, VTR_READING_ALL, 0.005, TRUE },
  [VTR_HEAD_TRAIT_SELF_MASS] = { VTR_STATISTIC_SELF_MASS, VTR_READING_ALL, 0.002, TRUE },
  [VTR_HEAD_TRAIT_NEIGHBOUR_MASS] = { VTR_STATISTIC_NEIGHBOUR_MASS, VTR_READING_ALL_PATCHES, 0.005,
                                      TRUE },
  [VTR_HEAD_TRAIT_SINK] = { VTR_STATISTIC_SINK, VTR_READING_ALL, 0.005, TRUE },
  [VTR_HEAD_TRAIT_POSITIONAL] = { VTR_STATISTIC_POSITIONAL, VTR_READING_ALL_PATCHES, 0.01, TRUE },
  [VTR_HEAD_TRAIT_UNIFORM_ROWS] = { VTR_STATISTIC_UNIFORM_ROWS, VTR_READING_ALL, 0.05, FALSE },
  [VTR_HEAD_TRAIT_COLLAPSED_ROWS] = { VTR_STATISTIC_COLLAPSED_ROWS, VTR_READING_ALL, 0.05, FALSE },
};

/* Of the class with the greatest logit. */
static double
find_confidence (const VtrObservation *observation)
{
  guint n = 0;
  const float *logits = vtr_observation_get_logits (observation, &n);
  double maximum = -INFINITY, sum = 0.0;

  if (logits == NULL || n < 2)
    return NAN;
  for (guint i = 0; i < n; i++)
    maximum = MAX (maximum, (double) logits[i]);
  for (guint i = 0; i < n; i++)
    sum += exp (logits[i] - maximum);
  return 1.0 / sum;
}

VtrTraits *
vtr_traits_new (const VtrObservation *observation)
{
  VtrTraits *self = g_new0 (VtrTraits, 1);
  const guint n_layers = vtr_observation_get_n_layers (observation);
  const guint n_heads = vtr_observation_get_n_heads (observation);
  const float *embedding = vtr_observation_get_embedding (observation, &self->n_embedding);

  self->n_layers = n_layers;
  self->n_heads = n_heads;
  self->heads = g_new (double, (gsize) VTR_N_HEAD_TRAITS *n_layers *n_heads);
  self->tokens = g_new (double, (gsize) VTR_N_TOKEN_STATISTICS *n_layers);
  self->embedding = g_memdup2 (embedding, self->n_embedding * sizeof *embedding);
  self->confidence = find_confidence (observation);
  for (guint trait = 0; trait < VTR_N_HEAD_TRAITS; trait++)
    for (guint layer = 0; layer < n_layers; layer++)
      for (guint head = 0; head < n_heads; head++)
        self->heads[((gsize) trait * n_layers + layer) * n_heads + head] =
            vtr_observation_get (observation, vtr_head_traits[trait].statistic,
                                 vtr_head_traits[trait].reading, layer, head);
  for (guint statistic = 0; statistic < VTR_N_TOKEN_STATISTICS; statistic++)
    for (guint layer = 0; layer < n_layers; layer++)
      self->tokens[(gsize) statistic * n_layers + layer] =
          vtr_observation_get_of_tokens (observation, (VtrTokenStatistic) statistic, layer);
  return self;
}

void
vtr_traits_free (VtrTraits *self)
{
  if (self == NULL)
    return;
  g_free (self->heads);
  g_free (self->tokens);
  g_free (self->embedding);
  g_free (self);
}
