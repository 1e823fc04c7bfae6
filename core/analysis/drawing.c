/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Shapes that are drawn later, as SVG or as pixels. */
#include "analysis/analysis.h"

static void
shape_clear (gpointer data)
{
  VtrShape *self = data;

  g_free (self->text);
}

void
vtr_drawing_init (VtrDrawing *self, guint width, guint height, guint32 color)
{
  *self = (VtrDrawing){
    .width = width,
    .height = height,
    .color = color,
    .shapes = g_array_new (FALSE, FALSE, sizeof (VtrShape)),
    .points = g_array_new (FALSE, FALSE, sizeof (VtrPoint)),
  };
  g_array_set_clear_func (self->shapes, shape_clear);
}

void
vtr_drawing_clear (VtrDrawing *self)
{
  g_clear_pointer (&self->shapes, g_array_unref);
  g_clear_pointer (&self->points, g_array_unref);
}

static void
add (VtrDrawing *self, VtrShape shape, const VtrPoint *points, guint n)
{
  shape.first = self->points->len;
  shape.n_points = n;
  g_array_append_vals (self->points, points, n);
  g_array_append_val (self->shapes, shape);
}

void
vtr_drawing_add_area (VtrDrawing *self, const VtrPoint *points, guint n, guint32 color)
{
  add (self, (VtrShape){ .kind = VTR_SHAPE_AREA, .color = color }, points, n);
}

void
vtr_drawing_add_box (VtrDrawing *self,
                     double left,
                     double top,
                     double right,
                     double bottom,
                     guint32 color)
{
  const VtrPoint corners[] = { { left, top }, { right, top }, { right, bottom }, { left, bottom } };

  vtr_drawing_add_area (self, corners, G_N_ELEMENTS (corners), color);
}

void
vtr_drawing_add_line (VtrDrawing *self,
                      const VtrPoint *points,
                      guint n,
                      double width,
                      guint32 color)
{
  add (self, (VtrShape){ .kind = VTR_SHAPE_LINE, .color = color, .width = width }, points, n);
}

void
vtr_drawing_add_text (VtrDrawing *self,
                      VtrPoint place,
                      guint scale,
                      VtrAnchor anchor,
                      guint32 color,
                      const char *text)
{
  const VtrShape shape = {
    .kind = VTR_SHAPE_TEXT,
    .color = color,
    .scale = scale,
    .anchor = anchor,
    .text = g_utf8_make_valid (text, -1),
  };

  add (self, shape, &place, 1);
}
