/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vtr-observation.h>

G_BEGIN_DECLS

/**
 * VtrDistribution:
 * @n: pictures that had a number
 * @mean: NaN where @n is 0, as is all that follows
 * @deviation: standard deviation, with n − 1; NaN where @n is below 2
 * @percentiles: the 5th, 25th, 50th, 75th, 95th, linear between neighbours; exact up to
 *   %VTR_ANALYSIS_N_KEPT pictures, beyond that of as many drawn evenly from all
 *
 * A statistic over pictures.
 */
typedef struct
{
  guint n;
  double mean;
  double deviation;
  double percentiles[5];
} VtrDistribution;

#define VTR_ANALYSIS_N_KEPT 256

/**
 * VtrPattern:
 *
 * What kind of attention a head pays, by the first rule of vtr_pattern_get_rule() that its means
 * over all pictures meet.
 */
typedef enum
{
  VTR_PATTERN_ARTIFACT_SINK,
  VTR_PATTERN_PREFIX_SINK,
  VTR_PATTERN_UNIFORM,
  VTR_PATTERN_POSITIONAL,
  VTR_PATTERN_LOCAL,
  VTR_PATTERN_FOCUSED,
  VTR_PATTERN_GLOBAL,
  VTR_PATTERN_MIXED,
} VtrPattern;

#define VTR_N_PATTERNS (VTR_PATTERN_MIXED + 1)

/* "artifact-sink", "prefix-sink", "uniform", "positional", "local", "focused", "global", "mixed" */
VTR_AVAILABLE_IN_0_1
const char *vtr_pattern_get_name (VtrPattern pattern);

/* The condition, for people. */
VTR_AVAILABLE_IN_0_1
const char *vtr_pattern_get_rule (VtrPattern pattern);

/**
 * VtrEvolution:
 * @entropy_falls: the layer that the mean entropy of the heads (%VTR_READING_ALL) falls most to; −1
 *   where it never falls by 0.01 or more
 * @entropy_fall: by how much
 * @heads_specialise: the first layer whose heads differ from each other by half of what those of
 *   any layer do (mean divergence of pairs within the layer); −1 with a single head
 * @maps_settle: the first layer from which on %VTR_TOKEN_CHANGE stays below a quarter of its
 *   greatest; −1 where it does not
 *
 * How attention evolves over depth.  Layers count from 0.
 */
typedef struct
{
  int entropy_falls;
  double entropy_fall;
  int heads_specialise;
  int maps_settle;
} VtrEvolution;

/**
 * VtrAnalysis:
 *
 * The observations of any number of pictures, in the same memory for all.  Not for several threads
 * at once.
 */
typedef struct _VtrAnalysis VtrAnalysis;

/* Of no pictures so far; @temperature: what they will be observed at. */
VTR_AVAILABLE_IN_0_1
VtrAnalysis *vtr_analysis_new (VtrModel *model, double temperature);
VTR_AVAILABLE_IN_0_1
void vtr_analysis_free (VtrAnalysis *self);

/* Counts a picture in; which others came before it does not change what is known of all, unless
 * there are more than VTR_ANALYSIS_N_KEPT. */
VTR_AVAILABLE_IN_0_1
void vtr_analysis_add (VtrAnalysis *self, const VtrObservation *observation);

/*
 * Remembers that the picture called @id is counted, for programs that go on with a saved analysis;
 * vtr_analysis_add () does not ask.
 */
VTR_AVAILABLE_IN_0_1
void vtr_analysis_mark (VtrAnalysis *self, const char *id);
VTR_AVAILABLE_IN_0_1
gboolean vtr_analysis_is_marked (const VtrAnalysis *self, const char *id);

VTR_AVAILABLE_IN_0_1
VtrModel *vtr_analysis_get_model (const VtrAnalysis *self);
VTR_AVAILABLE_IN_0_1
double vtr_analysis_get_temperature (const VtrAnalysis *self);
VTR_AVAILABLE_IN_0_1
guint vtr_analysis_get_n_pictures (const VtrAnalysis *self);
VTR_AVAILABLE_IN_0_1
guint vtr_analysis_get_n_layers (const VtrAnalysis *self);

/* The most of any layer; those a layer has not got have distributions of no pictures. */
VTR_AVAILABLE_IN_0_1
guint vtr_analysis_get_n_heads (const VtrAnalysis *self);

VTR_AVAILABLE_IN_0_1
VtrDistribution vtr_analysis_get (const VtrAnalysis *self,
                                  VtrStatistic statistic,
                                  VtrReading reading,
                                  guint layer,
                                  guint head);
VTR_AVAILABLE_IN_0_1
VtrDistribution
vtr_analysis_get_of_tokens (const VtrAnalysis *self, VtrTokenStatistic statistic, guint layer);

/* Of what the model was given: the mean and the standard deviation of the normalised pixels of a
 * channel (0..2: red, green, blue), over each picture. */
VTR_AVAILABLE_IN_0_1
VtrDistribution vtr_analysis_get_pixel_mean (const VtrAnalysis *self, guint channel);
VTR_AVAILABLE_IN_0_1
VtrDistribution vtr_analysis_get_pixel_deviation (const VtrAnalysis *self, guint channel);

/* Means over the pictures of what vtr_observation_get_similarity() says of each. */
VTR_AVAILABLE_IN_0_1
void vtr_analysis_get_similarity (const VtrAnalysis *self,
                                  guint layer_a,
                                  guint head_a,
                                  guint layer_b,
                                  guint head_b,
                                  double *divergence,
                                  double *cka);

VTR_AVAILABLE_IN_0_1
VtrPattern vtr_analysis_get_pattern (const VtrAnalysis *self, guint layer, guint head);
VTR_AVAILABLE_IN_0_1
VtrEvolution vtr_analysis_get_evolution (const VtrAnalysis *self);

/**
 * vtr_analysis_save:
 * @self: an analysis
 * @path: a file, written under a temporary name first
 * @error: return location
 *
 * All that is known, for vtr_analysis_load() to go on with; a format of its own.
 */
VTR_AVAILABLE_IN_0_1
gboolean vtr_analysis_save (const VtrAnalysis *self, const char *path, GError **error);

/* Fails with VTR_ERROR_USAGE where the file is of another model, temperature or version. */
VTR_AVAILABLE_IN_0_1
VtrAnalysis *
vtr_analysis_load (VtrModel *model, double temperature, const char *path, GError **error);

/*
 * The reports, docs/analysis.md says what is in them; transfer full.  HTML is one page with charts
 * that loads nothing from elsewhere; @title is for people.
 */
VTR_AVAILABLE_IN_0_1
char *vtr_analysis_to_json (const VtrAnalysis *self);
VTR_AVAILABLE_IN_0_1
char *vtr_analysis_to_csv (const VtrAnalysis *self);
VTR_AVAILABLE_IN_0_1
char *vtr_analysis_to_html (const VtrAnalysis *self, const char *title);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrAnalysis, vtr_analysis_free)

G_END_DECLS
