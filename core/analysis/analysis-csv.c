/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* An analysis as CSV: a line for each distribution. */
#include "analysis/analysis.h"

#include <math.h>

/* With a point in any locale; nothing where there is no number. */
static void
append_number (GString *csv, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append_c (csv, ',');
  if (!isnan (value))
    g_string_append (csv, g_ascii_formatd (text, sizeof text, "%.7g", value));
}

static void
append_distribution (GString *csv, VtrDistribution distribution)
{
  g_string_append_printf (csv, ",%u", distribution.n);
  append_number (csv, distribution.mean);
  append_number (csv, distribution.deviation);
  for (guint i = 0; i < G_N_ELEMENTS (distribution.percentiles); i++)
    append_number (csv, distribution.percentiles[i]);
  g_string_append_c (csv, '\n');
}

static void
append_head (GString *csv,
             const VtrAnalysis *self,
             VtrStatistic statistic,
             VtrReading reading,
             guint layer,
             guint head)
{
  const VtrDistribution distribution = vtr_analysis_get (self, statistic, reading, layer, head);

  if (distribution.n == 0)
    return;
  g_string_append_printf (csv, "%s,%s,%u,%u", vtr_statistic_get_info (statistic)->name,
                          vtr_reading_get_name (reading), layer, head);
  append_distribution (csv, distribution);
}

char *
vtr_analysis_to_csv (const VtrAnalysis *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  GString *csv =
      g_string_new ("statistic,reading,layer,head,pictures,mean,deviation,p5,p25,p50,p75,p95\n");

  for (guint statistic = 0; statistic < VTR_N_STATISTICS; statistic++)
    for (guint reading = 0; reading < VTR_N_READINGS; reading++)
      for (guint layer = 0; layer < self->n_layers; layer++)
        for (guint head = 0; head < self->n_heads; head++)
          append_head (csv, self, statistic, reading, layer, head);
  for (guint statistic = 0; statistic < VTR_N_TOKEN_STATISTICS; statistic++)
    for (guint layer = 0; layer < self->n_layers; layer++)
      {
        g_string_append_printf (csv, "%s,tokens,%u,",
                                vtr_token_statistic_get_info (statistic)->name, layer);
        append_distribution (csv, vtr_analysis_get_of_tokens (self, statistic, layer));
      }
  return g_string_free (csv, FALSE);
}
