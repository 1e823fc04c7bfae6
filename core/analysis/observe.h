/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * A picture being observed: what observe.c reads of a block and observe-take.c makes of it.
 */
#include "analysis/observation.h"

/* Rows of each head that are taken whole, and patches whose context is compared. */
#define VTR_OBSERVE_MAX_ROWS 32
#define VTR_OBSERVE_MAX_VECTORS 64

/* Share of the progress for the forward pass; what is left is for comparing heads. */
#define VTR_OBSERVE_FORWARD_SHARE 0.9

/* Tensors beside those of the forward pass; those of heads have room for the most of any layer. */
typedef struct
{
  VtrTensor rows;          /* [1][n_rows] u32 */
  VtrTensor probs;         /* [1][h][n_rows][n] */
  VtrTensor sums;          /* [1][h][n][VTR_N_ROW_SUMS] */
  VtrTensor weights;       /* [1][n]: 1/n */
  VtrTensor partials;      /* of vtr_op_attention_apply () */
  VtrTensor columns;       /* [1][h][n]: mean of all rows */
  VtrTensor patch_weights; /* [1][n]: 1/p of patches; n_dims 0 unless their mean is wanted */
  VtrTensor patch_columns; /* [1][h][n]: mean of the patches' rows; likewise */
} VtrObserveScratch;

/* Which rows are taken: CLS where there is one, patches for their positions, and others for
 * similarities, all as tokens. */
typedef struct
{
  guint32 tokens[2 * VTR_OBSERVE_MAX_ROWS];
  guint n;
  guint32 patches[VTR_OBSERVE_MAX_ROWS]; /* whose rows follow that of CLS, as patches */
  guint n_patches;
  guint first_compared; /* the rows from here on are compared, */
  guint n_compared;
  gboolean compare_cls; /* and that of CLS */
} VtrObservedRows;

/* What has been read of a block; [h] are its heads. */
typedef struct
{
  gpointer context; /* [n][h·hd], as it is stored */
  VtrDType context_type;
  guint n_heads;
  guint head_size;
  float *probs;         /* [h][n_rows][n] */
  float *sums;          /* [h][n][VTR_N_ROW_SUMS] */
  float *columns;       /* [h][n] */
  float *patch_columns; /* [h][n]; NULL without */
  float *tokens;        /* [n][d] */
} VtrObservedBlock;

/* One call of vtr_session_observe (). */
typedef struct
{
  VtrSession *session;
  VtrInput *input;
  const VtrArch *arch;
  double temperature;
  VtrProgress progress;
  VtrTokenGrid grid;
  guint *first_head; /* [n_layers + 1] */
  VtrObservedRows sample;
  guint32 vectors[VTR_OBSERVE_MAX_VECTORS]; /* patches */
  guint n_vectors;

  VtrStream *stream;
  const VtrPlan *plan;
  VtrObserveScratch scratch;
  VtrObservedBlock block;
  float *before; /* [n][d]: what the block was given */
  VtrObservation *observation;
  float *compared;       /* [all heads][n_compared][n] */
  double *compared_sums; /* [all heads][n_compared]: Σ p log₂ p */
  float *grams;          /* [all heads][vtr_gram_size (n_vectors)] */
  float *columns;        /* [all heads][n] */
  float *cls_rows;       /* [all heads][n]; NULL without CLS */
  float *mean_rows;      /* [n_compared][n]: mean of the heads, of the layer before */
} VtrObserving;

/* ---- observe-take.c ---- */

/* Makes statistics of what was read of a block; VTR_ERROR_BAD_VALUES where it is not finite. */
gboolean vtr_observing_take_block (VtrObserving *run, guint layer, GError **error);

/* Once the last block was: artifacts, and what they get. */
void vtr_observing_take_artifacts (VtrObserving *run);

/* Compares all pairs of heads. */
gboolean vtr_observing_compare_heads (VtrObserving *run, GError **error);
