/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Methods compared over pictures: what is added up against NumPy, what pictures are asked, charts.
 * usage: evaluation evaluation-goldens.npz */
#include "analysis/analysis.h"
#include "model-fixture.h"

#include <math.h>
#include <string.h>

#define N_METHODS 3
#define N_RUNNERS (N_METHODS + VTR_EVALUATION_N_ORDERS)

static VtrStore *goldens;

static double *
read_golden (const char *name, gsize *n_values)
{
  const VtrStored *stored = vtr_store_find (goldens, name);
  g_autoptr (GError) error = NULL;

  g_assert_nonnull (stored);
  g_autoptr (GBytes) bytes = vtr_store_read (goldens, stored, &error);
  g_assert_no_error (error);
  const guint8 *data = g_bytes_get_data (bytes, NULL);
  double *values = g_new (double, stored->n_values);
  for (gsize i = 0; i < stored->n_values; i++)
    if (stored->dtype == VTR_DTYPE_F64)
      memcpy (&values[i], data + i * sizeof (double), sizeof (double));
    else
      values[i] = ((const float *) (gconstpointer) data)[i];
  *n_values = stored->n_values;
  return values;
}

static VtrEvaluation *
make_evaluation (const char *const *names, guint n, VtrMeasures measures, guint32 seed)
{
  g_autoptr (GPtrArray) methods = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < n; i++)
    {
      g_ptr_array_add (methods, vtr_method_new (names[i], &error));
      g_assert_no_error (error);
    }
  return vtr_evaluation_new ((VtrMethod *const *) methods->pdata, n, measures, seed);
}

static const char *const three[] = { "raw", "rollout", "relevance" };

static VtrCurve *
make_curve (const double *values, guint n, VtrMeasure measure)
{
  const guint n_axis = vtr_measure_get_n_points (measure);
  VtrCurve *curve = g_new0 (VtrCurve, 1);

  curve->n = n;
  curve->shares = g_new (double, n);
  curve->values = g_memdup2 (values, n * sizeof *values);
  for (guint i = 0; i < n; i++)
    curve->shares[i] = vtr_measure_get_share (measure, n_axis - 1) * i / (n - 1);
  for (guint i = 0; i + 1 < n; i++)
    curve->area += (curve->shares[i + 1] - curve->shares[i]) * (values[i] + values[i + 1]) / 2;
  return curve;
}

/* Adds pictures @from to @to of the goldens. */
static void
add_pictures (VtrEvaluation *evaluation, guint from, guint to)
{
  gsize n;
  g_autofree double *curves = read_golden ("curves", &n);
  g_autofree double *lengths = read_golden ("lengths", &n);

  for (guint picture = from; picture < to; picture++)
    {
      g_autoptr (VtrFindings) findings = vtr_findings_new (N_METHODS, VTR_MEASURES_ALL);

      for (guint i = 0; i < N_RUNNERS * VTR_N_MEASURES; i++)
        {
          const guint measure = i % VTR_N_MEASURES;
          const guint n_points = (guint) lengths[picture * VTR_N_MEASURES + measure];

          *vtr_findings_get_place (findings, i / VTR_N_MEASURES, measure) =
              make_curve (curves +
                              ((gsize) picture * N_RUNNERS * VTR_N_MEASURES + i) * VTR_MAX_POINTS,
                          n_points, measure);
        }
      vtr_evaluation_add (evaluation, findings);
    }
}

static void
assert_estimate (VtrEstimate estimate, const double *expected)
{
  g_assert_cmpfloat_with_epsilon (estimate.mean, expected[0], 1e-9);
  g_assert_cmpfloat_with_epsilon (estimate.low, expected[1], 2e-6);
  g_assert_cmpfloat_with_epsilon (estimate.high, expected[2], 2e-6);
}

/* Of the goldens, random orders are last. */
static int
method_of (guint runner)
{
  return runner < N_METHODS ? (int) runner : VTR_RANDOM_ORDERS;
}

static void
test_numpy (void)
{
  g_autoptr (VtrEvaluation) evaluation = make_evaluation (three, N_METHODS, VTR_MEASURES_ALL, 0);
  gsize n;
  g_autofree double *lengths = read_golden ("lengths", &n);
  const guint n_pictures = (guint) n / VTR_N_MEASURES;
  g_autofree double *areas = read_golden ("areas", &n);
  g_autofree double *points = read_golden ("points", &n);
  g_autofree double *scores = read_golden ("scores", &n);
  g_autofree double *differences = read_golden ("differences", &n);

  add_pictures (evaluation, 0, n_pictures);
  g_assert_cmpuint (vtr_evaluation_get_n_pictures (evaluation), ==, n_pictures);
  for (guint i = 0; i <= N_METHODS; i++)
    for (guint m = 0; m < VTR_N_MEASURES; m++)
      {
        const gsize at = i * VTR_N_MEASURES + m;

        assert_estimate (vtr_evaluation_get_area (evaluation, method_of (i), m), areas + 3 * at);
        for (guint k = 0; k < vtr_measure_get_n_points (m); k++)
          assert_estimate (vtr_evaluation_get_point (evaluation, method_of (i), m, k),
                           points + 3 * (at * VTR_MAX_POINTS + k));
      }
  for (guint i = 0; i <= N_METHODS; i++)
    for (guint contest = 0; contest < VTR_N_CONTESTS; contest++)
      {
        const gsize at = i * VTR_N_CONTESTS + contest;

        assert_estimate (vtr_evaluation_get_score (evaluation, method_of (i), contest),
                         scores + 3 * at);
        if (i == N_METHODS)
          continue;
        assert_estimate (vtr_evaluation_get_difference (evaluation, i, contest),
                         differences + 3 * at);
        g_assert_cmpint (vtr_evaluation_compare (evaluation, i, contest), ==,
                         differences[3 * at + 1] > 0.0 ? VTR_COMPARISON_BETTER
                                                       : VTR_COMPARISON_NOT_BETTER);
      }
}

/* The goldens' methods are the better the earlier they come; here they come in another order. */
static void
test_rank (void)
{
  g_autoptr (VtrEvaluation) evaluation = make_evaluation (three, N_METHODS, VTR_MEASURES_ALL, 0);
  g_autoptr (VtrEvaluation) turned = make_evaluation (three, 2, 1u << VTR_MEASURE_NEGATIVE, 0);

  add_pictures (evaluation, 0, 5);
  g_autofree guint *ranks = vtr_evaluation_rank (evaluation);
  for (guint i = 0; i < N_METHODS; i++)
    g_assert_cmpuint (ranks[i], ==, i);

  const double values[][2] = { { 0.2, 0.2 }, { 0.9, 0.9 } };
  g_autoptr (VtrFindings) findings = vtr_findings_new (2, 1u << VTR_MEASURE_NEGATIVE);
  for (guint i = 0; i < 2 + VTR_EVALUATION_N_ORDERS; i++)
    *vtr_findings_get_place (findings, i, VTR_MEASURE_NEGATIVE) =
        make_curve (values[i == 1], 2, VTR_MEASURE_NEGATIVE);
  vtr_evaluation_add (turned, findings);
  g_assert_cmpint (vtr_evaluation_get_main_contest (turned), ==, VTR_CONTEST_PERTURBATION);
  g_assert_false (vtr_evaluation_has_contest (turned, VTR_CONTEST_PATCH));
  g_autofree guint *turned_ranks = vtr_evaluation_rank (turned);
  g_assert_cmpuint (turned_ranks[0], ==, 1);
  g_assert_cmpuint (turned_ranks[1], ==, 0);
}

static void
test_one_picture (void)
{
  g_autoptr (VtrEvaluation) evaluation = make_evaluation (three, N_METHODS, VTR_MEASURES_ALL, 0);

  add_pictures (evaluation, 0, 1);
  const VtrEstimate score = vtr_evaluation_get_score (evaluation, 0, VTR_CONTEST_PATCH);
  g_assert_true (isfinite (score.mean));
  g_assert_true (isnan (score.low) && isnan (score.high));
  g_assert_cmpint (vtr_evaluation_compare (evaluation, 0, VTR_CONTEST_PATCH), ==,
                   VTR_COMPARISON_UNKNOWN);
}

static void
test_student_t (void)
{
  gsize n;
  g_autofree double *freedoms = read_golden ("freedoms", &n);
  g_autofree double *expected = read_golden ("student", &n);

  for (gsize i = 0; i < n; i++)
    g_assert_cmpfloat_with_epsilon (vtr_student_t ((guint) freedoms[i]), expected[i], 1e-5);
}

/* Far from 0, where the mean of squares less the square of the mean would be noise. */
static void
test_far_from_zero (void)
{
  const double values[] = { 1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0 };
  VtrRunning running = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    vtr_running_add (&running, values[i]);
  g_assert_cmpfloat_with_epsilon (running.mean, 1e9 + 10.0, 1e-6);
  g_assert_cmpfloat_with_epsilon (running.squares / 3, 30.0, 1e-6);
}

static void
test_names (void)
{
  static const struct
  {
    const char *text;
    VtrMeasures measures; /* 0: refused */
  } cases[] = {
    { "all", VTR_MEASURES_ALL },
    { "patch", 1u << VTR_MEASURE_PATCH_DELETION | 1u << VTR_MEASURE_PATCH_INSERTION },
    { " pixel , positive", 1u << VTR_MEASURE_PIXEL_DELETION | 1u << VTR_MEASURE_PIXEL_INSERTION |
                               1u << VTR_MEASURE_POSITIVE },
    { "perturbation,negative", 1u << VTR_MEASURE_POSITIVE | 1u << VTR_MEASURE_NEGATIVE },
    { "patch-insertion", 1u << VTR_MEASURE_PATCH_INSERTION },
    { "", 0 },
    { "patch,", 0 },
    { "patches", 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      VtrMeasures measures = 0;

      g_assert_cmpint (vtr_measures_parse (cases[i].text, &measures, &error), ==,
                       cases[i].measures != 0);
      g_assert_cmpuint (measures, ==, cases[i].measures);
      if (cases[i].measures == 0)
        g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
    }
}

/* ---- a picture ---- */

static VtrInput *
make_input (VtrModel *model)
{
  guint8 rgba[6 * 6 * 4];
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < sizeof rgba; i++)
    rgba[i] = i % 4 == 3 ? 255 : (guint8) (i * i * 7);
  g_autoptr (VtrImage) image = vtr_image_new (6, 6, rgba, 6 * 4);
  VtrInput *input = vtr_input_new (model, image, VTR_FIT_STRETCH, 6, &error);
  g_assert_no_error (error);
  return input;
}

static void
assert_curves_equal (const VtrCurve *a, const VtrCurve *b)
{
  g_assert_cmpuint (a->n, ==, b->n);
  for (guint i = 0; i < a->n; i++)
    g_assert_cmpfloat_with_epsilon (a->values[i], b->values[i], 1e-5);
}

/* What a picture gave must be what vtr_session_measure () says of each method's own explanation,
 * and of orders whose seeds no other picture has. */
static void
check_findings (const VtrFindings *findings, VtrSession *session, VtrInput *input, guint number)
{
  for (guint i = 0; i < 2 + VTR_EVALUATION_N_ORDERS; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (VtrMethod) method = vtr_method_new (three[i < 2 ? i : 0], &error);
      g_autoptr (GPtrArray) explained =
          vtr_session_explain (session, method, &input, 1, 0, NULL, NULL, NULL, &error);
      const gint64 seed =
          i < 2 ? VTR_ORDER_OF_MAP : (gint64) (100 + number * VTR_EVALUATION_N_ORDERS + i - 2);

      g_assert_no_error (error);
      for (guint measure = 0; measure < VTR_N_MEASURES; measure++)
        {
          g_autoptr (VtrCurve) expected =
              vtr_session_measure (session, g_ptr_array_index (explained, 0), measure, NULL, seed,
                                   NULL, NULL, NULL, &error);

          g_assert_no_error (error);
          assert_curves_equal (*vtr_findings_get_place (findings, i, measure), expected);
        }
    }
}

static void
note_progress (double done, const char *what, gpointer data)
{
  double *last = data;

  g_assert_nonnull (what);
  g_assert_cmpfloat (done, >=, *last - 1e-9);
  g_assert_cmpfloat (done, <=, 1.0 + 1e-9);
  *last = done;
}

static void
test_try (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (FALSE);
  g_autoptr (VtrModel) model = fixture_open (fixture, &error);
  g_assert_no_error (error);
  g_autoptr (VtrInput) input = make_input (model);
  g_autoptr (VtrDevice) device = vtr_device_open ("cpu", &error);
  g_assert_no_error (error);
  g_autoptr (VtrSession) session =
      vtr_session_new (device, model, VTR_PRECISION_F32, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_autoptr (VtrEvaluation) evaluation = make_evaluation (three, 2, VTR_MEASURES_ALL, 100);

  for (guint number = 0; number < 2; number++)
    {
      double last = 0.0;
      g_autoptr (VtrFindings) findings = vtr_evaluation_try (evaluation, session, input, number,
                                                             note_progress, &last, NULL, &error);

      g_assert_no_error (error);
      g_assert_cmpfloat_with_epsilon (last, 1.0, 1e-6);
      g_assert_cmpint (findings->quantity, ==, VTR_QUANTITY_COSINE);
      check_findings (findings, session, input, number);
    }

  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_cancellable_cancel (cancellable);
  g_assert_null (
      vtr_evaluation_try (evaluation, session, input, 0, NULL, NULL, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* ---- drawings ---- */

/* How dark a grey picture is, in black pixels. */
static double
sum_ink (const VtrImage *image)
{
  const guint8 *rgba = vtr_image_get_rgba (image);
  const gsize n = (gsize) vtr_image_get_width (image) * vtr_image_get_height (image);
  double ink = 0.0;

  for (gsize i = 0; i < n; i++)
    ink += (255 - rgba[4 * i]) / 255.0;
  return ink;
}

static void
test_raster (void)
{
  const VtrPoint triangle[] = { { 3.3, 5.1 }, { 33.3, 5.1 }, { 13.7, 25.1 } };
  const VtrPoint line[] = { { 5.0, 5.0 }, { 35.0, 5.0 }, { 35.0, 30.0 } };
  const VtrPoint outside[] = { { -50.0, -20.0 }, { 90.0, 70.0 } };
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 4; i++)
    {
      static const double inks[] = { 300.0, 52.5, 2.0 * 55.0 + 3.14159, 71.33 };
      VtrDrawing drawing;

      vtr_drawing_init (&drawing, 40, 40, 0xffffff);
      if (i == 0)
        vtr_drawing_add_area (&drawing, triangle, 3, 0);
      else if (i == 1)
        vtr_drawing_add_box (&drawing, 2.25, 4.0, 12.75, 9.0, 0);
      else
        vtr_drawing_add_line (&drawing, i == 2 ? line : outside, i == 2 ? 3 : 2, i == 2 ? 2.0 : 1.5,
                              0);
      g_autoptr (VtrImage) image = vtr_drawing_to_image (&drawing, &error);
      g_assert_no_error (error);
      g_assert_cmpfloat_with_epsilon (sum_ink (image), inks[i], 0.03 * inks[i]);
      vtr_drawing_clear (&drawing);
    }
}

/* Collects what an XML parser reads. */
static void
note_text (GMarkupParseContext *context,
           const char *text,
           gsize length,
           gpointer data,
           GError **error)
{
  (void) context;
  (void) error;
  g_string_append_len (data, text, (gssize) length);
}

static char *
read_svg (const VtrDrawing *drawing)
{
  const GMarkupParser parser = { .text = note_text };
  g_autoptr (GString) texts = g_string_new (NULL);
  g_autoptr (GMarkupParseContext) context = g_markup_parse_context_new (&parser, 0, texts, NULL);
  g_autofree char *svg = vtr_drawing_to_svg (drawing);
  g_autoptr (GError) error = NULL;

  g_markup_parse_context_parse (context, svg, -1, &error);
  g_assert_no_error (error);
  g_markup_parse_context_end_parse (context, &error);
  g_assert_no_error (error);
  g_assert_null (strstr (svg, "&#x1;"));
  return g_string_free (g_steal_pointer (&texts), FALSE);
}

static void
test_svg (void)
{
  VtrDrawing drawing;

  vtr_drawing_init (&drawing, 40, 40, 0xffffff);
  vtr_drawing_add_text (&drawing, (VtrPoint){ 1.0, 20.0 }, 2, VTR_ANCHOR_END, 0,
                        "a <b> & \"c\" ü \x01 \xff");
  g_autofree char *text = read_svg (&drawing);
  g_assert_nonnull (strstr (text, "a <b> & \"c\" ü ? \357\277\275"));
  vtr_drawing_clear (&drawing);
}

/* Every method's name, once for each contest, and nothing outside of the picture. */
static void
test_chart (void)
{
  g_autoptr (VtrEvaluation) evaluation = make_evaluation (three, N_METHODS, VTR_MEASURES_ALL, 0);
  VtrDrawing drawing;

  add_pictures (evaluation, 0, 4);
  vtr_chart_init (&drawing, evaluation, "of <this>");
  g_autofree char *text = read_svg (&drawing);
  g_assert_nonnull (strstr (text, "of <this>"));
  for (guint i = 0; i < N_METHODS; i++)
    {
      g_auto (GStrv) parts = g_strsplit (text, three[i], -1);
      g_assert_cmpuint (g_strv_length (parts), ==, VTR_N_CONTESTS + 1);
    }
  for (guint i = 0; i < drawing.points->len; i++)
    {
      const VtrPoint *point = &g_array_index (drawing.points, VtrPoint, i);

      g_assert_true (point->x >= 0.0 && point->x <= drawing.width);
      g_assert_true (point->y >= 0.0 && point->y <= drawing.height);
    }
  vtr_drawing_clear (&drawing);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;

  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 2);
  goldens = vtr_store_open_file (argv[1], &error);
  g_assert_no_error (error);
  g_test_add_func ("/evaluation/numpy", test_numpy);
  g_test_add_func ("/evaluation/rank", test_rank);
  g_test_add_func ("/evaluation/one-picture", test_one_picture);
  g_test_add_func ("/evaluation/student-t", test_student_t);
  g_test_add_func ("/evaluation/far-from-zero", test_far_from_zero);
  g_test_add_func ("/evaluation/names", test_names);
  g_test_add_func ("/evaluation/try", test_try);
  g_test_add_func ("/evaluation/raster", test_raster);
  g_test_add_func ("/evaluation/svg", test_svg);
  g_test_add_func ("/evaluation/chart", test_chart);
  const int result = g_test_run ();
  vtr_store_unref (goldens);
  return result;
}
