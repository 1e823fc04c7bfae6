/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/private.h"

#include <string.h>

static void
add_text (GChecksum *sum, const char *text)
{
  g_checksum_update (sum, (const guchar *) text, (gssize) strlen (text) + 1);
}

/* Name, type, shape and bytes of one tensor.  What cannot be read adds nothing: reading it for use
 * will say why. */
static void
add_stored (GChecksum *sum, VtrStore *store, const VtrStored *stored)
{
  if (stored == NULL)
    return;

  g_autofree char *shape = vtr_stored_format_shape (stored);
  g_autoptr (GBytes) bytes = vtr_store_read (store, stored, NULL);
  add_text (sum, stored->name);
  add_text (sum, vtr_dtype_name (stored->dtype));
  add_text (sum, shape);
  if (bytes == NULL)
    return;

  gsize size;
  const guchar *data = g_bytes_get_data (bytes, &size);
  for (gsize at = 0; at < size;)
    {
      const gsize n = MIN (size - at, (gsize) 1 << 30);
      g_checksum_update (sum, data + at, (gssize) n);
      at += n;
    }
  vtr_store_release (stored);
}

static void
add_found (GChecksum *sum, VtrStore *store, const VtrFound *found)
{
  add_stored (sum, store, found->weight);
  add_stored (sum, store, found->bias);
}

static char *
compute_hash (VtrModel *self)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  const VtrParts *parts = self->found.parts;

  for (guint part = 0; part < VTR_FIRST_LAYER_PART; part++)
    add_found (sum, self->store, vtr_parts_get (parts, part, 0));
  for (guint layer = 0; layer < self->found.arch.n_layers; layer++)
    for (guint part = VTR_FIRST_LAYER_PART; part < VTR_N_PARTS; part++)
      add_found (sum, self->store, vtr_parts_get (parts, part, layer));
  return g_strdup (g_checksum_get_string (sum));
}

/* A file that was replaced since it was opened is another than the one that we have. */
static char *
find_or_compute_hash (VtrModel *self)
{
  g_autofree char *stamp = vtr_hash_cache_stamp (self);
  const gboolean known = stamp != NULL && g_strcmp0 (stamp, self->stamp) == 0;
  char *hash = known ? vtr_hash_cache_find (stamp) : NULL;

  if (hash != NULL)
    return hash;
  hash = compute_hash (self);
  if (known)
    vtr_hash_cache_add (stamp, hash);
  return hash;
}

const char *
vtr_model_get_hash (VtrModel *self)
{
  g_return_val_if_fail (VTR_IS_MODEL (self), NULL);

  if (self->base != NULL)
    return vtr_model_get_hash (self->base);
  g_mutex_lock (&self->lock);
  if (self->hash == NULL)
    self->hash = find_or_compute_hash (self);
  g_mutex_unlock (&self->lock);
  return self->hash;
}
