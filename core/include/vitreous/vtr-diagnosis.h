/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vtr-analysis.h>
#include <vitreous/vtr-input.h>

G_BEGIN_DECLS

/**
 * VtrReference:
 *
 * What a healthy model of one shape is like: for each layer and head the percentiles of its
 * statistics over a set of pictures, and what its embeddings are like.  A JSON file; its format is
 * in docs/diagnosis.md.  Immutable.
 */
typedef struct _VtrReference VtrReference;

/* As few pictures as percentiles can be had of. */
#define VTR_REFERENCE_MIN_PICTURES 8

VTR_AVAILABLE_IN_0_1
void vtr_reference_free (VtrReference *self);

/**
 * vtr_reference_load:
 * @path: a file that vtr_reference_save() wrote
 * @error: return location
 *
 * Fails with %VTR_ERROR_CORRUPT where the file is no reference.
 *
 * Returns: (transfer full): the reference
 */
VTR_AVAILABLE_IN_0_1
VtrReference *vtr_reference_load (const char *path, GError **error);

/* Writes under a temporary name first. */
VTR_AVAILABLE_IN_0_1
gboolean vtr_reference_save (const VtrReference *self, const char *path, GError **error);

/**
 * vtr_reference_find:
 * @model: a model
 * @error: return location
 *
 * The reference for models of this shape: of those in vtr_references_get_directory() the one named
 * as the model is, else the first by name; where there is none, the one that the library has.
 *
 * Fails with %VTR_ERROR_CORRUPT where a file in the directory is no reference.
 *
 * Returns: (transfer full) (nullable): the reference; %NULL without error where there is none
 */
VTR_AVAILABLE_IN_0_1
VtrReference *vtr_reference_find (VtrModel *model, GError **error);

/* The directory the user's references live in: $XDG_DATA_HOME/vitreous/references.  Transfer full.
 */
VTR_AVAILABLE_IN_0_1
char *vtr_references_get_directory (void);

/* "starter", ...: for people; how many pictures it is of. */
VTR_AVAILABLE_IN_0_1
const char *vtr_reference_get_name (const VtrReference *self);
VTR_AVAILABLE_IN_0_1
guint vtr_reference_get_n_pictures (const VtrReference *self);

/* The mean entropy of each layer's heads (%VTR_READING_ALL), by their medians: [n_layers], transfer
 * full; NaN where nothing is known of a layer. */
VTR_AVAILABLE_IN_0_1
double *vtr_reference_get_entropies (const VtrReference *self);

/* Whether @model has its layers, heads, width, patch size and prefix tokens; fails with
 * VTR_ERROR_USAGE, saying what differs. */
VTR_AVAILABLE_IN_0_1
gboolean vtr_reference_check (const VtrReference *self, VtrModel *model, GError **error);

/**
 * VtrSeverity:
 * @VTR_SEVERITY_NOTE: worth knowing; healthy models have it, too
 * @VTR_SEVERITY_WARNING: maps may mislead, or the model be worse than it could be
 * @VTR_SEVERITY_FAULT: the model does not work as it was trained
 */
typedef enum
{
  VTR_SEVERITY_NOTE,
  VTR_SEVERITY_WARNING,
  VTR_SEVERITY_FAULT,
} VtrSeverity;

/* "note", "warning", "fault" */
VTR_AVAILABLE_IN_0_1
const char *vtr_severity_get_name (VtrSeverity severity);

/* Fails with VTR_ERROR_USAGE where there is none of that name. */
VTR_AVAILABLE_IN_0_1
gboolean vtr_severity_parse (const char *text, VtrSeverity *severity, GError **error);

/**
 * VtrRule:
 * @name: "entropy-collapse", ...; stable
 * @title: for people, some words
 * @severity: how bad it is at worst
 * @condition: when it holds, one sentence
 * @evidence: which numbers are told
 * @cause: what is likely behind it
 * @remedy: what to do about it
 * @source: where the rule is from
 *
 * A row of the table that models are diagnosed by.
 */
typedef struct
{
  const char *name;
  const char *title;
  VtrSeverity severity;
  const char *condition;
  const char *evidence;
  const char *cause;
  const char *remedy;
  const char *source;
} VtrRule;

VTR_AVAILABLE_IN_0_1
guint vtr_rule_get_count (void);
VTR_AVAILABLE_IN_0_1
const VtrRule *vtr_rule_get (guint index);

/**
 * VtrSymptom:
 * @rule: which rule holds
 * @severity: how bad it is here
 * @evidence: the numbers, one or two sentences
 * @layer: where, −1 for the whole model
 * @head: where, −1 for the whole layer
 * @value: the number that counts; NaN where there is none
 * @low: what is healthy: from here; NaN
 * @high: to here; NaN
 * @follows: the rule whose symptom explains this one, which then is no more than a note; %NULL
 *
 * A rule that holds.
 */
typedef struct
{
  const VtrRule *rule;
  VtrSeverity severity;
  char *evidence;
  int layer;
  int head;
  double value;
  double low;
  double high;
  const VtrRule *follows;
} VtrSymptom;

/**
 * VtrExperiment:
 * @rule: the rule it is of
 * @change: what was changed: "red and blue exchanged"
 * @before: mean distance of the pictures to the reference as the model is
 * @after: with the change; infinity where the model then gives nothing finite
 * @n_pictures: how many pictures it was tried on
 * @n_better: how many of them came nearer
 * @parameter: of a temperature: which; else NaN
 *
 * A suspected fault undone, to see whether the model then is as the reference is.  The distance is
 * the mean of log₂ (1 + |z|) over all statistics, z the distance to the reference's median in
 * deviations: some 0.7 for a healthy model.
 */
typedef struct
{
  const VtrRule *rule;
  char *change;
  double before;
  double after;
  guint n_pictures;
  guint n_better;
  double parameter;
} VtrExperiment;

/**
 * VtrDiagnosis:
 *
 * What is wrong with a model, found from its weights, from what it does with pictures, and from
 * experiments.  Not for several threads at once.  Memory does not grow with the pictures.
 */
typedef struct _VtrDiagnosis VtrDiagnosis;

/**
 * vtr_diagnosis_new:
 * @device: where to compute
 * @model: what to look at
 * @reference: (nullable): what it should be like; copied
 * @temperature: divides the attention logits; 1 as trained; above 0
 * @progress: (nullable) (scope call): told of progress
 * @progress_data: its data
 * @cancellable: (nullable): stops it
 * @error: return location
 *
 * Looks at the weights, and uploads them.  Weights that are not finite are a symptom, not an error;
 * there are then no pictures to be looked at: see vtr_diagnosis_can_run().
 *
 * Fails with %VTR_ERROR_USAGE where @reference is of models of another shape.
 *
 * Returns: (transfer full): the diagnosis
 */
VTR_AVAILABLE_IN_0_1
VtrDiagnosis *vtr_diagnosis_new (VtrDevice *device,
                                 VtrModel *model,
                                 const VtrReference *reference,
                                 double temperature,
                                 VtrProgressFunc progress,
                                 gpointer progress_data,
                                 GCancellable *cancellable,
                                 GError **error);
VTR_AVAILABLE_IN_0_1
void vtr_diagnosis_free (VtrDiagnosis *self);

/* Whether the model has given nothing but finite numbers so far. */
VTR_AVAILABLE_IN_0_1
gboolean vtr_diagnosis_can_run (const VtrDiagnosis *self);

/**
 * vtr_diagnosis_add:
 * @self: a diagnosis
 * @image: a picture
 * @progress: (nullable) (scope call): told of progress
 * @progress_data: its data
 * @cancellable: (nullable): stops it
 * @error: return location
 *
 * Runs the model on a picture, brought to scale as in training (%VTR_FIT_TRAIN).  Numbers that are
 * not finite become a symptom; pictures after that are not run.
 */
VTR_AVAILABLE_IN_0_1
gboolean vtr_diagnosis_add (VtrDiagnosis *self,
                            VtrImage *image,
                            VtrProgressFunc progress,
                            gpointer progress_data,
                            GCancellable *cancellable,
                            GError **error);

/**
 * vtr_diagnosis_conclude:
 * @self: a diagnosis
 * @progress: (nullable) (scope call): told of progress
 * @progress_data: its data
 * @cancellable: (nullable): stops it
 * @error: return location
 *
 * Applies the rules to what was seen and, where there is a reference, tries on some of the pictures
 * what would be better.  Once, after all pictures.
 */
VTR_AVAILABLE_IN_0_1
gboolean vtr_diagnosis_conclude (VtrDiagnosis *self,
                                 VtrProgressFunc progress,
                                 gpointer progress_data,
                                 GCancellable *cancellable,
                                 GError **error);

VTR_AVAILABLE_IN_0_1
VtrModel *vtr_diagnosis_get_model (const VtrDiagnosis *self);
VTR_AVAILABLE_IN_0_1
guint vtr_diagnosis_get_n_pictures (const VtrDiagnosis *self);

/* NULL without one; owned by @self. */
VTR_AVAILABLE_IN_0_1
const VtrReference *vtr_diagnosis_get_reference (const VtrDiagnosis *self);

/* Mean distance of the pictures to the reference, see #VtrExperiment, and the most that is taken
 * for healthy; NaN without a reference or pictures. */
VTR_AVAILABLE_IN_0_1
double vtr_diagnosis_get_distance (const VtrDiagnosis *self, double *healthy);

/* The worst first, of those that are as bad in the order of the rules; owned by @self. */
VTR_AVAILABLE_IN_0_1
guint vtr_diagnosis_get_n_symptoms (const VtrDiagnosis *self);
VTR_AVAILABLE_IN_0_1
const VtrSymptom *vtr_diagnosis_get_symptom (const VtrDiagnosis *self, guint index);
VTR_AVAILABLE_IN_0_1
guint vtr_diagnosis_get_n_experiments (const VtrDiagnosis *self);
VTR_AVAILABLE_IN_0_1
const VtrExperiment *vtr_diagnosis_get_experiment (const VtrDiagnosis *self, guint index);

/* docs/diagnosis.md says what is in it; transfer full. */
VTR_AVAILABLE_IN_0_1
char *vtr_diagnosis_to_json (const VtrDiagnosis *self);

/* The table of rules as JSON; transfer full. */
VTR_AVAILABLE_IN_0_1
char *vtr_rules_to_json (void);

/**
 * vtr_reference_new:
 * @diagnosis: of a healthy model and the pictures to go by
 * @name: for people
 * @error: return location
 *
 * Fails with %VTR_ERROR_USAGE with fewer than %VTR_REFERENCE_MIN_PICTURES pictures, at another
 * temperature than 1, and where the diagnosis has found a fault in the weights.
 *
 * Returns: (transfer full): the reference
 */
VTR_AVAILABLE_IN_0_1
VtrReference *vtr_reference_new (const VtrDiagnosis *diagnosis, const char *name, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrReference, vtr_reference_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrDiagnosis, vtr_diagnosis_free)

G_END_DECLS
