/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * Patches that decisions hang on: the very sets that PyTorch finds, and that each does what it says
 * when the model is asked again.  The maps are made up, so this looks inside.
 */
#include "run.h"
#include "explain/proof.h"
#include "run/variants.h"

#include <math.h>

#define SUMS_TOLERANCE 1e-5

/* Where rounding decides no more than this, f16 may decide otherwise than PyTorch. */
#define TOLERANCE_F16 1e-2

/* One picture of a case. */
typedef struct
{
  VtrSession *session;
  VtrInput *input;
  VtrExplanation *explanation;
} Trial;

/* ---- asking again ---- */

/* z_a less z_b without @gone [n_gone] but @back; VTR_NO_PATCH: without all of them.  Where
 * @over_all is set b is the greatest of all others. */
static double
ask_again (const Trial *self, const VtrProof *proof, gint back, gboolean over_all)
{
  const guint n_patches = golden_count_patches (self->input);
  g_autofree guint32 *kept = g_new (guint32, n_patches);
  const guint32 *const lists[] = { kept };
  guint n_kept = 0, n_gone = 0;
  VtrSubsets subsets = {
    .all = { .n_rows = vtr_input_get_n_rows (self->input),
             .n_columns = vtr_input_get_n_columns (self->input),
             .temperature = 1.0,
             .patch = VTR_NO_PATCH,
             .n = 1 },
    .pixels = vtr_input_get_pixels (self->input, NULL, NULL),
    .kept = lists,
    .n_kept = &n_kept,
  };
  g_autoptr (GError) error = NULL;

  /* The patches are ascending, so one look at each is enough. */
  for (guint32 patch = 0; patch < n_patches; patch++)
    {
      const gboolean gone = n_gone < proof->n_patches && proof->patches[n_gone] == patch;

      n_gone += gone;
      if (!gone || (gint) patch == back)
        kept[n_kept++] = patch;
    }
  g_assert_cmpuint (n_gone, ==, proof->n_patches);
  g_autoptr (VtrAnswers) answers =
      vtr_session_answer_subsets (self->session, &subsets, NULL, &error);
  g_assert_no_error (error);

  double rival = over_all ? -INFINITY : (double) answers->logits[proof->b];
  for (guint k = 0; over_all && k < answers->n_classes; k++)
    if (k != proof->a)
      rival = MAX (rival, (double) answers->logits[k]);
  return answers->logits[proof->a] - rival;
}

/* What a flipped proof promises: it flips, and not one patch can be put back. */
static void
check_flipped (const Trial *self, const VtrProof *proof)
{
  const gboolean over_all = vtr_target_get_kind (proof->target) != VTR_TARGET_CONTRAST;

  g_assert_cmpfloat (proof->y_before, >, 0.0);
  g_assert_cmpfloat (proof->y_after, <, 0.0);
  g_assert_cmpuint (proof->n_patches, >=, 1);
  g_assert_cmpuint (proof->n_patches, <=, proof->n_greedy);
  g_assert_cmpfloat_with_epsilon (ask_again (self, proof, VTR_NO_PATCH, over_all), proof->y_after,
                                  SUMS_TOLERANCE);
  g_assert_cmpfloat_with_epsilon (proof->a_after - proof->b_after, proof->y_after, SUMS_TOLERANCE);
  for (guint i = 0; i < proof->n_patches; i++)
    g_assert_cmpfloat (ask_again (self, proof, (gint) proof->patches[i], over_all), >,
                       -SUMS_TOLERANCE);
}

/* What every proof says of the whole picture. */
static void
check_whole (const Trial *self, const VtrProof *proof)
{
  guint n_classes;
  const float *logits = vtr_explanation_get_logits (self->explanation, &n_classes);

  g_assert_cmpuint (proof->n_all, ==, golden_count_patches (self->input));
  g_assert_cmpfloat (proof->a_before, ==, logits[proof->a]);
  g_assert_cmpfloat (proof->b_before, ==, logits[proof->b]);
  if (vtr_target_get_kind (proof->target) == VTR_TARGET_CONTRAST)
    g_assert_cmpfloat_with_epsilon (proof->y_before, proof->a_before - proof->b_before, 1e-12);
  if (proof->outcome == VTR_PROOF_FLIPPED)
    check_flipped (self, proof);
  else
    {
      g_assert_cmpuint (proof->n_patches, ==, 0);
      g_assert_cmpuint (proof->n_greedy, ==, 0);
    }
  if (proof->outcome == VTR_PROOF_NOT_FLIPPED)
    g_assert_cmpfloat (proof->y_after, >=, 0.0);
  if (proof->outcome == VTR_PROOF_NOT_PREFERRED)
    {
      g_assert_cmpfloat (proof->y_before, <=, 0.0);
      g_assert_cmpuint (proof->n_passes, ==, 0);
    }
}

/* ---- PyTorch's sets ---- */

static JsonParser *
open_proofs (const char *name)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "cases", name, "proofs.json", NULL);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return NULL;
  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  return g_steal_pointer (&parser);
}

static void
take_map (const Trial *self, JsonArray *map)
{
  const guint n = json_array_get_length (map);
  g_autofree float *values = g_new (float, n);

  g_assert_cmpuint (n, ==, golden_count_patches (self->input));
  for (guint i = 0; i < n; i++)
    values[i] = (float) json_array_get_double_element (map, i);
  vtr_explanation_take_summary (self->explanation,
                                vtr_map_new (vtr_input_get_n_rows (self->input),
                                             vtr_input_get_n_columns (self->input), values,
                                             VTR_FUSED, VTR_FUSED, "made up"));
}

static void
check_near (double value, JsonObject *entry, const char *member)
{
  g_assert_cmpfloat_with_epsilon (value, json_object_get_double_member (entry, member),
                                  golden_precision == VTR_PRECISION_F16 ? TOLERANCE_F16
                                                                        : LOGIT_TOLERANCE);
}

/* The same sets, found by the same number of questions. */
static void
check_same (const VtrProof *proof, JsonObject *entry)
{
  JsonArray *patches;

  g_assert_cmpstr (vtr_proof_outcome_get_name (proof->outcome), ==,
                   json_object_get_string_member (entry, "outcome"));
  if (proof->outcome == VTR_PROOF_NOT_PREFERRED)
    return;
  patches = json_object_get_array_member (entry, "patches");
  g_assert_cmpuint (proof->n_greedy, ==, json_object_get_int_member (entry, "n_greedy"));
  g_assert_cmpuint (proof->n_patches, ==, json_array_get_length (patches));
  for (guint i = 0; i < proof->n_patches; i++)
    g_assert_cmpuint (proof->patches[i], ==, json_array_get_int_element (patches, i));
  g_assert_cmpuint (proof->n_passes, ==, json_object_get_int_member (entry, "n_passes"));
  g_assert_cmpuint (proof->b, ==, json_object_get_int_member (entry, "b"));
  check_near (proof->a_after, entry, "a_after");
  check_near (proof->b_after, entry, "b_after");
}

static void
check_entry (Trial *self, const GoldenCase *golden, JsonObject *entry)
{
  const guint index = (guint) json_object_get_int_member (entry, "input");
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrMethod) method = golden_make_method ("raw", NULL);
  g_autoptr (VtrTarget) target =
      vtr_target_parse (json_object_get_string_member (entry, "target"), golden->model, &error);

  g_assert_no_error (error);
  vtr_method_set_target (method, target);
  g_autoptr (VtrInput) input = golden_case_prepare (golden, golden_case_input (golden, index));
  g_autoptr (VtrExplanation) explanation =
      golden_explain_one (self->session, method, input, VTR_EXPLAIN_DEFAULT);
  self->input = input;
  self->explanation = explanation;
  take_map (self, json_object_get_array_member (entry, "map"));

  vtr_prove_explanation (self->session, explanation, NULL, &error);
  g_assert_no_error (error);
  const VtrProof *proof = vtr_explanation_get_proof (explanation);
  check_whole (self, proof);
  check_near (proof->y_before, entry, "y_before");
  if (golden_precision == VTR_PRECISION_F32)
    check_same (proof, entry);
}

static void
test_sets (gconstpointer name)
{
  g_autoptr (JsonParser) parser = open_proofs (name);
  JsonArray *entries =
      json_object_get_array_member (json_node_get_object (json_parser_get_root (parser)), "proofs");
  g_autoptr (GoldenCase) golden = golden_case_open (name);
  g_autoptr (VtrSession) session = golden != NULL ? golden_open_session (golden) : NULL;
  Trial trial = { .session = session };

  g_assert_cmpuint (json_array_get_length (entries), >, 0);
  for (guint i = 0; session != NULL && i < json_array_get_length (entries); i++)
    check_entry (&trial, golden, json_array_get_object_element (entries, i));
}

/* ---- with the maps of methods, as a program asks ---- */

typedef struct
{
  GCancellable *cancellable; /* NULL: to the end */
  double done;
  guint n_steps;
  guint last; /* step to cancel at */
} Watch;

static void
watch (double done, G_GNUC_UNUSED const char *what, gpointer data)
{
  Watch *self = data;

  g_assert_cmpfloat (done, >=, self->done);
  g_assert_cmpfloat (done, <=, 1.0);
  self->done = done;
  if (++self->n_steps == self->last && self->cancellable != NULL)
    g_cancellable_cancel (self->cancellable);
}

static GPtrArray *
explain (const Trial *self, const char *method_name, const char *text, Watch *state, GError **error)
{
  g_autoptr (VtrMethod) method = golden_make_method (method_name, NULL);
  g_autoptr (VtrTarget) target =
      text != NULL ? vtr_target_parse (text, vtr_session_get_model (self->session), error) : NULL;

  if (target != NULL)
    vtr_method_set_target (method, target);
  return vtr_session_explain (self->session, method, &self->input, 1, VTR_EXPLAIN_PROOF, watch,
                              state, state->cancellable, error);
}

static void
assert_same (const VtrProof *a, const VtrProof *b)
{
  g_assert_cmpint (a->outcome, ==, b->outcome);
  g_assert_cmpmem (a->patches, a->n_patches * sizeof *a->patches, b->patches,
                   b->n_patches * sizeof *b->patches);
  g_assert_cmpuint (a->n_passes, ==, b->n_passes);
  g_assert_cmpfloat (a->y_after, ==, b->y_after);
}

/* Twice the same, with progress to the end. */
static void
check_method (Trial *self, const char *method, const char *text)
{
  g_autoptr (GError) error = NULL;
  Watch first_watch = { 0 }, second_watch = { 0 };
  g_autoptr (GPtrArray) first = explain (self, method, text, &first_watch, &error);
  g_assert_no_error (error);
  g_autoptr (GPtrArray) second = explain (self, method, text, &second_watch, &error);
  g_assert_no_error (error);
  self->explanation = g_ptr_array_index (first, 0);
  const VtrProof *proof = vtr_explanation_get_proof (self->explanation);
  g_autofree char *said = vtr_proof_describe (proof, vtr_session_get_model (self->session));

  g_test_message ("%s of %s: %s", method, text, said);
  g_assert_cmpint (proof->outcome, !=, VTR_PROOF_NOT_PREFERRED);
  assert_same (proof, vtr_explanation_get_proof (g_ptr_array_index (second, 0)));
  check_whole (self, proof);
  g_assert_cmpfloat (first_watch.done, ==, 1.0);
  g_assert_cmpuint (first_watch.n_steps, ==, second_watch.n_steps);
}

static void
check_cancel (const Trial *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Watch whole = { 0 }, cut = { .cancellable = cancellable };
  g_autoptr (GPtrArray) explanations = explain (self, "raw", "top1-rest", &whole, &error);

  g_assert_no_error (error);
  cut.last = whole.n_steps / 2;
  g_assert_null (explain (self, "raw", "top1-rest", &cut, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (cut.n_steps, ==, cut.last);
}

static void
test_methods (gconstpointer name)
{
  g_autoptr (GoldenCase) golden = golden_case_open (name);
  g_autoptr (VtrSession) session = golden != NULL ? golden_open_session (golden) : NULL;

  if (session == NULL)
    return;
  g_autoptr (VtrInput) input = golden_case_prepare (golden, golden_case_input (golden, 0));
  Trial trial = { .session = session, .input = input };

  /* Gradients are f32. */
  if (golden_precision == VTR_PRECISION_F32)
    {
      check_method (&trial, "relevance", "top1-top2");
      check_method (&trial, "relevance", "top1-rest");
      check_method (&trial, "legrad", "top1");
    }
  check_method (&trial, "raw", "top1-top3");
  check_method (&trial, "raw", NULL);
  check_cancel (&trial);
}

/* ---- what cannot be proven ---- */

static void
test_refused (gconstpointer name)
{
  g_autoptr (GoldenCase) golden = golden_case_open (name);
  g_autoptr (VtrSession) session = golden != NULL ? golden_open_session (golden) : NULL;
  g_autoptr (GError) error = NULL;

  if (session == NULL)
    return;
  g_autoptr (VtrInput) input = golden_case_prepare (golden, golden_case_input (golden, 0));
  Trial trial = { .session = session, .input = input };
  Watch state = { 0 };

  g_assert_null (explain (&trial, "raw", "patch:1,1", &state, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
  g_assert_nonnull (strstr (error->message, "patch:1,1"));
  g_clear_error (&error);
  if (vtr_model_get_n_classes (golden->model) == 0)
    {
      g_assert_null (explain (&trial, "raw", NULL, &state, &error));
      g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
      g_assert_nonnull (strstr (error->message, vtr_model_get_name (golden->model)));
    }
}

static void
add (const char *name, const char *what, GTestDataFunc test)
{
  g_autofree char *path = g_strdup_printf ("/proofs/%s/%s", name, what);

  g_test_add_data_func_full (path, g_strdup (name), test, g_free);
}

static void
add_tests (const char *name)
{
  g_autoptr (JsonParser) parser = open_proofs (name);

  if (parser != NULL)
    {
      add (name, "sets", test_sets);
      add (name, "methods", test_methods);
    }
  if (g_str_equal (name, "vit") || g_str_equal (name, "clip-projection"))
    add (name, "refused", test_refused);
}

int
main (int argc, char **argv)
{
  return golden_run (argc, argv, add_tests);
}
