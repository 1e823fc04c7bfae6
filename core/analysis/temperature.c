/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* The temperature of the softmax at which a model is most like the reference. */
#include "analysis/diagnosis.h"

#include <math.h>

/* Searched from 1/MOST to MOST times the present one: first on a grid, then by golden section. */
#define MOST 8.0
#define N_STEPS 6 /* of the grid, to each side */
#define N_SECTIONS 4
#define GOLDEN 0.6180339887498949

/* Pictures on the grid, where only the valley is looked for. */
#define N_FIRST 2

typedef struct
{
  VtrDiagnosis *diagnosis;
  VtrChange change;
  VtrProgress progress;
  guint n_done;
} Search;

/* At @log_factor times the present temperature; NULL only with an error. */
static VtrExperiment *
try_temperature (Search *self, double log_factor, guint n_probes, GError **error)
{
  const double n_steps = 2 * N_STEPS + N_SECTIONS + 2;
  const VtrProgress part = vtr_progress_part (&self->progress, MIN (self->n_done / n_steps, 1.0),
                                              MIN ((self->n_done + 1) / n_steps, 1.0));

  self->n_done++;
  self->change.temperature = self->diagnosis->temperature * exp (log_factor);
  g_free (self->change.change);
  self->change.change = g_strdup_printf ("temperature %.3g", self->change.temperature);

  VtrExperiment *experiment =
      vtr_diagnosis_try (self->diagnosis, &self->change, n_probes, &part, error);
  if (experiment != NULL)
    experiment->parameter = self->change.temperature;
  return experiment;
}

static gboolean
measure (Search *self, double log_factor, guint n_probes, double *distance, GError **error)
{
  VtrExperiment *experiment = try_temperature (self, log_factor, n_probes, error);

  if (experiment == NULL)
    return FALSE;
  *distance = experiment->after;
  vtr_experiment_free (experiment);
  return TRUE;
}

/* Walks down from the present temperature to the lowest place of the grid: its number of steps. */
static gboolean
find_valley (Search *self, int *valley, GError **error)
{
  const double step = log (MOST) / N_STEPS;
  double present = 0.0, lowest, distance;
  const guint n = MIN (N_FIRST, self->diagnosis->probes->len);

  for (guint i = 0; i < n; i++)
    present += g_array_index (self->diagnosis->probes, VtrProbe, i).distance / n;
  *valley = 0;
  lowest = present;
  for (int sign = -1; sign <= 1; sign += 2)
    for (int i = 1; i <= N_STEPS; i++)
      {
        if (!measure (self, sign * i * step, N_FIRST, &distance, error))
          return FALSE;
        if (!(distance < lowest))
          break;
        lowest = distance;
        *valley = sign * i;
      }
  return TRUE;
}

/* Golden section between the neighbours of the valley (Kiefer 1953). */
static gboolean
narrow (Search *self, int valley, double *log_factor, GError **error)
{
  const double step = log (MOST) / N_STEPS;
  double low = (valley - 1) * step, high = (valley + 1) * step;
  double left = high - GOLDEN * (high - low), right = low + GOLDEN * (high - low);
  double at_left, at_right;

  if (!measure (self, left, N_FIRST, &at_left, error) ||
      !measure (self, right, N_FIRST, &at_right, error))
    return FALSE;
  for (guint i = 0; i < N_SECTIONS; i++)
    if (at_left < at_right)
      {
        high = right;
        right = left;
        at_right = at_left;
        left = high - GOLDEN * (high - low);
        if (!measure (self, left, N_FIRST, &at_left, error))
          return FALSE;
      }
    else
      {
        low = left;
        left = right;
        at_left = at_right;
        right = low + GOLDEN * (high - low);
        if (!measure (self, right, N_FIRST, &at_right, error))
          return FALSE;
      }
  *log_factor = at_left < at_right ? left : right;
  return TRUE;
}

VtrExperiment *
vtr_diagnosis_find_temperature (VtrDiagnosis *self, const VtrProgress *progress, GError **error)
{
  Search search = {
    .diagnosis = self,
    .change = { .rule = VTR_RULE_TEMPERATURE, .arch = *vtr_model_get_arch (self->model) },
    .progress = *progress,
  };
  double log_factor = 0.0;
  int valley = 0;
  VtrExperiment *experiment = NULL;

  if (find_valley (&search, &valley, error) && valley != 0 &&
      narrow (&search, valley, &log_factor, error))
    experiment = try_temperature (&search, log_factor, VTR_N_PROBES, error);
  g_free (search.change.change);
  return experiment;
}
