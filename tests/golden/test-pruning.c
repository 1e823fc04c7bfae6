/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * Heads and layers taken out of the models of the cases: what is left must answer as the whole
 * model does with the outputs of the heads set to 0 and the blocks left out.
 */
#include "run.h"

#include <glib/gstdio.h>
#include <math.h>

#define SAME_TOLERANCE 1e-5

/* A case with something taken out of it, twice. */
typedef struct
{
  GoldenCase *golden;
  VtrModel *gated;  /* the whole checkpoint */
  VtrModel *pruned; /* the smaller one */
  VtrSession *of_gated;
  VtrSession *of_pruned;
} Pair;

static void
remove_folder (const char *path)
{
  static const char *const names[] = { "model.safetensors", "config.json",
                                       "preprocessor_config.json" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *file = g_build_filename (path, names[i], NULL);
      g_unlink (file);
    }
  g_assert_cmpint (g_rmdir (path), ==, 0);
}

/* With the head that the whole model was given. */
static VtrModel *
open_pruned (const char *path, VtrModel *whole)
{
  g_autoptr (GError) error = NULL;
  VtrModel *model = vtr_model_open (path, &error);
  VtrHead *head = vtr_model_get_head (whole);

  g_assert_no_error (error);
  if (head == NULL)
    return model;
  VtrModel *with_head = vtr_model_with_head (model, head, &error);
  g_assert_no_error (error);
  g_object_unref (model);
  return with_head;
}

static gboolean
pair_init (Pair *self, GoldenCase *golden, VtrPruning *pruning)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("vitreous-pruning-XXXXXX", &error);
  g_autofree char *path = g_build_filename (folder, "small", NULL);

  *self = (Pair){ .golden = golden };
  vtr_model_save_pruned (golden->model, pruning, path, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  self->gated = vtr_model_without (golden->model, pruning);
  self->pruned = open_pruned (path, golden->model);
  self->of_gated =
      vtr_session_new (golden_device, self->gated, golden_precision, NULL, NULL, NULL, &error);
  if (self->of_gated == NULL)
    g_test_fail_printf ("%s", error->message);
  else
    self->of_pruned =
        vtr_session_new (golden_device, self->pruned, golden_precision, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  remove_folder (path); /* weights are mapped, or were uploaded */
  g_assert_cmpint (g_rmdir (folder), ==, 0);
  return self->of_gated != NULL;
}

static void
pair_clear (Pair *self)
{
  g_clear_object (&self->of_gated);
  g_clear_object (&self->of_pruned);
  g_clear_object (&self->gated);
  g_clear_object (&self->pruned);
}

static VtrExplanation *
explain (const Pair *self, VtrSession *session, VtrMethod *method)
{
  GoldenCase as_session = *self->golden;

  as_session.model = vtr_session_get_model (session);
  g_autoptr (VtrInput) input =
      golden_case_prepare (&as_session, golden_case_input (&as_session, 0));
  return golden_explain_one (session, method, input, VTR_EXPLAIN_DEFAULT);
}

static void
check_outputs (const VtrExplanation *pruned, const VtrExplanation *gated)
{
  guint n, n_gated;
  const float *values = vtr_explanation_get_embedding (pruned, &n);
  const float *expected = vtr_explanation_get_embedding (gated, &n_gated);

  g_assert_cmpuint (n, ==, n_gated);
  golden_check_close ("embedding", values, expected, n,
                      SAME_TOLERANCE * golden_maximum (expected, n));
  values = vtr_explanation_get_logits (pruned, &n);
  expected = vtr_explanation_get_logits (gated, &n_gated);
  g_assert_cmpuint (n, ==, n_gated);
  if (values != NULL)
    golden_check_close ("logits", values, expected, n,
                        SAME_TOLERANCE * MAX (golden_maximum (expected, n), 1.0));
}

/* Attention of the heads that are left, by their numbers in the whole model; those that a layer has
 * not got are not numbers. */
static void
check_attention (const Pair *self, const VtrPruning *pruning)
{
  g_autoptr (VtrMethod) method = golden_make_method ("raw", "layers", "all", "heads", "all", NULL);
  g_autoptr (VtrExplanation) pruned = explain (self, self->of_pruned, method);
  g_autoptr (VtrExplanation) gated = explain (self, self->of_gated, method);
  const gsize n = golden_count_patches (vtr_explanation_get_input (pruned));
  guint n_layers, n_heads, n_pruned_layers, n_pruned_heads, place = 0;
  const float *expected = vtr_explanation_get_attention (gated, &n_layers, &n_heads);
  const float *values = vtr_explanation_get_attention (pruned, &n_pruned_layers, &n_pruned_heads);

  check_outputs (pruned, gated);
  g_assert_cmpuint (n_pruned_layers, ==, vtr_pruning_count_layers (pruning));
  for (guint layer = 0; layer < n_layers; layer++)
    {
      guint left = 0;

      if (!vtr_pruning_keeps_layer (pruning, layer))
        continue;
      g_assert_cmpuint (vtr_model_get_layer_heads (self->pruned, place), ==,
                        vtr_pruning_count_heads (pruning, layer));
      for (guint head = 0; head < n_heads; head++)
        if (vtr_pruning_keeps_head (pruning, layer, head))
          golden_check_close ("attention", values + ((gsize) place * n_pruned_heads + left++) * n,
                              expected + ((gsize) layer * n_heads + head) * n, n, SAME_TOLERANCE);
      for (; left < n_pruned_heads; left++)
        g_assert_true (isnan (values[((gsize) place * n_pruned_heads + left) * n]));
      place++;
    }
}

/* Maps through all layers, of the same heads. */
static void
check_methods (const Pair *self, const char *heads)
{
  const gboolean has_classes = vtr_model_get_n_classes (self->gated) > 0;

  for (const char *const *name = vtr_method_list (); *name != NULL; name++)
    {
      const gboolean goes_back = vtr_method_takes_target (*name);
      g_autoptr (VtrMethod) method = golden_make_method (*name, NULL);
      g_autoptr (VtrMethod) of_left = golden_make_method (*name, "heads", heads, NULL);

      if (goes_back && (!has_classes || golden_precision != VTR_PRECISION_F32))
        continue;
      g_autoptr (VtrExplanation) pruned = explain (self, self->of_pruned, method);
      g_autoptr (VtrExplanation) gated = explain (self, self->of_gated, of_left);
      const VtrMap *map = vtr_explanation_get_summary (pruned);
      const VtrMap *expected = vtr_explanation_get_summary (gated);
      const gsize n = golden_count_patches (vtr_explanation_get_input (pruned));

      check_outputs (pruned, gated);
      golden_check_close (*name, vtr_map_get_values (map), vtr_map_get_values (expected), n,
                          MAP_TOLERANCE * golden_maximum (vtr_map_get_values (expected), n));
    }
}

static GoldenCase *
open_case (const char *name, VtrPruning **pruning)
{
  GoldenCase *golden = golden_case_open (name);

  *pruning = golden != NULL ? vtr_pruning_new (golden->model) : NULL;
  return golden;
}

/* A layer's only head stays. */
static gboolean
has_one_head (const GoldenCase *golden, VtrPruning *pruning)
{
  g_autoptr (GError) error = NULL;

  if (vtr_model_get_n_heads (golden->model) > 1)
    return FALSE;
  g_assert_false (
      vtr_pruning_remove_head (pruning, vtr_model_get_n_layers (golden->model) - 1, 0, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
  return TRUE;
}

/* One head of the last layer, so that layers differ. */
static void
test_head (gconstpointer name)
{
  g_autoptr (VtrPruning) pruning = NULL;
  g_autoptr (GoldenCase) golden = open_case (name, &pruning);
  g_autoptr (GError) error = NULL;
  Pair pair;

  if (golden == NULL || has_one_head (golden, pruning))
    return;
  vtr_pruning_remove_head (pruning, vtr_model_get_n_layers (golden->model) - 1, 0, &error);
  g_assert_no_error (error);
  g_assert_true (vtr_pruning_is_own_format (pruning));
  if (pair_init (&pair, golden, pruning))
    check_attention (&pair, pruning);
  pair_clear (&pair);
}

/* The first head of every layer: the same are left in each. */
static void
test_heads (gconstpointer name)
{
  g_autoptr (VtrPruning) pruning = NULL;
  g_autoptr (GoldenCase) golden = open_case (name, &pruning);
  g_autoptr (GError) error = NULL;
  Pair pair;

  if (golden == NULL || has_one_head (golden, pruning))
    return;
  g_autofree char *heads = g_strdup_printf ("1-%u", vtr_model_get_n_heads (golden->model) - 1);
  for (guint layer = 0; layer < vtr_model_get_n_layers (golden->model); layer++)
    vtr_pruning_remove_head (pruning, layer, 0, &error);
  g_assert_no_error (error);
  if (pair_init (&pair, golden, pruning))
    {
      check_attention (&pair, pruning);
      check_methods (&pair, heads);
    }
  pair_clear (&pair);
}

/* The first layer, and a head of the last. */
static void
test_layer (gconstpointer name)
{
  g_autoptr (VtrPruning) pruning = NULL;
  g_autoptr (GoldenCase) golden = open_case (name, &pruning);
  g_autoptr (GError) error = NULL;
  Pair pair;

  if (golden == NULL)
    return;
  if (vtr_model_get_n_layers (golden->model) == 1)
    {
      g_assert_false (vtr_pruning_remove_layer (pruning, 0, &error));
      g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
      return;
    }
  vtr_pruning_remove_layer (pruning, 0, &error);
  g_assert_no_error (error);
  g_assert_false (vtr_pruning_is_own_format (pruning));
  for (guint i = 0; i < 2; i++)
    {
      if (pair_init (&pair, golden, pruning))
        check_attention (&pair, pruning);
      pair_clear (&pair);
      if (has_one_head (golden, pruning))
        return;
      vtr_pruning_remove_head (pruning, vtr_model_get_n_layers (golden->model) - 1, 1, &error);
      g_assert_no_error (error);
    }
}

/* ---- importance.json ---- */

static JsonParser *
open_importance (const char *name)
{
  g_autofree char *path =
      g_test_build_filename (G_TEST_DIST, "cases", name, "importance.json", NULL);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return NULL;
  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  return g_steal_pointer (&parser);
}

static void
check_numbers (const char *what, const double *values, JsonArray *expected)
{
  const guint n = json_array_get_length (expected);
  g_autofree float *floats = g_new (float, n);
  g_autofree float *expected_floats = g_new (float, n);

  for (guint i = 0; i < n; i++)
    {
      floats[i] = (float) values[i];
      expected_floats[i] = (float) json_array_get_double_element (expected, i);
    }
  golden_check_close (what, floats, expected_floats, n, LOGIT_TOLERANCE);
}

static void
check_importance (const VtrExplanation *explanation, JsonObject *entry)
{
  const VtrImportance *importance = vtr_explanation_get_importance (explanation);
  JsonArray *heads = json_object_get_array_member (entry, "heads");

  g_assert_nonnull (importance);
  g_assert_cmpuint (importance->n_layers, ==, json_array_get_length (heads));
  for (guint layer = 0; layer < importance->n_layers; layer++)
    {
      JsonArray *of_layer = json_array_get_array_element (heads, layer);

      g_assert_cmpuint (importance->n_heads, ==, json_array_get_length (of_layer));
      check_numbers ("heads", importance->heads + layer * importance->n_heads, of_layer);
    }
  check_numbers ("likeness", importance->likeness,
                 json_object_get_array_member (entry, "likeness"));
}

/* Against autograd, with a method of each kind. */
static void
test_importance (gconstpointer name)
{
  g_autoptr (JsonParser) parser = open_importance (name);
  JsonObject *root = json_node_get_object (json_parser_get_root (parser));
  JsonArray *inputs = json_object_get_array_member (root, "inputs");
  g_autoptr (GoldenCase) golden = golden_case_open (name);
  g_autoptr (VtrSession) session = golden != NULL ? golden_open_session (golden) : NULL;

  for (guint i = 0; session != NULL && i < json_array_get_length (inputs); i++)
    {
      JsonObject *entry = json_array_get_object_element (inputs, i);
      const guint index = (guint) json_object_get_int_member (entry, "input");
      g_autoptr (VtrInput) input = golden_case_prepare (golden, golden_case_input (golden, index));

      for (const char *const *method_name = vtr_method_list (); *method_name != NULL; method_name++)
        {
          g_autoptr (VtrMethod) method = golden_make_method (*method_name, NULL);

          if (vtr_method_takes_target (*method_name) &&
              vtr_model_get_n_classes (golden->model) == 0)
            continue;
          g_autoptr (VtrExplanation) explanation =
              golden_explain_one (session, method, input, VTR_EXPLAIN_IMPORTANCE);
          if (explanation != NULL)
            check_importance (explanation, entry);
        }
    }
}

/* The heads of the least importance go first, but never a layer's last one. */
static void
test_choice (void)
{
  g_autoptr (GoldenCase) golden = golden_case_open ("vit");
  g_autoptr (VtrPruning) pruning = vtr_pruning_new (golden->model);
  g_autoptr (VtrPruning) by_layer = vtr_pruning_new (golden->model);
  const double importance[] = { 0.1, 0.2, 0.3, 0.05, 4, 1, 3, 2 };
  const double likeness[] = { 0.2, 0.7 };
  g_autoptr (GError) error = NULL;

  g_assert_true (vtr_pruning_remove_least_heads (pruning, importance, 4, FALSE, &error));
  g_assert_cmpuint (vtr_pruning_count_heads (pruning, 0), ==, 1);
  g_assert_true (vtr_pruning_keeps_head (pruning, 0, 2));
  g_assert_false (vtr_pruning_keeps_head (pruning, 1, 1));
  g_assert_false (vtr_pruning_remove_least_heads (pruning, importance, 3, FALSE, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
  g_clear_error (&error);

  g_assert_true (vtr_pruning_remove_least_heads (by_layer, importance, 2, TRUE, &error));
  g_assert_false (vtr_pruning_keeps_head (by_layer, 0, 3));
  g_assert_false (vtr_pruning_keeps_head (by_layer, 1, 1));
  g_assert_true (vtr_pruning_remove_alike_layers (by_layer, likeness, 1, &error));
  g_assert_false (vtr_pruning_keeps_layer (by_layer, 1));
  g_assert_false (vtr_pruning_remove_alike_layers (by_layer, likeness, 1, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
}

static void
cancel_half_way (double done, G_GNUC_UNUSED const char *what, gpointer cancellable)
{
  if (done > 0.5)
    g_cancellable_cancel (cancellable);
}

/* Whatever stops it leaves nothing, and what is there is not written over. */
static void
test_nothing_is_left (void)
{
  g_autoptr (GoldenCase) golden = golden_case_open ("vit");
  g_autoptr (VtrPruning) pruning = vtr_pruning_new (golden->model);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("vitreous-pruning-XXXXXX", &error);
  g_autofree char *path = g_build_filename (folder, "small", NULL);

  g_assert_no_error (error);
  g_assert_false (vtr_model_save_pruned (golden->model, pruning, path, cancel_half_way, cancellable,
                                         cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_false (vtr_model_save_pruned (golden->model, pruning, vtr_model_get_path (golden->model),
                                         NULL, NULL, NULL, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
  g_assert_cmpint (g_rmdir (folder), ==, 0); /* it is empty */
}

static void
add_tests (const char *name)
{
  static const struct
  {
    const char *what;
    GTestDataFunc test;
  } tests[] = {
    { "head", test_head },
    { "heads", test_heads },
    { "layer", test_layer },
  };

  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strdup_printf ("/pruning/%s/%s", name, tests[i].what);

      g_test_add_data_func_full (path, g_strdup (name), tests[i].test, g_free);
    }

  g_autoptr (JsonParser) parser = open_importance (name);
  g_autofree char *path = g_strdup_printf ("/pruning/%s/importance", name);
  /* Gradients are f32 alone on devices that have activations in f16. */
  if (parser != NULL && golden_precision == VTR_PRECISION_F32)
    g_test_add_data_func_full (path, g_strdup (name), test_importance, g_free);
  if (g_str_equal (name, "vit"))
    {
      g_test_add_func ("/pruning/choice", test_choice);
      g_test_add_func ("/pruning/nothing-is-left", test_nothing_is_left);
    }
}

int
main (int argc, char **argv)
{
  return golden_run (argc, argv, add_tests);
}
