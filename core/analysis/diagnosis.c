/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "analysis/diagnosis.h"

#include <math.h>

/* Shares of the work of conclude. */
#define HALVES_PART 0.1

/* ---- symptoms ---- */

static void
symptom_free (gpointer data)
{
  VtrSymptom *self = data;

  g_free (self->evidence);
  g_free (self);
}

VtrSymptom *
vtr_diagnosis_tell (VtrDiagnosis *self,
                    VtrRuleId rule,
                    VtrSeverity severity,
                    int layer,
                    int head,
                    const char *evidence,
                    ...)
{
  VtrSymptom *symptom = g_new0 (VtrSymptom, 1);
  va_list arguments;

  symptom->rule = vtr_rule_get (rule);
  symptom->severity = severity;
  symptom->layer = layer;
  symptom->head = head;
  symptom->value = symptom->low = symptom->high = NAN;
  va_start (arguments, evidence);
  symptom->evidence = g_strdup_vprintf (evidence, arguments);
  va_end (arguments);
  g_ptr_array_add (self->symptoms, symptom);
  return symptom;
}

gboolean
vtr_diagnosis_has (const VtrDiagnosis *self, VtrRuleId rule, VtrSeverity severity)
{
  for (guint i = 0; i < self->symptoms->len; i++)
    {
      const VtrSymptom *symptom = g_ptr_array_index (self->symptoms, i);
      if (symptom->rule == vtr_rule_get (rule) && symptom->severity >= severity)
        return TRUE;
    }
  return FALSE;
}

static gboolean
has_fault (const VtrDiagnosis *self)
{
  for (guint i = 0; i < self->symptoms->len; i++)
    if (((const VtrSymptom *) g_ptr_array_index (self->symptoms, i))->severity ==
        VTR_SEVERITY_FAULT)
      return TRUE;
  return FALSE;
}

/* TRUE and a symptom where numbers were not finite. */
static gboolean
take_bad_values (VtrDiagnosis *self, GError **error)
{
  if (!g_error_matches (*error, VTR_ERROR, VTR_ERROR_BAD_VALUES))
    return FALSE;
  vtr_diagnosis_tell (self, VTR_RULE_BAD_VALUES, VTR_SEVERITY_FAULT, -1, -1, "%s",
                      (*error)->message);
  g_clear_error (error);
  self->broken = TRUE;
  return TRUE;
}

/* Like g_propagate_error () for what is no symptom. */
static gboolean
finish (VtrDiagnosis *self, GError *problem, GError **error)
{
  if (problem == NULL || take_bad_values (self, &problem))
    return TRUE;
  g_propagate_error (error, problem);
  return FALSE;
}

/* ---- making one ---- */

static void
probe_clear (gpointer data)
{
  vtr_image_unref (((VtrProbe *) data)->image);
}

static gboolean
look_at_weights (VtrDiagnosis *self, const VtrProgress *progress, GError **error)
{
  const VtrProgress looking = vtr_progress_part (progress, 0.0, 0.5);
  GError *problem = NULL;

  if (vtr_diagnosis_check_weights (self, &looking, &problem) &&
      vtr_diagnosis_check_positions (self, &problem) && vtr_diagnosis_check_sketch (self, &problem))
    self->session = vtr_session_new (self->device, self->model, VTR_PRECISION_F32, progress->func,
                                     progress->data, progress->cancellable, &problem);
  return finish (self, problem, error);
}

VtrDiagnosis *
vtr_diagnosis_new (VtrDevice *device,
                   VtrModel *model,
                   const VtrReference *reference,
                   double temperature,
                   VtrProgressFunc progress,
                   gpointer progress_data,
                   GCancellable *cancellable,
                   GError **error)
{
  g_return_val_if_fail (device != NULL && model != NULL, NULL);
  g_return_val_if_fail (temperature > 0.0, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (reference != NULL && !vtr_reference_check (reference, model, error))
    return NULL;

  const VtrProgress whole = vtr_progress_whole (progress, progress_data, cancellable);
  g_autoptr (VtrDiagnosis) self = g_new0 (VtrDiagnosis, 1);
  self->device = g_object_ref (device);
  self->model = g_object_ref (model);
  self->reference = reference != NULL ? vtr_reference_copy (reference) : NULL;
  self->temperature = temperature;
  self->analysis = vtr_analysis_new (model, temperature);
  self->n_embedding = vtr_model_get_n_features (model);
  self->embedding = g_new0 (VtrRunning, self->n_embedding);
  self->traits = g_ptr_array_new_with_free_func ((GDestroyNotify) vtr_traits_free);
  self->probes = g_array_new (FALSE, FALSE, sizeof (VtrProbe));
  g_array_set_clear_func (self->probes, probe_clear);
  self->symptoms = g_ptr_array_new_with_free_func (symptom_free);
  self->experiments = g_ptr_array_new_with_free_func ((GDestroyNotify) vtr_experiment_free);
  return look_at_weights (self, &whole, error) ? g_steal_pointer (&self) : NULL;
}

void
vtr_diagnosis_free (VtrDiagnosis *self)
{
  if (self == NULL)
    return;
  g_ptr_array_unref (self->experiments);
  g_ptr_array_unref (self->symptoms);
  g_array_unref (self->probes);
  g_ptr_array_unref (self->traits);
  g_free (self->embedding);
  vtr_analysis_free (self->analysis);
  vtr_reference_free (self->reference);
  g_clear_object (&self->session);
  g_object_unref (self->model);
  g_object_unref (self->device);
  g_free (self);
}

/* ---- pictures ---- */

VtrObservation *
vtr_diagnosis_observe (VtrDiagnosis *self,
                       const VtrArch *arch,
                       VtrArrangement arrangement,
                       VtrImage *image,
                       double temperature,
                       gboolean compares_heads,
                       const VtrProgress *progress,
                       GError **error)
{
  g_autoptr (VtrInput) input =
      vtr_input_new_for_arch (arch, self->model, image, VTR_FIT_TRAIN, 0, error);
  if (input == NULL)
    return NULL;
  g_autoptr (VtrInput) arranged = vtr_input_arrange (input, arrangement);
  if (arranged == NULL)
    return NULL;
  const VtrProgress quiet = vtr_progress_whole (NULL, NULL, progress->cancellable);
  return vtr_observe (self->session, arranged, temperature, compares_heads, &quiet, error);
}

/* Every later picture is as likely a probe as the first ones, by its number alone (Vitter 1985). */
static void
keep_probe (VtrDiagnosis *self, VtrImage *image, double distance)
{
  const guint n = vtr_analysis_get_n_pictures (self->analysis);
  guint place = self->probes->len;

  if (place == VTR_N_PROBES)
    {
      /* Knuth's multiplicative hash: the same choice for the same pictures. */
      place = (guint) (((guint64) (n * 2654435761u) * n) >> 32);
      if (place >= VTR_N_PROBES)
        return;
      VtrProbe *probe = &g_array_index (self->probes, VtrProbe, place);
      vtr_image_unref (probe->image);
      *probe = (VtrProbe){ vtr_image_ref (image), distance };
      return;
    }
  const VtrProbe probe = { vtr_image_ref (image), distance };
  g_array_append_val (self->probes, probe);
}

static void
count_picture (VtrDiagnosis *self, VtrImage *image, const VtrObservation *observation)
{
  VtrInput *input = vtr_observation_get_input (observation);
  VtrTraits *traits = vtr_traits_new (observation);
  double distance = NAN;

  vtr_analysis_add (self->analysis, observation);
  self->n_rows = vtr_input_get_n_rows (input);
  self->n_columns = vtr_input_get_n_columns (input);
  for (guint i = 0; i < self->n_embedding; i++)
    vtr_running_add (&self->embedding[i], traits->embedding[i]);
  if (!isnan (traits->confidence))
    vtr_running_add (&self->confidence, traits->confidence);
  if (self->reference != NULL)
    {
      distance = vtr_reference_get_distance (self->reference, traits);
      vtr_running_add (&self->distance, distance);
    }
  keep_probe (self, image, distance);
  if (self->traits->len < VTR_N_DISTANCES)
    g_ptr_array_add (self->traits, traits);
  else
    vtr_traits_free (traits);
}

gboolean
vtr_diagnosis_add (VtrDiagnosis *self,
                   VtrImage *image,
                   VtrProgressFunc progress,
                   gpointer progress_data,
                   GCancellable *cancellable,
                   GError **error)
{
  GError *problem = NULL;

  g_return_val_if_fail (self != NULL && image != NULL && !self->concluded, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (self->broken)
    return TRUE;
  const VtrProgress whole = vtr_progress_whole (progress, progress_data, cancellable);
  g_autoptr (VtrObservation) observation =
      vtr_diagnosis_observe (self, vtr_model_get_arch (self->model), VTR_ARRANGE_AS_IS, image,
                             self->temperature, TRUE, &whole, &problem);
  if (observation == NULL)
    return finish (self, problem, error);
  count_picture (self, image, observation);
  return vtr_progress_step (&whole, 1.0, "observing", error);
}

/* ---- conclusions ---- */

static int
compare_symptoms (gconstpointer a, gconstpointer b)
{
  const VtrSymptom *x = *(const VtrSymptom *const *) a;
  const VtrSymptom *y = *(const VtrSymptom *const *) b;

  if (x->severity != y->severity)
    return x->severity < y->severity ? 1 : -1;
  if (x->rule != y->rule)
    return x->rule < y->rule ? -1 : 1;
  if (x->layer != y->layer)
    return x->layer < y->layer ? -1 : 1;
  return (x->head > y->head) - (x->head < y->head);
}

static VtrRuleId
get_rule_id (const VtrSymptom *symptom)
{
  return (VtrRuleId) (symptom->rule - vtr_rule_get (0));
}

/* The first rule with a symptom above a note that explains the symptom, or NULL. */
static const VtrRule *
find_cause (const VtrDiagnosis *self, const VtrSymptom *symptom)
{
  const VtrRule *cause = NULL;

  for (guint i = 0; i < self->symptoms->len; i++)
    {
      const VtrSymptom *other = g_ptr_array_index (self->symptoms, i);
      if (other->severity > VTR_SEVERITY_NOTE && (cause == NULL || other->rule < cause) &&
          vtr_rule_explains (get_rule_id (other), get_rule_id (symptom)))
        cause = other->rule;
    }
  return cause;
}

/* What the statistics show is no news where its cause was found. */
static void
attribute_symptoms (VtrDiagnosis *self)
{
  for (guint i = 0; i < self->symptoms->len; i++)
    {
      VtrSymptom *symptom = g_ptr_array_index (self->symptoms, i);
      symptom->follows = find_cause (self, symptom);
    }
  for (guint i = 0; i < self->symptoms->len; i++)
    {
      VtrSymptom *symptom = g_ptr_array_index (self->symptoms, i);
      if (symptom->follows != NULL)
        symptom->severity = VTR_SEVERITY_NOTE;
    }
}

static gboolean
apply_rules (VtrDiagnosis *self, const VtrProgress *progress, GError **error)
{
  const VtrProgress halves = vtr_progress_part (progress, 0.0, HALVES_PART);
  const VtrProgress experiments = vtr_progress_part (progress, HALVES_PART, 1.0);

  if (self->probes->len == 0)
    return TRUE;
  if (!vtr_diagnosis_check_halves (self, &halves, error))
    return FALSE;
  /* A fault of the weights has to be mended before anything else can be seen. */
  if (self->reference != NULL && !has_fault (self) &&
      !vtr_diagnosis_experiment (self, &experiments, error))
    return FALSE;
  vtr_diagnosis_check_statistics (self);
  return TRUE;
}

gboolean
vtr_diagnosis_conclude (VtrDiagnosis *self,
                        VtrProgressFunc progress,
                        gpointer progress_data,
                        GCancellable *cancellable,
                        GError **error)
{
  GError *problem = NULL;

  g_return_val_if_fail (self != NULL && !self->concluded, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  const VtrProgress whole = vtr_progress_whole (progress, progress_data, cancellable);
  self->concluded = TRUE;
  if (!self->broken)
    apply_rules (self, &whole, &problem);
  attribute_symptoms (self);
  g_ptr_array_sort (self->symptoms, compare_symptoms);
  return finish (self, problem, error);
}

/* ---- what it says ---- */

gboolean
vtr_diagnosis_can_run (const VtrDiagnosis *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return !self->broken;
}

VtrModel *
vtr_diagnosis_get_model (const VtrDiagnosis *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->model;
}

guint
vtr_diagnosis_get_n_pictures (const VtrDiagnosis *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return vtr_analysis_get_n_pictures (self->analysis);
}

const VtrReference *
vtr_diagnosis_get_reference (const VtrDiagnosis *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->reference;
}

double
vtr_diagnosis_get_distance (const VtrDiagnosis *self, double *healthy)
{
  g_return_val_if_fail (self != NULL, NAN);

  if (healthy != NULL)
    *healthy = self->reference != NULL ? vtr_reference_get_healthy_distance (self->reference) : NAN;
  return self->distance.n > 0 ? self->distance.mean : NAN;
}

guint
vtr_diagnosis_get_n_symptoms (const VtrDiagnosis *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->symptoms->len;
}

const VtrSymptom *
vtr_diagnosis_get_symptom (const VtrDiagnosis *self, guint index)
{
  g_return_val_if_fail (self != NULL && index < self->symptoms->len, NULL);

  return g_ptr_array_index (self->symptoms, index);
}

guint
vtr_diagnosis_get_n_experiments (const VtrDiagnosis *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->experiments->len;
}

const VtrExperiment *
vtr_diagnosis_get_experiment (const VtrDiagnosis *self, guint index)
{
  g_return_val_if_fail (self != NULL && index < self->experiments->len, NULL);

  return g_ptr_array_index (self->experiments, index);
}
