/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* One input of a golden case, run and compared. */
#include "run.h"

typedef struct
{
  const GoldenCase *golden;
  VtrSession *session;
  JsonObject *entry;
  VtrInput *input;
  GoldenArray attention; /* [n_layers][n_heads][n_tokens][n_tokens] */
  guint n_prefix;
  const char *temperature;
} Trial;

/* Bytes and floats of the prepared picture; FALSE with a failed test where they differ. */
gboolean trial_check_pixels (const GoldenCase *golden, JsonObject *entry, VtrInput *input);

/* Attention matrices, the attention of the default query, logits and embedding. */
void trial_check_raw (const Trial *trial);

/* The attention of all patches, of one asked for by a pixel, and of several. */
void trial_check_mean_query (const Trial *trial);
void trial_check_pixel_query (const Trial *trial);
void trial_check_several_pixels (const Trial *trial);

/* Every rollout the case has an answer for. */
void trial_check_rollouts (const Trial *trial);
