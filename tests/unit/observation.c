/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Numbers out of rows and tokens, by hand-made ones. */
#include "analysis/observation.h"

#include <math.h>
#include <string.h>

#define assert_close(a, b) g_assert_cmpfloat_with_epsilon ((a), (b), 1e-6)

/* ---- rows ---- */

/* CLS and 2 × 2 patches. */
static const VtrTokenGrid small_grid = { 5, 1, TRUE, 2, 2 };
#define LN_2 0.69314718055994531
#define LN_5 1.6094379124341003
#define ROOT_2 1.4142135623730951

/* What the rows of some attention sum up to, in the order of VtrRowSum. */
static const float small_sums[5][VTR_N_ROW_SUMS] = {
  /* CLS: all alike */
  { (float) LN_5, 0.8f * (float) LN_5, 0.8f, 0.2f, 0.16f, 0.2f, 0.2f, 0.2f, 0.0f, 0.2f, 0.0f,
    0.0f },
  /* patch 0: itself */
  { 0.0f, 0.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 0.0f, 0.0f, 1.0f, 0.0f, 0.0f },
  /* patch 1: CLS */
  { 0.0f, 0.0f, 0.0f, 1.0f, 0.0f, 1.0f, 0.0f, 1.0f, 0.0f, 0.0f, 0.0f, 0.0f },
  /* patch 2: half CLS, half the patch to its right */
  { (float) LN_2, 0.5f * (float) LN_2, 0.5f, 0.5f, 0.25f, 0.5f, 0.5f, 0.5f, 0.0f, 0.0f, 0.5f,
    0.5f },
  /* patch 3: patch 0 */
  { 0.0f, 0.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 0.0f, 0.0f, 0.0f, 1.0f, (float) ROOT_2 },
};

static void
test_sums (void)
{
  VtrHeadStatistics head;

  vtr_head_statistics_init (&head);
  vtr_head_statistics_take_sums (&head, &small_grid, 16.0, small_sums[0]);

#define ASSERT(statistic, all, all_patches, cls, cls_patches)                                      \
  assert_close (head.values[VTR_STATISTIC_##statistic][VTR_READING_ALL], all);                     \
  assert_close (head.values[VTR_STATISTIC_##statistic][VTR_READING_ALL_PATCHES], all_patches);     \
  assert_close (head.values[VTR_STATISTIC_##statistic][VTR_READING_CLS], cls);                     \
  assert_close (head.values[VTR_STATISTIC_##statistic][VTR_READING_CLS_PATCHES], cls_patches)
#define ASSERT_ALL(statistic, all, all_patches)                                                    \
  assert_close (head.values[VTR_STATISTIC_##statistic][VTR_READING_ALL], all);                     \
  assert_close (head.values[VTR_STATISTIC_##statistic][VTR_READING_ALL_PATCHES], all_patches);     \
  g_assert_true (isnan (head.values[VTR_STATISTIC_##statistic][VTR_READING_CLS_PATCHES]))

  /* Without its prefix the row of patch 1 is nothing, and counts as uniform. */
  ASSERT (ENTROPY, (1.0 + LN_2 / LN_5) / 5.0, 2.0 / 5.0, 1.0, 1.0);
  ASSERT (SUPPORT, (5.0 + 1 + 1 + 2 + 1) / 5.0, (4.0 + 1 + 4 + 1 + 1) / 5.0, 5.0, 4.0);
  ASSERT (MAXIMUM, (0.2 + 1 + 1 + 0.5 + 1) / 5.0, (0.25 + 1 + 0.25 + 1 + 1) / 5.0, 0.2, 0.25);
  ASSERT (PARTICIPATION, (5.0 + 1 + 1 + 2 + 1) / 5.0, (4.0 + 1 + 4 + 1 + 1) / 5.0, 5.0, 4.0);
  ASSERT (HOYER, (0.0 + 3.0 + (sqrt (5.0) - ROOT_2) / (sqrt (5.0) - 1.0)) / 5.0, 3.0 / 5.0, 0.0,
          0.0);
  ASSERT_ALL (UNIFORM_ROWS, 1.0 / 5.0, 2.0 / 5.0);
  ASSERT_ALL (COLLAPSED_ROWS, 3.0 / 5.0, 3.0 / 5.0);
  ASSERT_ALL (SELF_MASS, 1.2 / 5.0, 1.25 / 4.0);
  ASSERT_ALL (NEIGHBOUR_MASS, 1.5 / 4.0, 2.75 / 4.0);
  ASSERT_ALL (DISTANCE, (0.5 + ROOT_2) * 4.0, (0.5 + ROOT_2 / 4.0 + 1.0 + ROOT_2) * 4.0);
  assert_close (head.values[VTR_STATISTIC_CLS_MASS][VTR_READING_ALL], 1.7 / 5.0);
  assert_close (head.values[VTR_STATISTIC_CLS_MASS][VTR_READING_CLS], 0.2);
  g_assert_true (isnan (head.values[VTR_STATISTIC_CLS_MASS][VTR_READING_ALL_PATCHES]));
  assert_close (head.values[VTR_STATISTIC_REGISTER_MASS][VTR_READING_ALL], 0.0);
}

/* Without CLS the first prefix token is a register like the others. */
static void
test_without_cls (void)
{
  const VtrTokenGrid grid = { 5, 1, FALSE, 2, 2 };
  VtrHeadStatistics head;

  vtr_head_statistics_init (&head);
  vtr_head_statistics_take_sums (&head, &grid, 16.0, small_sums[0]);
  assert_close (head.values[VTR_STATISTIC_REGISTER_MASS][VTR_READING_ALL], 1.7 / 5.0);
  for (guint i = 0; i < VTR_N_STATISTICS; i++)
    g_assert_true (isnan (head.values[i][VTR_READING_CLS]) &&
                   isnan (head.values[i][VTR_READING_CLS_PATCHES]));
  g_assert_true (isnan (head.values[VTR_STATISTIC_CLS_MASS][VTR_READING_ALL]));
}

static void
test_columns (void)
{
  static const float columns[] = { 0.5f, 0.1f, 0.25f, 0.05f, 0.1f };
  static const float cls_row[] = { 0.1f, 0.2f, 0.3f, 0.4f, 0.0f };
  static const gboolean artifacts[] = { FALSE, TRUE, FALSE, TRUE };
  VtrHeadStatistics head;
  const double *mass = head.values[VTR_STATISTIC_ARTIFACT_MASS];

  vtr_head_statistics_init (&head);
  vtr_head_statistics_take_columns (&head, &small_grid, columns);
  assert_close (head.values[VTR_STATISTIC_SINK][VTR_READING_ALL], 0.5);
  vtr_head_statistics_take_artifacts (&head, &small_grid, artifacts, columns, cls_row);
  assert_close (mass[VTR_READING_ALL], 0.35);
  assert_close (mass[VTR_READING_CLS], 0.3);
  g_assert_true (isnan (mass[VTR_READING_ALL_PATCHES]));
}

static void
test_gini (void)
{
  static const float rising[] = { 3, 1, 4, 2 }, one[] = { 0, 0, 7, 0 }, none[] = { 0, 0, 0, 0 };
  static const float alike[] = { 2, 2, 2, 2 };
  static const float eleven[] = { 1, 0, 0, 5, 0, 0, 0, 2, 1, 1, 0 };

  assert_close (vtr_gini (rising, 4), 0.25);
  assert_close (vtr_gini (one, 4), 0.75);
  assert_close (vtr_gini (alike, 4), 0.0);
  assert_close (vtr_gini (none, 4), 0.0);
  assert_close (vtr_top_mass (eleven, 10), 0.5);        /* 1 of 10 */
  assert_close (vtr_top_mass (eleven, 11), 7.0 / 10.0); /* 2 of 11 */
  assert_close (vtr_top_mass (none, 4), 0.25);
}

static void
test_cls_row (void)
{
  static const float row[] = { 0.6f, 0.1f, 0.1f, 0.1f, 0.1f };
  VtrHeadStatistics head;

  vtr_head_statistics_init (&head);
  vtr_head_statistics_take_cls (&head, &small_grid, row);
  assert_close (head.values[VTR_STATISTIC_GINI][VTR_READING_CLS], 0.4);
  assert_close (head.values[VTR_STATISTIC_GINI][VTR_READING_CLS_PATCHES], 0.0);
  assert_close (head.values[VTR_STATISTIC_TOP_MASS][VTR_READING_CLS], 0.6);
  assert_close (head.values[VTR_STATISTIC_TOP_MASS][VTR_READING_CLS_PATCHES], 0.25);
}

/* ---- rows seen from their queries ---- */

#define EDGE 5
static const VtrTokenGrid square_grid = { EDGE * EDGE + 1, 1, TRUE, EDGE, EDGE };

/* Rows of all patches but those of the last column, made by @weigh of offset down and right; a
 * tenth goes to CLS. */
static double
positional_of (double (*weigh) (guint query, int down, int right))
{
  g_autofree float *rows = g_new0 (float, EDGE *EDGE *square_grid.n_tokens);
  guint32 queries[EDGE * EDGE];
  guint n = 0;

  for (guint query = 0; query < EDGE * EDGE; query++)
    {
      float *row = rows + n * square_grid.n_tokens;
      double sum = 0.0;

      if (query % EDGE == EDGE - 1)
        continue;
      for (guint key = 0; key < EDGE * EDGE; key++)
        {
          const int down = (int) (key / EDGE) - (int) (query / EDGE);
          const int right = (int) (key % EDGE) - (int) (query % EDGE);

          row[1 + key] = (float) weigh (query, down, right);
          sum += row[1 + key];
        }
      for (guint key = 0; key < EDGE * EDGE; key++)
        row[1 + key] *= 0.9f / (float) sum;
      row[0] = 0.1f;
      queries[n++] = query;
    }
  return vtr_positional (&square_grid, rows, queries, n);
}

static double
weigh_right (guint query G_GNUC_UNUSED, int down, int right)
{
  return down == 0 && right == 1;
}

static double
weigh_alike (guint query G_GNUC_UNUSED, int down G_GNUC_UNUSED, int right G_GNUC_UNUSED)
{
  return 1.0;
}

/* All look at patch 0. */
static double
weigh_corner (guint query, int down, int right)
{
  return down == -(int) (query / EDGE) && right == -(int) (query % EDGE);
}

/* Every other row looks to the right, the others down. */
static double
weigh_two (guint query, int down, int right)
{
  const gboolean last = query / EDGE == EDGE - 1;

  return query % 2 == 0 || last ? down == 0 && right == 1 : down == 1 && right == 0;
}

static void
test_positional (void)
{
  const guint32 alone = 12;
  g_autofree float *row = g_new0 (float, square_grid.n_tokens);
  const double two = positional_of (weigh_two);

  assert_close (positional_of (weigh_right), 1.0);
  assert_close (positional_of (weigh_alike), 1.0);
  assert_close (positional_of (weigh_corner), 0.0);
  g_assert_cmpfloat (two, >, 0.3);
  g_assert_cmpfloat (two, <, 0.7);
  g_assert_true (isnan (vtr_positional (&square_grid, row, &alone, 1)));
}

static void
test_sample (void)
{
  VtrTokenGrid grid = { 14 * 14, 0, FALSE, 14, 14 };
  guint32 patches[64];
  gboolean columns[14] = { FALSE };

  const guint n = vtr_token_grid_sample (&grid, 31, patches);
  g_assert_cmpuint (n, ==, 30); /* 5 × 6 */
  for (guint i = 0; i < n; i++)
    {
      g_assert_cmpuint (patches[i], <, 14 * 14);
      g_assert_true (i == 0 || patches[i] > patches[i - 1]);
      columns[patches[i] % 14] = TRUE;
    }
  g_assert_true (columns[1] && columns[12]);
  g_assert_cmpuint (vtr_token_grid_sample (&grid, 1, patches), ==, 1);
  g_assert_cmpuint (patches[0], ==, 7 * 14 + 7);
  g_assert_cmpuint (vtr_token_grid_sample (&grid, 0, patches), ==, 0);
  grid = (VtrTokenGrid){ 100, 0, FALSE, 1, 100 };
  g_assert_cmpuint (vtr_token_grid_sample (&grid, 31, patches), ==, 31);
  grid = (VtrTokenGrid){ 62, 0, FALSE, 2, 31 };
  g_assert_cmpuint (vtr_token_grid_sample (&grid, 62, patches), ==, 62);
  g_assert_cmpuint (patches[61], ==, 61);
}

/* ---- tokens ---- */

/* @n norms about 1, of which the last @n_high are about @high: 5 % up and down. */
static guint
count_artifacts (guint n, guint n_high, float high, double *threshold)
{
  g_autofree float *norms = g_new (float, n);
  g_autofree gboolean *artifacts = g_new (gboolean, n);
  guint n_artifacts = 0;

  for (guint i = 0; i < n; i++)
    norms[i] = (i + n_high >= n ? high : 1.0f) * (i % 2 == 0 ? 1.05f : 0.95f);
  *threshold = vtr_find_artifacts (norms, n, artifacts);
  for (guint i = 0; i < n; i++)
    {
      g_assert_true (!artifacts[i] || i + n_high >= n);
      n_artifacts += artifacts[i];
    }
  return n_artifacts;
}

static void
test_artifacts (void)
{
  static const float alike[] = { 2, 2, 2 };
  gboolean artifacts[3];
  double threshold;

  g_assert_cmpuint (count_artifacts (40, 2, 10.0f, &threshold), ==, 2);
  assert_close (threshold, sqrt (1.05 * 9.5)); /* between 1.05 and 9.5, by logarithms */
  g_assert_cmpuint (count_artifacts (40, 3, 10.0f, &threshold), ==, 3);
  /* A tenth of all, and less than three times as large. */
  g_assert_cmpuint (count_artifacts (40, 4, 10.0f, &threshold), ==, 0);
  g_assert_true (isinf (threshold));
  g_assert_cmpuint (count_artifacts (40, 2, 2.9f, &threshold), ==, 0);
  g_assert_cmpuint (count_artifacts (40, 2, 3.1f, &threshold), ==, 2);
  g_assert_cmpuint (count_artifacts (40, 0, 1.0f, &threshold), ==, 0);
  g_assert_true (isinf (vtr_find_artifacts (alike, 3, artifacts)));
  g_assert_true (isinf (vtr_find_artifacts (alike, 1, artifacts)));
  g_assert_false (artifacts[0]);
}

static void
take_tokens (const float *tokens, const float *before, double *values)
{
  const VtrTokenGrid grid = { 3, 1, TRUE, 1, 2 };
  float norms[3];

  vtr_token_norms (tokens, 3, 2, norms);
  vtr_token_statistics (&grid, tokens, before, norms, 2, values);
}

static void
test_tokens (void)
{
  static const float upright[] = { 100, 100, 3, 0, 0, 4 }, alike[] = { 0, 9, 3, 4, 3, 4 };
  static const float zeros[6] = { 0 }, opposed[] = { 0, 9, 3, 4, -6, -8 };
  double values[VTR_N_TOKEN_STATISTICS];

  take_tokens (upright, zeros, values);
  assert_close (values[VTR_TOKEN_NORM], 3.5);
  assert_close (values[VTR_TOKEN_NORM_MAXIMUM], 4.0);
  assert_close (values[VTR_TOKEN_COSINE], 0.0);
  assert_close (values[VTR_TOKEN_RESIDUAL], sqrt (0.5));
  assert_close (values[VTR_TOKEN_UPDATE], 1.0);
  assert_close (values[VTR_TOKEN_ARTIFACTS], 0.0);
  g_assert_true (isnan (values[VTR_TOKEN_CHANGE]));
  take_tokens (alike, alike, values);
  assert_close (values[VTR_TOKEN_COSINE], 1.0);
  assert_close (values[VTR_TOKEN_RESIDUAL], 0.0);
  assert_close (values[VTR_TOKEN_UPDATE], 0.0);
  take_tokens (opposed, alike, values);
  assert_close (values[VTR_TOKEN_COSINE], -1.0);
  assert_close (values[VTR_TOKEN_UPDATE], sqrt ((81.0 + 144.0) / (81.0 + 25.0 + 100.0)));
}

/* ---- pairs of heads ---- */

static double
divergence_of (const float *p, const float *q, guint n)
{
  return vtr_divergence (p, vtr_sum_p_log2_p (p, n), q, vtr_sum_p_log2_p (q, n), n);
}

static double
p_log2_p (double p)
{
  return p > 0.0 ? p * log2 (p) : 0.0;
}

/* Two random rows of @n, some of their entries 0 or next to it. */
static void
check_divergence (GRand *rand, guint n)
{
  g_autofree float *p = g_new (float, n);
  g_autofree float *q = g_new (float, n);
  double p_sum = 0.0, q_sum = 0.0, expected = 0.0;

  for (guint i = 0; i < n; i++)
    {
      p[i] = (float) exp (g_rand_double_range (rand, -20.0, 0.0));
      q[i] = i % 5 == 0 ? 0.0f : i % 5 == 1 ? 1e-42f : (float) g_rand_double (rand);
      p_sum += p[i];
      q_sum += q[i];
    }
  for (guint i = 0; i < n; i++)
    {
      p[i] = (float) (p[i] / p_sum);
      q[i] = (float) (q[i] / q_sum);
      expected += (p_log2_p (p[i]) + p_log2_p (q[i])) / 2 - p_log2_p (((double) p[i] + q[i]) / 2);
    }
  assert_close (divergence_of (p, q, n), expected);
  assert_close (divergence_of (q, p, n), expected);
  g_assert_cmpfloat (divergence_of (p, p, n), ==, 0.0);
}

static void
test_divergence (void)
{
  static const float left[] = { 1, 0 }, right[] = { 0, 1 }, both[] = { 0.5f, 0.5f };
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);

  g_assert_cmpfloat (divergence_of (left, right, 2), ==, 1.0);
  g_assert_cmpfloat (divergence_of (both, both, 2), ==, 0.0);
  assert_close (divergence_of (both, left, 2), 0.31127812445913283);
  for (guint n = 3; n < 1500; n = n * 3 / 2)
    check_divergence (rand, n);
}

#define N_VECTORS 7
#define WIDTH 5

/* HSIC₁ of Gram matrices, as Song et al. (2012, eq. 5) have it. */
static double
hsic (const float *x, const float *y)
{
  const double n = N_VECTORS;
  double k[N_VECTORS][N_VECTORS] = { { 0 } }, l[N_VECTORS][N_VECTORS] = { { 0 } };
  double trace = 0.0, k_sum = 0.0, l_sum = 0.0, both = 0.0;

  for (guint i = 0; i < N_VECTORS; i++)
    for (guint j = 0; j < N_VECTORS; j++)
      for (guint c = 0; c < WIDTH && i != j; c++)
        {
          k[i][j] += (double) x[i * WIDTH + c] * x[j * WIDTH + c];
          l[i][j] += (double) y[i * WIDTH + c] * y[j * WIDTH + c];
        }
  for (guint i = 0; i < N_VECTORS; i++)
    {
      double k_row = 0.0, l_row = 0.0;

      for (guint j = 0; j < N_VECTORS; j++)
        {
          trace += k[i][j] * l[j][i];
          k_row += k[i][j];
          l_row += l[i][j];
        }
      k_sum += k_row;
      l_sum += l_row;
      both += k_row * l_row;
    }
  return (trace + k_sum * l_sum / ((n - 1) * (n - 2)) - 2 / (n - 2) * both) / (n * (n - 3));
}

static double
cka_of (const float *x, const float *y)
{
  g_autofree float *k = g_new (float, vtr_gram_size (N_VECTORS));
  g_autofree float *l = g_new (float, vtr_gram_size (N_VECTORS));

  vtr_gram_init (k, x, WIDTH, N_VECTORS, WIDTH);
  vtr_gram_init (l, y, WIDTH, N_VECTORS, WIDTH);
  return vtr_gram_product (k, l, vtr_gram_size (N_VECTORS));
}

static void
test_cka (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);
  float x[N_VECTORS * WIDTH], y[N_VECTORS * WIDTH], turned[N_VECTORS * WIDTH];
  float alike[N_VECTORS * WIDTH];

  for (guint i = 0; i < N_VECTORS * WIDTH; i++)
    {
      x[i] = (float) g_rand_double_range (rand, -1, 1) + 2.0f;
      y[i] = (float) g_rand_double_range (rand, -1, 1) + 0.5f * x[i];
      alike[i] = (float) (i % WIDTH);
    }
  assert_close (cka_of (x, y), hsic (x, y) / sqrt (hsic (x, x) * hsic (y, y)));
  /* Columns in another order, signs and scale change nothing, nor does what all have in common. */
  for (guint i = 0; i < N_VECTORS; i++)
    for (guint c = 0; c < WIDTH; c++)
      turned[i * WIDTH + c] = -3.0f * x[i * WIDTH + (c + 2) % WIDTH];
  assert_close (cka_of (x, turned), 1.0);
  g_assert_true (isnan (cka_of (x, alike)));
}

/* ---- names ---- */

static void
check_info (GHashTable *names, const VtrStatisticInfo *info)
{
  g_assert_true (g_hash_table_add (names, (gpointer) info->name));
  g_assert_true (info->title[0] != '\0' && g_str_has_suffix (info->summary, "."));
}

static void
test_names (void)
{
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < VTR_N_STATISTICS; i++)
    {
      check_info (names, vtr_statistic_get_info (i));
      g_assert_cmpuint (vtr_statistic_get_info (i)->readings, !=, 0);
    }
  for (guint i = 0; i < VTR_N_TOKEN_STATISTICS; i++)
    check_info (names, vtr_token_statistic_get_info (i));
  g_assert_cmpstr (vtr_reading_get_name (VTR_READING_CLS_PATCHES), ==, "cls-patches");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/observation/sums", test_sums);
  g_test_add_func ("/observation/without-cls", test_without_cls);
  g_test_add_func ("/observation/columns", test_columns);
  g_test_add_func ("/observation/gini", test_gini);
  g_test_add_func ("/observation/cls-row", test_cls_row);
  g_test_add_func ("/observation/positional", test_positional);
  g_test_add_func ("/observation/sample", test_sample);
  g_test_add_func ("/observation/artifacts", test_artifacts);
  g_test_add_func ("/observation/tokens", test_tokens);
  g_test_add_func ("/observation/divergence", test_divergence);
  g_test_add_func ("/observation/cka", test_cka);
  g_test_add_func ("/observation/names", test_names);
  return g_test_run ();
}
