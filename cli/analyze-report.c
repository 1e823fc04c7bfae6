/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "analyze-report.h"

#include "report.h"
#include "table.h"

#include <math.h>
#include <stdio.h>

/* Columns of the table, means of the heads. */
static const struct
{
  const char *heading;
  VtrStatistic statistic;
  VtrReading reading;
} columns[] = {
  { ">ENTROPY", VTR_STATISTIC_ENTROPY, VTR_READING_ALL },
  { ">OF CLS", VTR_STATISTIC_ENTROPY, VTR_READING_CLS },
  { ">SUPPORT", VTR_STATISTIC_SUPPORT, VTR_READING_ALL },
  { ">DISTANCE", VTR_STATISTIC_DISTANCE, VTR_READING_ALL_PATCHES },
  { ">ON CLS", VTR_STATISTIC_CLS_MASS, VTR_READING_ALL },
  { ">SINK", VTR_STATISTIC_SINK, VTR_READING_ALL },
};
#define N_COLUMNS G_N_ELEMENTS (columns)

/* ---- for people ---- */

/* Mean over the heads the layer has, "-" where no picture has a number. */
static char *
format_mean (const VtrAnalysis *analysis, guint column, guint layer)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  double sum = 0.0;
  guint n = 0;

  for (guint head = 0; head < vtr_analysis_get_n_heads (analysis); head++)
    {
      const VtrDistribution distribution = vtr_analysis_get (analysis, columns[column].statistic,
                                                             columns[column].reading, layer, head);

      if (distribution.n == 0)
        continue;
      sum += distribution.mean;
      n++;
    }
  return g_strdup (n == 0 ? "-" : g_ascii_formatd (text, sizeof text, "%.3f", sum / n));
}

/* "2 local, 4 mixed" */
static char *
format_patterns (const VtrAnalysis *analysis, guint layer)
{
  guint counts[VTR_N_PATTERNS] = { 0 };
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint head = 0; head < vtr_analysis_get_n_heads (analysis); head++)
    if (vtr_analysis_get (analysis, VTR_STATISTIC_ENTROPY, VTR_READING_ALL, layer, head).n > 0)
      counts[vtr_analysis_get_pattern (analysis, layer, head)]++;
  for (guint pattern = 0; pattern < VTR_N_PATTERNS; pattern++)
    if (counts[pattern] > 0)
      g_string_append_printf (text, "%s%u %s", text->len > 0 ? ", " : "", counts[pattern],
                              vtr_pattern_get_name (pattern));
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static void
print_layers (const VtrAnalysis *analysis)
{
  const char *const headings[] = { "LAYER",
                                   columns[0].heading,
                                   columns[1].heading,
                                   columns[2].heading,
                                   columns[3].heading,
                                   columns[4].heading,
                                   columns[5].heading,
                                   "HEADS",
                                   NULL };
  g_autoptr (CliTable) table = cli_table_new (headings);

  for (guint layer = 0; layer < vtr_analysis_get_n_layers (analysis); layer++)
    {
      char *cells[N_COLUMNS];
      g_autofree char *number = g_strdup_printf ("%u", layer);
      g_autofree char *patterns = format_patterns (analysis, layer);

      for (guint i = 0; i < N_COLUMNS; i++)
        cells[i] = format_mean (analysis, i, layer);
      cli_table_add (table, number, cells[0], cells[1], cells[2], cells[3], cells[4], cells[5],
                     patterns);
      for (guint i = 0; i < N_COLUMNS; i++)
        g_free (cells[i]);
    }
  cli_table_print (table);
}

void
cli_analysis_report_print (const CliAnalysisReport *self)
{
  const VtrAnalysis *analysis = self->analysis;
  const guint n = vtr_analysis_get_n_pictures (analysis);
  const VtrEvolution evolution = vtr_analysis_get_evolution (analysis);

  printf ("%s on %u picture%s; means of the heads\n\n",
          vtr_model_get_name (vtr_analysis_get_model (analysis)), n, n == 1 ? "" : "s");
  print_layers (analysis);
  puts ("");
  if (evolution.entropy_falls >= 0)
    printf ("Attention narrows most at layer %d.\n", evolution.entropy_falls);
  if (evolution.heads_specialise >= 0)
    printf ("Heads specialise from layer %d on.\n", evolution.heads_specialise);
  if (evolution.maps_settle >= 0)
    printf ("Maps change little from layer %d on.\n", evolution.maps_settle);
  puts ("Entropy: 1 for attention to all tokens alike. Support: tokens. Distance: pixels.");
}

/* ---- JSON ---- */

static JsonNode *
parse (char *text)
{
  g_autofree char *owned = text;

  return json_from_string (owned, NULL);
}

/* What only the program knows: how it computed, and what went wrong. */
static JsonObject *
make_rest (const CliAnalysisReport *self)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  cli_json_string (builder, "device", vtr_device_get_info (self->device)->name);
  cli_json_string (builder, "precision", vtr_precision_get_name (self->options->precision));
  cli_json_string (builder, "fit", vtr_fit_get_name (self->options->fit));
  cli_json_boolean (builder, "stopped", self->stopped);
  cli_json_failures (builder, self->pictures);
  json_builder_end_object (builder);

  g_autoptr (JsonNode) root = json_builder_get_root (builder);
  return json_node_dup_object (root);
}

char *
cli_analysis_report_to_json (const CliAnalysisReport *self)
{
  g_autoptr (JsonNode) root = parse (vtr_analysis_to_json (self->analysis));
  g_autoptr (JsonObject) rest = make_rest (self);
  g_autoptr (GList) members = json_object_get_members (rest);

  for (const GList *link = members; link != NULL; link = link->next)
    json_object_set_member (json_node_get_object (root), link->data,
                            json_object_dup_member (rest, link->data));
  return json_to_string (root, FALSE);
}

/* ---- files ---- */

gboolean
cli_analysis_report_write (const CliAnalysisReport *self, const char *folder, GError **error)
{
  VtrModel *model = vtr_analysis_get_model (self->analysis);
  g_autofree char *title = g_strdup_printf ("The attention of %s", vtr_model_get_name (model));
  g_autofree char *html = vtr_analysis_to_html (self->analysis, title);
  g_autofree char *csv = vtr_analysis_to_csv (self->analysis);
  g_autofree char *json = cli_analysis_report_to_json (self);

  return cli_write_text (folder, "analysis.json", json, error) &&
         cli_write_text (folder, "analysis.csv", csv, error) &&
         cli_write_text (folder, "analysis.html", html, error);
}
