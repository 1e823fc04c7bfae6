/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * Suspected faults undone: the model is run with the change, and what it then does is compared with
 * the reference.  The same pictures are taken before and after, so what they are of cancels out.
 */
#include "analysis/diagnosis.h"

#include <math.h>
#include <string.h>

/* What is left of the distance where a change makes it clearly less, for temperatures, of which
 * there are many to choose from, and the share of the pictures that must agree. */
#define CLEARLY 0.85
#define CLEARLY_BY_SEARCH 0.7
#define AGREEING 0.75

/* Pictures after which a change that makes nothing better is given up; after one where it makes
 * things so much worse. */
#define N_FIRST 2
#define MUCH_WORSE 1.15

typedef struct
{
  const char *name;
  double mean[3];
  double std[3];
} Normalization;

/* What checkpoints of the known families have. */
static const Normalization normalizations[] = {
  { "ImageNet's", { 0.485, 0.456, 0.406 }, { 0.229, 0.224, 0.225 } },
  { "0.5 each", { 0.5, 0.5, 0.5 }, { 0.5, 0.5, 0.5 } },
  { "CLIP's", { 0.48145466, 0.4578275, 0.40821073 }, { 0.26862954, 0.26130258, 0.27577711 } },
  { "0 and 1: none", { 0.0, 0.0, 0.0 }, { 1.0, 1.0, 1.0 } },
};

/* ---- one change ---- */

void
vtr_experiment_free (VtrExperiment *self)
{
  if (self == NULL)
    return;
  g_free (self->change);
  g_free (self);
}

/* The distance with the change; infinity where it makes numbers that are not finite, NaN where it
 * cannot be made. */
static gboolean
measure (VtrDiagnosis *self,
         const VtrChange *change,
         VtrImage *image,
         double *distance,
         const VtrProgress *progress,
         GError **error)
{
  GError *problem = NULL;
  g_autoptr (VtrObservation) observation =
      vtr_diagnosis_observe (self, &change->arch, change->arrangement, image, change->temperature,
                             FALSE, progress, &problem);

  if (observation == NULL)
    {
      *distance = problem == NULL ? NAN : INFINITY;
      if (problem == NULL || g_error_matches (problem, VTR_ERROR, VTR_ERROR_BAD_VALUES))
        {
          g_clear_error (&problem);
          return TRUE;
        }
      g_propagate_error (error, problem);
      return FALSE;
    }
  g_autoptr (VtrTraits) traits = vtr_traits_new (observation);
  *distance = vtr_reference_get_distance (self->reference, traits);
  return TRUE;
}

VtrExperiment *
vtr_diagnosis_try (VtrDiagnosis *self,
                   const VtrChange *change,
                   guint n_probes,
                   const VtrProgress *progress,
                   GError **error)
{
  VtrRunning before = { 0 }, after = { 0 };
  guint n_better = 0;

  for (guint i = 0; i < MIN (n_probes, self->probes->len); i++)
    {
      const VtrProbe *probe = &g_array_index (self->probes, VtrProbe, i);
      double distance;

      if (!vtr_progress_step (progress, (double) i / n_probes, change->change, error) ||
          !measure (self, change, probe->image, &distance, progress, error))
        return NULL;
      if (isnan (distance))
        return NULL;
      vtr_running_add (&before, probe->distance);
      vtr_running_add (&after, distance);
      n_better += distance < probe->distance;
      if (n_better == 0 && (i + 1 == N_FIRST || distance > MUCH_WORSE * probe->distance))
        break;
    }

  VtrExperiment *experiment = g_new0 (VtrExperiment, 1);
  experiment->rule = vtr_rule_get (change->rule);
  experiment->change = g_strdup (change->change);
  experiment->before = before.mean;
  experiment->after = after.mean;
  experiment->n_pictures = after.n;
  experiment->n_better = n_better;
  experiment->parameter = NAN;
  return experiment;
}

/* ---- which changes ---- */

static VtrChange *
add_change (VtrDiagnosis *self, GArray *changes, VtrRuleId rule, char *what)
{
  const VtrChange change = {
    .rule = rule,
    .change = what,
    .arch = *vtr_model_get_arch (self->model),
    .temperature = self->temperature,
  };

  g_array_append_val (changes, change);
  return &g_array_index (changes, VtrChange, changes->len - 1);
}

static void
change_clear (gpointer change)
{
  g_free (((VtrChange *) change)->change);
}

static void
add_arrangement (VtrDiagnosis *self,
                 GArray *changes,
                 VtrRuleId rule,
                 const char *what,
                 VtrArrangement arrangement)
{
  add_change (self, changes, rule, g_strdup (what))->arrangement = arrangement;
}

gboolean
vtr_normalization_differs (const VtrPreprocess *now, const VtrPreprocess *other, VtrRuleId *rule)
{
  const double ratio = other->std[0] / other->rescale / (now->std[0] / now->rescale);

  /* A factor of hundreds is no other normalisation. */
  *rule = ratio > 20.0 || ratio < 0.05 ? VTR_RULE_PIXEL_RANGE : VTR_RULE_NORMALIZATION;
  for (guint i = 0; i < 3; i++)
    if (fabs (now->mean[i] / now->rescale - other->mean[i] / other->rescale) > 1.0 ||
        fabs (now->std[i] / now->rescale / (other->std[i] / other->rescale) - 1.0) > 0.01)
      return TRUE;
  return FALSE;
}

static void
add_normalization (VtrDiagnosis *self,
                   GArray *changes,
                   const char *name,
                   double rescale,
                   const double mean[3],
                   const double std[3])
{
  const VtrPreprocess *now = &vtr_model_get_arch (self->model)->preprocess;
  VtrPreprocess how = *now;
  VtrRuleId rule;

  how.rescale = rescale;
  memcpy (how.mean, mean, sizeof how.mean);
  memcpy (how.std, std, sizeof how.std);
  if (!vtr_normalization_differs (now, &how, &rule))
    return;
  add_change (self, changes, rule,
              g_strdup_printf ("%s, mean %.3g %.3g %.3g and deviation %.3g %.3g %.3g of pixels "
                               "times %.3g",
                               name, mean[0], mean[1], mean[2], std[0], std[1], std[2], rescale))
      ->arch.preprocess = how;
}

static void
add_normalizations (VtrDiagnosis *self, GArray *changes)
{
  const VtrPreprocess *now = &vtr_model_get_arch (self->model)->preprocess;
  const VtrReferenceInput *input = &self->reference->input;

  add_normalization (self, changes, "normalised as for the reference", input->rescale, input->mean,
                     input->std);
  for (guint i = 0; i < G_N_ELEMENTS (normalizations); i++)
    add_normalization (self, changes, normalizations[i].name, 1.0 / 255.0, normalizations[i].mean,
                       normalizations[i].std);
  add_normalization (self, changes, "pixels of the other range",
                     now->rescale > 0.1 ? 1.0 / 255.0 : 1.0, now->mean, now->std);
}

/* The grid of the reference, everything else in proportion. */
static void
add_size (VtrDiagnosis *self, GArray *changes)
{
  const VtrReferenceInput *input = &self->reference->input;
  const VtrArch *arch = vtr_model_get_arch (self->model);
  const double factor = (double) input->n_rows / self->n_rows;

  if (input->n_rows == self->n_rows && input->n_columns == self->n_columns)
    return;
  VtrChange *change =
      add_change (self, changes, VTR_RULE_INPUT_SIZE,
                  g_strdup_printf ("%u × %u patches as for the reference, in the place of %u × %u; "
                                   "the "
                                   "position table has %u × %u",
                                   input->n_columns, input->n_rows, self->n_columns, self->n_rows,
                                   arch->grid_columns, arch->grid_rows));
  VtrPreprocess *how = &change->arch.preprocess;
  how->resize_width = (guint) rint (how->resize_width * factor);
  how->resize_height = (guint) rint (how->resize_height * factor);
  how->crop_width = (guint) rint (how->crop_width * factor);
  how->crop_height = (guint) rint (how->crop_height * factor);
}

static GArray *
list_changes (VtrDiagnosis *self)
{
  GArray *changes = g_array_new (FALSE, FALSE, sizeof (VtrChange));

  g_array_set_clear_func (changes, change_clear);
  add_normalizations (self, changes);
  add_size (self, changes);
  add_arrangement (self, changes, VTR_RULE_CHANNEL_ORDER, "red and blue exchanged",
                   VTR_ARRANGE_CHANNELS);
  add_arrangement (self, changes, VTR_RULE_POSITIONS_TRANSPOSED,
                   "rows and columns of patches exchanged", VTR_ARRANGE_BLOCKS);
  add_arrangement (self, changes, VTR_RULE_PATCH_ORDER,
                   "rows and columns of pixels exchanged within each patch",
                   VTR_ARRANGE_WITHIN_BLOCKS);
  add_arrangement (self, changes, VTR_RULE_PICTURE_TRANSPOSED, "pictures transposed",
                   VTR_ARRANGE_BLOCKS | VTR_ARRANGE_WITHIN_BLOCKS);
  return changes;
}

/* ---- which of them is it ---- */

static gboolean
is_clearly_better (const VtrDiagnosis *self, const VtrExperiment *experiment)
{
  return experiment->n_pictures >= MIN (self->probes->len, VTR_N_PROBES) &&
         experiment->after <
             (isnan (experiment->parameter) ? CLEARLY : CLEARLY_BY_SEARCH) * experiment->before &&
         experiment->n_better >= AGREEING * experiment->n_pictures;
}

static VtrRuleId
get_rule_id (const VtrExperiment *experiment)
{
  return (VtrRuleId) (experiment->rule - vtr_rule_get (0));
}

static void
tell_best (VtrDiagnosis *self)
{
  const VtrExperiment *best = NULL;

  for (guint i = 0; i < self->experiments->len; i++)
    {
      const VtrExperiment *experiment = g_ptr_array_index (self->experiments, i);
      if (is_clearly_better (self, experiment) && (best == NULL || experiment->after < best->after))
        best = experiment;
    }
  if (best == NULL)
    return;
  VtrSymptom *symptom =
      vtr_diagnosis_tell (self, get_rule_id (best), best->rule->severity, -1, -1,
                          "With %s the distance to the reference falls from %.2f to %.2f, on %u of "
                          "%u pictures.",
                          best->change, best->before, best->after, best->n_better,
                          best->n_pictures);
  symptom->value = isnan (best->parameter) ? best->before : best->parameter;
  if (isnan (best->parameter))
    symptom->high = vtr_reference_get_healthy_distance (self->reference);
}

static void
keep_experiment (VtrDiagnosis *self, VtrExperiment *experiment)
{
  if (experiment != NULL)
    g_ptr_array_add (self->experiments, experiment);
}

gboolean
vtr_diagnosis_experiment (VtrDiagnosis *self, const VtrProgress *progress, GError **error)
{
  g_autoptr (GArray) changes = list_changes (self);
  GError *problem = NULL;

  for (guint i = 0; i < changes->len && problem == NULL; i++)
    {
      const VtrProgress part =
          vtr_progress_part (progress, 0.5 * i / changes->len, 0.5 * (i + 1) / changes->len);
      keep_experiment (self, vtr_diagnosis_try (self, &g_array_index (changes, VtrChange, i),
                                                VTR_N_PROBES, &part, &problem));
    }
  if (problem == NULL)
    {
      const VtrProgress part = vtr_progress_part (progress, 0.5, 1.0);
      keep_experiment (self, vtr_diagnosis_find_temperature (self, &part, &problem));
    }
  if (problem != NULL)
    {
      g_propagate_error (error, problem);
      return FALSE;
    }
  tell_best (self);
  return TRUE;
}
