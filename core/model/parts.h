/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * VtrParts: which tensor of a store is which part of the ViT.
 */
#include "model/families.h"
#include "model/store.h"

typedef struct
{
  const VtrStored *weight; /* NULL: the file does not have it */
  const VtrStored *bias;
  guint name; /* which of the part's names it goes by */
} VtrFound;

typedef struct
{
  VtrStore *store; /* not owned */
  const VtrNaming *naming;
  char *prefix; /* before every name: "dinov2.", "module.backbone." */
  guint n_layers;
  VtrFound whole[VTR_FIRST_LAYER_PART];
  VtrFound *layers; /* [n_layers][VTR_N_LAYER_PARTS] */
} VtrParts;

/* Looks for a part by all its names. */
VtrFound vtr_parts_look_up (VtrStore *store,
                            const VtrNaming *naming,
                            const char *prefix,
                            VtrPart part,
                            guint layer);

/* What precedes the names of @naming in @store; NULL without error where it is another naming, with
 * error where more than one model is in it. */
char *vtr_parts_find_prefix (VtrStore *store, const VtrNaming *naming, GError **error);

/* Layers 0, 1, … that have a first norm. */
guint vtr_parts_count_layers (VtrStore *store, const VtrNaming *naming, const char *prefix);

VtrParts *
vtr_parts_new (VtrStore *store, const VtrNaming *naming, const char *prefix, guint n_layers);
void vtr_parts_free (VtrParts *self);
const VtrFound *vtr_parts_get (const VtrParts *self, VtrPart part, guint layer);

/* The names that a part was looked for by, for messages. */
char *vtr_parts_format_names (const VtrParts *self, VtrPart part, guint layer, gboolean bias);

/* The first of these names, without a prefix: as the family's files on the hub have it. */
char *vtr_parts_format_name (const VtrParts *self, VtrPart part, guint layer, gboolean bias);

/* Rows and columns that the weight of a part has as a matrix [out][in]; a tensor that is no matrix
 * is one column. */
void vtr_parts_get_shape (const VtrParts *self,
                          VtrPart part,
                          const VtrStored *stored,
                          guint64 *n_out,
                          guint64 *n_in);

/* The layer that a tensor is of by its name, and the place of that number in it; FALSE where it is
 * of none. */
gboolean vtr_parts_find_layer (const VtrParts *self,
                               const char *name,
                               gsize *start,
                               gsize *end,
                               guint *layer);

/* Fails where the model has a tensor that is no part of it and not known to be of no use. */
gboolean vtr_parts_check_leftovers (const VtrParts *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrParts, vtr_parts_free)
