/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* The picture with the map on it, computed anew as the settings change, which of several maps that
 * is, and what went wrong. */
#include "dialog.h"

typedef struct _VgpPreview VgpPreview;

/* Called when a model was opened (@explanation is NULL where it could not explain) and when there
 * is an explanation. */
typedef void (*VgpExplainedFunc) (VtrModel *model, VtrExplanation *explanation, gpointer user_data);

/* Owned by its widget, and freed with it. */
VgpPreview *vgp_preview_new (VgpSettings *settings,
                             VgpEngine *engine,
                             VgpReadPictureFunc read,
                             gpointer read_data);

GtkWidget *vgp_preview_get_widget (VgpPreview *self);

/* Of that widget: whether what it shows is not yet what the settings say. */
gboolean vgp_preview_is_busy (GtkWidget *widget);

void
vgp_preview_set_explained_func (VgpPreview *self, VgpExplainedFunc explained, gpointer user_data);
