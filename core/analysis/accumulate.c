/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * VtrAnalysis: observations of many pictures added up.
 *
 * All numbers of a picture stand in one row of cells: statistic by statistic and reading by reading
 * [n_layers][n_heads]; then the relatives, likewise; then those of tokens [n_layers]; then means
 * and deviations of the pixels, [3] each.
 */
#include "analysis/analysis.h"

#include <math.h>

#define N_PIXEL_CELLS 6

/* Where the cells of a kind of numbers begin. */
typedef struct
{
  gsize relatives;
  gsize tokens;
  gsize pixels;
  gsize end;
} Layout;

static gsize
count_series (void)
{
  gsize n = 0;

  for (guint i = 0; i < VTR_N_STATISTICS; i++)
    for (guint k = 0; k < VTR_N_READINGS; k++)
      n += vtr_statistic_get_info (i)->readings >> k & 1;
  return n;
}

static Layout
layout_of (guint n_layers, guint n_heads)
{
  const gsize heads = (gsize) n_layers * n_heads;
  Layout self;

  self.relatives = count_series () * heads;
  self.tokens = self.relatives + VTR_N_RELATIVES * heads;
  self.pixels = self.tokens + (gsize) VTR_N_TOKEN_STATISTICS * n_layers;
  self.end = self.pixels + N_PIXEL_CELLS;
  return self;
}

/* Which of the series [n_layers][n_heads] it is. */
static gsize
find_series (VtrStatistic statistic, VtrReading reading)
{
  gsize n = 0;

  for (guint i = 0; i <= statistic; i++)
    for (guint k = 0; k < (i < statistic ? VTR_N_READINGS : (guint) reading); k++)
      n += vtr_statistic_get_info (i)->readings >> k & 1;
  return n;
}

/* Where the pair of heads a < b stands, each layer·n_heads + head. */
static gsize
find_pair (gsize a, gsize b)
{
  return b * (b - 1) / 2 + a;
}

VtrAnalysis *
vtr_analysis_new (VtrModel *model, double temperature)
{
  g_return_val_if_fail (model != NULL, NULL);
  g_return_val_if_fail (temperature > 0.0, NULL);

  VtrAnalysis *self = g_new0 (VtrAnalysis, 1);

  self->model = g_object_ref (model);
  self->temperature = temperature;
  self->n_layers = vtr_model_get_n_layers (model);
  self->n_heads = vtr_model_get_n_heads (model);
  const gsize heads = (gsize) self->n_layers * self->n_heads;
  self->n_cells = (guint) layout_of (self->n_layers, self->n_heads).end;
  self->running = g_new0 (VtrRunning, self->n_cells);
  self->kept = g_new0 (float, (gsize) VTR_ANALYSIS_N_KEPT * self->n_cells);
  self->n_pairs = heads * (heads - 1) / 2;
  self->divergences = g_new0 (VtrRunning, self->n_pairs);
  self->ckas = g_new0 (VtrRunning, self->n_pairs);
  self->marked = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->examples = g_ptr_array_new_with_free_func ((GDestroyNotify) vtr_observation_unref);
  return self;
}

void
vtr_analysis_free (VtrAnalysis *self)
{
  if (self == NULL)
    return;
  g_object_unref (self->model);
  g_free (self->running);
  g_free (self->kept);
  g_free (self->divergences);
  g_free (self->ckas);
  g_hash_table_unref (self->marked);
  g_ptr_array_unref (self->examples);
  g_free (self);
}

/* ---- one picture ---- */

double
vtr_uniform_distance (guint n_rows, guint n_columns)
{
  const double n = (double) n_rows * n_columns;
  double sum = 0.0;

  /* Each difference of rows and columns as often as there are pairs with it. */
  for (guint dy = 0; dy < n_rows; dy++)
    for (guint dx = 0; dx < n_columns; dx++)
      sum += (double) (n_rows - dy) * (n_columns - dx) * (dy > 0 ? 2 : 1) * (dx > 0 ? 2 : 1) *
             sqrt ((double) dy * dy + (double) dx * dx);
  return sum / (n * n);
}

static void
read_heads (const VtrAnalysis *self, const VtrObservation *observation, double *cells)
{
  for (guint i = 0; i < VTR_N_STATISTICS; i++)
    for (guint k = 0; k < VTR_N_READINGS; k++)
      for (guint cell = 0;
           vtr_statistic_get_info (i)->readings >> k & 1 && cell < self->n_layers * self->n_heads;
           cell++)
        *cells++ =
            vtr_observation_get (observation, i, k, cell / self->n_heads, cell % self->n_heads);
}

static void
read_relatives (const VtrAnalysis *self, const VtrObservation *observation, double *cells)
{
  const VtrInput *input = vtr_observation_get_input (observation);
  const guint n_rows = vtr_input_get_n_rows (input), n_columns = vtr_input_get_n_columns (input);
  const guint n_cells = self->n_layers * self->n_heads;
  const double uniform =
      vtr_uniform_distance (n_rows, n_columns) * vtr_model_get_patch_size (self->model);

  for (guint cell = 0; cell < n_cells; cell++)
    {
      const guint layer = cell / self->n_heads, head = cell % self->n_heads;

      cells[VTR_RELATIVE_DISTANCE * n_cells + cell] =
          vtr_observation_get (observation, VTR_STATISTIC_DISTANCE, VTR_READING_ALL_PATCHES, layer,
                               head) /
          uniform;
      cells[VTR_RELATIVE_SUPPORT * n_cells + cell] =
          vtr_observation_get (observation, VTR_STATISTIC_SUPPORT, VTR_READING_ALL_PATCHES, layer,
                               head) /
          ((double) n_rows * n_columns);
    }
}

static void
read_tokens (const VtrAnalysis *self, const VtrObservation *observation, double *cells)
{
  for (guint i = 0; i < VTR_N_TOKEN_STATISTICS; i++)
    for (guint layer = 0; layer < self->n_layers; layer++)
      *cells++ = vtr_observation_get_of_tokens (observation, i, layer);
}

static void
read_pixels (const VtrObservation *observation, double *cells)
{
  guint width, height;
  const float *pixels =
      vtr_input_get_pixels (vtr_observation_get_input (observation), &width, &height);
  const gsize n = (gsize) width * height;

  for (guint channel = 0; channel < 3; channel++)
    {
      double sum = 0.0, squares = 0.0;

      for (gsize i = 0; i < n; i++)
        sum += pixels[channel * n + i];
      for (gsize i = 0; i < n; i++)
        squares += (pixels[channel * n + i] - sum / n) * (pixels[channel * n + i] - sum / n);
      cells[channel] = sum / n;
      cells[3 + channel] = sqrt (squares / n);
    }
}

static void
count (VtrRunning *running, double value)
{
  if (!isnan (value))
    vtr_running_add (running, value);
}

static void
add_pairs (VtrAnalysis *self, const VtrObservation *observation)
{
  const guint h = self->n_heads;

  for (guint b = 1; b < self->n_layers * h; b++)
    for (guint a = 0; a < b; a++)
      {
        double divergence, cka;

        vtr_observation_get_similarity (observation, a / h, a % h, b / h, b % h, &divergence, &cka);
        count (&self->divergences[find_pair (a, b)], divergence);
        count (&self->ckas[find_pair (a, b)], cka);
      }
}

/* ---- many ---- */

/* A place 0..n for the n-th picture that all are as likely to get (Vitter 1985, algorithm R), the
 * same for each n: what is known must not depend on luck.  The mixer is splitmix64's. */
static guint
draw_place (guint n)
{
  guint64 z = (n + G_GUINT64_CONSTANT (1)) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  z ^= z >> 31;
  return (guint) (z % ((guint64) n + 1));
}

static void
keep (VtrAnalysis *self, const double *cells)
{
  const guint place =
      self->n_pictures < VTR_ANALYSIS_N_KEPT ? self->n_pictures : draw_place (self->n_pictures);

  for (guint i = 0; place < VTR_ANALYSIS_N_KEPT && i < self->n_cells; i++)
    self->kept[(gsize) place * self->n_cells + i] = (float) cells[i];
}

void
vtr_analysis_add (VtrAnalysis *self, const VtrObservation *observation)
{
  g_return_if_fail (self != NULL && observation != NULL);
  g_return_if_fail (vtr_observation_get_n_layers (observation) == self->n_layers);
  g_return_if_fail (vtr_observation_get_n_heads (observation) == self->n_heads);

  const Layout layout = layout_of (self->n_layers, self->n_heads);
  g_autofree double *cells = g_new (double, self->n_cells);

  read_heads (self, observation, cells);
  read_relatives (self, observation, cells + layout.relatives);
  read_tokens (self, observation, cells + layout.tokens);
  read_pixels (observation, cells + layout.pixels);
  for (guint i = 0; i < self->n_cells; i++)
    count (&self->running[i], cells[i]);
  add_pairs (self, observation);
  keep (self, cells);
  if (self->examples->len < VTR_REPORT_N_EXAMPLES)
    g_ptr_array_add (self->examples, vtr_observation_ref ((VtrObservation *) observation));
  self->n_pictures++;
}

void
vtr_analysis_mark (VtrAnalysis *self, const char *id)
{
  g_return_if_fail (self != NULL && id != NULL);

  g_hash_table_add (self->marked, g_strdup (id));
}

gboolean
vtr_analysis_is_marked (const VtrAnalysis *self, const char *id)
{
  g_return_val_if_fail (self != NULL && id != NULL, FALSE);

  return g_hash_table_contains (self->marked, id);
}

/* ---- what is known ---- */

static int
compare_values (gconstpointer a, gconstpointer b)
{
  const double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* Of @n values ascending, the one below which @share of them lie. */
static double
find_percentile (const double *values, guint n, double share)
{
  const double place = share * (n - 1);
  const guint below = (guint) place;

  if (below + 1 >= n)
    return values[n - 1];
  return values[below] + (place - below) * (values[below + 1] - values[below]);
}

static double
mean_of (const VtrRunning *running)
{
  return running->n > 0 ? running->mean : NAN;
}

static VtrDistribution
describe_cell (const VtrAnalysis *self, gsize cell)
{
  static const double shares[] = { 0.05, 0.25, 0.5, 0.75, 0.95 };
  const VtrRunning *running = &self->running[cell];
  VtrDistribution distribution = { running->n, NAN, NAN, { NAN, NAN, NAN, NAN, NAN } };
  double values[VTR_ANALYSIS_N_KEPT];
  guint n = 0;

  for (guint i = 0; i < MIN (self->n_pictures, VTR_ANALYSIS_N_KEPT); i++)
    if (!isnan (self->kept[(gsize) i * self->n_cells + cell]))
      values[n++] = self->kept[(gsize) i * self->n_cells + cell];
  distribution.mean = mean_of (running);
  if (running->n > 1)
    distribution.deviation = sqrt (running->squares / (running->n - 1));
  qsort (values, n, sizeof *values, compare_values);
  for (guint i = 0; n > 0 && i < G_N_ELEMENTS (shares); i++)
    distribution.percentiles[i] = find_percentile (values, n, shares[i]);
  return distribution;
}

/* Of a statistic that there is in that reading. */
static gsize
find_cell (const VtrAnalysis *self,
           VtrStatistic statistic,
           VtrReading reading,
           guint layer,
           guint head)
{
  const gsize row = find_series (statistic, reading) * self->n_layers + layer;

  return row * self->n_heads + head;
}

static gboolean
exists (VtrStatistic statistic, VtrReading reading)
{
  return (vtr_statistic_get_info (statistic)->readings >> reading & 1) != 0;
}

double
vtr_analysis_get_mean (const VtrAnalysis *self,
                       VtrStatistic statistic,
                       VtrReading reading,
                       guint layer,
                       guint head)
{
  if (!exists (statistic, reading))
    return NAN;
  return mean_of (&self->running[find_cell (self, statistic, reading, layer, head)]);
}

VtrDistribution
vtr_analysis_get (const VtrAnalysis *self,
                  VtrStatistic statistic,
                  VtrReading reading,
                  guint layer,
                  guint head)
{
  static const VtrDistribution none = { 0, NAN, NAN, { NAN, NAN, NAN, NAN, NAN } };

  g_return_val_if_fail (self != NULL && (guint) reading < VTR_N_READINGS, none);
  g_return_val_if_fail ((guint) statistic < VTR_N_STATISTICS, none);
  g_return_val_if_fail (layer < self->n_layers && head < self->n_heads, none);

  if (!exists (statistic, reading))
    return none;
  return describe_cell (self, find_cell (self, statistic, reading, layer, head));
}

VtrDistribution
vtr_analysis_get_of_tokens (const VtrAnalysis *self, VtrTokenStatistic statistic, guint layer)
{
  const VtrDistribution none = { 0, NAN, NAN, { NAN, NAN, NAN, NAN, NAN } };

  g_return_val_if_fail (self != NULL && (guint) statistic < VTR_N_TOKEN_STATISTICS, none);
  g_return_val_if_fail (layer < self->n_layers, none);

  return describe_cell (self, layout_of (self->n_layers, self->n_heads).tokens +
                                  (gsize) statistic * self->n_layers + layer);
}

VtrDistribution
vtr_analysis_get_pixel_mean (const VtrAnalysis *self, guint channel)
{
  return describe_cell (self, layout_of (self->n_layers, self->n_heads).pixels + channel);
}

VtrDistribution
vtr_analysis_get_pixel_deviation (const VtrAnalysis *self, guint channel)
{
  return describe_cell (self, layout_of (self->n_layers, self->n_heads).pixels + 3 + channel);
}

guint
vtr_analysis_get_n_heads_in (const VtrAnalysis *self, guint layer)
{
  guint n = 0;

  while (n < self->n_heads &&
         !isnan (vtr_analysis_get_mean (self, VTR_STATISTIC_ENTROPY, VTR_READING_ALL, layer, n)))
    n++;
  return n;
}

double
vtr_analysis_get_relative (const VtrAnalysis *self, VtrRelative which, guint layer, guint head)
{
  const gsize cell = ((gsize) which * self->n_layers + layer) * self->n_heads + head;

  return mean_of (&self->running[layout_of (self->n_layers, self->n_heads).relatives + cell]);
}

void
vtr_analysis_get_similarity (const VtrAnalysis *self,
                             guint layer_a,
                             guint head_a,
                             guint layer_b,
                             guint head_b,
                             double *divergence,
                             double *cka)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (layer_a < self->n_layers && layer_b < self->n_layers);
  g_return_if_fail (head_a < self->n_heads && head_b < self->n_heads);

  const gsize a = (gsize) layer_a * self->n_heads + head_a;
  const gsize b = (gsize) layer_b * self->n_heads + head_b;
  const VtrRunning same[] = { { .n = 1, .mean = 0.0 }, { .n = 1, .mean = 1.0 } };
  const gsize pair = find_pair (MIN (a, b), MAX (a, b));

  if (divergence != NULL)
    *divergence = mean_of (a == b ? &same[0] : &self->divergences[pair]);
  if (cka != NULL)
    *cka = mean_of (a == b ? &same[1] : &self->ckas[pair]);
}

VtrModel *
vtr_analysis_get_model (const VtrAnalysis *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->model;
}

double
vtr_analysis_get_temperature (const VtrAnalysis *self)
{
  g_return_val_if_fail (self != NULL, NAN);

  return self->temperature;
}

guint
vtr_analysis_get_n_pictures (const VtrAnalysis *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->n_pictures;
}

guint
vtr_analysis_get_n_layers (const VtrAnalysis *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->n_layers;
}

guint
vtr_analysis_get_n_heads (const VtrAnalysis *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->n_heads;
}
