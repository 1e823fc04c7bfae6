/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "base/base.h"

VtrProgress
vtr_progress_whole (VtrProgressFunc func, gpointer data, GCancellable *cancellable)
{
  return (VtrProgress){
    .func = func,
    .data = data,
    .cancellable = cancellable,
    .from = 0.0,
    .to = 1.0,
  };
}

VtrProgress
vtr_progress_part (const VtrProgress *self, double from, double to)
{
  VtrProgress part = *self;

  part.from = self->from + from * (self->to - self->from);
  part.to = self->from + to * (self->to - self->from);
  return part;
}

gboolean
vtr_progress_step (const VtrProgress *self, double done, const char *what, GError **error)
{
  if (self == NULL)
    return TRUE;
  if (self->func != NULL)
    self->func (self->from + CLAMP (done, 0.0, 1.0) * (self->to - self->from), what, self->data);
  return !g_cancellable_set_error_if_cancelled (self->cancellable, error);
}
