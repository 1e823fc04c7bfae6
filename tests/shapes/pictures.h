/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* Pictures of two shapes each, of which is known where they are, and the model that tells them
 * apart. */
#include <json-glib/json-glib.h>
#include <vitreous/vitreous.h>

typedef struct
{
  VtrSession *session;
  VtrModel *model;
  JsonParser *parser;
  GPtrArray *inputs; /* of the pictures, in the order of pictures.json */
} Pictures;

/* With model/ or another of its kind, on the device that VTR_TEST_DEVICE says. */
void pictures_init (Pictures *self, const char *model_path);
void pictures_clear (Pictures *self);

/* A path in this folder; transfer full. */
char *pictures_path_to (const char *name);

/* The first (0) or second (1) shape of a picture: its "label", "mask" and "hit". */
JsonObject *pictures_get_shape (const Pictures *self, guint picture, guint shape);
const char *pictures_get_label (const Pictures *self, guint picture, guint shape);

/* "A-B" for the shape and the other one of the picture. */
VtrTarget *pictures_make_contrast (const Pictures *self, guint picture, guint shape);

/* Whether @pixel, row by row, is inside: runs of pixels outside and inside take turns. */
gboolean pictures_is_inside (JsonArray *runs, gsize pixel);

/* The picture explained by its method, to be asked @target. */
VtrExplanation *pictures_explain (const Pictures *self,
                                  guint picture,
                                  VtrMethod *method,
                                  VtrTarget *target,
                                  VtrExplainFlags flags);
