/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * run: the ViT as a sequence of ops.
 *
 *   devices.c   which devices there are; the one place that names them
 *   weights.c   a model's weights on a device
 *   plan.c      buffers of one run: what stays, what is shared, how many bytes
 *   forward.c   pixels → tokens → blocks → embedding and logits
 *   slots.c     runs of a session side by side, what they keep for the next
 *   session.c   VtrSession: a model on a device
 *   bench.c     timing a session
 *   verify*.c   comparing devices op by op (verify.h)
 */
#include "model/model.h"
#include "ops/ops.h"
#include "preprocess/preprocess.h"

/* A matrix of weights and what is applied to its products. */
typedef struct
{
  VtrTensor weight;   /* [n_out][n_in] */
  VtrTensor epilogue; /* [2][n_out]: bias, layer scale */
} VtrLinear;

/* One block's weights on the device. */
typedef struct
{
  VtrTensor norm1; /* [2][d] */
  VtrLinear qkv;   /* d → 3d */
  VtrLinear proj;  /* d → d */
  VtrTensor norm2; /* [2][d] */
  VtrLinear fc1;   /* d → f, or 2f for SwiGLU */
  VtrLinear fc2;   /* f → d */
} VtrBlockWeights;

/* A model's weights on the device.  What the model has not got has n_dims 0. */
typedef struct
{
  VtrArena *arena;
  VtrLinear patch;      /* 3·patch² → d */
  VtrTensor prefix;     /* [n_prefix][d], positions added */
  VtrTensor pre_norm;   /* [2][d] */
  VtrTensor final_norm; /* [2][d] */
  VtrLinear pre_logits; /* d → d */
  VtrLinear head;       /* d or 2d → n_classes */
  VtrLinear head_distillation;
  VtrLinear projection;    /* d → projection_size */
  VtrBlockWeights *blocks; /* [n_layers] */
} VtrDeviceWeights;

/* Uploads all weights of @model, waiting until they are there.  F16 is for the matrices of the
 * trunk: patch, qkv, proj, fc1, fc2. */
VtrDeviceWeights *vtr_device_weights_new (VtrStream *stream,
                                          VtrModel *model,
                                          VtrPrecision precision,
                                          const VtrProgress *progress,
                                          GError **error);
void vtr_device_weights_free (VtrDeviceWeights *self);

static inline gboolean
vtr_tensor_exists (const VtrTensor *tensor)
{
  return tensor->n_dims > 0;
}

/*
 * VtrPlan: the buffers of a run.  qkv[layer] and lse[layer] are buffers of their own
 * where the layer is kept, else one that all others share.  Activations (see
 * ops/ops.h) are marked so; all else is f32.
 */
typedef struct
{
  VtrArena *arena;
  VtrPrecision precision;
  guint n_rows; /* of patches */
  guint n_columns;
  guint batch; /* b */
  guint n_tokens;
  gboolean *keep;      /* [n_layers]: whether Q, K, V and log-sum-exp outlive the forward pass */
  VtrTensor pixels;    /* [b][3][rows·patch][columns·patch] */
  VtrTensor patches;   /* [b][p][3·patch²]; activation */
  VtrTensor embedded;  /* [b][p][d] */
  VtrTensor positions; /* [p][d]; n_dims 0 without a table */
  VtrTensor rope;      /* [2][p][hd]; n_dims 0 without RoPE */
  VtrTensor tokens;    /* [b][n][d]: the residual stream */
  VtrTensor normed;    /* [b][n][d]: what a norm gave; then the attention's context; activation */
  VtrTensor hidden; /* [chunk][f or 2f]: the MLP works on this many tokens at a time; activation */
  VtrTensor gated;  /* [chunk][f]; SwiGLU only; activation */
  VtrTensor *qkv;   /* [n_layers] of [b][n][3][h][hd]; activations */
  VtrTensor *lse;   /* [n_layers] of [b][h][n] */
  VtrTensor pooled; /* [b][d or 2d] */
  VtrTensor pooled_distillation; /* [b][d]; DeiT only */
  VtrTensor projected;           /* [b][projection_size], or [b][d] of pre_logits */
  VtrTensor logits;              /* [b][n_classes] */
  VtrTensor logits_distillation; /* [b][n_classes]; DeiT only */
} VtrPlan;

/*
 * Plans the buffers of a run without allocating them; the caller may plan more
 * into ->arena, then calls vtr_arena_commit ().  @keep: [n_layers], copied.
 */
VtrPlan *vtr_plan_new (VtrDevice *device,
                       VtrModel *model,
                       VtrPrecision precision,
                       guint n_rows,
                       guint n_columns,
                       guint batch,
                       const gboolean *keep,
                       GError **error);
void vtr_plan_free (VtrPlan *self);

/* Uploads what depends on the grid alone: positions and RoPE. */
gboolean vtr_plan_upload (VtrPlan *self, VtrStream *stream, VtrModel *model, GError **error);

/*
 * Takes the memory of a plan that has been used, where the grid and the layout are the same: what
 * vtr_plan_upload () wrote is in it.  FALSE, and nothing done, if they are not.
 */
gboolean vtr_plan_take_over (VtrPlan *self, VtrPlan *used);

/* The embedding that is reported: projected where there is a projection, else pooled. */
const VtrTensor *vtr_plan_get_embedding (const VtrPlan *self);

/*
 * Records and submits the forward pass, block by block; pixels must be written
 * before.  @temperature divides the attention logits.
 */
gboolean vtr_forward (VtrStream *stream,
                      VtrModel *model,
                      const VtrDeviceWeights *weights,
                      const VtrPlan *plan,
                      double temperature,
                      const VtrProgress *progress,
                      GError **error);

/* What q·k is multiplied by: 1 / (sqrt (head_size)·temperature). */
float vtr_attention_scale (const VtrArch *arch, double temperature);

/* 2·m·n·k of every product of one forward pass of @batch pictures, attention included. */
double vtr_forward_flops (const VtrArch *arch, guint n_patches, guint batch);

/* ---- slots.c ---- */

#define VTR_MAX_SLOTS 2

/* What a run has to itself while it goes on. */
typedef struct
{
  VtrStream *stream;
  VtrPlan *kept;   /* of the last run, with its memory; NULL for none, and during a run */
  guint64 n_bytes; /* of the plan in use or kept; under lock */
  gboolean busy;   /* under lock */
  gboolean alone;  /* whether the run that has it keeps all others waiting */
} VtrSlot;

/* As many slots as runs keep the device busy; more runs wait for their turn. */
typedef struct
{
  guint n_slots;
  VtrSlot slots[VTR_MAX_SLOTS];
  GMutex lock;
  GCond changed; /* a slot was given back */
  guint n_waiting_alone;
} VtrSlots;

/* Finish also after a failure. */
gboolean vtr_slots_init (VtrSlots *self, VtrDevice *device, GError **error);
void vtr_slots_finish (VtrSlots *self); /* waits for what the streams have to do */

/* Waits for a slot. */
VtrSlot *vtr_slots_take (VtrSlots *self);

/* Waits until there are no other runs, gives back all memory that was kept, and lets no other run
 * begin. */
VtrSlot *vtr_slots_take_alone (VtrSlots *self);
void vtr_slots_give (VtrSlots *self, VtrSlot *slot);

/* Bytes of all plans in use or kept. */
guint64 vtr_slots_get_bytes (VtrSlots *self);

/*
 * Gives a plan memory: that of the slot's last run where it fits exactly, else that is freed and
 * new memory allocated and filled.  VTR_ERROR_OUT_OF_MEMORY may mean that other runs leave too
 * little: taking the slot alone is worth a try then.
 */
gboolean
vtr_slot_begin (VtrSlots *self, VtrSlot *slot, VtrPlan *plan, VtrModel *model, GError **error);

/* Takes the plan once its work is done; @keep: for the next run. */
void vtr_slot_end (VtrSlots *self, VtrSlot *slot, VtrPlan *plan, gboolean keep);

/* Frees what is kept. */
void vtr_slot_drop (VtrSlots *self, VtrSlot *slot);

struct _VtrSession
{
  GObject parent_instance;
  VtrDevice *device;
  VtrModel *model;
  VtrPrecision precision;
  VtrDeviceWeights *weights;
  VtrSlots slots;
};
