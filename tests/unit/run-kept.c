/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* A forward pass that a session keeps: its memory, what ends it, and threads that share it. */
#include "session-fixture.h"
#include "same.h"

/* Answers of runs that keep nothing. */
typedef struct
{
  SessionWorld base;
  VtrExplanation *expected[N_METHODS][N_GRIDS];
} World;

static VtrExplanation *
ask (const SessionWorld *world,
     VtrSession *session,
     VtrMethod *method,
     guint grid,
     VtrExplainFlags flags,
     GError **error)
{
  g_autoptr (GPtrArray) explanations = vtr_session_explain (session, method, &world->inputs[grid],
                                                            1, flags, NULL, NULL, NULL, error);

  return explanations != NULL ? vtr_explanation_ref (g_ptr_array_index (explanations, 0)) : NULL;
}

/* FALSE, and the test skipped, without a Vulkan device. */
static gboolean
world_init (World *self)
{
  if (!session_world_init (&self->base))
    return FALSE;

  g_autoptr (VtrSession) session = session_world_open (&self->base);
  for (guint i = 0; i < N_METHODS * N_GRIDS; i++)
    {
      g_autoptr (GError) error = NULL;

      self->expected[i / N_GRIDS][i % N_GRIDS] =
          ask (&self->base, session, self->base.methods[i / N_GRIDS], i % N_GRIDS, 0, &error);
      g_assert_no_error (error);
    }
  return TRUE;
}

static void
world_clear (World *self)
{
  for (guint i = 0; i < N_METHODS * N_GRIDS; i++)
    vtr_explanation_unref (self->expected[i / N_GRIDS][i % N_GRIDS]);
  session_world_clear (&self->base);
}

static void
check (const World *self, VtrSession *session, guint method, guint grid, VtrExplainFlags flags)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrExplanation) answer =
      ask (&self->base, session, self->base.methods[method], grid, flags, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (explanation_find_difference (answer, self->expected[method][grid]), ==, NULL);
}

static void
check_kept (const World *self, VtrSession *session, guint method, guint grid)
{
  check (self, session, method, grid, VTR_EXPLAIN_KEEP);
}

static gpointer
kept_block (VtrSession *session)
{
  g_assert_nonnull (session->slots.pass.plan);
  return vtr_arena_get_block (session->slots.pass.plan->arena, 0);
}

/* ---- memory ---- */

/* One pass at a time, in the same memory where the grid is the same; a run beside it has its own.
 */
static void
test_memory (void)
{
  World world;

  if (!world_init (&world))
    return;
  VtrSession *session = session_world_open (&world.base);
  const guint64 weights = (guint64) world.base.device->bytes_in_use;

  check_kept (&world, session, 0, 0);
  gpointer block = kept_block (session);
  const guint64 pass = vtr_slots_get_bytes (&session->slots);
  g_assert_cmpint (world.base.device->bytes_in_use, ==, (gint64) (weights + pass));
  check_kept (&world, session, 2, 0);
  g_assert_true (kept_block (session) == block);
  g_assert_cmpuint (vtr_session_get_n_passes (session), ==, 1);

  /* The same picture made anew. */
  g_autoptr (VtrInput) first = g_steal_pointer (&world.base.inputs[0]);
  g_autoptr (GError) error = NULL;
  world.base.inputs[0] = vtr_input_new (world.base.model, vtr_input_get_image (first),
                                        vtr_input_get_fit (first), 6, &error);
  g_assert_no_error (error);
  check_kept (&world, session, 1, 0);
  g_assert_true (kept_block (session) == block);
  g_assert_true (session->slots.pass.input == world.base.inputs[0]);
  g_assert_cmpuint (vtr_session_get_n_passes (session), ==, 2);

  check (&world, session, 0, 1, VTR_EXPLAIN_DEFAULT);
  g_assert_nonnull (session->slots.slots[0].kept);
  g_assert_cmpuint (vtr_slots_get_bytes (&session->slots), >, pass);
  g_assert_cmpint (world.base.device->bytes_in_use, ==,
                   (gint64) (weights + vtr_slots_get_bytes (&session->slots)));
  check_kept (&world, session, 3, 0);
  g_assert_true (kept_block (session) == block);
  g_assert_cmpuint (vtr_session_get_n_passes (session), ==, 3);

  check_kept (&world, session, 3, 2);
  g_assert_cmpint (world.base.device->bytes_in_use, ==,
                   (gint64) (weights + vtr_slots_get_bytes (&session->slots)));
  g_assert_true (session->slots.pass.input == world.base.inputs[2]);

  /* Who wants the device alone gets it. */
  g_autoptr (VtrBenchmark) benchmark =
      vtr_session_benchmark (session, 2, 2, 1, 1, TRUE, NULL, NULL, NULL, NULL);
  g_assert_cmpint (world.base.device->bytes_in_use, ==, (gint64) weights);

  g_object_unref (session);
  world_clear (&world);
}

/* Of several pictures nothing is kept. */
static void
test_several (void)
{
  World world;

  if (!world_init (&world))
    return;
  VtrSession *session = session_world_open (&world.base);
  VtrInput *const inputs[] = { world.base.inputs[0], world.base.inputs[0] };
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) explanations =
      vtr_session_explain (session, world.base.methods[0], inputs, 2, VTR_EXPLAIN_KEEP, NULL, NULL,
                           NULL, &error);
  g_assert_no_error (error);
  session_world_compare (&world.base, 0, 0, explanations->pdata[1]);
  g_assert_null (session->slots.pass.plan);
  g_clear_pointer (&explanations, g_ptr_array_unref);
  g_object_unref (session);
  world_clear (&world);
}

static void
fail_first_allocation (World *world)
{
  vtr_vulkan_fail_allocation (world->base.device, 1);
}

static void
leave_no_memory (World *world)
{
  session_world_set_bytes_left (&world->base, 0);
}

/* What is kept goes before anything fails. */
static void
test_out_of_memory (void)
{
  static void (*const ways[]) (World *) = { fail_first_allocation, leave_no_memory };
  World world;

  if (!world_init (&world))
    return;
  for (guint n_runs = 1; n_runs <= 2; n_runs++)
    for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
      {
        world.base.device->n_runs = n_runs;
        VtrSession *session = session_world_open (&world.base);

        /* Another run: it takes the memory of what was kept. */
        check_kept (&world, session, 2, 2);
        ways[i](&world);
        check (&world, session, 0, 1, VTR_EXPLAIN_DEFAULT);
        session_world_reset_bytes_left (&world.base);
        g_assert_null (session->slots.pass.plan);

        /* What goes on from it: once more, from the start. */
        check_kept (&world, session, 2, 2);
        ways[i](&world);
        check_kept (&world, session, 0, 2);
        session_world_reset_bytes_left (&world.base);
        g_assert_nonnull (session->slots.pass.plan);
        g_assert_cmpuint (vtr_session_get_n_passes (session), ==, 4);
        g_object_unref (session);
      }
  world_clear (&world);
}

/* Too little for a pass and all that goes with it: a run as without the flag. */
static void
test_fall_back (void)
{
  World world;

  if (!world_init (&world))
    return;
  VtrSession *session = session_world_open (&world.base);
  fail_first_allocation (&world);
  check_kept (&world, session, 2, 1);
  g_assert_null (session->slots.pass.plan);
  g_assert_nonnull (session->slots.slots[0].kept);
  check_kept (&world, session, 2, 1);
  g_assert_nonnull (session->slots.pass.plan);
  g_object_unref (session);
  world_clear (&world);
}

/* ---- runs that end early ---- */

typedef struct
{
  const char *when; /* the step that stops it */
  GCancellable *cancellable;
} Stop;

static void
stop_at (G_GNUC_UNUSED double done, const char *what, gpointer data)
{
  const Stop *stop = data;

  if (g_str_equal (what, stop->when))
    g_cancellable_cancel (stop->cancellable);
}

static void
check_stopped (const World *world, VtrSession *session, const char *when)
{
  Stop stop = { when, g_cancellable_new () };
  g_autoptr (GError) error = NULL;

  g_assert_null (vtr_session_explain (session, world->base.methods[2], &world->base.inputs[0], 1,
                                      VTR_EXPLAIN_KEEP, stop_at, &stop, stop.cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_object_unref (stop.cancellable);
}

/* A pass that is whole is kept, whatever became of the method. */
static void
test_stopped (void)
{
  World world;

  if (!world_init (&world))
    return;
  VtrSession *session = session_world_open (&world.base);
  check_stopped (&world, session, "running the model");
  g_assert_null (session->slots.pass.plan);
  g_assert_cmpuint (vtr_slots_get_bytes (&session->slots), ==, 0);

  check_stopped (&world, session, "following attention");
  check_kept (&world, session, 0, 0);
  check_stopped (&world, session, "following attention");
  check_kept (&world, session, 2, 0);

  g_autoptr (VtrMethod) outside = vtr_method_new ("raw", NULL);
  g_autoptr (GError) error = NULL;
  g_assert_true (vtr_method_set (outside, "query", "-5,1", NULL));
  g_assert_null (ask (&world.base, session, outside, 0, VTR_EXPLAIN_KEEP, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
  check_kept (&world, session, 1, 0);
  g_assert_cmpuint (vtr_session_get_n_passes (session), ==, 1);
  g_object_unref (session);
  world_clear (&world);
}

/* A lost device keeps nothing. */
static void
test_lost (void)
{
  World world;

  if (!world_init (&world))
    return;
  VtrSession *session = session_world_open (&world.base);
  g_autoptr (GError) error = NULL;

  check_kept (&world, session, 0, 0);
  vtr_vulkan_lose_at_submit (world.base.device);
  g_assert_null (ask (&world.base, session, world.base.methods[1], 0, VTR_EXPLAIN_KEEP, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_DEVICE_LOST);
  g_assert_null (session->slots.pass.plan);
  g_object_unref (session);
  world_clear (&world);
}

/* ---- threads ---- */

typedef struct
{
  const World *world;
  VtrSession *session;
} Shared;

static gpointer
ask_all (gpointer data)
{
  const Shared *shared = data;

  for (guint i = 0; i < 6 * N_METHODS; i++)
    {
      check_kept (shared->world, shared->session, i % N_METHODS, i / N_METHODS % 2);
      if (i % 5 == 0)
        check (shared->world, shared->session, i % N_METHODS, 2, VTR_EXPLAIN_DEFAULT);
    }
  return NULL;
}

/* More threads than slots, of which one at most has the pass. */
static void
test_threads (void)
{
  World world;
  GThread *threads[3];

  if (!world_init (&world))
    return;
  world.base.device->n_runs = 2;
  VtrSession *session = session_world_open (&world.base);
  Shared shared = { &world, session };
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("keep", ask_all, &shared);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  g_object_unref (session);
  world_clear (&world);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/run/kept/memory", test_memory);
  g_test_add_func ("/run/kept/several", test_several);
  g_test_add_func ("/run/kept/out-of-memory", test_out_of_memory);
  g_test_add_func ("/run/kept/fall-back", test_fall_back);
  g_test_add_func ("/run/kept/stopped", test_stopped);
  g_test_add_func ("/run/kept/lost", test_lost);
  g_test_add_func ("/run/kept/threads", test_threads);
  return g_test_run ();
}
