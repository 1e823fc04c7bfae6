/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* An analysis as JSON; docs/analysis.md says what is in it. */
#include "analysis/analysis.h"
#include "base/json.h"

#include <math.h>

static const char *const part_names[] = { "mean", "deviation", "p5", "p25", "p50", "p75", "p95" };

static void
begin_object (JsonBuilder *json, const char *key)
{
  json_builder_set_member_name (json, key);
  json_builder_begin_object (json);
}

static void
begin_array (JsonBuilder *json, const char *key)
{
  json_builder_set_member_name (json, key);
  json_builder_begin_array (json);
}

/* Seven digits are all that f32 knows. */
static void
add_rounded (JsonBuilder *json, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  vtr_json_add_number (json, isnan (value) ? value
                                           : g_ascii_strtod (g_ascii_formatd (text, sizeof text,
                                                                              "%.7g", value),
                                                             NULL));
}

/* The mean, the deviation, then the percentiles. */
static double
get_part (const VtrDistribution *distribution, guint part)
{
  return part == 0   ? distribution->mean
         : part == 1 ? distribution->deviation
                     : distribution->percentiles[part - 2];
}

/* [n_rows][n_columns], or [n_columns] where @n_rows is 0, of each number of the distributions. */
static void
add_distributions (JsonBuilder *json,
                   const VtrDistribution *distributions,
                   guint n_rows,
                   guint n_columns)
{
  for (guint part = 0; part < G_N_ELEMENTS (part_names); part++)
    {
      begin_array (json, part_names[part]);
      for (guint row = 0; row < MAX (n_rows, 1); row++)
        {
          if (n_rows > 0)
            json_builder_begin_array (json);
          for (guint column = 0; column < n_columns; column++)
            add_rounded (json, get_part (&distributions[row * n_columns + column], part));
          if (n_rows > 0)
            json_builder_end_array (json);
        }
      json_builder_end_array (json);
    }
}

static void
add_info (JsonBuilder *json, const VtrStatisticInfo *info)
{
  vtr_json_add_text (json, "title", info->title);
  vtr_json_add_text (json, "unit", info->unit);
  vtr_json_add_text (json, "summary", info->summary);
}

/* Whether any picture had a number: a model without CLS has no rows of CLS. */
static gboolean
read_series (const VtrAnalysis *self,
             VtrStatistic statistic,
             VtrReading reading,
             VtrDistribution *distributions)
{
  gboolean any = FALSE;

  for (guint i = 0; i < self->n_layers * self->n_heads; i++)
    {
      distributions[i] =
          vtr_analysis_get (self, statistic, reading, i / self->n_heads, i % self->n_heads);
      any = any || distributions[i].n > 0;
    }
  return any;
}

static void
add_statistics (JsonBuilder *json, const VtrAnalysis *self)
{
  g_autofree VtrDistribution *distributions =
      g_new (VtrDistribution, (gsize) self->n_layers * self->n_heads);

  begin_object (json, "statistics");
  for (guint statistic = 0; statistic < VTR_N_STATISTICS; statistic++)
    {
      const VtrStatisticInfo *info = vtr_statistic_get_info (statistic);

      begin_object (json, info->name);
      add_info (json, info);
      for (guint reading = 0; reading < VTR_N_READINGS; reading++)
        {
          if (!read_series (self, statistic, reading, distributions))
            continue;
          begin_object (json, vtr_reading_get_name (reading));
          add_distributions (json, distributions, self->n_layers, self->n_heads);
          json_builder_end_object (json);
        }
      json_builder_end_object (json);
    }
  json_builder_end_object (json);
}

static void
add_token_statistics (JsonBuilder *json, const VtrAnalysis *self)
{
  g_autofree VtrDistribution *distributions = g_new (VtrDistribution, self->n_layers);

  begin_object (json, "tokens");
  for (guint statistic = 0; statistic < VTR_N_TOKEN_STATISTICS; statistic++)
    {
      const VtrStatisticInfo *info = vtr_token_statistic_get_info (statistic);

      for (guint layer = 0; layer < self->n_layers; layer++)
        distributions[layer] = vtr_analysis_get_of_tokens (self, statistic, layer);
      begin_object (json, info->name);
      add_info (json, info);
      add_distributions (json, distributions, 0, self->n_layers);
      json_builder_end_object (json);
    }
  json_builder_end_object (json);
}

static void
add_pixels (JsonBuilder *json, const VtrAnalysis *self)
{
  VtrDistribution means[3], deviations[3];

  for (guint channel = 0; channel < 3; channel++)
    {
      means[channel] = vtr_analysis_get_pixel_mean (self, channel);
      deviations[channel] = vtr_analysis_get_pixel_deviation (self, channel);
    }
  begin_object (json, "pixels");
  begin_object (json, "mean");
  add_distributions (json, means, 0, 3);
  json_builder_end_object (json);
  begin_object (json, "deviation");
  add_distributions (json, deviations, 0, 3);
  json_builder_end_object (json);
  json_builder_end_object (json);
}

static void
add_patterns (JsonBuilder *json, const VtrAnalysis *self)
{
  begin_array (json, "patterns");
  for (guint layer = 0; layer < self->n_layers; layer++)
    {
      json_builder_begin_array (json);
      for (guint head = 0; head < vtr_analysis_get_n_heads_in (self, layer); head++)
        json_builder_add_string_value (json, vtr_pattern_get_name (
                                                 vtr_analysis_get_pattern (self, layer, head)));
      json_builder_end_array (json);
    }
  json_builder_end_array (json);

  begin_object (json, "pattern_rules");
  for (guint pattern = 0; pattern < VTR_N_PATTERNS; pattern++)
    vtr_json_add_text (json, vtr_pattern_get_name (pattern), vtr_pattern_get_rule (pattern));
  json_builder_end_object (json);
}

/* null where there is no such layer */
static void
add_layer (JsonBuilder *json, const char *key, int layer)
{
  json_builder_set_member_name (json, key);
  if (layer < 0)
    json_builder_add_null_value (json);
  else
    json_builder_add_int_value (json, layer);
}

static void
add_evolution (JsonBuilder *json, const VtrAnalysis *self)
{
  const VtrEvolution evolution = vtr_analysis_get_evolution (self);

  begin_object (json, "evolution");
  add_layer (json, "entropy_falls_at", evolution.entropy_falls);
  vtr_json_add_double (json, "entropy_fall", evolution.entropy_fall);
  add_layer (json, "heads_specialise_at", evolution.heads_specialise);
  add_layer (json, "maps_settle_at", evolution.maps_settle);
  json_builder_end_object (json);
}

/* [n_layers·n_heads][n_layers·n_heads] */
static void
add_similarity (JsonBuilder *json, const VtrAnalysis *self)
{
  const guint n = self->n_layers * self->n_heads, h = self->n_heads;

  begin_object (json, "similarity");
  for (guint which = 0; which < 2; which++)
    {
      begin_array (json, which == 0 ? "divergence" : "cka");
      for (guint a = 0; a < n; a++)
        {
          json_builder_begin_array (json);
          for (guint b = 0; b < n; b++)
            {
              double values[2];

              vtr_analysis_get_similarity (self, a / h, a % h, b / h, b % h, &values[0],
                                           &values[1]);
              add_rounded (json, values[which]);
            }
          json_builder_end_array (json);
        }
      json_builder_end_array (json);
    }
  json_builder_end_object (json);
}

char *
vtr_analysis_to_json (const VtrAnalysis *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_autoptr (JsonBuilder) json = json_builder_new ();

  json_builder_begin_object (json);
  vtr_json_add_text (json, "version", VTR_VERSION);
  begin_object (json, "model");
  vtr_json_add_text (json, "name", vtr_model_get_name (self->model));
  vtr_json_add_text (json, "hash", vtr_model_get_hash (self->model));
  vtr_json_add_int (json, "layers", self->n_layers);
  vtr_json_add_int (json, "heads", self->n_heads);
  vtr_json_add_int (json, "prefix_tokens", vtr_model_get_n_prefix_tokens (self->model));
  vtr_json_add_int (json, "patch_size", vtr_model_get_patch_size (self->model));
  json_builder_end_object (json);
  vtr_json_add_double (json, "temperature", self->temperature);
  vtr_json_add_int (json, "pictures", self->n_pictures);
  add_statistics (json, self);
  add_token_statistics (json, self);
  add_pixels (json, self);
  add_patterns (json, self);
  add_evolution (json, self);
  add_similarity (json, self);
  json_builder_end_object (json);

  g_autoptr (JsonNode) root = json_builder_get_root (json);
  return json_to_string (root, FALSE);
}
