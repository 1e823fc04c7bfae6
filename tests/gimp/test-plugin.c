/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* The plug-in without GIMP: its table of fields, settings, and the way from a picture to layers and
 * masks, on the model that knows shapes. */
#include "engine.h"
#include "layers.h"
#include "mask.h"

#include <math.h>
#include <string.h>

/* ---------------------------------------------------------------- fields and settings */

/* Every field can be shown, and holds its own default. */
static void
test_fields (void)
{
  guint n_fields;
  const VgpField *fields = vgp_fields_get (&n_fields);

  for (guint i = 0; i < n_fields; i++)
    {
      const VgpField *field = &fields[i];
      const VgpProcedures procedure = field->procedures & VGP_HEATMAPS ? VGP_HEATMAPS : VGP_SELECT;
      g_autoptr (VgpSettings) settings = vgp_settings_new (procedure);

      g_assert_true (strlen (field->label) > 0 && strlen (field->summary) > 0);
      g_assert_true (vgp_fields_find (field->name) == field);
      g_assert_true (
          vgp_settings_set (settings, field->name, vgp_settings_get (settings, field->name), NULL));
      if (field->choice_labels != NULL)
        g_assert_cmpuint (g_strv_length ((char **) field->choices), ==,
                          g_strv_length ((char **) field->choice_labels));
      if (field->kind == VGP_FIELD_NUMBER)
        g_assert_cmpfloat (field->min, <, field->max);
    }
}

/* What the library's methods have can be set, in both procedures. */
static void
test_method_params (void)
{
  const char *const *methods = vtr_method_list ();

  for (guint m = 0; methods[m] != NULL; m++)
    {
      guint n_params;
      const VtrMethodParam *const *params = vtr_method_get_params (methods[m], &n_params);
      g_autoptr (VgpSettings) settings = vgp_settings_new (VGP_SELECT);

      g_assert_true (vgp_settings_set (settings, "method", methods[m], NULL));
      for (guint i = 0; i < n_params; i++)
        {
          const VgpField *field = vgp_fields_find (params[i]->name);

          g_assert_nonnull (field);
          g_assert_true (field->of_method);
          g_assert_true (vgp_settings_applies (settings, field));
        }
    }
}

static void
test_applies (void)
{
  g_autoptr (VgpSettings) settings = vgp_settings_new (VGP_HEATMAPS);

  vgp_settings_set (settings, "method", "raw", NULL);
  g_assert_true (vgp_settings_applies (settings, vgp_fields_find ("heads")));
  g_assert_false (vgp_settings_applies (settings, vgp_fields_find ("discard-ratio")));
  g_assert_false (vgp_settings_applies (settings, vgp_fields_find ("target")));
  vgp_settings_set (settings, "score", "yes", NULL);
  g_assert_true (vgp_settings_applies (settings, vgp_fields_find ("target")));
  vgp_settings_set (settings, "method", "rollout", NULL);
  g_assert_true (vgp_settings_applies (settings, vgp_fields_find ("discard-ratio")));
}

static void
assert_refused (VgpSettings *settings, const char *pairs, const char *says)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *before = vgp_settings_to_json (settings);

  g_assert_false (vgp_settings_read_pairs (settings, pairs, &error));
  g_assert_nonnull (strstr (error->message, says));
  g_autofree char *after = vgp_settings_to_json (settings);
  g_assert_cmpstr (before, ==, after);
}

static void
test_refused (void)
{
  g_autoptr (VgpSettings) settings = vgp_settings_new (VGP_HEATMAPS);

  assert_refused (settings, "method=rollup", "raw, rollout");
  assert_refused (settings, "opacity=101", "from 0 to 100");
  assert_refused (settings, "opacity=", "number");
  assert_refused (settings, "opacity=nan", "number");
  assert_refused (settings, "opacity=5 %", "number");
  assert_refused (settings, "score=maybe", "yes, no");
  assert_refused (settings, "amount=5", "no setting “amount”");
  assert_refused (settings, "method=rollout; loudness=5", "no setting “loudness”");
  assert_refused (settings, "method", "name=value");
}

static void
count_change (VgpSettings *settings, const char *name, guint *n_changes)
{
  (void) settings;
  g_assert_cmpstr (name, ==, "opacity");
  ++*n_changes;
}

static void
test_settings (void)
{
  g_autoptr (VgpSettings) settings = vgp_settings_new (VGP_HEATMAPS);
  g_autoptr (VgpSettings) other = vgp_settings_new (VGP_HEATMAPS);
  guint n_changes = 0;

  g_assert_true (vgp_settings_read_pairs (settings,
                                          " method = gradcam;target=tabby, tabby cat ; query=1,2; "
                                          "3,4;opacity=12.5;score=yes;",
                                          NULL));
  g_assert_cmpstr (vgp_settings_get (settings, "query"), ==, "1,2;3,4");
  g_assert_cmpstr (vgp_settings_get (settings, "target"), ==, "tabby, tabby cat");
  g_assert_cmpfloat (vgp_settings_get_number (settings, "opacity"), ==, 12.5);
  g_assert_true (vgp_settings_get_switch (settings, "score"));

  g_autofree char *json = vgp_settings_to_json (settings);
  g_assert_true (vgp_settings_read_json (other, json, NULL));
  g_autofree char *again = vgp_settings_to_json (other);
  g_assert_cmpstr (json, ==, again);
  /* What is not understood is of another version. */
  g_assert_true (
      vgp_settings_read_json (other,
                              "{\"opacity\":\"1000\",\"new\":\"x\",\"fit\":7,\"size\":\"98\"}",
                              NULL));
  g_assert_cmpstr (vgp_settings_get (other, "opacity"), ==, "12.5");
  g_assert_cmpstr (vgp_settings_get (other, "size"), ==, "98");
  g_assert_false (vgp_settings_read_json (other, "[1]", NULL));
  g_assert_false (vgp_settings_read_json (other, "{", NULL));

  g_signal_connect (settings, "changed", G_CALLBACK (count_change), &n_changes);
  vgp_settings_set (settings, "opacity", "50", NULL);
  vgp_settings_set (settings, "opacity", "50", NULL);
  g_assert_cmpuint (n_changes, ==, 1);
  g_signal_handlers_disconnect_by_data (settings, &n_changes);
  vgp_settings_reset (settings);
  g_assert_cmpstr (vgp_settings_get (settings, "opacity"), ==, "60");
}

/* ---------------------------------------------------------------- a picture */

static void
test_rects (void)
{
  const VgpRect layer = { -5, 10, 20, 20 };
  const VgpRect selection = { 3, 0, 100, 15 };
  const VgpRect beside = { 15, 0, 5, 100 };
  VgpRect common;

  g_assert_true (vgp_rect_intersect (&layer, &selection, &common));
  g_assert_cmpint (common.x, ==, 3);
  g_assert_cmpint (common.y, ==, 10);
  g_assert_cmpuint (common.width, ==, 12);
  g_assert_cmpuint (common.height, ==, 5);
  g_assert_false (vgp_rect_intersect (&layer, &beside, &common));
}

static char *
get_model_path (void)
{
  return g_test_build_filename (G_TEST_DIST, "model", NULL);
}

/* Settings for the model of shapes on the processor, and what else @pairs says. */
static VgpSettings *
make_settings (VgpProcedures procedure, const char *pairs)
{
  VgpSettings *settings = vgp_settings_new (procedure);
  g_autofree char *model = get_model_path ();
  g_autoptr (GError) error = NULL;

  vgp_settings_set (settings, "model", model, NULL);
  vgp_settings_set (settings, "device", "cpu", NULL);
  vgp_settings_read_pairs (settings, pairs, &error);
  g_assert_no_error (error);
  return settings;
}

/* A picture of a circle and a cross, its corner at (100, −7) of the canvas. */
static VgpPicture *
make_picture (float *selection)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "pictures", "circle-cross.png", NULL);
  g_autoptr (GError) error = NULL;
  VtrImage *image = vtr_image_load (path, &error);
  VgpRect rect = { 100, -7, 0, 0 };

  g_assert_no_error (error);
  rect.width = vtr_image_get_width (image);
  rect.height = vtr_image_get_height (image);
  return vgp_picture_new (image, &rect, selection);
}

static VtrExplanation *
explain (VgpEngine *engine, VgpPicture *picture, VgpSettings *settings)
{
  g_autoptr (GError) error = NULL;
  VtrExplanation *explanation =
      vgp_engine_explain (engine, picture, settings, NULL, NULL, NULL, &error);

  g_assert_no_error (error);
  return explanation;
}

static void
test_query (void)
{
  g_autoptr (VgpEngine) engine = vgp_engine_new ();
  g_autoptr (VgpPicture) picture = make_picture (NULL);
  g_autoptr (VgpSettings) settings = make_settings (VGP_HEATMAPS, "");
  g_autoptr (VtrExplanation) explanation = explain (engine, picture, settings);
  VtrInput *input = vtr_explanation_get_input (explanation);
  g_autoptr (GError) error = NULL;

  g_autofree char *moved = vgp_picture_make_query (picture, "110,3;120.5,13", input, NULL);
  g_assert_cmpstr (moved, ==, "10.00,10.00;20.50,20.00");
  g_autofree char *word = vgp_picture_make_query (picture, "mean", input, NULL);
  g_assert_cmpstr (word, ==, "mean");
  g_assert_null (vgp_picture_make_query (picture, "middle", input, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);

  /* Two whole patches, and a corner of another; the middle lies between the two. */
  const guint width = picture->rect.width;
  VtrRect first;
  VtrRect second;
  vtr_input_get_patch_rect (input, 1, 2, &first);
  vtr_input_get_patch_rect (input, 1, 3, &second);
  picture->selection = g_new0 (float, (gsize) width * picture->rect.height);
  for (guint y = 0; y < picture->rect.height; y++)
    for (guint x = 0; x < width; x++)
      if (x >= first.x && x < second.x + second.width && y >= first.y && y < first.y + first.height)
        picture->selection[y * width + x] = 1.0f;
  g_autofree char *middle = vgp_picture_make_query (picture, "middle", input, NULL);
  g_autofree char *expected = g_strdup_printf ("%.2f,%.2f", second.x, first.y + first.height / 2.0);
  g_assert_cmpstr (middle, ==, expected);
  picture->selection[0] = 1.0f;
  g_autofree char *selected = vgp_picture_make_query (picture, "selection", input, NULL);
  g_autofree char *both =
      g_strdup_printf ("%.2f,%.2f;%.2f,%.2f", first.x + first.width / 2.0,
                       first.y + first.height / 2.0, second.x + second.width / 2.0,
                       second.y + second.height / 2.0);
  g_assert_cmpstr (selected, ==, both);

  /* Where no patch is selected by half, the one selected most asks. */
  memset (picture->selection, 0, (gsize) width * picture->rect.height * sizeof (float));
  picture->selection[0] = 0.25f;
  g_autofree char *corner = vgp_picture_make_query (picture, "selection", input, NULL);
  vtr_input_get_patch_rect (input, 0, 0, &first);
  g_autofree char *corner_expected =
      g_strdup_printf ("%.2f,%.2f", first.width / 2.0, first.height / 2.0);
  g_assert_cmpstr (corner, ==, corner_expected);
}

/* ---------------------------------------------------------------- the engine */

static VtrExplanation *
explain_directly (VgpPicture *picture, const char *method_name, const char *target_text)
{
  g_autofree char *path = get_model_path ();
  g_autoptr (VtrModel) model = vtr_model_open (path, NULL);
  g_autoptr (VtrDevice) device = vtr_device_open ("cpu", NULL);
  g_autoptr (VtrSession) session =
      vtr_session_new (device, model, VTR_PRECISION_F32, NULL, NULL, NULL, NULL);
  g_autoptr (VtrInput) input = vtr_input_new (model, picture->image, VTR_FIT_COVER, 0, NULL);
  g_autoptr (VtrMethod) method = vtr_method_new (method_name, NULL);
  g_autoptr (VtrTarget) target =
      target_text != NULL ? vtr_target_parse (target_text, model, NULL) : NULL;
  g_autoptr (GError) error = NULL;

  vtr_method_set_target (method, target);
  g_autoptr (GPtrArray) explanations =
      vtr_session_explain (session, method, &input, 1, VTR_EXPLAIN_DEFAULT, NULL, NULL, NULL,
                           &error);
  g_assert_no_error (error);
  return vtr_explanation_ref (g_ptr_array_index (explanations, 0));
}

static void
assert_same_map (VtrMap *a, VtrMap *b)
{
  const gsize n = (gsize) vtr_map_get_n_rows (a) * vtr_map_get_n_columns (a);

  g_assert_cmpuint (n, ==, (gsize) vtr_map_get_n_rows (b) * vtr_map_get_n_columns (b));
  g_assert_cmpmem (vtr_map_get_values (a), n * sizeof (float), vtr_map_get_values (b),
                   n * sizeof (float));
}

/* @pairs to the engine ask the same as the library's own texts do. */
static void
assert_asks (VgpEngine *engine,
             VgpPicture *picture,
             const char *pairs,
             const char *method,
             const char *target)
{
  g_autoptr (VgpSettings) settings = make_settings (VGP_HEATMAPS, pairs);
  g_autoptr (VtrExplanation) asked = explain (engine, picture, settings);
  g_autoptr (VtrExplanation) direct = explain_directly (picture, method, target);

  assert_same_map (vtr_explanation_get_summary (asked), vtr_explanation_get_summary (direct));
}

/* One engine, asked in turns: nothing that was kept is in the way of the next question. */
static void
test_engine (void)
{
  g_autoptr (VgpEngine) engine = vgp_engine_new ();
  g_autoptr (VgpPicture) picture = make_picture (NULL);
  g_autoptr (VgpPicture) copy = make_picture (NULL);

  assert_asks (engine, picture, "", "raw", NULL);
  assert_asks (engine, picture, "method=relevance;target=circle", "relevance", "circle");
  assert_asks (engine, picture, "method=relevance;target=cross;contrast=circle", "relevance",
               "cross-circle");
  assert_asks (engine, copy, "method=legrad;contrast=rest", "legrad", "top1-rest");
  assert_asks (engine, copy, "method=relevance;target=circle-cross", "relevance", "circle-cross");
  assert_asks (engine, picture, "method=rollout", "rollout", NULL);
  /* Places are the canvas's. */
  assert_asks (engine, picture, "method=relevance;target=patch:120,13", "relevance", "patch:20,20");
  assert_asks (engine, picture, "method=gradcam", "gradcam", "top1");
}

static void
assert_explain_fails (VgpEngine *engine, VgpPicture *picture, const char *pairs, const char *says)
{
  g_autoptr (VgpSettings) settings = make_settings (VGP_HEATMAPS, pairs);
  g_autoptr (GError) error = NULL;

  g_assert_null (vgp_engine_explain (engine, picture, settings, NULL, NULL, NULL, &error));
  g_assert_nonnull (error);
  if (strstr (error->message, says) == NULL)
    g_error ("“%s” does not say “%s”", error->message, says);
}

static void
test_engine_fails (void)
{
  g_autoptr (VgpEngine) engine = vgp_engine_new ();
  g_autoptr (VgpPicture) picture = make_picture (NULL);

  assert_explain_fails (engine, picture, "model=/nowhere/at/all", "/nowhere/at/all");
  assert_explain_fails (engine, picture, "head=/nowhere/head.safetensors", "head.safetensors");
  assert_explain_fails (engine, picture, "device=abacus", "abacus");
  assert_explain_fails (engine, picture, "layers=99", "99");
  assert_explain_fails (engine, picture, "query=selection", "selected");
  assert_explain_fails (engine, picture, "query=5,5", "5");
  assert_explain_fails (engine, picture, "show=layers;heads=0,1", "fused");
  assert_explain_fails (engine, picture, "method=relevance;target=unicorn", "unicorn");
  assert_explain_fails (engine, picture, "method=relevance;target=circle;contrast=circle",
                        "circle");
  assert_explain_fails (engine, picture, "method=relevance;target=patch:120,13;contrast=circle",
                        "one class");
  /* It works all the same afterwards. */
  assert_asks (engine, picture, "", "raw", NULL);
}

static void
test_predict (void)
{
  g_autoptr (VgpEngine) engine = vgp_engine_new ();
  g_autoptr (VgpPicture) picture = make_picture (NULL);
  g_autoptr (VgpSettings) settings = make_settings (VGP_HEATMAPS, "");
  g_autoptr (VtrExplanation) explanation = explain (engine, picture, settings);
  VgpPrediction predictions[64];
  guint n_classes;
  const float *logits = vtr_explanation_get_logits (explanation, &n_classes);
  const guint n = vgp_engine_predict (explanation, predictions, 64);
  double sum = 0.0;

  g_assert_cmpuint (n, ==, n_classes);
  for (guint i = 0; i < n; i++)
    {
      sum += predictions[i].probability;
      g_assert_cmpstr (predictions[i].label, ==,
                       vtr_model_get_label (vtr_explanation_get_model (explanation),
                                            predictions[i].index));
      if (i > 0)
        g_assert_cmpfloat (logits[predictions[i].index], <=, logits[predictions[i - 1].index]);
    }
  g_assert_cmpfloat_with_epsilon (sum, 1.0, 1e-9);
  g_assert_cmpfloat_with_epsilon (log (predictions[0].probability / predictions[1].probability),
                                  logits[predictions[0].index] - logits[predictions[1].index],
                                  1e-6);
  /* The best two of all. */
  g_assert_cmpuint (vgp_engine_predict (explanation, predictions + 2, 2), ==, 2);
  g_assert_cmpuint (predictions[2].index, ==, predictions[0].index);
  g_assert_cmpuint (predictions[3].index, ==, predictions[1].index);
}

/* ---------------------------------------------------------------- layers */

static VgpLayers *
make_layers (const char *pairs)
{
  g_autoptr (VgpEngine) engine = vgp_engine_new ();
  g_autoptr (VgpPicture) picture = make_picture (NULL);
  g_autoptr (VgpSettings) settings = make_settings (VGP_HEATMAPS, pairs);
  g_autoptr (VtrExplanation) explanation = explain (engine, picture, settings);

  return vgp_layers_new (explanation, picture, settings);
}

static void
assert_names (const char *pairs, const char *const *names)
{
  g_autoptr (VgpLayers) layers = make_layers (pairs);

  g_assert_cmpuint (layers->n_layers, ==, g_strv_length ((char **) names));
  for (guint i = 0; i < layers->n_layers; i++)
    {
      g_assert_cmpstr (layers->layers[i].name, ==, names[i]);
      g_assert_nonnull (strstr (layers->layers[i].parasite, "\"layer\":"));
    }
}

static void
test_layer_names (void)
{
  g_autoptr (VgpLayers) target = make_layers ("method=relevance;target=circle;contrast=cross");

  assert_names ("", (const char *const[]){ "L3", NULL });
  assert_names ("layers=0-1;show=layers", (const char *const[]){ "L1", "L0", NULL });
  assert_names ("layers=1,3;show=heads;heads=0,2",
                (const char *const[]){ "L3 H0", "L3 H2", "L1 H0", "L1 H2", NULL });
  /* Shown fused, even where heads are chosen. */
  assert_names ("layers=1,3;heads=0,2", (const char *const[]){ "L3", NULL });
  assert_names ("method=rollout;show=heads", (const char *const[]){ "rollout", NULL });
  g_assert_cmpstr (target->name, ==, "relevance · circle rather than cross · model");
  g_assert_cmpstr (target->layers[0].name, ==, "relevance");
  g_assert_true (target->rect.x == 100 && target->rect.y == -7);
}

/* The name of a measured map tells what it is worth. */
static void
test_layer_score (void)
{
  g_autoptr (VgpLayers) layers = make_layers ("method=relevance;target=circle;score=yes");

  g_assert_true (g_str_has_prefix (layers->layers[0].name, "relevance  "));
  g_assert_nonnull (strstr (layers->layers[0].name, "random"));
}

static void
test_layer_pixels (void)
{
  g_autoptr (VgpLayers) colours = make_layers ("colormap=viridis");
  g_autoptr (VgpLayers) alpha = make_layers ("colormap=viridis;style=alpha");
  g_autoptr (VgpLayers) grey = make_layers ("style=grey;opacity=25;mode=screen");
  const VtrMap *map = colours->layers[0].map;
  VtrInput *input = vtr_explanation_get_input (colours->explanation);
  g_autoptr (VtrImage) image = vtr_map_colorize (map, input, "viridis", NULL);
  const gsize n_pixels = (gsize) colours->rect.width * colours->rect.height;
  g_autofree float *values = g_new (float, n_pixels);
  g_autofree guint8 *rgba = vgp_layers_render (colours, 0, NULL);
  g_autofree guint8 *rgba_alpha = vgp_layers_render (alpha, 0, NULL);
  g_autofree float *grey_alpha = vgp_layers_render (grey, 0, NULL);
  float min;
  float max;

  g_assert_true (colours->pixels == VGP_PIXELS_RGBA && grey->pixels == VGP_PIXELS_GREY);
  g_assert_cmpfloat (grey->opacity, ==, 0.25);
  g_assert_cmpstr (grey->mode, ==, "screen");
  g_assert_cmpmem (rgba, n_pixels * 4, vtr_image_get_rgba (image), n_pixels * 4);
  vtr_map_upsample (map, input, values);
  vtr_map_get_range (map, &min, &max);
  for (gsize i = 0; i < n_pixels; i++)
    {
      const double share = (values[i] - min) / (max - min);

      g_assert_cmpfloat_with_epsilon (grey_alpha[2 * i], share, 1e-6);
      g_assert_cmpfloat (grey_alpha[2 * i + 1], ==, 1.0f);
      g_assert_cmpmem (rgba_alpha + 4 * i, 3, rgba + 4 * i, 3);
      g_assert_cmpfloat_with_epsilon (rgba_alpha[4 * i + 3] / 255.0, share, 0.5 / 255 + 1e-6);
    }
}

/* ---------------------------------------------------------------- masks */

static float *
make_mask (VgpEngine *engine, VgpPicture *picture, const char *pairs, VtrExplanation **explanation)
{
  g_autoptr (VgpSettings) settings = make_settings (VGP_SELECT, pairs);
  g_autoptr (GError) error = NULL;

  *explanation = explain (engine, picture, settings);
  float *mask = vgp_mask_new (*explanation, settings, &error);
  g_assert_no_error (error);
  return mask;
}

/* The pixels hold @share of the mass, the higher ones first, and not many more than needed. */
static void
assert_holds_mass (VgpEngine *engine, VgpPicture *picture, const char *pairs, double share)
{
  g_autoptr (VtrExplanation) explanation = NULL;
  g_autofree float *mask = make_mask (engine, picture, pairs, &explanation);
  const gsize n = (gsize) picture->rect.width * picture->rect.height;
  g_autofree float *values = g_new (float, n);
  float least = INFINITY;
  float greatest_left = -INFINITY;
  double held = 0.0;
  double sum = 0.0;

  vtr_map_upsample (vtr_explanation_get_summary (explanation),
                    vtr_explanation_get_input (explanation), values);
  for (gsize i = 0; i < n; i++)
    {
      sum += values[i];
      held += mask[i] * values[i];
      least = mask[i] > 0.5f ? MIN (least, values[i]) : least;
      greatest_left = mask[i] > 0.5f ? greatest_left : MAX (greatest_left, values[i]);
    }
  g_assert_cmpfloat (least, >=, greatest_left);
  g_assert_cmpfloat (held / sum, >=, share - 1e-6);
  g_assert_cmpfloat (held / sum, <=, share + 0.01);
}

static void
test_mask (void)
{
  g_autoptr (VgpEngine) engine = vgp_engine_new ();
  g_autoptr (VgpPicture) picture = make_picture (NULL);
  g_autoptr (VtrExplanation) explanation = NULL;
  const gsize n = (gsize) picture->rect.width * picture->rect.height;
  float min;
  float max;

  assert_holds_mass (engine, picture, "amount=50", 0.5);
  assert_holds_mass (engine, picture, "amount=90;method=rollout", 0.9);
  assert_holds_mass (engine, picture, "amount=100", 1.0);
  assert_holds_mass (engine, picture, "amount=0", 0.0);

  g_autofree float *mask = make_mask (engine, picture, "keep=value;amount=30", &explanation);
  g_autofree float *values = g_new (float, n);
  const VtrMap *map = vtr_explanation_get_summary (explanation);
  vtr_map_upsample (map, vtr_explanation_get_input (explanation), values);
  vtr_map_get_range (map, &min, &max);
  for (gsize i = 0; i < n; i++)
    if (fabsf (values[i] - (min + 0.3f * (max - min))) > 1e-6f)
      g_assert_cmpfloat (mask[i], ==, values[i] > min + 0.3f * (max - min) ? 1.0f : 0.0f);
}

static void
assert_combined (const char *operation, const float *expected)
{
  const VgpRect whole = { 0, 0, 3, 2 };
  const VgpRect part = { 1, -1, 3, 2 }; /* its lower left lies on the upper right */
  const float with[] = { 9, 9, 9, 1, 0.25f, 9 };
  float mask[] = { 1, 0, 1, 0.5f, 0.5f, 0 };

  vgp_mask_combine (mask, &whole, with, &part, operation);
  for (guint i = 0; i < 6; i++)
    g_assert_cmpfloat (mask[i], ==, expected[i]);
}

static void
test_combine (void)
{
  assert_combined ("replace", (const float[]){ 0, 1, 0.25f, 0, 0, 0 });
  assert_combined ("add", (const float[]){ 1, 1, 1, 0.5f, 0.5f, 0 });
  assert_combined ("subtract", (const float[]){ 1, 0, 0.75f, 0.5f, 0.5f, 0 });
  assert_combined ("intersect", (const float[]){ 0, 0, 0.25f, 0, 0, 0 });
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/plug-in/fields", test_fields);
  g_test_add_func ("/plug-in/method-params", test_method_params);
  g_test_add_func ("/plug-in/applies", test_applies);
  g_test_add_func ("/plug-in/refused", test_refused);
  g_test_add_func ("/plug-in/settings", test_settings);
  g_test_add_func ("/plug-in/rects", test_rects);
  g_test_add_func ("/plug-in/query", test_query);
  g_test_add_func ("/plug-in/engine", test_engine);
  g_test_add_func ("/plug-in/engine-fails", test_engine_fails);
  g_test_add_func ("/plug-in/predict", test_predict);
  g_test_add_func ("/plug-in/layer-names", test_layer_names);
  g_test_add_func ("/plug-in/layer-score", test_layer_score);
  g_test_add_func ("/plug-in/layer-pixels", test_layer_pixels);
  g_test_add_func ("/plug-in/mask", test_mask);
  g_test_add_func ("/plug-in/combine", test_combine);
  return g_test_run ();
}
