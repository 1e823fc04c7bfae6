/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Methods and the text of their parameters, through the public API. */
#include <vitreous/vitreous.h>

#include <string.h>

static void
test_list (void)
{
  static const char *const expected[] = { "raw",       "rollout", "grad-rollout",
                                          "relevance", "legrad",  "gradcam" };
  const char *const *names = vtr_method_list ();
  guint n_params;

  g_assert_cmpuint (g_strv_length ((char **) names), ==, G_N_ELEMENTS (expected));
  for (guint i = 0; names[i] != NULL; i++)
    {
      g_assert_cmpstr (names[i], ==, expected[i]);
      g_assert_cmpint (vtr_method_takes_target (names[i]), ==, i >= 2);
    }

  for (; *names != NULL; names++)
    {
      const VtrMethodParam *const *params = vtr_method_get_params (*names, &n_params);

      g_assert_nonnull (vtr_method_get_summary (*names));
      g_assert_cmpuint (n_params, >, 0);
      for (guint i = 0; i < n_params; i++)
        {
          g_assert_true (g_str_has_suffix (params[i]->summary, "."));
          g_assert_cmpfloat (params[i]->min, <=, params[i]->max);
        }
    }
  g_assert_null (vtr_method_get_summary ("guesswork"));
  g_assert_false (vtr_method_takes_target ("guesswork"));
  g_assert_null (vtr_method_get_params ("guesswork", &n_params));
  g_assert_cmpuint (n_params, ==, 0);
}

/* Every default must be a value the parameter itself accepts. */
static void
test_defaults (void)
{
  for (const char *const *name = vtr_method_list (); *name != NULL; name++)
    {
      g_autoptr (VtrMethod) method = vtr_method_new (*name, NULL);
      guint n_params;
      const VtrMethodParam *const *params = vtr_method_get_params (*name, &n_params);

      for (guint i = 0; i < n_params; i++)
        {
          g_autoptr (GError) error = NULL;

          g_assert_cmpstr (vtr_method_get (method, params[i]->name), ==, params[i]->default_text);
          vtr_method_set (method, params[i]->name, params[i]->default_text, &error);
          g_assert_no_error (error);
        }
    }
}

static void
test_unknown (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrMethod) raw = vtr_method_new ("raw", NULL);

  g_assert_null (vtr_method_new ("guesswork", &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
  g_assert_nonnull (strstr (error->message, "raw, rollout, grad-rollout"));
  g_clear_error (&error);

  g_assert_false (vtr_method_set (raw, "discard-ratio", "0.5", &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
  g_assert_null (vtr_method_get (raw, "discard-ratio"));
}

typedef struct
{
  const char *method;
  const char *param;
  const char *text;
  gboolean ok;
} Case;

static void
test_values (void)
{
  static const Case cases[] = {
    { "raw", "layers", "last", TRUE },
    { "raw", "layers", "all", TRUE },
    { "raw", "layers", "0", TRUE },
    { "raw", "layers", "0-11", TRUE },
    { "raw", "layers", "3,7", TRUE },
    { "raw", "layers", "3, 5-7", TRUE },
    { "raw", "layers", "", FALSE },
    { "raw", "layers", "first", FALSE },
    { "raw", "layers", "-1", FALSE },
    { "raw", "layers", "3,", FALSE },
    { "raw", "layers", "7-3", FALSE },
    { "raw", "layers", "1-2-3", FALSE },
    { "raw", "layers", "0-99999999999999999999", FALSE },
    { "raw", "heads", "mean", TRUE },
    { "raw", "heads", "max", TRUE },
    { "raw", "heads", "min", TRUE },
    { "raw", "heads", "all", TRUE },
    { "raw", "heads", "0,2", TRUE },
    { "raw", "heads", "median", FALSE },
    { "raw", "query", "cls", TRUE },
    { "raw", "query", "mean", TRUE },
    { "raw", "query", "10,20", TRUE },
    { "raw", "query", "10.5,20", TRUE },
    { "raw", "query", "10", FALSE },
    { "raw", "query", "10,20,30", FALSE },
    { "raw", "query", "nan,1", FALSE },
    { "raw", "query", "10,20;30,40", TRUE },
    { "raw", "query", "10,20; 30.5,40;10,20", TRUE },
    { "raw", "query", "10,20;", FALSE },
    { "raw", "query", ";10,20", FALSE },
    { "raw", "query", "10,20;mean", FALSE },
    { "raw", "query", "10,20;30", FALSE },
    { "raw", "query", "10;20", FALSE },
    { "raw", "query", "", FALSE },
    { "raw", "temperature", "0.5", TRUE },
    { "raw", "temperature", "0", FALSE },
    { "raw", "temperature", "inf", FALSE },
    { "raw", "temperature", "1x", FALSE },
    { "rollout", "discard-ratio", "0.9", TRUE },
    { "rollout", "discard-ratio", "1", FALSE },
    { "rollout", "discard-ratio", "-0.1", FALSE },
    { "grad-rollout", "discard-ratio", "0.9", TRUE },
    { "grad-rollout", "start-layer", "3", TRUE },
    { "grad-rollout", "heads", "max", FALSE },
    { "relevance", "start-layer", "0", TRUE },
    { "relevance", "start-layer", "", FALSE },
    { "relevance", "start-layer", "-1", FALSE },
    { "relevance", "start-layer", "1-3", FALSE },
    { "relevance", "start-layer", "last", FALSE },
    { "relevance", "start-layer", "4096", FALSE },
    { "relevance", "heads", "mean", TRUE },
    { "relevance", "heads", "0,2", TRUE },
    { "relevance", "heads", "1-3", TRUE },
    { "relevance", "heads", "max", FALSE },
    { "relevance", "heads", "min", FALSE },
    { "relevance", "heads", "all", FALSE },
    { "relevance", "heads", "", FALSE },
    { "legrad", "start-layer", "11", TRUE },
    { "legrad", "heads", "all", FALSE },
    { "gradcam", "heads", "max", FALSE },
    { "gradcam", "features", "attention", TRUE },
    { "gradcam", "features", "activation", TRUE },
    { "gradcam", "features", "", FALSE },
    { "gradcam", "features", "activations", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (VtrMethod) method = vtr_method_new (cases[i].method, NULL);
      const char *param = cases[i].param;
      g_autofree char *before = g_strdup (vtr_method_get (method, param));
      const gboolean ok = vtr_method_set (method, param, cases[i].text, &error);

      g_test_message ("%s %s=%s", cases[i].method, param, cases[i].text);
      g_assert_cmpint (ok, ==, cases[i].ok);
      g_assert_cmpstr (vtr_method_get (method, param), ==, ok ? cases[i].text : before);
      if (!ok)
        {
          g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
          g_assert_nonnull (strstr (error->message, param));
        }
    }
}

/* "1,2;1,2;…" */
static char *
repeat_place (guint n)
{
  GString *text = g_string_new ("1,2");

  for (guint i = 1; i < n; i++)
    g_string_append (text, ";1,2");
  return g_string_free (text, FALSE);
}

static void
test_places (void)
{
  g_autoptr (VtrMethod) method = vtr_method_new ("raw", NULL);
  g_autofree char *most = repeat_place (65536);
  g_autofree char *too_many = repeat_place (65537);
  g_autoptr (GError) error = NULL;

  g_assert_true (vtr_method_set (method, "query", most, &error));
  g_assert_no_error (error);
  g_assert_false (vtr_method_set (method, "query", too_many, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
  g_assert_nonnull (strstr (error->message, "65536"));
  g_assert_cmpuint (strlen (error->message), <, 200);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/method/list", test_list);
  g_test_add_func ("/method/defaults", test_defaults);
  g_test_add_func ("/method/unknown", test_unknown);
  g_test_add_func ("/method/values", test_values);
  g_test_add_func ("/method/places", test_places);
  return g_test_run ();
}
