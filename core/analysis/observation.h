/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * What is observed of one picture's attention: numbers out of rows and tokens on the host.
 *
 *   token-grid.c        which tokens are patches, and where; samples of them
 *   row-statistics.c    rows of attention → numbers of a head
 *   token-statistics.c  tokens → numbers of a layer; artifact tokens
 *   head-similarity.c   pairs of heads
 *   statistics.c        names and units of all that
 *   observation.c       VtrObservation
 *   observe.c           vtr_session_observe: on the device (observe.h)
 *   observe-take.c      what is made of a block
 */
#include "explain/explain.h"

/* ---- token-grid.c ---- */

/* The tokens of a picture: prefix tokens, then patches row by row. */
typedef struct
{
  guint n_tokens;
  guint n_prefix;
  gboolean has_cls; /* token 0 */
  guint n_rows;     /* of patches */
  guint n_columns;
} VtrTokenGrid;

static inline guint
vtr_token_grid_n_patches (const VtrTokenGrid *self)
{
  return self->n_tokens - self->n_prefix;
}

/* The middles of cells that divide the picture evenly: at most @n_most patches, all of them where
 * there are no more; their numbers, ascending, in @patches [n_most].  Returns how many. */
guint vtr_token_grid_sample (const VtrTokenGrid *self, guint n_most, guint32 *patches);

/* ---- row-statistics.c ---- */

/* Of what is left of a row without its prefix, below which that counts as nothing: squares would no
 * longer be floats. */
#define VTR_LEAST_PATCH_MASS 1e-15

/* Of one head; NaN where there is nothing. */
typedef struct
{
  double values[VTR_N_STATISTICS][VTR_N_READINGS];
} VtrHeadStatistics;

void vtr_head_statistics_init (VtrHeadStatistics *self);

/* What follows from the sums over the rows, [n_tokens][VTR_N_ROW_SUMS]; @patch_size: pixels. */
void vtr_head_statistics_take_sums (VtrHeadStatistics *self,
                                    const VtrTokenGrid *grid,
                                    double patch_size,
                                    const float *sums);

/* What follows from the whole row of CLS, [n_tokens]. */
void
vtr_head_statistics_take_cls (VtrHeadStatistics *self, const VtrTokenGrid *grid, const float *row);

/* What follows from the mean of all rows, [n_tokens]. */
void vtr_head_statistics_take_columns (VtrHeadStatistics *self,
                                       const VtrTokenGrid *grid,
                                       const float *columns);

/* What artifacts [n_patches] get; @cls_row: [n_tokens], NULL without CLS. */
void vtr_head_statistics_take_artifacts (VtrHeadStatistics *self,
                                         const VtrTokenGrid *grid,
                                         const gboolean *artifacts,
                                         const float *columns,
                                         const float *cls_row);

/* Of values ≥ 0 with any sum: the inequality of @p [n] (0 where all are 0), and the share that the
 * ⌈n/10⌉ largest have. */
double vtr_gini (const float *p, guint n);
double vtr_top_mass (const float *p, guint n);

/*
 * @rows [n_queries][n_tokens] of the patches @queries, ascending.  1 less the mean total variation
 * between each row over the patches and the mean profile of the other rows over offsets, both only
 * at offsets that others know and divided by their sums.  NaN where there are no two rows that
 * share an offset.
 */
double vtr_positional (const VtrTokenGrid *grid,
                       const float *rows,
                       const guint32 *queries,
                       guint n_queries);

/* ---- token-statistics.c ---- */

/* ‖x‖₂ of each of @n tokens [n][width]. */
void vtr_token_norms (const float *tokens, guint n, guint width, float *norms);

/*
 * Whether each of @n patches is an artifact, by its norm: see vtr_observation_get_artifacts ().
 * Returns the least norm of one, infinity where there are none.
 */
double vtr_find_artifacts (const float *norms, guint n, gboolean *artifacts);

/*
 * All but VTR_TOKEN_CHANGE, which becomes NaN.  @tokens [n_tokens][width]: what a block gave;
 * @before: what it was given; @norms [n_tokens]: of @tokens.
 */
void vtr_token_statistics (const VtrTokenGrid *grid,
                           const float *tokens,
                           const float *before,
                           const float *norms,
                           guint width,
                           double values[VTR_N_TOKEN_STATISTICS]);

/* ---- head-similarity.c ---- */

/* Σ p log₂ p; 0·log₂ 0 = 0. */
double vtr_sum_p_log2_p (const float *p, guint n);

/* Jensen-Shannon divergence of two rows, bits; @p_sum, @q_sum: their vtr_sum_p_log2_p (). */
double vtr_divergence (const float *p, double p_sum, const float *q, double q_sum, guint n);

/* Numbers in a centred Gram matrix of @n vectors: each pair once. */
static inline gsize
vtr_gram_size (guint n)
{
  return (gsize) n * (n - 1) / 2;
}

/*
 * The Gram matrix of @n ≥ 4 vectors [width], @stride values apart, without its diagonal and centred
 * so that products of two such are unbiased (Székely & Rizzo 2014): HSIC₁ (K, L) of Song et al. is
 * Σ_{i≠j} K_ij·L_ij / (n·(n − 3)) then.  Divided by its norm, so that CKA is the product of two;
 * NaNs where the norm is 0.  @gram: [vtr_gram_size (n)]
 */
void vtr_gram_init (float *gram, const float *vectors, gsize stride, guint n, guint width);

/* Σ a·b. */
double vtr_gram_product (const float *a, const float *b, gsize n);

/* ---- observation.c: filling one in, before anybody else sees it ---- */

struct _VtrObservation
{
  gatomicrefcount n_refs;
  VtrInput *input;
  VtrTokenGrid grid;
  guint n_layers;
  guint n_heads;            /* the most that any layer has */
  guint *first_head;        /* [n_layers + 1]: of a layer, among all heads of the model */
  VtrHeadStatistics *heads; /* [first_head[n_layers]] */
  double (*tokens)[VTR_N_TOKEN_STATISTICS]; /* [n_layers] */
  float *divergences;  /* of each pair of heads a < b, at vtr_observation_pair (); bits */
  float *ckas;         /* likewise */
  gboolean *artifacts; /* [n_patches] */
  double threshold;
  float *norms;  /* [n_layers][n_tokens] */
  float *maps;   /* [n_layers][n_patches] */
  float *logits; /* [n_classes]; NULL without */
  guint n_classes;
  float *embedding; /* [n_values] */
  guint n_values;
};

/* All arrays of the right sizes, NaN or 0; fails where they would be too large to count.
 * @first_head: [n_layers + 1], copied. */
VtrObservation *vtr_observation_new (VtrInput *input,
                                     const VtrTokenGrid *grid,
                                     guint n_layers,
                                     const guint *first_head,
                                     GError **error);

static inline guint
vtr_observation_n_all_heads (const VtrObservation *self)
{
  return self->first_head[self->n_layers];
}

/* Where the pair of heads a < b of the model stands. */
static inline gsize
vtr_observation_pair (gsize a, gsize b)
{
  return b * (b - 1) / 2 + a;
}

/* ---- observe.c ---- */

/* vtr_session_observe (); unless @compares_heads, similarities of heads are NaN, which takes a
 * fraction of the time. */
VtrObservation *vtr_observe (VtrSession *self,
                             VtrInput *input,
                             double temperature,
                             gboolean compares_heads,
                             const VtrProgress *progress,
                             GError **error);
