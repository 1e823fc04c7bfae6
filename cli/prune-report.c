/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "prune-report.h"
#include "common.h"
#include "table.h"

#include <math.h>
#include <stdio.h>

#define OWN_FORMAT                                                                                 \
  "Layers with different numbers of heads are something only Vitreous reads: transformers and "    \
  "timm "                                                                                          \
  "refuse such a checkpoint."

/* ---- numbers ---- */

double
cli_prune_report_get_weight (const CliPruneReport *self, guint layer, guint head)
{
  const guint n_heads = vtr_model_get_n_heads (self->model);
  const double *heads = self->importance + (gsize) layer * n_heads;
  double sum = 0.0;

  for (guint i = 0; self->by_layer && i < vtr_model_get_layer_heads (self->model, layer); i++)
    sum += heads[i] * heads[i];
  return sum > 0.0 ? heads[head] / sqrt (sum) : heads[head];
}

static char *
format_number (const char *format, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  return isnan (value) ? g_strdup ("-")
                       : g_strdup (g_ascii_formatd (text, sizeof text, format, value));
}

static char *
format_share (double share)
{
  g_autofree char *text = format_number ("%.1f", 100.0 * share);

  return isnan (share) ? g_strdup ("-") : g_strconcat (text, " %", NULL);
}

/* ---- for people ---- */

/* "0, 3" of those that go; "all" of a layer that does. */
static char *
format_removed (const CliPruneReport *self, guint layer)
{
  GString *text = g_string_new (NULL);

  if (!vtr_pruning_keeps_layer (self->pruning, layer))
    g_string_append (text, "the whole layer");
  for (guint head = 0; text->len == 0 || g_ascii_isdigit (text->str[0]); head++)
    {
      if (head >= vtr_model_get_layer_heads (self->model, layer))
        break;
      if (!vtr_pruning_keeps_head (self->pruning, layer, head))
        g_string_append_printf (text, "%s%u", text->len > 0 ? ", " : "", head);
    }
  return g_string_free (text, FALSE);
}

/* The least and the greatest of a layer's heads: "0.012 – 0.310". */
static char *
format_range (const CliPruneReport *self, guint layer)
{
  double least = INFINITY, most = -INFINITY;

  for (guint head = 0; head < vtr_model_get_layer_heads (self->model, layer); head++)
    {
      const double weight = cli_prune_report_get_weight (self, layer, head);
      least = fmin (least, weight);
      most = fmax (most, weight);
    }
  g_autofree char *first = format_number ("%.3g", least);
  g_autofree char *last = format_number ("%.3g", most);
  return g_strconcat (first, " – ", last, NULL);
}

static void
print_layers (const CliPruneReport *self)
{
  const char *const headings[] = {
    ">LAYER", ">LIKENESS", ">HEADS", "IMPORTANCE OF HEADS", "TAKEN OUT", NULL,
  };
  g_autoptr (CliTable) table = cli_table_new (headings);

  for (guint layer = 0; layer < vtr_model_get_n_layers (self->model); layer++)
    {
      g_autofree char *number = g_strdup_printf ("%u", layer);
      g_autofree char *likeness = format_number ("%.3f", self->likeness[layer]);
      g_autofree char *heads =
          g_strdup_printf ("%u", vtr_model_get_layer_heads (self->model, layer));
      g_autofree char *range = format_range (self, layer);
      g_autofree char *removed = format_removed (self, layer);
      cli_table_add (table, number, likeness, heads, range, removed);
    }
  cli_table_print (table);
}

static void
print_ablations (const CliPruneReport *self)
{
  const char *const headings[] = {
    "TURNED OFF", "COUNTS", ">IMPORTANCE", ">SAME CLASS", ">LOGIT", ">COSINE", NULL,
  };
  g_autoptr (CliTable) table = cli_table_new (headings);

  for (guint i = 0; i < self->ablations->len; i++)
    {
      const CliAblation *ablation = &g_array_index (self->ablations, CliAblation, i);
      g_autofree char *what =
          ablation->head < 0
              ? g_strdup_printf ("layer %u", ablation->layer)
              : g_strdup_printf ("layer %u, head %d", ablation->layer, ablation->head);
      g_autofree char *weight =
          ablation->head < 0
              ? g_strdup ("")
              : format_number ("%.3g", cli_prune_report_get_weight (self, ablation->layer,
                                                                    (guint) ablation->head));
      g_autofree char *top1 = format_share (ablation->agreement.top1);
      g_autofree char *logit = format_number ("%+.3f", ablation->agreement.logit_change);
      g_autofree char *cosine = format_number ("%.4f", ablation->agreement.cosine);
      cli_table_add (table, what, ablation->is_least ? "least" : "most", weight, top1, logit,
                     cosine);
    }
  if (self->ablations->len > 0)
    puts ("\nTurned off by themselves:");
  cli_table_print (table);
}

static void
print_agreement (const CliPruneReport *self)
{
  const CliAgreement *agreement = &self->agreement;
  g_autofree char *top1 = format_share (agreement->top1);
  g_autofree char *cosine = format_number ("%.4f", agreement->cosine);
  g_autofree char *least = format_number ("%.4f", agreement->least_cosine);
  g_autofree char *map = format_number ("%.3f", agreement->map_correlation);

  printf ("\nAgreement with the whole model on %u picture%s:\n", agreement->n_pictures,
          agreement->n_pictures == 1 ? "" : "s");
  if (!isnan (agreement->top1))
    printf ("  the same likeliest class      %s\n", top1);
  printf ("  cosine of the embeddings      %s (least %s)\n", cosine, least);
  printf ("  correlation of the rollouts   %s\n", map);
}

static void
print_gain (const CliPruneReport *self)
{
  const CliSpeed *speed = &self->speed;
  g_autofree char *before = cli_bytes_to_text (self->bytes[0]);
  g_autofree char *after = cli_bytes_to_text (self->bytes[1]);

  if (speed->n_runs > 0)
    printf ("  time of a picture             %.1f ms → %.1f ms, %.2f times as fast (%u × %u "
            "patches, "
            "median of %u runs in turns)\n",
            1e3 * speed->seconds[0], 1e3 * speed->seconds[1], speed->seconds[0] / speed->seconds[1],
            speed->n_rows, speed->n_columns, speed->n_runs);
  printf ("  weights                       %s → %s\n", before, after);
}

void
cli_prune_report_print (const CliPruneReport *self)
{
  printf ("%s on %s\n\n", vtr_model_get_name (self->model),
          vtr_device_get_info (self->device)->name);
  print_layers (self);
  print_ablations (self);
  if (self->pruned == NULL)
    return;
  print_agreement (self);
  print_gain (self);
  printf ("\n%s is written: %u layers.\n", self->output, vtr_model_get_n_layers (self->pruned));
  if (vtr_pruning_is_own_format (self->pruning))
    puts (OWN_FORMAT);
}

/* ---- for programs ---- */

static void
begin (JsonBuilder *builder, const char *member)
{
  json_builder_set_member_name (builder, member);
  json_builder_begin_object (builder);
}

static void
add_agreement (JsonBuilder *builder, const CliAgreement *agreement)
{
  begin (builder, "agreement");
  cli_json_integer (builder, "n_pictures", agreement->n_pictures);
  cli_json_number (builder, "top1", agreement->top1);
  cli_json_number (builder, "logit_change", agreement->logit_change);
  cli_json_number (builder, "cosine", agreement->cosine);
  cli_json_number (builder, "least_cosine", agreement->least_cosine);
  cli_json_number (builder, "map_correlation", agreement->map_correlation);
  json_builder_end_object (builder);
}

static void
add_head (JsonBuilder *builder, const CliPruneReport *self, guint layer, guint head)
{
  const guint n_heads = vtr_model_get_n_heads (self->model);

  json_builder_begin_object (builder);
  cli_json_integer (builder, "head", head);
  cli_json_number (builder, "importance", self->importance[layer * n_heads + head]);
  cli_json_number (builder, "weight", cli_prune_report_get_weight (self, layer, head));
  cli_json_boolean (builder, "removed", !vtr_pruning_keeps_head (self->pruning, layer, head));
  json_builder_end_object (builder);
}

static void
add_layers (JsonBuilder *builder, const CliPruneReport *self)
{
  json_builder_set_member_name (builder, "layers");
  json_builder_begin_array (builder);
  for (guint layer = 0; layer < vtr_model_get_n_layers (self->model); layer++)
    {
      json_builder_begin_object (builder);
      cli_json_integer (builder, "layer", layer);
      cli_json_number (builder, "likeness", self->likeness[layer]);
      cli_json_boolean (builder, "removed", !vtr_pruning_keeps_layer (self->pruning, layer));
      json_builder_set_member_name (builder, "heads");
      json_builder_begin_array (builder);
      for (guint head = 0; head < vtr_model_get_layer_heads (self->model, layer); head++)
        add_head (builder, self, layer, head);
      json_builder_end_array (builder);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

static void
add_ablations (JsonBuilder *builder, const CliPruneReport *self)
{
  json_builder_set_member_name (builder, "ablations");
  json_builder_begin_array (builder);
  for (guint i = 0; i < self->ablations->len; i++)
    {
      const CliAblation *ablation = &g_array_index (self->ablations, CliAblation, i);

      json_builder_begin_object (builder);
      cli_json_integer (builder, "layer", ablation->layer);
      if (ablation->head >= 0)
        cli_json_integer (builder, "head", (guint64) ablation->head);
      cli_json_string (builder, "counts", ablation->is_least ? "least" : "most");
      add_agreement (builder, &ablation->agreement);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

static void
add_pruned (JsonBuilder *builder, const CliPruneReport *self)
{
  const CliSpeed *speed = &self->speed;

  begin (builder, "pruned");
  cli_json_string (builder, "path", self->output);
  cli_json_integer (builder, "n_layers", vtr_model_get_n_layers (self->pruned));
  json_builder_set_member_name (builder, "heads");
  json_builder_begin_array (builder);
  for (guint layer = 0; layer < vtr_model_get_n_layers (self->pruned); layer++)
    json_builder_add_int_value (builder, vtr_model_get_layer_heads (self->pruned, layer));
  json_builder_end_array (builder);
  cli_json_boolean (builder, "only_vitreous_reads_it", vtr_pruning_is_own_format (self->pruning));
  add_agreement (builder, &self->agreement);
  begin (builder, "speed");
  cli_json_integer (builder, "rows", speed->n_rows);
  cli_json_integer (builder, "columns", speed->n_columns);
  cli_json_integer (builder, "runs", speed->n_runs);
  cli_json_number (builder, "ms_before", 1e3 * speed->seconds[0]);
  cli_json_number (builder, "ms_after", 1e3 * speed->seconds[1]);
  cli_json_number (builder, "speed_up", speed->seconds[0] / speed->seconds[1]);
  cli_json_number (builder, "flops_before", speed->flops[0]);
  cli_json_number (builder, "flops_after", speed->flops[1]);
  json_builder_end_object (builder);
  cli_json_integer (builder, "bytes_before", self->bytes[0]);
  cli_json_integer (builder, "bytes_after", self->bytes[1]);
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
      cli_json_string (builder, "path", path);
      cli_json_string (builder, "error", picture->error->message);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

void
cli_prune_report_print_json (const CliPruneReport *self)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  cli_json_string (builder, "model", vtr_model_get_name (self->model));
  cli_json_string (builder, "device", vtr_device_get_info (self->device)->name);
  cli_json_string (builder, "target", self->target);
  cli_json_boolean (builder, "by_layer", self->by_layer);
  add_layers (builder, self);
  add_ablations (builder, self);
  if (self->pruned != NULL)
    add_pruned (builder, self);
  add_failures (builder, self->pictures);
  json_builder_end_object (builder);
  cli_print_json (builder);
}
