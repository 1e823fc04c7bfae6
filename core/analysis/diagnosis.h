/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * What is wrong with a model, and what a healthy one is like.
 *
 *   traits.c            an observation as the numbers that references have
 *   reference.c         VtrReference: made, asked, compared with
 *   sketch.c            a few numbers that tell a checkpoint's patch kernel and position table
 *   reference-file.c    its JSON
 *   reference-find.c    which one is for a model
 *   rules.c             the table of rules
 *   rules-weights.c     rules about weights: heads, precision
 *   rules-positions.c   and about the position table
 *   rules-statistics.c  rules about what was observed
 *   experiments.c       suspected faults undone, to see what is better
 *   temperature.c       the temperature that is nearest to the reference
 *   diagnosis.c         VtrDiagnosis
 *   diagnosis-json.c    its report
 */
#include "analysis/analysis.h"
#include "analysis/observation.h"
#include "base/json.h"

/* ---- rules.c ---- */

/* Rows of the table, in the order in which one symptom explains others that come after it. */
typedef enum
{
  VTR_RULE_BAD_VALUES,
  VTR_RULE_POSITIONS_MISSING,
  VTR_RULE_POSITIONS_SHUFFLED,
  VTR_RULE_POSITIONS_MISALIGNED,
  VTR_RULE_PIXEL_RANGE,
  VTR_RULE_NORMALIZATION,
  VTR_RULE_CHANNEL_ORDER,
  VTR_RULE_INPUT_SIZE,
  VTR_RULE_POSITIONS_TRANSPOSED,
  VTR_RULE_PATCH_ORDER,
  VTR_RULE_PICTURE_TRANSPOSED,
  VTR_RULE_TEMPERATURE,
  VTR_RULE_PRECISION_LOSS,
  VTR_RULE_DEAD_HEADS,
  VTR_RULE_DUPLICATE_HEADS,
  VTR_RULE_RANK_COLLAPSE,
  VTR_RULE_REGISTER_ARTIFACTS,
  VTR_RULE_ENTROPY_COLLAPSE,
  VTR_RULE_ATTENTION_SINK,
  VTR_RULE_TOO_CONCENTRATED,
  VTR_RULE_TOO_DISPERSED,
  VTR_RULE_UNLIKE_REFERENCE,
} VtrRuleId;

#define VTR_N_RULES (VTR_RULE_UNLIKE_REFERENCE + 1)

/* Whether a model with the fault @rule has symptoms of @other because of it. */
gboolean vtr_rule_explains (VtrRuleId rule, VtrRuleId other);

/* ---- traits.c ---- */

/* A statistic of heads that references have percentiles of. */
typedef struct
{
  VtrStatistic statistic;
  VtrReading reading;
  double floor;         /* least deviation that counts, in units of the statistic */
  gboolean in_distance; /* whether it counts for the distance to a reference */
} VtrHeadTrait;

#define VTR_N_HEAD_TRAITS 12

extern const VtrHeadTrait vtr_head_traits[VTR_N_HEAD_TRAITS];

/* Of vtr_head_traits. */
typedef enum
{
  VTR_HEAD_TRAIT_ENTROPY,
  VTR_HEAD_TRAIT_ENTROPY_CLS,
  VTR_HEAD_TRAIT_MAXIMUM,
  VTR_HEAD_TRAIT_PARTICIPATION,
  VTR_HEAD_TRAIT_DISTANCE,
  VTR_HEAD_TRAIT_CLS_MASS,
  VTR_HEAD_TRAIT_SELF_MASS,
  VTR_HEAD_TRAIT_NEIGHBOUR_MASS,
  VTR_HEAD_TRAIT_SINK,
  VTR_HEAD_TRAIT_POSITIONAL,
  VTR_HEAD_TRAIT_UNIFORM_ROWS,
  VTR_HEAD_TRAIT_COLLAPSED_ROWS,
} VtrHeadTraitId;

/* What a model did with one picture. */
typedef struct
{
  guint n_layers;
  guint n_heads;
  guint n_embedding;
  double *heads;     /* [VTR_N_HEAD_TRAITS][n_layers][n_heads] */
  double *tokens;    /* [VTR_N_TOKEN_STATISTICS][n_layers] */
  float *embedding;  /* [n_embedding] */
  double confidence; /* of the class it is taken for, 0..1; NaN without classes */
} VtrTraits;

VtrTraits *vtr_traits_new (const VtrObservation *observation);
void vtr_traits_free (VtrTraits *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrTraits, vtr_traits_free)

/* ---- sketch.c ---- */

/*
 * The patch kernel and the position table, each output resp. token times a fixed +1 or −1 and added
 * up: another checkpoint has quite other sums, a descendant of this one nearly the same.
 */
typedef struct
{
  guint patch_size;
  guint n_rows; /* of the position table; 0: there is none */
  guint n_columns;
  double *kernel;    /* [3][patch_size][patch_size]; NULL: not known */
  double *positions; /* [n_rows][n_columns] */
} VtrSketch;

gboolean vtr_sketch_init (VtrSketch *self, VtrModel *model, GError **error);
void vtr_sketch_copy (const VtrSketch *self, VtrSketch *copy);
void vtr_sketch_clear (VtrSketch *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VtrSketch, vtr_sketch_clear)

/* ---- reference.c ---- */

/* Percentiles of a statistic over pictures: the 5th, 25th, 50th, 75th, 95th; NaN where there are
 * none. */
typedef struct
{
  double percentiles[5];
} VtrRange;

typedef struct
{
  double mean;
  double deviation;
} VtrMoments;

/* What two models must have in common to be compared. */
typedef struct
{
  guint n_layers;
  guint n_heads;     /* the most of any layer */
  guint n_all_heads; /* of all layers together */
  guint hidden_size;
  guint patch_size;
  guint n_prefix;
  guint n_embedding;
} VtrModelShape;

/* How the pictures were prepared. */
typedef struct
{
  guint n_rows; /* of patches */
  guint n_columns;
  double rescale;
  double mean[3];
  double std[3];
} VtrReferenceInput;

struct _VtrReference
{
  char *name;
  char *family;
  char *model_hash; /* of the weights it was made of */
  VtrModelShape shape;
  VtrReferenceInput input;
  guint n_pictures;
  VtrRange *heads;  /* [VTR_N_HEAD_TRAITS][n_layers][n_heads] */
  VtrRange *tokens; /* [VTR_N_TOKEN_STATISTICS][n_layers] */
  VtrRange pixel_mean[3];
  VtrRange pixel_deviation[3];
  VtrMoments *embedding; /* [n_embedding] */
  VtrMoments confidence; /* NaN without classes */
  VtrRange distance;     /* of its own pictures to it */
  VtrSketch sketch;
};

void vtr_model_shape_init (VtrModelShape *self, VtrModel *model);

/* All zero but for the shape: room for what it says. */
VtrReference *vtr_reference_new_empty (const VtrModelShape *shape);
VtrReference *vtr_reference_copy (const VtrReference *self);

/* Of @trait in a head of a layer; NaN where it has none. */
const VtrRange *
vtr_reference_get_head (const VtrReference *self, VtrHeadTraitId trait, guint layer, guint head);
const VtrRange *
vtr_reference_get_tokens (const VtrReference *self, VtrTokenStatistic statistic, guint layer);

/* What is healthy: from the 5th to the 95th percentile, and VTR_RANGE_MARGIN of that on each side,
 * @floor at least.  FALSE where there are no percentiles. */
#define VTR_RANGE_MARGIN 0.25

gboolean vtr_range_get_bounds (const VtrRange *self, double floor, double *low, double *high);

/* Mean of log₂ (1 + |z|) over the statistics of a picture, each kind counted once. */
double vtr_reference_get_distance (const VtrReference *self, const VtrTraits *traits);

/* The most that the mean distance of pictures of a healthy model is. */
double vtr_reference_get_healthy_distance (const VtrReference *self);

/* ---- reference-file.c ---- */

VtrReference *vtr_reference_parse (GBytes *bytes, const char *label, GError **error);
char *vtr_reference_to_json (const VtrReference *self);

/* ---- references: generated of the JSON files in that folder ---- */

typedef struct
{
  const char *name;
  const char *json;
} VtrBuiltInReference;

extern const VtrBuiltInReference vtr_built_in_references[]; /* ends with a name that is NULL */

/* ---- diagnosis.c ---- */

/* The most pictures that experiments are made with; distances of as many pictures are kept. */
#define VTR_N_PROBES 4
#define VTR_N_DISTANCES 256

/* A picture to try changes on. */
typedef struct
{
  VtrImage *image;
  double distance; /* as the model is */
} VtrProbe;

struct _VtrDiagnosis
{
  VtrDevice *device;
  VtrModel *model;
  VtrSession *session;     /* NULL: the weights are not finite */
  VtrReference *reference; /* NULL: none */
  double temperature;
  gboolean broken; /* it gave numbers that are not finite */
  gboolean concluded;
  VtrAnalysis *analysis;
  VtrRunning *embedding; /* [n_embedding] */
  VtrRunning confidence;
  guint n_embedding;
  guint n_rows; /* of patches of the last picture */
  guint n_columns;
  VtrRunning distance;
  GPtrArray *traits;      /* of the first VTR_N_DISTANCES pictures; for a reference */
  GArray *probes;         /* of VtrProbe */
  GPtrArray *symptoms;    /* of VtrSymptom */
  GPtrArray *experiments; /* of VtrExperiment */
};

/* A symptom of the whole model, of @layer or of @head in it (−1: none); the evidence is a sentence.
 */
VtrSymptom *vtr_diagnosis_tell (VtrDiagnosis *self,
                                VtrRuleId rule,
                                VtrSeverity severity,
                                int layer,
                                int head,
                                const char *evidence,
                                ...) G_GNUC_PRINTF (6, 7);
gboolean vtr_diagnosis_has (const VtrDiagnosis *self, VtrRuleId rule, VtrSeverity severity);

/* Runs one picture prepared as @arch says, arranged, at that temperature; heads are compared where
 * @compares_heads.  NULL without error where it cannot be arranged so. */
VtrObservation *vtr_diagnosis_observe (VtrDiagnosis *self,
                                       const VtrArch *arch,
                                       VtrArrangement arrangement,
                                       VtrImage *image,
                                       double temperature,
                                       gboolean compares_heads,
                                       const VtrProgress *progress,
                                       GError **error);

/* ---- rules-weights.c, rules-positions.c: what the checkpoint says ---- */

gboolean
vtr_diagnosis_check_weights (VtrDiagnosis *self, const VtrProgress *progress, GError **error);
gboolean vtr_diagnosis_check_positions (VtrDiagnosis *self, GError **error);

/* sketch.c: whether kernel and table are the reference's in another order, or prepared for
 * otherwise.
 */
gboolean vtr_diagnosis_check_sketch (VtrDiagnosis *self, GError **error);

/* The same weights as f16, where the device can: other answers to the same pictures? */
gboolean
vtr_diagnosis_check_halves (VtrDiagnosis *self, const VtrProgress *progress, GError **error);

/* ---- rules-statistics.c: what was observed ---- */

void vtr_diagnosis_check_statistics (VtrDiagnosis *self);

/* ---- experiments.c, temperature.c ---- */

/* What is changed. */
typedef struct
{
  VtrRuleId rule;
  char *change; /* for people */
  VtrArch arch;
  VtrArrangement arrangement;
  double temperature;
} VtrChange;

/* Whether they make other numbers of bytes; which rule that is of. */
gboolean
vtr_normalization_differs (const VtrPreprocess *now, const VtrPreprocess *other, VtrRuleId *rule);

/* Tries it on the first @n_probes probes; NULL without error where it cannot be tried. */
VtrExperiment *vtr_diagnosis_try (VtrDiagnosis *self,
                                  const VtrChange *change,
                                  guint n_probes,
                                  const VtrProgress *progress,
                                  GError **error);
void vtr_experiment_free (VtrExperiment *self);

/* What makes the model most like the reference becomes a symptom. */
gboolean vtr_diagnosis_experiment (VtrDiagnosis *self, const VtrProgress *progress, GError **error);

/* The best temperature; NULL without error where none is better than the present one. */
VtrExperiment *
vtr_diagnosis_find_temperature (VtrDiagnosis *self, const VtrProgress *progress, GError **error);
