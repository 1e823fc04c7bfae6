/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Curves and bars in a frame, with their axes. */
#include "analysis/analysis.h"

#include <math.h>

/* Pixels. */
#define SCALE 2
#define ADVANCE (VTR_GLYPH_ADVANCE * SCALE)
#define LETTER (7 * SCALE) /* height of a capital */
#define GAP 10
#define TICK_GAP 14
#define LINE_WIDTH 2.5
#define BEST_WIDTH 4.5
#define WHISKER_WIDTH 2.0

#define N_TICKS 4 /* about */
#define MAX_DECIMALS 6

#define GRID 0xe3e6eb
#define BAND 0xdcdfe5
#define RANDOM 0x8a93a0
#define DARK 0x20242c
#define DIM 0x626c7a

/* Told apart by people who are colour-blind, too (Okabe & Ito 2008, the yellow replaced). */
static const guint32 colors[] = {
  0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7, 0xe69f00, 0x56b4e9, 0x6b4c9a, 0x8c6d46,
};

guint32
vtr_chart_get_color (const VtrEvaluation *evaluation, guint method)
{
  const char *const *names = vtr_method_list ();
  const char *name = vtr_method_get_name (vtr_evaluation_get_method (evaluation, method));
  guint place = 0;

  /* By the method, so that charts of different runs can be compared. */
  while (names[place] != NULL && g_strcmp0 (names[place], name) != 0)
    place++;
  return colors[place % G_N_ELEMENTS (colors)];
}

/* A colour on its way to white. */
static guint32
fade (guint32 color)
{
  guint32 faded = 0;

  for (guint shift = 0; shift < 24; shift += 8)
    faded |= (255 - (255 - (color >> shift & 0xff)) * 35 / 100) << shift;
  return faded;
}

/* ---- axes ---- */

typedef struct
{
  double low;
  double high;
  double step; /* between ticks */
  double from; /* pixels at @low */
  double to;   /* and at @high */
} Axis;

/* What is drawn along an axis. */
typedef struct
{
  double low;
  double high;
} Range;

static void
range_add (Range *self, double value)
{
  if (isnan (value))
    return;
  self->low = MIN (self->low, value);
  self->high = MAX (self->high, value);
}

static void
range_add_estimate (Range *self, VtrEstimate estimate)
{
  range_add (self, estimate.mean);
  range_add (self, estimate.low);
  range_add (self, estimate.high);
}

/* 1, 2 or 5 times a power of ten, @step or a little more. */
static double
round_step (double step)
{
  const double power = pow (10.0, floor (log10 (step)));
  const double rest = step / power;

  return power * (rest <= 1.0 ? 1.0 : rest <= 2.0 ? 2.0 : rest <= 5.0 ? 5.0 : 10.0);
}

static void
axis_init (Axis *self, const Range *range, double from, double to)
{
  const double size = MAX (fabs (range->low), fabs (range->high));
  const double extent = MAX (range->high - range->low, MAX (1e-3 * size, 1e-6));

  self->step = round_step (extent / N_TICKS);
  self->low = floor (range->low / self->step + 1e-9) * self->step;
  self->high = ceil ((range->low + extent) / self->step - 1e-9) * self->step;
  self->from = from;
  self->to = to;
}

static double
axis_place (const Axis *self, double value)
{
  return self->from + (value - self->low) / (self->high - self->low) * (self->to - self->from);
}

static guint
axis_count_ticks (const Axis *self)
{
  return (guint) lround ((self->high - self->low) / self->step) + 1;
}

static double
axis_get_tick (const Axis *self, guint tick)
{
  const double value = self->low + tick * self->step;

  return fabs (value) < self->step * 1e-6 ? 0.0 : value;
}

static char *
format_number (double value, int n_decimals, gboolean with_sign)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE], format[8];

  g_snprintf (format, sizeof format, "%%.%df", n_decimals);
  g_ascii_formatd (digits, sizeof digits, format, value);
  return g_strconcat (with_sign && digits[0] != '-' ? "+" : "", digits, NULL);
}

static char *
axis_format (const Axis *self, guint tick)
{
  const int n_decimals = CLAMP ((int) ceil (-log10 (self->step) - 1e-9), 0, MAX_DECIMALS);

  return format_number (axis_get_tick (self, tick), n_decimals, FALSE);
}

/* ---- curves ---- */

/* An interval may go further than what it is of can; on the chart it does not. */
static VtrEstimate
get_point (const VtrEvaluation *evaluation, int method, VtrMeasure measure, guint index)
{
  static const Range limits[] = {
    [VTR_QUANTITY_PROBABILITY] = { 0.0, 1.0 },
    [VTR_QUANTITY_DIFFERENCE] = { -INFINITY, INFINITY },
    [VTR_QUANTITY_LOG_ODDS] = { -INFINITY, INFINITY },
    [VTR_QUANTITY_COSINE] = { -1.0, 1.0 },
  };
  const Range *limit = &limits[vtr_evaluation_get_quantity (evaluation)];
  VtrEstimate point = vtr_evaluation_get_point (evaluation, method, measure, index);

  point.low = CLAMP (point.low, limit->low, limit->high);
  point.high = CLAMP (point.high, limit->low, limit->high);
  return point;
}

/* Of the curves of both measures, so that they can be compared. */
static void
find_range (Range *range, const VtrEvaluation *evaluation, VtrContest contest)
{
  const int n_methods = (int) vtr_evaluation_get_n_methods (evaluation);
  VtrMeasure measures[2];

  *range = (Range){ INFINITY, -INFINITY };
  vtr_contest_get_measures (contest, &measures[0], &measures[1]);
  for (guint i = 0; i < 2; i++)
    for (int method = VTR_RANDOM_ORDERS; method < n_methods; method++)
      for (guint point = 0; point < vtr_measure_get_n_points (measures[i]); point++)
        if (vtr_measures_have (vtr_evaluation_get_measures (evaluation), measures[i]))
          {
            const VtrEstimate value = get_point (evaluation, method, measures[i], point);

            if (method == VTR_RANDOM_ORDERS)
              range_add_estimate (range, value);
            else
              range_add (range, value.mean);
          }
}

static void
draw_grid (VtrDrawing *drawing, const VtrFrame *frame, const Axis *y_axis)
{
  for (guint tick = 0; tick < axis_count_ticks (y_axis); tick++)
    {
      const double y = axis_place (y_axis, axis_get_tick (y_axis, tick));
      const VtrPoint line[] = { { frame->left, y }, { frame->right, y } };
      g_autofree char *text = axis_format (y_axis, tick);

      vtr_drawing_add_line (drawing, line, 2, 1.0, GRID);
      vtr_drawing_add_text (drawing, (VtrPoint){ frame->left - GAP, y + LETTER / 2 }, SCALE,
                            VTR_ANCHOR_END, DIM, text);
    }
}

static void
draw_shares (VtrDrawing *drawing, const VtrFrame *frame)
{
  static const char *const texts[] = { "0", "25", "50", "75", "100 %" };
  const guint n = G_N_ELEMENTS (texts);

  for (guint i = 0; i < n; i++)
    {
      const double x = frame->left + (frame->right - frame->left) * i / (n - 1);

      vtr_drawing_add_text (drawing, (VtrPoint){ x, frame->bottom + LETTER + TICK_GAP }, SCALE,
                            i + 1 < n ? VTR_ANCHOR_MIDDLE : VTR_ANCHOR_END, DIM, texts[i]);
    }
}

static double
place_share (const VtrFrame *frame, VtrMeasure measure, guint point)
{
  return frame->left + (frame->right - frame->left) * vtr_measure_get_share (measure, point);
}

static void
draw_curve (VtrDrawing *drawing,
            const VtrFrame *frame,
            const Axis *y_axis,
            const VtrEvaluation *evaluation,
            int method,
            VtrMeasure measure,
            double width)
{
  const guint n = vtr_measure_get_n_points (measure);
  VtrPoint points[VTR_MAX_POINTS];

  for (guint i = 0; i < n; i++)
    {
      const VtrEstimate point = get_point (evaluation, method, measure, i);

      points[i] = (VtrPoint){ place_share (frame, measure, i), axis_place (y_axis, point.mean) };
    }
  vtr_drawing_add_line (drawing, points, n, width,
                        method == VTR_RANDOM_ORDERS
                            ? RANDOM
                            : vtr_chart_get_color (evaluation, (guint) method));
}

/* Where the mean curve of random orders may be; there and back again. */
static void
draw_band (VtrDrawing *drawing,
           const VtrFrame *frame,
           const Axis *y_axis,
           const VtrEvaluation *evaluation,
           VtrMeasure measure)
{
  const guint n = vtr_measure_get_n_points (measure);
  VtrPoint points[2 * VTR_MAX_POINTS];

  for (guint i = 0; i < n; i++)
    {
      const VtrEstimate point = get_point (evaluation, VTR_RANDOM_ORDERS, measure, i);
      const double x = place_share (frame, measure, i);

      if (isnan (point.low))
        return;
      points[i] = (VtrPoint){ x, axis_place (y_axis, point.high) };
      points[2 * n - 1 - i] = (VtrPoint){ x, axis_place (y_axis, point.low) };
    }
  vtr_drawing_add_area (drawing, points, 2 * n, BAND);
}

void
vtr_chart_draw_curves (VtrDrawing *drawing,
                       const VtrFrame *frame,
                       const VtrEvaluation *evaluation,
                       const guint *ranks,
                       VtrContest contest,
                       VtrMeasure measure)
{
  Range range;
  Axis y_axis;

  find_range (&range, evaluation, contest);
  axis_init (&y_axis, &range, frame->bottom, frame->top);
  draw_band (drawing, frame, &y_axis, evaluation, measure);
  draw_grid (drawing, frame, &y_axis);
  draw_shares (drawing, frame);
  draw_curve (drawing, frame, &y_axis, evaluation, VTR_RANDOM_ORDERS, measure, LINE_WIDTH);
  for (guint i = vtr_evaluation_get_n_methods (evaluation); i > 0; i--)
    draw_curve (drawing, frame, &y_axis, evaluation, (int) ranks[i - 1], measure,
                i == 1 ? BEST_WIDTH : LINE_WIDTH);
}

/* ---- bars ---- */

static void
draw_difference (VtrDrawing *drawing,
                 const VtrFrame *row,
                 const Axis *x_axis,
                 VtrEstimate difference,
                 guint32 color)
{
  const double middle = (row->top + row->bottom) / 2;
  const double zero = axis_place (x_axis, 0.0), end = axis_place (x_axis, difference.mean);
  g_autofree char *text = format_number (difference.mean, 3, TRUE);

  vtr_drawing_add_box (drawing, MIN (zero, end), row->top, MAX (zero, end), row->bottom, color);
  if (!isnan (difference.low))
    {
      const VtrPoint whisker[] = { { axis_place (x_axis, difference.low), middle },
                                   { axis_place (x_axis, difference.high), middle } };

      vtr_drawing_add_line (drawing, whisker, 2, WHISKER_WIDTH, DARK);
    }
  vtr_drawing_add_text (drawing, (VtrPoint){ row->right + GAP, middle + LETTER / 2 }, SCALE,
                        VTR_ANCHOR_START, DARK, text);
}

/* One below the other, best first; the bars' names say whose the curves are, too. */
static void
draw_rows (VtrDrawing *drawing,
           const VtrFrame *frame,
           const Axis *x_axis,
           const VtrEvaluation *evaluation,
           const guint *ranks,
           VtrContest contest)
{
  const guint n = vtr_evaluation_get_n_methods (evaluation);
  const double height = MIN ((frame->bottom - frame->top) / n, 3.0 * LETTER);

  for (guint i = 0; i < n; i++)
    {
      const guint method = ranks[i];
      const guint32 color = vtr_chart_get_color (evaluation, method);
      const gboolean better =
          vtr_evaluation_compare (evaluation, method, contest) != VTR_COMPARISON_NOT_BETTER;
      const VtrFrame row = {
        frame->left,
        frame->top + i * height + 0.15 * height,
        frame->right,
        frame->top + (i + 1) * height - 0.15 * height,
      };
      const VtrPoint name = { frame->left - 2 * GAP, (row.top + row.bottom + LETTER) / 2 };

      draw_difference (drawing, &row, x_axis,
                       vtr_evaluation_get_difference (evaluation, method, contest),
                       better ? color : fade (color));
      vtr_drawing_add_box (drawing, frame->left - GAP - 3, row.top, frame->left - GAP + 3,
                           row.bottom, color);
      vtr_drawing_add_text (drawing, name, SCALE, VTR_ANCHOR_END, DARK,
                            vtr_method_get_name (vtr_evaluation_get_method (evaluation, method)));
    }
}

void
vtr_chart_draw_bars (VtrDrawing *drawing,
                     const VtrFrame *frame,
                     const VtrEvaluation *evaluation,
                     const guint *ranks,
                     VtrContest contest)
{
  Range range = { 0.0, 0.0 };
  Axis x_axis;

  for (guint i = 0; i < vtr_evaluation_get_n_methods (evaluation); i++)
    range_add_estimate (&range, vtr_evaluation_get_difference (evaluation, i, contest));
  axis_init (&x_axis, &range, frame->left, frame->right);
  for (guint tick = 0; tick < axis_count_ticks (&x_axis); tick++)
    {
      const double value = axis_get_tick (&x_axis, tick), x = axis_place (&x_axis, value);
      const VtrPoint line[] = { { x, frame->top }, { x, frame->bottom } };
      g_autofree char *text = axis_format (&x_axis, tick);

      vtr_drawing_add_line (drawing, line, 2, value == 0.0 ? LINE_WIDTH : 1.0,
                            value == 0.0 ? RANDOM : GRID);
      vtr_drawing_add_text (drawing, (VtrPoint){ x, frame->bottom + LETTER + TICK_GAP }, SCALE,
                            VTR_ANCHOR_MIDDLE, DIM, text);
    }
  draw_rows (drawing, frame, &x_axis, evaluation, ranks, contest);
}
