/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/store.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct _VtrStore
{
  const char *format;
  char *label;
  GStringChunk *strings;
  GPtrArray *tensors; /* VtrStored */
  GHashTable *by_name;
  GHashTable *notes;

  GMutex lock;
  gpointer archive;
  VtrStoreRead read;
  GDestroyNotify destroy;
};

static void
stored_free (gpointer data)
{
  VtrStored *self = data;

  g_clear_pointer (&self->bytes, g_bytes_unref);
  g_free (self);
}

VtrStore *
vtr_store_new (const char *format, const char *label)
{
  VtrStore *self = g_new0 (VtrStore, 1);

  self->format = format;
  self->label = g_strdup (label);
  self->strings = g_string_chunk_new (4096);
  self->tensors = g_ptr_array_new_with_free_func (stored_free);
  self->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  self->notes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_mutex_init (&self->lock);
  return self;
}

void
vtr_store_unref (VtrStore *self)
{
  if (self == NULL)
    return;
  if (self->destroy != NULL)
    self->destroy (self->archive);
  g_hash_table_unref (self->by_name);
  g_hash_table_unref (self->notes);
  g_ptr_array_unref (self->tensors);
  g_string_chunk_free (self->strings);
  g_mutex_clear (&self->lock);
  g_free (self->label);
  g_free (self);
}

void
vtr_store_set_archive (VtrStore *self, gpointer archive, VtrStoreRead read, GDestroyNotify destroy)
{
  self->archive = archive;
  self->read = read;
  self->destroy = destroy;
}

static gboolean
check_size (VtrStore *self, VtrStored *stored, GError **error)
{
  gsize n_bytes;

  if (!vtr_size_of_shape (stored->shape, stored->n_dims, 1, &stored->n_values) ||
      !vtr_size_of_shape (stored->shape, stored->n_dims, MAX (vtr_dtype_size (stored->dtype), 1),
                          &n_bytes))
    {
      g_autofree char *shape = vtr_stored_format_shape (stored);
      g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
                   "%s: the shape %s of tensor %s is larger than memory can be.", self->label,
                   shape, stored->name);
      return FALSE;
    }
  if (stored->bytes != NULL && stored->dtype != VTR_DTYPE_OTHER &&
      g_bytes_get_size (stored->bytes) != n_bytes)
    {
      g_autofree char *shape = vtr_stored_format_shape (stored);
      g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
                   "%s: tensor %s has %" G_GSIZE_FORMAT
                   " bytes, but its shape %s and type %s need %" G_GSIZE_FORMAT ".",
                   self->label, stored->name, g_bytes_get_size (stored->bytes), shape,
                   stored->dtype_name, n_bytes);
      return FALSE;
    }
  return TRUE;
}

gboolean
vtr_store_add (VtrStore *self, const VtrStored *stored, GError **error)
{
  g_return_val_if_fail (stored->n_dims <= VTR_STORE_MAX_DIMS, FALSE);

  VtrStored checked = *stored;

  if (g_hash_table_contains (self->by_name, stored->name))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT, "%s: the tensor %s is in it twice.",
                   self->label, stored->name);
      return FALSE;
    }
  if (!check_size (self, &checked, error))
    return FALSE;

  VtrStored *copy = g_memdup2 (&checked, sizeof checked);
  copy->name = g_string_chunk_insert (self->strings, stored->name);
  copy->dtype_name = g_string_chunk_insert_const (self->strings, stored->dtype_name);
  if (copy->bytes != NULL)
    g_bytes_ref (copy->bytes);
  g_ptr_array_add (self->tensors, copy);
  g_hash_table_insert (self->by_name, (gpointer) copy->name, copy);
  return TRUE;
}

gboolean
vtr_store_merge (VtrStore *self, VtrStore *other, GError **error)
{
  g_return_val_if_fail (other->archive == NULL, FALSE);

  for (guint i = 0; i < other->tensors->len; i++)
    {
      const VtrStored *stored = g_ptr_array_index (other->tensors, i);
      if (g_hash_table_contains (self->by_name, stored->name))
        {
          g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
                       "%s: the tensor %s is also in another part of the checkpoint.", other->label,
                       stored->name);
          return FALSE;
        }
      if (!vtr_store_add (self, stored, error))
        return FALSE;
    }
  return TRUE;
}

const VtrStored *
vtr_store_find (VtrStore *self, const char *name)
{
  return g_hash_table_lookup (self->by_name, name);
}

guint
vtr_store_get_n_tensors (VtrStore *self)
{
  return self->tensors->len;
}

const VtrStored *
vtr_store_get_tensor (VtrStore *self, guint index)
{
  return g_ptr_array_index (self->tensors, index);
}

const char *
vtr_store_get_format (VtrStore *self)
{
  return self->format;
}

const char *
vtr_store_get_label (VtrStore *self)
{
  return self->label;
}

void
vtr_store_set_note (VtrStore *self, const char *key, const char *value)
{
  g_hash_table_insert (self->notes, g_strdup (key), g_strdup (value));
}

const char *
vtr_store_get_note (VtrStore *self, const char *key)
{
  return g_hash_table_lookup (self->notes, key);
}

/* Column-major values into C order. */
static GBytes *
to_c_order (const VtrStored *stored, GBytes *bytes)
{
  const gsize item = vtr_dtype_size (stored->dtype);
  const guint8 *from = g_bytes_get_data (bytes, NULL);
  guint8 *to = g_malloc (stored->n_values * item);
  guint64 index[VTR_STORE_MAX_DIMS] = { 0 };

  for (gsize i = 0; i < stored->n_values; i++)
    {
      gsize offset = 0;
      for (guint dim = stored->n_dims; dim-- > 0;)
        offset = offset * stored->shape[dim] + index[dim];
      memcpy (to + i * item, from + offset * item, item);
      for (guint dim = stored->n_dims; dim-- > 0;)
        {
          if (++index[dim] < stored->shape[dim])
            break;
          index[dim] = 0;
        }
    }
  return g_bytes_new_take (to, stored->n_values * item);
}

GBytes *
vtr_store_read (VtrStore *self, const VtrStored *stored, GError **error)
{
  g_autoptr (GBytes) bytes = NULL;

  if (stored->bytes != NULL)
    bytes = g_bytes_ref (stored->bytes);
  else
    {
      g_mutex_lock (&self->lock);
      bytes = self->read (self->archive, stored, error);
      g_mutex_unlock (&self->lock);
    }
  if (bytes == NULL)
    return NULL;
  /* Of a type that is no weight the bytes are not taken apart. */
  if (stored->fortran && stored->n_dims > 1 && g_bytes_get_size (bytes) > 0 &&
      stored->dtype != VTR_DTYPE_OTHER)
    return to_c_order (stored, bytes);
  return g_steal_pointer (&bytes);
}

void
vtr_store_set_mapped (VtrStore *self, GBytes *file)
{
  gsize n_bytes;
  const guint8 *begin = g_bytes_get_data (file, &n_bytes);

  for (guint i = 0; i < self->tensors->len; i++)
    {
      VtrStored *stored = g_ptr_array_index (self->tensors, i);
      const guint8 *at = stored->bytes != NULL ? g_bytes_get_data (stored->bytes, NULL) : NULL;
      stored->mapped = at != NULL && at >= begin && at < begin + n_bytes;
    }
}

/* Only whole pages: what shares a page with others stays. */
void
vtr_store_release (const VtrStored *stored)
{
  if (!stored->mapped)
    return;

  gsize n_bytes;
  const guintptr begin = (guintptr) g_bytes_get_data (stored->bytes, &n_bytes);
  const guintptr page = (guintptr) sysconf (_SC_PAGESIZE);
  const guintptr first = (begin + page - 1) / page * page;
  const guintptr end = (begin + n_bytes) / page * page;
  if (first < end)
    madvise ((gpointer) first, end - first, MADV_DONTNEED);
}

char *
vtr_stored_format_shape (const VtrStored *self)
{
  GString *text = g_string_new ("[");

  for (guint i = 0; i < self->n_dims; i++)
    g_string_append_printf (text, "%s%" G_GUINT64_FORMAT, i > 0 ? ", " : "", self->shape[i]);
  return g_string_free (g_string_append_c (text, ']'), FALSE);
}
