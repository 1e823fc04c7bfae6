/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Rows of attention → numbers of a head. */
#include "analysis/observation.h"

#include <math.h>
#include <string.h>

/* Rows whose entropy, 0..1, is beyond these are uniform, or collapsed. */
#define UNIFORM_ENTROPY 0.98
#define COLLAPSED_ENTROPY 0.02

/* Of top mass: of the keys. */
#define TOP_SHARE_OF 10

void
vtr_head_statistics_init (VtrHeadStatistics *self)
{
  for (guint i = 0; i < VTR_N_STATISTICS; i++)
    for (guint k = 0; k < VTR_N_READINGS; k++)
      self->values[i][k] = NAN;
}

/* ---- a row, as its sums tell ---- */

/* Over all keys, or over the patches and then divided by their mass. */
typedef struct
{
  guint n;        /* keys */
  double entropy; /* nats */
  double squares;
  double maximum;
} Row;

static Row
row_of_all (const VtrTokenGrid *grid, const float *sums)
{
  return (Row){ grid->n_tokens, sums[VTR_ROW_ENTROPY], sums[VTR_ROW_SQUARES],
                sums[VTR_ROW_MAXIMUM] };
}

static gboolean
has_patch_mass (const float *sums)
{
  return sums[VTR_ROW_PATCH_MASS] >= VTR_LEAST_PATCH_MASS;
}

static Row
row_of_patches (const VtrTokenGrid *grid, const float *sums)
{
  const guint n = vtr_token_grid_n_patches (grid);
  const double mass = sums[VTR_ROW_PATCH_MASS];

  if (!has_patch_mass (sums))
    return (Row){ n, log (n), 1.0 / n, 1.0 / n };
  return (Row){ n, sums[VTR_ROW_PATCH_ENTROPY] / mass + log (mass),
                sums[VTR_ROW_PATCH_SQUARES] / (mass * mass), sums[VTR_ROW_PATCH_MAXIMUM] / mass };
}

/* 0..1; of a single key nothing can be said. */
static double
normalised_entropy (const Row *row)
{
  return row->n > 1 ? CLAMP (row->entropy / log (row->n), 0.0, 1.0) : NAN;
}

static double
hoyer (const Row *row)
{
  const double root = sqrt (row->n);

  return row->n > 1 ? CLAMP ((root - 1.0 / sqrt (row->squares)) / (root - 1.0), 0.0, 1.0) : NAN;
}

/* Sums over rows. */
typedef struct
{
  guint n;
  double entropy, support, maximum, participation, hoyer, uniform, collapsed;
} Means;

static void
means_add (Means *self, const Row *row)
{
  const double entropy = normalised_entropy (row);

  self->n++;
  self->entropy += entropy;
  self->support += exp (row->entropy);
  self->maximum += row->maximum;
  self->participation += 1.0 / row->squares;
  self->hoyer += hoyer (row);
  self->uniform += entropy > UNIFORM_ENTROPY;
  self->collapsed += entropy < COLLAPSED_ENTROPY;
}

static void
take_means (VtrHeadStatistics *self, const Means *means, VtrReading reading)
{
  const double n = means->n;

  self->values[VTR_STATISTIC_ENTROPY][reading] = means->entropy / n;
  self->values[VTR_STATISTIC_SUPPORT][reading] = means->support / n;
  self->values[VTR_STATISTIC_MAXIMUM][reading] = means->maximum / n;
  self->values[VTR_STATISTIC_PARTICIPATION][reading] = means->participation / n;
  self->values[VTR_STATISTIC_HOYER][reading] = means->hoyer / n;
  if (reading != VTR_READING_ALL && reading != VTR_READING_ALL_PATCHES)
    return;
  self->values[VTR_STATISTIC_UNIFORM_ROWS][reading] = means->uniform / n;
  self->values[VTR_STATISTIC_COLLAPSED_ROWS][reading] = means->collapsed / n;
}

/* ---- what a row gives to certain keys ---- */

/* To CLS, and to the rest of the prefix. */
static double
cls_mass (const VtrTokenGrid *grid, const float *sums)
{
  return grid->has_cls ? sums[VTR_ROW_FIRST_MASS] : NAN;
}

static double
register_mass (const VtrTokenGrid *grid, const float *sums)
{
  return sums[VTR_ROW_OTHER_MASS] + (grid->has_cls ? 0.0 : (double) sums[VTR_ROW_FIRST_MASS]);
}

/* What a patch gives where, of what it gives to patches. */
typedef struct
{
  double self, neighbours, distance;
} Places;

/* Of equal shares for all patches. */
static Places
places_of_uniform (const VtrTokenGrid *grid, guint patch)
{
  const guint n = vtr_token_grid_n_patches (grid);
  Places places = { 1.0 / n, 0.0, 0.0 };

  for (guint k = 0; k < n; k++)
    {
      const int down = (int) (k / grid->n_columns) - (int) (patch / grid->n_columns);
      const int right = (int) (k % grid->n_columns) - (int) (patch % grid->n_columns);

      places.neighbours += k != patch && ABS (down) <= 1 && ABS (right) <= 1 ? 1.0 / n : 0.0;
      places.distance += hypot (down, right) / n;
    }
  return places;
}

static Places
places_of (const VtrTokenGrid *grid, guint patch, const float *sums)
{
  const double mass = sums[VTR_ROW_PATCH_MASS];

  if (!has_patch_mass (sums))
    return places_of_uniform (grid, patch);
  return (Places){ sums[VTR_ROW_SELF_MASS] / mass, sums[VTR_ROW_NEIGHBOUR_MASS] / mass,
                   sums[VTR_ROW_DISTANCE] / mass };
}

static void
take_places (VtrHeadStatistics *self,
             const VtrTokenGrid *grid,
             double patch_size,
             const float *sums)
{
  const guint n_patches = vtr_token_grid_n_patches (grid);
  Places all = { 0 }, patches = { 0 };

  for (guint i = 0; i < grid->n_prefix; i++)
    all.self += sums[i * VTR_N_ROW_SUMS + VTR_ROW_SELF_MASS];
  for (guint patch = 0; patch < n_patches; patch++)
    {
      const float *row = sums + (gsize) (grid->n_prefix + patch) * VTR_N_ROW_SUMS;
      const Places places = places_of (grid, patch, row);

      all.self += row[VTR_ROW_SELF_MASS];
      all.neighbours += row[VTR_ROW_NEIGHBOUR_MASS];
      all.distance += row[VTR_ROW_DISTANCE];
      patches.self += places.self;
      patches.neighbours += places.neighbours;
      patches.distance += places.distance;
    }

  double (*values)[VTR_N_READINGS] = self->values;
  values[VTR_STATISTIC_SELF_MASS][VTR_READING_ALL] = all.self / grid->n_tokens;
  values[VTR_STATISTIC_NEIGHBOUR_MASS][VTR_READING_ALL] = all.neighbours / n_patches;
  values[VTR_STATISTIC_DISTANCE][VTR_READING_ALL] = all.distance * patch_size / n_patches;
  values[VTR_STATISTIC_SELF_MASS][VTR_READING_ALL_PATCHES] = patches.self / n_patches;
  values[VTR_STATISTIC_NEIGHBOUR_MASS][VTR_READING_ALL_PATCHES] = patches.neighbours / n_patches;
  values[VTR_STATISTIC_DISTANCE][VTR_READING_ALL_PATCHES] =
      patches.distance * patch_size / n_patches;
}

/* ---- all of a head ---- */

static void
take_row_of_cls (VtrHeadStatistics *self, const VtrTokenGrid *grid, const float *sums)
{
  const Row all = row_of_all (grid, sums), patches = row_of_patches (grid, sums);
  Means of_all = { 0 }, of_patches = { 0 };

  means_add (&of_all, &all);
  means_add (&of_patches, &patches);
  take_means (self, &of_all, VTR_READING_CLS);
  take_means (self, &of_patches, VTR_READING_CLS_PATCHES);
  self->values[VTR_STATISTIC_CLS_MASS][VTR_READING_CLS] = cls_mass (grid, sums);
  self->values[VTR_STATISTIC_REGISTER_MASS][VTR_READING_CLS] = register_mass (grid, sums);
  self->values[VTR_STATISTIC_SELF_MASS][VTR_READING_CLS] = sums[VTR_ROW_SELF_MASS];
}

void
vtr_head_statistics_take_sums (VtrHeadStatistics *self,
                               const VtrTokenGrid *grid,
                               double patch_size,
                               const float *sums)
{
  const guint n = grid->n_tokens;
  Means all = { 0 }, patches = { 0 };
  double to_cls = 0.0, to_registers = 0.0;

  for (guint i = 0; i < n; i++)
    {
      const float *row = sums + (gsize) i * VTR_N_ROW_SUMS;
      const Row of_all = row_of_all (grid, row), of_patches = row_of_patches (grid, row);

      means_add (&all, &of_all);
      means_add (&patches, &of_patches);
      to_cls += cls_mass (grid, row);
      to_registers += register_mass (grid, row);
    }
  take_means (self, &all, VTR_READING_ALL);
  take_means (self, &patches, VTR_READING_ALL_PATCHES);
  self->values[VTR_STATISTIC_CLS_MASS][VTR_READING_ALL] = to_cls / n;
  self->values[VTR_STATISTIC_REGISTER_MASS][VTR_READING_ALL] = to_registers / n;
  take_places (self, grid, patch_size, sums);
  if (grid->has_cls)
    take_row_of_cls (self, grid, sums);
}

static int
compare_floats (const void *a, const void *b)
{
  const float x = *(const float *) a, y = *(const float *) b;

  return (x > y) - (x < y);
}

static float *
sort (const float *values, guint n)
{
  float *sorted = g_memdup2 (values, n * sizeof *values);

  qsort (sorted, n, sizeof *sorted, compare_floats);
  return sorted;
}

double
vtr_gini (const float *p, guint n)
{
  g_autofree float *sorted = sort (p, n);
  double sum = 0.0, weighted = 0.0;

  for (guint i = 0; i < n; i++)
    {
      sum += sorted[i];
      weighted += (2.0 * (i + 1) - n - 1) * sorted[i];
    }
  return sum > 0.0 ? weighted / (n * sum) : 0.0;
}

double
vtr_top_mass (const float *p, guint n)
{
  const guint n_top = (n + TOP_SHARE_OF - 1) / TOP_SHARE_OF;
  g_autofree float *sorted = sort (p, n);
  double sum = 0.0, top = 0.0;

  for (guint i = 0; i < n; i++)
    {
      sum += sorted[i];
      top += i >= n - n_top ? sorted[i] : 0.0;
    }
  return sum > 0.0 ? top / sum : (double) n_top / n;
}

void
vtr_head_statistics_take_cls (VtrHeadStatistics *self, const VtrTokenGrid *grid, const float *row)
{
  const float *patches = row + grid->n_prefix;
  const guint n = vtr_token_grid_n_patches (grid);

  self->values[VTR_STATISTIC_GINI][VTR_READING_CLS] = vtr_gini (row, grid->n_tokens);
  self->values[VTR_STATISTIC_GINI][VTR_READING_CLS_PATCHES] = vtr_gini (patches, n);
  self->values[VTR_STATISTIC_TOP_MASS][VTR_READING_CLS] = vtr_top_mass (row, grid->n_tokens);
  self->values[VTR_STATISTIC_TOP_MASS][VTR_READING_CLS_PATCHES] = vtr_top_mass (patches, n);
}

void
vtr_head_statistics_take_columns (VtrHeadStatistics *self,
                                  const VtrTokenGrid *grid,
                                  const float *columns)
{
  float sink = 0.0f;

  for (guint i = 0; i < grid->n_tokens; i++)
    sink = MAX (sink, columns[i]);
  self->values[VTR_STATISTIC_SINK][VTR_READING_ALL] = sink;
}

static double
sum_of_marked (const float *values, const gboolean *marks, guint n)
{
  double sum = 0.0;

  for (guint i = 0; i < n; i++)
    sum += marks[i] ? values[i] : 0.0;
  return sum;
}

void
vtr_head_statistics_take_artifacts (VtrHeadStatistics *self,
                                    const VtrTokenGrid *grid,
                                    const gboolean *artifacts,
                                    const float *columns,
                                    const float *cls_row)
{
  const guint n = vtr_token_grid_n_patches (grid);
  double *values = self->values[VTR_STATISTIC_ARTIFACT_MASS];

  values[VTR_READING_ALL] = sum_of_marked (columns + grid->n_prefix, artifacts, n);
  if (cls_row != NULL)
    values[VTR_READING_CLS] = sum_of_marked (cls_row + grid->n_prefix, artifacts, n);
}

/* ---- rows seen from their queries ---- */

/* Sums of rows at each offset from the query, (2·n_rows − 1) × (2·n_columns − 1). */
typedef struct
{
  const VtrTokenGrid *grid;
  double *sums;
  guint *counts; /* of the rows that have a key there */
} Profile;

/* Where patch @key is, seen from patch @query. */
static gsize
offset_of (const VtrTokenGrid *grid, guint query, guint key)
{
  const guint columns = grid->n_columns;
  const guint down = key / columns + grid->n_rows - 1 - query / columns;
  const guint right = key % columns + columns - 1 - query % columns;

  return (gsize) down * (2 * columns - 1) + right;
}

/* Σ p over the patches; 0 where there is too little to divide by. */
static double
patch_mass (const float *patches, guint n)
{
  double sum = 0.0;

  for (guint i = 0; i < n; i++)
    sum += patches[i];
  return sum >= VTR_LEAST_PATCH_MASS ? sum : 0.0;
}

static double
share_of (const float *patches, double mass, guint key, guint n)
{
  return mass > 0.0 ? patches[key] / mass : 1.0 / n;
}

static void
profile_add (Profile *self, guint query, const float *patches)
{
  const guint n = vtr_token_grid_n_patches (self->grid);
  const double mass = patch_mass (patches, n);

  for (guint key = 0; key < n; key++)
    {
      const gsize offset = offset_of (self->grid, query, key);

      self->sums[offset] += share_of (patches, mass, key, n);
      self->counts[offset]++;
    }
}

/* Total variation between a row that was added and the mean of the others; NaN where they know none
 * of its offsets, or the row has nothing at those. */
static double
profile_compare (const Profile *self, guint query, const float *patches)
{
  const guint n = vtr_token_grid_n_patches (self->grid);
  const double mass = patch_mass (patches, n);
  g_autofree double *others = g_new0 (double, n);
  g_autofree double *own = g_new0 (double, n);
  double own_sum = 0.0, sum = 0.0, variation = 0.0;

  for (guint key = 0; key < n; key++)
    {
      const gsize offset = offset_of (self->grid, query, key);

      if (self->counts[offset] < 2)
        continue;
      own[key] = share_of (patches, mass, key, n);
      /* Rounding may leave a little less than nothing. */
      others[key] = MAX (0.0, (self->sums[offset] - own[key]) / (self->counts[offset] - 1));
      own_sum += own[key];
      sum += others[key];
    }
  if (own_sum < VTR_LEAST_PATCH_MASS)
    return NAN;
  if (sum < VTR_LEAST_PATCH_MASS)
    return 1.0;
  for (guint key = 0; key < n; key++)
    variation += fabs (own[key] / own_sum - others[key] / sum);
  return variation / 2;
}

double
vtr_positional (const VtrTokenGrid *grid,
                const float *rows,
                const guint32 *queries,
                guint n_queries)
{
  const gsize n_offsets = ((gsize) 2 * grid->n_rows - 1) * (2 * grid->n_columns - 1);
  g_autofree double *sums = g_new0 (double, n_offsets);
  g_autofree guint *counts = g_new0 (guint, n_offsets);
  Profile profile = { grid, sums, counts };
  double variation = 0.0;
  guint n_compared = 0;

  for (guint i = 0; i < n_queries; i++)
    profile_add (&profile, queries[i], rows + (gsize) i * grid->n_tokens + grid->n_prefix);
  for (guint i = 0; i < n_queries; i++)
    {
      const double one = profile_compare (&profile, queries[i],
                                          rows + (gsize) i * grid->n_tokens + grid->n_prefix);
      if (isnan (one))
        continue;
      variation += one;
      n_compared++;
    }
  return n_compared > 0 ? 1.0 - variation / n_compared : NAN;
}
