/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* How far explanations agree: numbers reckoned by hand, grids and regions of two kinds, totals,
 * sheets. */
#include "analysis/agreement.h"
#include "model-fixture.h"

#include <math.h>
#include <string.h>

#define TINY 1e-12

static void
assert_near (double value, double expected)
{
  g_assert_cmpfloat_with_epsilon (value, expected, TINY);
}

/* ---- lists of numbers ---- */

static void
test_pearson (void)
{
  const float a[] = { 1, 2, 3, 4 }, b[] = { 2, 4, 6, 8 }, c[] = { 4, 3, 2, 1 };
  const float d[] = { 1, 3, 2, 4 }, flat[] = { 5, 5, 5, 5 };

  assert_near (vtr_numbers_correlate (a, b, 4), 1.0);
  assert_near (vtr_numbers_correlate (a, c, 4), -1.0);
  assert_near (vtr_numbers_correlate (a, d, 4), 0.8); /* Σxy = 4 of Σxx = Σyy = 5 */
  g_assert_true (isnan (vtr_numbers_correlate (a, flat, 4)));
  g_assert_true (isnan (vtr_numbers_correlate (flat, flat, 4)));
}

/* Ranks do not care how far values lie apart; equal ones share theirs. */
static void
test_spearman (void)
{
  const float a[] = { 1, 2, 3, 4 }, steep[] = { 1, 10, 100, 1000 }, ties[] = { 1, 2, 2, 3 };

  assert_near (vtr_numbers_correlate_ranks (a, steep, 4), 1.0);
  g_assert_cmpfloat (vtr_numbers_correlate (a, steep, 4), <, 0.9);
  assert_near (vtr_numbers_correlate_ranks (a, ties, 4), 4.5 / sqrt (5.0 * 4.5));
  g_assert_true (isnan (vtr_numbers_correlate_ranks (a, (float[]){ 0, 0, 0, 0 }, 4)));
}

static void
test_overlap (void)
{
  const float a[] = { 9, 8, 1, 0, 0, 0, 0, 0, 0, 0 }; /* the top two of ten: 0, 1 */
  const float b[] = { 9, 0, 8, 0, 0, 0, 0, 0, 0, 0 }; /* 0, 2 */
  const float c[] = { 0, 0, 0, 0, 0, 0, 0, 0, 8, 9 };
  const float ties[] = { 5, 5, 5, 5, 5, 5, 5, 5, 5, 5 }; /* 0, 1: the first */

  assert_near (vtr_numbers_overlap (a, a, 10), 1.0);
  assert_near (vtr_numbers_overlap (a, b, 10), 1.0 / 3.0);
  assert_near (vtr_numbers_overlap (a, c, 10), 0.0);
  assert_near (vtr_numbers_overlap (a, ties, 10), 1.0);
  assert_near (vtr_numbers_overlap (c, ties, 10), 0.0);
  /* Of eleven the top three, a fifth rounded up. */
  assert_near (vtr_numbers_overlap ((float[]){ 3, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0 },
                                    (float[]){ 3, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0 }, 11),
               0.5);
}

static void
test_divergence (void)
{
  const float a[] = { 1, 0 }, b[] = { 0, 1 }, even[] = { 1, 1 }, scaled[] = { 7, 7 };
  const float below[] = { 4, -3 };

  assert_near (vtr_numbers_diverge (a, a, 2), 0.0);
  assert_near (vtr_numbers_diverge (a, b, 2), 1.0);
  assert_near (vtr_numbers_diverge (even, scaled, 2), 0.0);
  /* H (3/4, 1/4) − (H (1, 0) + H (1/2, 1/2)) / 2 */
  assert_near (vtr_numbers_diverge (a, even, 2), 0.75 * log2 (4.0 / 3.0) + 0.25 * 2.0 - 0.5);
  assert_near (vtr_numbers_diverge (below, b, 2), 1.0);
  g_assert_true (isnan (vtr_numbers_diverge (a, (float[]){ 0, -1 }, 2)));
}

static void
test_cosine_and_class (void)
{
  const float logits[] = { 0, 2, 2, -1 };
  double softmax;

  assert_near (vtr_numbers_cosine ((float[]){ 3, 4 }, (float[]){ 4, 3 }, 2), 0.96);
  assert_near (vtr_numbers_cosine ((float[]){ 3, 4 }, (float[]){ -6, -8 }, 2), -1.0);
  g_assert_true (isnan (vtr_numbers_cosine ((float[]){ 0, 0 }, (float[]){ 1, 0 }, 2)));
  g_assert_cmpuint (vtr_numbers_find_greatest (logits, 4, &softmax), ==, 1);
  assert_near (softmax, 1.0 / (2.0 + exp (-2.0) + exp (-3.0)));
}

/* ---- explanations ---- */

/* 6 × 6 pixels: 3 × 3 patches. */
static VtrImage *
make_image (guint width, guint height)
{
  g_autofree guint8 *rgba = g_malloc ((gsize) width * height * 4);

  for (gsize i = 0; i < (gsize) width * height; i++)
    memcpy (rgba + 4 * i, (guint8[]){ (guint8) (7 * i), (guint8) (3 * i), 128, 255 }, 4);
  return vtr_image_new (width, height, rgba, (gsize) width * 4);
}

/* An explanation with that map, as if some method had made it; @values NULL: patch i has i. */
static VtrExplanation *
make_explanation (VtrModel *model, VtrImage *image, VtrFit fit, guint size, const float *values)
{
  static const guint zero = 0;
  const VtrDeviceInfo info = { .id = (char *) "none" };
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrInput) input = vtr_input_new (model, image, fit, size, &error);
  g_assert_no_error (error);
  g_autoptr (VtrMethod) method = vtr_method_new ("raw", &error);
  const guint n_rows = vtr_input_get_n_rows (input), n_columns = vtr_input_get_n_columns (input);
  g_autofree float *counted = g_new (float, n_rows *n_columns);

  for (guint i = 0; i < n_rows * n_columns; i++)
    counted[i] = (float) i;
  VtrExplanation *self =
      vtr_explanation_new (input, model, method, &info, VTR_PRECISION_F32, &zero, 1, &zero, 1);
  vtr_explanation_take_summary (self,
                                vtr_map_new (n_rows, n_columns, values != NULL ? values : counted,
                                             VTR_FUSED, VTR_FUSED, "map"));
  return self;
}

static VtrModel *
open_model (void)
{
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (FALSE);
  g_autoptr (GError) error = NULL;
  VtrModel *model = fixture_open (fixture, &error);

  g_assert_no_error (error);
  return model;
}

static void
test_same_grid (void)
{
  g_autoptr (VtrModel) model = open_model ();
  g_autoptr (VtrImage) image = make_image (6, 6);
  const float one[] = { 0, 0, 0, 0, 1, 0, 0, 0, 0 }, other[] = { 1, 0, 0, 0, 0, 0, 0, 0, 0 };
  g_autoptr (VtrExplanation) a = make_explanation (model, image, VTR_FIT_STRETCH, 6, one);
  g_autoptr (VtrExplanation) b = make_explanation (model, image, VTR_FIT_STRETCH, 6, other);
  g_autoptr (GError) error = NULL;
  VtrAgreement found;

  g_assert_true (vtr_explanations_compare (a, a, &found, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (found.n_patches, ==, 9);
  assert_near (found.values[VTR_AGREEMENT_PEARSON], 1.0);
  assert_near (found.values[VTR_AGREEMENT_SPEARMAN], 1.0);
  assert_near (found.values[VTR_AGREEMENT_IOU], 1.0);
  assert_near (found.values[VTR_AGREEMENT_DIVERGENCE], 0.0);
  g_assert_true (isnan (found.values[VTR_AGREEMENT_COSINE]));
  g_assert_true (isnan (found.values[VTR_AGREEMENT_LOGIT_CHANGE]));
  g_assert_cmpint (found.classes[0], ==, VTR_NO_CLASS);
  g_assert_false (found.comparable);

  g_assert_true (vtr_explanations_compare (a, b, &found, &error));
  assert_near (found.values[VTR_AGREEMENT_PEARSON], -1.0 / 8.0);
  assert_near (found.values[VTR_AGREEMENT_DIVERGENCE], 1.0);
}

/* A ramp read at other places is the ramp: only where neighbours end does it bend. */
static void
test_two_grids (void)
{
  g_autoptr (VtrModel) model = open_model ();
  g_autoptr (VtrImage) image = make_image (24, 24);
  g_autoptr (VtrExplanation) coarse = make_explanation (model, image, VTR_FIT_STRETCH, 4, NULL);
  g_autoptr (VtrExplanation) fine = make_explanation (model, image, VTR_FIT_STRETCH, 8, NULL);
  g_autoptr (GError) error = NULL;
  VtrMapPair pair;
  VtrAgreement forth, back;

  g_assert_true (vtr_map_pair_init (&pair, coarse, fine, &error));
  g_assert_cmpuint (pair.n_rows, ==, 4);
  g_assert_cmpuint (pair.n_covered, ==, 16);
  /* Coarse patches 0 1 / 2 3 have their centres at 6 and 18, fine ones at 3, 9, 15, 21. */
  const float expected[] = { 0,    0.25f, 0.75f, 1,    0.5f, 0.75f, 1.25f, 1.5f,
                             1.5f, 1.75f, 2.25f, 2.5f, 2,    2.25f, 2.75f, 3 };
  for (guint i = 0; i < 16; i++)
    {
      g_assert_cmpfloat_with_epsilon (pair.values[0][i], expected[i], 1e-6f);
      g_assert_cmpfloat (pair.values[1][i], ==, (float) i);
    }
  vtr_map_pair_clear (&pair);

  g_assert_true (vtr_explanations_compare (coarse, fine, &forth, &error));
  g_assert_true (vtr_explanations_compare (fine, coarse, &back, &error));
  for (guint i = VTR_AGREEMENT_PEARSON; i <= VTR_AGREEMENT_DIVERGENCE; i++)
    assert_near (forth.values[i], back.values[i]);
}

/* The training crop sees the middle of a wide picture: elsewhere nothing is compared. */
static void
test_two_regions (void)
{
  g_autoptr (VtrModel) model = open_model ();
  g_autoptr (VtrImage) image = make_image (60, 20);
  g_autoptr (VtrExplanation) whole = make_explanation (model, image, VTR_FIT_COVER, 6, NULL);
  g_autoptr (VtrExplanation) middle = make_explanation (model, image, VTR_FIT_TRAIN, 6, NULL);
  g_autoptr (GError) error = NULL;
  VtrMapPair pair;

  g_assert_true (vtr_map_pair_init (&pair, middle, whole, &error));
  g_assert_cmpuint (pair.n_covered, <, pair.n_rows * pair.n_columns);
  g_assert_cmpuint (pair.n_covered, >, 0);
  g_assert_true (isnan (pair.values[0][0]) && isnan (pair.values[1][0]));
  vtr_map_pair_clear (&pair);

  g_autoptr (VtrImage) other_image = make_image (20, 60);
  g_autoptr (VtrExplanation) other = make_explanation (model, other_image, VTR_FIT_COVER, 6, NULL);
  VtrAgreement found;
  g_assert_false (vtr_explanations_compare (whole, other, &found, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
}

static void
give_logits (VtrExplanation *self, const float *logits, guint n)
{
  vtr_explanation_take_logits (self, g_memdup2 (logits, n * sizeof *logits), n);
}

static VtrModel *
give_labels (VtrModel *model, const char *const *labels)
{
  const float features[4 * FIXTURE_WIDTH * 2] = { 1, 0, 0, 0, 0, 1 };
  const VtrExamples examples = {
    .features = features,
    .classes = (const guint[]){ 0, 0, 1, 1 },
    .n_examples = 4,
    .n_features = vtr_model_get_n_features (model),
    .labels = labels,
    .n_classes = 2,
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrHead) head = vtr_head_train (model, &examples, 2, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  VtrModel *with = vtr_model_with_head (model, head, &error);
  g_assert_no_error (error);
  return with;
}

/* Logits are compared where labels correspond, and not where only their number does. */
static void
test_classes (void)
{
  g_autoptr (VtrModel) headless = open_model ();
  g_autoptr (VtrModel) model = give_labels (headless, (const char *const[]){ "cat", "dog", NULL });
  g_autoptr (VtrModel) other = give_labels (headless, (const char *const[]){ "cat", "cow", NULL });
  g_autoptr (VtrImage) image = make_image (6, 6);
  g_autoptr (VtrExplanation) a = make_explanation (model, image, VTR_FIT_STRETCH, 6, NULL);
  g_autoptr (VtrExplanation) b = make_explanation (model, image, VTR_FIT_STRETCH, 6, NULL);
  g_autoptr (VtrExplanation) c = make_explanation (other, image, VTR_FIT_STRETCH, 6, NULL);
  g_autoptr (GError) error = NULL;
  VtrAgreement found;

  give_logits (a, (const float[]){ 1, 2 }, 2);
  give_logits (b, (const float[]){ 1.5f, 1.25f }, 2);
  give_logits (c, (const float[]){ 2, 1 }, 2);
  g_assert_true (vtr_models_have_same_classes (model, model));
  g_assert_false (vtr_models_have_same_classes (model, other));
  g_assert_false (vtr_models_have_same_classes (headless, headless));
  g_assert_true (vtr_explanations_compare (a, b, &found, &error));
  g_assert_true (found.comparable && found.changed);
  g_assert_cmpint (found.classes[0], ==, 1);
  g_assert_cmpint (found.classes[1], ==, 0);
  assert_near (found.values[VTR_AGREEMENT_LOGIT_CHANGE], 0.75);
  assert_near (found.probabilities[0], 1.0 / (1.0 + exp (-1.0)));
  g_assert_true (vtr_explanations_compare (a, c, &found, &error));
  g_assert_cmpint (found.classes[0], !=, found.classes[1]);
  g_assert_false (found.comparable || found.changed);
  g_assert_true (isnan (found.values[VTR_AGREEMENT_LOGIT_CHANGE]));
}

/* ---- many ---- */

static void
test_totals (void)
{
  g_autoptr (VtrAgreements) sum = vtr_agreements_new ();
  VtrAgreement one = { .comparable = TRUE, .changed = TRUE };
  guint n;

  for (guint i = 0; i < VTR_N_AGREEMENT_MEASURES; i++)
    one.values[i] = 0.5;
  vtr_agreements_add (sum, &one);
  one.values[VTR_AGREEMENT_PEARSON] = 1.0;
  one.values[VTR_AGREEMENT_COSINE] = NAN;
  one.changed = FALSE;
  vtr_agreements_add (sum, &one);
  one.comparable = FALSE;
  vtr_agreements_add (sum, &one);

  g_assert_cmpuint (vtr_agreements_get_n_pictures (sum), ==, 3);
  g_assert_cmpuint (vtr_agreements_get_n_comparable (sum), ==, 2);
  g_assert_cmpuint (vtr_agreements_get_n_changed (sum), ==, 1);
  const VtrEstimate pearson = vtr_agreements_get_estimate (sum, VTR_AGREEMENT_PEARSON, &n);
  g_assert_cmpuint (n, ==, 3);
  assert_near (pearson.mean, 2.5 / 3.0);
  /* t (2) · s / √3, s² = 1/12 */
  g_assert_cmpfloat_with_epsilon (pearson.high - pearson.mean, 4.3026527297 / 6.0, 1e-9);
  const VtrEstimate cosine = vtr_agreements_get_estimate (sum, VTR_AGREEMENT_COSINE, &n);
  g_assert_cmpuint (n, ==, 1);
  assert_near (cosine.mean, 0.5);
  g_assert_true (isnan (cosine.low));
}

static void
test_names (void)
{
  g_autoptr (GError) error = NULL;
  VtrAgreementMeasure measure;

  for (guint i = 0; i < VTR_N_AGREEMENT_MEASURES; i++)
    {
      g_assert_true (
          vtr_agreement_measure_parse (vtr_agreement_measure_get_name (i), &measure, &error));
      g_assert_cmpuint (measure, ==, i);
    }
  g_assert_false (vtr_agreement_measure_parse ("likeness", &measure, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
  g_assert_true (vtr_agreement_measure_is_distance (VTR_AGREEMENT_DIVERGENCE));
  g_assert_false (vtr_agreement_measure_is_distance (VTR_AGREEMENT_IOU));
}

/* ---- sheets ---- */

/* How many pixels of a picture are more of A's orange or of B's blue than grey. */
static guint
count_colored (const VtrImage *image, gboolean blue)
{
  const guint n = vtr_image_get_width (image) * vtr_image_get_height (image);
  const guint8 *rgba = vtr_image_get_rgba (image);
  guint n_colored = 0;

  for (guint i = 0; i < n; i++)
    n_colored += blue ? rgba[4 * i + 2] > rgba[4 * i] + 60 : rgba[4 * i] > rgba[4 * i + 2] + 60;
  return n_colored;
}

static void
test_sheet (void)
{
  g_autoptr (VtrModel) model = open_model ();
  g_autoptr (VtrImage) image = make_image (6, 6);
  const float one[] = { 0, 0, 0, 0, 1, 0, 0, 0, 0 }, other[] = { 1, 0, 0, 0, 0, 0, 0, 0, 0 };
  g_autoptr (VtrExplanation) a = make_explanation (model, image, VTR_FIT_STRETCH, 6, one);
  g_autoptr (VtrExplanation) b = make_explanation (model, image, VTR_FIT_STRETCH, 6, other);
  const VtrAgreementLooks looks = { NULL, 0.6 };
  g_autoptr (GError) error = NULL;
  VtrAgreement found;

  g_assert_true (vtr_explanations_compare (a, b, &found, &error));
  g_autoptr (VtrAgreementRow) row = vtr_agreement_row_new (a, b, &found, "x.png", &looks, &error);
  g_assert_no_error (error);
  assert_near (row->difference, 1.0);
  g_assert_cmpuint (vtr_image_get_width (row->panels[3]), ==, VTR_ROW_EDGE);
  g_assert_cmpuint (count_colored (row->panels[3], FALSE), >, 3000);
  g_assert_cmpuint (count_colored (row->panels[3], TRUE), >, 3000);
  const guint8 *middle =
      vtr_image_get_rgba (row->panels[3]) + 4 * (VTR_ROW_EDGE / 2 * (VTR_ROW_EDGE + 1));
  g_assert_cmpuint (middle[0], >, middle[2] + 100); /* A's patch: orange */

  /* With itself nothing has a colour. */
  g_assert_true (vtr_explanations_compare (a, a, &found, &error));
  g_autoptr (VtrAgreementRow) same = vtr_agreement_row_new (a, a, &found, NULL, &looks, &error);
  g_assert_cmpuint (count_colored (same->panels[3], FALSE), ==, 0);
  g_assert_cmpuint (count_colored (same->panels[3], TRUE), ==, 0);

  VtrAgreementRow *rows[] = { row, same };
  g_autoptr (VtrImage) alone = vtr_agreement_sheet_new (rows, 1, "t", "s", "a", "b", &error);
  g_autoptr (VtrImage) both = vtr_agreement_sheet_new (rows, 2, "t", "s", "a", "b", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (vtr_image_get_width (alone), ==, vtr_image_get_width (both));
  g_assert_cmpuint (vtr_image_get_height (both), >=, vtr_image_get_height (alone) + VTR_ROW_EDGE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/agreement/pearson", test_pearson);
  g_test_add_func ("/agreement/spearman", test_spearman);
  g_test_add_func ("/agreement/overlap", test_overlap);
  g_test_add_func ("/agreement/divergence", test_divergence);
  g_test_add_func ("/agreement/cosine-and-class", test_cosine_and_class);
  g_test_add_func ("/agreement/same-grid", test_same_grid);
  g_test_add_func ("/agreement/two-grids", test_two_grids);
  g_test_add_func ("/agreement/two-regions", test_two_regions);
  g_test_add_func ("/agreement/classes", test_classes);
  g_test_add_func ("/agreement/totals", test_totals);
  g_test_add_func ("/agreement/names", test_names);
  g_test_add_func ("/agreement/sheet", test_sheet);
  return g_test_run ();
}
