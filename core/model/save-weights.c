/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/private.h"

#include <json-glib/json-glib.h>
#include <string.h>

/* One tensor of the file to be written. */
typedef struct
{
  VtrPart part;
  const VtrStored *stored;
  gboolean is_bias;
  char *name;
  guint64 shape[4]; /* slowest first */
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

static void
add_numbers (JsonBuilder *builder, const char *key, const guint64 *numbers, guint n)
{
  json_builder_set_member_name (builder, key);
  json_builder_begin_array (builder);
  for (guint i = 0; i < n; i++)
    json_builder_add_int_value (builder, (gint64) numbers[i]);
  json_builder_end_array (builder);
}

static void
add_metadata (JsonBuilder *builder, VtrModel *self)
{
  g_autofree char *origin = g_path_get_basename (self->path);

  json_builder_set_member_name (builder, "__metadata__");
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "format");
  json_builder_add_string_value (builder, "pt");
  json_builder_set_member_name (builder, "origin");
  json_builder_add_string_value (builder, origin);
  json_builder_end_object (builder);
}

static char *
make_header (VtrModel *self, GArray *items)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  guint64 offsets[2] = { 0, 0 };

  json_builder_begin_object (builder);
  add_metadata (builder, self);
  for (guint i = 0; i < items->len; i++)
    {
      const Item *item = &g_array_index (items, Item, i);

      offsets[0] = offsets[1];
      offsets[1] += item->stored->n_values * sizeof (float);
      json_builder_set_member_name (builder, item->name);
      json_builder_begin_object (builder);
      json_builder_set_member_name (builder, "dtype");
      json_builder_add_string_value (builder, "F32");
      add_numbers (builder, "shape", item->shape, item->n_dims);
      add_numbers (builder, "data_offsets", offsets, 2);
      json_builder_end_object (builder);
    }
  json_builder_end_object (builder);

  /* Spaces at the end align the tensors to 8 bytes. */
  g_autoptr (JsonNode) root = json_builder_get_root (builder);
  g_autofree char *text = json_to_string (root, FALSE);
  const int pad = (int) (-strlen (text) & 7);
  return g_strdup_printf ("%s%*s", text, pad, "");
}

static gboolean
write_all (GOutputStream *stream,
           gconstpointer data,
           gsize n,
           GCancellable *cancellable,
           const char *path,
           GError **error)
{
  g_autoptr (GError) why = NULL;

  if (g_output_stream_write_all (stream, data, n, NULL, cancellable, &why))
    return TRUE;
  if (g_error_matches (why, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_propagate_error (error, g_steal_pointer (&why));
  else
    g_set_error (error, VTR_ERROR, VTR_ERROR_IO, "%s cannot be written: %s.", path, why->message);
  return FALSE;
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

      if (!read || !write_all (stream, values, n * sizeof *values, cancellable, path, error) ||
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
  g_autofree char *header = make_header (self, items);
  g_autoptr (GError) why = NULL;
  GCancellable *cancellable = progress != NULL ? progress->cancellable : NULL;
  const guint64 n_header = GUINT64_TO_LE ((guint64) strlen (header));
  g_autoptr (GFileOutputStream) stream =
      g_file_create (file, G_FILE_CREATE_NONE, cancellable, &why);

  if (stream == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_IO, "%s cannot be written: %s.", path, why->message);
      return FALSE;
    }
  GOutputStream *out = G_OUTPUT_STREAM (stream);
  if (!write_all (out, &n_header, sizeof n_header, cancellable, path, error) ||
      !write_all (out, header, strlen (header), cancellable, path, error) ||
      !write_items (self, items, out, path, progress, error))
    return FALSE;
  if (g_output_stream_close (out, cancellable, &why))
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_IO, "%s cannot be written: %s.", path, why->message);
  return FALSE;
}
