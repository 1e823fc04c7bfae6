/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "reference.h"

#include <math.h>

enum
{
  QUERY,
  KEY,
  VALUE
};

static const float *
vector_of (const ReferenceAttention *self, guint image, guint token, guint slot, guint head)
{
  return self->qkv + (((image * self->n + token) * 3 + slot) * self->h + head) * self->hd;
}

/* One row of probabilities [n]; its log Σ exp. */
static double
softmax_row (const ReferenceAttention *self, guint image, guint head, guint query, double *probs)
{
  const float *q = vector_of (self, image, query, QUERY, head);
  double largest = -HUGE_VAL, sum = 0.0;

  for (guint key = 0; key < self->n; key++)
    {
      const float *k = vector_of (self, image, key, KEY, head);
      double dot = 0.0;
      for (guint i = 0; i < self->hd; i++)
        dot += (double) q[i] * k[i];
      probs[key] = dot * self->scale;
      largest = MAX (largest, probs[key]);
    }
  for (guint key = 0; key < self->n; key++)
    sum += exp (probs[key] - largest);
  const double lse = largest + log (sum);
  for (guint key = 0; key < self->n; key++)
    probs[key] = exp (probs[key] - lse);
  return lse;
}

void
reference_attention_probs (const ReferenceAttention *self, double *probs, double *lse)
{
  for (guint image = 0; image < self->b; image++)
    for (guint head = 0; head < self->h; head++)
      for (guint query = 0; query < self->n; query++, probs += self->n)
        *lse++ = softmax_row (self, image, head, query, probs);
}

void
reference_attention_context (const ReferenceAttention *self, const double *probs, double *context)
{
  for (guint image = 0; image < self->b; image++)
    for (guint head = 0; head < self->h; head++)
      for (guint query = 0; query < self->n; query++, probs += self->n)
        for (guint i = 0; i < self->hd; i++)
          {
            double sum = 0.0;
            for (guint key = 0; key < self->n; key++)
              sum += probs[key] * vector_of (self, image, key, VALUE, head)[i];
            context[((image * self->n + query) * self->h + head) * self->hd + i] = sum;
          }
}
