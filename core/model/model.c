/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/private.h"

#include <string.h>

typedef GObjectClass VtrModelClass;

G_DEFINE_FINAL_TYPE (VtrModel, vtr_model, G_TYPE_OBJECT)

static void
vtr_model_finalize (GObject *object)
{
  VtrModel *self = (VtrModel *) object;

  if (self->base == NULL)
    {
      vtr_detection_clear (&self->found);
      vtr_store_unref (self->store);
    }
  g_clear_object (&self->base);
  g_clear_pointer (&self->head, vtr_head_unref);
  g_clear_pointer (&self->gates, vtr_pruning_unref);
  g_clear_pointer (&self->files, g_ptr_array_unref);
  g_clear_pointer (&self->stamp, g_free);
  g_free (self->path);
  g_free (self->name);
  g_free (self->hash);
  g_mutex_clear (&self->lock);
  G_OBJECT_CLASS (vtr_model_parent_class)->finalize (object);
}

static void
vtr_model_class_init (VtrModelClass *klass)
{
  klass->finalize = vtr_model_finalize;
}

static void
vtr_model_init (VtrModel *self)
{
  g_mutex_init (&self->lock);
}

static gboolean
exists (const char *path)
{
  return g_file_test (path, G_FILE_TEST_IS_REGULAR);
}

/* A configuration file of @directory; NULL without error where there is none. */
static VtrConfig *
read_beside (GPtrArray *files, const char *directory, const char *name, GError **error)
{
  g_autofree char *path = g_build_filename (directory, name, NULL);

  if (!exists (path))
    return NULL;
  g_ptr_array_add (files, g_strdup (path));
  return vtr_config_read (path, error);
}

static gboolean
refuse_directory (const char *directory, GError **error)
{
  static const char *const pickles[] = { "pytorch_model.bin", "pytorch_model.pth", "model.pth",
                                         "model.ckpt", NULL };

  for (guint i = 0; pickles[i] != NULL; i++)
    {
      g_autofree char *path = g_build_filename (directory, pickles[i], NULL);
      if (exists (path))
        {
          g_autoptr (VtrStore) store = vtr_store_open_file (path, error);
          return FALSE;
        }
    }
  g_set_error (error, VTR_ERROR, VTR_ERROR_NOT_FOUND,
               "%s: there are no weights in this directory (model.safetensors, "
               "model.safetensors.index.json, or one .safetensors, .npz or .onnx file).",
               directory);
  return FALSE;
}

/* The one file of @directory that can hold weights, if there is just one. */
static char *
find_single (const char *directory)
{
  static const char *const suffixes[] = { ".safetensors", ".npz", ".onnx" };
  g_autoptr (GDir) dir = g_dir_open (directory, 0, NULL);
  g_autofree char *found = NULL;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++)
      if (g_str_has_suffix (name, suffixes[i]))
        {
          if (found != NULL)
            return NULL;
          found = g_build_filename (directory, name, NULL);
        }
  return g_steal_pointer (&found);
}

/* Weights of a directory, as transformers and timm name them. */
static VtrStore *
open_weights (GPtrArray *files, const char *directory, GError **error)
{
  g_autofree char *whole = g_build_filename (directory, "model.safetensors", NULL);
  g_autofree char *index = g_build_filename (directory, "model.safetensors.index.json", NULL);

  if (!exists (whole) && exists (index))
    return vtr_store_open_shards (index, files, error);
  if (!exists (whole))
    {
      g_free (whole);
      whole = find_single (directory);
    }
  if (whole == NULL)
    {
      refuse_directory (directory, error);
      return NULL;
    }
  g_ptr_array_add (files, g_strdup (whole));
  return vtr_store_open_file (whole, error);
}

/* A file is read with the configuration beside it only where it is the directory's one model. */
static gboolean
is_directory_model (const char *path, const char *directory)
{
  g_autofree char *base = g_path_get_basename (path);
  g_autofree char *single = find_single (directory);

  return g_str_has_suffix (base, ".safetensors") &&
         (strcmp (base, "model.safetensors") == 0 || single != NULL);
}

static VtrStore *
open_paths (const char *path,
            GPtrArray *files,
            VtrConfig **config,
            VtrConfig **preprocessor,
            GError **error)
{
  g_autoptr (GError) local = NULL;
  const gboolean is_directory = g_file_test (path, G_FILE_TEST_IS_DIR);
  g_autofree char *directory = is_directory ? g_strdup (path) : g_path_get_dirname (path);
  g_autoptr (VtrStore) store =
      is_directory ? open_weights (files, directory, error) : vtr_store_open_file (path, error);

  if (store == NULL)
    return NULL;
  if (!is_directory)
    g_ptr_array_add (files, g_strdup (path));
  if (!is_directory && !is_directory_model (path, directory))
    return g_steal_pointer (&store);
  *config = read_beside (files, directory, "config.json", &local);
  if (local == NULL)
    *preprocessor = read_beside (files, directory, "preprocessor_config.json", &local);
  if (local == NULL)
    return g_steal_pointer (&store);
  g_propagate_error (error, g_steal_pointer (&local));
  return NULL;
}

/* "dinov2-small" of ".../dinov2-small/" and of ".../dinov2-small.safetensors" */
static char *
name_of_path (const char *path)
{
  g_autofree char *absolute = g_canonicalize_filename (path, NULL);
  char *name = g_path_get_basename (absolute);
  char *dot = strrchr (name, '.');

  if (dot != NULL && dot != name && !g_file_test (path, G_FILE_TEST_IS_DIR))
    *dot = '\0';
  return name;
}

VtrModel *
vtr_model_new_from_store (VtrStore *store,
                          VtrConfig *config,
                          VtrConfig *preprocessor,
                          const char *path,
                          GError **error)
{
  g_autoptr (VtrModel) self = g_object_new (VTR_TYPE_MODEL, NULL);

  self->path = g_strdup (path);
  self->name = name_of_path (path);
  self->store = store;
  if (!vtr_detection_init (&self->found, store, config, preprocessor, error))
    return NULL;
  g_info ("%s: %s, %u layers, %u wide", path, self->found.family->name, self->found.arch.n_layers,
          self->found.arch.hidden_size);
  return g_steal_pointer (&self);
}

VtrModel *
vtr_model_open (const char *path, GError **error)
{
  g_return_val_if_fail (path != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  g_autoptr (VtrConfig) config = NULL;
  g_autoptr (VtrConfig) preprocessor = NULL;
  g_autoptr (GPtrArray) files = g_ptr_array_new_with_free_func (g_free);

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_NOT_FOUND, "%s: there is no such file or directory.",
                   path);
      return NULL;
    }
  g_autoptr (VtrStore) store = open_paths (path, files, &config, &preprocessor, error);
  if (store == NULL)
    return NULL;

  VtrModel *self =
      vtr_model_new_from_store (g_steal_pointer (&store), config, preprocessor, path, error);
  if (self != NULL)
    {
      self->files = g_steal_pointer (&files);
      self->stamp = vtr_hash_cache_stamp (self);
    }
  return self;
}

const VtrArch *
vtr_model_get_arch (VtrModel *self)
{
  g_return_val_if_fail (VTR_IS_MODEL (self), NULL);
  return &self->found.arch;
}

const char *
vtr_model_get_path (VtrModel *self)
{
  g_return_val_if_fail (VTR_IS_MODEL (self), NULL);
  return self->path;
}

const char *
vtr_model_get_name (VtrModel *self)
{
  g_return_val_if_fail (VTR_IS_MODEL (self), NULL);
  return self->name;
}

const char *
vtr_model_get_family (VtrModel *self)
{
  g_return_val_if_fail (VTR_IS_MODEL (self), NULL);
  return self->found.arch.family;
}

guint
vtr_model_get_n_layers (VtrModel *self)
{
  g_return_val_if_fail (VTR_IS_MODEL (self), 0);
  return self->found.arch.n_layers;
}

guint
vtr_model_get_n_heads (VtrModel *self)
{
  g_return_val_if_fail (VTR_IS_MODEL (self), 0);
  return self->found.arch.n_heads;
}

guint
vtr_model_get_layer_heads (VtrModel *self, guint layer)
{
  g_return_val_if_fail (VTR_IS_MODEL (self), 0);
  g_return_val_if_fail (layer < self->found.arch.n_layers, 0);
  return vtr_arch_n_heads (&self->found.arch, layer);
}

guint
vtr_model_get_patch_size (VtrModel *self)
{
  g_return_val_if_fail (VTR_IS_MODEL (self), 0);
  return self->found.arch.patch_size;
}

guint
vtr_model_get_n_prefix_tokens (VtrModel *self)
{
  g_return_val_if_fail (VTR_IS_MODEL (self), 0);
  return vtr_arch_n_prefix (&self->found.arch);
}

gboolean
vtr_model_has_cls_token (VtrModel *self)
{
  g_return_val_if_fail (VTR_IS_MODEL (self), FALSE);
  return self->found.arch.has_cls;
}

guint
vtr_model_get_n_classes (VtrModel *self)
{
  g_return_val_if_fail (VTR_IS_MODEL (self), 0);
  return self->found.arch.n_classes;
}

const char *
vtr_model_get_label (VtrModel *self, guint class_index)
{
  g_return_val_if_fail (VTR_IS_MODEL (self), NULL);

  const GPtrArray *labels = self->found.labels;
  return labels != NULL && class_index < labels->len ? labels->pdata[class_index] : NULL;
}
