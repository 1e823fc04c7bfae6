/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * What stands in the dialog of either GIMP: a widget for every field of the settings, by group, and
 * beside them a preview of the map on the picture with the likeliest classes below.  Written for
 * GTK 2.24 and GTK 3 alike (gtk-compat.h), knows nothing of GIMP.
 */
#include "engine.h"

#include <gtk/gtk.h>

/* The picture to preview, of all the drawable or of the selection's bounds.  Called in the main
 * thread; transfer full. */
typedef VgpPicture *(*VgpReadPictureFunc) (gboolean selection_only,
                                           gpointer user_data,
                                           GError **error);

/*
 * vgp_dialog_new_content:
 * @settings: shown, and changed as the user changes them; changes from elsewhere are shown
 * @engine: used by a thread of the preview until the widget is destroyed
 * @read: gives the picture
 * @read_data: its data
 *
 * Destroying the widget cancels what is being computed and waits until the engine is free again.
 */
GtkWidget *vgp_dialog_new_content (VgpSettings *settings,
                                   VgpEngine *engine,
                                   VgpReadPictureFunc read,
                                   gpointer read_data);
