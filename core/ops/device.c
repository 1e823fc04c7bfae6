/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ops/device.h"

#include <math.h>
#include <string.h>

/* ---- tensors ---- */

gsize
vtr_tensor_n_values (const VtrTensor *self)
{
  gsize n = 1;

  for (guint i = 0; i < self->n_dims; i++)
    n *= self->shape[i];
  return n;
}

gsize
vtr_tensor_n_bytes (const VtrTensor *self)
{
  return vtr_tensor_n_values (self) * vtr_dtype_size (self->dtype);
}

/* ---- devices ---- */

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

static void
vtr_device_init (VtrDevice *self)
{
  g_mutex_init (&self->lock);
}

static VtrDeviceClass *
device_class (VtrDevice *self)
{
  return G_TYPE_INSTANCE_GET_CLASS (self, VTR_TYPE_DEVICE, VtrDeviceClass);
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

static void
device_count_bytes (VtrDevice *self, gint64 change)
{
  g_mutex_lock (&self->lock);
  self->bytes_in_use += change;
  self->peak_bytes = MAX (self->peak_bytes, self->bytes_in_use);
  g_mutex_unlock (&self->lock);
}

/* ---- arenas ---- */

typedef struct
{
  gsize n_bytes;
  gpointer memory; /* the device's, NULL before commit */
} Block;

struct _VtrArena
{
  VtrDevice *device;
  char *name;
  GArray *blocks; /* Block */
  gboolean committed;
};

VtrArena *
vtr_arena_new (VtrDevice *device, const char *name)
{
  VtrArena *self = g_new0 (VtrArena, 1);

  self->device = g_object_ref (device);
  self->name = g_strdup (name);
  self->blocks = g_array_new (FALSE, FALSE, sizeof (Block));
  return self;
}

static void
arena_release (VtrArena *self)
{
  for (guint i = 0; i < self->blocks->len; i++)
    {
      Block *block = &g_array_index (self->blocks, Block, i);

      if (block->memory == NULL)
        continue;
      device_class (self->device)->block_free (self->device, block->memory);
      device_count_bytes (self->device, -(gint64) block->n_bytes);
      block->memory = NULL;
    }
}

void
vtr_arena_free (VtrArena *self)
{
  if (self == NULL)
    return;
  arena_release (self);
  g_array_unref (self->blocks);
  g_object_unref (self->device);
  g_free (self->name);
  g_free (self);
}

/* Bytes of a tensor, rounded up so that the next one may follow; FALSE if it cannot be bound. */
static gboolean
tensor_padded_bytes (const VtrTensor *tensor, const VtrDevice *device, gsize *padded)
{
  guint64 shape[VTR_MAX_DIMS];
  gsize n_bytes;

  for (guint i = 0; i < tensor->n_dims; i++)
    shape[i] = tensor->shape[i];
  return vtr_size_of_shape (shape, tensor->n_dims, vtr_dtype_size (tensor->dtype), &n_bytes) &&
         n_bytes <= device->max_tensor_bytes &&
         vtr_size_align (n_bytes, device->tensor_alignment, padded) &&
         *padded <= device->max_block_bytes;
}

/* The first block that has room; blocks are few. */
static void
arena_place (VtrArena *self, VtrTensor *tensor, gsize padded)
{
  for (guint i = 0; i < self->blocks->len; i++)
    {
      Block *block = &g_array_index (self->blocks, Block, i);

      if (self->device->max_block_bytes - block->n_bytes < padded)
        continue;
      tensor->block = i;
      tensor->offset = block->n_bytes;
      block->n_bytes += padded;
      return;
    }

  const Block fresh = { .n_bytes = padded };
  tensor->block = self->blocks->len;
  tensor->offset = 0;
  g_array_append_val (self->blocks, fresh);
}

gboolean
vtr_arena_plan (VtrArena *self,
                VtrTensor *tensor,
                const char *name,
                VtrDType dtype,
                guint n_dims,
                const guint32 *shape,
                GError **error)
{
  gsize padded;

  g_return_val_if_fail (!self->committed && n_dims <= VTR_MAX_DIMS, FALSE);

  *tensor = (VtrTensor){ .arena = self, .dtype = dtype, .n_dims = n_dims };
  memcpy (tensor->shape, shape, n_dims * sizeof *shape);
  g_strlcpy (tensor->name, name, sizeof tensor->name);

  if (!tensor_padded_bytes (tensor, self->device, &padded))
    {
      g_autofree char *most =
          g_format_size_full (self->device->max_tensor_bytes, G_FORMAT_SIZE_IEC_UNITS);
      g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY,
                   "The tensor \"%s\" is larger than the %s that a kernel can use at once on %s: "
                   "choose a smaller size or fewer images in a batch, or another device.",
                   name, most, self->device->info->name);
      return FALSE;
    }
  arena_place (self, tensor, MAX (padded, self->device->tensor_alignment));
  return TRUE;
}

guint64
vtr_arena_get_bytes (const VtrArena *self)
{
  guint64 sum = 0;

  for (guint i = 0; i < self->blocks->len; i++)
    sum += g_array_index (self->blocks, Block, i).n_bytes;
  return sum;
}

gboolean
vtr_arena_commit (VtrArena *self, GError **error)
{
  for (guint i = 0; i < self->blocks->len; i++)
    {
      Block *block = &g_array_index (self->blocks, Block, i);
      g_autofree char *name = g_strdup_printf ("%s[%u]", self->name, i);

      block->memory =
          device_class (self->device)->block_new (self->device, block->n_bytes, name, error);
      if (block->memory == NULL)
        {
          g_autofree char *all =
              g_format_size_full (vtr_arena_get_bytes (self), G_FORMAT_SIZE_IEC_UNITS);
          g_prefix_error (error, "Of %s for the %s: ", all, self->name);
          arena_release (self);
          return FALSE;
        }
      device_count_bytes (self->device, (gint64) block->n_bytes);
    }
  self->committed = TRUE;
  return TRUE;
}

VtrDevice *
vtr_arena_get_device (const VtrArena *self)
{
  return self->device;
}

gpointer
vtr_arena_get_block (const VtrArena *self, guint block)
{
  return g_array_index (self->blocks, Block, block).memory;
}

/* ---- streams ---- */

VtrStream *
vtr_stream_new (VtrDevice *device, GError **error)
{
  VtrStream *self = device_class (device)->stream_new (device, error);

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

  g_autoptr (VtrDevice) device = self->device;
  if (vtr_debug_flags () & VTR_DEBUG_TIMING && vtr_stream_wait (self, NULL))
    stream_log_timings (self);
  self->klass->free (self);
}

/* Logs what was written to @tensor; costs a wait, so only under VTR_DEBUG=dump. */
static gboolean
stream_dump (VtrStream *self, VtrKernel kernel, const VtrTensor *tensor, GError **error)
{
  const gsize n = vtr_tensor_n_values (tensor);
  g_autofree float *values = g_new (float, n);
  double sum = 0.0, sum_squares = 0.0;
  float least = INFINITY, most = -INFINITY;

  if (tensor->dtype != VTR_DTYPE_F32)
    return TRUE;
  if (!vtr_stream_read (self, tensor, 0, values, n * sizeof *values, error))
    return FALSE;
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
vtr_stream_read (VtrStream *self,
                 const VtrTensor *src,
                 gsize offset,
                 gpointer data,
                 gsize n_bytes,
                 GError **error)
{
  g_return_val_if_fail (range_is_inside (src, offset, n_bytes), FALSE);

  return self->klass->read (self, src, offset, data, n_bytes, error);
}

gboolean
vtr_stream_flush (VtrStream *self, GError **error)
{
  return self->klass->flush (self, error);
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
