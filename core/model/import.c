/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#define MAX_NAME 100 /* bytes */

static gboolean
check_name (const char *name, GError **error)
{
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  const gsize n = strlen (name);

  if (n > 0 && n <= MAX_NAME && *name != '.' && *name != '-' && strspn (name, allowed) == n)
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "“%s” cannot be the name of a model: take up to %d letters, digits, '.', '_' and "
               "'-', and start with a letter, a digit or '_'.",
               name, MAX_NAME);
  return FALSE;
}

typedef struct
{
  const VtrProgress *progress;
  guint64 before; /* bytes of the files already copied */
  guint64 total;
} Copying;

static void
report_copy (goffset n_done, goffset n_total, gpointer data)
{
  const Copying *self = data;

  (void) n_total;
  /* g_file_copy () looks at the cancellable itself. */
  if (self->total > 0)
    vtr_progress_step (self->progress,
                       (double) (self->before + (guint64) n_done) / (double) self->total,
                       "copying weights", NULL);
}

static guint64
file_size (const char *path)
{
  GStatBuf info;

  return g_stat (path, &info) == 0 ? (guint64) info.st_size : 0;
}

/* A file that stands alone gets the name that a directory's weights have. */
static char *
target_name (VtrModel *self, const char *path)
{
  if (self->files->len == 1 && g_str_has_suffix (path, ".safetensors"))
    return g_strdup ("model.safetensors");
  return g_path_get_basename (path);
}

static gboolean
copy_files (VtrModel *self, const char *directory, const VtrProgress *progress, GError **error)
{
  Copying copying = { .progress = progress };

  for (guint i = 0; i < self->files->len; i++)
    copying.total += file_size (self->files->pdata[i]);
  for (guint i = 0; i < self->files->len; i++)
    {
      const char *path = self->files->pdata[i];
      g_autofree char *name = target_name (self, path);
      g_autofree char *copy = g_build_filename (directory, name, NULL);
      g_autoptr (GFile) from = g_file_new_for_path (path);
      g_autoptr (GFile) to = g_file_new_for_path (copy);
      g_autoptr (GError) why = NULL;

      if (!g_file_copy (from, to, G_FILE_COPY_TARGET_DEFAULT_PERMS, progress->cancellable,
                        report_copy, &copying, &why))
        {
          if (g_error_matches (why, G_IO_ERROR, G_IO_ERROR_CANCELLED))
            g_propagate_error (error, g_steal_pointer (&why));
          else
            g_set_error (error, VTR_ERROR, VTR_ERROR_IO, "%s cannot be copied to %s: %s.", path,
                         directory, why->message);
          return FALSE;
        }
      copying.before += file_size (path);
    }
  return TRUE;
}

static gboolean
fill (VtrModel *self, const char *directory, const VtrProgress *progress, GError **error)
{
  const gboolean is_onnx = strcmp (vtr_store_get_format (self->store), "onnx") == 0;
  const gboolean filled = is_onnx && self->found.family->model_types[0] != NULL
                              ? vtr_model_save (self, directory, progress, error)
                              : copy_files (self, directory, progress, error);
  if (!filled)
    return FALSE;

  /* What is installed must open. */
  g_autoptr (VtrModel) installed = vtr_model_open (directory, error);
  return installed != NULL;
}

static gboolean
check_target (const char *target, const char *name, gboolean replace, GError **error)
{
  if (replace || !g_file_test (target, G_FILE_TEST_EXISTS))
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "A model called %s is installed already, in %s: take another name, or say that it "
               "may be replaced.",
               name, target);
  return FALSE;
}

char *
vtr_models_import (const char *path,
                   const char *name,
                   gboolean replace,
                   VtrProgressFunc func,
                   gpointer progress_data,
                   GCancellable *cancellable,
                   GError **error)
{
  g_return_val_if_fail (path != NULL && name != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  const VtrProgress progress = vtr_progress_whole (func, progress_data, cancellable);
  g_autofree char *models = vtr_models_get_directory ();
  g_autofree char *target = g_build_filename (models, name, NULL);
  g_autofree char *pattern = g_strdup_printf (".%s.XXXXXX", name);
  g_autofree char *directory = g_build_filename (models, pattern, NULL);

  if (!check_name (name, error) || !check_target (target, name, replace, error) ||
      !vtr_progress_step (&progress, 0.0, "reading the model", error))
    return NULL;
  g_autoptr (VtrModel) model = vtr_model_open (path, error);
  if (model == NULL)
    return NULL;
  if (g_mkdir_with_parents (models, 0755) != 0 || g_mkdtemp_full (directory, 0755) == NULL)
    {
      vtr_files_fail (models, error);
      return NULL;
    }
  if (!fill (model, directory, &progress, error) || !vtr_files_put (directory, target, error))
    {
      vtr_files_remove (directory);
      return NULL;
    }
  return g_steal_pointer (&target);
}
