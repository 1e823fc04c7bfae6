/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * From a store of tensors and the configuration beside it to an architecture that is certain: every
 * tensor it needs is there and has the shape it should have.
 */
#include "model/config.h"
#include "model/parts.h"

typedef struct
{
  const VtrFamily *family;
  VtrParts *parts;
  VtrArch arch;
  guint *layer_heads; /* arch.layer_heads, owned; NULL: all layers are whole */
  GPtrArray *labels;  /* of strings; NULL: none */
  GPtrArray *reasons; /* of strings: what was recognised by what, what had to be assumed */
  char *licence;      /* NULL: not stated */
  char *architecture; /* what the configuration calls the model; NULL: nothing */
} VtrDetection;

/* @config and @preprocessor may be NULL; the store must outlive @self. */
gboolean vtr_detection_init (VtrDetection *self,
                             VtrStore *store,
                             VtrConfig *config,
                             VtrConfig *preprocessor,
                             GError **error);
void vtr_detection_clear (VtrDetection *self);

/* infer.c: brings @self's architecture together with the shapes of the tensors. */
gboolean vtr_detection_infer (VtrDetection *self, const VtrStatement *statement, GError **error);

/* check.c: every tensor that the architecture needs. */
gboolean vtr_detection_check (VtrDetection *self, guint32 no_bias, GError **error);

void vtr_detection_add_reason (VtrDetection *self, const char *format, ...) G_GNUC_PRINTF (2, 3);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VtrDetection, vtr_detection_clear)
