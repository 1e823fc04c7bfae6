/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* VtrArch: the numbers and switches of a ViT, on one page. */
#include "base/base.h"

/* The same words as ops/ops.h uses; the session hands them on. */
typedef enum
{
  VTR_ACT_GELU_ERF,
  VTR_ACT_GELU_TANH,
  VTR_ACT_GELU_QUICK,
  VTR_ACT_SWIGLU, /* silu (gate)·up */
} VtrAct;

/* How the learned position table [1 + n] is brought to another grid. */
typedef enum
{
  VTR_POSITIONS_NONE,              /* no table (RoPE) */
  VTR_POSITIONS_BICUBIC,           /* bicubic, align_corners false, by size (Hugging Face) */
  VTR_POSITIONS_BICUBIC_ANTIALIAS, /* the same with antialiasing (timm, DINOv2 with registers) */
  VTR_POSITIONS_BILINEAR_CORNERS,  /* bilinear, corners aligned (vit_jax's zoom of order 1) */
} VtrPositionRule;

/* What becomes of the tokens of the last block. */
typedef enum
{
  VTR_HEAD_POOL_CLS,
  VTR_HEAD_POOL_MEAN,                 /* mean of the patches */
  VTR_HEAD_POOL_CLS_AND_MEAN,         /* DINOv2's classifier: [CLS ‖ mean of patches] */
  VTR_HEAD_POOL_CLS_AND_DISTILLATION, /* DeiT: two heads, the mean of their logits */
} VtrHeadPool;

typedef enum
{
  VTR_FILTER_NEAREST,
  VTR_FILTER_BILINEAR,
  VTR_FILTER_BICUBIC,
  VTR_FILTER_LANCZOS,
  VTR_FILTER_BOX,
  VTR_FILTER_HAMMING,
} VtrFilter;

typedef enum
{
  VTR_RESIZE_NONE,
  VTR_RESIZE_SHORT_EDGE, /* the short edge to resize_height, aspect kept */
  VTR_RESIZE_EXACT,      /* to resize_width × resize_height */
  VTR_RESIZE_COVER,      /* aspect kept, the smallest that covers them (timm, crop not square) */
  VTR_RESIZE_CONTAIN, /* aspect kept, the largest that fits into them (timm's crop_mode border) */
} VtrResize;

typedef enum
{
  VTR_CROP_FLOOR,      /* (size − crop) / 2, rounded down (transformers) */
  VTR_CROP_ROUND_EVEN, /* rounded to nearest, halves to even (torchvision, timm) */
} VtrCropRounding;

/* How pictures are prepared, as the checkpoint says or as its family does. */
typedef struct
{
  VtrResize resize;
  guint resize_width; /* pixels */
  guint resize_height;
  VtrFilter filter;
  gboolean crop;
  guint crop_width; /* pixels; where the picture is smaller it is padded with @fill */
  guint crop_height;
  guint8 fill[3]; /* RGB; black but for timm's crop_mode border */
  VtrCropRounding crop_rounding;
  double rescale; /* multiplies the bytes: 1/255 */
  double mean[3];
  double std[3];
} VtrPreprocess;

typedef struct
{
  const char *family; /* "vit", "deit", "dinov2", ...: a row of model/families.c */

  guint hidden_size; /* d, width of a token */
  guint n_layers;
  guint n_heads;            /* of a whole layer, and the most that one has */
  const guint *layer_heads; /* [n_layers], 1..n_heads: where some were taken out of layers,
                             * how many each has left; NULL: n_heads; not owned */
  guint head_size;          /* hd; n_heads·head_size = hidden_size */
  guint mlp_size;           /* f, hidden width of the MLP (of one of gate and up) */
  guint patch_size;         /* pixels */
  guint grid_rows; /* patches the position table is for; training grid where there is none */
  guint grid_columns;

  gboolean has_cls;
  gboolean has_distillation;
  guint n_registers; /* come after CLS (and distillation) */
  gboolean registers_have_positions;
  gboolean prefix_has_positions; /* whether the table starts with rows for CLS and distillation */

  double norm_eps;
  VtrAct act;
  gboolean pre_norm;   /* a norm before the first block (CLIP) */
  gboolean final_norm; /* FALSE: pooled tokens that no norm has touched (CLIP's classifier) */
  gboolean
      final_norm_after_pool; /* the last norm is applied to the pooled token (CLIP, timm fc_norm) */
  gboolean layer_scale;
  gboolean pre_logits; /* dense + tanh before the head */

  VtrPositionRule positions;
  double rope_theta; /* 0: no RoPE */

  VtrHeadPool head_pool;
  guint n_classes;       /* 0: no classifier */
  guint projection_size; /* CLIP's embedding; 0: none */

  VtrPreprocess preprocess;
} VtrArch;

/* h, the heads of a layer; their queries, keys, values and context are h·head_size wide. */
guint vtr_arch_n_heads (const VtrArch *self, guint layer);
guint vtr_arch_context_size (const VtrArch *self, guint layer);

/* CLS, distillation, registers. */
guint vtr_arch_n_prefix (const VtrArch *self);

/* Numbers in the embedding, which is what a head sees. */
guint vtr_arch_n_features (const VtrArch *self);

/* "cls", "mean", "cls-and-mean", "cls-and-distillation" */
const char *vtr_head_pool_get_name (VtrHeadPool pool);
