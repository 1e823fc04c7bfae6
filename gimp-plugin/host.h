/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * What the plug-in asks of GIMP.  host-gimp3.c and host-gimp2.c answer, the only files that know
 * libgimp; a VgpHost is theirs and stands for one call of a procedure: an image and a drawable of
 * it.  All of it belongs to the thread that GIMP called.
 */
#include "layers.h"
#include "picture.h"
#include "settings.h"

typedef struct _VgpHost VgpHost;

#define VGP_PARASITE_GROUP "vitreous-settings" /* on a group: JSON, settings and source */
#define VGP_PARASITE_LAYER "vitreous-map"      /* on a layer of it */

/* ---- reading ---- */

/* The drawable's place on the canvas, all of it or what the selection's bounds leave of it.  Fails
 * where nothing is left, or nothing is selected. */
gboolean vgp_host_get_rect (VgpHost *self, gboolean selection_only, VgpRect *rect, GError **error);

/* The drawable's pixels in @rect, brought to sRGB by its profile, and the selection there. */
VgpPicture *vgp_host_read_picture (VgpHost *self, const VgpRect *rect, GError **error);

/* The parasite VGP_PARASITE_GROUP of the layer that is chosen or of a group it is in, or NULL. */
char *vgp_host_read_parasite (VgpHost *self);

/* A number that finds the drawable again as long as the image lives, also in its file. */
guint vgp_host_get_source (VgpHost *self);

/* From now on the drawable is the one of that number; FALSE if it is gone. */
gboolean vgp_host_set_source (VgpHost *self, guint source);

/* Says that the selection leaves nothing of the drawable; in run.c, for the hosts. */
void vgp_host_set_no_selection_error (GError **error);

/* ---- adding: each one undo step ---- */

/* The group above the drawable and other heatmaps on it, with @parasite.  An image of another type
 * becomes RGB in the same step where colours need it.  Where it fails the image is as it was. */
gboolean
vgp_host_add_layers (VgpHost *self, const VgpLayers *layers, const char *parasite, GError **error);

/* @values [height][width] of @rect, 0..1.  @result: "selection", "channel" or "layer-mask";
 * @operation: "replace", "add", "subtract" or "intersect". */
gboolean vgp_host_apply_mask (VgpHost *self,
                              const VgpRect *rect,
                              const float *values,
                              const char *name,
                              const char *result,
                              const char *operation,
                              GError **error);

/* ---- asking and telling ---- */

typedef struct _GtkWidget GtkWidget;

/*
 * Shows a dialog with Reset, Cancel and OK around the widget that @make_content makes, once there
 * is a GTK to make it with.  Reset, and whatever else GIMP's own dialog offers to change all
 * values, sets @settings.
 *
 * Returns: whether it was left by OK
 */
gboolean vgp_host_run_dialog (VgpHost *self,
                              const char *title,
                              VgpSettings *settings,
                              GtkWidget *(*make_content) (gpointer user_data),
                              gpointer user_data);

/* @done: 0..1 */
void vgp_host_show_progress (VgpHost *self, double done, const char *what);
