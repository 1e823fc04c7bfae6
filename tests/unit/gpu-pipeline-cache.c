/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* The pipeline cache: written, read, and never trusted. */
#include "gpu-fixture.h"

#include <glib/gstdio.h>
#include <string.h>

/* Opens the device, runs one pipeline, closes it.  FALSE if there is no device. */
static gboolean
use_device (void)
{
  g_autoptr (VtrDevice) device = gpu_fixture_open ();
  g_autoptr (GError) error = NULL;
  GpuRotation rotation;

  if (device == NULL)
    return FALSE;
  VtrStream *stream = vtr_stream_new (device, &error);
  gpu_rotation_init (&rotation, device, 10);
  vtr_arena_commit (rotation.arena, &error);
  gpu_rotation_upload (&rotation, stream);
  gpu_rotation_turn (&rotation, stream, &error);
  g_assert_no_error (error);
  gpu_rotation_check (&rotation, stream, 1);
  vtr_stream_free (stream);
  gpu_rotation_finish (&rotation);
  return TRUE;
}

/* The one file in the cache; the test has a cache folder of its own. */
static char *
find_file (void)
{
  g_autofree char *folder = g_build_filename (g_get_user_cache_dir (), "vitreous", NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);

  g_assert_nonnull (dir);
  const char *name = g_dir_read_name (dir);
  g_assert_nonnull (name);
  char *path = g_build_filename (folder, name, NULL);
  g_assert_null (g_dir_read_name (dir)); /* no temporary file is left beside it */
  return path;
}

static void
test_damaged (void)
{
  g_autofree char *good = NULL;
  gsize n_bytes;

  if (!use_device ())
    return;
  g_autofree char *path = find_file ();
  g_assert_true (g_file_get_contents (path, &good, &n_bytes, NULL));
  g_assert_cmpuint (n_bytes, >, 72);

  /* Cut anywhere, any part changed, or longer: used no more, and made anew. */
  const gsize cuts[] = { 0, 1, 40, 71, 72, n_bytes - 1 };
  for (guint i = 0; i < G_N_ELEMENTS (cuts); i++)
    {
      g_autofree char *now = NULL;
      gsize n_now;

      g_assert_true (g_file_set_contents (path, good, (gssize) cuts[i], NULL));
      g_assert_true (use_device ());
      g_assert_true (g_file_get_contents (path, &now, &n_now, NULL));
      g_assert_cmpuint (n_now, >, 72);
    }
  const gsize flips[] = { 0, 10, 50, 73, n_bytes - 1 };
  for (guint i = 0; i < G_N_ELEMENTS (flips); i++)
    {
      g_autofree char *bad = g_memdup2 (good, n_bytes);
      g_autofree char *now = NULL;
      gsize n_now;

      bad[flips[i]] ^= 0x10;
      g_assert_true (g_file_set_contents (path, bad, (gssize) n_bytes, NULL));
      g_assert_true (use_device ());
      g_assert_true (g_file_get_contents (path, &now, &n_now, NULL));
      g_assert_true (n_now != n_bytes || memcmp (now, bad, n_bytes) != 0);
    }
  g_assert_cmpint (g_unlink (path), ==, 0);
}

/* A cache that cannot be written is no error. */
static void
test_no_folder (void)
{
  g_autofree char *folder = g_build_filename (g_get_user_cache_dir (), "vitreous", NULL);

  g_rmdir (folder);
  g_assert_true (g_file_set_contents (folder, "a file where a folder should be", -1, NULL));
  use_device ();
  g_assert_cmpint (g_unlink (folder), ==, 0);
}

int
main (int argc, char **argv)
{
  g_autofree char *folder = g_dir_make_tmp ("vitreous-cache-XXXXXX", NULL);

  g_setenv ("XDG_CACHE_HOME", folder, TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gpu/pipeline-cache/damaged", test_damaged);
  g_test_add_func ("/gpu/pipeline-cache/no-folder", test_no_folder);
  const int result = g_test_run ();
  g_rmdir (folder);
  return result;
}
