/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * Verifying a device: every op in many cases, on it and on another one.
 *
 *   verify.c            the table of ops; runs the cases, compares, judges
 *   trial.c             a case on one device: tensors between sentinels
 *   verify-embed.c      the cases of patchify, embed-tokens, gather-tokens, pool
 *   verify-layers.c     of layer-norm, matmul, swiglu, rope
 *   verify-attention.c  of attention, attention-rows, attention-apply, attention-statistics
 *   verify-rollout.c    of the rollout
 *   verify-backward.c   of all that goes backward
 *
 * A case is a row in the table of its op; an op is such a table, a function that computes one
 * row of it, and a row in verify.c.
 */
#include "ops/ops.h"

/* ---- a case on one device ---- */

/* Of an output, unless the case says otherwise; of one that is stored as f16. */
#define VTR_TRIAL_MAX_NMSE 1e-7
#define VTR_TRIAL_MAX_NMSE_F16 1e-4

/*
 * A tensor of a case.  Behind its last value lie sentinels, and in front of an output; no kernel
 * may touch them.  They are NaNs, so that a result made of them is seen too, and an output begins
 * as them.
 */
typedef struct
{
  VtrTensor tensor;
  gpointer values; /* owned; what the device gets, then what it answers; of the tensor's type */
  gpointer before; /* owned; what the device got */
  float *floats;   /* owned; an input of random values, as floats */
  gboolean is_output;
  double max_nmse; /* of an output; 0: must agree exactly */
} VtrTrialTensor;

typedef struct
{
  VtrArena *arena;
  VtrStream *stream; /* from vtr_trial_begin () on */
  GRand *rand;
  GPtrArray *tensors;     /* of VtrTrialTensor, owned */
  VtrPrecision precision; /* that activations and weights are rounded to */
  VtrDType activation;    /* that the device stores them as; f32 where it takes no f16 */
  GError *error;          /* why a tensor could not be planned */
} VtrTrial;

/* Trials of the same @seed and @precision get the same random numbers, whatever the device. */
VtrTrial *vtr_trial_new (VtrDevice *device, guint32 seed, VtrPrecision precision);
void vtr_trial_free (VtrTrial *self);

/* First plan: an input of random values in @low .. @high, */
VtrTrialTensor *
vtr_trial_input (VtrTrial *self, const char *name, float low, float high, guint n_dims, ...);

/* likewise of an activation or a matrix of weights, which may be f16, */
VtrTrialTensor *
vtr_trial_activation (VtrTrial *self, const char *name, float low, float high, guint n_dims, ...);

/* zeros to be filled in by the case (exact where they become an output), */
VtrTrialTensor *
vtr_trial_zeros (VtrTrial *self, const char *name, VtrDType dtype, guint n_dims, ...);

/* and what is to be compared.  Setting ->is_output makes an input one that kernels change. */
VtrTrialTensor *vtr_trial_output (VtrTrial *self, const char *name, guint n_dims, ...);
VtrTrialTensor *vtr_trial_output_activation (VtrTrial *self, const char *name, guint n_dims, ...);

/* Sentinels next to scratch that an op plans itself: call before and after. */
void vtr_trial_guard (VtrTrial *self);

/* Then upload; after that the case records its op. */
gboolean vtr_trial_begin (VtrTrial *self, GError **error);

/* Then run and fetch all values. */
gboolean vtr_trial_finish (VtrTrial *self, GError **error);

/* What was written to that is no output, a sentence without its end ("value 3 behind the end of
 * y"); NULL where nothing was. */
char *vtr_trial_find_stray (const VtrTrial *self);

/* How far an output is from what was expected. */
typedef struct
{
  double nmse;
  double max_error;
  gsize worst; /* index of the value that has it, or is no number */
} VtrTrialError;

VtrTrialError vtr_trial_compare (const VtrTrialTensor *actual, const VtrTrialTensor *expected);

/* ---- an attention computed before: what the ops that explain are given ---- */

typedef struct
{
  guint b, n, h, hd;
  float scale;
  VtrTrialTensor *qkv; /* [b][n][3][h][hd] */
  VtrTrialTensor *lse; /* [b][h][n] */
} VtrTrialAttention;

/* Plans random q, k and v in −@range .. @range, and computes the log-sum-exp here. */
VtrTrialAttention
vtr_trial_attention (VtrTrial *self, guint b, guint n, guint h, guint hd, float range);

/* A_h[q][k] in double precision. */
double vtr_trial_attention_prob (const VtrTrialAttention *self,
                                 guint image,
                                 guint head,
                                 guint query,
                                 guint key);

/* ---- ops and their cases ---- */

typedef struct
{
  const char *op;
  const char *op_f16; /* its name where activations are f16; NULL: it has none */
  /* Plans, begins, and records the op. */
  gboolean (*run) (VtrTrial *trial, gconstpointer test, GError **error);
  gconstpointer cases; /* rows, whose first member is the name */
  gsize case_size;     /* bytes */
  guint n_cases;
} VtrVerifyOp;

#define VTR_VERIFY_OP(op, run, cases)                                                              \
  {                                                                                                \
    op, NULL, run, cases, sizeof *(cases), G_N_ELEMENTS (cases)                                    \
  }

/* The same cases again with activations in f16, for the devices that take them. */
#define VTR_VERIFY_OP_F16(op, run, cases)                                                          \
  {                                                                                                \
    op, op " f16", run, cases, sizeof *(cases), G_N_ELEMENTS (cases)                               \
  }

extern const VtrVerifyOp vtr_verify_patchify, vtr_verify_embed_tokens, vtr_verify_gather_tokens,
    vtr_verify_pool;
extern const VtrVerifyOp vtr_verify_layer_norm, vtr_verify_matmul, vtr_verify_swiglu,
    vtr_verify_rope;
extern const VtrVerifyOp vtr_verify_attention, vtr_verify_attention_rows,
    vtr_verify_attention_apply, vtr_verify_attention_statistics;
extern const VtrVerifyOp vtr_verify_rollout_histogram, vtr_verify_rollout_select,
    vtr_verify_rollout_cutoff, vtr_verify_rollout_step;
extern const VtrVerifyOp vtr_verify_grad_rollout_step, vtr_verify_relevance_step,
    vtr_verify_attention_sensitivity;
extern const VtrVerifyOp vtr_verify_layer_norm_backward, vtr_verify_matmul_backward,
    vtr_verify_activation_backward, vtr_verify_swiglu_backward, vtr_verify_attention_backward,
    vtr_verify_pool_backward;

/* Computes all of them on @device and on @reference, and compares. */
VtrVerification *
vtr_verify (VtrDevice *device, VtrDevice *reference, const VtrProgress *progress, GError **error);
