/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* The dialog's contents in a window without GIMP, with a picture of two shapes and the model that
 * knows them, and what a user would do with them. */
#include "dialog.h"

typedef struct
{
  VgpSettings *settings;
  VgpEngine *engine;
  GtkWidget *window; /* NULL once it was closed */
  guint n_reads;     /* how often the picture was asked for */
  gboolean read_fails;
} Dialog;

/* @pairs as vgp_settings_read_pairs () takes them; does not wait for the preview. */
Dialog *dialog_open (VgpProcedures procedure, const char *pairs);
void dialog_close (Dialog *self);
void dialog_free (Dialog *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Dialog, dialog_free)

/* A path in tests/; transfer full. */
char *dialog_get_test_path (const char *name);

/* The widget of that name; fails where there is none. */
GtkWidget *dialog_find (Dialog *self, const char *name);

/* Whether it can be seen, that is, it and all it is in. */
gboolean dialog_shows (Dialog *self, const char *name);

/* The main loop until @met says so, 20 s at most. */
void dialog_wait (gboolean (*met) (gpointer data), gpointer data);

/* The main loop for a time. */
void dialog_idle (guint milliseconds);

/* Until the preview has answered all that was changed. */
void dialog_settle (Dialog *self);

/* A number for the pixels of the preview. */
guint dialog_hash_pixels (Dialog *self);

/* The sentence under the picture. */
const char *dialog_get_message (Dialog *self);

/* Of an entry, or of a combo box that has one. */
const char *dialog_get_entry_text (GtkWidget *control);
void dialog_set_entry_text (GtkWidget *control, const char *text);

void dialog_set (Dialog *self, const char *name, const char *text);

/* ---- what the preview asks of the engine, counted and, if asked for, kept waiting ---- */

guint dialog_get_n_explained (void);

/* Until it is cancelled, 10 s at most. */
void dialog_hold_engine (gboolean holds);

/* Whether it is being held at the moment. */
gboolean dialog_is_held (void);
