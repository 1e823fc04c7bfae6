/* SPDX-License-Identifier: LGPL-3.0-or-later */

#include "run.h"

#include <math.h>

VtrDevice *golden_device;
VtrPrecision golden_precision;

VtrSession *
golden_open_session (const GoldenCase *golden)
{
  g_autoptr (GError) error = NULL;
  VtrSession *session =
      vtr_session_new (golden_device, golden->model, golden_precision, NULL, NULL, NULL, &error);

  if (session == NULL)
    g_test_fail_printf ("%s", error->message);
  return session;
}

VtrMethod *
golden_make_method (const char *name, ...)
{
  g_autoptr (GError) error = NULL;
  VtrMethod *method = vtr_method_new (name, &error);
  va_list params;

  g_assert_no_error (error);
  va_start (params, name);
  for (const char *param = va_arg (params, const char *); param != NULL;
       param = va_arg (params, const char *))
    {
      vtr_method_set (method, param, va_arg (params, const char *), &error);
      g_assert_no_error (error);
    }
  va_end (params);
  return method;
}

GPtrArray *
golden_explain_all (VtrSession *session,
                    VtrMethod *method,
                    VtrInput *const *inputs,
                    guint n_inputs,
                    VtrExplainFlags flags)
{
  g_autoptr (GError) error = NULL;
  GPtrArray *explanations =
      vtr_session_explain (session, method, inputs, n_inputs, flags, NULL, NULL, NULL, &error);

  if (explanations == NULL)
    g_test_fail_printf ("%s", error->message);
  else
    g_assert_cmpuint (explanations->len, ==, n_inputs);
  return explanations;
}

VtrExplanation *
golden_explain_one (VtrSession *session, VtrMethod *method, VtrInput *input, VtrExplainFlags flags)
{
  g_autoptr (GPtrArray) explanations = golden_explain_all (session, method, &input, 1, flags);

  return explanations != NULL ? vtr_explanation_ref (g_ptr_array_index (explanations, 0)) : NULL;
}

guint
golden_count_patches (VtrInput *input)
{
  return vtr_input_get_n_rows (input) * vtr_input_get_n_columns (input);
}

char *
golden_make_places (VtrInput *input, const guint *patches, guint n_patches)
{
  const guint n_columns = vtr_input_get_n_columns (input);
  GString *query = g_string_new (NULL);
  char x[G_ASCII_DTOSTR_BUF_SIZE];
  char y[G_ASCII_DTOSTR_BUF_SIZE];

  for (guint i = 0; i < n_patches; i++)
    {
      VtrRect rect;

      vtr_input_get_patch_rect (input, patches[i] / n_columns, patches[i] % n_columns, &rect);
      g_string_append_printf (query, "%s%s,%s", i > 0 ? ";" : "",
                              g_ascii_dtostr (x, sizeof x, rect.x + rect.width / 2),
                              g_ascii_dtostr (y, sizeof y, rect.y + rect.height / 2));
    }
  return g_string_free (query, FALSE);
}

gboolean
golden_check_close (const char *what,
                    const float *values,
                    const float *expected,
                    gsize n_values,
                    double tolerance)
{
  gsize worst = 0;
  double greatest = 0.0, error = 0.0, power = 0.0;

  for (gsize i = 0; i < n_values; i++)
    {
      const double difference = fabs ((double) values[i] - expected[i]);

      error += difference * difference;
      power += (double) expected[i] * expected[i];

      if (!(difference <= greatest)) /* so that NaN is greater than anything */
        {
          greatest = difference;
          worst = i;
        }
      if (isnan (difference))
        break;
    }
  g_test_message ("%s: differs by %.1e at most, NMSE %.1e", what, greatest,
                  power > 0.0 ? error / power : 0.0);
  if (golden_precision == VTR_PRECISION_F16 ? error <= MAX_F16_NMSE * power : greatest <= tolerance)
    return TRUE;
  g_test_fail_printf ("%s: number %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT
                      " is %.7g instead of %.7g",
                      what, worst, n_values, (double) values[worst], (double) expected[worst]);
  return FALSE;
}

double
golden_maximum (const float *values, gsize n_values)
{
  double maximum = 0.0;

  for (gsize i = 0; i < n_values; i++)
    maximum = MAX (maximum, (double) values[i]);
  return maximum;
}

int
golden_run (int argc, char **argv, void (*add_tests) (const char *name))
{
  g_autoptr (GError) error = NULL;
  g_autofree char *list = NULL;

  g_test_init (&argc, &argv, NULL);

  const char *spec = g_getenv ("VTR_TEST_DEVICE");
  const char *precision = g_getenv ("VTR_TEST_PRECISION");
  if (precision != NULL && !vtr_precision_parse (precision, &golden_precision, &error))
    g_error ("%s", error->message);
  golden_device = vtr_device_open (spec != NULL ? spec : "vulkan", &error);
  if (golden_device == NULL)
    {
      g_print ("1..0 # SKIP %s\n", error->message);
      return 0;
    }

  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "cases.txt", NULL);
  if (!g_file_get_contents (path, &list, NULL, &error))
    g_error ("%s", error->message);

  g_auto (GStrv) names = g_strsplit (g_strstrip (list), "\n", -1);
  for (char **name = names; *name != NULL; name++)
    add_tests (*name);

  const int status = g_test_run ();
  g_clear_object (&golden_device);
  return status;
}
