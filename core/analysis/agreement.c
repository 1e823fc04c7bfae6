/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* What two explanations of a picture have in common, and of many pictures. */
#include "analysis/agreement.h"

#include <math.h>
#include <string.h>

static const struct
{
  const char *name;
  gboolean is_distance;
} measures[] = {
  [VTR_AGREEMENT_PEARSON] = { "pearson", FALSE },
  [VTR_AGREEMENT_SPEARMAN] = { "spearman", FALSE },
  [VTR_AGREEMENT_IOU] = { "iou", FALSE },
  [VTR_AGREEMENT_DIVERGENCE] = { "divergence", TRUE },
  [VTR_AGREEMENT_COSINE] = { "cosine", FALSE },
  [VTR_AGREEMENT_LOGIT_CHANGE] = { "logit-change", TRUE },
};
G_STATIC_ASSERT (G_N_ELEMENTS (measures) == VTR_N_AGREEMENT_MEASURES);

const char *
vtr_agreement_measure_get_name (VtrAgreementMeasure measure)
{
  g_return_val_if_fail ((guint) measure < VTR_N_AGREEMENT_MEASURES, NULL);

  return measures[measure].name;
}

gboolean
vtr_agreement_measure_parse (const char *text, VtrAgreementMeasure *measure, GError **error)
{
  g_return_val_if_fail (text != NULL && measure != NULL, FALSE);

  for (guint i = 0; i < VTR_N_AGREEMENT_MEASURES; i++)
    if (strcmp (text, measures[i].name) == 0)
      {
        *measure = i;
        return TRUE;
      }
  g_autoptr (GString) known = g_string_new (measures[0].name);
  for (guint i = 1; i < VTR_N_AGREEMENT_MEASURES; i++)
    g_string_append_printf (known, ", %s", measures[i].name);
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "There is no measure of agreement “%s”: there are %s.", text, known->str);
  return FALSE;
}

gboolean
vtr_agreement_measure_is_distance (VtrAgreementMeasure measure)
{
  g_return_val_if_fail ((guint) measure < VTR_N_AGREEMENT_MEASURES, FALSE);

  return measures[measure].is_distance;
}

/* ---- one picture ---- */

gboolean
vtr_models_have_same_classes (VtrModel *a, VtrModel *b)
{
  g_return_val_if_fail (a != NULL && b != NULL, FALSE);

  const guint n = vtr_model_get_n_classes (a);

  if (n == 0 || vtr_model_get_n_classes (b) != n)
    return FALSE;
  for (guint i = 0; i < n; i++)
    {
      const char *label_a = vtr_model_get_label (a, i), *label_b = vtr_model_get_label (b, i);

      if (label_a != NULL && label_b != NULL && strcmp (label_a, label_b) != 0)
        return FALSE;
    }
  return TRUE;
}

static void
compare_maps (VtrAgreement *self, const VtrMapPair *pair)
{
  const float *a = pair->covered[0], *b = pair->covered[1];
  const gsize n = pair->n_covered;

  self->n_rows = pair->n_rows;
  self->n_columns = pair->n_columns;
  self->n_patches = pair->n_covered;
  self->values[VTR_AGREEMENT_PEARSON] = vtr_numbers_correlate (a, b, n);
  self->values[VTR_AGREEMENT_SPEARMAN] = vtr_numbers_correlate_ranks (a, b, n);
  self->values[VTR_AGREEMENT_IOU] = vtr_numbers_overlap (a, b, n);
  self->values[VTR_AGREEMENT_DIVERGENCE] = vtr_numbers_diverge (a, b, n);
}

static void
compare_embeddings (VtrAgreement *self, const VtrExplanation *a, const VtrExplanation *b)
{
  guint n_a = 0, n_b = 0;
  const float *values_a = vtr_explanation_get_embedding (a, &n_a);
  const float *values_b = vtr_explanation_get_embedding (b, &n_b);

  self->values[VTR_AGREEMENT_COSINE] = values_a != NULL && values_b != NULL && n_a == n_b && n_a > 0
                                           ? vtr_numbers_cosine (values_a, values_b, n_a)
                                           : NAN;
}

static double
find_greatest_change (const float *a, const float *b, guint n)
{
  double greatest = 0.0;

  for (guint i = 0; i < n; i++)
    greatest = MAX (greatest, fabs ((double) a[i] - b[i]));
  return greatest;
}

static void
compare_classes (VtrAgreement *self, const VtrExplanation *a, const VtrExplanation *b)
{
  const VtrExplanation *sides[] = { a, b };
  const float *logits[2];
  guint n[2] = { 0, 0 };

  for (guint i = 0; i < 2; i++)
    {
      logits[i] = vtr_explanation_get_logits (sides[i], &n[i]);
      self->classes[i] = VTR_NO_CLASS;
      self->probabilities[i] = NAN;
      if (logits[i] != NULL && n[i] > 0)
        self->classes[i] =
            (int) vtr_numbers_find_greatest (logits[i], n[i], &self->probabilities[i]);
    }
  self->comparable =
      self->classes[0] != VTR_NO_CLASS && self->classes[1] != VTR_NO_CLASS && n[0] == n[1] &&
      vtr_models_have_same_classes (vtr_explanation_get_model (a), vtr_explanation_get_model (b));
  self->changed = self->comparable && self->classes[0] != self->classes[1];
  self->values[VTR_AGREEMENT_LOGIT_CHANGE] =
      self->comparable ? find_greatest_change (logits[0], logits[1], n[0]) : NAN;
}

gboolean
vtr_explanations_compare (const VtrExplanation *a,
                          const VtrExplanation *b,
                          VtrAgreement *agreement,
                          GError **error)
{
  VtrMapPair pair;

  g_return_val_if_fail (a != NULL && b != NULL && agreement != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  const gboolean ok = vtr_map_pair_init (&pair, a, b, error);
  if (ok)
    {
      *agreement = (VtrAgreement){ .n_rows = 0 };
      compare_maps (agreement, &pair);
      compare_embeddings (agreement, a, b);
      compare_classes (agreement, a, b);
    }
  vtr_map_pair_clear (&pair);
  return ok;
}

/* ---- many pictures ---- */

struct _VtrAgreements
{
  VtrRunning values[VTR_N_AGREEMENT_MEASURES];
  guint n_pictures;
  guint n_comparable;
  guint n_changed;
};

VtrAgreements *
vtr_agreements_new (void)
{
  return g_new0 (VtrAgreements, 1);
}

void
vtr_agreements_free (VtrAgreements *self)
{
  g_free (self);
}

void
vtr_agreements_add (VtrAgreements *self, const VtrAgreement *agreement)
{
  g_return_if_fail (self != NULL && agreement != NULL);

  for (guint i = 0; i < VTR_N_AGREEMENT_MEASURES; i++)
    if (!isnan (agreement->values[i]))
      vtr_running_add (&self->values[i], agreement->values[i]);
  self->n_pictures++;
  self->n_comparable += agreement->comparable;
  self->n_changed += agreement->changed;
}

guint
vtr_agreements_get_n_pictures (const VtrAgreements *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->n_pictures;
}

VtrEstimate
vtr_agreements_get_estimate (const VtrAgreements *self, VtrAgreementMeasure measure, guint *n)
{
  g_return_val_if_fail (self != NULL && (guint) measure < VTR_N_AGREEMENT_MEASURES,
                        ((VtrEstimate){ NAN, NAN, NAN }));

  if (n != NULL)
    *n = self->values[measure].n;
  return vtr_running_estimate (&self->values[measure]);
}

guint
vtr_agreements_get_n_comparable (const VtrAgreements *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->n_comparable;
}

guint
vtr_agreements_get_n_changed (const VtrAgreements *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->n_changed;
}
