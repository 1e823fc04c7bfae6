/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ops/partials.h"
#include "ops/shapes.h"

/* A chunk shorter than this is not worth its share of the reduction; chunks have a multiple of it,
 * so that kernels which take several tokens at once waste nothing. */
#define MIN_CHUNK_SIZE 32
/* Invocations that keep the largest GPUs busy; more chunks than that only cost memory. */
#define ENOUGH_INVOCATIONS 65536

guint32
vtr_partials_chunk_size (guint32 n, guint32 n_chunks)
{
  const guint32 n_units = (n - 1) / MIN_CHUNK_SIZE + 1;

  return ((n_units - 1) / n_chunks + 1) * MIN_CHUNK_SIZE;
}

gboolean
vtr_partials_plan (VtrTensor *partials,
                   VtrArena *arena,
                   const char *name,
                   guint b,
                   guint h,
                   guint n,
                   GError **error)
{
  const guint64 n_invocations = MAX (1, (guint64) b * h * n);
  const guint32 n_worth = MAX (n, 1) / MIN_CHUNK_SIZE + 1;
  const guint32 n_chunks = CLAMP (ENOUGH_INVOCATIONS / n_invocations, 1, n_worth);
  const guint32 shape[] = { b, h, n_chunks, n };

  return vtr_arena_plan (arena, partials, name, VTR_DTYPE_F32, G_N_ELEMENTS (shape), shape, error);
}

gboolean
vtr_partials_reduce (VtrStream *stream,
                     const VtrTensor *partials,
                     const VtrTensor *sums,
                     GError **error)
{
  const VtrTensor *tensors[] = { partials, sums };
  const VtrReducePartialsParams params = {
    .n_values = vtr_tensor_n_values (sums),
    .width = vtr_tensor_last_axis (partials),
    .n_chunks = partials->shape[partials->n_dims - 2],
  };

  return vtr_stream_dispatch (stream, VTR_KERNEL_REDUCE_PARTIALS, tensors, G_N_ELEMENTS (tensors),
                              &params, sizeof params, vtr_tensor_n_values (partials), error);
}
