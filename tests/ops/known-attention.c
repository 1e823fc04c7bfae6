/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "cases.h"

#include <math.h>

void
known_attention_init (KnownAttention *self,
                      Harness *harness,
                      guint b,
                      guint n,
                      guint h,
                      guint hd,
                      float range)
{
  self->qkv = harness_activation (harness, -range, range, 5, b, n, 3, h, hd);
  self->lse = harness_zeros (harness, VTR_DTYPE_F32, 3, b, h, n);
  self->reference = (ReferenceAttention){
    .qkv = self->qkv->values,
    .b = b,
    .n = n,
    .h = h,
    .hd = hd,
    .scale = 1.0f / sqrtf (hd),
  };
  self->probs = g_new (double, (gsize) b *h *n *n);

  g_autofree double *lse = g_new (double, b *h *n);
  reference_attention_probs (&self->reference, self->probs, lse);
  for (guint i = 0; i < b * h * n; i++)
    self->lse->values[i] = lse[i];
}

void
known_attention_clear (KnownAttention *self)
{
  g_free (self->probs);
}
