/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/private.h"

#include <string.h>

char *
vtr_models_get_directory (void)
{
  return g_build_filename (g_get_user_data_dir (), "vitreous", "models", NULL);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

char **
vtr_models_list (void)
{
  g_autofree char *directory = vtr_models_get_directory ();
  g_autoptr (GDir) dir = g_dir_open (directory, 0, NULL);
  GPtrArray *names = g_ptr_array_new ();
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (directory, name, NULL);
      if (*name != '.' && g_file_test (path, G_FILE_TEST_IS_DIR))
        g_ptr_array_add (names, g_strdup (name));
    }
  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (names, FALSE);
}

static char *
find_default (GError **error)
{
  g_autofree char *directory = vtr_models_get_directory ();
  g_auto (GStrv) names = vtr_models_list ();
  const guint n = g_strv_length (names);

  if (n == 1 || g_strv_contains ((const char *const *) names, "starter"))
    return g_build_filename (directory, n == 1 ? names[0] : "starter", NULL);
  if (n == 0)
    g_set_error (error, VTR_ERROR, VTR_ERROR_NOT_FOUND,
                 "No model is installed in %s: name one by its path, or install one with "
                 "“vitreous import”.",
                 directory);
  else
    {
      g_autofree char *list = g_strjoinv (", ", names);
      g_set_error (error, VTR_ERROR, VTR_ERROR_NOT_FOUND,
                   "Several models are installed (%s), and none is called starter: name one.",
                   list);
    }
  return NULL;
}

char *
vtr_model_find (const char *name, GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (name == NULL)
    return find_default (error);
  if (g_file_test (name, G_FILE_TEST_EXISTS))
    return g_strdup (name);

  g_autofree char *directory = vtr_models_get_directory ();
  g_autofree char *installed = g_build_filename (directory, name, NULL);
  if (strchr (name, G_DIR_SEPARATOR) == NULL && *name != '.' && *name != '\0' &&
      g_file_test (installed, G_FILE_TEST_IS_DIR))
    return g_steal_pointer (&installed);

  g_auto (GStrv) names = vtr_models_list ();
  g_autofree char *list = g_strjoinv (", ", names);
  g_set_error (error, VTR_ERROR, VTR_ERROR_NOT_FOUND,
               "%s: there is no such file or directory, and no model of this name is installed in "
               "%s (%s).",
               name, directory, *list != '\0' ? list : "none is");
  return NULL;
}
