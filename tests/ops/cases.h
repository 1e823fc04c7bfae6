/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * The cases of each op: a file of its name, a table row a case.
 */
#include "harness.h"
#include "reference.h"

void add_patchify_cases (void);
void add_embed_tokens_cases (void);
void add_gather_tokens_cases (void);
void add_layer_norm_cases (void);
void add_matmul_cases (void);
void add_swiglu_cases (void);
void add_rope_cases (void);
void add_attention_cases (void);
void add_pool_cases (void);
void add_attention_rows_cases (void);
void add_attention_apply_cases (void);
void add_attention_statistics_cases (void);
void add_rollout_cases (void);
void add_rollout_select_cases (void);
void add_rollout_gradient_cases (void);
void add_copy_cases (void);
void add_layer_norm_backward_cases (void);
void add_matmul_backward_cases (void);
void add_activation_backward_cases (void);
void add_swiglu_backward_cases (void);
void add_attention_backward_cases (void);
void add_pool_backward_cases (void);

/* What the ops that explain are given: an attention computed before. */
typedef struct
{
  ReferenceAttention reference;
  HarnessTensor *qkv; /* [b][n][3][h][hd] */
  HarnessTensor *lse; /* [b][h][n] */
  double *probs;      /* [b][h][n][n]; owned */
} KnownAttention;

/* Plans q, k and v of random values in −@range .. @range, and computes the rest. */
void known_attention_init (KnownAttention *self,
                           Harness *harness,
                           guint b,
                           guint n,
                           guint h,
                           guint hd,
                           float range);
void known_attention_clear (KnownAttention *self);
