/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "compare.h"
#include "report.h"
#include "table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const titles[] = {
  [VTR_AGREEMENT_PEARSON] = "correlation of maps",
  [VTR_AGREEMENT_SPEARMAN] = "correlation of ranks",
  [VTR_AGREEMENT_IOU] = "IoU of the top 20 %",
  [VTR_AGREEMENT_DIVERGENCE] = "divergence of maps, bits",
  [VTR_AGREEMENT_COSINE] = "cosine of embeddings",
  [VTR_AGREEMENT_LOGIT_CHANGE] = "greatest change of a logit",
};
G_STATIC_ASSERT (G_N_ELEMENTS (titles) == VTR_N_AGREEMENT_MEASURES);

static gboolean
is_compared (const CliPicture *picture)
{
  return picture->status == CLI_PICTURE_DONE || picture->status == CLI_PICTURE_SKIPPED;
}

/* All that are compared, in order, so that it is the same whoever compared them. */
static VtrAgreements *
add_up (const CliComparison *self)
{
  VtrAgreements *agreements = vtr_agreements_new ();

  for (guint i = 0; i < self->pictures->len; i++)
    if (is_compared (g_ptr_array_index (self->pictures, i)))
      vtr_agreements_add (agreements, &self->agreements[i]);
  return agreements;
}

static gboolean
have_same_classes (const CliComparison *self)
{
  return vtr_models_have_same_classes (self->sides[0].model, self->sides[1].model);
}

/* The label of the class a side takes a picture for, or NULL. */
static const char *
label_of (const CliComparison *self, guint index, guint side)
{
  const int class_index = self->agreements[index].classes[side];

  return class_index == VTR_NO_CLASS
             ? NULL
             : vtr_model_get_label (self->sides[side].model, (guint) class_index);
}

static char *
path_of (const CliComparison *self, guint index)
{
  return cli_name_to_text (((CliPicture *) g_ptr_array_index (self->pictures, index))->path);
}

/* ---- for people ---- */

static void
print_side (const CliSide *side, char letter)
{
  g_autofree char *target = side->options->target == NULL
                                ? g_strdup ("")
                                : g_strdup_printf (" of %s", side->options->target);

  printf ("%c: %s, %s%s, fit %s, %s on %s\n", letter, vtr_model_get_name (side->model),
          vtr_method_get_name (side->options->method), target,
          vtr_fit_get_name (side->options->fit), vtr_precision_get_name (side->options->precision),
          vtr_device_get_info (side->device)->name);
}

/* More where fewer would show nothing. */
static guint
count_digits (VtrEstimate estimate)
{
  const double half = (estimate.high - estimate.low) / 2.0;

  return fabs (estimate.mean) < 0.001 || half < 0.0005 ? 6 : 4;
}

static void
print_measures (const VtrAgreements *agreements)
{
  const char *const headings[] = { "MEASURE", ">MEAN", ">PICTURES", NULL };
  g_autoptr (CliTable) table = cli_table_new (headings);

  for (guint i = 0; i < VTR_N_AGREEMENT_MEASURES; i++)
    {
      guint n;
      const VtrEstimate estimate = vtr_agreements_get_estimate (agreements, i, &n);
      g_autofree char *mean =
          n > 0 ? cli_format_estimate (estimate, count_digits (estimate), FALSE) : g_strdup ("-");
      g_autofree char *pictures = g_strdup_printf ("%u", n);

      cli_table_add (table, titles[i], mean, pictures);
    }
  cli_table_print (table);
}

static void
print_predictions (const CliComparison *self, const VtrAgreements *agreements)
{
  const guint n = vtr_agreements_get_n_comparable (agreements);
  const guint n_changed = vtr_agreements_get_n_changed (agreements);

  if (n > 0)
    printf ("\n%u of %u pictures are taken for another class (%.1f %%)\n", n_changed, n,
            100.0 * n_changed / n);
  else if (vtr_model_get_n_classes (self->sides[0].model) > 0 &&
           vtr_model_get_n_classes (self->sides[1].model) > 0)
    puts ("\nThe classes of the two do not correspond, so logits are not compared.");
}

static char *
format_class (const CliComparison *self, guint index, guint side)
{
  const VtrAgreement *agreement = &self->agreements[index];
  const char *label = label_of (self, index, side);

  if (agreement->classes[side] == VTR_NO_CLASS)
    return g_strdup ("");
  g_autofree char *name =
      label != NULL ? g_strdup (label) : g_strdup_printf ("%d", agreement->classes[side]);
  return g_strdup_printf ("%s %.0f %%", name, 100.0 * agreement->probabilities[side]);
}

static void
print_worst (const CliComparison *self)
{
  const char *const headings[] = { "WORST", ">AGREEMENT", "A", "B", NULL };
  g_autoptr (CliTable) table = cli_table_new (headings);

  for (guint i = 0; i < self->worst->len; i++)
    {
      const guint index = g_array_index (self->worst, guint, i);
      g_autofree char *path = path_of (self, index);
      g_autofree char *a = format_class (self, index, 0);
      g_autofree char *b = format_class (self, index, 1);
      char value[G_ASCII_DTOSTR_BUF_SIZE];

      g_ascii_formatd (value, sizeof value, "%.4f", self->agreements[index].values[self->by]);
      cli_table_add (table, path, value, a, b);
    }
  if (self->worst->len > 0)
    printf ("\nBy %s:\n", titles[self->by]);
  cli_table_print (table);
}

void
cli_comparison_print (const CliComparison *self)
{
  g_autoptr (VtrAgreements) agreements = add_up (self);
  const guint n = vtr_agreements_get_n_pictures (agreements);

  for (guint i = 0; i < CLI_N_SIDES; i++)
    print_side (&self->sides[i], "AB"[i]);
  puts ("");
  print_measures (agreements);
  puts (n < 2 ? "One picture tells nothing of others: more give intervals."
              : "±: 95 % interval of the mean over the pictures.");
  print_predictions (self, agreements);
  print_worst (self);
}

/* ---- JSON ---- */

void
cli_side_add_json (const CliSide *self, JsonBuilder *builder, const char *member)
{
  const CliExplainOptions *options = self->options;
  VtrHead *head = vtr_model_get_head (self->model);

  cli_json_begin_object (builder, member);
  cli_json_string (builder, "model", vtr_model_get_name (self->model));
  cli_json_string (builder, "model_hash", vtr_model_get_hash (self->model));
  cli_json_string (builder, "head_hash", head == NULL ? NULL : vtr_head_get_hash (head));
  cli_json_string (builder, "device", vtr_device_get_info (self->device)->name);
  cli_json_string (builder, "precision", vtr_precision_get_name (options->precision));
  cli_json_string (builder, "fit", vtr_fit_get_name (options->fit));
  cli_json_integer (builder, "size", options->size);
  cli_json_string (builder, "target", options->target);
  cli_json_string (builder, "method", vtr_method_get_name (options->method));
  cli_json_parameters (builder, options->method);
  json_builder_end_object (builder);
}

static void
add_measures (JsonBuilder *builder, const VtrAgreements *agreements)
{
  cli_json_begin_object (builder, "measures");
  for (guint i = 0; i < VTR_N_AGREEMENT_MEASURES; i++)
    {
      guint n;
      const VtrEstimate estimate = vtr_agreements_get_estimate (agreements, i, &n);

      cli_json_begin_object (builder, vtr_agreement_measure_get_name (i));
      cli_json_estimate (builder, estimate);
      cli_json_integer (builder, "pictures", n);
      cli_json_string (builder, "better", vtr_agreement_measure_is_distance (i) ? "less" : "more");
      json_builder_end_object (builder);
    }
  json_builder_end_object (builder);
}

static void
add_predictions (JsonBuilder *builder, const CliComparison *self, const VtrAgreements *agreements)
{
  const guint n = vtr_agreements_get_n_comparable (agreements);
  const guint n_changed = vtr_agreements_get_n_changed (agreements);

  cli_json_begin_object (builder, "predictions");
  cli_json_boolean (builder, "same_classes", have_same_classes (self));
  cli_json_integer (builder, "pictures", n);
  cli_json_integer (builder, "changed", n_changed);
  cli_json_number (builder, "share_changed", n > 0 ? (double) n_changed / n : NAN);
  json_builder_end_object (builder);
}

static void
add_class (JsonBuilder *builder, const CliComparison *self, guint index, guint side)
{
  const VtrAgreement *agreement = &self->agreements[index];

  json_builder_set_member_name (builder, side == 0 ? "a" : "b");
  if (agreement->classes[side] == VTR_NO_CLASS)
    {
      json_builder_add_null_value (builder);
      return;
    }
  json_builder_begin_object (builder);
  cli_json_integer (builder, "class", (guint64) agreement->classes[side]);
  cli_json_string (builder, "label", label_of (self, index, side));
  cli_json_number (builder, "probability", agreement->probabilities[side]);
  json_builder_end_object (builder);
}

static void
add_picture (JsonBuilder *builder, const CliComparison *self, guint index)
{
  const VtrAgreement *agreement = &self->agreements[index];
  g_autofree char *path = path_of (self, index);

  json_builder_begin_object (builder);
  cli_json_string (builder, "picture", path);
  cli_json_integer (builder, "rows", agreement->n_rows);
  cli_json_integer (builder, "columns", agreement->n_columns);
  cli_json_integer (builder, "patches", agreement->n_patches);
  for (guint i = 0; i < VTR_N_AGREEMENT_MEASURES; i++)
    cli_json_number (builder, vtr_agreement_measure_get_name (i), agreement->values[i]);
  for (guint side = 0; side < CLI_N_SIDES; side++)
    add_class (builder, self, index, side);
  json_builder_set_member_name (builder, "changed");
  if (agreement->comparable)
    json_builder_add_boolean_value (builder, agreement->changed);
  else
    json_builder_add_null_value (builder);
  json_builder_end_object (builder);
}

static void
add_pictures (JsonBuilder *builder, const CliComparison *self)
{
  cli_json_begin_array (builder, "worst");
  for (guint i = 0; i < self->worst->len; i++)
    {
      g_autofree char *path = path_of (self, g_array_index (self->worst, guint, i));
      json_builder_add_string_value (builder, path);
    }
  json_builder_end_array (builder);
  cli_json_begin_array (builder, "each");
  for (guint i = 0; i < self->pictures->len; i++)
    if (is_compared (g_ptr_array_index (self->pictures, i)))
      add_picture (builder, self, i);
  json_builder_end_array (builder);
}

char *
cli_comparison_to_json (const CliComparison *self)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (VtrAgreements) agreements = add_up (self);

  json_builder_begin_object (builder);
  cli_json_string (builder, "vitreous", VTR_VERSION);
  cli_side_add_json (&self->sides[0], builder, "a");
  cli_side_add_json (&self->sides[1], builder, "b");
  cli_json_integer (builder, "pictures", vtr_agreements_get_n_pictures (agreements));
  cli_json_boolean (builder, "stopped", self->stopped);
  cli_json_failures (builder, self->pictures);
  add_measures (builder, agreements);
  add_predictions (builder, self, agreements);
  cli_json_string (builder, "ranked_by", vtr_agreement_measure_get_name (self->by));
  add_pictures (builder, self);
  json_builder_end_object (builder);
  return cli_json_to_text (builder);
}

/* ---- files ---- */

static void
append_number (GString *csv, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append_c (csv, ',');
  if (!isnan (value))
    g_string_append (csv, g_ascii_dtostr (text, sizeof text, value));
}

static void
append_line (GString *csv, const CliComparison *self, guint index)
{
  const VtrAgreement *agreement = &self->agreements[index];
  g_autofree char *path = path_of (self, index);

  cli_csv_append (csv, path);
  for (guint i = 0; i < VTR_N_AGREEMENT_MEASURES; i++)
    append_number (csv, agreement->values[i]);
  for (guint side = 0; side < CLI_N_SIDES; side++)
    {
      g_string_append_c (csv, ',');
      if (agreement->classes[side] != VTR_NO_CLASS)
        g_string_append_printf (csv, "%d", agreement->classes[side]);
      g_string_append_c (csv, ',');
      cli_csv_append (csv, label_of (self, index, side));
      append_number (csv, agreement->probabilities[side]);
    }
  g_string_append_printf (csv, ",%s",
                          !agreement->comparable ? ""
                          : agreement->changed   ? "true"
                                                 : "false");
}

static char *
make_csv (const CliComparison *self)
{
  GString *csv = g_string_new ("picture");

  for (guint i = 0; i < VTR_N_AGREEMENT_MEASURES; i++)
    g_string_append_printf (csv, ",%s", vtr_agreement_measure_get_name (i));
  for (guint side = 0; side < CLI_N_SIDES; side++)
    g_string_append_printf (csv, ",class_%c,label_%c,probability_%c", "ab"[side], "ab"[side],
                            "ab"[side]);
  g_string_append (csv, ",changed");
  for (guint i = 0; i < self->pictures->len; i++)
    if (is_compared (g_ptr_array_index (self->pictures, i)))
      {
        g_string_append_c (csv, '\n');
        append_line (csv, self, i);
      }
  return g_string_free (csv, FALSE);
}

static gboolean
write_sheet (const CliComparison *self, GError **error)
{
  g_autoptr (GPtrArray) rows = g_ptr_array_new ();
  const guint n = vtr_model_get_n_layers (self->sides[0].model);
  g_autofree char *path = g_build_filename (self->output, "compare.sheet.png", NULL);

  for (guint i = 0; i < self->worst->len; i++)
    {
      gpointer row = g_hash_table_lookup (self->rows,
                                          GUINT_TO_POINTER (g_array_index (self->worst, guint, i)));
      if (row != NULL)
        g_ptr_array_add (rows, row);
    }
  if (rows->len == 0)
    return TRUE;

  g_autofree char *title = g_strdup_printf ("%s against %s: where they agree least",
                                            self->sides[0].name, self->sides[1].name);
  g_autofree char *subtitle =
      g_strdup_printf ("%u of %u pictures, by %s | %s, %u layers", rows->len,
                       cli_inputs_count (self->pictures, CLI_PICTURE_DONE) +
                           cli_inputs_count (self->pictures, CLI_PICTURE_SKIPPED),
                       titles[self->by], vtr_model_get_name (self->sides[0].model), n);
  g_autoptr (VtrImage) sheet =
      vtr_agreement_sheet_new ((VtrAgreementRow *const *) rows->pdata, rows->len, title, subtitle,
                               self->sides[0].name, self->sides[1].name, error);
  return sheet != NULL && vtr_image_save (sheet, path, 0, error);
}

gboolean
cli_comparison_write (const CliComparison *self, GError **error)
{
  g_autofree char *json = cli_comparison_to_json (self);
  g_autofree char *csv = make_csv (self);

  return cli_write_text (self->output, "compare.csv", csv, error) && write_sheet (self, error) &&
         cli_write_text (self->output, "compare.json", json, error);
}
