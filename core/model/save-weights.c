/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/private.h"

#include <string.h>

/* One tensor of the file to be written. */
typedef struct
{
  VtrPart part;
  const VtrStored *stored;
  gboolean is_bias;
  char *name;
  guint64 shape[VTR_SAFETENSOR_MAX_DIMS]; /* slowest first */
  guint n_dims;
} Item;

static void
item_clear (gpointer data)
{
  g_free (((Item *) data)->name);
}

/* The shape that PyTorch's module has for this part. */
static void
set_shape (Item *item, const VtrParts *parts, const VtrArch *arch)
{
  const guint64 n_values = item->stored->n_values;
  guint64 n_out, n_in;

  if (item->is_bias || vtr_part_get_kind (item->part) == VTR_PART_IS_NORM ||
      item->part == VTR_PART_SCALE1 || item->part == VTR_PART_SCALE2)
    {
      item->shape[item->n_dims++] = n_values;
      return;
    }
  if (vtr_part_get_kind (item->part) == VTR_PART_IS_VALUES)
    {
      item->shape[item->n_dims++] = 1;
      item->shape[item->n_dims++] = n_values / arch->hidden_size;
      item->shape[item->n_dims++] = arch->hidden_size;
      return;
    }
  vtr_parts_get_shape (parts, item->part, item->stored, &n_out, &n_in);
  item->shape[item->n_dims++] = n_out;
  if (item->part == VTR_PART_PATCH)
    {
      item->shape[item->n_dims++] = 3;
      item->shape[item->n_dims++] = arch->patch_size;
      item->shape[item->n_dims++] = arch->patch_size;
    }
  else
    item->shape[item->n_dims++] = n_in;
}

static void
add_item (GArray *items,
          VtrModel *self,
          VtrPart part,
          guint layer,
          const VtrStored *stored,
          gboolean is_bias)
{
  const VtrParts *parts = self->found.parts;
  Item item = { .part = part, .stored = stored, .is_bias = is_bias };

  if (stored == NULL)
    return;
  item.name = vtr_parts_format_name (parts, part, layer, is_bias);
  set_shape (&item, parts, &self->found.arch);
  g_array_append_val (items, item);
}

static GArray *
list_items (VtrModel *self)
{
  const VtrParts *parts = self->found.parts;
  GArray *items = g_array_new (FALSE, FALSE, sizeof (Item));

  g_array_set_clear_func (items, item_clear);
  for (guint part = 0; part < VTR_N_PARTS; part++)
    {
      const guint n = part < VTR_FIRST_LAYER_PART ? 1 : self->found.arch.n_layers;
      for (guint layer = 0; layer < n; layer++)
        {
          const VtrFound *found = vtr_parts_get (parts, part, layer);
          add_item (items, self, part, layer, found->weight, FALSE);
          add_item (items, self, part, layer, found->bias, TRUE);
        }
    }
  return items;
}

static GBytes *
make_header (VtrModel *self, GArray *items)
{
  g_autofree char *origin = g_path_get_basename (self->path);
  const char *const notes[] = { "format", "pt", "origin", origin, NULL };
  g_autofree VtrSafetensor *tensors = g_new0 (VtrSafetensor, items->len);

  for (guint i = 0; i < items->len; i++)
    {
      const Item *item = &g_array_index (items, Item, i);
      tensors[i].name = item->name;
      tensors[i].dtype = vtr_dtype_name (VTR_DTYPE_F32);
      tensors[i].n_bytes = item->stored->n_values * sizeof (float);
      tensors[i].n_dims = item->n_dims;
      memcpy (tensors[i].shape, item->shape, sizeof item->shape);
    }
  return vtr_safetensors_make_header (notes, tensors, items->len);
}

static gboolean
write_items (VtrModel *self,
             GArray *items,
             GOutputStream *stream,
             const char *path,
             const VtrProgress *progress,
             GError **error)
{
  GCancellable *cancellable = progress != NULL ? progress->cancellable : NULL;

  for (guint i = 0; i < items->len; i++)
    {
      const Item *item = &g_array_index (items, Item, i);
      const gsize n = item->stored->n_values;
      g_autofree float *values = g_new (float, n);
      const gboolean read =
          item->is_bias ? vtr_model_read_stored (self, item->stored, values, error)
                        : vtr_model_read_part (self, item->part, item->stored, values, error);

      if (!read ||
          !vtr_files_write_all (stream, values, n * sizeof *values, cancellable, path, error) ||
          !vtr_progress_step (progress, (i + 1.0) / items->len, "writing weights", error))
        return FALSE;
    }
  return TRUE;
}

gboolean
vtr_model_save_weights (VtrModel *self,
                        const char *path,
                        const VtrProgress *progress,
                        GError **error)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GArray) items = list_items (self);
  g_autoptr (GBytes) header = make_header (self, items);
  g_autoptr (GError) why = NULL;
  GCancellable *cancellable = progress != NULL ? progress->cancellable : NULL;
  g_autoptr (GFileOutputStream) stream =
      g_file_create (file, G_FILE_CREATE_NONE, cancellable, &why);

  if (stream == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_IO, "%s cannot be written: %s.", path, why->message);
      return FALSE;
    }
  GOutputStream *out = G_OUTPUT_STREAM (stream);
  if (!vtr_files_write_all (out, g_bytes_get_data (header, NULL), g_bytes_get_size (header),
                            cancellable, path, error) ||
      !write_items (self, items, out, path, progress, error))
    return FALSE;
  if (g_output_stream_close (out, cancellable, &why))
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_IO, "%s cannot be written: %s.", path, why->message);
  return FALSE;
}
