/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * model: files → architecture + weights.
 *
 *   model.c               VtrModel: open, getters
 *   describe.c            what `vitreous inspect` prints
 *   hash.c  hash-cache.c  SHA-256 of the weights; those computed before
 *   install.c  import.c   installed models: find, list; import
 *   weights.c             tensors by role, in one canonical layout, as f32
 *   positions.c           position tables and RoPE for any grid
 *   head.h                a classifier head beside the checkpoint; derive.c puts it in
 *
 *   families.h  families.c  naming.c   tables: families, their defaults, their tensors' names
 *   config.h  config.c    JSON with bounds and types; config-hf.c, config-timm.c and
 *                         config-preprocess.c read what transformers and timm write
 *   detect.h  detect.c    configuration or names → a row of the table, and why
 *   infer.c  check.c      shapes → architecture; every tensor it needs, and none too many
 *   parts.h  parts.c      which tensor is which part
 *   store.h  store.c      named tensors of a checkpoint, whatever its format; store-open.c,
 * shards.c format-safetensors.c  format-npz.c  format-onnx.c   one reader each, one fuzz target
 * each onnx-nodes.c  wire.c  what an ONNX graph says of its tensors; protocol buffers save-config.c
 * save-weights.c   a model as transformers would have saved it; save-safetensors.c  the file's
 * header
 */
#include "model/arch.h"

const VtrArch *vtr_model_get_arch (VtrModel *self);

/*
 * The tensors of a ViT in the layout the ops want, whatever the file has: split or fused,
 * transposed, F32, F16 or BF16.  d, f as in ops.h; f2 = 2f for SwiGLU (gate, then up), else f.
 */
typedef enum
{
  VTR_WEIGHT_PATCH,                  /* [d][3·patch²], a patch as [3][patch][patch] */
  VTR_WEIGHT_PATCH_BIAS,             /* [d] */
  VTR_WEIGHT_PRE_NORM,               /* [2][d]: weight, bias */
  VTR_WEIGHT_FINAL_NORM,             /* [2][d]; absent: the tokens go on as they are */
  VTR_WEIGHT_PRE_LOGITS,             /* [d][d] */
  VTR_WEIGHT_PRE_LOGITS_BIAS,        /* [d] */
  VTR_WEIGHT_HEAD,                   /* [n_classes][d or 2d] */
  VTR_WEIGHT_HEAD_BIAS,              /* [n_classes] */
  VTR_WEIGHT_HEAD_DISTILLATION,      /* [n_classes][d] */
  VTR_WEIGHT_HEAD_DISTILLATION_BIAS, /* [n_classes] */
  VTR_WEIGHT_PROJECTION,             /* [projection_size][d] */

  /* one per layer */
  VTR_WEIGHT_NORM1,     /* [2][d] */
  VTR_WEIGHT_QKV,       /* [3·h·hd][d]: q, k, v, each [h][hd], h of the layer */
  VTR_WEIGHT_QKV_BIAS,  /* [3·h·hd], zeros where there is none */
  VTR_WEIGHT_PROJ,      /* [d][h·hd] */
  VTR_WEIGHT_PROJ_BIAS, /* [d] */
  VTR_WEIGHT_SCALE1,    /* [d], ones without layer scale */
  VTR_WEIGHT_NORM2,     /* [2][d] */
  VTR_WEIGHT_FC1,       /* [f2][d] */
  VTR_WEIGHT_FC1_BIAS,  /* [f2] */
  VTR_WEIGHT_FC2,       /* [d][f] */
  VTR_WEIGHT_FC2_BIAS,  /* [d] */
  VTR_WEIGHT_SCALE2,    /* [d], ones without layer scale */
  VTR_N_WEIGHTS
} VtrWeight;

/* Whether the checkpoint has it; biases that are absent read as zeros. */
gboolean vtr_model_has_weight (VtrModel *self, VtrWeight weight);

/* Numbers in one weight of one layer (@layer ignored for those not per layer). */
gsize vtr_model_get_weight_size (VtrModel *self, VtrWeight weight, guint layer);

/* Reads one weight as f32; VTR_ERROR_BAD_VALUES names the tensor and where it is NaN or infinite.
 * Thread-safe. */
gboolean
vtr_model_read_weight (VtrModel *self, VtrWeight weight, guint layer, float *out, GError **error);

/* [n_prefix][d]: CLS, distillation, registers, with their positions added.  NULL with no error: no
 * prefix. */
float *vtr_model_make_prefix (VtrModel *self, GError **error);

/* [n_rows·n_columns][d], brought to the grid by the family's rule.  NULL with no error: no table.
 */
float *vtr_model_make_positions (VtrModel *self, guint n_rows, guint n_columns, GError **error);

/* [2][n_rows·n_columns][head_size]: cos, sin.  NULL with no error: no RoPE. */
float *vtr_model_make_rope (VtrModel *self, guint n_rows, guint n_columns, GError **error);
