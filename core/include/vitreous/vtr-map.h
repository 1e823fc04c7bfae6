/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vtr-types.h>

G_BEGIN_DECLS

#define VTR_TYPE_MAP (vtr_map_get_type ())

/* In place of a layer or head index: the map is of several, fused. */
#define VTR_FUSED (-1)

/**
 * VtrMap:
 *
 * One number a patch, not rescaled: how much attention a query gives to it.
 */
VTR_AVAILABLE_IN_0_1
GType vtr_map_get_type (void);

/**
 * vtr_map_new:
 * @n_rows: rows of patches
 * @n_columns: columns of patches
 * @values: [n_rows][n_columns]; copied
 * @layer: the layer, from 0 at the patches, or %VTR_FUSED
 * @head: the head, or %VTR_FUSED
 * @label: for people: "layer 11, head 3"
 *
 * Returns: (transfer full): the map
 */
VTR_AVAILABLE_IN_0_1
VtrMap *vtr_map_new (guint n_rows,
                     guint n_columns,
                     const float *values,
                     int layer,
                     int head,
                     const char *label);

VTR_AVAILABLE_IN_0_1
VtrMap *vtr_map_ref (VtrMap *self);
VTR_AVAILABLE_IN_0_1
void vtr_map_unref (VtrMap *self);

VTR_AVAILABLE_IN_0_1
guint vtr_map_get_n_rows (const VtrMap *self);
VTR_AVAILABLE_IN_0_1
guint vtr_map_get_n_columns (const VtrMap *self);

/* [n_rows][n_columns]; owned by @self. */
VTR_AVAILABLE_IN_0_1
const float *vtr_map_get_values (const VtrMap *self);

VTR_AVAILABLE_IN_0_1
int vtr_map_get_layer (const VtrMap *self);
VTR_AVAILABLE_IN_0_1
int vtr_map_get_head (const VtrMap *self);
VTR_AVAILABLE_IN_0_1
const char *vtr_map_get_label (const VtrMap *self);

/* Least and greatest value. */
VTR_AVAILABLE_IN_0_1
void vtr_map_get_range (const VtrMap *self, float *min, float *max);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrMap, vtr_map_unref)

G_END_DECLS
