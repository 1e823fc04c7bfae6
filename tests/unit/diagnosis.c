/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* The table of rules, what is healthy, and pictures with their pixels in other places. */
#include "analysis/diagnosis.h"

#include "pixel-fixture.h"

#include <math.h>
#include <string.h>

#define PATCH 4
#define EDGE 12 /* pixels: 3 × 3 patches */

static VtrInput *
make_input (guint width, guint height)
{
  VtrArch arch = pixel_fixture_arch (EDGE, EDGE, PATCH);
  g_autofree guint8 *rgba = pixel_fixture_noise (width, height, 7);
  g_autoptr (VtrImage) image = vtr_image_new (width, height, rgba, (gsize) width * 4);
  g_autoptr (GError) error = NULL;

  arch.preprocess.crop = width == height;
  VtrInput *input = vtr_input_new_for_arch (&arch, NULL, image, VTR_FIT_TRAIN, 0, &error);
  g_assert_no_error (error);
  return input;
}

static void
test_arrangements (void)
{
  g_autoptr (VtrInput) input = make_input (40, 40);
  const float *before = vtr_input_get_pixels (input, NULL, NULL);

  for (guint arrangement = 0; arrangement < 8; arrangement++)
    {
      g_autoptr (VtrInput) arranged = vtr_input_arrange (input, (VtrArrangement) arrangement);
      g_autoptr (VtrInput) again = vtr_input_arrange (arranged, (VtrArrangement) arrangement);
      const float *after = vtr_input_get_pixels (arranged, NULL, NULL);

      /* A pixel of the second patch of the first row: down 1, right 2 in it. */
      guint channel = 0, row = 0, column = 1, down = 1, right = 2;
      const float pixel = before[(1 * EDGE) + 6];
      if (arrangement & VTR_ARRANGE_CHANNELS)
        channel = 2;
      if (arrangement & VTR_ARRANGE_BLOCKS)
        row = 1, column = 0;
      if (arrangement & VTR_ARRANGE_WITHIN_BLOCKS)
        down = 2, right = 1;
      g_assert_true (after[(channel * EDGE + row * PATCH + down) * EDGE + column * PATCH + right] ==
                     pixel);

      /* Twice is as it was. */
      g_assert_cmpmem (vtr_input_get_pixels (again, NULL, NULL), 3 * EDGE * EDGE * sizeof (float),
                       before, 3 * EDGE * EDGE * sizeof (float));
      g_assert_true (vtr_input_get_image (arranged) == vtr_input_get_image (input));
    }
}

static void
test_no_square (void)
{
  g_autoptr (VtrInput) input = make_input (64, 40);

  g_assert_cmpuint (vtr_input_get_n_rows (input), !=, vtr_input_get_n_columns (input));
  g_assert_null (vtr_input_arrange (input, VTR_ARRANGE_BLOCKS));
  g_autoptr (VtrInput) arranged = vtr_input_arrange (input, VTR_ARRANGE_WITHIN_BLOCKS);
  g_assert_nonnull (arranged);
}

static void
test_rules (void)
{
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < vtr_rule_get_count (); i++)
    {
      const VtrRule *rule = vtr_rule_get (i);
      const char *const sentences[] = { rule->condition, rule->cause, rule->remedy };

      g_assert_true (g_regex_match_simple ("^[a-z0-9]+(-[a-z0-9]+)*$", rule->name, 0, 0));
      g_assert_true (g_hash_table_add (names, (char *) rule->name));
      g_assert_true (rule->title[0] != '\0' && rule->evidence[0] != '\0' &&
                     rule->source[0] != '\0');
      for (guint k = 0; k < G_N_ELEMENTS (sentences); k++)
        {
          g_assert_true (g_str_has_suffix (sentences[k], "."));
          g_assert_null (strstr (sentences[k], "|")); /* of the table in docs/diagnosis.md */
        }
    }
}

static void
test_severities (void)
{
  for (VtrSeverity severity = VTR_SEVERITY_NOTE; severity <= VTR_SEVERITY_FAULT; severity++)
    {
      VtrSeverity parsed;
      g_autoptr (GError) error = NULL;

      g_assert_true (vtr_severity_parse (vtr_severity_get_name (severity), &parsed, &error));
      g_assert_no_error (error);
      g_assert_cmpint (parsed, ==, severity);
    }
  VtrSeverity parsed;
  g_autoptr (GError) error = NULL;
  g_assert_false (vtr_severity_parse ("doom", &parsed, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
}

static void
test_bounds (void)
{
  const VtrRange range = { { 1.0, 2.0, 3.0, 4.0, 5.0 } };
  const VtrRange none = { { NAN, NAN, NAN, NAN, NAN } };
  double low, high;

  g_assert_true (vtr_range_get_bounds (&range, 0.0, &low, &high));
  g_assert_cmpfloat (low, ==, 0.0);
  g_assert_cmpfloat (high, ==, 6.0);
  g_assert_true (vtr_range_get_bounds (&range, 2.0, &low, &high));
  g_assert_cmpfloat (high, ==, 7.0);
  g_assert_false (vtr_range_get_bounds (&none, 0.0, &low, &high));
}

/* Normalisations by the numbers they make of bytes, whatever they are written as. */
static void
test_normalizations (void)
{
  const VtrPreprocess half = { .rescale = 1.0 / 255.0,
                               .mean = { 0.5, 0.5, 0.5 },
                               .std = { 0.5, 0.5, 0.5 } };
  const VtrPreprocess of_bytes = { .rescale = 1.0,
                                   .mean = { 127.5, 127.5, 127.5 },
                                   .std = { 127.5, 127.5, 127.5 } };
  const VtrPreprocess imagenet = { .rescale = 1.0 / 255.0,
                                   .mean = { 0.485, 0.456, 0.406 },
                                   .std = { 0.229, 0.224, 0.225 } };
  VtrPreprocess unscaled = half;
  VtrRuleId rule;

  unscaled.rescale = 1.0;
  g_assert_false (vtr_normalization_differs (&half, &of_bytes, &rule));
  g_assert_true (vtr_normalization_differs (&half, &imagenet, &rule));
  g_assert_cmpint (rule, ==, VTR_RULE_NORMALIZATION);
  g_assert_true (vtr_normalization_differs (&half, &unscaled, &rule));
  g_assert_cmpint (rule, ==, VTR_RULE_PIXEL_RANGE);
}

/* The library's own references can be read, and their own pictures lie as far off as they say. */
static void
test_built_in (void)
{
  guint n = 0;

  for (; vtr_built_in_references[n].name != NULL; n++)
    {
      const char *json = vtr_built_in_references[n].json;
      g_autoptr (GBytes) bytes = g_bytes_new_static (json, strlen (json));
      g_autoptr (GError) error = NULL;
      g_autoptr (VtrReference) reference =
          vtr_reference_parse (bytes, vtr_built_in_references[n].name, &error);

      g_assert_no_error (error);
      g_assert_cmpstr (vtr_reference_get_name (reference), ==, vtr_built_in_references[n].name);
      g_assert_cmpuint (vtr_reference_get_n_pictures (reference), >=, VTR_REFERENCE_MIN_PICTURES);
      g_assert_cmpfloat (vtr_reference_get_healthy_distance (reference), >, 0.5);
    }
  g_assert_cmpuint (n, >=, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/diagnosis/arrangements", test_arrangements);
  g_test_add_func ("/diagnosis/arrangements/no-square", test_no_square);
  g_test_add_func ("/diagnosis/rules", test_rules);
  g_test_add_func ("/diagnosis/severities", test_severities);
  g_test_add_func ("/diagnosis/bounds", test_bounds);
  g_test_add_func ("/diagnosis/normalizations", test_normalizations);
  g_test_add_func ("/diagnosis/built-in", test_built_in);
  return g_test_run ();
}
