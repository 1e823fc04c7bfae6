/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* For tests of sessions: a tiny model, pictures of several grids, methods, and what each gives. */
#include "gpu-fixture.h"
#include "model-fixture.h"
#include "run/run.h"

#define N_GRIDS 4
#define N_METHODS 4

typedef struct
{
  Fixture *fixture;
  VtrDevice *device;
  VtrModel *model;
  VtrInput *inputs[N_GRIDS]; /* of 3 × 3, 4 × 4, 5 × 5 and 2 × 8 patches */
  VtrMethod *methods[N_METHODS];
  VtrExplanation *expected[N_METHODS][N_GRIDS]; /* each by a session of its own */
} SessionWorld;

/* FALSE, and the test skipped, without a Vulkan device; one run at a time until the device is told
 * otherwise. */
gboolean session_world_init (SessionWorld *self);

/* All memory of the device must have been given back. */
void session_world_clear (SessionWorld *self);

VtrSession *session_world_open (const SessionWorld *self);

/* The second of two pictures of that grid, explained together. */
VtrExplanation *session_world_explain (const SessionWorld *self,
                                       VtrSession *session,
                                       guint method,
                                       guint grid,
                                       VtrProgressFunc progress,
                                       gpointer data,
                                       GError **error);

/* It must be what was expected, bit for bit. */
void session_world_compare (const SessionWorld *self,
                            guint method,
                            guint grid,
                            const VtrExplanation *answer);

/* Explains and compares. */
void session_world_check (const SessionWorld *self, VtrSession *session, guint method, guint grid);

/* What the device says it has left: @n_bytes from now on, or the truth again. */
void session_world_set_bytes_left (SessionWorld *self, guint64 n_bytes);
void session_world_reset_bytes_left (SessionWorld *self);
