/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * Sums over all queries (or keys) of an attention matrix are split into chunks,
 * so that a single image keeps a GPU busy; each chunk leaves a partial sum.
 */
#include "ops/device.h"

/* Tokens of each of @n_chunks chunks of @n tokens; the last ones may have fewer or none. */
guint32 vtr_partials_chunk_size (guint32 n, guint32 n_chunks);

/* Plans partials [b][h][n_chunks][n] with as many chunks as are worth it. */
gboolean vtr_partials_plan (VtrTensor *partials,
                            VtrArena *arena,
                            const char *name,
                            guint b,
                            guint h,
                            guint n,
                            GError **error);

/* sums [..][n] = partials [..][n_chunks][n] added up over the chunks. */
gboolean vtr_partials_reduce (VtrStream *stream,
                              const VtrTensor *partials,
                              const VtrTensor *sums,
                              GError **error);
