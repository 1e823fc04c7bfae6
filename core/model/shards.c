/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/config.h"
#include "model/store.h"

#include <string.h>

/* A file beside the index: no path that leads elsewhere. */
static gboolean
is_plain_name (const char *name)
{
  return *name != '\0' && *name != '.' && strchr (name, '/') == NULL && strchr (name, '\\') == NULL;
}

/* Opens a shard once and moves its tensors into @store. */
static gboolean
add_shard (VtrStore *store,
           const char *directory,
           const char *name,
           GHashTable *done,
           GPtrArray *files,
           GError **error)
{
  if (!is_plain_name (name))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT, "%s: “%s” is no name of a file beside it.",
                   vtr_store_get_label (store), name);
      return FALSE;
    }
  if (!g_hash_table_add (done, g_strdup (name)))
    return TRUE;

  char *path = g_build_filename (directory, name, NULL);
  g_ptr_array_add (files, path);
  if (!g_file_test (path, G_FILE_TEST_IS_REGULAR))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_NOT_FOUND,
                   "%s: this part of the checkpoint is missing, though %s names it.", path,
                   vtr_store_get_label (store));
      return FALSE;
    }
  g_autoptr (VtrStore) shard = vtr_store_open_file (path, error);
  return shard != NULL && vtr_store_merge (store, shard, error);
}

VtrStore *
vtr_store_open_shards (const char *index_path, GPtrArray *files, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (VtrConfig) config = vtr_config_read (index_path, &local);
  g_autoptr (VtrConfig) map =
      config != NULL ? vtr_config_get_child (config, "weight_map", &local) : NULL;

  if (map == NULL)
    {
      if (local != NULL)
        g_propagate_error (error, g_steal_pointer (&local));
      else
        g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT, "%s: there is no “weight_map”.",
                     index_path);
      return NULL;
    }

  g_autoptr (VtrStore) store = vtr_store_new ("safetensors", index_path);
  g_autoptr (GHashTable) done = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GPtrArray) names = vtr_config_get_keys (map);
  g_autofree char *directory = g_path_get_dirname (index_path);
  const char *shard = "";

  g_ptr_array_add (files, g_strdup (index_path));
  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);
      if (!vtr_config_get_string (map, name, &shard, error) ||
          !add_shard (store, directory, shard, done, files, error))
        return NULL;
      if (vtr_store_find (store, name) == NULL)
        {
          g_set_error (error, VTR_ERROR, VTR_ERROR_MISSING_TENSOR,
                       "%s: the tensor %s should be in %s, but is not.", index_path, name, shard);
          return NULL;
        }
    }
  return g_steal_pointer (&store);
}
