/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* Installed models: import, list, find.
 * usage: model-import DINOV2.onnx */
#include "model-fixture.h"

#include <glib/gstdio.h>
#include <string.h>

static const char *onnx_path;

/* Names of all there is among the installed models, hidden ones too. */
static guint
count_entries (void)
{
  g_autofree char *models = vtr_models_get_directory ();
  g_autoptr (GDir) dir = g_dir_open (models, 0, NULL);
  guint n = 0;

  while (dir != NULL && g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

static void
remove_models (void)
{
  g_autofree char *models = vtr_models_get_directory ();

  fixture_remove_tree (models);
}

static void
note_progress (double done, const char *what, gpointer data)
{
  double *last = data;

  g_assert_nonnull (what);
  g_assert_cmpfloat (done, >=, 0.0);
  g_assert_cmpfloat (done, <=, 1.0);
  *last = done;
}

static void
test_directory (void)
{
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (FALSE);
  g_autoptr (GError) error = NULL;
  double last = -1.0;

  remove_models ();
  g_autoptr (VtrModel) model = fixture_open (fixture, &error);
  fixture_write (fixture, "notes.txt", "not of the model");
  g_autofree char *path =
      vtr_models_import (fixture->directory, "tiny", FALSE, note_progress, &last, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (last, ==, 1.0);

  g_autoptr (VtrModel) installed = vtr_model_open (path, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (vtr_model_get_name (installed), ==, "tiny");
  g_assert_cmpstr (vtr_model_get_hash (installed), ==, vtr_model_get_hash (model));
  g_autofree char *notes = g_build_filename (path, "notes.txt", NULL);
  g_assert_false (g_file_test (notes, G_FILE_TEST_EXISTS));

  /* The only one installed, and by its name. */
  g_autofree char *only = vtr_model_find (NULL, &error);
  g_autofree char *named = vtr_model_find ("tiny", &error);
  g_assert_cmpstr (only, ==, path);
  g_assert_cmpstr (named, ==, path);
}

static void
test_onnx (void)
{
  g_autoptr (GError) error = NULL;

  remove_models ();
  g_autofree char *path = vtr_models_import (onnx_path, "starter", FALSE, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_autoptr (VtrModel) origin = vtr_model_open (onnx_path, &error);
  g_autoptr (VtrModel) installed = vtr_model_open (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (vtr_model_get_n_heads (installed), ==, 2);
  g_assert_cmpmem (&vtr_model_get_arch (installed)->preprocess, sizeof (VtrPreprocess),
                   &vtr_model_get_arch (origin)->preprocess, sizeof (VtrPreprocess));
  for (guint weight = 0; weight < VTR_N_WEIGHTS; weight++)
    {
      const gsize n = vtr_model_get_weight_size (origin, weight, 0);
      g_autofree float *before = g_new (float, n);
      g_autofree float *after = g_new (float, n);
      vtr_model_read_weight (origin, weight, 0, before, &error);
      g_assert_no_error (error);
      vtr_model_read_weight (installed, weight, 0, after, &error);
      g_assert_no_error (error);
      g_assert_cmpmem (before, n * sizeof *before, after, n * sizeof *after);
    }
  g_autofree float *before = vtr_model_make_positions (origin, 2, 2, &error);
  g_autofree float *after = vtr_model_make_positions (installed, 2, 2, &error);
  g_assert_cmpmem (before, 4 * 4 * sizeof *before, after, 4 * 4 * sizeof *after);
}

static void
test_replace (void)
{
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (FALSE);
  g_autoptr (GError) error = NULL;

  remove_models ();
  g_autoptr (VtrModel) model = fixture_open (fixture, &error);
  g_autofree char *first =
      vtr_models_import (fixture->directory, "tiny", FALSE, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_autofree char *second =
      vtr_models_import (fixture->directory, "tiny", FALSE, NULL, NULL, NULL, &error);
  g_assert_null (second);
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
  g_clear_error (&error);
  second = vtr_models_import (fixture->directory, "tiny", TRUE, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (second, ==, first);
  g_assert_cmpuint (count_entries (), ==, 1);
}

static void
cancel_at_once (double done, const char *what, gpointer data)
{
  (void) what;
  if (done > 0.0)
    g_cancellable_cancel (data);
}

/* Neither a failure nor a cancellation leaves anything behind. */
static void
test_nothing_left (void)
{
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (FALSE);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  static const char *const names[] = { "", ".", "..", "../x", "a/b", "a b", ".hidden", "-x", "ä" };

  remove_models ();
  g_assert_null (
      vtr_models_import (onnx_path, "x", FALSE, cancel_at_once, cancellable, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_cmpuint (count_entries (), ==, 0);

  g_assert_null (vtr_models_import (fixture->directory, "x", FALSE, NULL, NULL, NULL, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_NOT_FOUND);
  g_clear_error (&error);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_assert_null (vtr_models_import (onnx_path, names[i], FALSE, NULL, NULL, NULL, &error));
      g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
      g_clear_error (&error);
    }
  g_assert_cmpuint (count_entries (), ==, 0);
}

static void
test_find (void)
{
  g_autoptr (GError) error = NULL;

  remove_models ();
  g_assert_null (vtr_model_find (NULL, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_NOT_FOUND);
  g_clear_error (&error);

  g_autofree char *b = vtr_models_import (onnx_path, "b", FALSE, NULL, NULL, NULL, &error);
  g_autofree char *a = vtr_models_import (onnx_path, "a", FALSE, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_auto (GStrv) names = vtr_models_list ();
  const char *const expected[] = { "a", "b", NULL };
  g_assert_true (g_strv_equal ((const char *const *) names, expected));
  g_assert_null (vtr_model_find (NULL, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "a, b"));
  g_clear_error (&error);
  g_assert_null (vtr_model_find ("c", &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_NOT_FOUND);
  g_clear_error (&error);

  g_autofree char *starter =
      vtr_models_import (onnx_path, "starter", FALSE, NULL, NULL, NULL, &error);
  g_autofree char *found = vtr_model_find (NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (found, ==, starter);
  remove_models ();
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *contents = NULL;
  gsize n;

  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 2);

  /* The corpus has no extensions; a file of a user's has. */
  g_autofree char *folder = g_dir_make_tmp ("vitreous-import-XXXXXX", &error);
  g_setenv ("XDG_DATA_HOME", folder, TRUE);
  g_autofree char *copy = g_build_filename (folder, "tiny.onnx", NULL);
  g_assert_true (g_file_get_contents (argv[1], &contents, &n, &error));
  g_assert_true (g_file_set_contents (copy, contents, (gssize) n, &error));
  onnx_path = copy;

  g_test_add_func ("/import/directory", test_directory);
  g_test_add_func ("/import/onnx", test_onnx);
  g_test_add_func ("/import/replace", test_replace);
  g_test_add_func ("/import/nothing-left", test_nothing_left);
  g_test_add_func ("/import/find", test_find);
  const int status = g_test_run ();
  fixture_remove_tree (folder);
  return status;
}
