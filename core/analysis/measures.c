/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Measures as they are asked for, drawn and set against one another. */
#include "analysis/analysis.h"

#include <string.h>

/* Points of mean curves: as many as those of pictures have, for pixels of the usual sizes. */
static const struct
{
  guint n_points;
  double last; /* share */
} axes[] = {
  [VTR_MEASURE_PATCH_DELETION] = { 11, 1.0 },
  [VTR_MEASURE_PATCH_INSERTION] = { 11, 1.0 },
  [VTR_MEASURE_PIXEL_DELETION] = { VTR_MAX_POINTS, 1.0 },
  [VTR_MEASURE_PIXEL_INSERTION] = { VTR_MAX_POINTS, 1.0 },
  [VTR_MEASURE_POSITIVE] = { 10, 0.9 },
  [VTR_MEASURE_NEGATIVE] = { 10, 0.9 },
};
G_STATIC_ASSERT (G_N_ELEMENTS (axes) == VTR_N_MEASURES);

static const struct
{
  const char *name;
  VtrMeasure fall;
  VtrMeasure stay;
} contests[] = {
  [VTR_CONTEST_PATCH] = { "patch", VTR_MEASURE_PATCH_DELETION, VTR_MEASURE_PATCH_INSERTION },
  [VTR_CONTEST_PIXEL] = { "pixel", VTR_MEASURE_PIXEL_DELETION, VTR_MEASURE_PIXEL_INSERTION },
  [VTR_CONTEST_PERTURBATION] = { "perturbation", VTR_MEASURE_POSITIVE, VTR_MEASURE_NEGATIVE },
};
G_STATIC_ASSERT (G_N_ELEMENTS (contests) == VTR_N_CONTESTS);

const char *
vtr_contest_get_name (VtrContest contest)
{
  g_return_val_if_fail ((guint) contest < VTR_N_CONTESTS, NULL);

  return contests[contest].name;
}

void
vtr_contest_get_measures (VtrContest contest, VtrMeasure *fall, VtrMeasure *stay)
{
  g_return_if_fail ((guint) contest < VTR_N_CONTESTS);

  *fall = contests[contest].fall;
  *stay = contests[contest].stay;
}

/* 0 where there is none of that name. */
static VtrMeasures
find_measures (const char *name)
{
  if (strcmp (name, "all") == 0)
    return VTR_MEASURES_ALL;
  for (guint i = 0; i < VTR_N_CONTESTS; i++)
    if (strcmp (name, contests[i].name) == 0)
      return 1u << contests[i].fall | 1u << contests[i].stay;
  for (guint i = 0; i < VTR_N_MEASURES; i++)
    if (strcmp (name, vtr_measure_get_name (i)) == 0)
      return 1u << i;
  return 0;
}

static char *
list_names (void)
{
  g_autoptr (GString) names = g_string_new ("all");

  for (guint i = 0; i < VTR_N_CONTESTS; i++)
    g_string_append_printf (names, ", %s", contests[i].name);
  for (guint i = 0; i < VTR_N_MEASURES; i++)
    g_string_append_printf (names, ", %s", vtr_measure_get_name (i));
  return g_string_free (g_steal_pointer (&names), FALSE);
}

gboolean
vtr_measures_parse (const char *text, VtrMeasures *measures, GError **error)
{
  g_return_val_if_fail (text != NULL && measures != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  g_auto (GStrv) names = g_strsplit (text, ",", -1);
  VtrMeasures found = 0;

  for (guint i = 0; names[i] != NULL; i++)
    {
      const VtrMeasures some = find_measures (g_strstrip (names[i]));

      if (some == 0)
        {
          g_autofree char *known = list_names ();
          g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE, "There is no measure “%s”: there are %s.",
                       names[i], known);
          return FALSE;
        }
      found |= some;
    }
  if (found == 0)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE, "No measure is named.");
      return FALSE;
    }
  *measures = found;
  return TRUE;
}

guint
vtr_measure_get_n_points (VtrMeasure measure)
{
  g_return_val_if_fail ((guint) measure < VTR_N_MEASURES, 0);

  return axes[measure].n_points;
}

double
vtr_measure_get_share (VtrMeasure measure, guint point)
{
  g_return_val_if_fail ((guint) measure < VTR_N_MEASURES, 0.0);
  g_return_val_if_fail (point < axes[measure].n_points, 0.0);

  return axes[measure].last * ((double) point / (axes[measure].n_points - 1));
}

void
vtr_curve_sample (const VtrCurve *curve, VtrMeasure measure, double *values)
{
  guint next = 1;

  g_return_if_fail (curve->n >= 2);
  for (guint i = 0; i < axes[measure].n_points; i++)
    {
      const double share = vtr_measure_get_share (measure, i);

      while (next + 1 < curve->n && curve->shares[next] < share)
        next++;
      const double from = curve->shares[next - 1], to = curve->shares[next];
      const double part = CLAMP ((share - from) / (to - from), 0.0, 1.0);
      values[i] = curve->values[next - 1] * (1.0 - part) + curve->values[next] * part;
    }
}
