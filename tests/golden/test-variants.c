/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * What models say of one picture with patches left out and with other pixels, against PyTorch.
 * Nothing public gives these answers, so this looks inside.
 */
#include "run.h"
#include "run/variants.h"

/* Of batches of other sizes, which sum in another order. */
#define SAME_TOLERANCE 1e-5

/* One picture of a case. */
typedef struct
{
  VtrSession *session;
  VtrInput *input;
  VtrExplanation *explanation; /* of the whole picture */
  JsonObject *entry;           /* of variants.json */
} Trial;

/* ---- reading variants.json ---- */

static float *
read_floats (JsonObject *object, const char *member, guint *n)
{
  JsonArray *array = json_object_get_array_member (object, member);
  float *values = g_new (float, json_array_get_length (array));

  *n = json_array_get_length (array);
  for (guint i = 0; i < *n; i++)
    values[i] = (float) json_array_get_double_element (array, i);
  return values;
}

static guint32 *
read_patches (JsonObject *object, guint *n)
{
  JsonArray *array = json_object_get_array_member (object, "kept");
  guint32 *patches = g_new (guint32, json_array_get_length (array) + 1);

  *n = json_array_get_length (array);
  for (guint i = 0; i < *n; i++)
    patches[i] = (guint32) json_array_get_int_element (array, i);
  return patches;
}

/* ---- asking ---- */

static VtrVariants
describe (const Trial *self, gint patch, guint n)
{
  return (VtrVariants){
    .n_rows = vtr_input_get_n_rows (self->input),
    .n_columns = vtr_input_get_n_columns (self->input),
    .temperature = 1.0,
    .patch = patch,
    .n = n,
  };
}

static VtrAnswers *
ask_subsets (const Trial *self, gint patch, guint n, guint32 *const *kept, const guint *n_kept)
{
  const VtrSubsets subsets = {
    .all = describe (self, patch, n),
    .pixels = vtr_input_get_pixels (self->input, NULL, NULL),
    .kept = (const guint32 *const *) kept,
    .n_kept = n_kept,
  };
  g_autoptr (GError) error = NULL;
  VtrAnswers *answers = vtr_session_answer_subsets (self->session, &subsets, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (answers->n, ==, n);
  g_assert_true ((answers->tokens != NULL) == (patch != VTR_NO_PATCH));
  return answers;
}

static void
check_answer (const VtrAnswers *answers, guint index, const char *what, JsonObject *expected)
{
  guint n_features, n_classes = 0;
  g_autofree float *features = read_floats (expected, "embedding", &n_features);
  g_autofree char *embedding = g_strdup_printf ("embedding of %s %u", what, index);
  g_autofree char *logits = g_strdup_printf ("logits of %s %u", what, index);

  g_assert_cmpuint (n_features, ==, answers->n_features);
  golden_check_close (embedding, answers->features + (gsize) index * n_features, features,
                      n_features, LOGIT_TOLERANCE);
  if (json_object_has_member (expected, "logits"))
    {
      g_autofree float *values = read_floats (expected, "logits", &n_classes);
      golden_check_close (logits, answers->logits + (gsize) index * n_classes, values, n_classes,
                          LOGIT_TOLERANCE);
    }
  g_assert_cmpuint (n_classes, ==, answers->n_classes);
}

/* What the whole picture got from vtr_session_explain (). */
static void
check_whole (const Trial *self, const VtrAnswers *answers, guint index)
{
  guint n;
  const float *features = vtr_explanation_get_embedding (self->explanation, &n);

  golden_check_close ("embedding of the whole", answers->features + (gsize) index * n, features, n,
                      SAME_TOLERANCE);
  const float *logits = vtr_explanation_get_logits (self->explanation, &n);
  if (logits != NULL)
    golden_check_close ("logits of the whole", answers->logits + (gsize) index * n, logits, n,
                        SAME_TOLERANCE);
}

/* ---- checks of one picture ---- */

/* As many tokens in a batch as a device would ask for: 0 for one picture's. */
static void
check_subsets (const Trial *self, guint batch_tokens)
{
  JsonArray *subsets = json_object_get_array_member (self->entry, "subsets");
  const guint n = json_array_get_length (subsets);
  g_autoptr (GPtrArray) kept = g_ptr_array_new_with_free_func (g_free);
  g_autofree guint *n_kept = g_new (guint, n);
  const guint batch_before = self->session->device->batch_tokens;

  for (guint i = 0; i < n; i++)
    g_ptr_array_add (kept, read_patches (json_array_get_object_element (subsets, i), &n_kept[i]));
  g_assert_cmpuint (n_kept[0], ==, golden_count_patches (self->input));

  self->session->device->batch_tokens = batch_tokens;
  g_autoptr (VtrAnswers) answers =
      ask_subsets (self, VTR_NO_PATCH, n, (guint32 **) kept->pdata, n_kept);
  self->session->device->batch_tokens = batch_before;

  for (guint i = 0; i < n; i++)
    check_answer (answers, i, "subset", json_array_get_object_element (subsets, i));
  check_whole (self, answers, 0);
}

/* The token of one patch, wherever it stands among the kept ones. */
static void
check_token (const Trial *self)
{
  JsonObject *entry = json_object_get_object_member (self->entry, "token");
  const gint patch = (gint) json_object_get_int_member (entry, "patch");
  guint n, n_values;
  g_autofree guint32 *kept = read_patches (entry, &n);
  g_autofree guint32 *turned_round = g_new (guint32, n);
  g_autofree float *values = read_floats (entry, "values", &n_values);

  for (guint i = 0; i < n; i++)
    turned_round[i] = kept[n - 1 - i];
  g_autoptr (VtrAnswers) answers =
      ask_subsets (self, patch, 2, (guint32 *[]){ kept, turned_round }, (guint[]){ n, n });
  g_assert_cmpuint (n_values, ==, answers->width);
  golden_check_close ("token", answers->tokens, values, n_values, LOGIT_TOLERANCE);
  golden_check_close ("token that stands last", answers->tokens + n_values, values, n_values,
                      LOGIT_TOLERANCE);
}

static void
scale_pixels (guint index, float *pixels, gpointer user_data)
{
  const Trial *self = user_data;
  JsonArray *variants = json_object_get_array_member (self->entry, "pixels");
  JsonObject *variant = json_array_get_object_element (variants, index);
  const double factor = json_object_get_double_member (variant, "factor");
  guint width, height;
  const float *whole = vtr_input_get_pixels (self->input, &width, &height);

  for (gsize i = 0; i < (gsize) 3 * width * height; i++)
    pixels[i] = (float) (factor * whole[i]);
}

static void
check_pixels (Trial *self, guint batch_tokens)
{
  JsonArray *variants = json_object_get_array_member (self->entry, "pixels");
  const guint n = json_array_get_length (variants);
  const VtrPixels pixels = {
    .all = describe (self, 1, n),
    .make = scale_pixels,
    .user_data = self,
  };
  const guint batch_before = self->session->device->batch_tokens;
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrAnswers) of_subset = NULL;

  self->session->device->batch_tokens = batch_tokens;
  g_autoptr (VtrAnswers) answers = vtr_session_answer_pixels (self->session, &pixels, NULL, &error);
  self->session->device->batch_tokens = batch_before;
  g_assert_no_error (error);
  for (guint i = 0; i < n; i++)
    check_answer (answers, i, "pixels", json_array_get_object_element (variants, i));
  check_whole (self, answers, 0);

  /* The first variant is the picture: its token is that of the subset of all patches. */
  guint n_all = golden_count_patches (self->input);
  g_autofree guint32 *all = g_new (guint32, n_all);
  for (guint i = 0; i < n_all; i++)
    all[i] = i;
  of_subset = ask_subsets (self, 1, 1, &all, &n_all);
  golden_check_close ("token of the picture", answers->tokens, of_subset->tokens, answers->width,
                      SAME_TOLERANCE);
}

/* ---- all cases ---- */

static JsonParser *
open_variants (const char *name)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "cases", name, "variants.json", NULL);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return NULL;
  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  return g_steal_pointer (&parser);
}

static void
for_each_picture (const char *name, void (*check) (Trial *trial))
{
  g_autoptr (JsonParser) parser = open_variants (name);
  JsonObject *root = json_node_get_object (json_parser_get_root (parser));
  JsonArray *inputs = json_object_get_array_member (root, "inputs");
  g_autoptr (GoldenCase) golden = golden_case_open (name);
  g_autoptr (VtrSession) session = golden != NULL ? golden_open_session (golden) : NULL;
  g_autoptr (VtrMethod) method = golden_make_method ("raw", NULL);

  for (guint i = 0; session != NULL && i < json_array_get_length (inputs); i++)
    {
      JsonObject *entry = json_array_get_object_element (inputs, i);
      const guint index = (guint) json_object_get_int_member (entry, "input");
      g_autoptr (VtrInput) input = golden_case_prepare (golden, golden_case_input (golden, index));
      g_autoptr (VtrExplanation) explanation =
          golden_explain_one (session, method, input, VTR_EXPLAIN_DEFAULT);

      check (&(Trial){ session, input, explanation, entry });
    }
}

static void
check_all_subsets (Trial *trial)
{
  const guint n_tokens = golden_count_patches (trial->input) +
                         vtr_model_get_n_prefix_tokens (vtr_session_get_model (trial->session));

  check_subsets (trial, 0);
  check_subsets (trial, 3 * n_tokens);
  check_token (trial);
}

static void
check_all_pixels (Trial *trial)
{
  const guint n_tokens = golden_count_patches (trial->input) +
                         vtr_model_get_n_prefix_tokens (vtr_session_get_model (trial->session));

  check_pixels (trial, 0);
  check_pixels (trial, 3 * n_tokens); /* a full batch and one that is not */
}

static void
test_subsets (gconstpointer name)
{
  for_each_picture (name, check_all_subsets);
}

static void
test_pixels (gconstpointer name)
{
  for_each_picture (name, check_all_pixels);
}

static void
add_tests (const char *name)
{
  static const struct
  {
    const char *what;
    GTestDataFunc test;
  } tests[] = {
    { "subsets", test_subsets },
    { "pixels", test_pixels },
  };
  g_autoptr (JsonParser) parser = open_variants (name);

  for (guint i = 0; parser != NULL && i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strdup_printf ("/variants/%s/%s", name, tests[i].what);

      g_test_add_data_func_full (path, g_strdup (name), tests[i].test, g_free);
    }
}

int
main (int argc, char **argv)
{
  return golden_run (argc, argv, add_tests);
}
