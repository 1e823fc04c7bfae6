/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "analysis/analysis.h"

/* Height of letters, of a font that is about as wide as the dots. */
#define FONT_SIZE 8.5 /* pixels, for a dot of one pixel */

static const char *const anchors[] = {
  [VTR_ANCHOR_START] = "start",
  [VTR_ANCHOR_MIDDLE] = "middle",
  [VTR_ANCHOR_END] = "end",
};

/* With a point in any locale. */
static void
append_number (GString *svg, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append (svg, g_ascii_formatd (text, sizeof text, "%.2f", value));
}

static void
append_points (GString *svg, const VtrPoint *points, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      if (i > 0)
        g_string_append_c (svg, ' ');
      append_number (svg, points[i].x);
      g_string_append_c (svg, ',');
      append_number (svg, points[i].y);
    }
}

/* Some characters must not be in XML, not even escaped. */
static void
append_text (GString *svg, const char *text)
{
  g_autoptr (GString) allowed = g_string_new (NULL);

  for (const char *c = text; *c != '\0'; c = g_utf8_next_char (c))
    {
      const gunichar character = g_utf8_get_char (c);
      const gboolean is_allowed = character >= 0x20 && character != 0xfffe && character != 0xffff;

      g_string_append_unichar (allowed, is_allowed ? character : '?');
    }
  g_autofree char *escaped = g_markup_escape_text (allowed->str, (gssize) allowed->len);
  g_string_append (svg, escaped);
}

static void
append_area (GString *svg, const VtrShape *shape, const VtrPoint *points)
{
  g_string_append (svg, "<polygon points=\"");
  append_points (svg, points, shape->n_points);
  g_string_append_printf (svg, "\" fill=\"#%06x\"/>\n", shape->color);
}

static void
append_line (GString *svg, const VtrShape *shape, const VtrPoint *points)
{
  g_string_append (svg, "<polyline points=\"");
  append_points (svg, points, shape->n_points);
  g_string_append_printf (svg, "\" fill=\"none\" stroke=\"#%06x\" stroke-width=\"", shape->color);
  append_number (svg, shape->width);
  g_string_append (svg, "\" stroke-linejoin=\"round\" stroke-linecap=\"round\"/>\n");
}

static void
append_letters (GString *svg, const VtrShape *shape, const VtrPoint *points)
{
  g_string_append (svg, "<text x=\"");
  append_number (svg, points->x);
  g_string_append (svg, "\" y=\"");
  append_number (svg, points->y);
  g_string_append (svg, "\" font-size=\"");
  append_number (svg, FONT_SIZE * shape->scale);
  g_string_append_printf (svg, "\" text-anchor=\"%s\" fill=\"#%06x\">", anchors[shape->anchor],
                          shape->color);
  append_text (svg, shape->text);
  g_string_append (svg, "</text>\n");
}

char *
vtr_drawing_to_svg (const VtrDrawing *self)
{
  g_autoptr (GString) svg = g_string_new ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");

  g_string_append_printf (svg,
                          "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" "
                          "viewBox=\"0 0 %u %u\" font-family=\"sans-serif\">\n"
                          "<rect width=\"%u\" height=\"%u\" fill=\"#%06x\"/>\n",
                          self->width, self->height, self->width, self->height, self->width,
                          self->height, self->color);
  for (guint i = 0; i < self->shapes->len; i++)
    {
      const VtrShape *shape = &g_array_index (self->shapes, VtrShape, i);
      const VtrPoint *points = &g_array_index (self->points, VtrPoint, shape->first);

      switch (shape->kind)
        {
        case VTR_SHAPE_AREA:
          append_area (svg, shape, points);
          break;
        case VTR_SHAPE_LINE:
          append_line (svg, shape, points);
          break;
        case VTR_SHAPE_TEXT:
          append_letters (svg, shape, points);
          break;
        }
    }
  g_string_append (svg, "</svg>\n");
  return g_string_free (g_steal_pointer (&svg), FALSE);
}
