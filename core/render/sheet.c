/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * STEM.sheet.png, on one picture: what was done, the photo beside its summary map, and below, of
 * "raw", a cell for each head (columns) of each layer (rows, the last one on top).
 */
#include "render/render.h"

#include <string.h>

/* Pixels. */
#define MARGIN 24
#define GAP 6
#define PANEL_EDGE 320
#define CELL_EDGE_MIN 72
#define CELL_EDGE_MAX 192
#define GRID_WIDTH 1400 /* the cells' edge is chosen for about this width */
#define BAR_WIDTH 14
#define TITLE_SCALE 3
#define TEXT_SCALE 2
#define LINE (VTR_GLYPH_HEIGHT * TEXT_SCALE + 8)

#define BACKGROUND 0x16181d
#define FRAME 0x2c3038
#define BRIGHT 0xf2f4f8
#define DIM 0x9aa3b2
#define MARK 0xffffff

typedef struct
{
  const VtrExplanation *explanation;
  const VtrInput *input;
  const VtrImage *image;
  const VtrExportOptions *options;
  guint8 colors[VTR_N_COLORS][3];
  VtrCanvas canvas;

  const float *attention; /* [n_layers][n_heads][n_rows][n_columns]; NULL: no grid */
  const guint *layers;
  const guint *heads;
  guint n_layers;
  guint n_heads;

  guint panel_width;
  guint panel_height;
  guint cell_width;
  guint cell_height;
  int label_width; /* of the rows' labels */
  int panels_y;
  int grid_y;
  VtrImage *cell_photo; /* the photo at the size of a cell */
} Sheet;

/* Places as numbers mean little to people, but for a single one; they are outlined. */
static char *
make_query (const Sheet *sheet)
{
  g_autofree char *query = vtr_metadata_format_query (sheet->explanation);
  guint n_places = 1;

  if (query == NULL)
    return g_strdup ("");
  for (const char *at = strchr (query, ';'); at != NULL; at = strchr (at + 1, ';'))
    n_places++;
  return n_places == 1 ? g_strdup_printf (" | query %s", query)
                       : g_strdup_printf (" | query of %u places", n_places);
}

static char *
make_title (const Sheet *sheet)
{
  g_autofree char *layer = vtr_metadata_format_layer (sheet->explanation, NULL);
  g_autofree char *head = vtr_metadata_format_head (sheet->explanation, NULL);
  g_autofree char *query = make_query (sheet);
  g_autofree char *label = vtr_explanation_make_label (sheet->explanation);

  return g_strdup_printf ("%s%s | layers %s | heads %s", label, query, layer, head);
}

static char *
make_subtitle (const Sheet *sheet)
{
  VtrModel *model = vtr_explanation_get_model (sheet->explanation);

  return g_strdup_printf ("%s (%s) %.8s | fit %s, %u x %u patches of %u",
                          vtr_model_get_name (model), vtr_model_get_family (model),
                          vtr_model_get_hash (model),
                          vtr_fit_get_name (vtr_input_get_fit (sheet->input)),
                          vtr_input_get_n_columns (sheet->input),
                          vtr_input_get_n_rows (sheet->input), vtr_model_get_patch_size (model));
}

/* Draws a map over @photo (NULL: on its own) at the size of @width × @height. */
static gboolean
draw_map (Sheet *sheet,
          int x,
          int y,
          guint width,
          guint height,
          const VtrMap *map,
          const VtrImage *photo,
          GError **error)
{
  g_autoptr (VtrImage) image =
      photo == NULL
          ? vtr_map_colorize_at (map, sheet->input, sheet->options->colormap, width, height, error)
          : vtr_map_draw_over (map, sheet->input, photo, sheet->colors, sheet->options->opacity,
                               error);

  if (image != NULL)
    vtr_canvas_draw_image (&sheet->canvas, x, y, image);
  return image != NULL;
}

/* Outlines the patch under a place "X,Y" that asks, on the photo at (@x, @y). */
static void
mark_place (Sheet *sheet, const char *place, int x, int y, guint width, guint height)
{
  const double scale_x = (double) width / vtr_image_get_width (sheet->image);
  const double scale_y = (double) height / vtr_image_get_height (sheet->image);
  guint row;
  guint column;
  VtrRect rect;

  const char *comma = strchr (place, ',');
  if (comma == NULL || !vtr_input_get_patch_at (sheet->input, g_ascii_strtod (place, NULL),
                                                g_ascii_strtod (comma + 1, NULL), &row, &column))
    return;
  vtr_input_get_patch_rect (sheet->input, row, column, &rect);
  vtr_canvas_outline (&sheet->canvas, x + (int) (rect.x * scale_x), y + (int) (rect.y * scale_y),
                      MAX ((int) (rect.width * scale_x + 0.5), 3),
                      MAX ((int) (rect.height * scale_y + 0.5), 3), MARK);
}

/* Where the query is of places, outlines the patches that ask. */
static void
mark_query (Sheet *sheet, int x, int y, guint width, guint height)
{
  g_autofree char *query = vtr_metadata_format_query (sheet->explanation);
  g_auto (GStrv) places = query != NULL ? g_strsplit (query, ";", -1) : NULL;

  for (char **place = places; place != NULL && *place != NULL; place++)
    mark_place (sheet, *place, x, y, width, height);
}

/* The colormap from bottom to top, with the values of its ends. */
static void
draw_bar (Sheet *sheet, int x, int y, int height, const VtrMap *map)
{
  char text[32];
  float min;
  float max;

  for (int row = 0; row < height; row++)
    {
      const guint8 *color =
          sheet->colors[(height - 1 - row) * (VTR_N_COLORS - 1) / MAX (height - 1, 1)];
      vtr_canvas_fill (&sheet->canvas, x, y + row, BAR_WIDTH, 1,
                       (guint32) color[0] << 16 | (guint32) color[1] << 8 | color[2]);
    }
  vtr_map_get_range (map, &min, &max);
  g_ascii_formatd (text, sizeof text, "%.3g", max);
  vtr_canvas_draw_text (&sheet->canvas, x + BAR_WIDTH + GAP, y, TEXT_SCALE, DIM, text);
  g_ascii_formatd (text, sizeof text, "%.3g", min);
  vtr_canvas_draw_text (&sheet->canvas, x + BAR_WIDTH + GAP,
                        y + height - VTR_GLYPH_HEIGHT * TEXT_SCALE, TEXT_SCALE, DIM, text);
}

/* Photo, map, map over photo. */
static gboolean
draw_panels (Sheet *sheet, GError **error)
{
  const VtrMap *summary = vtr_explanation_get_summary (sheet->explanation);
  const guint width = sheet->panel_width;
  const guint height = sheet->panel_height;
  const int step = (int) width + 2 * GAP;
  const int y = sheet->panels_y;
  g_autoptr (VtrImage) photo = vtr_image_scale (sheet->image, width, height, error);

  if (photo == NULL)
    return FALSE;
  vtr_canvas_fill (&sheet->canvas, MARGIN + step, y, (int) width, (int) height, FRAME);
  vtr_canvas_draw_image (&sheet->canvas, MARGIN, y, photo);
  if (!draw_map (sheet, MARGIN + step, y, width, height, summary, NULL, error) ||
      !draw_map (sheet, MARGIN + 2 * step, y, width, height, summary, photo, error))
    return FALSE;
  mark_query (sheet, MARGIN, y, width, height);
  draw_bar (sheet, MARGIN + 3 * step, y, (int) height, summary);

  const int text_y = y + (int) height + 8;
  vtr_canvas_draw_text_within (&sheet->canvas, MARGIN, text_y, (int) width, TEXT_SCALE, DIM,
                               "photo");
  vtr_canvas_draw_text_within (&sheet->canvas, MARGIN + step, text_y, (int) width, TEXT_SCALE, DIM,
                               vtr_map_get_label (summary));
  vtr_canvas_draw_text_within (&sheet->canvas, MARGIN + 2 * step, text_y, (int) width, TEXT_SCALE,
                               DIM, "over the photo");
  return TRUE;
}

/* The cells of a layer: heads that it has not got leave empty ones at the end. */
static guint
count_heads (const Sheet *sheet, guint layer)
{
  VtrModel *model = vtr_explanation_get_model (sheet->explanation);
  const guint n_heads = vtr_model_get_layer_heads (model, sheet->layers[layer]);
  guint n = 0;

  while (n < sheet->n_heads && sheet->heads[n] < n_heads)
    n++;
  return n;
}

static gboolean
draw_cell (Sheet *sheet, guint layer, guint head, int x, int y, GError **error)
{
  const guint n_rows = vtr_input_get_n_rows (sheet->input);
  const guint n_columns = vtr_input_get_n_columns (sheet->input);
  const gsize at = ((gsize) layer * sheet->n_heads + head) * n_rows * n_columns;
  g_autoptr (VtrMap) map = vtr_map_new (n_rows, n_columns, sheet->attention + at,
                                        (int) sheet->layers[layer], (int) sheet->heads[head], "");

  return draw_map (sheet, x, y, sheet->cell_width, sheet->cell_height, map, sheet->cell_photo,
                   error);
}

static gboolean
draw_grid (Sheet *sheet, GError **error)
{
  const int x0 = MARGIN + sheet->label_width;
  const int step_x = (int) sheet->cell_width + GAP;
  const int step_y = (int) sheet->cell_height + GAP;

  sheet->cell_photo = vtr_image_scale (sheet->image, sheet->cell_width, sheet->cell_height, error);
  if (sheet->cell_photo == NULL)
    return FALSE;
  for (guint head = 0; head < sheet->n_heads; head++)
    {
      g_autofree char *label = g_strdup_printf ("head %u", sheet->heads[head]);
      vtr_canvas_draw_text_within (&sheet->canvas, x0 + (int) head * step_x, sheet->grid_y - LINE,
                                   step_x, TEXT_SCALE, DIM, label);
    }
  for (guint i = 0; i < sheet->n_layers; i++)
    {
      const guint layer = sheet->n_layers - 1 - i;
      const int y = sheet->grid_y + (int) i * step_y;
      g_autofree char *label = g_strdup_printf ("layer %u", sheet->layers[layer]);

      vtr_canvas_draw_text (&sheet->canvas, MARGIN,
                            y + ((int) sheet->cell_height - VTR_GLYPH_HEIGHT * TEXT_SCALE) / 2,
                            TEXT_SCALE, DIM, label);
      for (guint head = 0; head < count_heads (sheet, layer); head++)
        if (!draw_cell (sheet, layer, head, x0 + (int) head * step_x, y, error))
          return FALSE;
    }
  return TRUE;
}

/* Decides where everything goes; the size of the sheet follows.  Room for the title comes for free
 * up to the width of a full grid. */
static void
lay_out (Sheet *sheet, int title_width, guint *width, guint *height)
{
  const int bar = BAR_WIDTH + GAP + vtr_text_width ("0.000e-00", TEXT_SCALE);

  vtr_image_fit (sheet->image, PANEL_EDGE, &sheet->panel_width, &sheet->panel_height);
  sheet->panels_y = MARGIN + VTR_GLYPH_HEIGHT * TITLE_SCALE + 10 + LINE + 10;
  int right = MARGIN + MIN (title_width, GRID_WIDTH);
  right = MAX (right, MARGIN + 3 * ((int) sheet->panel_width + 2 * GAP) + bar);
  int bottom = sheet->panels_y + (int) sheet->panel_height + 8 + VTR_GLYPH_HEIGHT * TEXT_SCALE;

  if (sheet->attention != NULL)
    {
      const guint edge = CLAMP (GRID_WIDTH / sheet->n_heads, CELL_EDGE_MIN, CELL_EDGE_MAX);
      vtr_image_fit (sheet->image, edge, &sheet->cell_width, &sheet->cell_height);
      sheet->label_width = vtr_text_width ("layer 00", TEXT_SCALE) + 2 * GAP;
      sheet->grid_y = bottom + MARGIN + LINE;
      right = MAX (right, MARGIN + sheet->label_width +
                              (int) (sheet->n_heads * (sheet->cell_width + GAP)));
      bottom = sheet->grid_y + (int) (sheet->n_layers * (sheet->cell_height + GAP));
    }
  *width = (guint) (right + MARGIN);
  *height = (guint) (bottom + MARGIN);
}

static gboolean
draw (Sheet *sheet, GError **error)
{
  g_autofree char *title = make_title (sheet);
  g_autofree char *subtitle = make_subtitle (sheet);
  const int title_width =
      MAX (vtr_text_width (title, TITLE_SCALE), vtr_text_width (subtitle, TEXT_SCALE));
  guint width;
  guint height;

  lay_out (sheet, title_width, &width, &height);
  const int text_width = (int) width - 2 * MARGIN + GAP;
  if (!vtr_canvas_init (&sheet->canvas, width, height, BACKGROUND, error))
    return FALSE;
  vtr_canvas_draw_text_within (&sheet->canvas, MARGIN, MARGIN, text_width, TITLE_SCALE, BRIGHT,
                               title);
  vtr_canvas_draw_text_within (&sheet->canvas, MARGIN, MARGIN + VTR_GLYPH_HEIGHT * TITLE_SCALE + 10,
                               text_width, TEXT_SCALE, DIM, subtitle);
  return draw_panels (sheet, error) && (sheet->attention == NULL || draw_grid (sheet, error));
}

VtrImage *
vtr_sheet_new (const VtrExplanation *explanation, const VtrExportOptions *options, GError **error)
{
  Sheet sheet = {
    .explanation = explanation,
    .input = vtr_explanation_get_input (explanation),
    .options = options,
  };
  VtrImage *image = NULL;

  if (!vtr_colormap_fill (options->colormap, sheet.colors, error))
    return NULL;
  sheet.image = vtr_input_get_image (sheet.input);
  sheet.layers = vtr_explanation_get_layers (explanation, &sheet.n_layers);
  sheet.heads = vtr_explanation_get_heads (explanation, &sheet.n_heads);
  sheet.attention = vtr_explanation_get_attention (explanation, &sheet.n_layers, &sheet.n_heads);
  if (draw (&sheet, error))
    image = vtr_image_take (sheet.canvas.width, sheet.canvas.height,
                            g_steal_pointer (&sheet.canvas.rgba), 1, NULL);
  vtr_canvas_clear (&sheet.canvas);
  g_clear_pointer (&sheet.cell_photo, vtr_image_unref);
  return image;
}
