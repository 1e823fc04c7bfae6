/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* How attention changes from layer to layer. */
#include "analysis/analysis.h"

#include <math.h>

/* The least fall of the mean entropy that is one. */
#define LEAST_FALL 0.01

double
vtr_analysis_get_layer_mean (const VtrAnalysis *self,
                             VtrStatistic statistic,
                             VtrReading reading,
                             guint layer)
{
  double sum = 0.0;
  guint n = 0;

  for (guint head = 0; head < self->n_heads; head++)
    {
      const double mean = vtr_analysis_get_mean (self, statistic, reading, layer, head);

      if (isnan (mean))
        continue;
      sum += mean;
      n++;
    }
  return n > 0 ? sum / n : NAN;
}

double
vtr_analysis_get_divergence_within (const VtrAnalysis *self, guint layer)
{
  double sum = 0.0;
  guint n = 0;

  for (guint a = 0; a < self->n_heads; a++)
    for (guint b = 0; b < a; b++)
      {
        double divergence;

        vtr_analysis_get_similarity (self, layer, a, layer, b, &divergence, NULL);
        if (isnan (divergence))
          continue;
        sum += divergence;
        n++;
      }
  return n > 0 ? sum / n : NAN;
}

static void
find_entropy_fall (const VtrAnalysis *self, VtrEvolution *evolution)
{
  evolution->entropy_falls = -1;
  for (guint layer = 1; layer < self->n_layers; layer++)
    {
      const double fall =
          vtr_analysis_get_layer_mean (self, VTR_STATISTIC_ENTROPY, VTR_READING_ALL, layer - 1) -
          vtr_analysis_get_layer_mean (self, VTR_STATISTIC_ENTROPY, VTR_READING_ALL, layer);

      if (fall < LEAST_FALL || fall <= evolution->entropy_fall)
        continue;
      evolution->entropy_falls = (int) layer;
      evolution->entropy_fall = fall;
    }
}

static int
find_specialisation (const VtrAnalysis *self)
{
  double most = 0.0;

  for (guint layer = 0; layer < self->n_layers; layer++)
    most = fmax (most, vtr_analysis_get_divergence_within (self, layer));
  for (guint layer = 0; most > 0.0 && layer < self->n_layers; layer++)
    if (vtr_analysis_get_divergence_within (self, layer) >= most / 2)
      return (int) layer;
  return -1;
}

static int
find_settling (const VtrAnalysis *self)
{
  double most = 0.0;
  guint first = self->n_layers;

  for (guint layer = 1; layer < self->n_layers; layer++)
    most = fmax (most, vtr_analysis_get_of_tokens (self, VTR_TOKEN_CHANGE, layer).mean);
  while (first > 1 &&
         vtr_analysis_get_of_tokens (self, VTR_TOKEN_CHANGE, first - 1).mean < most / 4)
    first--;
  return first < self->n_layers ? (int) first : -1;
}

VtrEvolution
vtr_analysis_get_evolution (const VtrAnalysis *self)
{
  VtrEvolution evolution = { -1, 0.0, -1, -1 };

  g_return_val_if_fail (self != NULL, evolution);

  find_entropy_fall (self, &evolution);
  evolution.heads_specialise = find_specialisation (self);
  evolution.maps_settle = find_settling (self);
  return evolution;
}
