/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * What the ops ask about shapes before they record anything.  Values are counted
 * in 32 bits: that is how kernels index.
 */
#include "ops/device.h"

/* The last axis of @tensor, and the product of all others. */
guint32 vtr_tensor_last_axis (const VtrTensor *tensor);
guint32 vtr_tensor_n_rows (const VtrTensor *tensor);

/* Whether @tensor is f32 (u32, an activation) and has exactly the @n_dims sizes given, slowest
 * first. */
gboolean vtr_tensor_is_f32 (const VtrTensor *tensor, guint n_dims, ...);
gboolean vtr_tensor_is_u32 (const VtrTensor *tensor, guint n_dims, ...);
gboolean vtr_tensor_is_activation (const VtrTensor *tensor, guint n_dims, ...);

/* Whether @tensor, of any shape, is f32, or f16 on a device that takes activations so. */
gboolean vtr_tensor_has_activation_type (const VtrTensor *tensor);

/* Whether @tensor is f32 and has @n_rows rows of @width values, on whatever axes the rows lie. */
gboolean vtr_tensor_is_f32_rows (const VtrTensor *tensor, guint32 n_rows, guint32 width);

/* Fails with a sentence that names @op and the shapes of the tensors; NULLs are left out. */
gboolean
vtr_fail_shapes (const char *op, const VtrTensor *const *tensors, guint n_tensors, GError **error);
