/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Runs of a session side by side, and that it does not change a bit of what they answer. */
#include "session-fixture.h"

/* Longer than any run here takes, in microseconds: what should happen did not. */
#define PATIENCE (60 * G_USEC_PER_SEC)

/* A run in a thread that stands still in the middle until it may go on. */
typedef struct
{
  const SessionWorld *world;
  VtrSession *session;
  GThread *thread;
  GMutex lock;
  GCond changed;
  gboolean begun;
  gboolean may_go_on;
  VtrExplanation *answer;
  GError *error;
} Held;

static void
wait_until (Held *self, const gboolean *flag)
{
  const gint64 end = g_get_monotonic_time () + PATIENCE;

  g_mutex_lock (&self->lock);
  while (!*flag)
    if (!g_cond_wait_until (&self->changed, &self->lock, end))
      g_error ("A run that should go on beside another does not");
  g_mutex_unlock (&self->lock);
}

static void
set_flag (Held *self, gboolean *flag)
{
  g_mutex_lock (&self->lock);
  *flag = TRUE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

static void
hold (G_GNUC_UNUSED double done, G_GNUC_UNUSED const char *what, gpointer data)
{
  Held *self = data;

  set_flag (self, &self->begun);
  wait_until (self, &self->may_go_on);
}

static gpointer
run_held (gpointer data)
{
  Held *self = data;

  self->answer = session_world_explain (self->world, self->session, 2, 0, hold, self, &self->error);
  return NULL;
}

/* Returns once the run is under way. */
static void
held_init (Held *self, const SessionWorld *world, VtrSession *session)
{
  *self = (Held){ .world = world, .session = session };
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  self->thread = g_thread_new ("held", run_held, self);
  wait_until (self, &self->begun);
}

static void
held_finish (Held *self)
{
  set_flag (self, &self->may_go_on);
  g_thread_join (self->thread);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
}

static void
held_check (Held *self)
{
  g_assert_no_error (self->error);
  session_world_compare (self->world, 2, 0, self->answer);
  vtr_explanation_unref (self->answer);
}

/* A whole run goes on while another stands in its middle; then both grids are kept. */
static void
test_beside (void)
{
  SessionWorld world;
  Held held;

  if (!session_world_init (&world))
    return;
  world.device->n_runs = 2;
  VtrSession *session = session_world_open (&world);
  g_assert_cmpuint (vtr_session_get_n_runs (session), ==, 2);
  held_init (&held, &world, session);
  for (guint i = 0; i < N_METHODS * N_GRIDS; i++)
    session_world_check (&world, session, i % N_METHODS, i / N_METHODS);
  held_finish (&held);
  held_check (&held);
  g_assert_nonnull (session->slots.slots[0].kept);
  g_assert_nonnull (session->slots.slots[1].kept);
  g_object_unref (session);
  session_world_clear (&world);
}

static void
cancel (G_GNUC_UNUSED double done, G_GNUC_UNUSED const char *what, gpointer data)
{
  g_cancellable_cancel (data);
}

static void
test_cancel_one (void)
{
  SessionWorld world;
  Held held;
  g_autoptr (GError) error = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  if (!session_world_init (&world))
    return;
  world.device->n_runs = 2;
  VtrSession *session = session_world_open (&world);
  held_init (&held, &world, session);
  g_assert_null (vtr_session_explain (session, world.methods[0], world.inputs, 1,
                                      VTR_EXPLAIN_MATRIX, cancel, cancellable, cancellable,
                                      &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  held_finish (&held);
  held_check (&held);
  session_world_check (&world, session, 3, 1);
  g_object_unref (session);
  session_world_clear (&world);
}

static gpointer
explain_all (gpointer data)
{
  const Held *self = data;

  for (guint i = 0; i < 2 * N_METHODS * N_GRIDS; i++)
    session_world_check (self->world, self->session, i % N_METHODS, i % N_GRIDS);
  return NULL;
}

/* More threads than slots. */
static void
test_threads (void)
{
  SessionWorld world;
  GThread *threads[3];

  if (!session_world_init (&world))
    return;
  world.device->n_runs = 2;
  VtrSession *session = session_world_open (&world);
  Held shared = { .world = &world, .session = session };
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("explain", explain_all, &shared);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  g_object_unref (session);
  session_world_clear (&world);
}

/* ---- too little memory, no device ---- */

/* Lets the held run go on as soon as another waits to be alone. */
static gpointer
release_when_waited_for (gpointer data)
{
  Held *self = data;
  VtrSlots *slots = &self->session->slots;

  for (gboolean waits = FALSE; !waits;)
    {
      g_mutex_lock (&slots->lock);
      waits = slots->n_waiting_alone > 0;
      g_mutex_unlock (&slots->lock);
      g_usleep (1000);
    }
  g_assert_null (self->answer);
  set_flag (self, &self->may_go_on);
  return NULL;
}

/* Explains beside a held run for which there is not memory enough: first the one, then the other.
 */
static void
explain_crowded (SessionWorld *world,
                 VtrSession *session,
                 void (*take_memory) (SessionWorld *world))
{
  Held held;

  held_init (&held, world, session);
  GThread *release = g_thread_new ("release", release_when_waited_for, &held);
  take_memory (world);
  session_world_check (world, session, 0, 1);
  g_assert_nonnull (held.answer);
  g_thread_join (release);
  held_finish (&held);
  held_check (&held);
  g_assert_nonnull (session->slots.slots[0].kept);
  g_assert_null (session->slots.slots[1].kept);
}

static void
fail_next_allocation (SessionWorld *world)
{
  vtr_vulkan_fail_allocation (world->device, 1);
}

/* The device's own memory is full; an arena could still go into the host's. */
static void
fill_memory (SessionWorld *world)
{
  session_world_set_bytes_left (world, 1000);
}

static void
test_out_of_memory (void)
{
  SessionWorld world;

  if (!session_world_init (&world))
    return;
  world.device->n_runs = 2;
  VtrSession *session = session_world_open (&world);
  explain_crowded (&world, session, fail_next_allocation);
  session_world_check (&world, session, 1, 2);

  explain_crowded (&world, session, fill_memory);
  session_world_reset_bytes_left (&world);
  g_object_unref (session);
  session_world_clear (&world);
}

static void
test_lost (void)
{
  SessionWorld world;
  Held held;
  g_autoptr (GError) error = NULL;

  if (!session_world_init (&world))
    return;
  world.device->n_runs = 2;
  VtrSession *session = session_world_open (&world);
  held_init (&held, &world, session);
  vtr_vulkan_lose_at_submit (world.device);
  g_assert_null (session_world_explain (&world, session, 0, 1, NULL, NULL, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_DEVICE_LOST);
  held_finish (&held);
  g_assert_null (held.answer);
  g_assert_error (held.error, VTR_ERROR, VTR_ERROR_DEVICE_LOST);
  g_clear_error (&held.error);
  g_object_unref (session);
  session_world_clear (&world);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/run/overlap/beside", test_beside);
  g_test_add_func ("/run/overlap/cancel-one", test_cancel_one);
  g_test_add_func ("/run/overlap/threads", test_threads);
  g_test_add_func ("/run/overlap/out-of-memory", test_out_of_memory);
  g_test_add_func ("/run/overlap/lost", test_lost);
  return g_test_run ();
}
