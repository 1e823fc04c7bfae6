/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "analysis/diagnosis.h"

#include <string.h>

#define ENDING ".json"

char *
vtr_references_get_directory (void)
{
  return g_build_filename (g_get_user_data_dir (), "vitreous", "references", NULL);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* The files in the user's directory, by name; of char *. */
static GPtrArray *
list_files (const char *directory)
{
  g_autoptr (GDir) dir = g_dir_open (directory, 0, NULL);
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (*name != '.' && g_str_has_suffix (name, ENDING))
      g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  return names;
}

/* The better of two; @found may be NULL.  Takes both. */
static VtrReference *
choose (VtrReference *found, VtrReference *other, VtrModel *model)
{
  const char *name = vtr_model_get_name (model);

  if (!vtr_reference_check (other, model, NULL) ||
      (found != NULL && (strcmp (found->name, name) == 0 || strcmp (other->name, name) != 0)))
    {
      vtr_reference_free (other);
      return found;
    }
  vtr_reference_free (found);
  return other;
}

static VtrReference *
find_among_users (VtrModel *model, GError **error)
{
  g_autofree char *directory = vtr_references_get_directory ();
  g_autoptr (GPtrArray) names = list_files (directory);
  VtrReference *found = NULL;

  for (guint i = 0; i < names->len; i++)
    {
      g_autofree char *path = g_build_filename (directory, g_ptr_array_index (names, i), NULL);
      VtrReference *reference = vtr_reference_load (path, error);

      if (reference == NULL)
        {
          vtr_reference_free (found);
          return NULL;
        }
      found = choose (found, reference, model);
    }
  return found;
}

static VtrReference *
find_built_in (VtrModel *model, GError **error)
{
  VtrReference *found = NULL;

  for (guint i = 0; vtr_built_in_references[i].name != NULL; i++)
    {
      const char *json = vtr_built_in_references[i].json;
      g_autoptr (GBytes) bytes = g_bytes_new_static (json, strlen (json));
      VtrReference *reference = vtr_reference_parse (bytes, vtr_built_in_references[i].name, error);

      if (reference == NULL)
        {
          vtr_reference_free (found);
          return NULL;
        }
      found = choose (found, reference, model);
    }
  return found;
}

VtrReference *
vtr_reference_find (VtrModel *model, GError **error)
{
  GError *problem = NULL;

  g_return_val_if_fail (model != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  VtrReference *found = find_among_users (model, &problem);
  if (found == NULL && problem == NULL)
    found = find_built_in (model, &problem);
  if (problem != NULL)
    g_propagate_error (error, problem);
  return found;
}
