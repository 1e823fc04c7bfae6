/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * The whole chain against PyTorch, through the public interface alone: picture → pixels →
 * attention, logits, embedding, rollout, for tiny checkpoints of every family.
 */
#include "trial.h"

static void
test_pixels (gconstpointer name)
{
  g_autoptr (GoldenCase) golden = golden_case_open (name);

  for (guint i = 0; golden != NULL && i < golden_case_n_inputs (golden); i++)
    {
      JsonObject *entry = golden_case_input (golden, i);
      g_autoptr (VtrInput) input = golden_case_prepare (golden, entry);

      trial_check_pixels (golden, entry, input);
    }
}

/* Runs @check on every input of which the case knows more than the pixels. */
static void
for_each_trial (const char *name, void (*check) (const Trial *trial))
{
  g_autoptr (GoldenCase) golden = golden_case_open (name);
  g_autoptr (VtrSession) session = golden != NULL ? golden_open_session (golden) : NULL;

  for (guint i = 0; session != NULL && i < golden_case_n_inputs (golden); i++)
    {
      JsonObject *entry = golden_case_input (golden, i);
      g_autoptr (VtrInput) input = golden_case_prepare (golden, entry);
      char temperature[G_ASCII_DTOSTR_BUF_SIZE];
      Trial trial = {
        .golden = golden,
        .session = session,
        .entry = entry,
        .input = input,
        .n_prefix = (guint) json_object_get_int_member (golden->facts, "n_prefix"),
        .temperature = temperature,
      };

      if (!golden_case_get_array (golden, entry, "attention", &trial.attention))
        continue;
      g_ascii_dtostr (temperature, sizeof temperature,
                      json_object_get_double_member (entry, "temperature"));
      g_test_message ("%s of %s", json_object_get_string_member (entry, "fit"),
                      json_object_get_string_member (entry, "picture"));
      g_assert_cmpuint (trial.n_prefix, ==, vtr_model_get_n_prefix_tokens (golden->model));
      if (trial_check_pixels (golden, entry, input))
        check (&trial);
    }
}

static void
test_raw (gconstpointer name)
{
  for_each_trial (name, trial_check_raw);
}

static void
test_queries (gconstpointer name)
{
  for_each_trial (name, trial_check_mean_query);
  for_each_trial (name, trial_check_pixel_query);
  for_each_trial (name, trial_check_several_pixels);
}

static void
test_rollout (gconstpointer name)
{
  for_each_trial (name, trial_check_rollouts);
}

/* ---- batches ---- */

static void
check_same (VtrSession *session, VtrMethod *method, VtrInput *input, const VtrExplanation *together)
{
  g_autoptr (VtrExplanation) alone =
      golden_explain_one (session, method, input, VTR_EXPLAIN_DEFAULT);
  if (alone == NULL)
    return;

  VtrMap *map = vtr_explanation_get_summary (together);
  VtrMap *map_alone = vtr_explanation_get_summary (alone);
  const gsize n_patches = golden_count_patches (input);
  guint n_values, n_values_alone;
  const float *embedding = vtr_explanation_get_embedding (together, &n_values);
  const float *embedding_alone = vtr_explanation_get_embedding (alone, &n_values_alone);

  g_assert_true (vtr_explanation_get_input (together) == input);
  golden_check_close ("map in a batch", vtr_map_get_values (map), vtr_map_get_values (map_alone),
                      n_patches,
                      MAP_TOLERANCE * golden_maximum (vtr_map_get_values (map_alone), n_patches));
  g_assert_cmpuint (n_values, ==, n_values_alone);
  golden_check_close ("embedding in a batch", embedding, embedding_alone, n_values,
                      LOGIT_TOLERANCE);
}

/* Pictures of several grids in one call: each gets what it gets alone. */
static void
test_batch (gconstpointer name)
{
  static const char *const methods[] = { "raw", "rollout" };
  g_autoptr (GoldenCase) golden = golden_case_open (name);
  g_autoptr (VtrSession) session = golden != NULL ? golden_open_session (golden) : NULL;
  g_autoptr (GPtrArray) inputs = g_ptr_array_new_with_free_func ((GDestroyNotify) vtr_input_unref);

  if (session == NULL)
    return;
  for (guint i = 0; i < golden_case_n_inputs (golden); i++)
    g_ptr_array_add (inputs, golden_case_prepare (golden, golden_case_input (golden, i)));

  for (guint i = 0; i < G_N_ELEMENTS (methods); i++)
    {
      g_autoptr (VtrMethod) method = golden_make_method (methods[i], NULL);
      g_autoptr (GPtrArray) explanations =
          golden_explain_all (session, method, (VtrInput *const *) inputs->pdata, inputs->len,
                              VTR_EXPLAIN_DEFAULT);

      for (guint j = 0; explanations != NULL && j < inputs->len; j++)
        check_same (session, method, g_ptr_array_index (inputs, j),
                    g_ptr_array_index (explanations, j));
    }
}

/* ---- all cases ---- */

static void
add_tests (const char *name)
{
  static const struct
  {
    const char *what;
    GTestDataFunc test;
  } tests[] = {
    { "pixels", test_pixels },   { "raw", test_raw },     { "queries", test_queries },
    { "rollout", test_rollout }, { "batch", test_batch },
  };

  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strdup_printf ("/golden/%s/%s", name, tests[i].what);

      g_test_add_data_func_full (path, g_strdup (name), tests[i].test, g_free);
    }
}

int
main (int argc, char **argv)
{
  return golden_run (argc, argv, add_tests);
}
