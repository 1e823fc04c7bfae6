/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "diagnosis-report.h"

#include "common.h"

#include <math.h>
#include <stdio.h>

/* ": layer 3 head 1", or nothing where it is of the whole model. */
static char *
format_place (const VtrSymptom *symptom)
{
  if (symptom->layer < 0)
    return g_strdup ("");
  return symptom->head < 0 ? g_strdup_printf (": layer %d", symptom->layer)
                           : g_strdup_printf (": layer %d head %d", symptom->layer, symptom->head);
}

static void
print_field (const char *name, const char *text)
{
  g_autofree char *line = g_strdup_printf ("%-9s %s", name, text);

  cli_print_wrapped (line, 2, 12);
}

/* Cause and remedy are told once for many symptoms of one rule. */
static void
print_symptom (const VtrSymptom *symptom, gboolean is_last_of_rule)
{
  g_autofree char *place = format_place (symptom);

  printf ("%s  %s (%s%s)\n", vtr_severity_get_name (symptom->severity), symptom->rule->title,
          symptom->rule->name, place);
  print_field ("evidence", symptom->evidence);
  if (symptom->follows != NULL)
    print_field ("follows", symptom->follows->name);
  else if (is_last_of_rule)
    {
      print_field ("cause", symptom->rule->cause);
      print_field ("remedy", symptom->rule->remedy);
      print_field ("source", symptom->rule->source);
    }
  if (is_last_of_rule)
    putchar ('\n');
}

static void
print_symptoms (const VtrDiagnosis *self)
{
  const guint n = vtr_diagnosis_get_n_symptoms (self);

  for (guint i = 0; i < n; i++)
    {
      const VtrSymptom *symptom = vtr_diagnosis_get_symptom (self, i);
      print_symptom (symptom,
                     i + 1 == n || vtr_diagnosis_get_symptom (self, i + 1)->rule != symptom->rule);
    }
}

static void
print_head (const VtrDiagnosis *self)
{
  const VtrReference *reference = vtr_diagnosis_get_reference (self);
  double healthy;
  const double distance = vtr_diagnosis_get_distance (self, &healthy);

  const guint n = vtr_diagnosis_get_n_pictures (self);

  printf ("%s, %u %s\n", vtr_model_get_name (vtr_diagnosis_get_model (self)), n,
          n == 1 ? "picture" : "pictures");
  if (reference == NULL)
    puts ("There is no reference for models of this shape, so only the weights and hard limits "
          "were looked at;\n“vitreous reference make” makes one of a healthy model.");
  else if (!isnan (distance))
    printf ("Distance to the reference “%s” (%u pictures): %.2f; up to %.2f is healthy\n",
            vtr_reference_get_name (reference), vtr_reference_get_n_pictures (reference), distance,
            healthy);
  putchar ('\n');
}

void
cli_diagnosis_report_print (const VtrDiagnosis *self)
{
  const guint n = vtr_diagnosis_get_n_symptoms (self);

  print_head (self);
  print_symptoms (self);
  if (n == 0 || vtr_diagnosis_get_symptom (self, 0)->severity == VTR_SEVERITY_NOTE)
    puts ("No fault was found.");
}

void
cli_rules_print (gboolean json)
{
  if (json)
    {
      g_autofree char *text = vtr_rules_to_json ();
      puts (text);
      return;
    }
  for (guint i = 0; i < vtr_rule_get_count (); i++)
    {
      const VtrRule *rule = vtr_rule_get (i);

      printf ("%s  %s (%s at worst)\n", rule->name, rule->title,
              vtr_severity_get_name (rule->severity));
      print_field ("when", rule->condition);
      print_field ("evidence", rule->evidence);
      print_field ("cause", rule->cause);
      print_field ("remedy", rule->remedy);
      print_field ("source", rule->source);
      putchar ('\n');
    }
}
