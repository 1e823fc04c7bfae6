/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * pruning: heads and layers taken out of a model.
 *
 *   pruning.c       VtrPruning; a model that computes as if they were
 *   save-pruned.c   the checkpoint that they are taken out of
 */
#include "model/private.h"

VtrPruning *vtr_pruning_copy (const VtrPruning *self);

/* Changes a weight that was read so that removed heads and layers add nothing to the tokens. */
void vtr_pruning_gate (const VtrPruning *self,
                       const VtrArch *arch,
                       VtrWeight weight,
                       guint layer,
                       float *values,
                       gsize n_values);
