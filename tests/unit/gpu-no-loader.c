/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* No libvulkan: one sentence that says what to install. */
#include "gpu/gpu.h"

#include <dlfcn.h>
#include <string.h>

/* Stands before the C library's own: in this program there is nothing to load. */
void *
dlopen (G_GNUC_UNUSED const char *file, G_GNUC_UNUSED int mode)
{
  return NULL;
}

static void
test_no_loader (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (vtr_vulkan_list (&error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_NO_VULKAN);
  g_assert_nonnull (strstr (error->message, "libvulkan1"));
  g_clear_error (&error);
  g_assert_null (vtr_vulkan_open (0, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_NO_VULKAN);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gpu/no-loader", test_no_loader);
  return g_test_run ();
}
