/* SPDX-License-Identifier: LGPL-3.0-or-later */

#include "trial.h"

#include <math.h>
#include <string.h>

#define PIXEL_TOLERANCE 1e-6

/* Each number both as a float, and as the byte it came from. */
static gboolean
check_pixel (const GoldenCase *golden, guint channel, float value, guint8 expected)
{
  const double mean =
      json_array_get_double_element (json_object_get_array_member (golden->facts, "mean"), channel);
  const double std =
      json_array_get_double_element (json_object_get_array_member (golden->facts, "std"), channel);

  return round (((double) value * std + mean) * 255.0) == expected &&
         fabs (value - (expected / 255.0 - mean) / std) <= PIXEL_TOLERANCE;
}

gboolean
trial_check_pixels (const GoldenCase *golden, JsonObject *entry, VtrInput *input)
{
  guint width, height;
  const float *pixels = vtr_input_get_pixels (input, &width, &height);
  const guint8 *expected = golden_case_get_pixels (golden, entry, width, height);
  gsize n_wrong = 0;

  if (expected == NULL)
    return FALSE;
  for (guint channel = 0; channel < 3; channel++)
    for (gsize i = 0; i < (gsize) width * height; i++)
      n_wrong += !check_pixel (golden, channel, pixels[channel * (gsize) width * height + i],
                               expected[3 * i + channel]);
  if (n_wrong == 0)
    return TRUE;
  g_test_fail_printf ("%s of %s: %" G_GSIZE_FORMAT " of %u×%u×3 pixels differ from Pillow's",
                      json_object_get_string_member (entry, "fit"),
                      json_object_get_string_member (entry, "picture"), n_wrong, width, height);
  return FALSE;
}

/* Row @query of the expected matrix of (@layer, @head), from its first patch on. */
static const float *
get_expected_row (const Trial *trial, guint layer, guint head, guint query)
{
  const GoldenArray *all = &trial->attention;
  const gsize n = all->shape[3];

  return all->values + (((gsize) layer * all->shape[1] + head) * n + query) * n + trial->n_prefix;
}

/* What patches get from the query in each layer and head, the mean over @n_queries tokens. */
static void
check_attention (const Trial *trial,
                 const VtrExplanation *explanation,
                 const guint *queries,
                 guint n_queries)
{
  const gsize n_patches = golden_count_patches (trial->input);
  g_autofree float *expected = g_new (float, n_patches);
  g_autofree double *sums = g_new (double, n_patches);
  guint n_layers, n_heads;
  const float *attention = vtr_explanation_get_attention (explanation, &n_layers, &n_heads);

  if (attention == NULL || n_layers != trial->attention.shape[0] ||
      n_heads != trial->attention.shape[1])
    {
      g_test_fail_printf ("attention of %u heads in %u layers", n_heads, n_layers);
      return;
    }
  for (guint i = 0; i < n_layers * n_heads; i++)
    {
      memset (sums, 0, n_patches * sizeof (double));
      for (guint k = 0; k < n_queries; k++)
        for (gsize patch = 0; patch < n_patches; patch++)
          sums[patch] += get_expected_row (trial, i / n_heads, i % n_heads, queries[k])[patch];
      for (gsize patch = 0; patch < n_patches; patch++)
        expected[patch] = (float) (sums[patch] / n_queries);
      if (!golden_check_close (n_queries == 1 ? "attention of one token" : "attention of patches",
                               attention + i * n_patches, expected, n_patches, ATTENTION_TOLERANCE))
        return;
    }
}

static void
check_attention_of_all (const Trial *trial, const VtrExplanation *explanation)
{
  const guint n_patches = golden_count_patches (trial->input);
  g_autofree guint *tokens = g_new (guint, n_patches);

  for (guint patch = 0; patch < n_patches; patch++)
    tokens[patch] = trial->n_prefix + patch;
  check_attention (trial, explanation, tokens, n_patches);
}

static void
check_output (const Trial *trial, const char *what, const float *values, guint n_values)
{
  GoldenArray expected;

  if (!golden_case_get_array (trial->golden, trial->entry, what, &expected))
    g_assert_null (values);
  else if (values == NULL || n_values != expected.n_values)
    g_test_fail_printf ("%s: %u numbers, wanted %" G_GSIZE_FORMAT, what,
                        values != NULL ? n_values : 0, expected.n_values);
  else
    golden_check_close (what, values, expected.values, n_values, LOGIT_TOLERANCE);
}

static void
check_outputs (const Trial *trial, const VtrExplanation *explanation)
{
  guint n_values;
  const float *values = vtr_explanation_get_logits (explanation, &n_values);

  check_output (trial, "logits", values, n_values);
  values = vtr_explanation_get_embedding (explanation, &n_values);
  check_output (trial, "embedding", values, n_values);
}

static void
check_matrix (const Trial *trial, const VtrExplanation *explanation)
{
  guint n_tokens;
  const float *matrix = vtr_explanation_get_matrix (explanation, &n_tokens);

  if (matrix == NULL || n_tokens != trial->attention.shape[3] ||
      vtr_model_get_n_heads (trial->golden->model) != trial->attention.shape[1])
    g_test_fail_printf ("attention matrix of %u tokens", n_tokens);
  else
    golden_check_close ("attention matrix", matrix, trial->attention.values,
                        trial->attention.n_values, ATTENTION_TOLERANCE);
}

void
trial_check_raw (const Trial *trial)
{
  const guint cls = 0;
  g_autoptr (VtrMethod) method = golden_make_method ("raw", "layers", "all", "heads", "all",
                                                     "temperature", trial->temperature, NULL);
  g_autoptr (VtrExplanation) explanation =
      golden_explain_one (trial->session, method, trial->input, VTR_EXPLAIN_MATRIX);

  if (explanation == NULL)
    return;
  check_matrix (trial, explanation);
  check_outputs (trial, explanation);
  if (vtr_model_has_cls_token (trial->golden->model))
    check_attention (trial, explanation, &cls, 1);
  else
    check_attention_of_all (trial, explanation);
}

void
trial_check_mean_query (const Trial *trial)
{
  g_autoptr (VtrMethod) method =
      golden_make_method ("raw", "layers", "all", "heads", "all", "query", "mean", "temperature",
                          trial->temperature, NULL);
  g_autoptr (VtrExplanation) explanation =
      golden_explain_one (trial->session, method, trial->input, VTR_EXPLAIN_DEFAULT);

  if (explanation != NULL)
    check_attention_of_all (trial, explanation);
}

/* What @query asks is to be the mean over these patches. */
static void
check_places (const Trial *trial, const char *query, const guint *patches, guint n_patches)
{
  g_autofree guint *tokens = g_new (guint, n_patches);
  g_autoptr (VtrMethod) method =
      golden_make_method ("raw", "layers", "all", "heads", "all", "query", query, "temperature",
                          trial->temperature, NULL);
  g_autoptr (VtrExplanation) explanation =
      golden_explain_one (trial->session, method, trial->input, VTR_EXPLAIN_DEFAULT);

  for (guint i = 0; i < n_patches; i++)
    tokens[i] = trial->n_prefix + patches[i];
  if (explanation != NULL)
    check_attention (trial, explanation, tokens, n_patches);
}

/* The last patch but one, asked for as a pixel of the picture. */
void
trial_check_pixel_query (const Trial *trial)
{
  const guint patch = golden_count_patches (trial->input) - 2;
  g_autofree char *query = golden_make_places (trial->input, &patch, 1);

  check_places (trial, query, &patch, 1);
}

/* Some patches, side by side and apart; one of them twice, which makes no difference. */
void
trial_check_several_pixels (const Trial *trial)
{
  const guint last = golden_count_patches (trial->input) - 1;
  const guint patches[] = { last, 0, 1, last / 2, 0 };
  g_autofree char *query = golden_make_places (trial->input, patches, G_N_ELEMENTS (patches));

  check_places (trial, query, patches, G_N_ELEMENTS (patches) - 1);
}

/* Not with f16: a cutoff, for next to it rounded entries fall to its other side; the least of all
 * heads, for a product of many small entries adds up the errors of their logarithms.  What the
 * kernels make of halves the ops' tests see. */
static gboolean
is_comparable (JsonObject *rollout)
{
  if (golden_precision == VTR_PRECISION_F32)
    return TRUE;
  return g_ascii_strtod (json_object_get_string_member (rollout, "discard-ratio"), NULL) == 0.0 &&
         !g_str_equal (json_object_get_string_member (rollout, "heads"), "min");
}

static void
check_rollout (const Trial *trial, JsonObject *rollout)
{
  static const char *const params[] = { "query", "heads", "discard-ratio", "layers" };
  g_autoptr (VtrMethod) method =
      golden_make_method ("rollout", "temperature", trial->temperature, NULL);
  g_autoptr (GString) what = g_string_new ("rollout");
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (params); i++)
    {
      const char *value = json_object_get_string_member (rollout, params[i]);

      vtr_method_set (method, params[i], value, &error);
      g_assert_no_error (error);
      g_string_append_printf (what, " %s %s", params[i], value);
    }

  g_autoptr (VtrExplanation) explanation =
      golden_explain_one (trial->session, method, trial->input, VTR_EXPLAIN_DEFAULT);
  if (explanation == NULL)
    return;

  VtrMap *map = vtr_explanation_get_summary (explanation);
  GoldenArray expected;

  g_assert_true (golden_case_get_array (trial->golden, rollout, "map", &expected));
  g_assert_cmpuint (vtr_map_get_n_rows (map) * vtr_map_get_n_columns (map), ==, expected.n_values);
  golden_check_close (what->str, vtr_map_get_values (map), expected.values, expected.n_values,
                      MAP_TOLERANCE * golden_maximum (expected.values, expected.n_values));
}

void
trial_check_rollouts (const Trial *trial)
{
  JsonArray *rollouts = json_object_get_array_member (trial->entry, "rollout");

  for (guint i = 0; i < json_array_get_length (rollouts); i++)
    if (is_comparable (json_array_get_object_element (rollouts, i)))
      check_rollout (trial, json_array_get_object_element (rollouts, i));
}
