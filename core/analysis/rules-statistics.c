/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Rules about what was observed: hard floors for what no healthy model does, else the reference. */
#include "analysis/diagnosis.h"

#include <math.h>

/* Shares of the heads from which on something is a note, a warning, a fault. */
#define NOTE_SHARE 0.05
#define WARNING_SHARE 0.2
#define COLLAPSE_WARNING_SHARE 0.05
#define COLLAPSE_FAULT_SHARE 0.25
#define SINK_WARNING_SHARE 0.1
#define LONE_WARNING_SHARE 0.25 /* without a reference */
#define RANK_FAULT_SHARE 0.25   /* of the layers */

/* Hard floors. */
#define COLLAPSED_ENTROPY 0.02
#define UNIFORM_ROWS 0.9
#define SINK_MASS 0.5
#define COLLAPSED_COSINE 0.95

/* Normalised pixels: deviations beyond these are of no normalisation. */
#define PIXEL_DEVIATION_MOST 8.0
#define PIXEL_DEVIATION_LEAST 0.02

/* Heads or layers on one side of a limit. */
typedef struct
{
  guint n;      /* on that side */
  guint n_all;  /* that have the statistic */
  int layer;    /* of the farthest one */
  int head;     /* −1: it is a layer */
  double value; /* of the farthest one, and what is healthy there */
  double low;
  double high;
  double beyond; /* how far it is from that */
} Outliers;

static const Outliers no_outliers = { .layer = -1, .head = -1, .low = NAN, .high = NAN };

static void
count_outlier (Outliers *self, int layer, int head, double value, double low, double high)
{
  const double beyond = MAX (low - value, value - high);

  self->n++;
  if (self->n > 1 && beyond <= self->beyond)
    return;
  self->layer = layer;
  self->head = head;
  self->value = value;
  self->low = low;
  self->high = high;
  self->beyond = beyond;
}

static double
get_share (const Outliers *self)
{
  return self->n_all > 0 ? (double) self->n / self->n_all : 0.0;
}

static void
place_symptom (VtrSymptom *symptom, const Outliers *outliers)
{
  symptom->value = outliers->value;
  symptom->low = outliers->low;
  symptom->high = outliers->high;
}

static double
get_median (VtrDiagnosis *self, VtrHeadTraitId trait, guint layer, guint head)
{
  return vtr_analysis_get (self->analysis, vtr_head_traits[trait].statistic,
                           vtr_head_traits[trait].reading, layer, head)
      .percentiles[2];
}

/* What is healthy for a head; FALSE where the reference, or no reference, does not say. */
static gboolean
get_bounds (const VtrDiagnosis *self,
            VtrHeadTraitId trait,
            guint layer,
            guint head,
            double *low,
            double *high)
{
  *low = -INFINITY;
  *high = INFINITY;
  return self->reference != NULL &&
         vtr_range_get_bounds (vtr_reference_get_head (self->reference, trait, layer, head),
                               vtr_head_traits[trait].floor, low, high);
}

/* Heads whose median lies below (@sign −1) or above (1) what the reference says. */
static Outliers
find_beyond_reference (VtrDiagnosis *self, VtrHeadTraitId trait, int sign)
{
  Outliers outliers = no_outliers;

  for (guint layer = 0; layer < vtr_analysis_get_n_layers (self->analysis); layer++)
    for (guint head = 0; head < vtr_analysis_get_n_heads (self->analysis); head++)
      {
        const double value = get_median (self, trait, layer, head);
        double low, high;
        if (isnan (value) || !get_bounds (self, trait, layer, head, &low, &high))
          continue;
        outliers.n_all++;
        if (sign < 0 ? value < low : value > high)
          count_outlier (&outliers, (int) layer, (int) head, value, low, high);
      }
  return outliers;
}

/* Heads whose median lies beyond a hard floor, and beyond the reference where there is one. */
static Outliers
find_beyond_floor (VtrDiagnosis *self, VtrHeadTraitId trait, int sign, double floor)
{
  Outliers outliers = no_outliers;

  for (guint layer = 0; layer < vtr_analysis_get_n_layers (self->analysis); layer++)
    for (guint head = 0; head < vtr_analysis_get_n_heads (self->analysis); head++)
      {
        const double value = get_median (self, trait, layer, head);
        double low, high;
        if (isnan (value))
          continue;
        outliers.n_all++;
        if (!get_bounds (self, trait, layer, head, &low, &high))
          low = high = floor;
        if (sign < 0 ? value < floor && value <= low : value > floor && value >= high)
          count_outlier (&outliers, (int) layer, (int) head, value, sign < 0 ? low : -INFINITY,
                         sign < 0 ? INFINITY : high);
      }
  return outliers;
}

/* ---- entropy ---- */

static void
check_entropy (VtrDiagnosis *self, VtrRuleId rule, int sign)
{
  const Outliers outliers = find_beyond_reference (self, VTR_HEAD_TRAIT_ENTROPY, sign);

  if (get_share (&outliers) < NOTE_SHARE)
    return;
  VtrSymptom *symptom = vtr_diagnosis_tell (
      self, rule, get_share (&outliers) >= WARNING_SHARE ? VTR_SEVERITY_WARNING : VTR_SEVERITY_NOTE,
      outliers.layer, outliers.head,
      "%u of %u heads have an entropy %s that of the reference; farthest off is layer %d head %d "
      "with %.3f, where %.3f to %.3f is healthy.",
      outliers.n, outliers.n_all, sign < 0 ? "below" : "above", outliers.layer, outliers.head,
      outliers.value, outliers.low, outliers.high);
  place_symptom (symptom, &outliers);
}

static void
check_uniform (VtrDiagnosis *self)
{
  const Outliers outliers = find_beyond_floor (self, VTR_HEAD_TRAIT_UNIFORM_ROWS, 1, UNIFORM_ROWS);

  if (self->reference != NULL || outliers.n == 0)
    return;
  VtrSymptom *symptom = vtr_diagnosis_tell (
      self, VTR_RULE_TOO_DISPERSED,
      get_share (&outliers) >= LONE_WARNING_SHARE ? VTR_SEVERITY_WARNING : VTR_SEVERITY_NOTE,
      outliers.layer, outliers.head,
      "%u of %u heads attend to all tokens alike; in layer %d head %d %.0f %% of the rows have an "
      "entropy above 0.98.",
      outliers.n, outliers.n_all, outliers.layer, outliers.head, 100.0 * outliers.value);
  place_symptom (symptom, &outliers);
}

static void
check_collapse (VtrDiagnosis *self)
{
  const Outliers outliers = find_beyond_floor (self, VTR_HEAD_TRAIT_ENTROPY, -1, COLLAPSED_ENTROPY);
  const double share = get_share (&outliers);

  if (outliers.n == 0)
    return;
  VtrSymptom *symptom = vtr_diagnosis_tell (self, VTR_RULE_ENTROPY_COLLAPSE,
                                            share >= COLLAPSE_FAULT_SHARE     ? VTR_SEVERITY_FAULT
                                            : share >= COLLAPSE_WARNING_SHARE ? VTR_SEVERITY_WARNING
                                                                              : VTR_SEVERITY_NOTE,
                                            outliers.layer, outliers.head,
                                            "%u of %u heads have a normalised entropy below 0.02; "
                                            "layer %d head %d has %.2g.",
                                            outliers.n, outliers.n_all, outliers.layer,
                                            outliers.head, outliers.value);
  place_symptom (symptom, &outliers);
}

static void
check_sinks (VtrDiagnosis *self)
{
  const Outliers outliers = find_beyond_floor (self, VTR_HEAD_TRAIT_SINK, 1, SINK_MASS);
  const double warning = self->reference != NULL ? SINK_WARNING_SHARE : LONE_WARNING_SHARE;

  if (outliers.n == 0)
    return;
  VtrSymptom *symptom = vtr_diagnosis_tell (
      self, VTR_RULE_ATTENTION_SINK,
      get_share (&outliers) >= warning ? VTR_SEVERITY_WARNING : VTR_SEVERITY_NOTE, outliers.layer,
      outliers.head,
      "In %u of %u heads one token gets more than half of all attention; in layer %d head %d it "
      "gets %.0f %%.",
      outliers.n, outliers.n_all, outliers.layer, outliers.head, 100.0 * outliers.value);
  place_symptom (symptom, &outliers);
}

/* ---- tokens ---- */

static void
check_rank (VtrDiagnosis *self)
{
  Outliers outliers = no_outliers;

  for (guint layer = 0; layer < vtr_analysis_get_n_layers (self->analysis); layer++)
    {
      const double value =
          vtr_analysis_get_of_tokens (self->analysis, VTR_TOKEN_COSINE, layer).percentiles[2];
      double low = NAN, high = COLLAPSED_COSINE;
      if (isnan (value))
        continue;
      outliers.n_all++;
      if (self->reference != NULL)
        vtr_range_get_bounds (vtr_reference_get_tokens (self->reference, VTR_TOKEN_COSINE, layer),
                              0.0, &low, &high);
      if (value > COLLAPSED_COSINE && !(value <= high))
        count_outlier (&outliers, (int) layer, -1, value, -INFINITY, high);
    }
  if (outliers.n == 0)
    return;
  VtrSymptom *symptom = vtr_diagnosis_tell (
      self, VTR_RULE_RANK_COLLAPSE,
      get_share (&outliers) >= RANK_FAULT_SHARE ? VTR_SEVERITY_FAULT : VTR_SEVERITY_WARNING,
      outliers.layer, -1,
      "In %u of %u layers the mean cosine of patch tokens is above 0.95; after layer %d it is "
      "%.3f, and up to %.3f is healthy.",
      outliers.n, outliers.n_all, outliers.layer, outliers.value, outliers.high);
  place_symptom (symptom, &outliers);
}

static void
check_artifacts (VtrDiagnosis *self)
{
  const guint last = vtr_analysis_get_n_layers (self->analysis) - 1;
  const VtrDistribution share =
      vtr_analysis_get_of_tokens (self->analysis, VTR_TOKEN_ARTIFACTS, last);
  gboolean expected = FALSE;

  if (!(share.percentiles[2] > 0.0))
    return;
  if (self->reference != NULL)
    expected =
        vtr_reference_get_tokens (self->reference, VTR_TOKEN_ARTIFACTS, last)->percentiles[2] > 0.0;
  VtrSymptom *symptom =
      vtr_diagnosis_tell (self, VTR_RULE_REGISTER_ARTIFACTS,
                          expected ? VTR_SEVERITY_NOTE : VTR_SEVERITY_WARNING, (int) last, -1,
                          "After the last block %.1f %% of the patches have norms of three times "
                          "the others' or "
                          "more%s.",
                          100.0 * share.mean, expected ? ", as in the reference" : "");
  symptom->value = share.mean;
  symptom->high = 0.0;
}

/* ---- pixels ---- */

static void
check_pixels (VtrDiagnosis *self)
{
  double mean = 0.0, deviation = 0.0;

  for (guint channel = 0; channel < 3; channel++)
    {
      mean += vtr_analysis_get_pixel_mean (self->analysis, channel).percentiles[2] / 3.0;
      deviation += vtr_analysis_get_pixel_deviation (self->analysis, channel).percentiles[2] / 3.0;
    }
  if ((deviation >= PIXEL_DEVIATION_LEAST && deviation <= PIXEL_DEVIATION_MOST) ||
      vtr_diagnosis_has (self, VTR_RULE_PIXEL_RANGE, VTR_SEVERITY_WARNING))
    return;
  VtrSymptom *symptom = vtr_diagnosis_tell (self, VTR_RULE_PIXEL_RANGE, VTR_SEVERITY_FAULT, -1, -1,
                                            "Normalised pixels have a mean of %.3g and a deviation "
                                            "of %.3g, where about 0 and 1 would be "
                                            "expected.",
                                            mean, deviation);
  symptom->value = deviation;
  symptom->low = PIXEL_DEVIATION_LEAST;
  symptom->high = PIXEL_DEVIATION_MOST;
}

/* ---- the whole ---- */

static gboolean
is_explained (const VtrDiagnosis *self)
{
  for (guint i = 0; i < self->symptoms->len; i++)
    if (((const VtrSymptom *) g_ptr_array_index (self->symptoms, i))->severity > VTR_SEVERITY_NOTE)
      return TRUE;
  return FALSE;
}

static void
check_likeness (VtrDiagnosis *self)
{
  double healthy;
  const double distance = vtr_diagnosis_get_distance (self, &healthy);

  if (!(distance > healthy) || is_explained (self))
    return;
  VtrSymptom *symptom =
      vtr_diagnosis_tell (self, VTR_RULE_UNLIKE_REFERENCE, VTR_SEVERITY_WARNING, -1, -1,
                          "The distance to the reference is %.2f, where up to %.2f is healthy.",
                          distance, healthy);
  symptom->value = distance;
  symptom->high = healthy;
}

void
vtr_diagnosis_check_statistics (VtrDiagnosis *self)
{
  check_pixels (self);
  check_rank (self);
  check_artifacts (self);
  check_collapse (self);
  check_sinks (self);
  check_entropy (self, VTR_RULE_TOO_CONCENTRATED, -1);
  check_entropy (self, VTR_RULE_TOO_DISPERSED, 1);
  check_uniform (self);
  check_likeness (self);
}
