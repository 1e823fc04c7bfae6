/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "head-report.h"
#include "common.h"
#include "inputs.h"
#include "table.h"

#include <stdio.h>

/* One class of the head, in the cross-validation. */
typedef struct
{
  const char *label;
  guint n_examples;
  double recall;          /* share of them that was told right */
  guint mistaken_for;     /* the class that most of the others were taken for */
  guint n_mistaken;       /* how many for that class; 0: all are right */
  const guint *confusion; /* [n_classes]: what its examples were taken for */
} ClassReport;

static ClassReport
class_report (VtrHead *head, guint index)
{
  const guint n_classes = vtr_head_get_n_classes (head);
  const guint *confusion = vtr_head_get_score (head)->confusion + (gsize) index * n_classes;
  ClassReport self = { .label = vtr_head_get_label (head, index), .confusion = confusion };

  for (guint i = 0; i < n_classes; i++)
    {
      self.n_examples += confusion[i];
      if (i != index && confusion[i] > self.n_mistaken)
        {
          self.n_mistaken = confusion[i];
          self.mistaken_for = i;
        }
    }
  self.recall = (double) confusion[index] / self.n_examples;
  return self;
}

static void
print_classes (VtrHead *head)
{
  const char *const headings[] = { "CLASS", ">PICTURES", ">RECALL", "MOST OFTEN TAKEN FOR", NULL };
  g_autoptr (CliTable) table = cli_table_new (headings);

  for (guint i = 0; i < vtr_head_get_n_classes (head); i++)
    {
      const ClassReport class = class_report (head, i);
      g_autofree char *n_examples = g_strdup_printf ("%u", class.n_examples);
      g_autofree char *recall = g_strdup_printf ("%.1f %%", 100.0 * class.recall);
      g_autofree char *mistaken =
          class.n_mistaken == 0
              ? g_strdup ("-")
              : g_strdup_printf ("%s (%u)", vtr_head_get_label (head, class.mistaken_for),
                                 class.n_mistaken);
      cli_table_add (table, class.label, n_examples, recall, mistaken);
    }
  cli_table_print (table);
}

void
cli_head_report_print (const CliHeadReport *self)
{
  const VtrHeadScore *score = vtr_head_get_score (self->head);

  printf ("%u classes, %u pictures; %u features (%s) of %s\n", vtr_head_get_n_classes (self->head),
          score->n_examples, vtr_head_get_n_features (self->head),
          vtr_model_get_features (self->model), vtr_model_get_name (self->model));
  printf ("Cross-validated accuracy: %.1f %% ± %.1f %% over %u folds; always naming the largest "
          "class: %.1f %%\n\n",
          100.0 * score->accuracy, 100.0 * score->deviation, score->n_folds,
          100.0 * score->guessing);
  print_classes (self->head);
  printf ("\n%s\n", self->file);
}

static void
add_class (JsonBuilder *builder, VtrHead *head, guint index)
{
  const ClassReport class = class_report (head, index);

  json_builder_begin_object (builder);
  cli_json_string (builder, "label", class.label);
  cli_json_integer (builder, "pictures", class.n_examples);
  cli_json_number (builder, "recall", class.recall);
  json_builder_set_member_name (builder, "taken_for");
  json_builder_begin_array (builder);
  for (guint i = 0; i < vtr_head_get_n_classes (head); i++)
    json_builder_add_int_value (builder, class.confusion[i]);
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

static void
add_failures (JsonBuilder *builder, GPtrArray *pictures)
{
  json_builder_set_member_name (builder, "failed");
  json_builder_begin_array (builder);
  for (guint i = 0; i < pictures->len; i++)
    {
      const CliPicture *picture = g_ptr_array_index (pictures, i);
      g_autofree char *path = cli_name_to_text (picture->path);

      if (picture->status != CLI_PICTURE_FAILED)
        continue;
      json_builder_begin_object (builder);
      cli_json_string (builder, "picture", path);
      cli_json_string (builder, "error", picture->error->message);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

void
cli_head_report_print_json (const CliHeadReport *self)
{
  const VtrHeadScore *score = vtr_head_get_score (self->head);
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autofree char *file = cli_name_to_text (self->file);

  json_builder_begin_object (builder);
  cli_json_string (builder, "file", file);
  cli_json_string (builder, "hash", vtr_head_get_hash (self->head));
  cli_json_string (builder, "model", vtr_model_get_name (self->model));
  cli_json_string (builder, "features", vtr_model_get_features (self->model));
  cli_json_integer (builder, "n_features", vtr_head_get_n_features (self->head));
  cli_json_integer (builder, "n_examples", score->n_examples);
  cli_json_integer (builder, "n_folds", score->n_folds);
  cli_json_number (builder, "accuracy", score->accuracy);
  cli_json_number (builder, "accuracy_deviation", score->deviation);
  cli_json_number (builder, "accuracy_of_guessing", score->guessing);
  cli_json_number (builder, "penalty", score->penalty);
  json_builder_set_member_name (builder, "classes");
  json_builder_begin_array (builder);
  for (guint i = 0; i < vtr_head_get_n_classes (self->head); i++)
    add_class (builder, self->head, i);
  json_builder_end_array (builder);
  add_failures (builder, self->pictures);
  json_builder_end_object (builder);
  cli_print_json (builder);
}
