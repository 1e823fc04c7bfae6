/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "analysis/diagnosis.h"

#include <math.h>

#define VERSION 1

static void
add_index (JsonBuilder *json, const char *key, int index)
{
  json_builder_set_member_name (json, key);
  if (index >= 0)
    json_builder_add_int_value (json, index);
  else
    json_builder_add_null_value (json);
}

static void
add_symptom (JsonBuilder *json, const VtrSymptom *symptom)
{
  json_builder_begin_object (json);
  vtr_json_add_text (json, "name", symptom->rule->name);
  vtr_json_add_text (json, "title", symptom->rule->title);
  vtr_json_add_text (json, "severity", vtr_severity_get_name (symptom->severity));
  vtr_json_add_text (json, "evidence", symptom->evidence);
  add_index (json, "layer", symptom->layer);
  add_index (json, "head", symptom->head);
  vtr_json_add_double (json, "value", symptom->value);
  vtr_json_add_double (json, "low", symptom->low);
  vtr_json_add_double (json, "high", symptom->high);
  vtr_json_add_text (json, "follows_from",
                     symptom->follows != NULL ? symptom->follows->name : NULL);
  vtr_json_add_text (json, "cause", symptom->rule->cause);
  vtr_json_add_text (json, "remedy", symptom->rule->remedy);
  vtr_json_add_text (json, "source", symptom->rule->source);
  json_builder_end_object (json);
}

static void
add_experiment (JsonBuilder *json, const VtrExperiment *experiment)
{
  json_builder_begin_object (json);
  vtr_json_add_text (json, "rule", experiment->rule->name);
  vtr_json_add_text (json, "change", experiment->change);
  vtr_json_add_double (json, "before", experiment->before);
  vtr_json_add_double (json, "after", experiment->after);
  vtr_json_add_int (json, "pictures", experiment->n_pictures);
  vtr_json_add_int (json, "better", experiment->n_better);
  vtr_json_add_double (json, "parameter", experiment->parameter);
  json_builder_end_object (json);
}

static void
add_reference (JsonBuilder *json, const VtrDiagnosis *self)
{
  double healthy;
  const double distance = vtr_diagnosis_get_distance (self, &healthy);

  json_builder_set_member_name (json, "reference");
  if (self->reference == NULL)
    {
      json_builder_add_null_value (json);
      return;
    }
  json_builder_begin_object (json);
  vtr_json_add_text (json, "name", self->reference->name);
  vtr_json_add_int (json, "pictures", self->reference->n_pictures);
  vtr_json_add_double (json, "distance", distance);
  vtr_json_add_double (json, "healthy_distance", healthy);
  json_builder_end_object (json);
}

/* "healthy" where there is nothing above a note. */
static const char *
get_verdict (const VtrDiagnosis *self)
{
  VtrSeverity worst = VTR_SEVERITY_NOTE;

  for (guint i = 0; i < self->symptoms->len; i++)
    worst = MAX (worst, ((const VtrSymptom *) g_ptr_array_index (self->symptoms, i))->severity);
  return worst == VTR_SEVERITY_NOTE ? "healthy" : vtr_severity_get_name (worst);
}

char *
vtr_diagnosis_to_json (const VtrDiagnosis *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_autoptr (JsonBuilder) json = json_builder_new ();
  g_autoptr (JsonGenerator) generator = json_generator_new ();

  json_builder_begin_object (json);
  vtr_json_add_int (json, "version", VERSION);
  vtr_json_add_text (json, "model", vtr_model_get_name (self->model));
  vtr_json_add_text (json, "path", vtr_model_get_path (self->model));
  vtr_json_add_text (json, "family", vtr_model_get_family (self->model));
  vtr_json_add_text (json, "device", vtr_device_get_info (self->device)->name);
  vtr_json_add_double (json, "temperature", self->temperature);
  vtr_json_add_int (json, "pictures", vtr_diagnosis_get_n_pictures (self));
  add_reference (json, self);
  vtr_json_add_text (json, "verdict", get_verdict (self));
  json_builder_set_member_name (json, "symptoms");
  json_builder_begin_array (json);
  for (guint i = 0; i < self->symptoms->len; i++)
    add_symptom (json, g_ptr_array_index (self->symptoms, i));
  json_builder_end_array (json);
  json_builder_set_member_name (json, "experiments");
  json_builder_begin_array (json);
  for (guint i = 0; i < self->experiments->len; i++)
    add_experiment (json, g_ptr_array_index (self->experiments, i));
  json_builder_end_array (json);
  json_builder_end_object (json);

  g_autoptr (JsonNode) root = json_builder_get_root (json);
  json_generator_set_root (generator, root);
  json_generator_set_pretty (generator, TRUE);
  return json_generator_to_data (generator, NULL);
}
