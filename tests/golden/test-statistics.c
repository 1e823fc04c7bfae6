/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* What is observed of a picture's attention, against whole matrices in PyTorch. */
#include "run.h"

#include <math.h>
#include <string.h>

/* Of the largest value, which is 1 at least. */
#define TOLERANCE 1e-5

typedef struct
{
  VtrObservation *observation;
  JsonObject *entry; /* of statistics.json */
  guint n_layers;
  guint n_heads;
  guint n_patches;
} Trial;

/* ---- comparing ---- */

/* @values [n] with an array of as many. */
static void
check (const char *what, const float *values, gsize n, JsonArray *array)
{
  g_autofree float *expected = g_new (float, n + 1);

  g_assert_cmpuint (json_array_get_length (array), ==, n);
  for (gsize i = 0; i < n; i++)
    expected[i] = (float) json_array_get_double_element (array, (guint) i);
  golden_check_close (what, values, expected, n,
                      TOLERANCE * MAX (1.0, golden_maximum (expected, n)));
}

/* Shares of rows beyond a bound: with f16 a row may be on the other side. */
static gboolean
is_comparable (VtrStatistic statistic)
{
  return golden_precision == VTR_PRECISION_F32 ||
         (statistic != VTR_STATISTIC_UNIFORM_ROWS && statistic != VTR_STATISTIC_COLLAPSED_ROWS);
}

/* A statistic in one reading; NaN everywhere where PyTorch has none. */
static void
check_reading (const Trial *self, VtrStatistic statistic, VtrReading reading, JsonObject *readings)
{
  const VtrStatisticInfo *info = vtr_statistic_get_info (statistic);
  const char *name = vtr_reading_get_name (reading);
  const gsize n = (gsize) self->n_layers * self->n_heads;
  const gboolean exists = json_object_has_member (readings, name);
  g_autofree float *values = g_new (float, n);
  g_autofree char *what = g_strdup_printf ("%s, %s", info->name, name);

  for (guint layer = 0; layer < self->n_layers; layer++)
    for (guint head = 0; head < self->n_heads; head++)
      values[layer * self->n_heads + head] =
          (float) vtr_observation_get (self->observation, statistic, reading, layer, head);
  if (exists && is_comparable (statistic))
    check (what, values, n, json_object_get_array_member (readings, name));
  for (gsize i = 0; i < n; i++)
    g_assert_true (isnan (values[i]) == !exists);
  /* A model without CLS has fewer readings than there may be, and none has more. */
  g_assert_true (!exists || (info->readings >> reading & 1) != 0);
}

static void
check_heads (const Trial *self)
{
  JsonObject *statistics = json_object_get_object_member (self->entry, "statistics");
  const gboolean has_cls =
      json_object_has_member (json_object_get_object_member (statistics, "entropy"),
                              vtr_reading_get_name (VTR_READING_CLS));

  for (guint i = 0; i < VTR_N_STATISTICS; i++)
    {
      const VtrStatisticInfo *info = vtr_statistic_get_info (i);
      JsonObject *readings = json_object_get_object_member (statistics, info->name);

      for (guint reading = 0; reading < VTR_N_READINGS; reading++)
        check_reading (self, i, reading, readings);
      for (guint reading = 0; has_cls && reading < VTR_N_READINGS; reading++)
        g_assert_true (json_object_has_member (readings, vtr_reading_get_name (reading)) ==
                       ((info->readings >> reading & 1) != 0));
    }
}

static void
check_tokens (const Trial *self)
{
  JsonObject *tokens = json_object_get_object_member (self->entry, "tokens");
  g_autofree float *values = g_new (float, self->n_layers);

  for (guint i = 0; i < VTR_N_TOKEN_STATISTICS; i++)
    {
      const VtrStatisticInfo *info = vtr_token_statistic_get_info (i);
      const guint first = i == VTR_TOKEN_CHANGE ? 1 : 0;

      g_assert_cmpuint (info->readings, ==, 0);
      for (guint layer = 0; layer < self->n_layers; layer++)
        values[layer] = (float) vtr_observation_get_of_tokens (self->observation, i, layer);
      check (info->name, values + first, self->n_layers - first,
             json_object_get_array_member (tokens, info->name));
    }
  g_assert_true (isnan (vtr_observation_get_of_tokens (self->observation, VTR_TOKEN_CHANGE, 0)));
}

static void
get_similarity (const Trial *self, guint a, guint b, double *divergence, double *cka)
{
  vtr_observation_get_similarity (self->observation, a / self->n_heads, a % self->n_heads,
                                  b / self->n_heads, b % self->n_heads, divergence, cka);
}

static void
check_similarities (const Trial *self)
{
  JsonObject *similarity = json_object_get_object_member (self->entry, "similarity");
  const guint n = self->n_layers * self->n_heads;
  g_autofree float *divergences = g_new (float, n *(n - 1) / 2);
  g_autofree float *ckas = g_new (float, n *(n - 1) / 2);
  double divergence, cka, other_divergence, other_cka;
  guint pair = 0;

  for (guint b = 0; b < n; b++)
    for (guint a = 0; a < b; a++, pair++)
      {
        get_similarity (self, a, b, &divergence, &cka);
        get_similarity (self, b, a, &other_divergence, &other_cka);
        g_assert_true (divergence == other_divergence && cka == other_cka);
        divergences[pair] = (float) divergence;
        ckas[pair] = (float) cka;
      }
  check ("divergence", divergences, pair, json_object_get_array_member (similarity, "divergence"));
  check ("CKA", ckas, pair, json_object_get_array_member (similarity, "cka"));
  get_similarity (self, 1, 1, &divergence, &cka);
  g_assert_true (divergence == 0.0 && cka == 1.0);
}

static void
check_outputs (const Trial *self)
{
  guint n;
  const float *values = vtr_observation_get_embedding (self->observation, &n);

  check ("embedding", values, n, json_object_get_array_member (self->entry, "embedding"));
  values = vtr_observation_get_logits (self->observation, &n);
  g_assert_true ((values != NULL) == json_object_has_member (self->entry, "logits"));
  if (values != NULL)
    check ("logits", values, n, json_object_get_array_member (self->entry, "logits"));
}

static void
check_tokens_and_maps (const Trial *self)
{
  const guint n_norms = json_array_get_length (json_object_get_array_member (self->entry, "norms"));
  const guint n_tokens = n_norms / self->n_layers;
  g_autofree float *norms = g_new (float, n_norms);
  g_autofree float *maps = g_new (float, self->n_layers * self->n_patches);
  double threshold;
  const gboolean *artifacts = vtr_observation_get_artifacts (self->observation, &threshold);

  for (guint layer = 0; layer < self->n_layers; layer++)
    {
      memcpy (norms + layer * n_tokens, vtr_observation_get_norms (self->observation, layer),
              n_tokens * sizeof *norms);
      memcpy (maps + layer * self->n_patches, vtr_observation_get_map (self->observation, layer),
              self->n_patches * sizeof *maps);
    }
  check ("norms", norms, n_norms, json_object_get_array_member (self->entry, "norms"));
  check ("map", maps, self->n_layers * self->n_patches,
         json_object_get_array_member (self->entry, "map"));
  g_assert_true (isinf (threshold));
  for (guint i = 0; i < self->n_patches; i++)
    g_assert_false (artifacts[i]);
}

/* ---- all cases ---- */

static JsonParser *
open_statistics (const char *name)
{
  g_autofree char *path =
      g_test_build_filename (G_TEST_DIST, "cases", name, "statistics.json", NULL);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return NULL;
  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  return g_steal_pointer (&parser);
}

static void
check_entry (const GoldenCase *golden, VtrSession *session, JsonObject *entry)
{
  const guint index = (guint) json_object_get_int_member (entry, "input");
  g_autoptr (VtrInput) input = golden_case_prepare (golden, golden_case_input (golden, index));
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrObservation) observation =
      vtr_session_observe (session, input, json_object_get_double_member (entry, "temperature"),
                           NULL, NULL, NULL, &error);

  g_assert_no_error (error);
  const Trial trial = {
    .observation = observation,
    .entry = entry,
    .n_layers = vtr_observation_get_n_layers (observation),
    .n_heads = vtr_observation_get_n_heads (observation),
    .n_patches = golden_count_patches (input),
  };
  g_assert_true (vtr_observation_get_input (observation) == input);
  g_assert_cmpuint (trial.n_heads, ==, json_object_get_int_member (entry, "n_heads"));
  check_heads (&trial);
  check_tokens (&trial);
  check_similarities (&trial);
  check_outputs (&trial);
  check_tokens_and_maps (&trial);
}

static void
test_statistics (gconstpointer name)
{
  g_autoptr (JsonParser) parser = open_statistics (name);
  JsonObject *root = json_node_get_object (json_parser_get_root (parser));
  JsonArray *inputs = json_object_get_array_member (root, "inputs");
  g_autoptr (GoldenCase) golden = golden_case_open (name);
  g_autoptr (VtrSession) session = golden != NULL ? golden_open_session (golden) : NULL;

  for (guint i = 0; session != NULL && i < json_array_get_length (inputs); i++)
    check_entry (golden, session, json_array_get_object_element (inputs, i));
}

static void
add_tests (const char *name)
{
  g_autoptr (JsonParser) parser = open_statistics (name);
  g_autofree char *path = g_strdup_printf ("/statistics/%s", name);

  if (parser != NULL)
    g_test_add_data_func_full (path, g_strdup (name), test_statistics, g_free);
}

int
main (int argc, char **argv)
{
  return golden_run (argc, argv, add_tests);
}
