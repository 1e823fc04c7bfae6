/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ops/device.h"

#include <math.h>
#include <string.h>

/* A submission is worth its costs if it has this share of what may be under way. */
#define SUBMISSION_SHARE (1.0 / 64)

VtrStream *
vtr_stream_new (VtrDevice *device, GError **error)
{
  VtrDeviceClass *klass = G_TYPE_INSTANCE_GET_CLASS (device, VTR_TYPE_DEVICE, VtrDeviceClass);
  VtrStream *self = klass->stream_new (device, error);

  if (self == NULL)
    return NULL;
  self->device = g_object_ref (device);
  self->timing = (vtr_debug_flags () & VTR_DEBUG_TIMING) != 0;
  return self;
}

static void
stream_log_timings (const VtrStream *self)
{
  const VtrTimings *timings = &self->timings;

  for (guint i = 0; i < VTR_N_KERNELS; i++)
    if (timings->calls[i] > 0)
      g_message ("%-22s %6" G_GUINT64_FORMAT " calls %10.3f ms %8.2f GFLOP/s",
                 vtr_kernel_get_info (i)->name, timings->calls[i], timings->seconds[i] * 1e3,
                 timings->seconds[i] > 0.0 ? timings->flops[i] / timings->seconds[i] * 1e-9 : 0.0);
}

void
vtr_stream_free (VtrStream *self)
{
  if (self == NULL)
    return;

  VtrDevice *device = self->device;
  if (vtr_debug_flags () & VTR_DEBUG_TIMING && vtr_stream_wait (self, NULL))
    stream_log_timings (self);
  self->klass->free (self);
  g_object_unref (device); /* last: freeing the stream needs it */
}

/* Logs what was written to @tensor; costs a wait, so only under VTR_DEBUG=dump. */
static gboolean
stream_dump (VtrStream *self, VtrKernel kernel, const VtrTensor *tensor, GError **error)
{
  const gsize n = vtr_tensor_n_values (tensor);
  g_autofree guint8 *data = g_malloc (vtr_tensor_n_bytes (tensor));
  g_autofree float *values = g_new (float, n);
  double sum = 0.0, sum_squares = 0.0;
  float least = INFINITY, most = -INFINITY;

  if (tensor->dtype != VTR_DTYPE_F32 && tensor->dtype != VTR_DTYPE_F16)
    return TRUE;
  if (!vtr_stream_read (self, tensor, 0, data, vtr_tensor_n_bytes (tensor), error))
    return FALSE;
  vtr_floats_from (tensor->dtype, data, n, values);
  for (gsize i = 0; i < n; i++)
    {
      sum += values[i];
      sum_squares += (double) values[i] * values[i];
      least = MIN (least, values[i]);
      most = MAX (most, values[i]);
    }
  g_message ("%s wrote %s: %" G_GSIZE_FORMAT " values in %g..%g, mean %g, rms %g%s",
             vtr_kernel_get_info (kernel)->name, tensor->name, n, least, most, sum / n,
             sqrt (sum_squares / n), vtr_floats_find_bad (values, n) < n ? ", NOT ALL FINITE" : "");
  return TRUE;
}

gboolean
vtr_stream_dispatch (VtrStream *self,
                     VtrKernel kernel,
                     const VtrTensor *const *tensors,
                     guint n_tensors,
                     gconstpointer params,
                     gsize params_size,
                     double flops,
                     GError **error)
{
  const VtrKernelInfo *info = vtr_kernel_get_info (kernel);

  g_return_val_if_fail (n_tensors == info->n_tensors && params_size == info->params_size, FALSE);

  if (!self->klass->dispatch (self, kernel, tensors, n_tensors, params, params_size, error))
    return FALSE;
  self->flops += flops;
  if (self->timing)
    {
      self->timings.calls[kernel]++;
      self->timings.flops[kernel] += flops;
    }
  if (vtr_debug_flags () & VTR_DEBUG_DUMP)
    for (guint i = 0; i < n_tensors; i++)
      if (info->writes >> i & 1 && !stream_dump (self, kernel, tensors[i], error))
        return FALSE;
  return TRUE;
}

static gboolean
range_is_inside (const VtrTensor *tensor, gsize offset, gsize n_bytes)
{
  const gsize all = vtr_tensor_n_bytes (tensor);

  return offset <= all && n_bytes <= all - offset;
}

gboolean
vtr_stream_write (VtrStream *self,
                  const VtrTensor *dst,
                  gsize offset,
                  gconstpointer data,
                  gsize n_bytes,
                  GError **error)
{
  g_return_val_if_fail (range_is_inside (dst, offset, n_bytes), FALSE);

  return self->klass->write (self, dst, offset, data, n_bytes, error);
}

gboolean
vtr_stream_read_later (VtrStream *self,
                       const VtrTensor *src,
                       gsize offset,
                       gpointer data,
                       gsize n_bytes,
                       GError **error)
{
  g_return_val_if_fail (range_is_inside (src, offset, n_bytes), FALSE);

  return self->klass->read_later (self, src, offset, data, n_bytes, error);
}

gboolean
vtr_stream_read (VtrStream *self,
                 const VtrTensor *src,
                 gsize offset,
                 gpointer data,
                 gsize n_bytes,
                 GError **error)
{
  const gboolean ok = vtr_stream_read_later (self, src, offset, data, n_bytes, error);

  /* Also after a failure: @data may be gone when the caller is. */
  return vtr_stream_wait (self, ok ? error : NULL) && ok;
}

gboolean
vtr_stream_copy (VtrStream *self, const VtrTensor *src, const VtrTensor *dst, GError **error)
{
  g_return_val_if_fail (vtr_tensor_n_bytes (src) == vtr_tensor_n_bytes (dst), FALSE);

  return self->klass->copy (self, src, dst, error);
}

gboolean
vtr_stream_flush (VtrStream *self, GError **error)
{
  return self->klass->flush (self, error);
}

gboolean
vtr_stream_advance (VtrStream *self, GError **error)
{
  return self->flops < SUBMISSION_SHARE * self->device->flops_ahead ||
         vtr_stream_flush (self, error);
}

gboolean
vtr_stream_wait (VtrStream *self, GError **error)
{
  return self->klass->wait (self, error);
}

void
vtr_stream_reset_timings (VtrStream *self)
{
  memset (&self->timings, 0, sizeof self->timings);
}
