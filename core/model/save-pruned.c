/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * A checkpoint that heads and layers are taken out of.  Tensors keep their names, types and layout,
 * but for what is taken out of them and for the numbers of the layers; so does the configuration.
 */
#include "model/pruning.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>

/* A tensor of the new file: heads of [outer][n_heads][inner] are taken out of the old one. */
typedef struct
{
  const VtrStored *stored;
  char *name;
  guint64 shape[VTR_STORE_MAX_DIMS]; /* slowest first */
  guint axis;                        /* the one that the heads share */
  guint layer;                       /* of the old model */
  guint n_heads;                     /* 0: the tensor stays whole */
  guint64 outer;
  guint64 n_bytes;
} Item;

typedef struct
{
  VtrModel *model;
  const VtrPruning *pruning;
  const VtrArch *arch;
  GArray *items; /* of Item */
  VtrProgress progress;
} Saving;

static void
item_clear (gpointer data)
{
  g_free (((Item *) data)->name);
}

/* ---- which tensors, and what of them ---- */

/* Which part of which layer a tensor is. */
static gboolean
find_place (const Saving *self,
            const VtrStored *stored,
            VtrPart *part,
            guint *layer,
            gboolean *is_bias)
{
  static const VtrPart parts[] = { VTR_PART_QKV, VTR_PART_Q, VTR_PART_K, VTR_PART_V,
                                   VTR_PART_PROJ };

  for (*layer = 0; *layer < self->arch->n_layers; (*layer)++)
    for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
      {
        const VtrFound *found = vtr_parts_get (self->model->found.parts, parts[i], *layer);

        *part = parts[i];
        *is_bias = found->bias == stored;
        if (found->weight == stored || *is_bias)
          return TRUE;
      }
  return FALSE;
}

/* Where the heads are in a tensor: matrices are [out][in], those of vit_jax [in][heads][hd] and
 * [heads][hd][out]. */
static void
find_heads (const Saving *self, Item *item)
{
  const gboolean is_jax = self->model->found.parts->naming->is_jax;
  gboolean is_bias;
  VtrPart part;

  if (!find_place (self, item->stored, &part, &item->layer, &is_bias) ||
      (part == VTR_PART_PROJ && is_bias))
    return;
  item->outer = part == VTR_PART_QKV ? 3 : 1;
  if (is_jax != (part == VTR_PART_PROJ) && !is_bias)
    {
      item->axis = 1;
      item->outer = item->shape[0];
    }
  item->n_heads = vtr_arch_n_heads (self->arch, item->layer);
  item->shape[item->axis] = item->shape[item->axis] / item->n_heads *
                            vtr_pruning_count_heads (self->pruning, item->layer);
}

/* A tensor's name where its layer has another number, NULL where the layer is taken out. */
static char *
rename_layer (const Saving *self, const char *name)
{
  gsize start, end;
  guint layer, moved = 0;

  if (!vtr_parts_find_layer (self->model->found.parts, name, &start, &end, &layer))
    return g_strdup (name);
  if (layer >= self->arch->n_layers || !vtr_pruning_keeps_layer (self->pruning, layer))
    return NULL;
  for (guint i = 0; i < layer; i++)
    moved += vtr_pruning_keeps_layer (self->pruning, i);
  return g_strdup_printf ("%.*s%u%s", (int) start, name, moved, name + end);
}

static void
add_item (Saving *self, const VtrStored *stored)
{
  Item item = { .stored = stored };

  /* What is of no use as a weight has no type that the new file could be given, unless it is one
   * of its own format. */
  if (stored->dtype == VTR_DTYPE_OTHER &&
      strcmp (vtr_store_get_format (self->model->store), "safetensors") != 0)
    return;
  item.name = rename_layer (self, stored->name);
  if (item.name == NULL)
    return;
  memcpy (item.shape, stored->shape, sizeof item.shape);
  find_heads (self, &item);
  if (stored->dtype == VTR_DTYPE_OTHER)
    item.n_bytes = g_bytes_get_size (stored->bytes);
  else
    {
      item.n_bytes = vtr_dtype_size (stored->dtype);
      for (guint i = 0; i < stored->n_dims; i++)
        item.n_bytes *= item.shape[i];
    }
  g_array_append_val (self->items, item);
}

static GBytes *
make_header (const Saving *self)
{
  g_autofree char *origin = g_path_get_basename (self->model->path);
  const char *const notes[] = { "format", "pt", "origin", origin, NULL };
  g_autofree VtrSafetensor *tensors = g_new0 (VtrSafetensor, self->items->len);

  for (guint i = 0; i < self->items->len; i++)
    {
      const Item *item = &g_array_index (self->items, Item, i);

      tensors[i].name = item->name;
      tensors[i].dtype = item->stored->dtype == VTR_DTYPE_OTHER
                             ? item->stored->dtype_name
                             : vtr_dtype_name (item->stored->dtype);
      tensors[i].n_bytes = item->n_bytes;
      tensors[i].n_dims = item->stored->n_dims;
      memcpy (tensors[i].shape, item->shape, sizeof item->shape);
    }
  return vtr_safetensors_make_header (notes, tensors, self->items->len);
}

/* ---- writing them ---- */

/* The bytes of a tensor without those of its heads that are taken out. */
static GBytes *
take_out (const Saving *self, const Item *item, GBytes *bytes)
{
  const gsize n_old = g_bytes_get_size (bytes);
  const guint8 *from = g_bytes_get_data (bytes, NULL);
  guint8 *to = g_malloc (item->n_bytes);
  gsize n = 0;

  if (item->n_heads == 0 || item->n_bytes == n_old)
    {
      g_free (to);
      return g_bytes_ref (bytes);
    }
  const gsize inner = n_old / (item->outer * item->n_heads);
  for (gsize i = 0; i < item->outer * item->n_heads; i++)
    if (vtr_pruning_keeps_head (self->pruning, item->layer, i % item->n_heads))
      {
        memcpy (to + n, from + i * inner, inner);
        n += inner;
      }
  g_assert (n == item->n_bytes);
  return g_bytes_new_take (to, n);
}

static gboolean
write_items (const Saving *self, GOutputStream *stream, const char *path, GError **error)
{
  for (guint i = 0; i < self->items->len; i++)
    {
      const Item *item = &g_array_index (self->items, Item, i);
      g_autoptr (GBytes) all = vtr_store_read (self->model->store, item->stored, error);
      if (all == NULL)
        return FALSE;

      g_autoptr (GBytes) bytes = take_out (self, item, all);
      const gboolean ok =
          vtr_files_write_all (stream, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                               self->progress.cancellable, path, error);
      vtr_store_release (item->stored);
      if (!ok || !vtr_progress_step (&self->progress, (i + 1.0) / self->items->len,
                                     "writing weights", error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
write_weights (Saving *self, const char *directory, GError **error)
{
  g_autofree char *path = g_build_filename (directory, "model.safetensors", NULL);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GError) why = NULL;
  g_autoptr (GFileOutputStream) stream =
      g_file_create (file, G_FILE_CREATE_NONE, self->progress.cancellable, &why);

  for (guint i = 0; i < vtr_store_get_n_tensors (self->model->store); i++)
    add_item (self, vtr_store_get_tensor (self->model->store, i));
  if (stream == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_IO, "%s cannot be written: %s.", path, why->message);
      return FALSE;
    }

  g_autoptr (GBytes) header = make_header (self);
  if (!vtr_files_write_all (G_OUTPUT_STREAM (stream), g_bytes_get_data (header, NULL),
                            g_bytes_get_size (header), self->progress.cancellable, path, error) ||
      !write_items (self, G_OUTPUT_STREAM (stream), path, error))
    return FALSE;
  if (g_output_stream_close (G_OUTPUT_STREAM (stream), NULL, &why))
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_IO, "%s cannot be written: %s.", path, why->message);
  return FALSE;
}

/* ---- the configuration ---- */

/* The file of the model that has that name, or NULL. */
static const char *
find_file (VtrModel *model, const char *name)
{
  const VtrModel *opened = model->base != NULL ? model->base : model;

  for (guint i = 0; opened->files != NULL && i < opened->files->len; i++)
    {
      g_autofree char *base = g_path_get_basename (opened->files->pdata[i]);
      if (strcmp (base, name) == 0)
        return opened->files->pdata[i];
    }
  return NULL;
}

/* An object under @key, made where there is none. */
static JsonObject *
get_child (JsonObject *object, const char *key)
{
  JsonNode *node = json_object_get_member (object, key);

  if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
    json_object_set_object_member (object, key, json_object_new ());
  return json_object_get_object_member (object, key);
}

/* How many layers there are, where this world looks for it; what names them one by one it makes
 * itself. */
static void
state_layers (const Saving *self, JsonObject *config)
{
  static const char *const by_layer[] = { "stage_names", "out_features", "out_indices" };
  static const char *const towers[] = { "vision_config_dict", "vision_config" };
  const gint64 n = vtr_pruning_count_layers (self->pruning);
  JsonObject *tower = config;

  if (self->model->found.family->naming == &vtr_naming_timm)
    {
      if (json_object_has_member (config, "architecture"))
        json_object_set_int_member (get_child (config, "model_args"), "depth", n);
      return;
    }
  for (guint i = 0; i < G_N_ELEMENTS (towers); i++)
    {
      JsonNode *node = json_object_get_member (config, towers[i]);
      if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
        continue;
      tower = json_node_get_object (node);
      json_object_set_int_member (tower, "num_hidden_layers", n);
    }
  if (tower == config && json_object_has_member (config, "model_type"))
    json_object_set_int_member (config, "num_hidden_layers", n);
  for (guint i = 0; i < G_N_ELEMENTS (by_layer); i++)
    if (json_object_has_member (tower, by_layer[i]))
      json_object_remove_member (tower, by_layer[i]);
}

static void
state_heads (const Saving *self, JsonObject *config)
{
  if (!vtr_pruning_is_own_format (self->pruning))
    {
      json_object_remove_member (config, VTR_CONFIG_OWN);
      return;
    }
  JsonArray *heads = json_array_new ();
  for (guint layer = 0; layer < self->arch->n_layers; layer++)
    if (vtr_pruning_keeps_layer (self->pruning, layer))
      json_array_add_int_element (heads, vtr_pruning_count_heads (self->pruning, layer));
  json_object_set_array_member (get_child (config, VTR_CONFIG_OWN), "heads", heads);
}

/* It was read before, to open the model: should it have changed since, that is an error. */
static JsonNode *
read_config (VtrModel *model, GError **error)
{
  const char *path = find_file (model, "config.json");
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) why = NULL;

  if (path == NULL)
    return json_node_init_object (json_node_alloc (), json_object_new ());
  if (json_parser_load_from_file (parser, path, &why) &&
      JSON_NODE_HOLDS_OBJECT (json_parser_get_root (parser)))
    return json_parser_steal_root (parser);
  g_set_error (error, VTR_ERROR, VTR_ERROR_IO, "%s cannot be read: %s.", path,
               why != NULL ? why->message : "it is no JSON object");
  return NULL;
}

static gboolean
write_config (const Saving *self, const char *directory, GError **error)
{
  g_autoptr (JsonNode) root = read_config (self->model, error);
  if (root == NULL)
    return FALSE;

  JsonObject *config = json_node_get_object (root);
  state_layers (self, config);
  state_heads (self, config);
  if (json_object_get_size (config) == 0)
    return TRUE; /* shapes tell everything */
  g_autofree char *text = json_to_string (root, TRUE);
  g_autofree char *lines = g_strconcat (text, "\n", NULL);
  return vtr_files_write_text (directory, "config.json", lines, error);
}

static gboolean
copy_preprocessor (const Saving *self, const char *directory, GError **error)
{
  static const char name[] = "preprocessor_config.json";
  const char *path = find_file (self->model, name);
  g_autofree char *text = NULL;
  g_autoptr (GError) why = NULL;

  if (path == NULL)
    return TRUE;
  if (g_file_get_contents (path, &text, NULL, &why))
    return vtr_files_write_text (directory, name, text, error);
  g_set_error (error, VTR_ERROR, VTR_ERROR_IO, "%s cannot be read: %s.", path, why->message);
  return FALSE;
}

/* ---- the folder ---- */

static gboolean
fill (VtrModel *model,
      const VtrPruning *pruning,
      const char *directory,
      const VtrProgress *progress,
      GError **error)
{
  Saving self = {
    .model = model,
    .pruning = pruning,
    .arch = &model->found.arch,
    .items = g_array_new (FALSE, FALSE, sizeof (Item)),
    .progress = *progress,
  };

  g_array_set_clear_func (self.items, item_clear);
  const gboolean ok = write_weights (&self, directory, error) &&
                      write_config (&self, directory, error) &&
                      copy_preprocessor (&self, directory, error);
  g_array_unref (self.items);
  if (!ok)
    return FALSE;

  /* What is written must open. */
  g_autoptr (VtrModel) written = vtr_model_open (directory, error);
  return written != NULL;
}

/* A graph's weights have no names of a world: first as transformers would have saved it all. */
static gboolean
fill_from_graph (VtrModel *model,
                 const VtrPruning *pruning,
                 const char *directory,
                 const VtrProgress *progress,
                 GError **error)
{
  g_autofree char *whole = g_strconcat (directory, ".whole", NULL);
  const VtrProgress first = vtr_progress_part (progress, 0.0, 0.5);
  const VtrProgress second = vtr_progress_part (progress, 0.5, 1.0);
  gboolean ok = FALSE;

  if (g_mkdir (whole, 0755) != 0)
    return vtr_files_fail (whole, error);
  if (vtr_model_save (model, whole, &first, error))
    {
      g_autoptr (VtrModel) saved = vtr_model_open (whole, error);
      ok = saved != NULL && fill (saved, pruning, directory, &second, error);
    }
  vtr_files_remove (whole);
  return ok;
}

/* Nothing is there that would be lost. */
gboolean
vtr_pruning_check_folder (const char *target, GError **error)
{
  g_return_val_if_fail (target != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  g_autoptr (GDir) dir = g_dir_open (target, 0, NULL);

  if (!g_file_test (target, G_FILE_TEST_EXISTS) || (dir != NULL && g_dir_read_name (dir) == NULL))
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "%s exists already and is not written over: name a folder that does not exist.",
               target);
  return FALSE;
}

static gboolean
put_in_place (const char *directory, const char *target, GError **error)
{
  g_rmdir (target); /* an empty one */
  return g_rename (directory, target) == 0 || vtr_files_fail (target, error);
}

gboolean
vtr_model_save_pruned (VtrModel *self,
                       const VtrPruning *pruning,
                       const char *directory,
                       VtrProgressFunc progress,
                       gpointer progress_data,
                       GCancellable *cancellable,
                       GError **error)
{
  g_return_val_if_fail (VTR_IS_MODEL (self) && pruning != NULL && directory != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  const VtrProgress whole = vtr_progress_whole (progress, progress_data, cancellable);
  g_autofree char *target = g_canonicalize_filename (directory, NULL);
  g_autofree char *parent = g_path_get_dirname (target);
  g_autofree char *name = g_path_get_basename (target);
  g_autofree char *pattern = g_strdup_printf (".%s.XXXXXX", name);
  g_autofree char *scratch = g_build_filename (parent, pattern, NULL);
  const gboolean is_graph = strcmp (vtr_store_get_format (self->store), "onnx") == 0 &&
                            self->found.family->model_types[0] != NULL;

  if (!vtr_pruning_check_folder (target, error) ||
      !vtr_progress_step (&whole, 0.0, "writing weights", error))
    return FALSE;
  if (g_mkdir_with_parents (parent, 0755) != 0 || g_mkdtemp_full (scratch, 0755) == NULL)
    return vtr_files_fail (parent, error);
  if ((is_graph ? fill_from_graph : fill) (self, pruning, scratch, &whole, error) &&
      put_in_place (scratch, target, error))
    return TRUE;
  vtr_files_remove (scratch);
  return FALSE;
}
