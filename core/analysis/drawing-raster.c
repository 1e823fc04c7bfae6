/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Shapes as pixels with smooth edges. */
#include "analysis/analysis.h"

#include <math.h>

/* Lines a pixel of an area is cut into. */
#define N_CUTS 4

/* How much of each pixel of a part of the picture a shape covers, 0..1. */
typedef struct
{
  int left;
  int top;
  int width;
  int height;
  float *shares; /* [height][width] */
} Coverage;

/* The pixels that points and @margin around them are in. */
static void
coverage_init (Coverage *self,
               const VtrDrawing *drawing,
               const VtrPoint *points,
               guint n,
               double margin)
{
  double left = drawing->width, right = 0.0, top = drawing->height, bottom = 0.0;

  for (guint i = 0; i < n; i++)
    {
      left = MIN (left, points[i].x - margin);
      right = MAX (right, points[i].x + margin);
      top = MIN (top, points[i].y - margin);
      bottom = MAX (bottom, points[i].y + margin);
    }
  self->left = (int) floor (MAX (left, 0.0));
  self->top = (int) floor (MAX (top, 0.0));
  self->width = MAX ((int) ceil (MIN (right, drawing->width)) - self->left, 0);
  self->height = MAX ((int) ceil (MIN (bottom, drawing->height)) - self->top, 0);
  self->shares = g_new0 (float, (gsize) self->width *(gsize) self->height);
}

/* Lays it over the picture and frees it. */
static void
coverage_apply (Coverage *self, VtrCanvas *canvas, guint32 color)
{
  for (int y = 0; y < self->height; y++)
    for (int x = 0; x < self->width; x++)
      {
        const float share = self->shares[(gsize) y * (gsize) self->width + (gsize) x];

        if (share > 0.0f)
          vtr_canvas_mix (canvas, self->left + x, self->top + y, color, MIN (share, 1.0f));
      }
  g_free (self->shares);
}

/* ---- areas ---- */

static int
compare_numbers (gconstpointer a, gconstpointer b)
{
  const double first = *(const double *) a, second = *(const double *) b;

  return (first > second) - (first < second);
}

/* Where the outline crosses a horizontal line, from left to right. */
static guint
find_crossings (const VtrPoint *points, guint n, double y, double *crossings)
{
  guint n_crossings = 0;

  for (guint i = 0; i < n; i++)
    {
      const VtrPoint *from = &points[i], *to = &points[(i + 1) % n];

      if ((from->y <= y) != (to->y <= y))
        crossings[n_crossings++] = from->x + (y - from->y) / (to->y - from->y) * (to->x - from->x);
    }
  qsort (crossings, n_crossings, sizeof *crossings, compare_numbers);
  return n_crossings;
}

/* From @start to @end of a row of pixels, at both ends a part of one. */
static void
cover_span (Coverage *self, int row, double start, double end)
{
  float *shares = self->shares + (gsize) row * (gsize) self->width;
  const int last = MIN ((int) ceil (end) - self->left, self->width);

  for (int x = MAX ((int) floor (start) - self->left, 0); x < last; x++)
    {
      const double pixel = self->left + x;
      const double covered = MIN (end, pixel + 1.0) - MAX (start, pixel);

      shares[x] += (float) (MAX (covered, 0.0) / N_CUTS);
    }
}

static void
draw_area (const VtrDrawing *drawing,
           VtrCanvas *canvas,
           const VtrShape *shape,
           const VtrPoint *points)
{
  g_autofree double *crossings = g_new (double, shape->n_points);
  Coverage coverage;

  coverage_init (&coverage, drawing, points, shape->n_points, 0.0);
  for (int cut = 0; cut < coverage.height * N_CUTS; cut++)
    {
      const double y = coverage.top + (cut + 0.5) / N_CUTS;
      const guint n = find_crossings (points, shape->n_points, y, crossings);

      for (guint i = 0; i + 1 < n; i += 2)
        cover_span (&coverage, cut / N_CUTS, crossings[i], crossings[i + 1]);
    }
  coverage_apply (&coverage, canvas, shape->color);
}

/* ---- lines ---- */

static double
distance_to (double x, double y, const VtrPoint *from, const VtrPoint *to)
{
  const double dx = to->x - from->x, dy = to->y - from->y;
  const double squared = dx * dx + dy * dy;
  const double along = squared > 0.0 ? ((x - from->x) * dx + (y - from->y) * dy) / squared : 0.0;
  const double share = CLAMP (along, 0.0, 1.0);

  return hypot (x - from->x - share * dx, y - from->y - share * dy);
}

/* Its ends are round. */
static void
cover_segment (Coverage *self, const VtrPoint *from, const VtrPoint *to, double half)
{
  const double reach = half + 1.0;
  const int first_x = MAX ((int) floor (MIN (from->x, to->x) - reach) - self->left, 0);
  const int last_x = MIN ((int) ceil (MAX (from->x, to->x) + reach) - self->left, self->width);
  const int first_y = MAX ((int) floor (MIN (from->y, to->y) - reach) - self->top, 0);
  const int last_y = MIN ((int) ceil (MAX (from->y, to->y) + reach) - self->top, self->height);

  for (int y = first_y; y < last_y; y++)
    for (int x = first_x; x < last_x; x++)
      {
        float *share = &self->shares[(gsize) y * (gsize) self->width + (gsize) x];
        const double distance = distance_to (self->left + x + 0.5, self->top + y + 0.5, from, to);

        *share = MAX (*share, (float) CLAMP (half + 0.5 - distance, 0.0, 1.0));
      }
}

static void
draw_line (const VtrDrawing *drawing,
           VtrCanvas *canvas,
           const VtrShape *shape,
           const VtrPoint *points)
{
  Coverage coverage;

  coverage_init (&coverage, drawing, points, shape->n_points, shape->width / 2 + 1.0);
  for (guint i = 0; i + 1 < shape->n_points; i++)
    cover_segment (&coverage, &points[i], &points[i + 1], shape->width / 2);
  coverage_apply (&coverage, canvas, shape->color);
}

/* ---- text ---- */

/* Rows of dots above the line that letters stand on. */
#define ASCENT 7

static void
draw_text (VtrCanvas *canvas, const VtrShape *shape, const VtrPoint *place)
{
  const int width = vtr_text_width (shape->text, shape->scale);
  const int before = shape->anchor == VTR_ANCHOR_START    ? 0
                     : shape->anchor == VTR_ANCHOR_MIDDLE ? width / 2
                                                          : width;

  vtr_canvas_draw_text (canvas, (int) lround (place->x) - before,
                        (int) lround (place->y) - ASCENT * (int) shape->scale, shape->scale,
                        shape->color, shape->text);
}

VtrImage *
vtr_drawing_to_image (const VtrDrawing *self, GError **error)
{
  VtrCanvas canvas;

  if (!vtr_canvas_init (&canvas, self->width, self->height, self->color, error))
    return NULL;
  for (guint i = 0; i < self->shapes->len; i++)
    {
      const VtrShape *shape = &g_array_index (self->shapes, VtrShape, i);
      const VtrPoint *points = &g_array_index (self->points, VtrPoint, shape->first);

      switch (shape->kind)
        {
        case VTR_SHAPE_AREA:
          draw_area (self, &canvas, shape, points);
          break;
        case VTR_SHAPE_LINE:
          draw_line (self, &canvas, shape, points);
          break;
        case VTR_SHAPE_TEXT:
          draw_text (&canvas, shape, points);
          break;
        }
    }
  return vtr_image_take (canvas.width, canvas.height, g_steal_pointer (&canvas.rgba), 1, NULL);
}
