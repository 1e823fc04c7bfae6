/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* Position tables and RoPE on other grids, against PyTorch.
 * usage: model-positions model-goldens.npz */
#include "model/private.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SIDE 5
#define WIDTH 2
#define HEAD_SIZE 8

static VtrStore *goldens;

static const struct
{
  const char *name;
  VtrPositionRule rule; /* NONE: RoPE */
} rules[] = {
  { "bicubic/", VTR_POSITIONS_BICUBIC },
  { "bicubic-antialias/", VTR_POSITIONS_BICUBIC_ANTIALIAS },
  { "bilinear-corners/", VTR_POSITIONS_BILINEAR_CORNERS },
  { "rope/", VTR_POSITIONS_NONE },
};

static float *
make_positions (VtrPositionRule rule, guint n_rows, guint n_columns)
{
  float table[SIDE * SIDE * WIDTH];

  if (rule == VTR_POSITIONS_NONE)
    return vtr_rope_make (100.0, NULL, n_rows, n_columns, HEAD_SIZE);
  for (guint i = 0; i < G_N_ELEMENTS (table); i++) /* as make-model-goldens.py has it */
    table[i] = ((float) (i * 37 % 64) - 32.0f) / 16.0f;
  return vtr_positions_resample (rule, table, SIDE, SIDE, n_rows, n_columns, WIDTH);
}

static float *
make_as_named (const char *name)
{
  guint n_rows, n_columns;

  g_assert_cmpint (sscanf (strchr (name, '/'), "/%ux%u", &n_columns, &n_rows), ==, 2);
  for (guint i = 0; i < G_N_ELEMENTS (rules); i++)
    if (g_str_has_prefix (name, rules[i].name))
      return make_positions (rules[i].rule, n_rows, n_columns);
  g_assert_not_reached ();
}

static void
test_golden (gconstpointer data)
{
  const VtrStored *golden = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = vtr_store_read (goldens, golden, &error);
  g_autofree float *expected = g_new (float, golden->n_values);
  g_autofree float *values = make_as_named (golden->name);

  g_assert_no_error (error);
  vtr_floats_from (golden->dtype, g_bytes_get_data (bytes, NULL), golden->n_values, expected);
  /* The numbers go up to 2: some roundings of f32. */
  for (gsize i = 0; i < golden->n_values; i++)
    g_assert_cmpfloat_with_epsilon (values[i], expected[i], 4e-6);
}

/* Periods that the file states replace the formula. */
static void
test_periods (void)
{
  const float periods[HEAD_SIZE / 4] = { 1.0f, 10.0f };
  g_autofree float *stated = vtr_rope_make (7.0, periods, 3, 2, HEAD_SIZE);
  g_autofree float *computed = vtr_rope_make (100.0, NULL, 3, 2, HEAD_SIZE);

  for (guint i = 0; i < 2 * 3 * 2 * HEAD_SIZE; i++)
    g_assert_cmpfloat_with_epsilon (stated[i], computed[i], 1e-6);
}

/* A grid of its own size comes back as it was, by every rule. */
static void
test_same_grid (void)
{
  float table[3 * 4 * WIDTH];

  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    table[i] = sinf ((float) i);
  for (guint r = 0; r < G_N_ELEMENTS (rules) && rules[r].rule != VTR_POSITIONS_NONE; r++)
    {
      g_autofree float *same = vtr_positions_resample (rules[r].rule, table, 3, 4, 3, 4, WIDTH);
      for (guint i = 0; i < G_N_ELEMENTS (table); i++)
        g_assert_cmpfloat_with_epsilon (same[i], table[i], 1e-7);
    }
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;

  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 2);
  goldens = vtr_store_open_file (argv[1], &error);
  g_assert_no_error (error);
  for (guint i = 0; i < vtr_store_get_n_tensors (goldens); i++)
    {
      const VtrStored *golden = vtr_store_get_tensor (goldens, i);
      g_autofree char *name = g_strdup_printf ("/positions/%s", golden->name);
      g_test_add_data_func (name, golden, test_golden);
    }
  g_test_add_func ("/positions/rope/periods", test_periods);
  g_test_add_func ("/positions/same-grid", test_same_grid);
  const int status = g_test_run ();
  vtr_store_unref (goldens);
  return status;
}
