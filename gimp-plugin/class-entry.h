/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * A combo box with an entry to name a class of a model in: as one types, it offers the labels that
 * have what is typed in them; its list has the model's likeliest classes for the picture.
 */
#include "engine.h"

#include <gtk/gtk.h>

/* @choices: what can be written besides classes, at the top of the list; NULL-terminated or NULL */
GtkWidget *vgp_class_entry_new (const char *const *choices);

/* What the text is in. */
GtkEntry *vgp_class_entry_get_entry (GtkWidget *self);

/* Offers the labels of @model from now on. */
void vgp_class_entry_set_model (GtkWidget *self, VtrModel *model);

/* What its list has below the choices. */
void vgp_class_entry_set_predictions (GtkWidget *self,
                                      const VgpPrediction *predictions,
                                      guint n_predictions);

/* What to write so that the model takes it for class @index: its label, or the index where it has
 * none or shares it.  Transfer full. */
char *vgp_class_entry_get_text_for (GtkWidget *self, guint index);

/* Probability as it is shown: "42.0 %"; transfer full. */
char *vgp_class_entry_format_probability (double probability);
