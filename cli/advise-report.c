/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "advise-report.h"

#include "report.h"
#include "table.h"

#include <math.h>
#include <stdio.h>

/* ---- for people ---- */

static char *
format_number (double value, guint n_digits)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE], format[8];

  g_snprintf (format, sizeof format, "%%.%uf", n_digits);
  return g_strdup (isnan (value) ? "-" : g_ascii_formatd (text, sizeof text, format, value));
}

static void
print_trials (const CliAdvice *self)
{
  const char *const headings[] = { "WITHOUT", ">COSINE", ">LEAST", ">SAME CLASS", "", NULL };
  g_autoptr (CliTable) table = cli_table_new (headings);

  for (guint i = 0; i < self->trials->len; i++)
    {
      const CliTrial *trial = g_ptr_array_index (self->trials, i);
      const CliAgreement *agreement = &trial->agreement;
      g_autofree char *cosine = format_number (agreement->cosine, 4);
      g_autofree char *least = format_number (agreement->least_cosine, 4);
      g_autofree char *top1 = format_number (agreement->top1, 3);

      cli_table_add (table, trial->name, cosine, least, top1, trial->safe ? "changes little" : "");
    }
  cli_table_print (table);
}

static void
print_groups (const CliAdvice *self)
{
  if (self->groups->len == 0)
    puts ("No two heads attend to the same and give the same.");
  for (guint i = 0; i < self->groups->len; i++)
    {
      const VtrHeadGroup *group = g_ptr_array_index (self->groups, i);
      g_autofree char *divergence = format_number (group->divergence, 3);
      g_autofree char *cka = format_number (group->cka, 3);

      printf ("Alike:");
      for (guint k = 0; k < group->n; k++)
        printf ("%s layer %u head %u", k > 0 ? "," : "", group->layers[k], group->heads[k]);
      printf (" (divergence at most %s bits, CKA at least %s)\n", divergence, cka);
    }
}

/* The trial that takes out most and changes little; NULL for none. */
static const CliTrial *
find_best (const CliAdvice *self)
{
  const CliTrial *best = NULL;

  for (guint i = 0; i < self->trials->len; i++)
    {
      const CliTrial *trial = g_ptr_array_index (self->trials, i);

      if (trial->safe && (best == NULL || trial->n_layers > best->n_layers ||
                          (trial->n_layers == best->n_layers && trial->n_heads > best->n_heads)))
        best = trial;
    }
  return best;
}

static void
print_regularization (const CliAdvice *self)
{
  g_autofree char *weight = format_number (self->regularization->weight, 1);
  g_autofree char *penalty = format_number (self->regularization->penalty, 5);

  printf ("In training: hold the entropy of attention at %s by a term of weight %s (penalty now "
          "%s); "
          "-o DIR writes it for PyTorch.\n",
          self->reference != NULL ? "the reference's" : "what it is", weight, penalty);
}

void
cli_advice_print (const CliAdvice *self)
{
  const guint n = vtr_analysis_get_n_pictures (self->analysis);
  const CliTrial *best = find_best (self);

  printf ("%s on %u picture%s; what is left out was turned off, and the answers compared\n\n",
          vtr_model_get_name (self->model), n, n == 1 ? "" : "s");
  print_trials (self);
  puts ("");
  print_groups (self);
  if (best != NULL)
    printf ("Advice: leave out %s: “vitreous prune %s” writes the smaller model.\n", best->name,
            best->option);
  else
    puts ("Advice: leave it as it is; nothing could be left out without changing what it says.");
  print_regularization (self);
}

/* ---- JSON ---- */

static void
add_importance (JsonBuilder *builder, const CliAdvice *self)
{
  const guint h = vtr_model_get_n_heads (self->model);

  cli_json_begin_array (builder, "layers");
  for (guint layer = 0; layer < vtr_model_get_n_layers (self->model); layer++)
    {
      json_builder_begin_object (builder);
      cli_json_number (builder, "likeness", self->likeness[layer]);
      cli_json_begin_array (builder, "importance");
      for (guint head = 0; head < vtr_model_get_layer_heads (self->model, layer); head++)
        json_builder_add_double_value (builder, self->importance[layer * h + head]);
      json_builder_end_array (builder);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

static void
add_groups (JsonBuilder *builder, const CliAdvice *self)
{
  cli_json_begin_array (builder, "alike");
  for (guint i = 0; i < self->groups->len; i++)
    {
      const VtrHeadGroup *group = g_ptr_array_index (self->groups, i);

      json_builder_begin_object (builder);
      cli_json_number (builder, "divergence", group->divergence);
      cli_json_number (builder, "cka", group->cka);
      cli_json_begin_array (builder, "heads");
      for (guint k = 0; k < group->n; k++)
        {
          json_builder_begin_object (builder);
          cli_json_integer (builder, "layer", group->layers[k]);
          cli_json_integer (builder, "head", group->heads[k]);
          json_builder_end_object (builder);
        }
      json_builder_end_array (builder);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

static void
add_trials (JsonBuilder *builder, const CliAdvice *self)
{
  cli_json_begin_array (builder, "trials");
  for (guint i = 0; i < self->trials->len; i++)
    {
      const CliTrial *trial = g_ptr_array_index (self->trials, i);

      json_builder_begin_object (builder);
      cli_json_string (builder, "without", trial->name);
      cli_json_string (builder, "prune", trial->option);
      cli_json_integer (builder, "heads", trial->n_heads);
      cli_json_integer (builder, "layers", trial->n_layers);
      cli_json_number (builder, "top1", trial->agreement.top1);
      cli_json_number (builder, "logit_change", trial->agreement.logit_change);
      cli_json_number (builder, "cosine", trial->agreement.cosine);
      cli_json_number (builder, "least_cosine", trial->agreement.least_cosine);
      cli_json_boolean (builder, "safe", trial->safe);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

char *
cli_advice_to_json (const CliAdvice *self)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autofree char *term = vtr_regularization_to_json (self->regularization);
  const CliTrial *best = find_best (self);

  json_builder_begin_object (builder);
  cli_json_string (builder, "vitreous", VTR_VERSION);
  cli_json_string (builder, "model", vtr_model_get_name (self->model));
  cli_json_string (builder, "model_hash", vtr_model_get_hash (self->model));
  cli_json_string (builder, "device", vtr_device_get_info (self->device)->name);
  cli_json_string (builder, "fit", vtr_fit_get_name (self->options->fit));
  cli_json_string (builder, "target", self->target);
  cli_json_integer (builder, "pictures", vtr_analysis_get_n_pictures (self->analysis));
  cli_json_failures (builder, self->pictures);
  add_importance (builder, self);
  add_groups (builder, self);
  add_trials (builder, self);
  cli_json_string (builder, "advice", best == NULL ? NULL : best->option);
  cli_json_string (builder, "reference",
                   self->reference == NULL ? NULL : vtr_reference_get_name (self->reference));
  json_builder_set_member_name (builder, "regularization");
  json_builder_add_value (builder, json_from_string (term, NULL));
  json_builder_end_object (builder);
  return cli_json_to_text (builder);
}

/* ---- files ---- */

gboolean
cli_advice_write (const CliAdvice *self, const char *folder, GError **error)
{
  g_autofree char *json = cli_advice_to_json (self);
  g_autofree char *term = vtr_regularization_to_json (self->regularization);
  g_autofree char *python = vtr_regularization_to_python (self->regularization);

  return cli_write_text (folder, "advice.json", json, error) &&
         cli_write_text (folder, "regularization.json", term, error) &&
         cli_write_text (folder, "regularization.py", python, error);
}
