/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * explain: attention → maps.
 *
 *   methods.c      the table of methods, VtrMethod
 *   params.c       text of a parameter ↔ its meaning for a model
 *   target.c       VtrTarget: what is explained, and its derivative (target.h)
 *   target-parse.c text → VtrTarget
 *   target-image.c another picture → VtrTarget
 *   raw.c          one file a method: attention as it is
 *   rollout.c        attention through all layers
 *   grad-rollout.c   the same, weighted with its gradient
 *   relevance.c      Chefer 2021
 *   legrad.c         LeGrad
 *   gradcam.c        attention and activation Grad-CAM
 *   row.c          a row on its way down the layers, for the methods that follow one
 *   gradient.c     the way back from each picture's target
 *   query.c        whose attention is asked for
 *   outputs.c      pixels in, embedding and logits out
 *   matrix.c       whole attention matrices, for those who ask
 *   importance.c   what the target hangs on: heads, blocks
 *   run.c          vtr_session_explain: pictures of one grid together
 *   batch.c        those: method after forward pass
 *   score.h        what a map is worth: judge.c, order.c, measure.c, measure-pixels.c, score.c
 *   proof.h        patches that a decision hangs on: proof.c
 *   explanation.c  VtrExplanation
 *   map.c          VtrMap
 */
#include "explain/target.h"
#include "run/run.h"

/* Marks what programs show to their users, who may want it in their language: for xgettext, which
 * makes the catalogues of gimp-plugin/po.  The library itself translates nothing. */
#define N_(text) text

/* ---- params.c ---- */

typedef enum
{
  VTR_QUERY_CLS,    /* token 0 */
  VTR_QUERY_MEAN,   /* all patches, with equal weight */
  VTR_QUERY_PLACES, /* the patches at some pixels of the picture, each once, with equal weight */
} VtrQueryKind;

/* A pixel of the upright picture. */
typedef struct
{
  double x;
  double y;
} VtrPlace;

/* The parameters of a method, read for one model. */
typedef struct
{
  guint *layers; /* [n_layers], ascending; owned */
  guint n_layers;
  guint *heads; /* [n_heads] that take part, ascending; owned */
  guint n_heads;
  gboolean heads_chosen; /* by their numbers: every asked layer has them */
  gboolean fuse;         /* whether the heads become one map; else a map each */
  VtrFusion fusion;
  VtrQueryKind query;
  VtrPlace *places; /* [n_places], for VTR_QUERY_PLACES; owned */
  guint n_places;
  double temperature;   /* divides the attention logits */
  double discard_ratio; /* share of the attention left out, 0 ≤ ratio < 1 */
  gboolean activation;  /* Grad-CAM of activations, not of attention */
} VtrSettings;

/* How the text of a parameter is read. */
typedef enum
{
  VTR_PARAM_LAYERS,
  VTR_PARAM_HEADS,
  VTR_PARAM_QUERY,
  VTR_PARAM_TEMPERATURE,
  VTR_PARAM_DISCARD_RATIO,
  VTR_PARAM_START_LAYER, /* → layers, from there to the last */
  VTR_PARAM_HEADS_MEAN,  /* heads that are always fused by their mean */
  VTR_PARAM_FEATURES,
} VtrParamKind;

typedef struct
{
  VtrMethodParam public; /* first: its address is the parameter's public one */
  VtrParamKind kind;
} VtrParam;

/* Parameters that mean the same to every method. */
extern const VtrParam vtr_param_query;
extern const VtrParam vtr_param_temperature;
extern const VtrParam vtr_param_discard_ratio;
extern const VtrParam vtr_param_start_layer;
extern const VtrParam vtr_param_heads_mean;

/* Whether @text can be read at all; what depends on a model is left to vtr_settings_init (). */
gboolean vtr_param_check (const VtrParam *param, const char *text, GError **error);

/* Reads all parameters of @method for @model; clear @self afterwards, also on failure. */
gboolean vtr_settings_init (VtrSettings *self, VtrMethod *method, VtrModel *model, GError **error);
void vtr_settings_clear (VtrSettings *self);

/* The query as text, its default resolved: "cls", "mean" or "X,Y;X,Y". */
char *vtr_settings_format_query (const VtrSettings *self);

/* Whether a single token asks, whatever the picture; else it may be several. */
gboolean vtr_settings_ask_one (const VtrSettings *self);

/* How many of the asked heads a layer of @n_heads has: they are the first of ->heads. */
guint vtr_settings_count_heads (const VtrSettings *self, guint n_heads);

/* Bits of VtrRolloutLayer's head mask; fails where a layer has more heads than there are bits. */
gboolean vtr_settings_get_head_mask (const VtrSettings *self, guint64 *mask, GError **error);

/* Those of the layer that has @qkv [b][n][3][h][hd]. */
guint64 vtr_head_mask_of_layer (guint64 mask, const VtrTensor *qkv);

/* ---- methods.c ---- */

typedef struct _VtrExplainRun VtrExplainRun;

/* A method: one row of the table in methods.c, one file. */
typedef struct
{
  const char *name;
  const char *summary;           /* one sentence */
  const VtrParam *const *params; /* NULL-terminated */
  gboolean has_target;           /* whether it explains a target, going back from it */

  /* Before the forward pass: plans what it needs into run->arena; sets run->scratch, g_free ()d
   * later. */
  gboolean (*plan) (VtrExplainRun *run, GError **error);

  /* After it: records its kernels and what it reads, waits for the stream once, and fills in
   * run->explanations. */
  gboolean (*explain) (VtrExplainRun *run, GError **error);
} VtrMethodKind;

extern const VtrMethodKind vtr_method_raw;
extern const VtrMethodKind vtr_method_rollout;
extern const VtrMethodKind vtr_method_grad_rollout;
extern const VtrMethodKind vtr_method_relevance;
extern const VtrMethodKind vtr_method_legrad;
extern const VtrMethodKind vtr_method_gradcam;

const VtrMethodKind *vtr_method_get_kind (VtrMethod *self);

/* A copy that later changes of @self leave alone. */
VtrMethod *vtr_method_copy (VtrMethod *self);

/* ---- batch.c ---- */

/* What an embedding and logits are read into; NULL for what the model has not got. */
typedef struct
{
  float *embedding;
  float *logits;
  float *logits_distillation;
} VtrOutputs;

/* Pictures of one grid on their way through the model. */
struct _VtrExplainRun
{
  VtrStream *stream;
  VtrModel *model;
  const VtrDeviceWeights *weights;
  const VtrArch *arch;
  const VtrMethodKind *kind;
  const VtrSettings *settings;
  VtrTarget *target; /* of the method, NULL where it has none */
  float attention_scale;
  VtrPlan *plan;      /* its batch is @n_inputs; the asked layers are kept */
  gboolean forwarded; /* whether the forward pass is in it */
  VtrArena *arena;    /* for what the method needs: the plan's, or one that ends with the run */
  VtrInput *const *inputs; /* [n_inputs] */
  guint n_inputs;
  VtrExplanation **explanations; /* [n_inputs], to be filled in */
  gpointer scratch;              /* the method's own */
  VtrOutputs outputs;
  gboolean outputs_taken; /* whether the explanations have them already */
  GPtrArray *buffers;     /* of the host, for what is read; live as long as the run */
  VtrProgress progress;   /* of what follows the forward pass */
};

/* Pictures of one grid that are to be explained together. */
typedef struct
{
  VtrSession *session;
  VtrMethod *method; /* its query resolved */
  const VtrSettings *settings;
  VtrExplainFlags flags;
  VtrInput *const *inputs; /* [n_inputs] */
  guint n_inputs;
  VtrExplanation **explanations; /* [n_inputs], to be made */
  VtrProgress progress;
} VtrExplainBatch;

/* Explains them: beside other runs where there is memory for all, else alone. */
gboolean vtr_explain_batch (const VtrExplainBatch *batch, GError **error);

/* All that @n_inputs pictures of a grid take, planned but not allocated; NULL if it cannot be.  Of
 * @batch what is to be computed is read, not of which pictures. */
VtrPlan *vtr_explain_plan_batch (const VtrExplainBatch *batch,
                                 guint n_rows,
                                 guint n_columns,
                                 guint n_inputs);

/* ---- query.c ---- */

/* The tokens that ask in the picture @input, ascending, each once; g_free () them.  NULL where a
 * place is outside of it. */
guint32 *vtr_explain_find_queries (const VtrExplainRun *run,
                                   VtrInput *input,
                                   guint *n_queries,
                                   GError **error);

/* Says that no patch covers (@x, @y) of the picture; FALSE. */
gboolean vtr_explain_fail_place (VtrInput *input, double x, double y, GError **error);

/* Whether a picture was prepared for the session's model; VTR_ERROR_USAGE if not. */
gboolean vtr_explain_check_input (VtrSession *session, VtrInput *input, GError **error);

/* Weights of the tokens that ask, [n_inputs][n_tokens]: 1/m for each of m, and 0 for the others. */
float *vtr_explain_make_query_weights (const VtrExplainRun *run, GError **error);

/* Device memory for asking one layer after the other. */
typedef struct
{
  VtrTensor rows;     /* [b][1] u32: the token that asks */
  VtrTensor weights;  /* [b][n]: or the weights of all that ask */
  VtrTensor partials; /* scratch of the weighted sum */
} VtrQueryScratch;

gboolean vtr_query_plan (VtrQueryScratch *self, VtrExplainRun *run, GError **error);

/* What one layer answers: [b][h][n], for single rows with an axis of 1 before the last. */
gboolean vtr_query_plan_answer (VtrExplainRun *run,
                                guint layer,
                                const char *name,
                                VtrTensor *answer,
                                GError **error);

gboolean vtr_query_write (const VtrQueryScratch *self, VtrExplainRun *run, GError **error);
gboolean vtr_query_record (const VtrQueryScratch *self,
                           VtrExplainRun *run,
                           const VtrTensor *qkv,
                           const VtrTensor *lse,
                           const VtrTensor *answer,
                           GError **error);

/* ---- row.c: r, what each token counts, from the query down the layers ---- */

typedef struct
{
  VtrTensor r[2]; /* [b][n]: the row so far and the next */
  guint now;      /* which of them is the row so far */
  guint64 head_mask;
  VtrRolloutScratch rollout;
} VtrRow;

gboolean vtr_row_plan (VtrRow *self, VtrExplainRun *run, GError **error);

/* r = the query's weights. */
gboolean vtr_row_begin (VtrRow *self, VtrExplainRun *run, GError **error);

/* r ← r·Â, @d_context [b][n][d] or NULL for attention alone; discards as the settings say. */
gboolean vtr_row_roll (VtrRow *self,
                       VtrExplainRun *run,
                       const VtrTensor *qkv,
                       const VtrTensor *lse,
                       const VtrTensor *d_context,
                       GError **error);

/* r ← r + r·mean_h (A ⊙ ∂y/∂A)⁺ */
gboolean vtr_row_relate (VtrRow *self,
                         VtrExplainRun *run,
                         const VtrTensor *qkv,
                         const VtrTensor *lse,
                         const VtrTensor *d_context,
                         GError **error);

/* Waits for the row; its patches are the one map of each picture. */
gboolean vtr_row_end (VtrRow *self, VtrExplainRun *run, GError **error);

/* ---- gradient.c ---- */

/* Plans the way back down to the first of the settings' layers. */
gboolean vtr_gradient_plan (VtrExplainRun *run, GError **error);

/*
 * Goes back from every picture's target: as it is where @source is NULL, else as if the head read
 * that.  @func is called for each block down to @first_layer.
 */
gboolean vtr_gradient_go_back (VtrExplainRun *run,
                               const VtrHeadSource *source,
                               guint first_layer,
                               gboolean to_input,
                               VtrBackwardFunc func,
                               gpointer data,
                               GError **error);

/* ---- outputs.c ---- */

/* The pictures' pixels, one after the other. */
gboolean vtr_explain_write_pixels (VtrExplainRun *run, GError **error);

/* Has a whole tensor read: its values are there once the stream was waited for.  Owned by the run.
 */
float *vtr_explain_read_later (VtrExplainRun *run, const VtrTensor *tensor, GError **error);

/* Has embeddings and logits read. */
gboolean vtr_explain_read_outputs (VtrExplainRun *run, GError **error);

/* After waiting: puts them into the explanations, once; VTR_ERROR_BAD_VALUES if they are not
 * finite.
 */
gboolean vtr_explain_take_outputs (VtrExplainRun *run, GError **error);

/* The one map of picture @image, its values [p] copied. */
void vtr_explain_add_map (VtrExplainRun *run, guint image, const float *values);

/* ---- matrix.c: VTR_EXPLAIN_MATRIX ---- */

typedef struct
{
  VtrTensor rows;  /* [b][chunk] u32 */
  VtrTensor probs; /* [b][h][chunk][n] */
} VtrMatrixScratch;

gboolean vtr_matrix_plan (VtrMatrixScratch *self, const VtrExplainRun *run, GError **error);

/* Has the matrices read into the explanations. */
gboolean vtr_matrix_read (const VtrMatrixScratch *self, VtrExplainRun *run, GError **error);

/* ---- importance.c: VTR_EXPLAIN_IMPORTANCE ---- */

typedef struct
{
  VtrTensor rows;   /* [b][h][n][2] */
  VtrTensor unused; /* [b][h][n]: the kernel copies it beside the products */
} VtrImportanceScratch;

/* Before the method plans: the way back to the first layer, whatever the method needs of it. */
gboolean vtr_importance_plan (VtrImportanceScratch *self, VtrExplainRun *run, GError **error);

/* Goes back and puts what it finds into the explanations. */
gboolean vtr_importance_measure (VtrImportanceScratch *self, VtrExplainRun *run, GError **error);

VtrImportance *vtr_importance_new (const VtrArch *arch);
void vtr_importance_free (VtrImportance *self); /* NULL is fine */

/* ---- explanation.c: filling one in, before anybody else sees it ---- */

/* What its one map is called: the method's name, and what was asked. */
char *vtr_explanation_make_label (const VtrExplanation *self);

/* @layers and @heads are copied; the method is kept as it stands. */
VtrExplanation *vtr_explanation_new (VtrInput *input,
                                     VtrModel *model,
                                     VtrMethod *method,
                                     const VtrDeviceInfo *device,
                                     VtrPrecision precision,
                                     const guint *layers,
                                     guint n_layers,
                                     const guint *heads,
                                     guint n_heads);

/* What was asked of this picture, and the answer. */
void vtr_explanation_set_target (VtrExplanation *self, VtrTarget *target, double value);

void vtr_explanation_take_map (VtrExplanation *self, VtrMap *map);
void vtr_explanation_take_score (VtrExplanation *self, VtrScore *score);
void vtr_explanation_take_proof (VtrExplanation *self, VtrProof *proof);
void vtr_explanation_take_importance (VtrExplanation *self, VtrImportance *importance);
void vtr_explanation_take_summary (VtrExplanation *self, VtrMap *map);

/* [n_layers][n_heads][n_rows][n_columns] */
void vtr_explanation_take_attention (VtrExplanation *self, float *attention);

/* [n_layers][n_heads][n_tokens][n_tokens] */
void vtr_explanation_take_matrix (VtrExplanation *self, float *matrix, guint n_tokens);

void vtr_explanation_take_logits (VtrExplanation *self, float *logits, guint n_classes);
void vtr_explanation_take_embedding (VtrExplanation *self, float *embedding, guint n_values);
void vtr_explanation_set_bytes (VtrExplanation *self, guint64 planned, guint64 peak);
