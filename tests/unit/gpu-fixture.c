/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "gpu-fixture.h"

#include <math.h>

VtrDevice *
gpu_fixture_open (void)
{
  g_autoptr (GError) error = NULL;
  VtrDevice *device = vtr_vulkan_open (0, &error);

  if (g_error_matches (error, VTR_ERROR, VTR_ERROR_NO_VULKAN) ||
      g_error_matches (error, VTR_ERROR, VTR_ERROR_NO_DEVICE))
    g_test_skip (error->message);
  else
    g_assert_no_error (error);
  return device;
}

void
gpu_rotation_init (GpuRotation *self, VtrDevice *device, guint32 n_tokens)
{
  const guint32 qkv_shape[] = { 1, n_tokens, 3, 1, 2 };
  const guint32 table_shape[] = { 2, n_tokens, 2 };
  g_autoptr (GError) error = NULL;

  self->arena = vtr_arena_new (device, "rotation");
  vtr_arena_plan (self->arena, &self->qkv, "qkv", VTR_DTYPE_F32, 5, qkv_shape, &error);
  g_assert_no_error (error);
  vtr_arena_plan (self->arena, &self->table, "table", VTR_DTYPE_F32, 3, table_shape, &error);
  g_assert_no_error (error);
}

void
gpu_rotation_finish (GpuRotation *self)
{
  vtr_arena_free (self->arena);
}

static double
angle_of (guint32 token)
{
  return 0.001 * (token % 97 + 1);
}

void
gpu_rotation_upload (GpuRotation *self, VtrStream *stream)
{
  const guint32 n_tokens = self->qkv.shape[1];
  g_autofree float *qkv = g_new (float, n_tokens * 6);
  g_autofree float *table = g_new (float, n_tokens * 4);
  g_autoptr (GError) error = NULL;

  for (guint32 i = 0; i < n_tokens; i++)
    for (guint j = 0; j < 2; j++)
      {
        qkv[6 * i + j] = j == 0 ? 1.0f : 0.0f;
        qkv[6 * i + 2 + j] = j == 0 ? 0.0f : -1.0f;
        qkv[6 * i + 4 + j] = (float) i;
        table[2 * i + j] = (float) cos (angle_of (i));
        table[2 * n_tokens + 2 * i + j] = (float) sin (angle_of (i));
      }
  vtr_stream_write (stream, &self->qkv, 0, qkv, n_tokens * 6 * sizeof *qkv, &error);
  g_assert_no_error (error);
  vtr_stream_write (stream, &self->table, 0, table, n_tokens * 4 * sizeof *table, &error);
  g_assert_no_error (error);
}

gboolean
gpu_rotation_turn (GpuRotation *self, VtrStream *stream, GError **error)
{
  const VtrTensor *tensors[] = { &self->qkv, &self->table };
  const VtrRopeParams params = {
    .n_pairs = self->qkv.shape[1] * 2,
    .n_tokens = self->qkv.shape[1],
    .n_prefix = 0,
    .n_heads = 1,
    .head_width = 2,
  };

  return vtr_stream_dispatch (stream, VTR_KERNEL_ROPE, tensors, G_N_ELEMENTS (tensors), &params,
                              sizeof params, 6.0 * params.n_pairs, error);
}

void
gpu_rotation_check (GpuRotation *self, VtrStream *stream, guint n_turns)
{
  const guint32 n_tokens = self->qkv.shape[1];
  g_autofree float *qkv = g_new (float, n_tokens * 6);
  g_autoptr (GError) error = NULL;

  vtr_stream_read (stream, &self->qkv, 0, qkv, n_tokens * 6 * sizeof *qkv, &error);
  g_assert_no_error (error);
  for (guint32 i = 0; i < n_tokens; i++)
    {
      const double angle = n_turns * angle_of (i);
      const float *token = qkv + (gsize) 6 * i;

      g_assert_cmpfloat_with_epsilon (token[0], cos (angle), 1e-4);
      g_assert_cmpfloat_with_epsilon (token[1], sin (angle), 1e-4);
      g_assert_cmpfloat_with_epsilon (token[2], sin (angle), 1e-4);
      g_assert_cmpfloat_with_epsilon (token[3], -cos (angle), 1e-4);
      g_assert_cmpfloat (token[4], ==, (float) i);
      g_assert_cmpfloat (token[5], ==, (float) i);
    }
}
