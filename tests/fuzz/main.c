/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "fuzz.h"

#include <stdint.h>

void
fuzz_assert_answered (gboolean answered, const GError *error)
{
  g_assert_true (answered == (error == NULL));
  if (error != NULL)
    {
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      g_assert_true (g_str_has_suffix (error->message, "."));
    }
}

#ifdef VTR_LIBFUZZER

int LLVMFuzzerInitialize (int *argc, char ***argv);
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* As in a test, what GLib calls critical ends the program. */
int
LLVMFuzzerInitialize (G_GNUC_UNUSED int *argc, G_GNUC_UNUSED char ***argv)
{
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING);
  return 0;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  /* A copy of its own size, so that AddressSanitizer sees one byte too far. */
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);

  fuzz_input (bytes);
  return 0;
}

#else

static void
replay (gconstpointer path)
{
  g_autofree char *contents = NULL;
  gsize size = 0;
  g_autoptr (GError) error = NULL;

  g_file_get_contents (path, &contents, &size, &error);
  g_assert_no_error (error);
  g_autoptr (GBytes) bytes = g_bytes_new (contents, size);
  fuzz_input (bytes);
}

/* usage: fuzz-NAME CORPUS_FOLDER; each file is a test. */
int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;

  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 2);
  g_autoptr (GDir) folder = g_dir_open (argv[1], 0, &error);
  g_assert_no_error (error);

  for (const char *name = g_dir_read_name (folder); name != NULL; name = g_dir_read_name (folder))
    {
      g_autofree char *test = g_strdup_printf ("/corpus/%s", name);
      g_test_add_data_func_full (test, g_build_filename (argv[1], name, NULL), replay, g_free);
    }
  return g_test_run ();
}

#endif
