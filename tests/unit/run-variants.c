/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Variants of a picture where memory is short, and where they are cancelled on the way. */
#include "run/variants.h"
#include "session-fixture.h"

#define N_VARIANTS 7

/* Seven subsets of the picture of 4 × 4 patches: all of them; four of 8, beginning at another patch
 * each; two of 3. */
typedef struct
{
  guint32 patches[16];
  const guint32 *kept[N_VARIANTS];
  guint n_kept[N_VARIANTS];
  VtrSubsets subsets;
} World;

static void
world_init (World *self, const SessionWorld *session_world)
{
  static const guint sizes[N_VARIANTS] = { 8, 3, 8, 16, 8, 3, 8 };
  VtrInput *input = session_world->inputs[1];

  for (guint32 i = 0; i < G_N_ELEMENTS (self->patches); i++)
    self->patches[i] = i;
  for (guint i = 0; i < N_VARIANTS; i++)
    {
      self->n_kept[i] = sizes[i];
      self->kept[i] = self->patches + (sizes[i] < 16 ? i : 0);
    }
  self->subsets = (VtrSubsets){
    .all = { .n_rows = vtr_input_get_n_rows (input),
             .n_columns = vtr_input_get_n_columns (input),
             .temperature = 1.0,
             .patch = VTR_NO_PATCH,
             .n = N_VARIANTS },
    .pixels = vtr_input_get_pixels (input, NULL, NULL),
    .kept = self->kept,
    .n_kept = self->n_kept,
  };
  g_assert_cmpuint (self->subsets.all.n_rows * self->subsets.all.n_columns, ==, 16);
}

static void
assert_same (const VtrAnswers *a, const VtrAnswers *b)
{
  g_assert_cmpuint (a->n, ==, b->n);
  g_assert_cmpuint (a->n_features, ==, b->n_features);
  for (gsize i = 0; i < (gsize) a->n * a->n_features; i++)
    g_assert_cmpfloat_with_epsilon (a->features[i], b->features[i], 1e-5);
}

static VtrAnswers *
answer (VtrSession *session, const World *world, const VtrProgress *progress)
{
  g_autoptr (GError) error = NULL;
  VtrAnswers *answers = vtr_session_answer_subsets (session, &world->subsets, progress, &error);

  g_assert_no_error (error);
  return answers;
}

/* There is memory for batches of two pictures, not for three; then for none at all. */
static void
test_out_of_memory (void)
{
  SessionWorld session_world;
  World world;
  g_autoptr (GError) error = NULL;

  if (!session_world_init (&session_world))
    return;
  world_init (&world, &session_world);
  VtrSession *session = session_world_open (&session_world);
  const guint n_tokens = 16 + vtr_model_get_n_prefix_tokens (session_world.model);
  const VtrPlan *const *kept = (const VtrPlan *const *) &session->slots.slots[0].kept;
  g_autoptr (VtrAnswers) expected = answer (session, &world, NULL);
  g_assert_cmpuint ((*kept)->subsets->max_tokens, ==, n_tokens);

  session_world.device->batch_tokens = 3 * n_tokens;
  g_autoptr (VtrAnswers) of_three = answer (session, &world, NULL);
  g_assert_cmpuint ((*kept)->subsets->max_tokens, ==, 3 * n_tokens);
  assert_same (of_three, expected);

  session_world_check (&session_world, session, 0, 1); /* which has that memory freed */
  vtr_vulkan_fail_allocation (session_world.device, 1);
  g_autoptr (VtrAnswers) of_two = answer (session, &world, NULL);
  g_assert_cmpuint ((*kept)->subsets->max_tokens, ==, 2 * n_tokens);
  assert_same (of_two, expected);

  session_world.device->batch_tokens = 0;
  vtr_vulkan_fail_allocation (session_world.device, 1);
  g_assert_null (vtr_session_answer_subsets (session, &world.subsets, NULL, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY);
  g_object_unref (session);
  session_world_clear (&session_world);
}

/* The memory of a run serves the next one, of other subsets too. */
static void
test_reuse (void)
{
  SessionWorld session_world;
  World world;

  if (!session_world_init (&session_world))
    return;
  world_init (&world, &session_world);
  VtrSession *session = session_world_open (&session_world);
  g_autoptr (VtrAnswers) first = answer (session, &world, NULL);

  const gpointer memory = vtr_arena_get_block (session->slots.slots[0].kept->arena, 0);
  g_autoptr (VtrAnswers) second = answer (session, &world, NULL);
  assert_same (first, second);
  g_assert_true (vtr_arena_get_block (session->slots.slots[0].kept->arena, 0) == memory);
  g_object_unref (session);
  session_world_clear (&session_world);
}

typedef struct
{
  GCancellable *cancellable; /* NULL: to the end */
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
  if (++self->n_steps == 3 && self->cancellable != NULL)
    g_cancellable_cancel (self->cancellable);
}

static void
test_cancel (void)
{
  SessionWorld session_world;
  World world;
  g_autoptr (GError) error = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  if (!session_world_init (&session_world))
    return;
  world_init (&world, &session_world);
  VtrSession *session = session_world_open (&session_world);
  Watch whole = { 0 }, cut = { .cancellable = cancellable };
  const VtrProgress progress = vtr_progress_whole (watch, &whole, NULL);
  g_autoptr (VtrAnswers) expected = answer (session, &world, &progress);
  g_assert_cmpfloat (whole.done, ==, 1.0);
  g_assert_cmpuint (whole.n_steps, >, 3);

  const VtrProgress cancelled = vtr_progress_whole (watch, &cut, cancellable);
  g_assert_null (vtr_session_answer_subsets (session, &world.subsets, &cancelled, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (cut.n_steps, ==, 3);

  g_autoptr (VtrAnswers) again = answer (session, &world, NULL);
  assert_same (again, expected);
  g_object_unref (session);
  session_world_clear (&session_world);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/variants/out-of-memory", test_out_of_memory);
  g_test_add_func ("/variants/reuse", test_reuse);
  g_test_add_func ("/variants/cancel", test_cancel);
  return g_test_run ();
}
