/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "inputs.h"
#include "common.h"

#include <string.h>

#define ALL_FILES ((VtrExportFlags) ~0)

/* What a folder is searched for; a picture of any other name can be named itself. */
static const char *const picture_endings[] = {
  ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".webp", ".bmp",
  ".gif", ".pnm", ".ppm",  ".pgm", ".tga",  ".jp2", ".avif", ".heic", ".heif",
};

static const struct
{
  VtrExportFlags flag;
  const char *ending;
} written_endings[] = {
  { VTR_EXPORT_OVERLAY, ".overlay.png" },
  { VTR_EXPORT_MAP, ".map.png" },
  { VTR_EXPORT_LAYERS, ".ora" },
  { VTR_EXPORT_SHEET, ".sheet.png" },
  { VTR_EXPORT_NPZ, ".npz" },
  { VTR_EXPORT_PROOF, ".proof.png" },
  { VTR_EXPORT_JSON, ".json" },
};

/* Pictures that are written once for all pictures. */
static const char *const made_names[] = { "evaluate.png", NULL };

/* What is known while arguments are gone through. */
typedef struct
{
  GPtrArray *pictures;
  GPtrArray *names; /* [pictures] of char *: wanted stems, relative to the output folder */
  gboolean recursive;
  char *output; /* canonical, or NULL */
} Search;

char **
cli_files_of (const char *stem, VtrExportFlags flags)
{
  g_autoptr (GStrvBuilder) paths = g_strv_builder_new ();

  for (guint i = 0; i < G_N_ELEMENTS (written_endings); i++)
    if (flags & written_endings[i].flag)
      {
        g_autofree char *path = g_strconcat (stem, written_endings[i].ending, NULL);
        g_strv_builder_add (paths, path);
      }
  return g_strv_builder_end (paths);
}

static void
picture_free (gpointer data)
{
  CliPicture *self = data;

  g_free (self->path);
  g_free (self->stem);
  g_clear_error (&self->error);
  g_strfreev (self->files);
  g_free (self->score.text);
  g_free (self->proof.text);
  g_free (self);
}

/* Takes @error, which may be NULL. */
static void
add_picture (Search *search, const char *path, const char *folder, GError *error)
{
  CliPicture *picture = g_new0 (CliPicture, 1);
  g_autofree char *base = g_path_get_basename (path);
  char *dot = strrchr (base, '.');

  if (dot != NULL && dot != base)
    *dot = '\0';
  picture->path = g_strdup (path);
  picture->error = error;
  picture->status = error != NULL ? CLI_PICTURE_FAILED : CLI_PICTURE_OPEN;
  g_ptr_array_add (search->pictures, picture);
  g_ptr_array_add (search->names, g_build_filename (folder, base, NULL));
}

/* Whether a file found in a folder is a picture, and not one that this program made. */
static gboolean
looks_like_picture (const char *name)
{
  g_autofree char *lower = g_ascii_strdown (name, -1);

  if (g_strv_contains (made_names, name))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (written_endings); i++)
    if (g_str_has_suffix (lower, written_endings[i].ending))
      return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (picture_endings); i++)
    if (g_str_has_suffix (lower, picture_endings[i]))
      return TRUE;
  return FALSE;
}

static gboolean
is_output (const Search *search, const char *path)
{
  if (search->output == NULL)
    return FALSE;

  g_autofree char *canonical = g_canonicalize_filename (path, NULL);

  return strcmp (canonical, search->output) == 0;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* The names in a folder, sorted, so that runs are alike.  Hidden ones are left out. */
static GPtrArray *
list_folder (const char *path, GError **error)
{
  g_autoptr (GError) problem = NULL;
  g_autoptr (GDir) directory = g_dir_open (path, 0, &problem);
  GPtrArray *names;
  const char *name;

  if (directory == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_IO, "The folder cannot be read: %s.",
                   problem->message);
      return NULL;
    }
  names = g_ptr_array_new_with_free_func (g_free);
  while ((name = g_dir_read_name (directory)) != NULL)
    if (name[0] != '.')
      g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  return names;
}

/* @folder: where in the output folder the pictures' files go. */
static void
add_folder (Search *search, const char *path, const char *folder)
{
  GError *error = NULL;
  g_autoptr (GPtrArray) names = list_folder (path, &error);

  if (names == NULL)
    {
      add_picture (search, path, folder, error);
      return;
    }
  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);
      g_autofree char *child = g_build_filename (path, name, NULL);

      if (!g_file_test (child, G_FILE_TEST_IS_DIR))
        {
          if (looks_like_picture (name))
            add_picture (search, child, folder, NULL);
        }
      /* A link to a folder may lead back up. */
      else if (search->recursive && !g_file_test (child, G_FILE_TEST_IS_SYMLINK) &&
               !is_output (search, child))
        {
          g_autofree char *inner = g_build_filename (folder, name, NULL);
          add_folder (search, child, inner);
        }
    }
}

static void
add_argument (Search *search, const char *argument)
{
  const guint n_before = search->pictures->len;

  if (!g_file_test (argument, G_FILE_TEST_IS_DIR))
    {
      add_picture (search, argument, "", NULL);
      return;
    }
  add_folder (search, argument, "");
  if (search->pictures->len == n_before)
    add_picture (search, argument, "",
                 g_error_new (VTR_ERROR, VTR_ERROR_NOT_FOUND, "The folder holds no pictures%s.",
                              search->recursive ? "" : "; -r searches the folders in it, too"));
}

/* Whether files of this stem would take the place of a file in @taken. */
static gboolean
is_taken (GHashTable *taken, const char *stem)
{
  g_auto (GStrv) paths = cli_files_of (stem, ALL_FILES);

  for (guint i = 0; paths[i] != NULL; i++)
    if (g_hash_table_contains (taken, paths[i]))
      return TRUE;
  return FALSE;
}

/* Gives each picture the stem it wants, or with a number behind it the first that is free. */
static void
choose_stems (Search *search, const char *output)
{
  g_autoptr (GHashTable) taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < search->pictures->len; i++)
    {
      const CliPicture *picture = g_ptr_array_index (search->pictures, i);
      g_hash_table_add (taken, g_canonicalize_filename (picture->path, NULL));
    }
  for (guint i = 0; i < search->pictures->len; i++)
    {
      CliPicture *picture = g_ptr_array_index (search->pictures, i);
      const char *name = g_ptr_array_index (search->names, i);
      g_autofree char *canonical = g_build_filename (search->output, name, NULL);

      for (guint number = 2; is_taken (taken, canonical); number++)
        {
          g_free (canonical);
          canonical = g_strdup_printf ("%s/%s-%u", search->output, name, number);
        }
      g_auto (GStrv) paths = cli_files_of (canonical, ALL_FILES);
      for (guint file = 0; paths[file] != NULL; file++)
        g_hash_table_add (taken, g_strdup (paths[file]));

      /* As the user wrote it, not the absolute one. */
      picture->stem = g_build_filename (output, canonical + strlen (search->output), NULL);
    }
}

static void
number_pictures (Search *search)
{
  for (guint i = 0; i < search->pictures->len; i++)
    ((CliPicture *) g_ptr_array_index (search->pictures, i))->index = i;
}

GPtrArray *
cli_inputs_collect (char **arguments, gboolean recursive, const char *output)
{
  Search search = {
    .pictures = g_ptr_array_new_with_free_func (picture_free),
    .names = g_ptr_array_new_with_free_func (g_free),
    .recursive = recursive,
    .output = output == NULL ? NULL : g_canonicalize_filename (output, NULL),
  };

  for (guint i = 0; arguments[i] != NULL; i++)
    add_argument (&search, arguments[i]);
  number_pictures (&search);
  if (output != NULL)
    choose_stems (&search, output);
  g_ptr_array_unref (search.names);
  g_free (search.output);
  return search.pictures;
}

GPtrArray *
cli_inputs_collect_classes (const char *folder,
                            GPtrArray *labels,
                            const char *output,
                            GError **error)
{
  g_autoptr (GPtrArray) names = list_folder (folder, error);
  if (names == NULL)
    {
      g_prefix_error (error, "%s: ", folder);
      return NULL;
    }

  Search search = {
    .pictures = g_ptr_array_new_with_free_func (picture_free),
    .names = g_ptr_array_new_with_free_func (g_free),
    .output = output == NULL ? NULL : g_canonicalize_filename (output, NULL),
  };
  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);
      const guint n_before = search.pictures->len;
      g_autofree char *path = g_build_filename (folder, name, NULL);

      if (!g_file_test (path, G_FILE_TEST_IS_DIR))
        continue;
      add_folder (&search, path, name);
      for (guint k = n_before; k < search.pictures->len; k++)
        ((CliPicture *) g_ptr_array_index (search.pictures, k))->class_index = labels->len;
      g_ptr_array_add (labels, cli_name_to_text (name));
    }
  number_pictures (&search);
  if (output != NULL)
    choose_stems (&search, output);
  g_ptr_array_unref (search.names);
  g_free (search.output);
  return search.pictures;
}

void
cli_inputs_thin_out (GPtrArray *pictures, guint n)
{
  const guint n_all = pictures->len;

  if (n >= n_all)
    return;
  /* What is kept changes places with what is not, which comes no later. */
  for (guint i = 0; i < n; i++)
    {
      const guint kept = (guint) ((guint64) i * n_all / n);
      CliPicture *picture = g_ptr_array_index (pictures, kept);

      g_ptr_array_index (pictures, kept) = g_ptr_array_index (pictures, i);
      g_ptr_array_index (pictures, i) = picture;
      picture->index = i;
    }
  g_ptr_array_set_size (pictures, (int) n);
}

guint
cli_inputs_count (GPtrArray *pictures, CliPictureStatus status)
{
  guint n = 0;

  for (guint i = 0; i < pictures->len; i++)
    n += ((const CliPicture *) g_ptr_array_index (pictures, i))->status == status;
  return n;
}

void
cli_inputs_list_failures (GPtrArray *pictures)
{
  const guint n_failed = cli_inputs_count (pictures, CLI_PICTURE_FAILED);

  if (n_failed == 0)
    return;
  if (pictures->len > 1)
    cli_say ("%u of %u pictures failed:", n_failed, pictures->len);
  for (guint i = 0; i < pictures->len; i++)
    {
      const CliPicture *picture = g_ptr_array_index (pictures, i);
      if (picture->status != CLI_PICTURE_FAILED)
        continue;
      if (strstr (picture->error->message, picture->path) != NULL)
        cli_say ("%s", picture->error->message);
      else
        cli_say ("%s: %s", picture->path, picture->error->message);
    }
}
