/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Folders of files that become a checkpoint only when all of it is written. */
#include "model/private.h"

#include <errno.h>
#include <glib/gstdio.h>

void
vtr_files_remove (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);
      g_unlink (file);
    }
  g_rmdir (path);
}

gboolean
vtr_files_fail (const char *path, GError **error)
{
  const int code = errno;

  g_set_error (error, VTR_ERROR, VTR_ERROR_IO, "%s cannot be written: %s.", path,
               g_strerror (code));
  return FALSE;
}

gboolean
vtr_files_write_text (const char *directory, const char *name, const char *text, GError **error)
{
  g_autofree char *path = g_build_filename (directory, name, NULL);
  g_autoptr (GError) why = NULL;

  if (g_file_set_contents (path, text, -1, &why))
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_IO, "%s cannot be written: %s.", path, why->message);
  return FALSE;
}

gboolean
vtr_files_write_all (GOutputStream *stream,
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

gboolean
vtr_model_save (VtrModel *self, const char *directory, const VtrProgress *progress, GError **error)
{
  g_autofree char *config = vtr_model_make_config (self);
  g_autofree char *preprocessor = vtr_model_make_preprocessor_config (self);
  g_autofree char *weights = g_build_filename (directory, "model.safetensors", NULL);

  return vtr_files_write_text (directory, "config.json", config, error) &&
         vtr_files_write_text (directory, "preprocessor_config.json", preprocessor, error) &&
         vtr_model_save_weights (self, weights, progress, error);
}

gboolean
vtr_files_put (const char *directory, const char *target, GError **error)
{
  g_autofree char *old = g_strconcat (directory, ".old", NULL);
  const gboolean replaces = g_file_test (target, G_FILE_TEST_EXISTS);

  if (replaces && g_rename (target, old) != 0)
    return vtr_files_fail (target, error);
  if (g_rename (directory, target) != 0)
    {
      vtr_files_fail (target, error);
      if (replaces && g_rename (old, target) != 0)
        g_warning ("%s could not be moved back to %s", old, target);
      return FALSE;
    }
  if (replaces)
    vtr_files_remove (old);
  return TRUE;
}
