/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * ops: what the operations of a ViT are.  Each checks the shapes it is given and
 * records one or more kernels; it submits nothing.  The file ops/matmul.c has
 * vtr_op_matmul ().  Shapes use these letters:
 *
 *   b images of a batch     n tokens (prefix tokens first)     p patches, n = n_prefix + p
 *   d width of a token      h heads       hd width of a head, d = h·hd     f hidden width of the
 * MLP
 *
 * A wrong shape is a mistake of the caller: VTR_ERROR_FAILED, naming the tensors.
 * All tensors are f32 unless said otherwise.  An “activation” is f32, or f16 on a
 * device with VTR_F16_ACTIVATIONS.
 */
#include "ops/device.h"

/* pixels [b][3][H][W] → patches [b][p][3·size²], each patch as [3][size][size]; H, W may exceed
 * whole patches: what is over at the bottom and right is left out.  patches: activation. */
gboolean vtr_op_patchify (VtrStream *stream,
                          const VtrTensor *pixels,
                          guint patch_size,
                          const VtrTensor *patches,
                          GError **error);

/* tokens [b][n][d]: rows of prefix [n_prefix][d] (may be NULL for none), then patches [b][p][d] +
 * positions [p][d] (NULL for none). */
gboolean vtr_op_embed_tokens (VtrStream *stream,
                              const VtrTensor *patches,
                              const VtrTensor *prefix,
                              const VtrTensor *positions,
                              const VtrTensor *tokens,
                              GError **error);

/* y [b][m][d]: tokens indices [b][m] u32, each < n, of x [b][n][d], or of x [1][n][d] for all
 * images.  y is not x. */
gboolean vtr_op_gather_tokens (VtrStream *stream,
                               const VtrTensor *x,
                               const VtrTensor *indices,
                               const VtrTensor *y,
                               GError **error);

/* y = (x − mean) / sqrt (var + eps) · weight + bias over the last axis; x, y any shape of last axis
 * d (may be the same tensor), affine [2][d]: weight, bias.  y: activation. */
gboolean vtr_op_layer_norm (VtrStream *stream,
                            const VtrTensor *x,
                            const VtrTensor *affine,
                            float eps,
                            const VtrTensor *y,
                            GError **error);

typedef enum
{
  VTR_ACTIVATION_NONE,
  VTR_ACTIVATION_GELU_ERF,
  VTR_ACTIVATION_GELU_TANH,
  VTR_ACTIVATION_GELU_QUICK, /* x·sigmoid (1.702 x) */
  VTR_ACTIVATION_TANH,
} VtrActivation;

typedef enum
{
  VTR_MATMUL_BIAS = 1 << 0,       /* + epilogue[0] */
  VTR_MATMUL_SCALE = 1 << 1,      /* · epilogue[1], after the activation (layer scale) */
  VTR_MATMUL_ACCUMULATE = 1 << 2, /* y += instead of y = (residual) */
} VtrMatmulFlags;

/* y = act (x·wᵀ + bias)·scale (+ y); x [..][k], w [n][k], y [..][n] with as many rows as x,
 * epilogue [2][n]: bias, scale.  y is neither x nor w.
 * All f32; or w and x f16 and y an activation, f32 where it is added to; or, with VTR_F16_WEIGHTS,
 * w alone f16. */
gboolean vtr_op_matmul (VtrStream *stream,
                        const VtrTensor *x,
                        const VtrTensor *w,
                        const VtrTensor *epilogue,
                        VtrMatmulFlags flags,
                        VtrActivation activation,
                        const VtrTensor *y,
                        GError **error);

/* hidden [..][f] = silu (gate)·up; gate_up [..][2f]: gate first.  Activations of one type. */
gboolean vtr_op_swiglu (VtrStream *stream,
                        const VtrTensor *gate_up,
                        const VtrTensor *hidden,
                        GError **error);

/* Rotates q and k of the patches in qkv [b][n][3][h][hd]: x·cos + rotate_half (x)·sin, with
 * table [2][p][hd]: cos, sin, or [b][2][p][hd], one for each image.  Prefix tokens (n − p of them)
 * stay.  qkv: activation. */
gboolean
vtr_op_rope (VtrStream *stream, const VtrTensor *qkv, const VtrTensor *table, GError **error);

/* context [b][n][h·hd] = softmax (scale·q·kᵀ)·v by tiles with online softmax; lse [b][h][n] gets
 * each row's log Σ exp (scale·q·k).  scale = 1 / (sqrt (hd)·temperature).  qkv [b][n][3][h][hd].
 * qkv and context: activations of one type. */
gboolean vtr_op_attention (VtrStream *stream,
                           const VtrTensor *qkv,
                           float scale,
                           const VtrTensor *context,
                           const VtrTensor *lse,
                           GError **error);

typedef enum
{
  VTR_POOL_CLS,          /* token 0 → [b][d] */
  VTR_POOL_MEAN,         /* mean of the patches → [b][d] */
  VTR_POOL_CLS_AND_MEAN, /* both, one after the other → [b][2d] */
  VTR_POOL_DISTILLATION, /* token 1 → [b][d] */
  VTR_POOL_MEAN_ALL,     /* mean of all tokens → [b][d] */
} VtrPool;

/* tokens: activation. */
gboolean vtr_op_pool (VtrStream *stream,
                      const VtrTensor *tokens,
                      guint n_prefix,
                      VtrPool pool,
                      const VtrTensor *pooled,
                      GError **error);

/* ---- backward: from the gradient of what an op gave, d_y, to that of what it was given, d_x;
 * weights get none.  With @accumulate d_x += instead of d_x = ---- */

/* Of vtr_op_layer_norm ().  d_x may be d_y where nothing accumulates. */
gboolean vtr_op_layer_norm_backward (VtrStream *stream,
                                     const VtrTensor *x,
                                     const VtrTensor *affine,
                                     float eps,
                                     const VtrTensor *d_y,
                                     gboolean accumulate,
                                     const VtrTensor *d_x,
                                     GError **error);

/* d_x [..][k] = d_y [..][n]·w [n][k]: of the product of vtr_op_matmul (); what follows the product
 * there is undone first, by the function below.  With VTR_F16_WEIGHTS w may be f16. */
gboolean vtr_op_matmul_backward (VtrStream *stream,
                                 const VtrTensor *d_y,
                                 const VtrTensor *w,
                                 const VtrTensor *d_x,
                                 GError **error);

/* d_z [..][n] = d_y·act' (z)·scale: of what follows the product z = x·wᵀ + bias.  @z may be NULL
 * where there is no activation, @epilogue [2][n] where there is no scale; d_z may be d_y or z. */
gboolean vtr_op_activation_backward (VtrStream *stream,
                                     const VtrTensor *z,
                                     const VtrTensor *epilogue,
                                     VtrActivation activation,
                                     const VtrTensor *d_y,
                                     const VtrTensor *d_z,
                                     GError **error);

/* d_gate_up [..][2f] may be gate_up. */
gboolean vtr_op_swiglu_backward (VtrStream *stream,
                                 const VtrTensor *gate_up,
                                 const VtrTensor *d_hidden,
                                 const VtrTensor *d_gate_up,
                                 GError **error);

/* The gradient goes through the opposite rotation: makes the table with which vtr_op_rope () turns
 * d_qkv of what it gave into that of what it was given.  Both [2][p][hd]. */
void vtr_rope_transpose_table (const float *table, guint p, guint hd, float *transposed);

/*
 * With A recomputed by tiles, d_A = d_context·vᵀ and D[q] = Σ_k A[q][k]·d_A[q][k]:
 *   d_v = Aᵀ·d_context    d_s = A·(d_A − D)    d_q = scale·d_s·k    d_k = scale·d_sᵀ·q
 * D comes from Σ context·d_context.  @rows is scratch, planned by the function below.  One pass
 * over the queries and one over the keys, so sums have one order.
 */
gboolean vtr_op_attention_backward (VtrStream *stream,
                                    const VtrTensor *qkv,
                                    const VtrTensor *lse,
                                    float scale,
                                    const VtrTensor *context,
                                    const VtrTensor *d_context,
                                    const VtrTensor *rows,
                                    const VtrTensor *d_qkv,
                                    GError **error);

/* rows [b][h][n][2]: of @a and @b [b][n][h·hd] the products of each token's rows of each head,
 * behind a copy of @lse [b][h][n]: what the gradient of the attention begins with, for other ends.
 */
gboolean vtr_op_head_products (VtrStream *stream,
                               const VtrTensor *a,
                               const VtrTensor *b,
                               const VtrTensor *lse,
                               const VtrTensor *rows,
                               GError **error);

/* Plans the scratch of vtr_op_attention_backward (), [b][h][n][2]. */
gboolean vtr_attention_backward_scratch_plan (VtrTensor *rows,
                                              VtrArena *arena,
                                              guint b,
                                              guint h,
                                              guint n,
                                              GError **error);

/* Every token gets its share of the mean it went into, the others 0. */
gboolean vtr_op_pool_backward (VtrStream *stream,
                               const VtrTensor *d_pooled,
                               guint n_prefix,
                               VtrPool pool,
                               gboolean accumulate,
                               const VtrTensor *d_tokens,
                               GError **error);

/* ---- explaining: A_h[q][k] = exp (scale·q·k − lse[q]), recomputed, never stored whole; qkv is an
 * activation ---- */

/* probs [b][h][n_rows][n]: the rows A_h[rows[i]]; rows [b][n_rows] u32, each < n. */
gboolean vtr_op_attention_rows (VtrStream *stream,
                                const VtrTensor *qkv,
                                const VtrTensor *lse,
                                float scale,
                                const VtrTensor *rows,
                                const VtrTensor *probs,
                                GError **error);

/* out [b][h][n]: Σ_q weights[b][q]·A_h[q][k].  @partials is scratch, planned by the function below.
 */
gboolean vtr_op_attention_apply (VtrStream *stream,
                                 const VtrTensor *qkv,
                                 const VtrTensor *lse,
                                 float scale,
                                 const VtrTensor *weights,
                                 const VtrTensor *partials,
                                 const VtrTensor *out,
                                 GError **error);

/* What vtr_op_attention_statistics () sums up of a row p of A_h. */
typedef enum
{
  VTR_ROW_ENTROPY,        /* −Σ p ln p over all keys */
  VTR_ROW_PATCH_ENTROPY,  /* −Σ p ln p over the patches */
  VTR_ROW_PATCH_MASS,     /* Σ p over the patches */
  VTR_ROW_SQUARES,        /* Σ p² over all keys */
  VTR_ROW_PATCH_SQUARES,  /* Σ p² over the patches */
  VTR_ROW_MAXIMUM,        /* max p over all keys */
  VTR_ROW_PATCH_MAXIMUM,  /* max p over the patches */
  VTR_ROW_FIRST_MASS,     /* p of the first prefix token; 0 where there is none */
  VTR_ROW_OTHER_MASS,     /* Σ p of the other prefix tokens */
  VTR_ROW_SELF_MASS,      /* p of the query itself */
  VTR_ROW_NEIGHBOUR_MASS, /* Σ p of the up to 8 patches around the query; 0 of prefix tokens */
  VTR_ROW_DISTANCE, /* Σ p·‖x_q − x_k‖ over the patches, in patches; 0 of prefix tokens */
  VTR_N_ROW_SUMS
} VtrRowSum;

/* sums [b][h][n][VTR_N_ROW_SUMS]: of every row of A_h.  @n_prefix tokens come before the patches,
 * which lie in rows of @n_columns. */
gboolean vtr_op_attention_statistics (VtrStream *stream,
                                      const VtrTensor *qkv,
                                      const VtrTensor *lse,
                                      float scale,
                                      guint n_prefix,
                                      guint n_columns,
                                      const VtrTensor *sums,
                                      GError **error);

/* How A_h of several heads, and for the last three G_h = A_h ⊙ ∂y/∂A_h, become one matrix. */
typedef enum
{
  VTR_FUSION_MEAN,
  VTR_FUSION_MAX,
  VTR_FUSION_MIN,
  VTR_FUSION_GRADIENT,    /* (mean_h G_h)⁺ */
  VTR_FUSION_RELEVANCE,   /* mean_h G_h⁺ */
  VTR_FUSION_SENSITIVITY, /* mean_h (∂y/∂A_h)⁺ */
} VtrFusion;

/*
 * What one layer contributes to a rollout (Abnar & Zuidema 2020):
 *   Ā = fusion over the heads of @head_mask (bit h: head h takes part) of A_h
 *   Ā[q][k] = 0 where Ā[q][k] ≤ cutoff and not q = k = 0
 *   Â = (Ā + I) with each row divided by its sum
 * With @d_context, the gradient of what the heads gave, ∂y/∂A_h[q][k] = d_context[q][h]·v[k][h],
 * and VTR_FUSION_GRADIENT takes the place of @fusion; no entry is then kept for its place.  qkv is
 * then f32.
 */
typedef struct
{
  const VtrTensor *qkv;       /* [b][n][3][h][hd] */
  const VtrTensor *lse;       /* [b][h][n] */
  const VtrTensor *d_context; /* [b][n][h·hd]; NULL for attention alone */
  float scale;
  VtrFusion fusion; /* of attention alone */
  guint64 head_mask;
  gboolean discard; /* whether the cutoff of @scratch holds */
} VtrRolloutLayer;

/* Scratch of the rollout, one for all layers of a run. */
typedef struct
{
  VtrTensor rows;        /* u32: the next three, one after the other */
  VtrTensor lse;         /* [b][h][n]: a copy, where there is a gradient; n_dims 0 elsewhere */
  VtrTensor row_weights; /* [b][n][2] u32: see ops/rollout.c */
  VtrTensor cutoff;      /* [b][4] u32: [0] has the bits of the cutoff; see ops/rollout.c */
  VtrTensor histogram;   /* [b][2][2048] u32 */
  VtrTensor partials;    /* as attention_apply's, h = 1 */
} VtrRolloutScratch;

/* Plans the scratch of a rollout of b images of n tokens; @h: the most heads of a layer where
 * gradients are to be given, 0 for attention alone. */
gboolean vtr_rollout_scratch_plan (VtrRolloutScratch *self,
                                   VtrArena *arena,
                                   guint b,
                                   guint h,
                                   guint n,
                                   GError **error);

/* Plans the scratch of vtr_op_attention_apply (). */
gboolean vtr_attention_apply_scratch_plan (VtrTensor *partials,
                                           VtrArena *arena,
                                           guint b,
                                           guint h,
                                           guint n,
                                           GError **error);

/* Finds the cutoff that drops the lowest @n_drop of the n² entries of Ā, each image for itself: the
 * n_drop-th smallest value, exactly, by a radix select over the bits of the floats. */
gboolean vtr_op_rollout_cutoff (VtrStream *stream,
                                const VtrRolloutLayer *layer,
                                guint64 n_drop,
                                const VtrRolloutScratch *scratch,
                                GError **error);

/* next [b][n] = r [b][n]·Â: r'[k] = Σ_q r[q]·Â[q][k]. */
gboolean vtr_op_rollout_step (VtrStream *stream,
                              const VtrRolloutLayer *layer,
                              const VtrTensor *r,
                              const VtrRolloutScratch *scratch,
                              const VtrTensor *next,
                              GError **error);

/* next [b][n] = r + r·mean_h (A_h ⊙ ∂y/∂A_h)⁺ (Chefer, Gur & Wolf 2021, eqs. 5 and 6). */
gboolean vtr_op_relevance_step (VtrStream *stream,
                                const VtrRolloutLayer *layer,
                                const VtrTensor *r,
                                const VtrRolloutScratch *scratch,
                                const VtrTensor *next,
                                GError **error);

/* columns [b][n]: mean over the heads and the queries q of (∂y/∂A_h[q][k])⁺ (LeGrad). */
gboolean vtr_op_attention_sensitivity (VtrStream *stream,
                                       const VtrRolloutLayer *layer,
                                       const VtrRolloutScratch *scratch,
                                       const VtrTensor *columns,
                                       GError **error);
