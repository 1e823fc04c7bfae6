/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* Heads as files, and models that are given one. */
#include "learn/learn.h"
#include "model-fixture.h"

#include <string.h>

#define N_CLASSES 3

/* Labels that JSON must escape, and one that is none of ASCII. */
static const char *const labels[N_CLASSES] = { "plain", "with \"quotes\" \\ and\nlines", "Föhn" };

static char *
path_of (Fixture *fixture, const char *name)
{
  return g_build_filename (fixture->directory, name, NULL);
}

static VtrModel *
open_model (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  VtrModel *model = fixture_open (fixture, &error);

  g_assert_no_error (error);
  return model;
}

/* Weights and biases are a pattern. */
static VtrHead *
make_head (guint n_features)
{
  float *weight = g_new (float, N_CLASSES *n_features);
  float *bias = g_new (float, N_CLASSES);
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < N_CLASSES * n_features; i++)
    weight[i] = (float) (i * 7 % 11) - 5.0f;
  for (guint i = 0; i < N_CLASSES; i++)
    {
      bias[i] = (float) i;
      g_ptr_array_add (names, g_strdup (labels[i]));
    }
  return vtr_head_new (N_CLASSES, n_features, weight, bias, names);
}

static VtrHead *
load (const char *path)
{
  g_autoptr (GError) error = NULL;
  VtrHead *head = vtr_head_load (path, &error);

  g_assert_no_error (error);
  return head;
}

static void
assert_says (const GError *error, VtrError code, const char *const *words)
{
  g_assert_error (error, VTR_ERROR, (gint) code);
  for (; *words != NULL; words++)
    if (strstr (error->message, *words) == NULL)
      g_error ("\"%s\" does not say \"%s\"", error->message, *words);
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* ---- files ---- */

/* All that a trained head knows comes back; a bare one has two tensors and nothing else. */
static void
test_save_and_load (void)
{
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (FALSE);
  g_autofree char *path = path_of (fixture, "a.safetensors");
  g_autoptr (VtrHead) head = make_head (FIXTURE_WIDTH);
  g_autoptr (GError) error = NULL;

  g_assert_true (vtr_head_save (head, path, &error));
  g_autoptr (VtrHead) bare = load (path);
  g_assert_cmpstr (vtr_head_get_hash (bare), ==, vtr_head_get_hash (head));
  g_assert_null (vtr_head_get_score (bare));
  g_assert_null (bare->model_hash);

  head->features = g_strdup ("cls");
  head->model_name = g_strdup ("tiny");
  head->model_hash = g_strdup ("abc");
  head->fit = g_strdup ("stretch");
  head->size = 98;
  head->has_score = TRUE;
  head->score = (VtrHeadScore){ 40, 5, 0.1 + 0.2, 1.0 / 3, 0.25, 1e-5, NULL };
  g_assert_true (vtr_head_save (head, path, &error));
  g_autoptr (VtrHead) full = load (path);
  g_assert_cmpmem (full->weight, sizeof (float) * N_CLASSES * FIXTURE_WIDTH, head->weight,
                   sizeof (float) * N_CLASSES * FIXTURE_WIDTH);
  g_assert_cmpmem (full->bias, sizeof (float) * N_CLASSES, head->bias, sizeof (float) * N_CLASSES);
  for (guint i = 0; i < N_CLASSES; i++)
    g_assert_cmpstr (vtr_head_get_label (full, i), ==, labels[i]);
  g_assert_cmpstr (full->features, ==, "cls");
  g_assert_cmpstr (full->model_name, ==, "tiny");
  g_assert_cmpstr (full->model_hash, ==, "abc");
  g_assert_cmpstr (vtr_head_get_fit (full), ==, "stretch");
  g_assert_cmpuint (vtr_head_get_size (full), ==, 98);
  g_assert_nonnull (vtr_head_get_score (full));
  g_assert_cmpmem (&full->score, sizeof full->score, &head->score, sizeof head->score);
}

static void
test_what_is_no_head (void)
{
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (FALSE);
  g_autofree char *path = path_of (fixture, "model.safetensors");
  g_autofree char *missing = path_of (fixture, "missing.safetensors");
  g_autoptr (VtrModel) model = open_model (fixture);
  g_autoptr (GError) error = NULL;

  g_assert_null (vtr_head_load (path, &error));
  assert_says (error, VTR_ERROR_MISSING_TENSOR, WORDS (path, "weight", "bias"));
  g_clear_error (&error);
  g_assert_null (vtr_head_load (missing, &error));
  assert_says (error, VTR_ERROR_NOT_FOUND, WORDS (missing));
}

static void
test_unwritable (void)
{
  g_autoptr (VtrHead) head = make_head (FIXTURE_WIDTH);
  g_autoptr (GError) error = NULL;

  g_assert_false (vtr_head_save (head, "/nonexistent/a.safetensors", &error));
  assert_says (error, VTR_ERROR_IO, WORDS ("/nonexistent/a.safetensors"));
}

/* ---- models ---- */

static void
test_model_with_head (void)
{
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (FALSE);
  g_autoptr (VtrModel) model = open_model (fixture);
  g_autoptr (VtrHead) head = make_head (FIXTURE_WIDTH);
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrModel) with_head = vtr_model_with_head (model, head, &error);
  float weight[N_CLASSES * FIXTURE_WIDTH];
  float bias[N_CLASSES];

  g_assert_no_error (error);
  g_assert_true (vtr_model_get_head (with_head) == head);
  g_assert_cmpuint (vtr_model_get_n_classes (with_head), ==, N_CLASSES);
  g_assert_cmpstr (vtr_model_get_label (with_head, 2), ==, labels[2]);
  g_assert_null (vtr_model_get_label (with_head, N_CLASSES));
  g_assert_cmpstr (vtr_model_get_hash (with_head), ==, vtr_model_get_hash (model));
  g_assert_true (vtr_model_has_weight (with_head, VTR_WEIGHT_HEAD));
  g_assert_cmpuint (vtr_model_get_weight_size (with_head, VTR_WEIGHT_HEAD, 0), ==,
                    G_N_ELEMENTS (weight));
  g_assert_true (vtr_model_read_weight (with_head, VTR_WEIGHT_HEAD, 0, weight, &error));
  g_assert_true (vtr_model_read_weight (with_head, VTR_WEIGHT_HEAD_BIAS, 0, bias, &error));
  g_assert_cmpmem (weight, sizeof weight, head->weight, sizeof weight);
  g_assert_cmpmem (bias, sizeof bias, head->bias, sizeof bias);

  /* The model that it was made of stays as it is. */
  g_assert_cmpuint (vtr_model_get_n_classes (model), ==, 0);
  g_assert_false (vtr_model_has_weight (model, VTR_WEIGHT_HEAD));
  g_assert_null (vtr_model_get_head (model));
  g_clear_object (&model);
  g_assert_true (vtr_model_read_weight (with_head, VTR_WEIGHT_FINAL_NORM, 0, weight, &error));
}

/* What the checkpoint has goes, weights and labels. */
static void
test_own_head_is_replaced (void)
{
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (FALSE);
  g_autoptr (VtrHead) head = make_head (2 * FIXTURE_WIDTH);
  g_autoptr (VtrHead) narrow = make_head (FIXTURE_WIDTH);
  g_autoptr (GError) error = NULL;

  fixture_add (fixture, "classifier.weight", "[5, 16]");
  fixture_add (fixture, "classifier.bias", "[5]");
  fixture_write_config (fixture, ", \"num_labels\": 5");
  g_autoptr (VtrModel) model = open_model (fixture);
  g_assert_cmpuint (vtr_model_get_n_classes (model), ==, 5);
  g_assert_cmpstr (vtr_model_get_features (model), ==, "cls-and-mean");

  g_autoptr (VtrModel) with_head = vtr_model_with_head (model, head, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (vtr_model_get_n_classes (with_head), ==, N_CLASSES);
  g_assert_cmpuint (vtr_model_get_weight_size (with_head, VTR_WEIGHT_HEAD, 0), ==,
                    N_CLASSES * 2 * FIXTURE_WIDTH);

  g_autoptr (VtrModel) without = vtr_model_with_features (with_head, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (vtr_model_get_n_classes (without), ==, 0);
  g_assert_false (vtr_model_has_weight (without, VTR_WEIGHT_HEAD));
  g_assert_null (vtr_model_get_label (without, 0));
  g_assert_cmpuint (vtr_model_get_n_features (without), ==, 2 * FIXTURE_WIDTH);

  /* A head that says what it is for brings that along. */
  narrow->features = g_strdup ("mean");
  g_autoptr (VtrModel) of_mean = vtr_model_with_head (with_head, narrow, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (vtr_model_get_features (of_mean), ==, "mean");
}

static void
test_wrong_width (void)
{
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (FALSE);
  g_autoptr (VtrModel) model = open_model (fixture);
  g_autoptr (VtrHead) head = make_head (11);
  g_autoptr (GError) error = NULL;

  g_assert_null (vtr_model_with_head (model, head, &error));
  assert_says (error, VTR_ERROR_UNSUPPORTED, WORDS ("11", " 8", vtr_model_get_name (model)));
}

static void
test_features (void)
{
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (FALSE);
  g_autoptr (VtrModel) model = open_model (fixture);
  g_autoptr (GError) error = NULL;
  static const struct
  {
    const char *asked;
    const char *features;
    guint n;
  } cases[] = {
    { NULL, "cls", FIXTURE_WIDTH },
    { "cls", "cls", FIXTURE_WIDTH },
    { "mean", "mean", FIXTURE_WIDTH },
    { "cls-and-mean", "cls-and-mean", 2 * FIXTURE_WIDTH },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (VtrModel) chosen = vtr_model_with_features (model, cases[i].asked, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (vtr_model_get_features (chosen), ==, cases[i].features);
      g_assert_cmpuint (vtr_model_get_n_features (chosen), ==, cases[i].n);
    }
  g_assert_null (vtr_model_with_features (model, "registers", &error));
  assert_says (error, VTR_ERROR_USAGE, WORDS ("registers", "cls-and-mean"));
}

/* Only a head that names its model can be told to be of another one. */
static void
test_mismatch (void)
{
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (FALSE);
  g_autoptr (VtrModel) model = open_model (fixture);
  g_autoptr (VtrHead) head = make_head (FIXTURE_WIDTH);

  g_assert_null (vtr_head_find_mismatch (head, model));
  head->model_hash = g_strdup (vtr_model_get_hash (model));
  g_assert_null (vtr_head_find_mismatch (head, model));
  g_free (head->model_hash);
  head->model_hash = g_strdup ("0123");
  head->model_name = g_strdup ("another");
  g_autofree char *warning = vtr_head_find_mismatch (head, model);
  g_assert_nonnull (warning);
  g_assert_nonnull (strstr (warning, "another"));
  g_assert_nonnull (strstr (warning, vtr_model_get_name (model)));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/head/save-and-load", test_save_and_load);
  g_test_add_func ("/head/what-is-no-head", test_what_is_no_head);
  g_test_add_func ("/head/unwritable", test_unwritable);
  g_test_add_func ("/head/model-with-head", test_model_with_head);
  g_test_add_func ("/head/own-head-is-replaced", test_own_head_is_replaced);
  g_test_add_func ("/head/wrong-width", test_wrong_width);
  g_test_add_func ("/head/features", test_features);
  g_test_add_func ("/head/mismatch", test_mismatch);
  return g_test_run ();
}
