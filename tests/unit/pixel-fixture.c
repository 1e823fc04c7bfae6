/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "pixel-fixture.h"

#include <glib/gstdio.h>
#include <stdlib.h>

char *
pixel_fixture_path (const char *name)
{
  return g_test_build_filename (G_TEST_DIST, "pixels", name, NULL);
}

GPtrArray *
pixel_fixture_table (const char *name)
{
  GPtrArray *table = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);
  g_autofree char *path = pixel_fixture_path (name);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    if (lines[i][0] != '#' && lines[i][0] != '\0')
      g_ptr_array_add (table, g_strsplit (lines[i], " ", -1));
  return table;
}

guint8 *
pixel_fixture_noise (guint width, guint height, guint seed)
{
  const guint32 n_bytes = width * height * 3;
  guint8 *rgba = g_malloc ((gsize) width * height * 4);

  for (guint32 i = 0; i < n_bytes; i++)
    {
      guint32 v = i + seed * 7919;
      v *= 2654435761u;
      v ^= v >> 15;
      v *= 2246822519u;
      v ^= v >> 13;
      const guint8 byte = (guint8) (v >> 24);
      rgba[i / 3 * 4 + i % 3] = seed % 2 == 0 ? byte : byte > 127 ? 255 : 0;
      rgba[i / 3 * 4 + 3] = (guint8) i;
    }
  return rgba;
}

VtrFilter
pixel_fixture_filter (const char *name)
{
  static const char *const names[] = {
    [VTR_FILTER_NEAREST] = "nearest", [VTR_FILTER_BILINEAR] = "bilinear",
    [VTR_FILTER_BICUBIC] = "bicubic", [VTR_FILTER_LANCZOS] = "lanczos",
    [VTR_FILTER_BOX] = "box",         [VTR_FILTER_HAMMING] = "hamming",
  };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (names[i], name))
      return i;
  g_assert_not_reached ();
}

static char *temporary_folder;

static void
remove_temporary_folder (void)
{
  const char *name;
  GDir *folder = g_dir_open (temporary_folder, 0, NULL);

  while (folder != NULL && (name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *path = g_build_filename (temporary_folder, name, NULL);
      g_remove (path);
    }
  g_clear_pointer (&folder, g_dir_close);
  g_rmdir (temporary_folder);
  g_free (temporary_folder);
}

char *
pixel_fixture_temporary (const char *name)
{
  if (temporary_folder == NULL)
    {
      temporary_folder = g_dir_make_tmp ("vitreous-test-XXXXXX", NULL);
      g_assert_nonnull (temporary_folder);
      atexit (remove_temporary_folder);
    }
  return g_build_filename (temporary_folder, name, NULL);
}

VtrArch
pixel_fixture_arch (guint edge, guint crop, guint patch_size)
{
  return (VtrArch){
    .patch_size = patch_size,
    .grid_rows = crop / patch_size,
    .grid_columns = crop / patch_size,
    .preprocess = {
      .resize = VTR_RESIZE_SHORT_EDGE,
      .resize_width = edge,
      .resize_height = edge,
      .filter = VTR_FILTER_BICUBIC,
      .crop = TRUE,
      .crop_width = crop,
      .crop_height = crop,
      .rescale = 1.0 / 255.0,
      .mean = { 0.5, 0.5, 0.5 },
      .std = { 0.5, 0.5, 0.5 },
    },
  };
}
