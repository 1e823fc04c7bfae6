/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* What the nodes of an ONNX graph say about the tensors that they use. */
#include "model/store.h"
#include "model/wire.h"

/* @graph: the bytes of a GraphProto whose initializers are in @store already.  Adds names and
 * notes to @store. */
gboolean vtr_onnx_read_nodes (VtrStore *store, VtrWire graph, GError **error);
