/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* The likeliest classes with their probabilities, each a button that makes it the target. */
#include "engine.h"

#include <gtk/gtk.h>

#define VGP_N_PREDICTIONS 5

/* @chosen is called with the number of the prediction that the user presses. */
GtkWidget *vgp_predictions_new (void (*chosen) (guint number, gpointer user_data),
                                gpointer user_data);

/* At most VGP_N_PREDICTIONS. */
void vgp_predictions_set (GtkWidget *self, const VgpPrediction *predictions, guint n_predictions);

/* Says @note, in place of any. */
void vgp_predictions_set_note (GtkWidget *self, const char *note);
