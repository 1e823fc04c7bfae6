/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "session-fixture.h"
#include "same.h"

static VtrInput *
make_input (VtrModel *model, guint grid)
{
  g_autoptr (GError) error = NULL;
  guint8 pixels[4 * 8 * 8];
  const gboolean wide = grid == N_GRIDS - 1;
  const guint width = wide ? 16 : 8;

  for (guint i = 0; i < sizeof pixels; i++)
    pixels[i] = i % 4 == 3 ? 255 : (guint8) (i * (41 + grid));
  g_autoptr (VtrImage) image = vtr_image_new (width, wide ? 4 : 8, pixels, 4 * width);
  VtrInput *input = vtr_input_new (model, image, wide ? VTR_FIT_COVER : VTR_FIT_STRETCH,
                                   wide ? 4 : 6 + 2 * grid, &error);
  g_assert_no_error (error);
  return input;
}

static VtrMethod *
make_method (const char *name, const char *param, const char *value)
{
  g_autoptr (GError) error = NULL;
  VtrMethod *method = vtr_method_new (name, &error);

  vtr_method_set (method, "layers", "all", &error);
  vtr_method_set (method, param, value, &error);
  g_assert_no_error (error);
  return method;
}

VtrSession *
session_world_open (const SessionWorld *self)
{
  g_autoptr (GError) error = NULL;
  VtrSession *session =
      vtr_session_new (self->device, self->model, VTR_PRECISION_F32, NULL, NULL, NULL, &error);

  g_assert_no_error (error);
  return session;
}

/* The last method is asked for matrices, too. */
static VtrExplainFlags
flags_of (guint method)
{
  return method == N_METHODS - 1 ? VTR_EXPLAIN_MATRIX : VTR_EXPLAIN_DEFAULT;
}

VtrExplanation *
session_world_explain (const SessionWorld *self,
                       VtrSession *session,
                       guint method,
                       guint grid,
                       VtrProgressFunc progress,
                       gpointer data,
                       GError **error)
{
  VtrInput *const inputs[] = { self->inputs[grid], self->inputs[grid] };
  g_autoptr (GPtrArray) explanations =
      vtr_session_explain (session, self->methods[method], inputs, G_N_ELEMENTS (inputs),
                           flags_of (method), progress, data, NULL, error);

  return explanations == NULL ? NULL : vtr_explanation_ref (g_ptr_array_index (explanations, 1));
}

gboolean
session_world_init (SessionWorld *self)
{
  g_autoptr (GError) error = NULL;

  *self = (SessionWorld){ .device = gpu_fixture_open () };
  if (self->device == NULL)
    return FALSE;
  self->fixture = fixture_new_dinov2 (FALSE);
  self->model = fixture_open (self->fixture, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < N_GRIDS; i++)
    self->inputs[i] = make_input (self->model, i);
  self->methods[0] = make_method ("raw", "heads", "all");
  self->methods[1] = make_method ("raw", "query", "mean");
  self->methods[2] = make_method ("rollout", "discard-ratio", "0.5");
  self->methods[3] = make_method ("raw", "heads", "1");

  self->device->n_runs = 1;
  for (guint method = 0; method < N_METHODS; method++)
    for (guint grid = 0; grid < N_GRIDS; grid++)
      {
        g_autoptr (VtrSession) session = session_world_open (self);

        self->expected[method][grid] =
            session_world_explain (self, session, method, grid, NULL, NULL, &error);
        g_assert_no_error (error);
      }
  return TRUE;
}

void
session_world_clear (SessionWorld *self)
{
  for (guint i = 0; i < N_METHODS * N_GRIDS; i++)
    vtr_explanation_unref (self->expected[i / N_GRIDS][i % N_GRIDS]);
  for (guint i = 0; i < N_METHODS; i++)
    g_object_unref (self->methods[i]);
  for (guint i = 0; i < N_GRIDS; i++)
    vtr_input_unref (self->inputs[i]);
  g_object_unref (self->model);
  /* All of it was given back. */
  g_assert_cmpint (self->device->bytes_in_use, ==, 0);
  g_object_unref (self->device);
  fixture_free (self->fixture);
  g_assert_cmpuint (vtr_vulkan_count_messages (), ==, 0);
}

void
session_world_compare (const SessionWorld *self,
                       guint method,
                       guint grid,
                       const VtrExplanation *answer)
{
  const VtrExplanation *expected = self->expected[method][grid];

  g_assert_cmpstr (explanation_find_difference (answer, expected), ==, NULL);
  g_assert_cmpuint (vtr_explanation_get_planned_bytes (answer), ==,
                    vtr_explanation_get_planned_bytes (expected));
}

void
session_world_check (const SessionWorld *self, VtrSession *session, guint method, guint grid)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrExplanation) answer =
      session_world_explain (self, session, method, grid, NULL, NULL, &error);

  g_assert_no_error (error);
  session_world_compare (self, method, grid, answer);
}

static guint64 (*true_bytes_left) (VtrDevice *device);
static guint64 bytes_left;

static guint64
get_bytes_left (G_GNUC_UNUSED VtrDevice *device)
{
  return bytes_left;
}

void
session_world_set_bytes_left (SessionWorld *self, guint64 n_bytes)
{
  VtrDeviceClass *klass = G_TYPE_INSTANCE_GET_CLASS (self->device, VTR_TYPE_DEVICE, VtrDeviceClass);

  if (true_bytes_left == NULL)
    true_bytes_left = klass->bytes_left;
  klass->bytes_left = get_bytes_left;
  bytes_left = n_bytes;
}

void
session_world_reset_bytes_left (SessionWorld *self)
{
  VtrDeviceClass *klass = G_TYPE_INSTANCE_GET_CLASS (self->device, VTR_TYPE_DEVICE, VtrDeviceClass);

  if (true_bytes_left != NULL)
    klass->bytes_left = true_bytes_left;
}
