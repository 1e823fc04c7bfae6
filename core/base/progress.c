/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "base/base.h"

gboolean
vtr_progress_step (const VtrProgress *self, double done, const char *what, GError **error)
{
  if (self == NULL)
    return TRUE;
  if (self->func != NULL)
    self->func (CLAMP (done, 0.0, 1.0), what, self->data);
  return !g_cancellable_set_error_if_cancelled (self->cancellable, error);
}
