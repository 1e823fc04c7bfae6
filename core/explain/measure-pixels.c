/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * Pixels that are deleted, inserted, blackened, in the order of a map.
 *
 * Deletion and insertion are those of RISE (Petsiuk, Das & Saenko 2018): deleted pixels become 0
 * after normalisation, inserted ones replace those of the picture convolved with an 11 × 11
 * Gaussian of σ 5.  Positive and negative perturbation are those of Chefer, Gur & Wolf 2021: black
 * before normalisation, ⌊share·H·W⌋ pixels, shares 0 to 0.9.
 */
#include "explain/score.h"

#include <math.h>
#include <string.h>

/* RISE goes on by one row of pixels of 224; here by as many as take no more steps than this. */
#define MAX_STEPS 56u

#define N_SHARES 10u /* 0, 0.1, ... 0.9 */

#define BLUR_SIZE 11
#define BLUR_SIGMA 5.0
#define BLUR_REACH 20 /* where the Gaussian is cut off: 4 σ */

/* Variant i has the first counts[i] pixels of the order from another picture. */
typedef struct
{
  guint width;
  guint height;
  gsize n_pixels;
  float *from;    /* [3][height][width] */
  float *to;      /* [3][height][width] */
  guint32 *order; /* [n_pixels] */
  gsize *counts;  /* [n variants] */
  guint n;
  guint whole; /* the variant that is the picture */
} Change;

static void
change_clear (Change *self)
{
  g_free (self->from);
  g_free (self->to);
  g_free (self->order);
  g_free (self->counts);
}

static void
make_variant (guint index, float *pixels, gpointer user_data)
{
  const Change *self = user_data;

  memcpy (pixels, self->from, 3 * self->n_pixels * sizeof *pixels);
  for (gsize i = 0; i < self->counts[index]; i++)
    for (gsize channel = 0; channel < 3; channel++)
      {
        const gsize place = channel * self->n_pixels + self->order[i];
        pixels[place] = self->to[place];
      }
}

/* ---- what pixels become ---- */

/* Mirrored at the ends, which count twice: −1 is 0, @size is @size − 1. */
static guint
mirror (int place, int size)
{
  const int period = 2 * size;
  const int inside = ((place % period) + period) % period;

  return (guint) (inside < size ? inside : period - 1 - inside);
}

/*
 * RISE makes its kernel of a single 1 in the middle of 11 × 11 zeros by scipy's gaussian_filter,
 * which mirrors at the edges what reaches beyond.
 */
static void
make_blur (double *kernel)
{
  double sum = 0.0;

  memset (kernel, 0, BLUR_SIZE * sizeof *kernel);
  for (int i = -BLUR_REACH; i <= BLUR_REACH; i++)
    {
      const double weight = exp (-0.5 * i * i / (BLUR_SIGMA * BLUR_SIGMA));

      kernel[mirror (BLUR_SIZE / 2 + i, BLUR_SIZE)] += weight;
      sum += weight;
    }
  for (guint i = 0; i < BLUR_SIZE; i++)
    kernel[i] /= sum;
}

/* A line of @n values @stride apart, with zeros beyond its ends. */
static void
blur_line (const float *values, gsize n, gsize stride, const double *kernel, float *blurred)
{
  for (gsize i = 0; i < n; i++)
    {
      double sum = 0.0;

      for (gsize k = 0; k < BLUR_SIZE; k++)
        if (i + k >= BLUR_SIZE / 2 && i + k - BLUR_SIZE / 2 < n)
          sum += kernel[k] * values[(i + k - BLUR_SIZE / 2) * stride];
      blurred[i * stride] = (float) sum;
    }
}

static float *
make_blurred (const float *pixels, guint width, guint height)
{
  const gsize n_pixels = (gsize) width * height;
  g_autofree float *rows = g_new (float, 3 * n_pixels);
  float *blurred = g_new (float, 3 * n_pixels);
  double kernel[BLUR_SIZE];

  make_blur (kernel);
  for (gsize row = 0; row < 3 * (gsize) height; row++)
    blur_line (pixels + row * width, width, 1, kernel, rows + row * width);
  for (gsize channel = 0; channel < 3; channel++)
    for (gsize x = 0; x < width; x++)
      blur_line (rows + channel * n_pixels + x, height, width, kernel,
                 blurred + channel * n_pixels + x);
  return blurred;
}

static float *
make_black (const VtrPreprocess *preprocess, gsize n_pixels)
{
  float *black = g_new (float, 3 * n_pixels);

  for (gsize channel = 0; channel < 3; channel++)
    for (gsize i = 0; i < n_pixels; i++)
      black[channel * n_pixels + i] =
          (float) (-preprocess->mean[channel] / preprocess->std[channel]);
  return black;
}

/* ---- measures ---- */

/* Whole rows of pixels at a time. */
static void
count_by_rows (Change *self)
{
  const guint rows = (self->height + MAX_STEPS - 1) / MAX_STEPS;
  const guint n_steps = (self->height + rows - 1) / rows;

  self->n = n_steps + 1;
  self->counts = g_new (gsize, self->n);
  for (guint step = 0; step <= n_steps; step++)
    self->counts[step] = MIN ((gsize) step * rows * self->width, self->n_pixels);
}

static void
count_by_shares (Change *self)
{
  self->n = N_SHARES;
  self->counts = g_new (gsize, self->n);
  for (guint i = 0; i < N_SHARES; i++)
    self->counts[i] = self->n_pixels * i / N_SHARES;
}

static guint32 *
make_order (const Change *self, const VtrVariants *grid, const float *values, gboolean least_first)
{
  g_autofree float *pixels =
      vtr_map_enlarge (values, grid->n_rows, grid->n_columns, self->height, self->width);

  for (gsize i = 0; least_first && i < self->n_pixels; i++)
    pixels[i] = -pixels[i];
  return vtr_order_new (pixels, self->n_pixels);
}

static void
change_init (Change *self,
             VtrExplanation *explanation,
             const VtrVariants *grid,
             const float *values,
             VtrMeasure measure)
{
  const VtrArch *arch = vtr_model_get_arch (vtr_explanation_get_model (explanation));
  VtrInput *input = vtr_explanation_get_input (explanation);
  const float *pixels = vtr_input_get_pixels (input, &self->width, &self->height);

  self->n_pixels = (gsize) self->width * self->height;
  self->order = make_order (self, grid, values, measure == VTR_MEASURE_NEGATIVE);
  switch (measure)
    {
    case VTR_MEASURE_PIXEL_INSERTION:
      count_by_rows (self);
      self->from = make_blurred (pixels, self->width, self->height);
      self->to = g_memdup2 (pixels, 3 * self->n_pixels * sizeof *pixels);
      self->whole = self->n - 1;
      return;
    case VTR_MEASURE_PIXEL_DELETION:
      count_by_rows (self);
      self->to = g_new0 (float, 3 * self->n_pixels);
      break;
    case VTR_MEASURE_POSITIVE:
    case VTR_MEASURE_NEGATIVE:
      count_by_shares (self);
      self->to = make_black (&arch->preprocess, self->n_pixels);
      break;
    case VTR_MEASURE_PATCH_DELETION:
    case VTR_MEASURE_PATCH_INSERTION:
      g_return_if_reached ();
    }
  self->from = g_memdup2 (pixels, 3 * self->n_pixels * sizeof *pixels);
  self->whole = 0;
}

VtrCurve *
vtr_measure_pixels (VtrSession *session,
                    VtrExplanation *explanation,
                    const float *values,
                    VtrMeasure measure,
                    const VtrJudge *judge,
                    const VtrProgress *progress,
                    GError **error)
{
  const gboolean by_shares = measure == VTR_MEASURE_POSITIVE || measure == VTR_MEASURE_NEGATIVE;
  VtrVariants grid = vtr_judge_describe (judge, explanation, 0);
  Change change = { 0 };
  VtrCurve *curve = NULL;

  change_init (&change, explanation, &grid, values, measure);
  grid.n = change.n;
  const VtrPixels pixels = { .all = grid, .make = make_variant, .user_data = &change };
  g_autoptr (VtrAnswers) answers = vtr_session_answer_pixels (session, &pixels, progress, error);

  if (answers != NULL)
    {
      curve = vtr_curve_new (change.n, 1.0 / (by_shares ? N_SHARES : change.n - 1));
      for (guint i = 0; i < change.n; i++)
        curve->values[i] = by_shares && judge->class_only
                               ? vtr_judge_is_first (judge, answers, i)
                               : vtr_judge_evaluate (judge, answers, i, change.whole);
      vtr_curve_integrate (curve);
    }
  change_clear (&change);
  return curve;
}
