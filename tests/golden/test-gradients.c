/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * The way back against PyTorch's autograd, for tiny checkpoints of every family: gradients of what
 * the heads of each block gave and of the tokens it was given.  Nothing public gives them, so this
 * looks inside.
 */
#include "run.h"
#include "run/run.h"

#define GRADIENT_TOLERANCE 1e-4 /* of the greatest of an array */

/* One entry of an input's "gradients", on its way. */
typedef struct
{
  const GoldenCase *golden;
  JsonObject *entry;
  VtrSession *session;
  VtrStream *stream; /* the session's */
  VtrInput *input;
  gboolean keep; /* whether all layers are kept */
  guint batch;   /* the last image is the one of the entry */
  VtrPlan *plan;
  GoldenArray seed;
  GoldenArray d_context; /* [n_layers][n][d] */
  GoldenArray d_tokens;
  guint n_blocks; /* that were seen */
} Trial;

/* ---- comparing ---- */

static double
greatest (const float *values, gsize n_values)
{
  double maximum = 0.0;

  for (gsize i = 0; i < n_values; i++)
    maximum = MAX (maximum, ABS ((double) values[i]));
  return maximum;
}

/* @tensor's last image is slice @layer of @expected; those before it had no gradient to begin with.
 */
static void
check_tensor (const Trial *self, const VtrTensor *tensor, const GoldenArray *expected, guint layer)
{
  const gsize n_values = expected->n_values / expected->shape[0];
  const gsize n_before = (self->batch - 1) * n_values;
  const float *wanted = expected->values + layer * n_values;
  g_autofree float *values = g_new (float, n_before + n_values);
  GError *error = NULL;

  g_assert_cmpuint (vtr_tensor_n_values (tensor), ==, n_before + n_values);
  vtr_stream_read (self->stream, tensor, 0, values, vtr_tensor_n_bytes (tensor), &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (greatest (values, n_before), ==, 0.0);
  golden_check_close (tensor->name, values + n_before, wanted, n_values,
                      GRADIENT_TOLERANCE * greatest (wanted, n_values));
}

static gboolean
check_block (const VtrBackwardBlock *block, gpointer data, G_GNUC_UNUSED GError **error)
{
  Trial *self = data;

  g_assert_cmpuint (block->layer, ==, self->d_context.shape[0] - 1 - self->n_blocks);
  self->n_blocks++;
  check_tensor (self, block->d_context, &self->d_context, block->layer);
  g_assert_nonnull (block->d_input);
  check_tensor (self, block->d_input, &self->d_tokens, block->layer);
  return TRUE;
}

/* ---- running ---- */

static void
write_pixels (Trial *self)
{
  const gsize n_bytes = vtr_tensor_n_bytes (&self->plan->pixels) / self->batch;
  GError *error = NULL;

  for (guint i = 0; i < self->batch; i++)
    {
      vtr_stream_write (self->stream, &self->plan->pixels, i * n_bytes,
                        vtr_input_get_pixels (self->input, NULL, NULL), n_bytes, &error);
      g_assert_no_error (error);
    }
}

static void
run_forward (Trial *self)
{
  const VtrSession *session = self->session;
  const guint n_layers = vtr_model_get_n_layers (session->model);
  g_autofree gboolean *keep = g_new (gboolean, n_layers);
  const VtrProgress progress = { 0 };
  GError *error = NULL;

  for (guint layer = 0; layer < n_layers; layer++)
    keep[layer] = self->keep;
  self->plan = vtr_plan_new (session->device, session->model, session->precision,
                             vtr_input_get_n_rows (self->input),
                             vtr_input_get_n_columns (self->input), self->batch, keep, &error);
  g_assert_no_error (error);
  vtr_plan_add_backward (self->plan, session->model, 0, &error);
  g_assert_no_error (error);
  vtr_arena_commit (self->plan->arena, &error);
  g_assert_no_error (error);
  vtr_plan_upload (self->plan, self->stream, session->model, &error);
  g_assert_no_error (error);
  write_pixels (self);
  vtr_forward (self->stream, session->model, session->weights, self->plan, 1.0, &progress, &error);
  g_assert_no_error (error);
}

static void
run_backward (Trial *self, const VtrBackwardPath *path, VtrBackwardFunc func)
{
  const VtrSession *session = self->session;
  const VtrProgress progress = { 0 };
  GError *error = NULL;

  vtr_forward_head (self->stream, session->model, session->weights, self->plan, &path->source,
                    &error);
  g_assert_no_error (error);
  vtr_backward (self->stream, session->model, session->weights, self->plan, 1.0, path, func, self,
                &progress, &error);
  g_assert_no_error (error);
}

/* The same once more, but in two parts: through the upper blocks alone, and on from the gradient of
 * the tokens found there; and where layers are kept, d_context of all of them is still there. */
static void
check_parts (Trial *self, VtrBackwardPath path)
{
  const VtrBackwardPlan *buffers = self->plan->backward;
  const gsize n_values = vtr_tensor_n_values (&buffers->d_tokens);
  g_autofree float *d_tokens = g_new (float, n_values);
  GError *error = NULL;

  if (self->keep)
    for (guint layer = 0; layer <= path.source.layer; layer++)
      check_tensor (self, &buffers->d_context[layer], &self->d_context, layer);
  if (path.source.layer == 0)
    return;

  path.first_layer = path.source.layer;
  run_backward (self, &path, NULL);
  vtr_stream_read (self->stream, &buffers->d_tokens, 0, d_tokens, n_values * sizeof *d_tokens,
                   &error);
  g_assert_no_error (error);

  const VtrBackwardPath rest = {
    .from = VTR_BACKWARD_FROM_TOKENS,
    .source.layer = path.source.layer - 1,
    .gradient = d_tokens,
  };
  run_backward (self, &rest, NULL);
  check_tensor (self, &buffers->d_context[0], &self->d_context, 0);
}

static void
run_trial (Trial *self)
{
  JsonObject *entry = self->entry;
  const gboolean of_logits = g_str_equal (json_object_get_string_member (entry, "of"), "logits");
  const guint n_layers = (guint) json_object_get_int_member (entry, "n_layers");
  g_autofree float *gradient = NULL;

  g_assert_true (golden_case_get_array (self->golden, entry, "seed", &self->seed));
  g_assert_true (golden_case_get_array (self->golden, entry, "d_context", &self->d_context));
  g_assert_true (golden_case_get_array (self->golden, entry, "d_tokens", &self->d_tokens));
  g_assert_cmpuint (self->d_context.shape[0], ==, n_layers);
  gradient = g_new0 (float, self->batch * self->seed.n_values);
  memcpy (gradient + (self->batch - 1) * self->seed.n_values, self->seed.values,
          self->seed.n_values * sizeof *gradient);

  const VtrBackwardPath path = {
    .from = of_logits ? VTR_BACKWARD_FROM_LOGITS : VTR_BACKWARD_FROM_EMBEDDING,
    .source = { .layer = n_layers - 1,
                .mean_of_all = json_object_get_boolean_member (entry, "mean_of_all") },
    .gradient = gradient,
    .to_input = TRUE,
  };
  run_forward (self);
  g_assert_cmpuint (vtr_tensor_n_values (of_logits ? &self->plan->logits
                                                   : vtr_plan_get_embedding (self->plan)),
                    ==, self->batch * self->seed.n_values);
  run_backward (self, &path, check_block);
  g_assert_cmpuint (self->n_blocks, ==, n_layers);
  check_parts (self, path);
  vtr_stream_wait (self->stream, NULL);
  vtr_plan_free (self->plan);
}

static void
test_input (const GoldenCase *golden, VtrSession *session, JsonObject *input)
{
  if (!json_object_has_member (input, "gradients"))
    return;

  JsonArray *entries = json_object_get_array_member (input, "gradients");
  g_autoptr (VtrInput) prepared = golden_case_prepare (golden, input);
  for (guint i = 0; i < json_array_get_length (entries); i++)
    for (guint keep = 0; keep < 2; keep++)
      {
        Trial trial = {
          .golden = golden,
          .entry = json_array_get_object_element (entries, i),
          .session = session,
          .stream = session->slots.slots[0].stream,
          .input = prepared,
          .keep = keep != 0,
          .batch = keep != 0 ? 1 : 2,
        };
        g_test_message ("gradient %u of %s, layers %s", i,
                        json_object_get_string_member (input, "picture"),
                        trial.keep ? "kept" : "computed again");
        run_trial (&trial);
      }
}

/* No gradient goes through activations in f16. */
static void
check_refusal (const VtrSession *session)
{
  g_autofree gboolean *keep = g_new0 (gboolean, vtr_model_get_n_layers (session->model));
  g_autoptr (GError) error = NULL;
  VtrPlan *plan =
      vtr_plan_new (session->device, session->model, session->precision, 2, 2, 1, keep, &error);

  g_assert_no_error (error);
  g_assert_false (vtr_plan_add_backward (plan, session->model, 0, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED);
  g_test_message ("%s", error->message);
  vtr_plan_free (plan);
}

static void
test_gradients (gconstpointer name)
{
  g_autoptr (GoldenCase) golden = golden_case_open (name);
  g_autoptr (VtrSession) session = golden != NULL ? golden_open_session (golden) : NULL;

  if (session == NULL)
    return;
  if (session->precision == VTR_PRECISION_F16 && session->device->f16 == VTR_F16_ACTIVATIONS)
    {
      check_refusal (session);
      return;
    }
  if (!json_object_has_member (golden_case_input (golden, 0), "gradients"))
    g_test_skip ("it computes what another case does");
  for (guint i = 0; i < golden_case_n_inputs (golden); i++)
    test_input (golden, session, golden_case_input (golden, i));
}

static void
add_tests (const char *name)
{
  g_autofree char *path = g_strdup_printf ("/gradients/%s", name);

  g_test_add_data_func_full (path, g_strdup (name), test_gradients, g_free);
}

int
main (int argc, char **argv)
{
  return golden_run (argc, argv, add_tests);
}
