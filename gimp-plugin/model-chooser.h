/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* A combo box of the installed models, of the default one and of whatever file or folder one
 * chooses. */
#include <gtk/gtk.h>

/* @text: the model's name or path, or "" for the default one */
typedef void (*VgpModelChosenFunc) (const char *text, gpointer user_data);

/* @chosen is called for what the user chooses and for what vgp_model_chooser_set_text () sets. */
GtkWidget *vgp_model_chooser_new (VgpModelChosenFunc chosen, gpointer user_data);

void vgp_model_chooser_set_text (GtkWidget *self, const char *text);

/* Asks for a path in a dialog over @widget's window; @patterns ("*.onnx"), NULL-terminated, or NULL
 * for all files.  Transfer full; NULL where the user would not. */
char *vgp_model_chooser_ask_path (GtkWidget *widget,
                                  GtkFileChooserAction action,
                                  const char *const *patterns);
