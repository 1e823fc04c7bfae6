/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Arenas: several blocks, too large a tensor, running out of memory.  Runs under
 * VTR_DEBUG=limits-min, where a block holds 128 MiB. */
#include "gpu-fixture.h"

#include <string.h>

#define MIB (1024 * 1024)

static gboolean
plan_mib (VtrArena *arena, VtrTensor *tensor, const char *name, guint32 mib, GError **error)
{
  const guint32 shape[] = { mib, MIB / 4 };

  return vtr_arena_plan (arena, tensor, name, VTR_DTYPE_F32, 2, shape, error);
}

static void
test_blocks (void)
{
  g_autoptr (VtrDevice) device = gpu_fixture_open ();
  g_autoptr (GError) error = NULL;
  static const guint32 mib[] = { 60, 100, 60, 20 };
  VtrTensor tensors[G_N_ELEMENTS (mib)];

  if (device == NULL)
    return;
  g_assert_cmpuint (device->max_block_bytes, ==, 128 * MIB);
  VtrArena *arena = vtr_arena_new (device, "activations");
  for (guint i = 0; i < G_N_ELEMENTS (mib); i++)
    {
      g_autofree char *name = g_strdup_printf ("tensor%u", i);
      plan_mib (arena, &tensors[i], name, mib[i], &error);
      g_assert_no_error (error);
    }
  g_assert_cmpuint (vtr_arena_get_bytes (arena), ==, (guint64) 240 * MIB);
  g_assert_cmpuint (tensors[0].block, ==, 0);
  g_assert_cmpuint (tensors[1].block, ==, 1);
  g_assert_cmpuint (tensors[2].block, ==, 0);
  g_assert_cmpuint (tensors[2].offset, ==, 60 * MIB);
  g_assert_cmpuint (tensors[3].block, ==, 1); /* the first with room */

  vtr_arena_commit (arena, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (vtr_device_get_peak_bytes (device), ==, (guint64) 240 * MIB);

  VtrStream *stream = vtr_stream_new (device, &error);
  g_assert_no_error (error);
  for (guint32 i = 0; i < G_N_ELEMENTS (mib); i++)
    vtr_stream_write (stream, &tensors[i], (gsize) mib[i] * MIB - 4, &i, 4, &error);
  for (guint32 i = 0; i < G_N_ELEMENTS (mib); i++)
    {
      guint32 back = 99;
      vtr_stream_read (stream, &tensors[i], (gsize) mib[i] * MIB - 4, &back, 4, &error);
      g_assert_cmpuint (back, ==, i);
    }
  g_assert_no_error (error);
  vtr_stream_free (stream);
  vtr_arena_free (arena);
  g_assert_cmpint (device->bytes_in_use, ==, 0);
}

static void
test_too_large (void)
{
  g_autoptr (VtrDevice) device = gpu_fixture_open ();
  g_autoptr (GError) error = NULL;
  const guint32 overflow[] = { G_MAXUINT32, G_MAXUINT32, G_MAXUINT32 };
  VtrTensor tensor;

  if (device == NULL)
    return;
  VtrArena *arena = vtr_arena_new (device, "weights");
  g_assert_false (plan_mib (arena, &tensor, "layer07.qkv", 129, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY);
  g_assert_nonnull (strstr (error->message, "layer07.qkv"));
  g_clear_error (&error);
  g_assert_false (vtr_arena_plan (arena, &tensor, "huge", VTR_DTYPE_F32, 3, overflow, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY);
  vtr_arena_free (arena);
}

/* The second block of an arena fails: the first is given back, and a later try works. */
static void
test_out_of_memory (void)
{
  g_autoptr (VtrDevice) device = gpu_fixture_open ();
  g_autoptr (GError) error = NULL;
  VtrTensor tensors[2];

  if (device == NULL)
    return;
  VtrArena *arena = vtr_arena_new (device, "weights");
  plan_mib (arena, &tensors[0], "a", 100, &error);
  plan_mib (arena, &tensors[1], "b", 100, &error);
  vtr_vulkan_fail_allocation (device, 2);
  g_assert_false (vtr_arena_commit (arena, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY);
  g_assert_nonnull (strstr (error->message, "100.0"));
  g_assert_nonnull (strstr (error->message, "200.0"));
  g_assert_nonnull (strstr (error->message, "weights"));
  g_assert_nonnull (strstr (error->message, "smaller size"));
  g_assert_cmpint (device->bytes_in_use, ==, 0);
  g_clear_error (&error);

  g_assert_true (vtr_arena_commit (arena, &error));
  g_assert_no_error (error);

  /* The staging of a transfer, too, may find no memory; the stream can go on after it. */
  VtrStream *stream = vtr_stream_new (device, &error);
  vtr_vulkan_fail_allocation (device, 1);
  g_assert_false (vtr_stream_write (stream, &tensors[0], 0, "0123", 4, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY);
  g_clear_error (&error);
  vtr_stream_write (stream, &tensors[0], 0, "0123", 4, &error);
  vtr_stream_wait (stream, &error);
  g_assert_no_error (error);

  vtr_stream_free (stream);
  vtr_arena_free (arena);
}

/* More than there is: refused before anything is touched. */
static void
test_more_than_there_is (void)
{
  g_autoptr (VtrDevice) device = gpu_fixture_open ();
  g_autoptr (GError) error = NULL;
  VtrTensor tensor;

  if (device == NULL)
    return;
  if (device->info->kind != VTR_DEVICE_SOFTWARE)
    {
      g_test_skip ("a GPU may take tensors into the host's memory");
      return;
    }
  VtrArena *arena = vtr_arena_new (device, "activations");
  while (vtr_arena_get_bytes (arena) <= device->info->memory)
    g_assert_true (plan_mib (arena, &tensor, "x", 128, NULL));
  g_assert_false (vtr_arena_commit (arena, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY);
  g_assert_cmpint (device->bytes_in_use, ==, 0);
  vtr_arena_free (arena);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gpu/memory/blocks", test_blocks);
  g_test_add_func ("/gpu/memory/too-large", test_too_large);
  g_test_add_func ("/gpu/memory/out-of-memory", test_out_of_memory);
  g_test_add_func ("/gpu/memory/more-than-there-is", test_more_than_there_is);
  return g_test_run ();
}
