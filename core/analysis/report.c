/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* An analysis as one page of HTML that loads nothing: no script, style, font or picture. */
#include "analysis/analysis.h"

#include <math.h>

static const char style[] =
    "body{font:15px/1.5 system-ui,sans-serif;color:#20242c;background:#fff;max-width:1200px;"
    "margin:2em auto;padding:0 1.5em}"
    "h1{font-size:1.7em;margin-bottom:.2em}h2{font-size:1.25em;margin-top:2.2em;"
    "border-bottom:1px solid #d9dee6;padding-bottom:.25em}"
    ".about,p.range{color:#626c7a}p.range{font-size:12px;margin:.3em 0 0}"
    ".charts{display:flex;flex-wrap:wrap;gap:1.2em 2em;align-items:flex-start}"
    "figure{margin:0}.charts>figure{flex:0 1 560px}.charts>figure.grid{flex:none}"
    "figcaption{font-weight:600;margin-bottom:.3em}"
    "svg{max-width:100%;display:block}svg text{font-size:12px;fill:#626c7a}"
    ".end{text-anchor:end}.middle{text-anchor:middle}"
    ".tick{stroke:#e3e7ed;fill:none}.line{stroke:#20242c;stroke-width:1.6;fill:none;opacity:.75}"
    ".band{fill:#4c6ef5;opacity:.16}.point{fill:#20242c}circle{opacity:.88}"
    "table{border-collapse:collapse;font-size:13px}td,th{padding:.25em .8em .25em 0;"
    "text-align:left;vertical-align:top}th{color:#626c7a;font-weight:600}"
    "td.number,th.number{text-align:right;font-variant-numeric:tabular-nums}"
    ".legend{flex:1 1 20em}.legend td:first-child{white-space:nowrap}"
    "table.layers tr:nth-child(even){background:#f5f7fa}"
    ".swatch{display:inline-block;width:.9em;height:.9em;margin-right:.5em;"
    "vertical-align:-.1em;border-radius:2px}"
    ".matrix{image-rendering:pixelated;max-width:100%;height:auto}"
    ".strip{display:flex;gap:3px;margin-bottom:.8em}.strip figure{flex:1 1 0;min-width:0;"
    "max-width:132px}.strip img{width:100%;display:block}.strip figcaption{"
    "font-weight:400;font-size:12px;color:#626c7a;text-align:center;margin:0}";

static void
add_escaped (GString *html, const char *tag, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_autofree char *escaped = g_markup_escape_text (valid, -1);

  g_string_append_printf (html, "<%s>%s</%s>\n", tag, escaped, tag);
}

static void
begin_page (GString *html, const VtrAnalysis *self, const char *title)
{
  const char *hash = vtr_model_get_hash (self->model);
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *about = g_strdup_printf (
      "%u picture%s · %u layers, up to %u heads, patches of %u pixels, %u prefix token%s · "
      "temperature %s · model %.12s · Vitreous %s",
      self->n_pictures, self->n_pictures == 1 ? "" : "s", self->n_layers, self->n_heads,
      vtr_model_get_patch_size (self->model), vtr_model_get_n_prefix_tokens (self->model),
      vtr_model_get_n_prefix_tokens (self->model) == 1 ? "" : "s",
      g_ascii_dtostr (text, sizeof text, self->temperature), hash, VTR_VERSION);

  g_string_append (html, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                         "<meta name=\"viewport\" content=\"width=device-width\">\n");
  add_escaped (html, "title", title);
  g_string_append_printf (html, "<style>%s</style></head><body>\n", style);
  add_escaped (html, "h1", title);
  g_string_append (html, "<div class=\"about\">");
  add_escaped (html, "p", about);
  g_string_append (html, "</div>\n");
}

/* ---- in words ---- */

static void add_sentence (GString *html, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
add_sentence (GString *html, const char *format, ...)
{
  va_list values;

  g_string_append (html, "<li>");
  va_start (values, format);
  g_string_append_vprintf (html, format, values);
  va_end (values);
  g_string_append (html, "</li>\n");
}

static void
add_evolution (GString *html, const VtrAnalysis *self)
{
  const VtrEvolution evolution = vtr_analysis_get_evolution (self);
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append (html, "<ul>\n");
  if (evolution.entropy_falls >= 0)
    add_sentence (html,
                  "Attention narrows most from layer %d to layer %d: the mean entropy falls by %s "
                  "of the greatest possible.",
                  evolution.entropy_falls - 1, evolution.entropy_falls,
                  vtr_report_format (evolution.entropy_fall, text));
  else
    add_sentence (html, "Attention does not narrow from layer to layer.");
  if (evolution.heads_specialise >= 0)
    add_sentence (html,
                  "From layer %d on heads differ from each other by at least half of what those of "
                  "any layer do.",
                  evolution.heads_specialise);
  if (evolution.maps_settle >= 0)
    add_sentence (html,
                  "From layer %d on the mean attention changes little from layer to layer: less "
                  "than a quarter of its greatest change.",
                  evolution.maps_settle);
  else
    add_sentence (html, "The mean attention goes on changing up to the last layer.");
  g_string_append (html, "</ul>\n");
}

/* ---- numbers ---- */

/* Columns of the table of layers. */
static const struct
{
  VtrStatistic statistic;
  VtrReading reading;
  const char *title;
} columns[] = {
  { VTR_STATISTIC_ENTROPY, VTR_READING_ALL, "entropy" },
  { VTR_STATISTIC_ENTROPY, VTR_READING_CLS, "entropy of CLS" },
  { VTR_STATISTIC_SUPPORT, VTR_READING_ALL, "support (tokens)" },
  { VTR_STATISTIC_DISTANCE, VTR_READING_ALL_PATCHES, "distance (px)" },
  { VTR_STATISTIC_CLS_MASS, VTR_READING_ALL, "mass on CLS" },
  { VTR_STATISTIC_SINK, VTR_READING_ALL, "greatest sink" },
  { VTR_STATISTIC_HOYER, VTR_READING_ALL, "Hoyer" },
};

static void
add_cell (GString *html, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append_printf (html, "<td class=\"number\">%s</td>", vtr_report_format (value, text));
}

static void
add_table (GString *html, const VtrAnalysis *self)
{
  g_string_append (html, "<table class=\"layers\"><tr><th>layer</th>");
  for (guint i = 0; i < G_N_ELEMENTS (columns); i++)
    g_string_append_printf (html, "<th class=\"number\">%s</th>", columns[i].title);
  g_string_append (html, "<th class=\"number\">divergence of heads (bits)</th></tr>\n");
  for (guint layer = 0; layer < self->n_layers; layer++)
    {
      g_string_append_printf (html, "<tr><td>%u</td>", layer);
      for (guint i = 0; i < G_N_ELEMENTS (columns); i++)
        add_cell (html, vtr_analysis_get_layer_mean (self, columns[i].statistic, columns[i].reading,
                                                     layer));
      add_cell (html, vtr_analysis_get_divergence_within (self, layer));
      g_string_append (html, "</tr>\n");
    }
  g_string_append (html, "</table>\n");
}

/* ---- the page ---- */

/* A chart or grid of heads. */
typedef struct
{
  VtrStatistic statistic;
  VtrReading reading;
} Series;

static const Series charts[] = {
  { VTR_STATISTIC_ENTROPY, VTR_READING_ALL },
  { VTR_STATISTIC_ENTROPY, VTR_READING_CLS_PATCHES },
  { VTR_STATISTIC_DISTANCE, VTR_READING_ALL_PATCHES },
  { VTR_STATISTIC_SUPPORT, VTR_READING_ALL_PATCHES },
};

static const Series grids[] = {
  { VTR_STATISTIC_ENTROPY, VTR_READING_ALL },
  { VTR_STATISTIC_MAXIMUM, VTR_READING_ALL },
  { VTR_STATISTIC_HOYER, VTR_READING_ALL },
  { VTR_STATISTIC_GINI, VTR_READING_CLS_PATCHES },
  { VTR_STATISTIC_DISTANCE, VTR_READING_ALL_PATCHES },
  { VTR_STATISTIC_POSITIONAL, VTR_READING_ALL_PATCHES },
  { VTR_STATISTIC_NEIGHBOUR_MASS, VTR_READING_ALL_PATCHES },
  { VTR_STATISTIC_SELF_MASS, VTR_READING_ALL },
  { VTR_STATISTIC_CLS_MASS, VTR_READING_ALL },
  { VTR_STATISTIC_REGISTER_MASS, VTR_READING_ALL },
  { VTR_STATISTIC_SINK, VTR_READING_ALL },
  { VTR_STATISTIC_ARTIFACT_MASS, VTR_READING_ALL },
};

static void
add_heads (GString *html, const VtrAnalysis *self)
{
  g_string_append (html, "<h2>Heads</h2>\n<div class=\"charts\">\n");
  for (guint i = 0; i < G_N_ELEMENTS (charts); i++)
    vtr_report_add_heads_chart (html, self, charts[i].statistic, charts[i].reading);
  g_string_append (html, "</div>\n<p class=\"about\">A dot is a head, its colour its pattern; the "
                         "line is the mean of the heads.</p>\n"
                         "<div class=\"charts\">\n");
  vtr_report_add_patterns (html, self);
  g_string_append (html, "</div>\n<h2>Layers and heads</h2>\n<div class=\"charts\">\n");
  for (guint i = 0; i < G_N_ELEMENTS (grids); i++)
    vtr_report_add_grid (html, self, grids[i].statistic, grids[i].reading);
  g_string_append (html, "</div>\n");
}

static void
add_tokens (GString *html, const VtrAnalysis *self)
{
  g_string_append (html, "<h2>Tokens</h2>\n<div class=\"charts\">\n");
  for (guint i = 0; i < VTR_N_TOKEN_STATISTICS; i++)
    vtr_report_add_tokens_chart (html, self, i);
  g_string_append (html, "</div>\n<p class=\"about\">The band has 90 % of the pictures.</p>\n");
}

char *
vtr_analysis_to_html (const VtrAnalysis *self, const char *title)
{
  g_return_val_if_fail (self != NULL && title != NULL, NULL);

  GString *html = g_string_new (NULL);

  begin_page (html, self, title);
  g_string_append (html, "<h2>Over depth</h2>\n");
  add_evolution (html, self);
  vtr_report_add_examples (html, self);
  add_table (html, self);
  add_heads (html, self);
  add_tokens (html, self);
  g_string_append (html, "<h2>Which heads are alike</h2>\n");
  vtr_report_add_similarity (html, self);
  g_string_append (html, "</body></html>\n");
  return g_string_free (html, FALSE);
}
