/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "cases.h"

typedef struct
{
  const char *name;
  guint b, height, width, size;
} PatchifyCase;

static const PatchifyCase cases[] = {
  { "one-patch", 1, 4, 4, 4 },      { "square", 1, 12, 12, 4 },
  { "rectangle", 2, 28, 70, 14 },   { "part-patches-left-out", 3, 17, 23, 5 },
  { "single-pixels", 1, 3, 2, 1 },  { "large-patches", 1, 64, 96, 32 },
  { "batch-of-32", 32, 16, 16, 8 },
};

static void
test_patchify (Harness *harness, gconstpointer data)
{
  const PatchifyCase *test = data;
  const guint n_patches = test->height / test->size * (test->width / test->size);
  const guint patch_values = 3 * test->size * test->size;
  HarnessTensor *pixels = harness_input (harness, -1, 1, 4, test->b, 3, test->height, test->width);
  HarnessTensor *patches = harness_output_activation (harness, 3, test->b, n_patches, patch_values);
  const gsize n_values = vtr_tensor_n_values (&patches->tensor);
  g_autofree double *expected = g_new (double, n_values);
  GError *error = NULL;

  reference_patchify (pixels->values, test->b, test->height, test->width, test->size, expected);
  harness_begin (harness);
  vtr_op_patchify (harness->stream, &pixels->tensor, test->size, &patches->tensor, &error);
  g_assert_no_error (error);
  harness_finish (harness);
  harness_assert_close (patches, expected);
  /* Nothing is computed, so that how the device rounds is seen: to the nearest. */
  for (gsize i = 0; harness->activation == VTR_DTYPE_F16 && i < n_values; i++)
    g_assert_cmpfloat (patches->values[i], ==,
                       vtr_half_to_float (vtr_half_from_float (expected[i])));
}

void
add_patchify_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      harness_add ("patchify", cases[i].name, test_patchify, &cases[i]);
      harness_add_f16 ("patchify", cases[i].name, VTR_F16_ACTIVATIONS, test_patchify, &cases[i]);
    }
}
