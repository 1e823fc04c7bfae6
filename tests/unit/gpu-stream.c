/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Streams: order, barriers, transfers, submissions, several threads, losing the device. */
#include "gpu-fixture.h"
#include "gpu/vulkan.h"

#include <math.h>
#include <string.h>

static void
plan (VtrArena *arena, VtrTensor *tensor, const char *name, guint32 n_values)
{
  g_autoptr (GError) error = NULL;

  vtr_arena_plan (arena, tensor, name, VTR_DTYPE_F32, 1, &n_values, &error);
  g_assert_no_error (error);
}

static VtrStream *
new_stream (VtrDevice *device)
{
  g_autoptr (GError) error = NULL;
  VtrStream *stream = vtr_stream_new (device, &error);

  g_assert_no_error (error);
  return stream;
}

static void
commit (VtrArena *arena)
{
  g_autoptr (GError) error = NULL;

  vtr_arena_commit (arena, &error);
  g_assert_no_error (error);
}

/* More than the staging of all submissions together, in ranges that fit nothing. */
static void
test_transfer (void)
{
  g_autoptr (VtrDevice) device = gpu_fixture_open ();
  g_autoptr (GError) error = NULL;
  const gsize n_bytes =
      VTR_STREAM_N_SUBMISSIONS * VTR_STREAM_STAGING_BYTES + VTR_STREAM_STAGING_BYTES / 2 + 4;
  const gsize cut = 1234567;
  g_autofree guint8 *in = g_malloc (n_bytes);
  g_autofree guint8 *out = g_malloc0 (n_bytes);
  VtrTensor tensor;

  if (device == NULL)
    return;
  VtrStream *stream = new_stream (device);
  VtrArena *arena = vtr_arena_new (device, "transfer");
  plan (arena, &tensor, "bytes", n_bytes / 4);
  commit (arena);

  for (gsize i = 0; i < n_bytes; i++)
    in[i] = (guint8) (i * 2654435761u >> 24);
  vtr_stream_write (stream, &tensor, 0, in, cut, &error);
  g_assert_no_error (error);
  vtr_stream_write (stream, &tensor, cut, in + cut, n_bytes - cut, &error);
  g_assert_no_error (error);
  vtr_stream_read (stream, &tensor, 0, out, n_bytes, &error);
  g_assert_no_error (error);
  g_assert_true (memcmp (in, out, n_bytes) == 0);

  /* A piece out of the middle, and no byte beside it. */
  vtr_stream_read (stream, &tensor, cut + 1, out, 5, &error);
  g_assert_no_error (error);
  g_assert_true (memcmp (in + cut + 1, out, 5) == 0);
  g_assert_true (memcmp (in + 5, out + 5, 100) == 0);

  vtr_stream_free (stream);
  vtr_arena_free (arena);
}

/* Each turn needs the one before, over several submissions; more than one may hold. */
static void
test_order (void)
{
  g_autoptr (VtrDevice) device = gpu_fixture_open ();
  g_autoptr (GError) error = NULL;
  const guint n_turns = 2 * VTR_SUBMISSION_MAX_DISPATCHES + 50;
  GpuRotation rotation;

  if (device == NULL)
    return;
  VtrStream *stream = new_stream (device);
  gpu_rotation_init (&rotation, device, 300);
  commit (rotation.arena);
  gpu_rotation_upload (&rotation, stream);
  for (guint i = 0; i < n_turns; i++)
    {
      gpu_rotation_turn (&rotation, stream, &error);
      g_assert_no_error (error);
      if (i % 100 == 99)
        {
          vtr_stream_flush (stream, &error);
          g_assert_no_error (error);
        }
    }
  gpu_rotation_check (&rotation, stream, n_turns);

  /* Written over while the queue may still be turning it. */
  gpu_rotation_turn (&rotation, stream, &error);
  gpu_rotation_upload (&rotation, stream);
  gpu_rotation_turn (&rotation, stream, &error);
  g_assert_no_error (error);
  gpu_rotation_check (&rotation, stream, 1);

  vtr_stream_free (stream);
  gpu_rotation_finish (&rotation);
}

/* Each reads what was there at its place in the order, and gets it when the stream is waited for.
 */
static void
test_read_later (void)
{
  g_autoptr (VtrDevice) device = gpu_fixture_open ();
  g_autoptr (GError) error = NULL;
  float first[3 * VTR_STREAM_N_SUBMISSIONS] = { 0.0f };
  GpuRotation rotation;

  if (device == NULL)
    return;
  VtrStream *stream = new_stream (device);
  gpu_rotation_init (&rotation, device, 10);
  commit (rotation.arena);
  gpu_rotation_upload (&rotation, stream);
  for (guint i = 0; i < G_N_ELEMENTS (first); i++)
    {
      vtr_stream_read_later (stream, &rotation.qkv, 0, &first[i], sizeof *first, &error);
      gpu_rotation_turn (&rotation, stream, &error);
      if (i % 2 == 1) /* more submissions than there are in the ring */
        vtr_stream_flush (stream, &error);
    }
  vtr_stream_wait (stream, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (first); i++)
    g_assert_cmpfloat_with_epsilon (first[i], cos (0.001 * i), 1e-5);

  /* What cannot be read any more is left alone. */
  vtr_stream_read_later (stream, &rotation.qkv, 0, &first[0], sizeof *first, &error);
  g_assert_no_error (error);
  first[0] = 7.0f;
  vtr_vulkan_lose_at_submit (device);
  g_assert_false (vtr_stream_wait (stream, NULL));
  vtr_stream_free (stream);
  g_assert_cmpfloat (first[0], ==, 7.0f);
  gpu_rotation_finish (&rotation);
}

/* How many submissions are under way at most. */
static guint64
count_in_flight (VtrVulkanStream *stream)
{
  guint64 done = 0;

  stream->device->vk.vkGetSemaphoreCounterValue (stream->device->handle, stream->timeline, &done);
  return stream->submitted - done;
}

static void
test_advance (void)
{
  g_autoptr (VtrDevice) device = gpu_fixture_open ();
  g_autoptr (GError) error = NULL;
  GpuRotation rotation;

  if (device == NULL)
    return;
  VtrStream *stream = new_stream (device);
  VtrVulkanStream *vulkan = (VtrVulkanStream *) stream;
  gpu_rotation_init (&rotation, device, 100);
  commit (rotation.arena);
  gpu_rotation_upload (&rotation, stream);
  vtr_stream_wait (stream, &error);

  /* 1200 operations a turn: four of them are worth a submission. */
  device->flops_ahead = 64 * 4800;
  const guint64 before = vulkan->submitted;
  for (guint i = 0; i < 40; i++)
    {
      gpu_rotation_turn (&rotation, stream, &error);
      g_assert_cmpuint (count_in_flight (vulkan), <, VTR_STREAM_N_SUBMISSIONS);
      vtr_stream_advance (stream, &error);
    }
  g_assert_cmpuint (vulkan->submitted - before, ==, 10);

  /* More than may be ahead: each is submitted, and one goes on while the next is recorded. */
  device->flops_ahead = 1000;
  for (guint i = 0; i < 40; i++)
    {
      gpu_rotation_turn (&rotation, stream, &error);
      g_assert_cmpuint (count_in_flight (vulkan), <=, i == 0 ? VTR_STREAM_N_SUBMISSIONS - 1 : 1);
      vtr_stream_advance (stream, &error);
    }
  g_assert_cmpuint (vulkan->submitted - before, ==, 50);
  g_assert_no_error (error);
  gpu_rotation_check (&rotation, stream, 80);

  vtr_stream_free (stream);
  gpu_rotation_finish (&rotation);
}

/* A barrier forgets all accesses before it, so their number tells where barriers were put. */
static void
test_barriers (void)
{
  g_autoptr (VtrDevice) device = gpu_fixture_open ();
  g_autoptr (GError) error = NULL;
  GpuRotation a, b;

  if (device == NULL)
    return;
  VtrStream *stream = new_stream (device);
  const GArray *accesses = ((VtrVulkanStream *) stream)->accesses;
  gpu_rotation_init (&a, device, 10);
  gpu_rotation_init (&b, device, 10);
  commit (a.arena);
  commit (b.arena);
  gpu_rotation_upload (&a, stream);
  gpu_rotation_upload (&b, stream);
  vtr_stream_flush (stream, &error);

  gpu_rotation_turn (&a, stream, &error);
  g_assert_cmpuint (accesses->len, ==, 2);
  gpu_rotation_turn (&b, stream, &error); /* other memory: no barrier */
  g_assert_cmpuint (accesses->len, ==, 4);
  b.table = a.table;
  gpu_rotation_turn (&b, stream, &error); /* writes what was written: barrier */
  g_assert_cmpuint (accesses->len, ==, 2);
  gpu_rotation_turn (&a, stream, &error); /* both read the same table: no barrier */
  g_assert_cmpuint (accesses->len, ==, 4);
  vtr_stream_write (stream, &a.table, 8, "0123", 4, &error); /* writes what was read: barrier */
  g_assert_cmpuint (accesses->len, ==, 2);
  vtr_stream_write (stream, &a.table, 12, "0123", 4, &error); /* the bytes beside: no barrier */
  g_assert_cmpuint (accesses->len, ==, 4);
  vtr_stream_write (stream, &a.table, 14, "0123", 4, &error); /* overlaps: barrier */
  g_assert_cmpuint (accesses->len, ==, 2);
  vtr_stream_wait (stream, &error);
  g_assert_no_error (error);

  vtr_stream_free (stream);
  gpu_rotation_finish (&a);
  gpu_rotation_finish (&b);
}

static void
test_timing (void)
{
  g_autoptr (VtrDevice) device = gpu_fixture_open ();
  g_autoptr (GError) error = NULL;
  const guint n_turns = VTR_SUBMISSION_MAX_DISPATCHES + 10;
  GpuRotation rotation;

  if (device == NULL)
    return;
  VtrStream *stream = new_stream (device);
  stream->timing = TRUE;
  gpu_rotation_init (&rotation, device, 1000);
  commit (rotation.arena);
  gpu_rotation_upload (&rotation, stream);
  const gint64 start = g_get_monotonic_time ();
  for (guint i = 0; i < n_turns; i++)
    gpu_rotation_turn (&rotation, stream, &error);
  gpu_rotation_check (&rotation, stream, n_turns);
  const double elapsed = (double) (g_get_monotonic_time () - start) * 1e-6;

  g_assert_cmpuint (stream->timings.calls[VTR_KERNEL_ROPE], ==, n_turns);
  g_assert_cmpfloat (stream->timings.flops[VTR_KERNEL_ROPE], ==, 12000.0 * n_turns);
  if (VTR_VULKAN_DEVICE (device)->physical.timestamp_bits > 0)
    g_assert_cmpfloat (stream->timings.seconds[VTR_KERNEL_ROPE], >, 0.0);
  g_assert_cmpfloat (stream->timings.seconds[VTR_KERNEL_ROPE], <=, elapsed);
  vtr_stream_reset_timings (stream);
  g_assert_cmpuint (stream->timings.calls[VTR_KERNEL_ROPE], ==, 0);

  vtr_stream_free (stream);
  gpu_rotation_finish (&rotation);
}

static gpointer
turn_in_thread (gpointer data)
{
  VtrDevice *device = data;
  GpuRotation rotation;

  for (guint i = 0; i < 3; i++)
    {
      VtrStream *stream = new_stream (device);

      gpu_rotation_init (&rotation, device, 64 + i);
      commit (rotation.arena);
      gpu_rotation_upload (&rotation, stream);
      for (guint j = 0; j < 40; j++)
        {
          gpu_rotation_turn (&rotation, stream, NULL);
          if (j % 7 == 0)
            vtr_stream_flush (stream, NULL);
        }
      gpu_rotation_check (&rotation, stream, 40);
      vtr_stream_free (stream);
      gpu_rotation_finish (&rotation);
    }
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (VtrDevice) device = gpu_fixture_open ();
  GThread *threads[4];

  if (device == NULL)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("turn", turn_in_thread, device);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  g_assert_cmpint (device->bytes_in_use, ==, 0);
  g_assert_cmpuint (vtr_device_get_peak_bytes (device), >, 0);
  vtr_device_reset_peak (device);
  g_assert_cmpuint (vtr_device_get_peak_bytes (device), ==, 0);
}

static void
test_lost (void)
{
  g_autoptr (VtrDevice) device = gpu_fixture_open ();
  g_autoptr (GError) error = NULL;
  GpuRotation rotation;

  if (device == NULL)
    return;
  VtrStream *stream = new_stream (device);
  gpu_rotation_init (&rotation, device, 10);
  commit (rotation.arena);
  gpu_rotation_upload (&rotation, stream);
  gpu_rotation_turn (&rotation, stream, &error);
  g_assert_no_error (error);

  vtr_vulkan_lose_at_submit (device);
  g_assert_false (vtr_stream_wait (stream, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_DEVICE_LOST);
  g_assert_nonnull (strstr (error->message, "rope (qkv, table)"));
  g_clear_error (&error);

  /* It stays lost, for all that use the device. */
  g_assert_false (gpu_rotation_turn (&rotation, stream, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_DEVICE_LOST);
  g_clear_error (&error);
  g_assert_null (vtr_stream_new (device, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_DEVICE_LOST);
  g_clear_error (&error);
  VtrArena *arena = vtr_arena_new (device, "late");
  plan (arena, &rotation.table, "table", 1);
  g_assert_false (vtr_arena_commit (arena, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_DEVICE_LOST);

  vtr_arena_free (arena);
  vtr_stream_free (stream);
  gpu_rotation_finish (&rotation);
}

static void
test_messages (void)
{
  g_assert_cmpuint (vtr_vulkan_count_messages (), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gpu/stream/transfer", test_transfer);
  g_test_add_func ("/gpu/stream/order", test_order);
  g_test_add_func ("/gpu/stream/read-later", test_read_later);
  g_test_add_func ("/gpu/stream/advance", test_advance);
  g_test_add_func ("/gpu/stream/barriers", test_barriers);
  g_test_add_func ("/gpu/stream/timing", test_timing);
  g_test_add_func ("/gpu/stream/threads", test_threads);
  g_test_add_func ("/gpu/stream/lost", test_lost);
  g_test_add_func ("/gpu/stream/messages", test_messages);
  return g_test_run ();
}
