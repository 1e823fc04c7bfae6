/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * run: the ViT as a sequence of ops.
 *
 *   devices.c   which devices there are; the one place that names them
 *   weights.c   a model's weights on a device
 *   plan.c      buffers of one run: what stays, what is shared, how many bytes
 *   forward.c   pixels → tokens → blocks → embedding and logits
 *   backward.c  gradient of a target → head → blocks
 *   backward-plan.c  its buffers
 *   blocks.h    what these two share
 *   variants.c  one picture many times: with patches left out, with other pixels (variants.h)
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
  VtrLinear qkv;   /* d → 3·h·hd */
  VtrLinear proj;  /* h·hd → d */
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
  VtrLinear head;       /* d, 2d or projection_size → n_classes */
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

/* Where the heads of a layer are in the shapes of what it computes. */
#define VTR_AXIS_QKV_HEADS 3 /* [b][n][3][h][hd] */
#define VTR_AXIS_LSE_HEADS 1 /* [b][h][n] */
#define VTR_AXIS_CONTEXT 2   /* [b][n][h·hd] */

/* The same memory as smaller: a layer with fewer heads uses the beginning of what another has. */
static inline VtrTensor
vtr_tensor_with_size (const VtrTensor *tensor, guint axis, guint32 size)
{
  VtrTensor view = *tensor;

  view.shape[axis] = size;
  return view;
}

/*
 * VtrBackwardPlan: the buffers of a run that only the way back needs, f32.  The tokens that each
 * block was given and what its heads gave are kept; all else of a block is computed again from them
 * when the gradient gets there.  So a layer on the way takes 2 of [b][n][d], a kept one as much
 * again for d_context, and all layers together 6 such buffers and a chunk of hidden tokens.
 */
typedef struct
{
  guint first_layer;   /* the lowest block the gradient can reach */
  VtrTensor *inputs;   /* [n_layers] of [b][n][d], n_dims 0 below first_layer */
  VtrTensor *contexts; /* likewise [b][n][h·hd]: what the heads gave */
  VtrTensor
      *d_context;   /* [n_layers] of [b][n][h·hd]: gradient of what the heads gave; a buffer of its
                     * own where the layer is kept, else one for all; n_dims 0 below first_layer */
  VtrTensor middle; /* [b][n][d]: the residual stream between attention and MLP */
  VtrTensor d_tokens; /* [b][n][d]: gradient of the residual stream */
  VtrTensor d_normed; /* [b][n][d]: of what a norm gave; before that, of what a layer scale got */
  VtrTensor d_qkv;    /* [b][n][3][h][hd], h the most of any layer */
  VtrTensor d_hidden; /* [chunk][f]: of what fc2 was given */
  VtrTensor rows;     /* scratch of vtr_op_attention_backward () */
  VtrTensor rope;     /* [2][p][hd], the opposite rotation; n_dims 0 without RoPE */
  VtrTensor d_logits; /* [b][n_classes]; n_dims 0 without a head */
  VtrTensor d_projected; /* [b][projection_size], or [b][d] of pre_logits; n_dims 0 without */
  VtrTensor d_pooled;    /* [b][d or 2d] */
  VtrTensor d_pooled_distillation; /* [b][d]; DeiT only */
  VtrTensor vector; /* [b][d]: pre_logits before its activation; what was pooled before its norm */
} VtrBackwardPlan;

/*
 * VtrSubsetPlan: the buffers of a run of subsets of one picture's patches.  The picture is embedded
 * once; then tokens of it are taken, and the blocks compute with those alone.
 */
typedef struct
{
  guint max_subsets; /* computed at once */
  guint max_tokens;  /* of them all */
  VtrTensor whole;   /* [1][n][d]: all tokens of the picture, embedded */
  VtrTensor rope;    /* [2][p][hd] of all patches; n_dims 0 without RoPE */
  VtrTensor taken;   /* [b][n] u32: which of whole */
  VtrTensor turned;  /* [b][2m] u32: which rows of rope, for m patches; n_dims 0 without RoPE */
  VtrTensor place;   /* [b][1] u32: the place of a token that is asked for */
  VtrTensor token;   /* [b][1][d]: that token after the last block */
} VtrSubsetPlan;

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
  VtrTensor rope;      /* [2][p][hd]; of subsets [b][2][m][hd]; n_dims 0 without RoPE */
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
  VtrBackwardPlan *backward;     /* NULL where no gradient is asked for */
  VtrSubsetPlan *subsets;        /* NULL where pictures are computed whole */
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

/*
 * Plans the buffers for subsets of the patches of one picture: at most @max_subsets at once, with
 * at most @max_tokens tokens all together.  Their shapes are those of vtr_plan_set_subsets ().
 */
VtrPlan *vtr_plan_new_subsets (VtrDevice *device,
                               VtrModel *model,
                               VtrPrecision precision,
                               guint n_rows,
                               guint n_columns,
                               guint max_subsets,
                               guint max_tokens,
                               GError **error);

/* Of the layers from @first_layer on that are not kept, the one with the most heads: it owns what
 * they share.  VTR_NO_LAYER where all are kept. */
#define VTR_NO_LAYER G_MAXUINT
guint vtr_plan_find_sharer (const VtrPlan *self, const VtrArch *arch, guint first_layer);

/* Gives all buffers the shapes for @n_subsets of @n_kept patches each, within what was planned. */
void vtr_plan_set_subsets (VtrPlan *self, const VtrArch *arch, guint n_subsets, guint n_kept);

/*
 * Plans what gradients need down to block @first_layer, before vtr_arena_commit () and the forward
 * pass, which then keeps the tokens.  Layers that are kept keep their d_context too.  Refuses
 * activations in f16.
 */
gboolean vtr_plan_add_backward (VtrPlan *self, VtrModel *model, guint first_layer, GError **error);
void vtr_backward_plan_free (VtrBackwardPlan *self); /* NULL is fine */

/*
 * Plans a run of one picture that any explanation can go on from: Q, K, V and log-sum-exp of every
 * layer are kept, and where gradients can be had (see above) the way back from every layer is
 * planned.  What goes on from it changes none of what vtr_forward () has left for it but the head's
 * vectors, which vtr_forward_head () makes anew.
 */
VtrPlan *vtr_plan_new_pass (VtrDevice *device,
                            VtrModel *model,
                            VtrPrecision precision,
                            guint n_rows,
                            guint n_columns,
                            GError **error);

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

/* How far a block is when it is looked at. */
typedef enum
{
  VTR_FORWARD_ATTENDED, /* its heads have given their context */
  VTR_FORWARD_DONE,     /* all of it */
} VtrForwardStage;

/* What lies where.  All but the tokens is overwritten by what comes next. */
typedef struct
{
  guint layer;
  VtrForwardStage stage;
  const VtrTensor *tokens;  /* [b][n][d]: attended: what the block was given; done: what it gave */
  const VtrTensor *qkv;     /* [b][n][3][h][hd]; activation */
  const VtrTensor *lse;     /* [b][h][n] */
  const VtrTensor *context; /* [b][n][h·hd]; activation; NULL when all is done */
  float scale;              /* of q·k */
} VtrForwardBlock;

/* Called twice for each block, first to last, in order with the kernels: may record more of them,
 * read, and wait. */
typedef gboolean (*VtrForwardFunc) (const VtrForwardBlock *block,
                                    gpointer user_data,
                                    GError **error);

/* Its two halves: pixels → tokens (of subsets: all of them, in subsets->whole); tokens → embedding
 * and logits. */
gboolean vtr_forward_embed (VtrStream *stream,
                            VtrModel *model,
                            const VtrDeviceWeights *weights,
                            const VtrPlan *plan,
                            GError **error);
gboolean vtr_forward_blocks (VtrStream *stream,
                             VtrModel *model,
                             const VtrDeviceWeights *weights,
                             const VtrPlan *plan,
                             double temperature,
                             const VtrProgress *progress,
                             GError **error);

/* The second half, looked at by @func. */
gboolean vtr_forward_blocks_watched (VtrStream *stream,
                                     VtrModel *model,
                                     const VtrDeviceWeights *weights,
                                     const VtrPlan *plan,
                                     double temperature,
                                     VtrForwardFunc func,
                                     gpointer user_data,
                                     const VtrProgress *progress,
                                     GError **error);

/* Which tokens the head reads, and how. */
typedef struct
{
  guint layer;          /* of the block that gave them; n_layers − 1 for the model as it is */
  gboolean mean_of_all; /* FALSE: pooled as the model was trained; TRUE: the mean of all tokens goes
                         * through the final norm into the head (LeGrad), but where CLS and mean are
                         * read side by side nothing changes */
} VtrHeadSource;

/*
 * After vtr_forward (): embedding and logits as if the model ended with block @source->layer, which
 * must be above the first layer of plan->backward, or the last.
 */
gboolean vtr_forward_head (VtrStream *stream,
                           VtrModel *model,
                           const VtrDeviceWeights *weights,
                           const VtrPlan *plan,
                           const VtrHeadSource *source,
                           GError **error);

/* What a gradient is known of, to begin with. */
typedef enum
{
  VTR_BACKWARD_FROM_LOGITS,    /* [b][n_classes]; DeiT: the mean of its two heads' */
  VTR_BACKWARD_FROM_EMBEDDING, /* as vtr_plan_get_embedding () */
  VTR_BACKWARD_FROM_TOKENS,    /* [b][n][d]: what block source.layer gave */
} VtrBackwardFrom;

/*
 * From where to where the gradient of a target goes, a number for each image.  If that is a class's
 * logit, @gradient is 1 for the class and 0 for the others; logit a − logit b: 1 and −1; any other
 * function of logits, embedding or tokens: its derivative where they are, which
 * vtr_forward_head () tells.
 */
typedef struct
{
  VtrBackwardFrom from;
  VtrHeadSource source;
  const float *gradient; /* of the target by what it begins with */
  guint first_layer;     /* the last block the gradient goes into, not below the plan's */
  gboolean to_input;     /* whether it goes all through that block, or stops at its d_context */
} VtrBackwardPath;

/* What lies where when the gradient has gone through a block.  What is not kept is overwritten by
 * the next one. */
typedef struct
{
  guint layer;
  const VtrBlockWeights *weights;
  const VtrTensor *input;     /* [b][n][d]: the tokens it was given */
  const VtrTensor *qkv;       /* [b][n][3][h][hd] */
  const VtrTensor *lse;       /* [b][h][n] */
  const VtrTensor *d_context; /* [b][n][h·hd]: gradient of A·v, so that d_A = d_context·vᵀ */
  const VtrTensor *d_normed; /* [b][n][d]: gradient of what norm1 gave; NULL if it stopped before */
  const VtrTensor *d_input;  /* [b][n][d]: gradient of input; NULL if it stopped before */
} VtrBackwardBlock;

/* Called from the last block to the first, in order with the kernels: may record more of them. */
typedef gboolean (*VtrBackwardFunc) (const VtrBackwardBlock *block,
                                     gpointer user_data,
                                     GError **error);

/*
 * Records and submits the way back along @path, block by block, after vtr_forward () of the same
 * plan and temperature; may be done again for another target.  If pre_logits is on the way,
 * vtr_forward_head () must have been the last of path->source.  @func may be NULL.
 */
gboolean vtr_backward (VtrStream *stream,
                       VtrModel *model,
                       const VtrDeviceWeights *weights,
                       const VtrPlan *plan,
                       double temperature,
                       const VtrBackwardPath *path,
                       VtrBackwardFunc func,
                       gpointer user_data,
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
  gboolean alone;  /* whether the run that has it has all memory to itself: no other goes on, and no
                    * pass is kept */
} VtrSlot;

/* A forward pass that outlives its run, for others to go on from. */
typedef struct
{
  VtrPlan *plan;   /* with its memory; NULL for none */
  VtrInput *input; /* the picture, owned */
  double temperature;
} VtrPass;

/* As many slots as runs keep the device busy; more runs wait for their turn. */
typedef struct
{
  guint n_slots;
  VtrSlot slots[VTR_MAX_SLOTS];
  VtrPass pass; /* under lock; only who has a slot takes or gives it */
  GMutex lock;
  GCond changed; /* a slot was given back */
  guint n_waiting_alone;
} VtrSlots;

/* Finish also after a failure. */
gboolean vtr_slots_init (VtrSlots *self, VtrDevice *device, GError **error);
void vtr_slots_finish (VtrSlots *self); /* waits for what the streams have to do */

/* Waits for a slot. */
VtrSlot *vtr_slots_take (VtrSlots *self);

/* Waits until there are no other runs, gives back all memory that was kept, a pass among it, and
 * lets no other run begin. */
VtrSlot *vtr_slots_take_alone (VtrSlots *self);
void vtr_slots_give (VtrSlots *self, VtrSlot *slot);

/* Bytes of all plans in use or kept, that of a pass among them. */
guint64 vtr_slots_get_bytes (VtrSlots *self);

/*
 * Gives a plan memory: that of the slot's last run where it fits exactly, else that is freed and
 * new memory allocated and filled.  VTR_ERROR_OUT_OF_MEMORY may mean that other runs leave too
 * little: taking the slot alone is worth a try then.
 */
gboolean
vtr_slot_begin (VtrSlots *self, VtrSlot *slot, VtrPlan *plan, VtrModel *model, GError **error);

/* Gives memory to what a run plans beside its plan; fails as vtr_slot_begin () does. */
gboolean vtr_slot_commit (const VtrSlot *slot, VtrArena *arena, GError **error);

/* Takes the plan once its work is done; @keep: for the next run. */
void vtr_slot_end (VtrSlots *self, VtrSlot *slot, VtrPlan *plan, gboolean keep);

/*
 * The plan with the forward pass of @input at @temperature, if one was kept: what vtr_slot_begin ()
 * and vtr_forward () would have made of it.  NULL if not; a pass of anything else is given up then,
 * its memory left to vtr_slot_begin ().
 */
VtrPlan *vtr_slot_take_pass (VtrSlots *self, VtrSlot *slot, VtrInput *input, double temperature);

/* Instead of vtr_slot_end (): keeps the forward pass that is in @plan, in the place of any other.
 */
void vtr_slot_keep_pass (VtrSlots *self,
                         VtrSlot *slot,
                         VtrPlan *plan,
                         VtrInput *input,
                         double temperature);

/*
 * Calls @func with a slot: beside other runs and a kept pass, and once more alone if it fails there
 * with VTR_ERROR_OUT_OF_MEMORY.
 */
typedef gboolean (*VtrSlotFunc) (VtrSlot *slot, gpointer user_data, GError **error);
gboolean vtr_slots_run (VtrSlots *self, VtrSlotFunc func, gpointer user_data, GError **error);

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
  guint n_passes; /* forward passes for explanations; atomic */
};
