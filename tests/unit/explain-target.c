/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Targets: what texts mean for a model, the numbers they are and the derivatives. */
#include "model-fixture.h"
#include "explain/target.h"

#include <math.h>
#include <string.h>

#define LABELS                                                                                     \
  ", \"id2label\": {\"0\": \"tabby, tabby cat\", \"1\": \"tiger cat\", \"2\": \"toy terrier\","    \
  " \"3\": \"hen-of-the-woods, Grifola\", \"4\": \"hen\", \"5\": \"of-the-woods\", \"6\": "        \
  "\"7\"}"
#define N_CLASSES 7

static Fixture *
make_classifier (void)
{
  Fixture *fixture = fixture_new_dinov2 (FALSE);

  fixture_add (fixture, "classifier.weight", "[7, 16]");
  fixture_add (fixture, "classifier.bias", "[7]");
  fixture_write_config (fixture, LABELS);
  return fixture;
}

static VtrModel *
open_fixture (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  VtrModel *model = fixture_open (fixture, &error);

  g_assert_no_error (error);
  return model;
}

typedef struct
{
  const char *text;
  const char *same; /* its own text; NULL where it is refused */
  const char *says; /* the description, or a part of the refusal */
} Case;

static void
test_parse (void)
{
  static const Case cases[] = {
    { "tabby", "0", "tabby, tabby cat" },
    { "TABBY CAT", "0", "tabby, tabby cat" },
    { "ta", "0", "tabby, tabby cat" },
    { "2", "2", "toy terrier" },
    { "7", "6", "7" }, /* a label goes before an index */
    { "5", "5", "of-the-woods" },
    { "hen", "4", "hen" }, /* whole, though another label begins so */
    { "hen-of-the-woods", "3", "hen-of-the-woods, Grifola" },
    { "grif", "3", "hen-of-the-woods, Grifola" },
    { "hen-ta", "4-0", "hen rather than tabby, tabby cat" },
    { "hen-of-the-woods-hen", "3-4", "hen-of-the-woods, Grifola rather than hen" },
    { "0-1", "0-1", "tabby, tabby cat rather than tiger cat" },
    { "tiger-rest", "1-rest", "tiger cat rather than all others" },
    { "top1", "top1", "top1" },
    { "top1-top2", "top1-top2", "top1 rather than top2" },
    { "top2-rest", "top2-rest", "top2 rather than all others" },
    { "patch:12.5,40", "patch:12.5,40", "patch:12.5,40" },
    { "", NULL, "No class" },
    { "t", NULL, "“tabby, tabby cat” (0), “tiger cat” (1), “toy terrier” (2)" },
    { "dog", NULL, "called “dog”" },
    { "8", NULL, "called “8”" },
    { "-1", NULL, "called" },
    { "top0", NULL, "called “top0”" },
    { "top8", NULL, "called “top8”" },
    { "tabby-dog", NULL, "called “dog”" },
    { "tabby-0", NULL, "contrasts a class with itself" },
    { "top2-top2", NULL, "contrasts a class with itself" },
    { "patch:12", NULL, "patch:X,Y" },
    { "patch:nan,1", NULL, "patch:X,Y" },
  };
  g_autoptr (Fixture) fixture = make_classifier ();
  g_autoptr (VtrModel) model = open_fixture (fixture);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (VtrTarget) target = vtr_target_parse (cases[i].text, model, &error);

      g_test_message ("“%s”: %s", cases[i].text, error != NULL ? error->message : "read");
      g_assert_cmpint (target != NULL, ==, cases[i].same != NULL);
      if (target == NULL)
        {
          g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
          g_assert_nonnull (strstr (error->message, cases[i].says));
          continue;
        }
      g_autofree char *described = vtr_target_describe (target, model);
      g_assert_cmpstr (vtr_target_get_text (target), ==, cases[i].same);
      g_assert_cmpstr (described, ==, cases[i].says);
    }
}

static void
assert_refused (VtrModel *model, const char *text, const char *word)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (vtr_target_parse (text, model, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
  if (strstr (error->message, word) == NULL)
    g_error ("“%s” does not say “%s”", error->message, word);
}

static void
test_no_classes (void)
{
  const float zeros[8] = { 0 };
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (FALSE);
  g_autoptr (VtrModel) model = open_fixture (fixture);
  g_autoptr (GError) error = NULL;

  assert_refused (model, "cat", "no classifier");
  assert_refused (model, "top1", "no classifier");
  g_assert_null (vtr_target_new_embedding (model, zeros, 8, "image:black.png", &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
  g_clear_error (&error);
  g_assert_null (vtr_target_new_embedding (model, (float[]){ 1, 2, 3 }, 3, "text", &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
}

static void
test_one_class (void)
{
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (FALSE);

  fixture_add (fixture, "classifier.weight", "[1, 16]");
  fixture_add (fixture, "classifier.bias", "[1]");
  fixture_write_config (fixture, ", \"id2label\": {\"0\": \"cat\"}");
  g_autoptr (VtrModel) model = open_fixture (fixture);
  assert_refused (model, "cat-rest", "no rest");
  assert_refused (model, "top1-rest", "no rest");
}

/* What goes into pictures must not tell where others lie. */
static void
test_picture_without_folders (void)
{
  static const char *const cases[][2] = {
    { "image:/home/me/dog.jpg", "image:dog.jpg" },
    { "image:dogs/1.jpg", "image:dogs/1.jpg" },
    { "/home/me", "/home/me" },
  };
  const float direction[8] = { 1 };
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (FALSE);
  g_autoptr (VtrModel) model = open_fixture (fixture);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (VtrTarget) target =
          vtr_target_new_embedding (model, direction, 8, cases[i][0], &error);
      g_assert_no_error (error);
      g_autofree char *described = vtr_target_describe (target, model);
      g_assert_cmpstr (vtr_target_get_text (target), ==, cases[i][0]);
      g_assert_cmpstr (described, ==, cases[i][1]);
    }
}

static void
test_ambiguous_contrast (void)
{
  g_autoptr (Fixture) fixture = make_classifier ();

  fixture_write_config (fixture, ", \"id2label\": {\"0\": \"a\", \"1\": \"b-c\", \"2\": \"a-b\", "
                                 "\"3\": \"c\", \"4\": \"x\", \"5\": \"y\", \"6\": \"z\"}");
  g_autoptr (VtrModel) model = open_fixture (fixture);
  assert_refused (model, "a-b-c", "can be read as 0-1 and as 2-3");
}

static void
test_without_labels (void)
{
  g_autoptr (Fixture) fixture = make_classifier ();

  fixture_write_config (fixture, "");
  g_autoptr (VtrModel) model = open_fixture (fixture);
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrTarget) target = vtr_target_parse ("6-2", model, &error);
  g_assert_no_error (error);
  g_autofree char *described = vtr_target_describe (target, model);
  g_assert_cmpstr (described, ==, "class 6 rather than class 2");
  assert_refused (model, "cat", "no labels");
}

static void
test_resolve (void)
{
  const float logits[N_CLASSES] = { 0.5f, 3.0f, -1.0f, 3.0f, 2.0f, 0.0f, -4.0f };
  g_autoptr (Fixture) fixture = make_classifier ();
  g_autoptr (VtrModel) model = open_fixture (fixture);
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrTarget) target = vtr_target_parse ("top1-top3", model, NULL);
  g_autoptr (VtrTarget) resolved = vtr_target_resolve (target, model, logits, N_CLASSES, &error);
  guint a, b;

  g_assert_no_error (error);
  g_assert_false (vtr_target_get_classes (target, &a, &b));
  g_assert_true (vtr_target_get_classes (resolved, &a, &b));
  g_assert_cmpuint (a, ==, 1); /* of equal logits the first ranks higher */
  g_assert_cmpuint (b, ==, 4);
  g_assert_cmpfloat (vtr_target_evaluate (resolved, logits, N_CLASSES, NULL), ==, 1.0);

  g_autoptr (VtrTarget) itself = vtr_target_parse ("top2-hen-of-the-woods", model, NULL);
  g_assert_null (vtr_target_resolve (itself, model, logits, N_CLASSES, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
  g_assert_nonnull (strstr (error->message, "with itself"));
}

/* The gradient against differences of y. */
static void
check_gradient (const VtrTarget *target, const float *values, guint n)
{
  const float step = 1.0f / 256;
  g_autofree float *gradient = g_new (float, n);
  g_autofree float *moved = g_memdup2 (values, n * sizeof *values);

  vtr_target_evaluate (target, values, n, gradient);
  for (guint i = 0; i < n; i++)
    {
      moved[i] = values[i] + step;
      const double above = vtr_target_evaluate (target, moved, n, NULL);
      moved[i] = values[i] - step;
      const double below = vtr_target_evaluate (target, moved, n, NULL);
      moved[i] = values[i];
      g_assert_cmpfloat_with_epsilon (gradient[i], (above - below) / (2 * step), 1e-4);
    }
}

static void
test_gradients (void)
{
  static const char *const texts[] = { "0", "1-4", "4-rest", "patch:1,1" };
  const float values[] = { 0.5f, 3.0f, -1.0f, 2.5f, 2.0f, 0.25f, -4.0f, 1.5f };
  const float direction[] = { 1, -2, 3, 0, 0.5f, 2, -1, 1 };
  g_autoptr (Fixture) fixture = make_classifier ();
  g_autoptr (VtrModel) model = open_fixture (fixture);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (VtrTarget) target = vtr_target_parse (texts[i], model, &error);
      g_assert_no_error (error);
      check_gradient (target, values, N_CLASSES);
    }

  g_autoptr (Fixture) plain = fixture_new_dinov2 (FALSE);
  g_autoptr (VtrModel) without_head = open_fixture (plain);
  g_autoptr (VtrTarget) target =
      vtr_target_new_embedding (without_head, direction, 8, "image:dog.jpg", &error);
  g_assert_no_error (error);
  check_gradient (target, values, 8);
  g_assert_cmpfloat_with_epsilon (vtr_target_evaluate (target, direction, 8, NULL), 1.0, 1e-6);
}

/* Large logits must not overflow; y is the log-odds. */
static void
test_rest_is_stable (void)
{
  const float logits[N_CLASSES] = { 900, 800, -900, 0, 0, 0, 0 };
  float gradient[N_CLASSES];
  g_autoptr (Fixture) fixture = make_classifier ();
  g_autoptr (VtrModel) model = open_fixture (fixture);
  g_autoptr (VtrTarget) target = vtr_target_parse ("0-rest", model, NULL);

  g_assert_cmpfloat (vtr_target_evaluate (target, logits, N_CLASSES, gradient), ==, 100.0);
  g_assert_cmpfloat (gradient[0], ==, 1.0f);
  g_assert_cmpfloat (gradient[1], ==, -1.0f);
  g_assert_cmpfloat (gradient[2], ==, 0.0f);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/target/parse", test_parse);
  g_test_add_func ("/target/no-classes", test_no_classes);
  g_test_add_func ("/target/one-class", test_one_class);
  g_test_add_func ("/target/picture-without-folders", test_picture_without_folders);
  g_test_add_func ("/target/ambiguous-contrast", test_ambiguous_contrast);
  g_test_add_func ("/target/without-labels", test_without_labels);
  g_test_add_func ("/target/resolve", test_resolve);
  g_test_add_func ("/target/gradients", test_gradients);
  g_test_add_func ("/target/rest-is-stable", test_rest_is_stable);
  return g_test_run ();
}
