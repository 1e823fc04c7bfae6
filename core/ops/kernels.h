/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * The kernels a device must have, and the parameters each takes.  A struct here
 * is the push-constant block of the shader of the same name, byte for byte
 * (checked by tests/shader-interface.py); 128 bytes at most, 4 tensors at most.
 */
#include <glib.h>

typedef enum
{
  VTR_KERNEL_PATCHIFY,
  VTR_KERNEL_EMBED_TOKENS,
  VTR_KERNEL_GATHER_TOKENS,
  VTR_KERNEL_LAYER_NORM,
  VTR_KERNEL_MATMUL,
  VTR_KERNEL_SWIGLU,
  VTR_KERNEL_ROPE,
  VTR_KERNEL_ATTENTION,
  VTR_KERNEL_POOL,
  VTR_KERNEL_ATTENTION_ROWS,
  VTR_KERNEL_ATTENTION_APPLY,
  VTR_KERNEL_ATTENTION_STATISTICS,
  VTR_KERNEL_ROLLOUT_ROW_SUMS,
  VTR_KERNEL_ROLLOUT_HISTOGRAM,
  VTR_KERNEL_ROLLOUT_SELECT,
  VTR_KERNEL_ROLLOUT_WEIGHTS,
  VTR_KERNEL_ROLLOUT_STEP,
  VTR_KERNEL_REDUCE_PARTIALS,
  VTR_KERNEL_LAYER_NORM_BACKWARD,
  VTR_KERNEL_MATMUL_BACKWARD,
  VTR_KERNEL_ACTIVATION_BACKWARD,
  VTR_KERNEL_SWIGLU_BACKWARD,
  VTR_KERNEL_ATTENTION_BACKWARD_ROWS,
  VTR_KERNEL_ATTENTION_BACKWARD,
  VTR_KERNEL_POOL_BACKWARD,
  VTR_N_KERNELS
} VtrKernel;

#define VTR_MAX_KERNEL_TENSORS 4
#define VTR_MAX_PARAMS_SIZE 128

typedef struct
{
  const char *name;    /* "layer-norm": the shader's file, the name in timings */
  guint n_tensors;     /* how many it binds */
  guint8 reads;        /* bit i: it reads tensor i */
  guint8 writes;       /* bit i: it writes tensor i */
  guint16 params_size; /* bytes of its params struct */
} VtrKernelInfo;

const VtrKernelInfo *vtr_kernel_get_info (VtrKernel kernel);

/* ---- params: what each kernel is told besides its tensors ---- */

typedef struct
{
  guint32 n_values; /* of the patches */
  guint32 height;   /* pixels */
  guint32 width;
  guint32 size; /* of a patch, pixels */
  guint32 grid_rows;
  guint32 grid_cols;
} VtrPatchifyParams;

typedef struct
{
  guint32 n_values; /* of the tokens */
  guint32 n_prefix;
  guint32 n_patches;
  guint32 width;
  guint32 has_positions; /* 0 or 1 */
} VtrEmbedTokensParams;

typedef struct
{
  guint32 n_values; /* of y */
  guint32 n_kept;   /* tokens of an image of y */
  guint32 width;
  guint32 image_stride; /* values of an image of x; 0: all images have the same x */
} VtrGatherTokensParams;

typedef struct
{
  guint32 n_rows;
  guint32 width;
  float eps;
} VtrLayerNormParams;

typedef struct
{
  guint32 n_rows;     /* of x and y */
  guint32 n_cols;     /* of y; rows of w */
  guint32 depth;      /* columns of x and w */
  guint32 flags;      /* VtrMatmulFlags */
  guint32 activation; /* VtrActivation */
} VtrMatmulParams;

typedef struct
{
  guint32 n_values; /* of hidden */
  guint32 width;
} VtrSwigluParams;

typedef struct
{
  guint32 n_pairs; /* values that turn together, of q and k */
  guint32 n_tokens;
  guint32 n_prefix;
  guint32 n_heads;
  guint32 head_width;
  guint32 table_stride; /* values of an image's table; 0: all images have the same */
} VtrRopeParams;

typedef struct
{
  guint32 n_images;
  guint32 n_tokens;
  guint32 n_heads;
  guint32 head_width;
  float scale; /* of q·k */
} VtrAttentionParams;

typedef struct
{
  guint32 n_values; /* of pooled */
  guint32 n_tokens;
  guint32 width;          /* of a token */
  guint32 pooled_width;   /* width or 2·width */
  guint32 first_token[2]; /* of the mean in each half of pooled */
  guint32 end_token[2];   /* one past the last */
} VtrPoolParams;

typedef struct
{
  guint32 n_images;
  guint32 n_tokens;
  guint32 n_heads;
  guint32 head_width;
  guint32 n_rows; /* of each image */
  float scale;    /* of q·k */
} VtrAttentionRowsParams;

typedef struct
{
  guint32 n_images;
  guint32 n_tokens;
  guint32 n_heads;
  guint32 head_width;
  guint32 n_chunks;
  guint32 chunk_size; /* queries of a chunk */
  float scale;        /* of q·k */
} VtrAttentionApplyParams;

typedef struct
{
  guint32 n_images;
  guint32 n_tokens;
  guint32 n_heads;
  guint32 head_width;
  guint32 n_prefix;
  guint32 n_columns; /* of patches */
  float scale;       /* of q·k */
} VtrAttentionStatisticsParams;

/* Of rollout-row-sums, rollout-histogram and rollout-step.  With a fusion that takes gradients,
 * their tensors are qkv, VtrRolloutScratch's rows, d_context and what they write. */
typedef struct
{
  guint32 n_images;
  guint32 n_tokens;
  guint32 n_heads;
  guint32 head_width;
  guint32 n_chunks;
  guint32 chunk_size;    /* tokens of a chunk */
  guint32 head_mask[2];  /* bit i of the low word: head i takes part; then the high word */
  float head_weight;     /* 1 / heads that take part */
  float scale;           /* of q·k */
  guint32 fusion;        /* VtrFusion */
  guint32 has_cutoff;    /* 0 or 1 */
  guint32 shift;         /* of the bits that select a bin (rollout-histogram) */
  guint32 prefix_mask;   /* the bits above them */
  guint32 weights_start; /* where, in 32-bit values, what is known of the rows has the weights */
  guint32 cutoff_start;  /* and the cutoffs; both only with gradients */
} VtrRolloutParams;

typedef struct
{
  guint32 n_drop[2]; /* low and high word */
  guint32 begin;     /* 0 or 1: start a search for the n_drop-th smallest entry */
  guint32 shift;     /* of the bits that selected a bin */
  guint32 n_images;
} VtrRolloutSelectParams;

typedef struct
{
  guint32 n_values; /* images times tokens */
  guint32 n_tokens;
  guint32 n_chunks;   /* 0: the rows of Ā sum to 1 */
  guint32 has_cutoff; /* 0 or 1 */
  guint32 divide;     /* 1: r[q] / (1 + sum); 0: r[q] as it is */
} VtrRolloutWeightsParams;

typedef struct
{
  guint32 n_values; /* of the sums */
  guint32 width;
  guint32 n_chunks;
} VtrReducePartialsParams;

/* ---- params of the kernels that go backward ---- */

typedef struct
{
  guint32 n_rows;
  guint32 width;
  float eps;
  guint32 accumulate; /* 0 or 1: d_x += */
} VtrLayerNormBackwardParams;

typedef struct
{
  guint32 n_rows; /* of d_y and d_x */
  guint32 n_cols; /* of d_x and w */
  guint32 depth;  /* columns of d_y; rows of w */
} VtrMatmulBackwardParams;

typedef struct
{
  guint32 n_values; /* of each of z, d_y and d_z */
  guint32 width;
  guint32 activation; /* VtrActivation */
  guint32 has_scale;  /* 0 or 1 */
} VtrActivationBackwardParams;

typedef struct
{
  guint32 n_values; /* of d_hidden */
  guint32 width;
} VtrSwigluBackwardParams;

typedef struct
{
  guint32 n_images;
  guint32 n_tokens;
  guint32 n_heads;
  guint32 head_width;
  guint32 n_values; /* images, tokens and heads multiplied */
} VtrAttentionBackwardRowsParams;

typedef struct
{
  guint32 n_images;
  guint32 n_tokens;
  guint32 n_heads;
  guint32 head_width;
  float scale;     /* of q·k */
  guint32 of_keys; /* 0: d_q; 1: d_k and d_v */
} VtrAttentionBackwardParams;

typedef struct
{
  guint32 n_values; /* of d_tokens */
  guint32 n_tokens;
  guint32 width;          /* of a token */
  guint32 pooled_width;   /* width or 2·width */
  guint32 first_token[2]; /* of the mean in each half of d_pooled */
  guint32 end_token[2];   /* one past the last */
  guint32 accumulate;     /* 0 or 1: d_tokens += */
} VtrPoolBackwardParams;
