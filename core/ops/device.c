/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ops/device.h"

G_DEFINE_ABSTRACT_TYPE (VtrDevice, vtr_device, G_TYPE_OBJECT)

static void
vtr_device_finalize (GObject *object)
{
  VtrDevice *self = (VtrDevice *) object;

  vtr_device_info_free (self->info);
  g_mutex_clear (&self->lock);
  G_OBJECT_CLASS (vtr_device_parent_class)->finalize (object);
}

static void
vtr_device_class_init (VtrDeviceClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vtr_device_finalize;
}

/* What holds for a processor; GPUs have more to say. */
static void
vtr_device_init (VtrDevice *self)
{
  self->n_runs = 1;
  self->flops_ahead = 2e9;
  g_mutex_init (&self->lock);
}

void
vtr_device_info_free (VtrDeviceInfo *self)
{
  if (self == NULL)
    return;
  g_free (self->id);
  g_free (self->name);
  g_free (self->driver);
  g_free (self->api);
  g_free (self->reason);
  g_free (self);
}

const VtrDeviceInfo *
vtr_device_get_info (VtrDevice *self)
{
  return self->info;
}

guint64
vtr_device_get_bytes_left (VtrDevice *self)
{
  return G_TYPE_INSTANCE_GET_CLASS (self, VTR_TYPE_DEVICE, VtrDeviceClass)->bytes_left (self);
}

guint64
vtr_device_get_peak_bytes (VtrDevice *self)
{
  g_mutex_lock (&self->lock);
  const guint64 peak = (guint64) self->peak_bytes;
  g_mutex_unlock (&self->lock);
  return peak;
}

void
vtr_device_reset_peak (VtrDevice *self)
{
  g_mutex_lock (&self->lock);
  self->peak_bytes = self->bytes_in_use;
  g_mutex_unlock (&self->lock);
}
