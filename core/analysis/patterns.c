/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* What kind of attention a head pays: the first rule that its means over all pictures meet. */
#include "analysis/analysis.h"

/* The means a rule looks at. */
typedef struct
{
  double artifact_mass; /* all */
  double prefix_mass;   /* all: CLS, registers, distillation */
  double entropy;       /* all-patches */
  double positional;
  double distance; /* by that of uniform attention */
  double support;  /* by the number of patches */
} Means;

static gboolean
is_artifact_sink (const Means *means)
{
  return means->artifact_mass >= 0.3;
}

static gboolean
is_prefix_sink (const Means *means)
{
  return means->prefix_mass >= 0.5;
}

static gboolean
is_uniform (const Means *means)
{
  return means->entropy >= 0.98;
}

static gboolean
is_positional (const Means *means)
{
  return means->positional >= 0.6 && means->distance <= 0.5;
}

static gboolean
is_local (const Means *means)
{
  return means->distance <= 0.6;
}

static gboolean
is_focused (const Means *means)
{
  return means->support <= 0.15;
}

static gboolean
is_global (const Means *means)
{
  return means->distance >= 0.75;
}

static gboolean
is_anything (G_GNUC_UNUSED const Means *means)
{
  return TRUE;
}

/* In the order they are tried. */
static const struct
{
  const char *name;
  const char *rule;
  gboolean (*holds) (const Means *means);
} patterns[] = {
  [VTR_PATTERN_ARTIFACT_SINK] = { "artifact-sink",
                                  "artifact tokens get at least 30 % of its attention",
                                  is_artifact_sink },
  [VTR_PATTERN_PREFIX_SINK] = { "prefix-sink",
                                "CLS and registers get at least half of its attention",
                                is_prefix_sink },
  [VTR_PATTERN_UNIFORM] = { "uniform",
                            "the entropy over the patches is at least 98 % of the greatest",
                            is_uniform },
  [VTR_PATTERN_POSITIONAL] = { "positional",
                               "every query attends to much the same places around itself: "
                               "positional is at least 0.6, and the mean distance at most half of "
                               "what uniform attention has",
                               is_positional },
  [VTR_PATTERN_LOCAL] = { "local",
                          "the mean distance is at most 60 % of what uniform attention has",
                          is_local },
  [VTR_PATTERN_FOCUSED] = { "focused",
                            "a query's attention is as if on at most 15 % of the patches, and they "
                            "are not near",
                            is_focused },
  [VTR_PATTERN_GLOBAL] = { "global",
                           "the mean distance is at least 75 % of what uniform attention has",
                           is_global },
  [VTR_PATTERN_MIXED] = { "mixed", "none of the others", is_anything },
};
G_STATIC_ASSERT (G_N_ELEMENTS (patterns) == VTR_N_PATTERNS);

const char *
vtr_pattern_get_name (VtrPattern pattern)
{
  g_return_val_if_fail ((guint) pattern < VTR_N_PATTERNS, NULL);

  return patterns[pattern].name;
}

const char *
vtr_pattern_get_rule (VtrPattern pattern)
{
  g_return_val_if_fail ((guint) pattern < VTR_N_PATTERNS, NULL);

  return patterns[pattern].rule;
}

/* What the model has not got, such as a CLS token, is NaN, gets nothing and meets no rule. */
static double
mass_of (const VtrAnalysis *analysis, VtrStatistic statistic, guint layer, guint head)
{
  const double mass = vtr_analysis_get_mean (analysis, statistic, VTR_READING_ALL, layer, head);

  return mass > 0.0 ? mass : 0.0;
}

VtrPattern
vtr_analysis_get_pattern (const VtrAnalysis *self, guint layer, guint head)
{
  g_return_val_if_fail (self != NULL, VTR_PATTERN_MIXED);
  g_return_val_if_fail (layer < self->n_layers && head < self->n_heads, VTR_PATTERN_MIXED);

  const Means means = {
    .artifact_mass = mass_of (self, VTR_STATISTIC_ARTIFACT_MASS, layer, head),
    .prefix_mass = mass_of (self, VTR_STATISTIC_CLS_MASS, layer, head) +
                   mass_of (self, VTR_STATISTIC_REGISTER_MASS, layer, head),
    .entropy =
        vtr_analysis_get_mean (self, VTR_STATISTIC_ENTROPY, VTR_READING_ALL_PATCHES, layer, head),
    .positional = vtr_analysis_get_mean (self, VTR_STATISTIC_POSITIONAL, VTR_READING_ALL_PATCHES,
                                         layer, head),
    .distance = vtr_analysis_get_relative (self, VTR_RELATIVE_DISTANCE, layer, head),
    .support = vtr_analysis_get_relative (self, VTR_RELATIVE_SUPPORT, layer, head),
  };
  guint pattern = 0;

  while (!patterns[pattern].holds (&means))
    pattern++;
  return (VtrPattern) pattern;
}
