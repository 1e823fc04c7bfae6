/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * Every op of ops/ops.h in plain C and double precision, written to be read: what
 * the kernels must compute.  Parameters mean what they mean there; shapes stand
 * beside them in its letters.
 */
#include "ops/ops.h"

/* ---- embed.c ---- */

/* pixels [b][3][height][width] → patches [b][rows·cols][3·size²] */
void reference_patchify (const float *pixels,
                         guint b,
                         guint height,
                         guint width,
                         guint size,
                         double *patches);

/* patches [b][p][d], prefix [n_prefix][d], positions [p][d] or NULL → tokens [b][n_prefix + p][d]
 */
void reference_embed_tokens (const float *patches,
                             const float *prefix,
                             const float *positions,
                             guint b,
                             guint p,
                             guint n_prefix,
                             guint d,
                             double *tokens);

/* x: [n][d] for all images where it is @shared, else [b][n][d]. */
void reference_gather_tokens (const float *x,
                              const guint32 *indices,
                              guint b,
                              gboolean shared,
                              guint n,
                              guint m,
                              guint d,
                              double *y);

/* tokens [b][n][d] → pooled [b][d or 2d] */
void reference_pool (const float *tokens,
                     guint b,
                     guint n,
                     guint d,
                     guint n_prefix,
                     VtrPool pool,
                     double *pooled);

/* ---- layers.c ---- */

/* x, y [n_rows][d], affine [2][d] */
void reference_layer_norm (const float *x,
                           const float *affine,
                           float eps,
                           guint n_rows,
                           guint d,
                           double *y);

/* x [m][k], w [n][k], epilogue [2][n], y [m][n] in and out */
void reference_matmul (const float *x,
                       const float *w,
                       const float *epilogue,
                       VtrMatmulFlags flags,
                       VtrActivation activation,
                       guint m,
                       guint n,
                       guint k,
                       double *y);

/* gate_up [n_rows][2f] → hidden [n_rows][f] */
void reference_swiglu (const float *gate_up, guint n_rows, guint f, double *hidden);

/* qkv [b][n][3][h][hd] in and out, table [2][p][hd] */
void reference_rope (double *qkv, const float *table, guint b, guint n, guint p, guint h, guint hd);

/* ---- attention.c ---- */

typedef struct
{
  const float *qkv; /* [b][n][3][h][hd] */
  guint b, n, h, hd;
  float scale;
} ReferenceAttention;

/* probs [b][h][n][n], lse [b][h][n] */
void reference_attention_probs (const ReferenceAttention *self, double *probs, double *lse);

/* context [b][n][h·hd] */
void
reference_attention_context (const ReferenceAttention *self, const double *probs, double *context);

/* probs [n_heads][n][n], the heads of all images, → sums [n_heads][n][VTR_N_ROW_SUMS] */
void reference_attention_statistics (const double *probs,
                                     guint n_heads,
                                     guint n,
                                     guint n_prefix,
                                     guint n_columns,
                                     double *sums);

/* ---- rollout.c ---- */

/* Ā of one image: probs [h][n][n] → fused [n][n] */
void reference_fuse (const double *probs,
                     guint h,
                     guint n,
                     VtrFusion fusion,
                     guint64 head_mask,
                     double *fused);

/* The n_drop-th smallest of the n_values, 0 where n_drop is 0. */
double reference_select (const double *values, guint64 n_values, guint64 n_drop);

/* Drops what is ≤ cutoff, but not [0][0]. */
void reference_discard (double *fused, guint n, double cutoff);

/* next [n] = r [n]·Â, Â being (fused + I) with each row divided by its sum */
void reference_rollout_step (const double *fused, guint n, const float *r, double *next);

/* G = A ⊙ ∂y/∂A of one image, fused: probs [h][n][n], d_context [b][n][h·hd] → fused [n][n] */
void reference_fuse_gradient (const ReferenceAttention *self,
                              guint image,
                              const double *probs,
                              const float *d_context,
                              VtrFusion fusion,
                              guint64 head_mask,
                              double *fused);

/* next [n] = r [n]·(I + fused) */
void reference_relevance_step (const double *fused, guint n, const float *r, double *next);

/* ---- backward.c: gradients; tests/reference/test-gradients.c compares them with differences ----
 */

/* x, d_y, d_x [n_rows][d], affine [2][d] */
void reference_layer_norm_backward (const float *x,
                                    const float *affine,
                                    float eps,
                                    const float *d_y,
                                    guint n_rows,
                                    guint d,
                                    double *d_x);

/* d_y [m][n], w [n][k] → d_x [m][k] */
void reference_matmul_backward (const float *d_y,
                                const float *w,
                                guint m,
                                guint n,
                                guint k,
                                double *d_x);

/* z, d_y, d_z [m][n], scale [n] or NULL */
void reference_activation_backward (const float *z,
                                    const float *scale,
                                    VtrActivation activation,
                                    const float *d_y,
                                    guint m,
                                    guint n,
                                    double *d_z);

/* gate_up, d_gate_up [n_rows][2f], d_hidden [n_rows][f] */
void reference_swiglu_backward (const float *gate_up,
                                const float *d_hidden,
                                guint n_rows,
                                guint f,
                                double *d_gate_up);

/* d_qkv [b][n][3][h][hd] in and out, table [2][p][hd]: the forward's */
void reference_rope_backward (double *d_qkv,
                              const float *table,
                              guint b,
                              guint n,
                              guint p,
                              guint h,
                              guint hd);

/* probs [b][h][n][n], d_context [b][n][h·hd] → d_qkv [b][n][3][h][hd] */
void reference_attention_backward (const ReferenceAttention *self,
                                   const double *probs,
                                   const float *d_context,
                                   double *d_qkv);

/* d_pooled [b][d or 2d] → d_tokens [b][n][d] */
void reference_pool_backward (const float *d_pooled,
                              guint b,
                              guint n,
                              guint d,
                              guint n_prefix,
                              VtrPool pool,
                              double *d_tokens);
