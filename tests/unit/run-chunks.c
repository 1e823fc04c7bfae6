/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* The MLP works on chunks of the tokens where all at once would be too many: that changes nothing,
 * on any device, whatever the activations are stored as. */
#include "run/run.h"

#define BATCH 16
#define CHUNK 128 /* tokens; fewer than there are, and no divisor of them */

static VtrModel *
open_model (void)
{
  g_autofree char *path =
      g_test_build_filename (G_TEST_DIST, "..", "golden", "cases", "vit", "model", NULL);
  g_autoptr (GError) error = NULL;
  VtrModel *model = vtr_model_open (path, &error);

  g_assert_no_error (error);
  return model;
}

static void
write_pixels (VtrStream *stream, const VtrTensor *pixels)
{
  const gsize n_values = vtr_tensor_n_values (pixels);
  g_autofree float *values = g_new (float, n_values);
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < n_values; i++)
    values[i] = (float) g_rand_double_range (rand, -1.0, 1.0);
  vtr_stream_write (stream, pixels, 0, values, n_values * sizeof *values, &error);
  g_assert_no_error (error);
}

/* The embeddings of a batch; @chunk tokens at a time, 0 for as many as were planned. */
static float *
embed (VtrSession *session, guint chunk, gsize *n_values)
{
  const VtrArch *arch = vtr_model_get_arch (session->model);
  g_autofree gboolean *keep = g_new0 (gboolean, arch->n_layers);
  VtrStream *stream = session->slots.slots[0].stream;
  g_autoptr (GError) error = NULL;
  VtrPlan *plan =
      vtr_plan_new (session->device, session->model, session->precision, 4, 4, BATCH, keep, &error);
  g_assert_no_error (error);

  g_assert_cmpuint (plan->hidden.shape[0], ==, BATCH * plan->n_tokens);
  g_assert_cmpuint (plan->hidden.shape[0], >, CHUNK);
  if (chunk > 0)
    plan->hidden.shape[0] = chunk;
  vtr_arena_commit (plan->arena, &error);
  g_assert_no_error (error);
  vtr_plan_upload (plan, stream, session->model, &error);
  write_pixels (stream, &plan->pixels);
  vtr_forward (stream, session->model, session->weights, plan, 1.0, NULL, &error);
  g_assert_no_error (error);

  const VtrTensor *embedding = vtr_plan_get_embedding (plan);
  *n_values = vtr_tensor_n_values (embedding);
  float *values = g_new (float, *n_values);
  vtr_stream_read (stream, embedding, 0, values, vtr_tensor_n_bytes (embedding), &error);
  g_assert_no_error (error);
  vtr_plan_free (plan);
  return values;
}

static void
check_device (const char *spec)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrDevice) device = vtr_device_open (spec, &error);
  g_autoptr (VtrModel) model = open_model ();

  if (device == NULL)
    {
      g_test_skip (error->message);
      return;
    }
  for (VtrPrecision precision = VTR_PRECISION_F32; precision <= VTR_PRECISION_F16; precision++)
    {
      g_autoptr (VtrSession) session =
          vtr_session_new (device, model, precision, NULL, NULL, NULL, &error);
      gsize n_whole, n_chunks;

      if (g_error_matches (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED))
        return;
      g_assert_no_error (error);
      g_autofree float *whole = embed (session, 0, &n_whole);
      g_autofree float *chunks = embed (session, CHUNK, &n_chunks);
      g_assert_cmpuint (vtr_floats_find_bad (whole, n_whole), ==, n_whole);
      for (gsize i = 0; i < n_whole; i++)
        g_assert_cmpfloat_with_epsilon (chunks[i], whole[i], 1e-5);
    }
}

static void
test_vulkan (void)
{
  check_device ("vulkan");
}

static void
test_cpu (void)
{
  check_device ("cpu");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/run/chunks/vulkan", test_vulkan);
  g_test_add_func ("/run/chunks/cpu", test_cpu);
  return g_test_run ();
}
