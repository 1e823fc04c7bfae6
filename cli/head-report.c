/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "head-report.h"
#include "report.h"
#include "table.h"

#include <stdio.h>

/* Confusions that are told of; all are in --json. */
#define MAX_CONFUSIONS 5

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

/* Examples of one class that were taken for another. */
typedef struct
{
  guint class_index;
  guint taken_for;
  guint n;
  guint n_examples; /* of the class */
} Confusion;

/* Most pictures first; among as many, the larger share of a class; then in the classes' order. */
static int
compare_confusions (gconstpointer a, gconstpointer b)
{
  const Confusion *first = a;
  const Confusion *second = b;

  if (first->n != second->n)
    return first->n > second->n ? -1 : 1;
  if (first->n_examples != second->n_examples)
    return first->n_examples < second->n_examples ? -1 : 1;
  if (first->class_index != second->class_index)
    return first->class_index < second->class_index ? -1 : 1;
  return first->taken_for < second->taken_for ? -1 : 1;
}

/* All that there were, worst first. */
static GArray *
list_confusions (VtrHead *head)
{
  const guint n_classes = vtr_head_get_n_classes (head);
  GArray *all = g_array_new (FALSE, FALSE, sizeof (Confusion));

  for (guint i = 0; i < n_classes; i++)
    {
      const ClassReport class = class_report (head, i);

      for (guint k = 0; k < n_classes; k++)
        {
          const Confusion confusion = { i, k, class.confusion[k], class.n_examples };
          if (k != i && confusion.n > 0)
            g_array_append_val (all, confusion);
        }
    }
  g_array_sort (all, compare_confusions);
  return all;
}

static void
print_confusions (VtrHead *head)
{
  g_autoptr (GArray) all = list_confusions (head);

  if (all->len > 0)
    puts ("\nMost often confused:");
  for (guint i = 0; i < MIN (all->len, MAX_CONFUSIONS); i++)
    {
      const Confusion *confusion = &g_array_index (all, Confusion, i);
      printf ("  %s taken for %s: %u of %u\n", vtr_head_get_label (head, confusion->class_index),
              vtr_head_get_label (head, confusion->taken_for), confusion->n, confusion->n_examples);
    }
  if (all->len > MAX_CONFUSIONS)
    printf ("  and %u more; --json has them all\n", all->len - MAX_CONFUSIONS);
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
  print_confusions (self->head);
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
  cli_json_failures (builder, self->pictures);
  json_builder_end_object (builder);
  cli_print_json (builder);
}
