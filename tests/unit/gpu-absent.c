/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* No driver: an empty list, and a sentence on opening.  Runs where the loader finds none. */
#include "gpu/gpu.h"

static void
test_no_driver (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) list = vtr_vulkan_list (&error);

  if (g_error_matches (error, VTR_ERROR, VTR_ERROR_NO_VULKAN))
    {
      g_test_skip (error->message);
      return;
    }
  g_assert_no_error (error);
  g_assert_cmpuint (list->len, ==, 0);
  g_assert_null (vtr_vulkan_open (0, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_NO_DEVICE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gpu/absent/driver", test_no_driver);
  return g_test_run ();
}
