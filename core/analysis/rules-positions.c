/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Whether a learned position table is one of a grid: the autocorrelation of its rows. */
#include "analysis/diagnosis.h"

#include <math.h>
#include <string.h>

/* Deviation of the table's rows that says nothing, as a share of an embedded patch. */
#define LEAST_DEVIATION 1e-3

/* How much more alike neighbours must be than distant patches, cosine. */
#define LEAST_CONTRAST 0.1

/* How much better a shifted row must fit, and how much worse a seam, as shares of the contrast of
 * neighbours and distant patches. */
#define SHIFT_GAIN 0.1
#define SEAM_SHARE 0.4

/* The smallest grid that has neighbours and distant patches. */
#define LEAST_EDGE 4

/* Rows of the table less their median, each of length 1 (or 0). */
typedef struct
{
  guint n_rows;
  guint n_columns;
  guint d;
  float *rows;      /* [n_rows][n_columns][d] */
  double deviation; /* root mean square of the rows' distance to their median, of each number */
} Table;

static int
compare_floats (gconstpointer a, gconstpointer b)
{
  const float x = *(const float *) a, y = *(const float *) b;

  return (x > y) - (x < y);
}

/* The median of each number over the rows: a few rows that are far off do not move it. */
static float *
find_middle (const float *rows, gsize n, guint d)
{
  float *middle = g_new (float, d);
  g_autofree float *column = g_new (float, n);

  for (guint i = 0; i < d; i++)
    {
      for (gsize row = 0; row < n; row++)
        column[row] = rows[row * d + i];
      qsort (column, n, sizeof *column, compare_floats);
      middle[i] = column[n / 2];
    }
  return middle;
}

static void
table_init (Table *self, float *rows, guint n_rows, guint n_columns, guint d)
{
  const gsize n = (gsize) n_rows * n_columns;
  g_autofree float *middle = find_middle (rows, n, d);
  double squares = 0.0;

  for (gsize row = 0; row < n; row++)
    {
      double length = 0.0;
      for (guint i = 0; i < d; i++)
        {
          rows[row * d + i] -= middle[i];
          length += (double) rows[row * d + i] * rows[row * d + i];
        }
      squares += length;
      for (guint i = 0; i < d && length > 0.0; i++)
        rows[row * d + i] /= (float) sqrt (length);
    }
  *self = (Table){ n_rows, n_columns, d, rows, sqrt (squares / ((double) n * d)) };
}

static double
cosine (const Table *self, guint row_a, guint column_a, guint row_b, guint column_b)
{
  const float *a = self->rows + ((gsize) row_a * self->n_columns + column_a) * self->d;
  const float *b = self->rows + ((gsize) row_b * self->n_columns + column_b) * self->d;
  double sum = 0.0;

  for (guint i = 0; i < self->d; i++)
    sum += (double) a[i] * b[i];
  return sum;
}

/* Mean cosine of each patch and the one @down rows below and @right columns to the right. */
static double
correlate (const Table *self, guint down, int right)
{
  double sum = 0.0;
  guint n = 0;

  for (guint row = 0; row + down < self->n_rows; row++)
    for (int column = MAX (0, -right);
         column < (int) self->n_columns && column + right < (int) self->n_columns; column++)
      {
        sum += cosine (self, row, (guint) column, row + down, (guint) (column + right));
        n++;
      }
  return n > 0 ? sum / n : NAN;
}

/* Patches half of the picture apart. */
static double
correlate_distant (const Table *self)
{
  const int right = (int) (self->n_columns / 2);
  const guint down = self->n_rows / 2;

  return (correlate (self, down, 0) + correlate (self, 0, right) + correlate (self, down, right) +
          correlate (self, down, -right)) /
         4.0;
}

/* The shift to the right at which rows are most like those above them. */
static int
find_shift (const Table *self, double *best)
{
  const int reach = (int) (self->n_columns / 2);
  int shift = 0;

  *best = correlate (self, 1, 0);
  for (int right = -reach; right <= reach; right++)
    {
      const double fit = correlate (self, 1, right);
      if (fit > *best)
        {
          *best = fit;
          shift = right;
        }
    }
  return shift;
}

/* The two columns side by side that are least alike: the left one. */
static guint
find_seam (const Table *self, double *least)
{
  guint seam = 0;

  *least = INFINITY;
  for (guint column = 0; column + 1 < self->n_columns; column++)
    {
      double sum = 0.0;
      for (guint row = 0; row < self->n_rows; row++)
        sum += cosine (self, row, column, row, column + 1);
      if (sum / self->n_rows < *least)
        {
          *least = sum / self->n_rows;
          seam = column;
        }
    }
  return seam;
}

static void
judge_layout (VtrDiagnosis *diagnosis, const Table *table, double beside, double distant)
{
  const double below = correlate (table, 1, 0);
  const double contrast = MAX (beside, below) - distant;
  double best, least;
  const int shift = find_shift (table, &best);
  const guint seam = find_seam (table, &least);
  VtrSymptom *symptom = NULL;

  if (shift != 0 && best - below > SHIFT_GAIN * (best - distant))
    symptom =
        vtr_diagnosis_tell (diagnosis, VTR_RULE_POSITIONS_MISALIGNED, VTR_SEVERITY_FAULT, -1, -1,
                            "Rows of the position table are most like those above them when "
                            "shifted by %d patches: "
                            "mean cosine %.2f, and %.2f as they are.",
                            shift, best, below);
  else if (least - distant < SEAM_SHARE * (beside - distant) && beside - distant > LEAST_CONTRAST)
    symptom =
        vtr_diagnosis_tell (diagnosis, VTR_RULE_POSITIONS_MISALIGNED, VTR_SEVERITY_FAULT, -1, -1,
                            "Columns %u and %u of the position table are no neighbours: mean "
                            "cosine %.2f, and %.2f of "
                            "all columns side by side.",
                            seam, seam + 1, least, beside);
  if (symptom != NULL)
    {
      symptom->value = shift != 0 ? below : least;
      symptom->low = distant + contrast * (1.0 - SHIFT_GAIN);
    }
}

/* Root mean square of a number of an embedded patch, for pixels of deviation 1. */
static gboolean
measure_patches (VtrModel *model, double *size, GError **error)
{
  const VtrArch *arch = vtr_model_get_arch (model);
  const gsize n = vtr_model_get_weight_size (model, VTR_WEIGHT_PATCH, 0);
  g_autofree float *kernel = g_new (float, n);
  double squares = 0.0;

  if (!vtr_model_read_weight (model, VTR_WEIGHT_PATCH, 0, kernel, error))
    return FALSE;
  for (gsize i = 0; i < n; i++)
    squares += (double) kernel[i] * kernel[i];
  *size = sqrt (squares / arch->hidden_size);
  return TRUE;
}

static void
judge (VtrDiagnosis *diagnosis, const Table *table, double patch)
{
  const double beside = correlate (table, 0, 1);
  const double below = correlate (table, 1, 0);
  const double distant = correlate_distant (table);
  VtrSymptom *symptom;

  if (table->deviation < LEAST_DEVIATION * patch)
    {
      symptom =
          vtr_diagnosis_tell (diagnosis, VTR_RULE_POSITIONS_MISSING, VTR_SEVERITY_FAULT, -1, -1,
                              "Rows of the position table deviate by %.2g from their median, and a "
                              "patch embeds to %.2g.",
                              table->deviation, patch);
      symptom->value = table->deviation;
      symptom->low = LEAST_DEVIATION * patch;
    }
  else if (MAX (beside, below) - distant < LEAST_CONTRAST)
    {
      symptom =
          vtr_diagnosis_tell (diagnosis, VTR_RULE_POSITIONS_SHUFFLED, VTR_SEVERITY_FAULT, -1, -1,
                              "In the position table neighbours in a row have a mean cosine of "
                              "%.2f, in a column of "
                              "%.2f, and patches half a picture apart of %.2f.",
                              beside, below, distant);
      symptom->value = MAX (beside, below) - distant;
      symptom->low = LEAST_CONTRAST;
    }
  else
    judge_layout (diagnosis, table, beside, distant);
}

gboolean
vtr_diagnosis_check_positions (VtrDiagnosis *self, GError **error)
{
  const VtrArch *arch = vtr_model_get_arch (self->model);
  double patch;
  Table table;

  if (arch->positions == VTR_POSITIONS_NONE || arch->grid_rows < LEAST_EDGE ||
      arch->grid_columns < LEAST_EDGE)
    return TRUE;
  g_autofree float *rows =
      vtr_model_make_positions (self->model, arch->grid_rows, arch->grid_columns, error);
  if (rows == NULL || !measure_patches (self->model, &patch, error))
    return FALSE;
  table_init (&table, rows, arch->grid_rows, arch->grid_columns, arch->hidden_size);
  judge (self, &table, patch);
  return TRUE;
}
