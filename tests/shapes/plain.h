/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* The forward pass of this folder's model by the references of the ops, one after the other: what a
 * picture is taken for by something else than what is tested. */
#include <vitreous/vitreous.h>

/*
 * @input: of a ViT with a CLS token, which the head reads, and positions for just these patches
 * @kept: [n_kept] patches the model sees, row by row, the others were never there
 * @logits: [n_classes]
 */
void
plain_answer (VtrModel *model, VtrInput *input, const guint32 *kept, guint n_kept, double *logits);
