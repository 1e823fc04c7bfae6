/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ops/device.h"

#include <string.h>

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

static VtrDeviceClass *
device_class (VtrDevice *self)
{
  return G_TYPE_INSTANCE_GET_CLASS (self, VTR_TYPE_DEVICE, VtrDeviceClass);
}

static void
device_count_bytes (VtrDevice *self, gint64 change)
{
  g_mutex_lock (&self->lock);
  self->bytes_in_use += change;
  self->peak_bytes = MAX (self->peak_bytes, self->bytes_in_use);
  g_mutex_unlock (&self->lock);
}

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
                   "The tensor “%s” is larger than the %s that a kernel can use at once on %s: "
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

gboolean
vtr_arena_take_over (VtrArena *self, VtrArena *other)
{
  g_return_val_if_fail (!self->committed && self->device == other->device, FALSE);

  if (!other->committed || self->blocks->len != other->blocks->len)
    return FALSE;
  for (guint i = 0; i < self->blocks->len; i++)
    if (g_array_index (self->blocks, Block, i).n_bytes !=
        g_array_index (other->blocks, Block, i).n_bytes)
      return FALSE;

  for (guint i = 0; i < self->blocks->len; i++)
    g_array_index (self->blocks, Block, i).memory =
        g_steal_pointer (&g_array_index (other->blocks, Block, i).memory);
  self->committed = TRUE;
  other->committed = FALSE;
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
