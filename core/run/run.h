/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * run: the ViT as a sequence of ops.
 *
 *   devices.c   which devices there are; the one place that names them
 *   weights.c   a model's weights on a device
 *   plan.c      buffers of one run: lifetimes, bytes
 *   forward.c   pixels → tokens → blocks → logits
 */
#include "model/model.h"
#include "ops/ops.h"
#include "preprocess/preprocess.h"

/* One block's weights on the device. */
typedef struct
{
  VtrTensor norm1;         /* [2][d] */
  VtrTensor qkv;           /* [3d][d] */
  VtrTensor qkv_epilogue;  /* [2][3d]: bias, scale (unused) */
  VtrTensor proj;          /* [d][d] */
  VtrTensor proj_epilogue; /* [2][d]: bias, layer scale */
  VtrTensor norm2;
  VtrTensor fc1; /* [f2][d] */
  VtrTensor fc1_epilogue;
  VtrTensor fc2; /* [d][f] */
  VtrTensor fc2_epilogue;
} VtrBlockWeights;

typedef struct
{
  VtrArena *arena;
  VtrTensor patch; /* [d][3·patch²] */
  VtrTensor patch_epilogue;
  VtrTensor prefix; /* [n_prefix][d]; n_dims 0 if none, as for every optional tensor below */
  VtrTensor pre_norm;
  VtrTensor final_norm;
  VtrTensor pre_logits;
  VtrTensor pre_logits_epilogue;
  VtrTensor head;
  VtrTensor head_epilogue;
  VtrTensor head_distillation;
  VtrTensor head_distillation_epilogue;
  VtrTensor projection;
  VtrTensor projection_epilogue;
  VtrBlockWeights *blocks; /* [n_layers] */
} VtrDeviceWeights;

/* Uploads all weights of @model; blocks while it does. */
VtrDeviceWeights *vtr_device_weights_new (VtrStream *stream,
                                          VtrModel *model,
                                          const VtrProgress *progress,
                                          GError **error);
void vtr_device_weights_free (VtrDeviceWeights *self);

/* What of a forward pass stays readable after it. */
typedef struct
{
  guint n_rows; /* patches */
  guint n_columns;
  guint batch;
  gboolean *keep; /* [n_layers]: whether the layer's Q, K, V and log-sum-exp stay; not owned */
} VtrPlanShape;

/*
 * VtrPlan: the buffers of a run.  qkv[layer] and lse[layer] are buffers of their own
 * where the layer is kept, else one that all others share.
 */
typedef struct
{
  VtrArena *arena;
  guint n_rows;
  guint n_columns;
  guint batch;
  guint n_tokens;
  VtrTensor pixels;    /* [b][3][rows·patch][columns·patch] */
  VtrTensor patches;   /* [b][p][3·patch²] */
  VtrTensor embedded;  /* [b][p][d] */
  VtrTensor positions; /* [p][d], optional */
  VtrTensor rope;      /* [2][p][hd], optional */
  VtrTensor tokens;    /* [b][n][d]: the residual stream */
  VtrTensor normed;    /* [b][n][d] */
  VtrTensor context;   /* [b][n][d] */
  VtrTensor hidden;    /* [rows of a chunk][f2] */
  VtrTensor gated;     /* [rows of a chunk][f], SwiGLU only */
  VtrTensor *qkv;      /* [n_layers] of [b][n][3][h][hd] */
  VtrTensor *lse;      /* [n_layers] of [b][h][n] */
  VtrTensor pooled;    /* [b][d or 2d] */
  VtrTensor pooled2;   /* [b][d] */
  VtrTensor embedding; /* [b][d, 2d or projection_size]: what is reported */
  VtrTensor logits;    /* [b][n_classes], optional */
  VtrTensor logits2;   /* [b][n_classes], DeiT's second head */
} VtrPlan;

/* Plans without allocating; the caller may plan more tensors into ->arena, then commits it. */
VtrPlan *
vtr_plan_new (VtrDevice *device, VtrModel *model, const VtrPlanShape *shape, GError **error);
void vtr_plan_free (VtrPlan *self);

/* Uploads what depends on the grid alone: positions and RoPE. */
gboolean vtr_plan_upload (VtrPlan *self, VtrStream *stream, VtrModel *model, GError **error);

/* Records and submits the forward pass, block by block; pixels must be written before. */
gboolean vtr_forward (VtrStream *stream,
                      VtrModel *model,
                      const VtrDeviceWeights *weights,
                      const VtrPlan *plan,
                      float attention_scale,
                      const VtrProgress *progress,
                      GError **error);
