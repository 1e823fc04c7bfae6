/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* A field of the settings as a row of a dialog: its label and what to change it with, which is of
 * one kind for each VgpFieldKind.  What is changed here is set at once, and what is set elsewhere
 * is shown. */
#include "settings.h"

#include <gtk/gtk.h>

/* @labels: makes the labels of all rows as wide as the widest.  The control has the field's name as
 * its widget name. */
GtkWidget *
vgp_field_widget_new (const VgpField *field, VgpSettings *settings, GtkSizeGroup *labels);

/* What the value is in: a combo box, an entry, a spin button or a check button; for
 * VGP_FIELD_CLASS what vgp_class_entry_new () made. */
GtkWidget *vgp_field_widget_get_control (GtkWidget *self);

/* What an empty text stands for; shown in its place. */
void vgp_field_widget_set_hint (GtkWidget *self, const char *hint);
