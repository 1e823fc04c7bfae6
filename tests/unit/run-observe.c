/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Observing where memory is short, beside other runs, cancelled on the way, of numbers too large.
 */
#include "analysis/observation.h"
#include "session-fixture.h"

#include <math.h>
#include <string.h>

static VtrObservation *
observe (const SessionWorld *world, VtrSession *session, guint grid)
{
  g_autoptr (GError) error = NULL;
  VtrObservation *observation =
      vtr_session_observe (session, world->inputs[grid], 1.0, NULL, NULL, NULL, &error);

  g_assert_no_error (error);
  return observation;
}

/* Bit by bit, NaN among them. */
static void
assert_same (const VtrObservation *a, const VtrObservation *b)
{
  const guint n = vtr_observation_n_all_heads (a);

  g_assert_cmpuint (n, ==, vtr_observation_n_all_heads (b));
  g_assert_cmpmem (a->heads, n * sizeof *a->heads, b->heads, n * sizeof *b->heads);
  g_assert_cmpmem (a->tokens, a->n_layers * sizeof *a->tokens, b->tokens,
                   b->n_layers * sizeof *b->tokens);
  g_assert_cmpmem (a->divergences, vtr_gram_size (n) * sizeof (float), b->divergences,
                   vtr_gram_size (n) * sizeof (float));
  g_assert_cmpmem (a->ckas, vtr_gram_size (n) * sizeof (float), b->ckas,
                   vtr_gram_size (n) * sizeof (float));
}

/* The memory of a run serves the next; that of another grid goes first; where there is none, a run
 * fails, and the next one is right. */
static void
test_memory (void)
{
  SessionWorld world;
  g_autoptr (GError) error = NULL;

  if (!session_world_init (&world))
    return;
  VtrSession *session = session_world_open (&world);
  VtrObservation *first = observe (&world, session, 1);
  const gpointer memory = vtr_arena_get_block (session->slots.slots[0].kept->arena, 0);
  VtrObservation *second = observe (&world, session, 1);

  g_assert_true (vtr_arena_get_block (session->slots.slots[0].kept->arena, 0) == memory);
  assert_same (first, second);
  vtr_observation_unref (second);

  session_world_check (&world, session, 0, 1); /* which has that memory freed */
  vtr_vulkan_fail_allocation (world.device, 1);
  g_assert_null (vtr_session_observe (session, world.inputs[1], 1.0, NULL, NULL, NULL, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY);

  second = observe (&world, session, 1);
  assert_same (first, second);
  vtr_observation_unref (second);
  vtr_observation_unref (first);
  session_world_check (&world, session, 1, 2);
  g_object_unref (session);
  session_world_clear (&world);
}

/* ---- side by side ---- */

#define N_THREADS 3

typedef struct
{
  const SessionWorld *world;
  VtrSession *session;
  VtrObservation *const *expected; /* [N_GRIDS] */
  guint number;
} Worker;

static gpointer
observe_all (gpointer data)
{
  const Worker *self = data;

  for (guint i = 0; i < 2 * N_GRIDS; i++)
    {
      const guint grid = (i + self->number) % N_GRIDS;
      g_autoptr (VtrObservation) observation = observe (self->world, self->session, grid);

      assert_same (observation, self->expected[grid]);
    }
  return NULL;
}

static void
test_threads (void)
{
  SessionWorld world;
  VtrObservation *expected[N_GRIDS];
  GThread *threads[N_THREADS];
  Worker workers[N_THREADS];

  if (!session_world_init (&world))
    return;
  world.device->n_runs = 2;
  VtrSession *session = session_world_open (&world);
  for (guint grid = 0; grid < N_GRIDS; grid++)
    expected[grid] = observe (&world, session, grid);
  for (guint i = 0; i < N_THREADS; i++)
    {
      workers[i] = (Worker){ &world, session, expected, i };
      threads[i] = g_thread_new ("observe", observe_all, &workers[i]);
    }
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  for (guint grid = 0; grid < N_GRIDS; grid++)
    vtr_observation_unref (expected[grid]);
  g_object_unref (session);
  session_world_clear (&world);
}

/* ---- cancelled ---- */

typedef struct
{
  GCancellable *cancellable; /* NULL: to the end */
  guint cancel_at;
  double done;
  guint n_steps;
} Watch;

static void
watch (double done, G_GNUC_UNUSED const char *what, gpointer data)
{
  Watch *self = data;

  g_assert_cmpfloat (done, >=, self->done);
  g_assert_cmpfloat (done, <=, 1.0);
  self->done = done;
  if (++self->n_steps == self->cancel_at)
    g_cancellable_cancel (self->cancellable);
}

static void
test_cancel (void)
{
  SessionWorld world;
  Watch whole = { 0 };

  if (!session_world_init (&world))
    return;
  VtrSession *session = session_world_open (&world);
  VtrObservation *expected =
      vtr_session_observe (session, world.inputs[1], 1.0, watch, &whole, NULL, NULL);
  g_assert_nonnull (expected);
  g_assert_cmpfloat (whole.done, ==, 1.0);
  g_assert_cmpuint (whole.n_steps, >=, 4); /* both layers, and comparisons */

  for (guint at = 1; at <= whole.n_steps; at++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GError) error = NULL;
      Watch cut = { .cancellable = cancellable, .cancel_at = at };

      g_assert_null (
          vtr_session_observe (session, world.inputs[1], 1.0, watch, &cut, cancellable, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_assert_cmpuint (cut.n_steps, ==, at);
    }
  VtrObservation *again = observe (&world, session, 1);
  assert_same (again, expected);
  vtr_observation_unref (again);
  vtr_observation_unref (expected);
  g_object_unref (session);
  session_world_clear (&world);
}

/* ---- refused ---- */

/* Of a model whose first block gives a number that is too large for a float. */
static void
test_bad_values (void)
{
  SessionWorld world;
  g_autoptr (GError) error = NULL;

  if (!session_world_init (&world))
    return;
  fixture_set_value (world.fixture, "encoder.layer.0.mlp.fc2.bias", 3, 3e38f);
  fixture_set_value (world.fixture, "encoder.layer.0.layer_scale2.lambda1", 3, 2.0f);
  VtrModel *model = fixture_open (world.fixture, &error);
  g_assert_no_error (error);
  VtrSession *session =
      vtr_session_new (world.device, model, VTR_PRECISION_F32, NULL, NULL, NULL, &error);
  g_assert_no_error (error);

  g_assert_null (vtr_session_observe (session, world.inputs[0], 1.0, NULL, NULL, NULL, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE); /* prepared for another model */
  g_clear_error (&error);

  g_autoptr (VtrInput) input =
      vtr_input_new (model, vtr_input_get_image (world.inputs[0]), VTR_FIT_COVER, 0, &error);
  g_assert_no_error (error);
  g_assert_null (vtr_session_observe (session, input, 1.0, NULL, NULL, NULL, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_BAD_VALUES);
  g_object_unref (session);
  g_object_unref (model);
  session_world_clear (&world);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/observe/memory", test_memory);
  g_test_add_func ("/observe/threads", test_threads);
  g_test_add_func ("/observe/cancel", test_cancel);
  g_test_add_func ("/observe/bad-values", test_bad_values);
  return g_test_run ();
}
