/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * VTR_EXPLAIN_KEEP for tiny checkpoints of every family: whatever is asked after what, answers are
 * those of a run of their own to the bit, and the model has run once.  How often it has is seen in
 * the number of pictures that were cut into patches on the device, so this looks inside.
 */
#include "run.h"
#include "run/run.h"
#include "same.h"

/* What is asked of a picture.  Of a target NULL: of the patch in the first row, second column. */
typedef struct
{
  const char *method;
  const char *param;
  const char *value;
  const char *target;
  VtrExplainFlags flags;
} Question;

static const Question questions[] = {
  { "raw", "layers", "all", NULL, 0 },
  { "legrad", "start-layer", "0", NULL, 0 },
  { "relevance", "start-layer", "0", NULL, 0 },
  { "raw", "heads", "all", NULL, VTR_EXPLAIN_MATRIX },
  { "gradcam", "features", "activation", NULL, 0 },
  { "rollout", "discard-ratio", "0.5", NULL, 0 },
  { "grad-rollout", "discard-ratio", "0.3", NULL, 0 },
  { "gradcam", "query", "mean", NULL, VTR_EXPLAIN_MATRIX },
  { "rollout", "layers", "0", NULL, 0 },
  { "relevance", "query", "mean", NULL, 0 },
  /* From here on for models with a classifier. */
  { "legrad", "start-layer", "0", "top1", 0 },
  { "relevance", "start-layer", "0", "top1", 0 },
  { "gradcam", "heads", "0", "0", VTR_EXPLAIN_PROOF },
  { "grad-rollout", "heads", "0", "top1-top2", 0 },
  { "relevance", "heads", "0", "0-rest", VTR_EXPLAIN_SCORE },
  { "gradcam", "features", "activation", "0", 0 },
  { "raw", "query", "mean", NULL, 0 },
};

#define N_QUESTIONS G_N_ELEMENTS (questions)
#define N_WITHOUT_CLASSES 10

/* A case, and each question's answer by a session that keeps nothing. */
typedef struct
{
  GoldenCase *golden;
  VtrSession *plain; /* the session that keeps nothing */
  VtrInput *input;
  guint n_questions;
  VtrExplanation *expected[N_QUESTIONS]; /* NULL where there is none: no gradients in f16 */
} World;

static VtrTarget *
make_target (const char *text, VtrModel *model, VtrInput *input)
{
  g_autoptr (GError) error = NULL;
  VtrRect rect;
  VtrTarget *target;

  if (text == NULL)
    {
      vtr_input_get_patch_rect (input, 0, 1, &rect);
      return vtr_target_new_patch (rect.x + rect.width / 2, rect.y + rect.height / 2);
    }
  target = vtr_target_parse (text, model, &error);
  g_assert_no_error (error);
  return target;
}

static VtrExplanation *
ask (VtrSession *session,
     const Question *question,
     VtrInput *input,
     const char *temperature,
     VtrExplainFlags more,
     GError **error)
{
  g_autoptr (VtrMethod) method =
      golden_make_method (question->method, question->param, question->value, "temperature",
                          temperature, NULL);
  g_autoptr (VtrTarget) target =
      make_target (question->target, vtr_session_get_model (session), input);

  if (vtr_method_takes_target (question->method))
    vtr_method_set_target (method, target);
  g_autoptr (GPtrArray) explanations =
      vtr_session_explain (session, method, &input, 1, question->flags | more, NULL, NULL, NULL,
                           error);
  return explanations != NULL ? vtr_explanation_ref (g_ptr_array_index (explanations, 0)) : NULL;
}

/* NULL where the device has no gradients in this precision. */
static VtrExplanation *
ask_plain (VtrSession *plain, const Question *question, VtrInput *input, const char *temperature)
{
  g_autoptr (GError) error = NULL;
  VtrExplanation *explanation = ask (plain, question, input, temperature, 0, &error);

  if (explanation == NULL)
    g_assert_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED);
  return explanation;
}

static void
check (VtrSession *session,
       const Question *question,
       VtrInput *input,
       const char *temperature,
       const VtrExplanation *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrExplanation) kept =
      ask (session, question, input, temperature, VTR_EXPLAIN_KEEP, &error);
  const char *difference = NULL;

  if (expected == NULL)
    g_assert_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED);
  else
    g_assert_no_error (error);
  if (expected != NULL)
    difference = explanation_find_difference (kept, expected);
  if (difference != NULL)
    g_test_fail_printf ("%s, %s %s of %s: another %s", question->method, question->param,
                        question->value, question->target != NULL ? question->target : "a patch",
                        difference);
}

/* NULL, and the test over, where the case cannot be opened. */
static VtrSession *
world_init (World *self, const char *name)
{
  *self = (World){ .golden = golden_case_open (name) };
  if (self->golden == NULL)
    return NULL;
  if (!json_object_has_member (golden_case_input (self->golden, 0), "methods"))
    {
      g_test_skip ("it computes what another case does");
      g_clear_pointer (&self->golden, golden_case_close);
      return NULL;
    }

  VtrSession *session = golden_open_session (self->golden);
  if (session == NULL)
    return NULL;
  self->plain = golden_open_session (self->golden);
  self->input = golden_case_prepare (self->golden, golden_case_input (self->golden, 1));
  self->n_questions =
      vtr_model_get_n_classes (self->golden->model) > 0 ? N_QUESTIONS : N_WITHOUT_CLASSES;
  for (guint i = 0; i < self->n_questions; i++)
    self->expected[i] = ask_plain (self->plain, &questions[i], self->input, "1");
  return session;
}

static void
world_clear (World *self)
{
  for (guint i = 0; i < self->n_questions; i++)
    g_clear_pointer (&self->expected[i], vtr_explanation_unref);
  g_clear_pointer (&self->input, vtr_input_unref);
  g_clear_object (&self->plain);
  g_clear_pointer (&self->golden, golden_case_close);
}

static void
check_question (const World *self, VtrSession *session, guint i)
{
  check (session, &questions[i], self->input, "1", self->expected[i]);
}

/* ---- how often the model runs ---- */

static void
count_kernels (VtrSession *session)
{
  for (guint i = 0; i < session->slots.n_slots; i++)
    {
      session->slots.slots[i].stream->timing = TRUE;
      vtr_stream_reset_timings (session->slots.slots[i].stream);
    }
}

/* How often pictures were cut into patches since then: each forward pass does. */
static guint
count_cuts (const VtrSession *session)
{
  guint64 n = 0;

  for (guint i = 0; i < session->slots.n_slots; i++)
    n += session->slots.slots[i].stream->timings.calls[VTR_KERNEL_PATCHIFY];
  return (guint) n;
}

/* Scores and proofs may cut a picture once more. */
static gboolean
asks_more (const Question *question)
{
  return (question->flags & (VTR_EXPLAIN_SCORE | VTR_EXPLAIN_PROOF)) != 0;
}

static void
check_passes (VtrSession *session, guint n)
{
  if (vtr_session_get_n_passes (session) != n)
    g_test_fail_printf ("The model ran %u times instead of %u", vtr_session_get_n_passes (session),
                        n);
}

/* ---- one picture, in changing order ---- */

/* How often the model ran for that. */
static guint
check_and_count (const World *self, VtrSession *session, guint i)
{
  const guint before = count_cuts (session);

  check_question (self, session, i);
  return asks_more (&questions[i]) ? 0 : count_cuts (session) - before;
}

/* Orders of the questions: each step is prime to how many there are, so that none is left out. */
static const guint steps[] = { 1, 3, 7, 9 };

/* Each question after several others. */
static void
test_order (gconstpointer name)
{
  World world;
  g_autoptr (VtrSession) session = world_init (&world, name);
  guint n_cuts = 0;

  if (session == NULL)
    return;
  count_kernels (session);
  for (guint k = 0; k < G_N_ELEMENTS (steps); k++)
    for (guint i = 0; i < world.n_questions; i++)
      {
        const guint at = i * steps[k] % world.n_questions;

        /* Scores and proofs take their time: in one of the orders. */
        if (k == 0 || !asks_more (&questions[at]))
          n_cuts += check_and_count (&world, session, at);
      }
  check_passes (session, 1);
  g_assert_cmpuint (n_cuts, ==, 1);
  world_clear (&world);
}

/* ---- other pictures and temperatures ---- */

/* Another picture of another grid, of the same grid, an equal one that is not the same; another
 * temperature. */
static void
test_others (gconstpointer name)
{
  World world;
  g_autoptr (VtrSession) session = world_init (&world, name);

  if (session == NULL)
    return;

  JsonObject *entry = golden_case_input (world.golden, 1);
  g_autoptr (VtrInput) equal = golden_case_prepare (world.golden, entry);
  g_autoptr (VtrInput) other =
      golden_case_prepare (world.golden, golden_case_input (world.golden, 0));
  const guint one = world.expected[1] != NULL ? 1 : 5; /* where there are no gradients */
  const guint two = world.expected[2] != NULL ? 2 : 8;
  g_autoptr (VtrExplanation) of_other = ask_plain (world.plain, &questions[one], other, "1");
  g_autoptr (VtrExplanation) sharper = ask_plain (world.plain, &questions[two], world.input, "0.5");

  check_question (&world, session, 0);
  check_passes (session, 1);
  check (session, &questions[one], other, "1", of_other);
  check_passes (session, 2);
  check (session, &questions[one], other, "1", of_other);
  check_passes (session, 2);
  check_question (&world, session, one);
  check_question (&world, session, two);
  check_passes (session, 3);
  check (session, &questions[two], world.input, "0.5", sharper);
  check_passes (session, 4);
  check (session, &questions[two], world.input, "0.5", sharper);
  check_passes (session, 4);
  check_question (&world, session, 3);
  check_passes (session, 5);
  check (session, &questions[3], equal, "1", world.expected[3]);
  check_passes (session, 6);

  /* Who does not ask for it leaves it alone. */
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrExplanation) plain = ask (session, &questions[0], other, "1", 0, &error);
  g_assert_no_error (error);
  check_passes (session, 7);
  check (session, &questions[0], equal, "1", world.expected[0]);
  check_passes (session, 7);
  world_clear (&world);
}

/* ---- too little memory ---- */

static guint64
get_no_bytes_left (G_GNUC_UNUSED VtrDevice *device)
{
  return 0;
}

/* Where little is left what is kept goes; runs, those that would keep it among them, do not fail.
 */
static void
test_memory (gconstpointer name)
{
  VtrDeviceClass *klass =
      G_TYPE_INSTANCE_GET_CLASS (golden_device, VTR_TYPE_DEVICE, VtrDeviceClass);
  guint64 (*truth) (VtrDevice *) = klass->bytes_left;
  World world;
  g_autoptr (VtrSession) session = world_init (&world, name);

  if (session == NULL)
    return;
  check_question (&world, session, 0);
  g_assert_nonnull (session->slots.pass.plan);

  /* What a method needs beside the pass. */
  klass->bytes_left = get_no_bytes_left;
  check_question (&world, session, 3);
  g_assert_nonnull (session->slots.pass.plan);
  check_passes (session, 2);

  /* Another run. */
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrExplanation) plain = ask (session, &questions[5], world.input, "1", 0, &error);
  klass->bytes_left = truth;
  g_assert_no_error (error);
  g_assert_cmpstr (explanation_find_difference (plain, world.expected[5]), ==, NULL);
  g_assert_null (session->slots.pass.plan);
  check_passes (session, 3);
  check_question (&world, session, 0);
  check_passes (session, 4);
  world_clear (&world);
}

static void
add_tests (const char *name)
{
  g_autofree char *order = g_strdup_printf ("/keep/%s/order", name);
  g_autofree char *others = g_strdup_printf ("/keep/%s/others", name);
  g_autofree char *memory = g_strdup_printf ("/keep/%s/memory", name);

  g_test_add_data_func_full (order, g_strdup (name), test_order, g_free);
  g_test_add_data_func_full (others, g_strdup (name), test_others, g_free);
  g_test_add_data_func_full (memory, g_strdup (name), test_memory, g_free);
}

int
main (int argc, char **argv)
{
  return golden_run (argc, argv, add_tests);
}
