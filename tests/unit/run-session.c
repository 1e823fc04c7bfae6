/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Runs of a session one after the other: what they keep and what they give back; batch sizes. */
#include "session-fixture.h"

#include <string.h>

static gpointer
kept_block (VtrSession *session)
{
  g_assert_nonnull (session->slots.slots[0].kept);
  return vtr_arena_get_block (session->slots.slots[0].kept->arena, 0);
}

/* Positions that are wrong show whether a run made them anew. */
static void
spoil_positions (VtrSession *session)
{
  const VtrTensor *positions = &session->slots.slots[0].kept->positions;
  const gsize n_bytes = vtr_tensor_n_bytes (positions);
  g_autofree float *zeros = g_malloc0 (n_bytes);
  g_autoptr (GError) error = NULL;

  vtr_stream_write (session->slots.slots[0].stream, positions, 0, zeros, n_bytes, &error);
  vtr_stream_wait (session->slots.slots[0].stream, &error);
  g_assert_no_error (error);
}

static gboolean
is_as_expected (const SessionWorld *world, VtrSession *session, guint grid)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrExplanation) answer =
      session_world_explain (world, session, 0, grid, NULL, NULL, &error);
  guint n;
  const float *values = vtr_explanation_get_embedding (answer, &n);

  return memcmp (values, vtr_explanation_get_embedding (world->expected[0][grid], &n),
                 n * sizeof (float)) == 0;
}

static void
test_reuse (void)
{
  SessionWorld world;

  if (!session_world_init (&world))
    return;
  VtrSession *session = session_world_open (&world);
  session_world_check (&world, session, 0, 0);
  gpointer block = kept_block (session);

  /* The same grid: the memory of the run before, with its positions. */
  session_world_check (&world, session, 0, 0);
  g_assert_true (kept_block (session) == block);
  spoil_positions (session);
  g_assert_false (is_as_expected (&world, session, 0));
  g_assert_true (kept_block (session) == block);

  /* Another grid, and back: made anew; also one of as many patches. */
  session_world_check (&world, session, 0, 1);
  session_world_check (&world, session, 0, 0);
  session_world_check (&world, session, 0, 1);
  session_world_check (&world, session, 0, 3);

  /* A run that ends early keeps nothing. */
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_cancellable_cancel (cancellable);
  g_assert_null (vtr_session_explain (session, world.methods[0], world.inputs, 1,
                                      VTR_EXPLAIN_DEFAULT, NULL, NULL, cancellable, NULL));
  g_assert_null (session->slots.slots[0].kept);
  g_assert_cmpuint (vtr_slots_get_bytes (&session->slots), ==, 0);

  g_object_unref (session);
  session_world_clear (&world);
}

/* Never the memory of two grids; and what is told of it holds for runs that reuse it, too. */
static void
test_bytes (void)
{
  SessionWorld world;

  if (!session_world_init (&world))
    return;
  VtrSession *session = session_world_open (&world);
  const guint64 weights = (guint64) world.device->bytes_in_use;
  static const guint grids[] = { 2, 0, 0, 1, 2, 2 };

  for (guint i = 0; i < G_N_ELEMENTS (grids); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (VtrExplanation) answer =
          session_world_explain (&world, session, 2, grids[i], NULL, NULL, &error);
      g_assert_no_error (error);
      const guint64 planned = vtr_explanation_get_planned_bytes (answer);

      g_assert_cmpuint (vtr_explanation_get_peak_bytes (answer), ==, weights + planned);
      g_assert_cmpint (world.device->bytes_in_use, ==, (gint64) (weights + planned));
      g_assert_cmpuint (vtr_slots_get_bytes (&session->slots), ==, planned);
    }

  /* A benchmark wants the device for itself. */
  g_autoptr (VtrBenchmark) benchmark =
      vtr_session_benchmark (session, 2, 2, 1, 1, TRUE, NULL, NULL, NULL, NULL);
  g_assert_cmpuint (benchmark->peak_bytes, ==, weights + benchmark->planned_bytes);
  g_assert_cmpint (world.device->bytes_in_use, ==, (gint64) weights);

  g_object_unref (session);
  session_world_clear (&world);
}

static void
test_alternating (void)
{
  SessionWorld world;

  if (!session_world_init (&world))
    return;
  VtrSession *session = session_world_open (&world);
  for (guint i = 0; i < 3 * N_METHODS * N_GRIDS; i++)
    session_world_check (&world, session, i % N_METHODS, i % N_GRIDS);
  g_object_unref (session);
  session_world_clear (&world);
}

/* ---- batches ---- */

static void
test_suggest_batch (void)
{
  SessionWorld world;

  if (!session_world_init (&world))
    return;
  VtrSession *session = session_world_open (&world);
  const guint64 one = vtr_explanation_get_planned_bytes (world.expected[0][0]) / 2;

  session_world_set_bytes_left (&world, G_MAXUINT64);
  world.device->batch_tokens = 0;
  g_assert_cmpuint (vtr_session_suggest_batch (session, world.methods[0], 3, 3, 0), ==, 1);
  world.device->batch_tokens = 105; /* 10 tokens a picture */
  g_assert_cmpuint (vtr_session_suggest_batch (session, world.methods[0], 3, 3, 0), ==, 10);
  g_assert_cmpuint (vtr_session_suggest_batch (session, world.methods[0], 20, 20, 0), ==, 1);
  world.device->batch_tokens = 100000;
  g_assert_cmpuint (vtr_session_suggest_batch (session, world.methods[0], 3, 3, 0), ==,
                    VTR_MAX_BATCH);

  /* Halves of what memory does not hold; what the last run keeps counts as free. */
  session_world_set_bytes_left (&world, 10 * one);
  const guint fits = vtr_session_suggest_batch (session, world.methods[0], 3, 3, 0);
  g_assert_cmpuint (fits, >=, 4);
  g_assert_cmpuint (fits, <=, 16);
  session_world_set_bytes_left (&world, 0);
  g_assert_cmpuint (vtr_session_suggest_batch (session, world.methods[0], 3, 3, 0), ==, 1);
  session_world_check (&world, session, 0, 0);
  g_assert_cmpuint (vtr_session_suggest_batch (session, world.methods[0], 3, 3, 0), ==, 2);

  /* Two runs at once share what there is. */
  world.device->n_runs = 2;
  world.device->batch_tokens = 20;
  VtrSession *shared = session_world_open (&world);
  session_world_set_bytes_left (&world, 2 * one);
  g_assert_cmpuint (vtr_session_suggest_batch (shared, world.methods[0], 3, 3, 0), ==, 1);
  session_world_set_bytes_left (&world, 4 * one);
  g_assert_cmpuint (vtr_session_suggest_batch (shared, world.methods[0], 3, 3, 0), ==, 2);
  g_object_unref (shared);

  session_world_reset_bytes_left (&world);
  g_object_unref (session);
  session_world_clear (&world);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/run/session/reuse", test_reuse);
  g_test_add_func ("/run/session/bytes", test_bytes);
  g_test_add_func ("/run/session/alternating", test_alternating);
  g_test_add_func ("/run/session/suggest-batch", test_suggest_batch);
  return g_test_run ();
}
