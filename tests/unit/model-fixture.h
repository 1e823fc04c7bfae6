/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* Tiny checkpoints made on the spot, to be broken in one way each. */
#include "model/private.h"

#define FIXTURE_WIDTH 8
#define FIXTURE_N_LAYERS 2

typedef struct
{
  char *directory; /* a temporary one, removed with all that is in it */
  GPtrArray *names;
  GPtrArray *shapes;  /* as "[4, 3]" */
  GHashTable *values; /* name → GBytes of f32 */
} Fixture;

/* A DINOv2 with two layers, 8 wide, 2 heads, 3 × 3 patches of 2 pixels, in the hub's names or in
 * the new ones. */
Fixture *fixture_new_dinov2 (gboolean new_names);
void fixture_free (Fixture *self);

/* Values are a pattern that is another one for each name. */
void fixture_add (Fixture *self, const char *name, const char *shape);
void fixture_remove (Fixture *self, const char *name);
void fixture_set_value (Fixture *self, const char *name, guint index, float value);
float fixture_get_value (Fixture *self, const char *name, guint index);

/* Writes model.safetensors, or another name; from tensor @first on, as many as @n. */
void fixture_write_weights (Fixture *self, const char *file, guint first, guint n);
void fixture_write (Fixture *self, const char *file, const char *text);

/* The configuration of fixture_new_dinov2 () with @more before its end: ", \"a\": 1" or "". */
void fixture_write_config (Fixture *self, const char *more);

/* Weights and configuration, opened. */
VtrModel *fixture_open (Fixture *self, GError **error);

/* Opening fails with @code, and the message has all of the words, up to NULL. */
void fixture_assert_refused (Fixture *self, VtrError code, ...) G_GNUC_NULL_TERMINATED;

/* Removes a directory and all in it. */
void fixture_remove_tree (const char *path);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Fixture, fixture_free)
