/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* Heads from examples: the fit against scikit-learn, the cross-validation against what is known.
 * usage: learn learn-goldens.npz */
#include "learn/learn.h"
#include "model-fixture.h"

#include <math.h>
#include <string.h>

#define N_CLASSES 3

static VtrStore *goldens;

static const char *const labels[] = { "cat", "dog", "a \"bird\", ü" };

/* ---- examples ---- */

/* Owns what its examples point to. */
typedef struct
{
  VtrExamples public;
  float *features;
  guint *classes;
} Examples;

static void
examples_clear (Examples *self)
{
  g_free (self->features);
  g_free (self->classes);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Examples, examples_clear)

static void
examples_init (Examples *self, guint n, guint n_features)
{
  self->features = g_new0 (float, (gsize) n *n_features);
  self->classes = g_new0 (guint, n);
  self->public = (VtrExamples){
    .features = self->features,
    .classes = self->classes,
    .n_examples = n,
    .n_features = n_features,
    .labels = labels,
    .n_classes = N_CLASSES,
  };
}

/* Classes in turn; the feature of each example's class is @distance larger than noise from 0 to 1.
 */
static void
make_clusters (Examples *self, guint n, double distance)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (7);

  examples_init (self, n, FIXTURE_WIDTH);
  for (guint i = 0; i < n; i++)
    {
      float *x = self->features + (gsize) i * FIXTURE_WIDTH;
      self->classes[i] = i % N_CLASSES;
      for (guint j = 0; j < FIXTURE_WIDTH; j++)
        x[j] = (float) g_rand_double (random);
      x[self->classes[i]] += (float) distance;
    }
}

static double *
read_golden (const char *name, gsize *n_values)
{
  const VtrStored *stored = vtr_store_find (goldens, name);
  g_autoptr (GError) error = NULL;

  g_assert_nonnull (stored);
  g_autoptr (GBytes) bytes = vtr_store_read (goldens, stored, &error);
  g_assert_no_error (error);
  *n_values = stored->n_values;
  double *values = g_new (double, stored->n_values);
  const guint8 *data = g_bytes_get_data (bytes, NULL);
  for (gsize i = 0; i < stored->n_values; i++)
    if (stored->dtype == VTR_DTYPE_F64)
      memcpy (&values[i], data + i * sizeof (double), sizeof (double));
    else
      values[i] = ((const float *) (gconstpointer) data)[i];
  return values;
}

/* Those that scikit-learn had. */
static void
read_examples (Examples *self)
{
  gsize n_values, n;
  g_autofree double *features = read_golden ("features", &n_values);
  g_autofree double *classes = read_golden ("classes", &n);

  examples_init (self, (guint) n, (guint) (n_values / n));
  for (gsize i = 0; i < n_values; i++)
    self->features[i] = (float) features[i];
  for (gsize i = 0; i < n; i++)
    self->classes[i] = (guint) classes[i];
}

static guint *
all_rows (const VtrExamples *examples)
{
  guint *rows = g_new (guint, examples->n_examples);

  for (guint i = 0; i < examples->n_examples; i++)
    rows[i] = i;
  return rows;
}

/* ---- the fit ---- */

/* The gradient of the loss against differences of it. */
static void
test_gradient (void)
{
  g_auto (Examples) examples = { 0 };
  read_examples (&examples);
  /* Every other one: the sample's own mean and scale. */
  const guint n_rows = examples.public.n_examples / 2;
  g_autofree guint *rows = g_new (guint, n_rows);
  VtrSample sample;

  for (guint i = 0; i < n_rows; i++)
    rows[i] = 2 * i;
  vtr_sample_init (&sample, &examples.public, rows, n_rows);
  const gsize n = vtr_sample_count_params (&sample);
  g_autofree double *params = g_new (double, n);
  g_autofree double *gradient = g_new (double, n);
  g_autofree double *unused = g_new (double, n);
  g_assert_cmpuint (n, ==, (FIXTURE_WIDTH + 1) * N_CLASSES);
  for (gsize i = 0; i < n; i++)
    params[i] = sin ((double) i);

  vtr_sample_loss (&sample, 0.3, params, gradient);
  for (gsize i = 0; i < n; i++)
    {
      const double at = params[i];
      const double step = 1e-5;
      params[i] = at + step;
      const double above = vtr_sample_loss (&sample, 0.3, params, unused);
      params[i] = at - step;
      const double below = vtr_sample_loss (&sample, 0.3, params, unused);
      params[i] = at;
      g_assert_cmpfloat_with_epsilon (gradient[i], (above - below) / (2 * step), 1e-8);
    }
  vtr_sample_clear (&sample);
}

/* What an example's logits are above their mean over the classes; the bias has a free constant. */
static void
compute_logits (const VtrExamples *examples,
                guint example,
                const double *weight, /* [c][d] */
                const double *bias,
                double logits[N_CLASSES])
{
  const float *x = examples->features + (gsize) example * examples->n_features;
  double mean = 0.0;

  for (guint k = 0; k < N_CLASSES; k++)
    {
      logits[k] = bias[k];
      for (guint j = 0; j < examples->n_features; j++)
        logits[k] += weight[k * examples->n_features + j] * x[j];
      mean += logits[k] / N_CLASSES;
    }
  for (guint k = 0; k < N_CLASSES; k++)
    logits[k] -= mean;
}

/* Of all examples, in units of a logit. */
static void
assert_same_head (const VtrExamples *examples,
                  const double *weight, /* [d][c], as vtr_sample_unscale () gives it */
                  const double *bias,
                  const double *expected_weight, /* [c][d] */
                  const double *expected_bias,
                  double tolerance)
{
  const guint d = examples->n_features;
  g_autofree double *rows = g_new (double, (gsize) N_CLASSES *d);
  double worst = 0.0;

  for (guint k = 0; k < N_CLASSES; k++)
    for (guint j = 0; j < d; j++)
      rows[k * d + j] = weight[j * N_CLASSES + k];
  for (guint i = 0; i < examples->n_examples; i++)
    {
      double logits[N_CLASSES], expected[N_CLASSES];
      compute_logits (examples, i, rows, bias, logits);
      compute_logits (examples, i, expected_weight, expected_bias, expected);
      for (guint k = 0; k < N_CLASSES; k++)
        worst = MAX (worst, fabs (logits[k] - expected[k]));
    }
  g_test_message ("logits differ by %.1e at most", worst);
  g_assert_cmpfloat (worst, <=, tolerance);
}

static void
test_scikit_learn (gconstpointer data)
{
  const char *text = data;
  const double penalty = g_ascii_strtod (text, NULL);
  g_autofree char *weight_name = g_strconcat ("weight/", text, NULL);
  g_autofree char *bias_name = g_strconcat ("bias/", text, NULL);
  g_autofree char *loss_name = g_strconcat ("loss/", text, NULL);
  gsize n;
  g_autofree double *expected_weight = read_golden (weight_name, &n);
  g_autofree double *expected_bias = read_golden (bias_name, &n);
  g_autofree double *expected_loss = read_golden (loss_name, &n);
  g_auto (Examples) examples = { 0 };
  read_examples (&examples);
  g_autofree guint *rows = all_rows (&examples.public);
  g_auto (VtrFitting) fitting = { 0 };
  g_autoptr (GError) error = NULL;

  vtr_fitting_init (&fitting, &examples.public, rows, examples.public.n_examples, &error);
  g_assert_no_error (error);
  vtr_fitting_search (&fitting, penalty, VTR_FINAL_TOLERANCE, NULL, &error);
  g_assert_no_error (error);

  double weight[FIXTURE_WIDTH * N_CLASSES];
  double bias[N_CLASSES];
  double gradient[(FIXTURE_WIDTH + 1) * N_CLASSES];
  vtr_sample_unscale (&fitting.sample, fitting.params, weight, bias);
  assert_same_head (&examples.public, weight, bias, expected_weight, expected_bias, 1e-4);
  const double loss = vtr_sample_loss (&fitting.sample, penalty, fitting.params, gradient);
  g_assert_cmpfloat_with_epsilon (loss, *expected_loss, 1e-9);
}

/* A feature that is the same for all has no say, whatever the numbers. */
static void
test_constant_feature (void)
{
  g_auto (Examples) examples = { 0 };
  make_clusters (&examples, 30, 1.0);
  g_autofree guint *rows = all_rows (&examples.public);
  VtrSample sample;

  for (guint i = 0; i < 30; i++)
    examples.features[i * FIXTURE_WIDTH + 5] = 0.1f;
  vtr_sample_init (&sample, &examples.public, rows, 30);
  g_assert_cmpfloat (sample.scale[5], ==, 0.0);
  g_assert_cmpfloat (sample.scale[4], >, 1.0);
  vtr_sample_clear (&sample);
}

/* ---- cross-validation ---- */

static void
test_folds (void)
{
  g_auto (Examples) examples = { 0 };
  read_examples (&examples);
  const guint n_folds = 7;
  g_autofree guint *folds = vtr_folds_new (&examples.public, n_folds);
  g_autofree guint *again = vtr_folds_new (&examples.public, n_folds);
  guint counts[N_CLASSES + 1][7] = { 0 }; /* the last: of all classes */
  gboolean in_order = TRUE;

  for (guint i = 0; i < examples.public.n_examples; i++)
    {
      g_assert_cmpuint (folds[i], ==, again[i]);
      g_assert_cmpuint (folds[i], <, n_folds);
      counts[examples.classes[i]][folds[i]]++;
      counts[N_CLASSES][folds[i]]++;
      in_order = in_order && folds[i] == i % n_folds;
    }
  g_assert_false (in_order);
  for (guint row = 0; row <= N_CLASSES; row++)
    for (guint a = 0; a < n_folds; a++)
      for (guint b = 0; b < n_folds; b++)
        g_assert_cmpuint (counts[row][a], <=, counts[row][b] + 1);
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

static VtrHead *
train (const Examples *examples, guint n_folds)
{
  g_autoptr (VtrModel) model = open_model ();
  g_autoptr (GError) error = NULL;
  VtrHead *head = vtr_head_train (model, &examples->public, n_folds, NULL, NULL, NULL, &error);

  g_assert_no_error (error);
  return head;
}

static void
test_classes_apart (void)
{
  g_auto (Examples) examples = { 0 };
  make_clusters (&examples, 60, 3.0);
  g_autoptr (VtrHead) head = train (&examples, 5);
  const VtrHeadScore *score = vtr_head_get_score (head);

  g_assert_cmpfloat (score->accuracy, ==, 1.0);
  g_assert_cmpfloat (score->deviation, ==, 0.0);
  g_assert_cmpfloat_with_epsilon (score->guessing, 1.0 / 3, 1e-12);
  g_assert_cmpuint (score->n_examples, ==, 60);
  g_assert_cmpuint (score->n_folds, ==, 5);
  for (guint a = 0; a < N_CLASSES; a++)
    for (guint b = 0; b < N_CLASSES; b++)
      g_assert_cmpuint (score->confusion[a * N_CLASSES + b], ==, a == b ? 20 : 0);

  /* The head that is kept, for features as they are. */
  for (guint i = 0; i < 60; i++)
    {
      double logits[N_CLASSES];
      guint greatest = 0;
      for (guint k = 0; k < N_CLASSES; k++)
        {
          logits[k] = head->bias[k];
          for (guint j = 0; j < FIXTURE_WIDTH; j++)
            logits[k] +=
                head->weight[k * FIXTURE_WIDTH + j] * examples.features[i * FIXTURE_WIDTH + j];
          greatest = logits[k] > logits[greatest] ? k : greatest;
        }
      g_assert_cmpuint (greatest, ==, examples.classes[i]);
    }
}

/* Noise can be learned by heart, but is not told right where it was not seen; the strongest penalty
 * is then the best. */
static void
test_noise (void)
{
  g_auto (Examples) examples = { 0 };
  make_clusters (&examples, 90, 0.0);
  g_autoptr (VtrHead) head = train (&examples, 9);
  const VtrHeadScore *score = vtr_head_get_score (head);
  guint sum = 0;

  for (guint i = 0; i < N_CLASSES * N_CLASSES; i++)
    sum += score->confusion[i];
  g_assert_cmpuint (sum, ==, 90);
  g_assert_cmpfloat (score->accuracy, <, 0.5);
  g_assert_cmpfloat (score->deviation, >, 0.0);
  g_assert_cmpfloat (score->penalty, >=, 1.0);
}

/* Of heads fitted to all folds but @fold, for each penalty: the sum of the losses of its examples,
 * the share of them that is told right. */
static void
measure_fold (const VtrExamples *examples,
              const guint *folds,
              guint fold,
              double *loss,
              double *share)
{
  g_autofree guint *rows = g_new (guint, examples->n_examples);
  g_auto (VtrFitting) fitting = { 0 };
  g_autoptr (GError) error = NULL;
  guint n_rows = 0;
  double weight[FIXTURE_WIDTH * N_CLASSES];
  double bias[N_CLASSES], scratch[N_CLASSES];

  for (guint i = 0; i < examples->n_examples; i++)
    if (folds[i] != fold)
      rows[n_rows++] = i;
  g_assert_true (vtr_fitting_init (&fitting, examples, rows, n_rows, &error));
  for (guint penalty = 0; penalty < VTR_N_PENALTIES; penalty++)
    {
      guint n_right = 0;
      loss[penalty] = 0.0;
      g_assert_true (vtr_fitting_search (&fitting, vtr_penalties[penalty], VTR_SEARCH_TOLERANCE,
                                         NULL, &error));
      vtr_sample_unscale (&fitting.sample, fitting.params, weight, bias);
      for (guint i = 0; i < examples->n_examples; i++)
        if (folds[i] == fold)
          {
            guint taken_for;
            loss[penalty] += vtr_example_loss (examples, i, weight, bias, scratch, &taken_for);
            n_right += taken_for == examples->classes[i];
          }
      share[penalty] = (double) n_right / (examples->n_examples - n_rows);
    }
}

#define N_HONEST_FOLDS 4

/* The penalty of the least loss over all folds but @without. */
static guint
best_penalty (double losses[N_HONEST_FOLDS][VTR_N_PENALTIES], guint without)
{
  double sums[VTR_N_PENALTIES] = { 0 };
  guint best = 0;

  for (guint fold = 0; fold < N_HONEST_FOLDS; fold++)
    for (guint i = 0; i < VTR_N_PENALTIES && fold != without; i++)
      sums[i] += losses[fold][i];
  for (guint i = 1; i < VTR_N_PENALTIES; i++)
    best = sums[i] < sums[best] ? i : best;
  return best;
}

/* A fold has no say in the penalty that it is judged by, but in that of the head that is kept. */
static void
test_honest (void)
{
  g_auto (Examples) examples = { 0 };
  make_clusters (&examples, 48, 0.4);
  g_autofree guint *folds = vtr_folds_new (&examples.public, N_HONEST_FOLDS);
  g_autoptr (VtrHead) head = train (&examples, N_HONEST_FOLDS);
  const VtrHeadScore *score = vtr_head_get_score (head);
  double losses[N_HONEST_FOLDS][VTR_N_PENALTIES];
  double shares[N_HONEST_FOLDS][VTR_N_PENALTIES];
  double honest = 0.0, flattering = 0.0;

  for (guint fold = 0; fold < N_HONEST_FOLDS; fold++)
    measure_fold (&examples.public, folds, fold, losses[fold], shares[fold]);
  const guint kept = best_penalty (losses, N_HONEST_FOLDS);
  for (guint fold = 0; fold < N_HONEST_FOLDS; fold++)
    {
      honest += shares[fold][best_penalty (losses, fold)] / N_HONEST_FOLDS;
      flattering += shares[fold][kept] / N_HONEST_FOLDS;
    }
  g_test_message ("honest %g, flattering %g", honest, flattering);
  g_assert_cmpfloat_with_epsilon (score->accuracy, honest, 1e-12);
  g_assert_cmpfloat (fabs (honest - flattering), >, 1e-3);
  g_assert_cmpfloat (score->penalty, ==, vtr_penalties[kept]);
}

/* Two of a class are enough, and folds as many as pictures at most. */
static void
test_few_examples (void)
{
  g_auto (Examples) examples = { 0 };
  make_clusters (&examples, 6, 3.0);
  g_autoptr (VtrHead) head = train (&examples, 50);

  g_assert_cmpuint (vtr_head_get_score (head)->n_folds, ==, 6);
  g_assert_cmpfloat (vtr_head_get_score (head)->accuracy, >, 0.5);
}

static void
test_same_again (void)
{
  g_auto (Examples) examples = { 0 };
  make_clusters (&examples, 45, 0.4);
  g_autoptr (VtrHead) first = train (&examples, 5);
  g_autoptr (VtrHead) second = train (&examples, 5);

  g_assert_cmpstr (vtr_head_get_hash (first), ==, vtr_head_get_hash (second));
  g_assert_cmpfloat (vtr_head_get_score (first)->accuracy, ==,
                     vtr_head_get_score (second)->accuracy);
}

static void
test_too_few (void)
{
  g_auto (Examples) examples = { 0 };
  make_clusters (&examples, 5, 3.0);
  g_autoptr (GError) error = NULL;

  g_assert_false (vtr_examples_check (&examples.public, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
  g_assert_nonnull (strstr (error->message, labels[2]));
  g_clear_error (&error);
  examples.public.n_examples = 2;
  examples.public.n_classes = 1;
  examples.classes[1] = 0;
  g_assert_false (vtr_examples_check (&examples.public, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
}

static void
note_progress (double done, const char *what, gpointer data)
{
  double *last = data;

  g_assert_nonnull (what);
  g_assert_cmpfloat (done, >=, *last);
  *last = done;
}

static void
test_progress (void)
{
  g_auto (Examples) examples = { 0 };
  make_clusters (&examples, 30, 1.0);
  g_autoptr (VtrModel) model = open_model ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  double last = 0.0;
  g_autoptr (VtrHead) head =
      vtr_head_train (model, &examples.public, 3, note_progress, &last, cancellable, &error);

  g_assert_no_error (error);
  g_assert_cmpfloat (last, ==, 1.0);
  last = 0.0;
  g_cancellable_cancel (cancellable);
  g_assert_null (
      vtr_head_train (model, &examples.public, 3, note_progress, &last, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

int
main (int argc, char **argv)
{
  static const char *const penalties[] = { "10", "0.1", "0.01", "0.0001" };
  g_autoptr (GError) error = NULL;

  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 2);
  goldens = vtr_store_open_file (argv[1], &error);
  g_assert_no_error (error);
  g_test_add_func ("/learn/gradient", test_gradient);
  for (guint i = 0; i < G_N_ELEMENTS (penalties); i++)
    {
      g_autofree char *name = g_strconcat ("/learn/scikit-learn/", penalties[i], NULL);
      g_test_add_data_func (name, penalties[i], test_scikit_learn);
    }
  g_test_add_func ("/learn/constant-feature", test_constant_feature);
  g_test_add_func ("/learn/folds", test_folds);
  g_test_add_func ("/learn/classes-apart", test_classes_apart);
  g_test_add_func ("/learn/noise", test_noise);
  g_test_add_func ("/learn/honest", test_honest);
  g_test_add_func ("/learn/few-examples", test_few_examples);
  g_test_add_func ("/learn/same-again", test_same_again);
  g_test_add_func ("/learn/too-few", test_too_few);
  g_test_add_func ("/learn/progress", test_progress);
  const int result = g_test_run ();
  vtr_store_unref (goldens);
  return result;
}
