/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * What a map is worth, against NumPy and PyTorch: every measure for every kind of target, and the
 * score.  The map is made up, so this looks inside.
 */
#include "run.h"
#include "explain/score.h"

#include <math.h>

/* Probabilities and cosines are at most 1; differences of logits are of its order here. */
#define TOLERANCE 1e-5
#define TOLERANCE_F16 1e-2

/* One picture of a case, explained by the map of variants.json. */
typedef struct
{
  VtrSession *session;
  VtrInput *input;
  VtrExplanation *explanation;
  JsonObject *entry;
} Trial;

/* ---- what was asked ---- */

static const struct
{
  const char *kind;
  VtrQuantity quantity;
} quantities[] = {
  { "class", VTR_QUANTITY_PROBABILITY }, { "contrast", VTR_QUANTITY_DIFFERENCE },
  { "rest", VTR_QUANTITY_LOG_ODDS },     { "embedding", VTR_QUANTITY_COSINE },
  { "patch", VTR_QUANTITY_COSINE },      { "own", VTR_QUANTITY_COSINE },
};

static VtrTarget *
make_direction (const Trial *self)
{
  guint n;
  g_autoptr (GError) error = NULL;

  vtr_explanation_get_embedding (self->explanation, &n);
  g_autofree float *values = g_new (float, n);
  for (guint i = 0; i < n; i++)
    values[i] = cosf ((float) (i + 1));
  VtrTarget *target =
      vtr_target_new_embedding (vtr_session_get_model (self->session), values, n, "a wave", &error);
  g_assert_no_error (error);
  return target;
}

static VtrTarget *
make_patch (const Trial *self, guint patch)
{
  const guint n_columns = vtr_input_get_n_columns (self->input);
  VtrRect rect;

  vtr_input_get_patch_rect (self->input, patch / n_columns, patch % n_columns, &rect);
  return vtr_target_new_patch (rect.x + rect.width / 2, rect.y + rect.height / 2);
}

/* NULL for "own": there is no head, so nothing is asked; and for "class": the first one is meant.
 */
static VtrTarget *
make_target (const Trial *self, JsonObject *asked)
{
  const char *kind = json_object_get_string_member (asked, "kind");
  const guint a = (guint) json_object_get_int_member (asked, "a");
  const guint b = (guint) json_object_get_int_member (asked, "b");
  g_autofree char *text =
      g_str_equal (kind, "rest") ? g_strdup_printf ("%u-rest", a) : g_strdup_printf ("%u-%u", a, b);
  g_autoptr (GError) error = NULL;

  if (g_str_equal (kind, "own") || g_str_equal (kind, "class"))
    return NULL;
  if (g_str_equal (kind, "embedding"))
    return make_direction (self);
  if (g_str_equal (kind, "patch"))
    return make_patch (self, a);
  VtrTarget *target = vtr_target_parse (text, vtr_session_get_model (self->session), &error);
  g_assert_no_error (error);
  return target;
}

/* ---- comparing ---- */

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

/* Numbers that may be near 0, so that in f16 the relative error says nothing. */
static void
check_numbers (const char *what, const double *values, const float *expected, guint n)
{
  const double tolerance = golden_precision == VTR_PRECISION_F16 ? TOLERANCE_F16 : TOLERANCE;
  double greatest = 0.0;

  for (guint i = 0; i < n; i++)
    {
      const double difference = fabs (values[i] - expected[i]);

      greatest = MAX (greatest, difference);
      if (difference <= tolerance)
        continue;
      g_test_fail_printf ("%s: number %u of %u is %.7g instead of %.7g", what, i, n, values[i],
                          (double) expected[i]);
      return;
    }
  g_test_message ("%s: differs by %.1e at most", what, greatest);
}

static void
check_number (const char *what, double value, JsonObject *expected, const char *member)
{
  const float number = (float) json_object_get_double_member (expected, member);

  check_numbers (what, &value, &number, 1);
}

static VtrMeasure
find_measure (const char *name)
{
  for (guint measure = 0; measure <= VTR_MEASURE_NEGATIVE; measure++)
    if (g_str_equal (vtr_measure_get_name (measure), name))
      return measure;
  g_assert_not_reached ();
}

static void
check_measure (const Trial *self, JsonObject *expected)
{
  const char *name = json_object_get_string_member (expected, "measure");
  const VtrMeasure measure = find_measure (name);
  const gint64 seed = json_object_get_int_member (expected, "seed");
  const gboolean by_tenths = measure == VTR_MEASURE_POSITIVE || measure == VTR_MEASURE_NEGATIVE;
  g_autofree char *what =
      g_strdup_printf ("%s of %s, order %d", name, json_object_get_string_member (expected, "kind"),
                       (int) seed);
  VtrTarget *target = make_target (self, expected);
  guint n;
  g_autofree float *values = read_floats (expected, "values", &n);
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrCurve) curve = vtr_session_measure (self->session, self->explanation, measure,
                                                    target, seed, NULL, NULL, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (curve->n, ==, n);
  for (guint i = 0; i < n; i++)
    g_assert_cmpfloat_with_epsilon (curve->shares[i], by_tenths ? i / 10.0 : i / (n - 1.0), 1e-12);
  check_numbers (what, curve->values, values, n);
  check_number (what, curve->area, expected, "area");
  if (target != NULL)
    vtr_target_unref (target);
}

static void
check_score (const Trial *self, JsonObject *expected)
{
  const char *kind = json_object_get_string_member (expected, "kind");
  VtrTarget *target = make_target (self, expected);
  guint n;
  g_autofree float *random = read_floats (expected, "random", &n);
  g_autoptr (GError) error = NULL;

  vtr_method_set_target (vtr_explanation_get_method (self->explanation), target);
  vtr_score_explanation (self->session, self->explanation, NULL, &error);
  g_assert_no_error (error);
  const VtrScore *score = vtr_explanation_get_score (self->explanation);

  for (guint i = 0; i < G_N_ELEMENTS (quantities); i++)
    if (g_str_equal (quantities[i].kind, kind))
      g_assert_cmpint (score->quantity, ==, quantities[i].quantity);
  check_number ("score", score->score, expected, "score");
  g_assert_cmpuint (n, ==, VTR_SCORE_N_ORDERS);
  check_numbers ("random scores", score->random, random, n);
  check_number ("lower end", score->random_low, expected, "low");
  check_number ("upper end", score->random_high, expected, "high");
  g_assert_cmpfloat (score->random_mean, >=, score->random_low);
  g_assert_cmpfloat (score->random_mean, <=, score->random_high);
  g_assert_cmpint (score->better, ==, score->score > score->random_high);
  if (target != NULL)
    vtr_target_unref (target);
  vtr_method_set_target (vtr_explanation_get_method (self->explanation), NULL);
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

/* An explanation that says the map of the entry. */
static VtrExplanation *
explain (const Trial *self, VtrMethod *method)
{
  VtrExplanation *explanation =
      golden_explain_one (self->session, method, self->input, VTR_EXPLAIN_DEFAULT);
  guint n;
  g_autofree float *values = read_floats (self->entry, "map", &n);

  g_assert_cmpuint (n, ==, golden_count_patches (self->input));
  vtr_explanation_take_summary (explanation, vtr_map_new (vtr_input_get_n_rows (self->input),
                                                          vtr_input_get_n_columns (self->input),
                                                          values, VTR_FUSED, VTR_FUSED, "made up"));
  return explanation;
}

static void
for_each (const char *name, const char *member, void (*check) (const Trial *, JsonObject *))
{
  g_autoptr (JsonParser) parser = open_variants (name);
  JsonArray *entries =
      json_object_get_array_member (json_node_get_object (json_parser_get_root (parser)), "inputs");
  g_autoptr (GoldenCase) golden = golden_case_open (name);
  g_autoptr (VtrSession) session = golden != NULL ? golden_open_session (golden) : NULL;
  g_autoptr (VtrMethod) method = golden_make_method ("raw", NULL);

  for (guint i = 0; session != NULL && i < json_array_get_length (entries); i++)
    {
      JsonObject *entry = json_array_get_object_element (entries, i);
      const guint index = (guint) json_object_get_int_member (entry, "input");

      if (!json_object_has_member (entry, member))
        continue;
      g_autoptr (VtrInput) input = golden_case_prepare (golden, golden_case_input (golden, index));
      Trial trial = { .session = session, .input = input, .entry = entry };
      g_autoptr (VtrExplanation) explanation = explain (&trial, method);
      JsonArray *all = json_object_get_array_member (entry, member);

      trial.explanation = explanation;
      g_assert_cmpuint (json_array_get_length (all), >, 0);
      for (guint k = 0; k < json_array_get_length (all); k++)
        check (&trial, json_array_get_object_element (all, k));
    }
}

static void
test_measures (gconstpointer name)
{
  for_each (name, "measures", check_measure);
}

static void
test_scores (gconstpointer name)
{
  for_each (name, "scores", check_score);
}

static void
add_tests (const char *name)
{
  static const struct
  {
    const char *what;
    GTestDataFunc test;
  } tests[] = {
    { "measures", test_measures },
    { "scores", test_scores },
  };
  g_autoptr (JsonParser) parser = open_variants (name);

  for (guint i = 0; parser != NULL && i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strdup_printf ("/measures/%s/%s", name, tests[i].what);

      g_test_add_data_func_full (path, g_strdup (name), tests[i].test, g_free);
    }
}

int
main (int argc, char **argv)
{
  return golden_run (argc, argv, add_tests);
}
