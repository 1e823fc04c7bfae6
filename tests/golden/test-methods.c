/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * The methods that follow a gradient against PyTorch's autograd, through the public interface
 * alone: their maps and the number they explain, for tiny checkpoints of every family.
 */
#include "run.h"

#include <math.h>
#include <string.h>

#define F16_VALUE_TOLERANCE 1e-2
#define PLACES_TOLERANCE 1e-6 /* of the map's maximum */

/* One entry of an input's "methods", on its way. */
typedef struct
{
  const GoldenCase *golden;
  VtrSession *session;
  JsonObject *entry;
  VtrInput *input;
  const char *temperature;
} Question;

/* The target at the centre of a patch. */
static VtrTarget *
make_patch_target (VtrInput *input, guint row, guint column)
{
  VtrRect rect;

  vtr_input_get_patch_rect (input, row, column, &rect);
  return vtr_target_new_patch (rect.x + rect.width / 2, rect.y + rect.height / 2);
}

/* ---- whether there is anything to ask ---- */

/* Some devices have no gradients in f16, and then say what to do. */
static gboolean
can_go_back (const GoldenCase *golden, VtrSession *session)
{
  g_autoptr (VtrMethod) method = golden_make_method ("gradcam", NULL);
  g_autoptr (VtrInput) input = golden_case_prepare (golden, golden_case_input (golden, 0));
  g_autoptr (VtrTarget) target = make_patch_target (input, 0, 0);
  g_autoptr (GError) error = NULL;

  vtr_method_set_target (method, target);
  g_autoptr (GPtrArray) explanations =
      vtr_session_explain (session, method, &input, 1, VTR_EXPLAIN_DEFAULT, NULL, NULL, NULL,
                           &error);
  if (explanations != NULL)
    return TRUE;
  g_assert_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "--precision f32"));
  return FALSE;
}

/* Opens a case for @name; NULL, and the test is over, where it has no answers. */
static GoldenCase *
open_case (const char *name, VtrSession **session)
{
  g_autoptr (GoldenCase) golden = golden_case_open (name);

  *session = golden != NULL ? golden_open_session (golden) : NULL;
  if (*session == NULL)
    return NULL;
  if (!json_object_has_member (golden_case_input (golden, 0), "methods"))
    g_test_skip ("it computes what another case does");
  else if (golden_precision == VTR_PRECISION_F32 || can_go_back (golden, *session))
    return g_steal_pointer (&golden);
  return NULL;
}

/* ---- asking ---- */

static VtrTarget *
make_target (const Question *self)
{
  JsonObject *target = json_object_get_object_member (self->entry, "target");
  VtrModel *model = self->golden->model;
  VtrTarget *made;
  GoldenArray direction;
  g_autoptr (GError) error = NULL;

  if (json_object_has_member (target, "patch"))
    {
      JsonArray *place = json_object_get_array_member (target, "patch");

      return make_patch_target (self->input, (guint) json_array_get_int_element (place, 0),
                                (guint) json_array_get_int_element (place, 1));
    }
  if (golden_case_get_array (self->golden, target, "direction", &direction))
    made = vtr_target_new_embedding (model, direction.values, (guint) direction.n_values,
                                     "direction", &error);
  else
    made = vtr_target_parse (json_object_get_string_member (target, "classes"), model, &error);
  g_assert_no_error (error);
  return made;
}

/* The method with all that the entry says; @what gets the same for people. */
static VtrMethod *
make_method (const Question *self, GString *what)
{
  const char *name = json_object_get_string_member (self->entry, "method");
  JsonObject *params = json_object_get_object_member (self->entry, "params");
  g_autoptr (GList) names = json_object_get_members (params);
  g_autoptr (VtrTarget) target = make_target (self);
  VtrMethod *method = golden_make_method (name, "temperature", self->temperature, NULL);

  g_string_append_printf (what, "%s of %s", name, vtr_target_get_text (target));
  vtr_method_set_target (method, target);
  for (GList *item = names; item != NULL; item = item->next)
    {
      const char *param = item->data;
      const char *value = json_object_get_string_member (params, param);
      g_autoptr (GError) error = NULL;

      vtr_method_set (method, param, value, &error);
      g_assert_no_error (error);
      g_string_append_printf (what, " %s %s", param, value);
    }
  return method;
}

/* ---- comparing ---- */

static void
check_value (const char *what, const VtrExplanation *explanation, double expected)
{
  const gboolean halves = golden_precision == VTR_PRECISION_F16;
  const double tolerance =
      (halves ? F16_VALUE_TOLERANCE : LOGIT_TOLERANCE) * MAX (1.0, fabs (expected));
  double value;

  if (vtr_explanation_get_target (explanation, &value) == NULL)
    g_test_fail_printf ("%s: no target", what);
  else if (!(fabs (value - expected) <= tolerance))
    g_test_fail_printf ("%s: the number is %.7g instead of %.7g", what, value, expected);
}

static void
check_map (const char *what, const VtrExplanation *explanation, const GoldenArray *expected)
{
  VtrMap *map = vtr_explanation_get_summary (explanation);

  g_assert_cmpuint (vtr_map_get_n_rows (map) * vtr_map_get_n_columns (map), ==, expected->n_values);
  golden_check_close (what, vtr_map_get_values (map), expected->values, expected->n_values,
                      MAP_TOLERANCE * golden_maximum (expected->values, expected->n_values));
}

/* Not with f16: a cutoff, for next to it rounded entries fall to its other side; and heads that
 * cancel each other but for a little. */
static gboolean
is_comparable (JsonObject *entry)
{
  JsonObject *params = json_object_get_object_member (entry, "params");

  if (golden_precision == VTR_PRECISION_F32)
    return TRUE;
  return !json_object_has_member (params, "discard-ratio") &&
         g_strcmp0 (json_object_get_string_member_with_default (params, "features", NULL),
                    "attention") != 0;
}

static void
check_question (const Question *self)
{
  g_autoptr (GString) what = g_string_new (NULL);
  g_autoptr (VtrMethod) method = make_method (self, what);
  g_autoptr (VtrExplanation) explanation =
      golden_explain_one (self->session, method, self->input, VTR_EXPLAIN_DEFAULT);
  GoldenArray expected;

  if (explanation == NULL)
    return;
  g_assert_true (golden_case_get_array (self->golden, self->entry, "map", &expected));
  check_map (what->str, explanation, &expected);
  check_value (what->str, explanation, json_object_get_double_member (self->entry, "value"));
}

static void
test_input (const GoldenCase *golden, VtrSession *session, JsonObject *input)
{
  if (!json_object_has_member (input, "methods"))
    return;

  JsonArray *entries = json_object_get_array_member (input, "methods");
  g_autoptr (VtrInput) prepared = golden_case_prepare (golden, input);
  char temperature[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_dtostr (temperature, sizeof temperature,
                  json_object_get_double_member (input, "temperature"));
  g_test_message ("%s of %s", json_object_get_string_member (input, "fit"),
                  json_object_get_string_member (input, "picture"));
  for (guint i = 0; i < json_array_get_length (entries); i++)
    {
      const Question question = {
        .golden = golden,
        .session = session,
        .entry = json_array_get_object_element (entries, i),
        .input = prepared,
        .temperature = temperature,
      };

      if (is_comparable (question.entry))
        check_question (&question);
    }
}

static void
test_maps (gconstpointer name)
{
  g_autoptr (VtrSession) session = NULL;
  g_autoptr (GoldenCase) golden = open_case (name, &session);

  for (guint i = 0; golden != NULL && i < golden_case_n_inputs (golden); i++)
    test_input (golden, session, golden_case_input (golden, i));
}

/* ---- batches ---- */

static void
check_same (const Question *self,
            VtrMethod *method,
            VtrInput *input,
            const VtrExplanation *together)
{
  const gsize n_patches = golden_count_patches (input);
  g_autoptr (VtrExplanation) alone =
      golden_explain_one (self->session, method, input, VTR_EXPLAIN_DEFAULT);
  double value;

  if (alone == NULL)
    return;

  const GoldenArray expected = {
    .values = vtr_map_get_values (vtr_explanation_get_summary (alone)),
    .n_values = n_patches,
  };
  VtrTarget *target = vtr_explanation_get_target (alone, &value);

  g_assert_true (vtr_explanation_get_input (together) == input);
  g_assert_cmpstr (vtr_target_get_text (vtr_explanation_get_target (together, NULL)), ==,
                   vtr_target_get_text (target));
  check_map ("map in a batch", together, &expected);
  check_value ("in a batch", together, value);
}

/* Of classes each picture is asked for the first of its own. */
static void
check_together (const Question *self, const GPtrArray *inputs)
{
  g_autoptr (GString) what = g_string_new (NULL);
  g_autoptr (VtrMethod) method = make_method (self, what);

  if (vtr_target_get_kind (vtr_method_get_target (method)) == VTR_TARGET_CLASS)
    vtr_method_set_target (method, NULL);
  g_test_message ("%s", what->str);

  g_autoptr (GPtrArray) explanations =
      golden_explain_all (self->session, method, (VtrInput *const *) inputs->pdata, inputs->len,
                          VTR_EXPLAIN_DEFAULT);
  for (guint i = 0; explanations != NULL && i < inputs->len; i++)
    check_same (self, method, g_ptr_array_index (inputs, i), g_ptr_array_index (explanations, i));
}

/* Pictures of several grids in one call: each gets what it gets alone.  What the second picture was
 * asked can be asked of all. */
static void
test_batch (gconstpointer name)
{
  g_autoptr (VtrSession) session = NULL;
  g_autoptr (GoldenCase) golden = open_case (name, &session);
  g_autoptr (GPtrArray) inputs = g_ptr_array_new_with_free_func ((GDestroyNotify) vtr_input_unref);

  if (golden == NULL)
    return;
  for (guint i = 0; i < golden_case_n_inputs (golden); i++)
    g_ptr_array_add (inputs, golden_case_prepare (golden, golden_case_input (golden, i)));

  JsonArray *entries = json_object_get_array_member (golden_case_input (golden, 1), "methods");
  for (guint i = 0; i < json_array_get_length (entries); i++)
    {
      const Question question = {
        .golden = golden,
        .session = session,
        .entry = json_array_get_object_element (entries, i),
        .input = g_ptr_array_index (inputs, 1),
        .temperature = "1",
      };

      check_together (&question, inputs);
    }
}

/* ---- several places ---- */

#define N_PLACES 4

/* What the method answers to a query, as a mean of rows: exactly, where nothing is cut off in the
 * end. */
static const struct
{
  const char *name;
  gboolean linear;
} asked_methods[] = {
  { "raw", TRUE },       { "rollout", TRUE },  { "grad-rollout", TRUE },
  { "relevance", TRUE }, { "gradcam", FALSE },
};

/* The map of a query, [p], which @explanation keeps; NULL with a failed test. */
static const float *
ask (VtrSession *session,
     const char *name,
     VtrInput *input,
     const char *query,
     VtrExplanation **explanation)
{
  g_autoptr (VtrMethod) method = golden_make_method (name, "query", query, NULL);
  g_autoptr (VtrTarget) target = make_patch_target (input, 0, 1);

  if (vtr_method_takes_target (name))
    vtr_method_set_target (method, target);
  *explanation = golden_explain_one (session, method, input, VTR_EXPLAIN_DEFAULT);
  return *explanation != NULL ? vtr_map_get_values (vtr_explanation_get_summary (*explanation))
                              : NULL;
}

/* The mean of the maps that each of some patches has alone. */
static float *
ask_each (VtrSession *session,
          const char *name,
          VtrInput *input,
          const guint *patches,
          guint n_patches)
{
  const guint n = golden_count_patches (input);
  g_autofree double *sums = g_new0 (double, n);
  g_autofree float *means = g_new (float, n);

  for (guint i = 0; i < n_patches; i++)
    {
      g_autofree char *query = golden_make_places (input, &patches[i], 1);
      g_autoptr (VtrExplanation) explanation = NULL;
      const float *map = ask (session, name, input, query, &explanation);

      for (guint patch = 0; map != NULL && patch < n; patch++)
        sums[patch] += map[patch];
    }
  for (guint patch = 0; patch < n; patch++)
    means[patch] = (float) (sums[patch] / n_patches);
  return g_steal_pointer (&means);
}

static void
check_some_places (VtrSession *session, const char *name, VtrInput *input)
{
  const guint last = golden_count_patches (input) - 1;
  const guint patches[N_PLACES + 1] = { last, 2, 3, last / 2, 3 }; /* one of them twice */
  g_autofree char *query = golden_make_places (input, patches, G_N_ELEMENTS (patches));
  g_autofree float *expected = ask_each (session, name, input, patches, N_PLACES);
  g_autoptr (VtrExplanation) explanation = NULL;
  const float *map = ask (session, name, input, query, &explanation);

  if (map != NULL)
    golden_check_close (name, map, expected, last + 1,
                        PLACES_TOLERANCE * golden_maximum (expected, last + 1));
}

/* All patches, one by one, are those of the mean query; several places in one patch that patch. */
static void
check_all_places (VtrSession *session, const char *name, VtrInput *input)
{
  const guint n = golden_count_patches (input);
  g_autofree guint *all = g_new (guint, n);
  const guint twice[] = { 5, 5 };

  for (guint patch = 0; patch < n; patch++)
    all[patch] = n - 1 - patch;
  g_autofree char *one = golden_make_places (input, twice, 1);
  g_autofree char *same = golden_make_places (input, twice, 2);
  g_autofree char *each = golden_make_places (input, all, n);
  const char *const pairs[][2] = { { each, "mean" }, { same, one } };

  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++)
    {
      g_autoptr (VtrExplanation) explanation = NULL;
      g_autoptr (VtrExplanation) reference = NULL;
      const float *map = ask (session, name, input, pairs[i][0], &explanation);
      const float *expected = ask (session, name, input, pairs[i][1], &reference);

      if (map != NULL && expected != NULL)
        golden_check_close (name, map, expected, n,
                            PLACES_TOLERANCE * golden_maximum (expected, n));
    }
}

static void
check_place_outside (VtrSession *session, const char *name, VtrInput *input)
{
  g_autoptr (VtrMethod) method = golden_make_method (name, "query", "1,1;-7,3", NULL);
  g_autoptr (VtrTarget) target = make_patch_target (input, 0, 1);
  g_autoptr (GError) error = NULL;

  if (vtr_method_takes_target (name))
    vtr_method_set_target (method, target);
  g_assert_null (vtr_session_explain (session, method, &input, 1, VTR_EXPLAIN_DEFAULT, NULL, NULL,
                                      NULL, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
  g_assert_nonnull (strstr (error->message, "-7,3"));
}

/* Of the picture whose whole is seen. */
static void
test_places (gconstpointer name)
{
  g_autoptr (VtrSession) session = NULL;
  g_autoptr (GoldenCase) golden = open_case (name, &session);

  if (golden == NULL)
    return;

  g_autoptr (VtrInput) input = golden_case_prepare (golden, golden_case_input (golden, 1));
  for (guint i = 0; i < G_N_ELEMENTS (asked_methods); i++)
    {
      if (asked_methods[i].linear)
        check_some_places (session, asked_methods[i].name, input);
      check_all_places (session, asked_methods[i].name, input);
      check_place_outside (session, asked_methods[i].name, input);
    }
}

/* ---- all cases ---- */

static void
add_tests (const char *name)
{
  g_autofree char *maps = g_strdup_printf ("/methods/%s/maps", name);
  g_autofree char *batch = g_strdup_printf ("/methods/%s/batch", name);
  g_autofree char *places = g_strdup_printf ("/methods/%s/places", name);

  g_test_add_data_func_full (maps, g_strdup (name), test_maps, g_free);
  g_test_add_data_func_full (batch, g_strdup (name), test_batch, g_free);
  g_test_add_data_func_full (places, g_strdup (name), test_places, g_free);
}

int
main (int argc, char **argv)
{
  return golden_run (argc, argv, add_tests);
}
