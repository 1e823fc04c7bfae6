/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * VgpEngine: from a picture and settings to an explanation.  What has not changed since the last
 * call is kept: device, model, session, the prepared picture, and the forward pass on the device.
 * Not for two threads at a time.
 */
#include "picture.h"
#include "settings.h"

typedef struct _VgpEngine VgpEngine;

VgpEngine *vgp_engine_new (void);
void vgp_engine_free (VgpEngine *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VgpEngine, vgp_engine_free)

/* Opens the model that the settings name, unless it is open; owned by @self. */
VtrModel *vgp_engine_open_model (VgpEngine *self, VgpSettings *settings, GError **error);

/*
 * vgp_engine_explain:
 * @self: an engine
 * @picture: what to explain; the same pointer stands for the same pixels
 * @settings: how
 *
 * With “score” among the settings the map is measured, too.
 *
 * Returns: (transfer full): the explanation, or NULL
 */
VtrExplanation *vgp_engine_explain (VgpEngine *self,
                                    VgpPicture *picture,
                                    VgpSettings *settings,
                                    VtrProgressFunc progress,
                                    gpointer progress_data,
                                    GCancellable *cancellable,
                                    GError **error);

/* A class and what the model makes of it. */
typedef struct
{
  guint index;
  const char *label; /* NULL where the model has none; owned by it */
  double probability;
} VgpPrediction;

/* The likeliest classes, likeliest first, at most @n_max; how many there are. */
guint
vgp_engine_predict (const VtrExplanation *explanation, VgpPrediction *predictions, guint n_max);
