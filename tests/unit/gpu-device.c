/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Listing and opening devices, and what VTR_DEBUG=dump,timing (set for this test) and limits-min
 * (set for one run of it) do.
 */
#include "gpu-fixture.h"
#include "ops/ops.h"

#include <string.h>

static void
test_list (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrDevice) device = gpu_fixture_open ();

  if (device == NULL)
    return;
  g_autoptr (GPtrArray) list = vtr_vulkan_list (&error);
  g_assert_no_error (error);
  g_assert_cmpuint (list->len, >, 0);
  for (guint i = 0; i < list->len; i++)
    {
      const VtrDeviceInfo *info = g_ptr_array_index (list, i);
      g_autofree char *id = g_strdup_printf ("vulkan:%u", i);

      g_assert_cmpstr (info->id, ==, id);
      g_assert_true (g_str_has_prefix (info->api, "Vulkan 1."));
      g_assert_true (info->usable == (info->reason == NULL));
      g_assert_cmpuint (strlen (info->name), >, 0);
      g_assert_cmpuint (strlen (info->driver), >, 0);
    }
  const VtrDeviceInfo *first = g_ptr_array_index (list, 0);
  g_assert_cmpstr (vtr_device_get_info (device)->name, ==, first->name);

  g_assert_null (vtr_vulkan_open (list->len, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_NO_DEVICE);
}

static void
test_limits_min (void)
{
  g_autoptr (VtrDevice) device = gpu_fixture_open ();

  if (device == NULL || (vtr_debug_flags () & VTR_DEBUG_LIMITS_MIN) == 0)
    return;
  const VtrGpuLimits *limits = vtr_vulkan_get_limits (device);
  g_assert_cmpuint (limits->max_invocations, ==, 128);
  g_assert_cmpuint (limits->max_group_size[2], ==, 64);
  g_assert_cmpuint (limits->max_groups[0], ==, 65535);
  g_assert_cmpuint (limits->shared_bytes, ==, 16384);
  g_assert_cmpuint (limits->max_storage_range, ==, 1u << 27);
  g_assert_cmpuint (limits->max_push_constants, ==, VTR_MAX_PARAMS_SIZE);
  g_assert_false (limits->subgroup_arithmetic);
  g_assert_cmpuint (device->tensor_alignment, ==, 256);
}

static void
test_dump_and_timing (void)
{
  g_autoptr (VtrDevice) device = gpu_fixture_open ();
  g_autoptr (GError) error = NULL;
  GpuRotation rotation;

  if (device == NULL)
    return;
  VtrStream *stream = vtr_stream_new (device, &error);
  gpu_rotation_init (&rotation, device, 10);
  vtr_arena_commit (rotation.arena, &error);
  gpu_rotation_upload (&rotation, stream);

  g_test_expect_message ("Vitreous", G_LOG_LEVEL_MESSAGE, "rope wrote qkv: 60 values in -1..9,*");
  gpu_rotation_turn (&rotation, stream, &error);
  g_test_assert_expected_messages ();
  g_assert_no_error (error);

  g_test_expect_message ("Vitreous", G_LOG_LEVEL_MESSAGE, "rope * 1 calls *");
  vtr_stream_free (stream);
  g_test_assert_expected_messages ();
  gpu_rotation_finish (&rotation);
}

/* Halves are dumped like floats; the smallest device takes none. */
static void
test_f16 (void)
{
  const guint32 pixels_shape[] = { 1, 3, 2, 2 }, patches_shape[] = { 1, 1, 12 };
  const float values[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12.25f };
  g_autoptr (VtrDevice) device = gpu_fixture_open ();
  g_autoptr (GError) error = NULL;
  VtrTensor pixels, patches;

  if (device == NULL)
    return;
  VtrStream *stream = vtr_stream_new (device, &error);
  VtrArena *arena = vtr_arena_new (device, "f16");
  vtr_arena_plan (arena, &pixels, "pixels", VTR_DTYPE_F32, 4, pixels_shape, &error);
  vtr_arena_plan (arena, &patches, "patches", VTR_DTYPE_F16, 3, patches_shape, &error);
  vtr_arena_commit (arena, &error);
  vtr_stream_write (stream, &pixels, 0, values, sizeof values, &error);
  g_assert_no_error (error);

  if (device->f16 == VTR_F16_ACTIVATIONS)
    {
      g_assert_false (vtr_debug_flags () & VTR_DEBUG_LIMITS_MIN);
      g_test_expect_message ("Vitreous", G_LOG_LEVEL_MESSAGE,
                             "patchify wrote patches: 12 values in 1..12.25,*");
      vtr_op_patchify (stream, &pixels, 2, &patches, &error);
      g_test_assert_expected_messages ();
      g_assert_no_error (error);
      g_test_expect_message ("Vitreous", G_LOG_LEVEL_MESSAGE, "patchify * 1 calls *");
    }
  else
    {
      g_assert_false (vtr_op_patchify (stream, &pixels, 2, &patches, &error));
      g_assert_error (error, VTR_ERROR, VTR_ERROR_FAILED);
    }
  vtr_stream_free (stream);
  g_test_assert_expected_messages ();
  vtr_arena_free (arena);
}

/* Either the driver tells something of a pipeline, or the call says that it does not. */
static void
test_statistics (void)
{
  g_autoptr (VtrDevice) device = gpu_fixture_open ();
  g_autoptr (GError) error = NULL;
  const VtrRopeParams params = { .n_pairs = 64 };
  const VtrTensor tensor = { .name = "tensor" };
  const VtrTensor *tensors[] = { &tensor, &tensor };
  VtrLaunch launch;

  if (device == NULL)
    return;
  vtr_kernel_choose_launch (VTR_KERNEL_ROPE, vtr_vulkan_get_limits (device), tensors, &params,
                            &launch, &error);
  g_assert_no_error (error);
  g_autoptr (GArray) statistics =
      vtr_vulkan_get_pipeline_statistics (device, VTR_KERNEL_ROPE, &launch, &error);
  if (statistics == NULL)
    g_assert_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED);
  else
    for (guint i = 0; i < statistics->len; i++)
      g_assert_cmpuint (strlen (g_array_index (statistics, VtrPipelineStatistic, i).name), >, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gpu/device/list", test_list);
  g_test_add_func ("/gpu/device/limits-min", test_limits_min);
  g_test_add_func ("/gpu/device/dump-and-timing", test_dump_and_timing);
  g_test_add_func ("/gpu/device/f16", test_f16);
  g_test_add_func ("/gpu/device/statistics", test_statistics);
  return g_test_run ();
}
