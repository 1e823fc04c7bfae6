/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Pictures, one a row: photo, map of A, map of B, difference, numbers. */
#include "analysis/agreement.h"

#include <math.h>

/* Pixels. */
#define MARGIN 28
#define GAP 10
#define ROW_GAP 22
#define TITLE_SCALE 3
#define SCALE 2
#define LINE (VTR_GLYPH_HEIGHT * SCALE + 6)
#define TITLE_LINE (VTR_GLYPH_HEIGHT * TITLE_SCALE + 10)
#define NUMBERS_WIDTH 350
#define NUMBER_X 168 /* of values, behind their names */
#define STEP (VTR_ROW_EDGE + GAP)
#define ROWS_Y (MARGIN + TITLE_LINE + LINE + 18 + LINE + 4)
#define LEGEND_HEIGHT 14
#define WIDTH (2 * MARGIN + VTR_ROW_N_PANELS * STEP + GAP + NUMBERS_WIDTH)

#define BACKGROUND 0x16181d
#define LINE_COLOR 0x2c3038
#define BRIGHT 0xf2f4f8
#define DIM 0x9aa3b2
#define CHANGED 0xff6b6b

static const char *const measure_titles[] = {
  [VTR_AGREEMENT_PEARSON] = "correlation", [VTR_AGREEMENT_SPEARMAN] = "of ranks",
  [VTR_AGREEMENT_IOU] = "IoU, top 20 %",   [VTR_AGREEMENT_DIVERGENCE] = "divergence",
  [VTR_AGREEMENT_COSINE] = "embeddings",   [VTR_AGREEMENT_LOGIT_CHANGE] = "logits by",
};
G_STATIC_ASSERT (G_N_ELEMENTS (measure_titles) == VTR_N_AGREEMENT_MEASURES);

static int
panel_x (guint panel)
{
  return MARGIN + (int) panel * STEP;
}

/* Left to right: what B gives more to, nothing, what A does. */
static void
draw_legend (VtrCanvas *canvas, int x, int y, int width)
{
  for (int i = 0; i < width; i++)
    {
      const float share = 2.0f * (float) i / (float) (width - 1) - 1.0f;

      vtr_canvas_fill (canvas, x + i, y, 1, LEGEND_HEIGHT, LINE_COLOR);
      for (int row = 0; row < LEGEND_HEIGHT; row++)
        vtr_canvas_mix (canvas, x + i, y + row, share > 0.0f ? VTR_COLOR_A : VTR_COLOR_B,
                        powf (fabsf (share), 0.6f));
    }
}

static void
draw_headings (VtrCanvas *canvas, const char *name_a, const char *name_b)
{
  const char *const names[] = { "picture", name_a, name_b, NULL };
  const guint32 colors[] = { DIM, VTR_COLOR_A, VTR_COLOR_B };
  const int y = ROWS_Y - LINE - 4;
  const int x = panel_x (3);
  const int more_width = vtr_text_width ("more B", SCALE);

  for (guint i = 0; names[i] != NULL; i++)
    {
      g_autofree char *text =
          i == 0 ? g_strdup (names[i]) : g_strdup_printf ("%c: %s", "AB"[i - 1], names[i]);
      vtr_canvas_draw_text_within (canvas, panel_x (i), y, VTR_ROW_EDGE, SCALE, colors[i], text);
    }
  vtr_canvas_draw_text (canvas, x, y, SCALE, VTR_COLOR_B, "more B");
  draw_legend (canvas, x + more_width + GAP, y, VTR_ROW_EDGE - 2 * (more_width + GAP));
  vtr_canvas_draw_text (canvas, x + VTR_ROW_EDGE - more_width, y, SCALE, VTR_COLOR_A, "more A");
}

/* ---- a row ---- */

static int
row_height (const VtrAgreementRow *row)
{
  int n_lines = 2; /* its name, the meaning of colours */

  for (guint i = 0; i < VTR_N_AGREEMENT_MEASURES; i++)
    n_lines += !isnan (row->agreement.values[i]);
  for (guint i = 0; i < 2; i++)
    n_lines += row->labels[i] != NULL;
  return MAX ((int) vtr_image_get_height (row->panels[0]), n_lines * LINE);
}

static void
draw_panels (VtrCanvas *canvas, const VtrAgreementRow *row, int y)
{
  for (guint i = 0; i < VTR_ROW_N_PANELS; i++)
    {
      const int width = (int) vtr_image_get_width (row->panels[i]);

      vtr_canvas_draw_image (canvas, panel_x (i) + (VTR_ROW_EDGE - width) / 2, y, row->panels[i]);
    }
}

static void
draw_number (VtrCanvas *canvas, int x, int *y, const char *title, const char *value)
{
  vtr_canvas_draw_text (canvas, x, *y, SCALE, DIM, title);
  vtr_canvas_draw_text (canvas, x + NUMBER_X, *y, SCALE, BRIGHT, value);
  *y += LINE;
}

static void
draw_class (VtrCanvas *canvas, const VtrAgreementRow *row, guint side, int x, int *y)
{
  if (row->labels[side] == NULL)
    return;
  g_autofree char *text =
      g_strdup_printf ("%c: %.0f %% %s", "AB"[side], 100.0 * row -> agreement.probabilities[side],
                       row->labels[side]);

  vtr_canvas_draw_text_within (canvas, x, *y, NUMBERS_WIDTH, SCALE,
                               row->agreement.changed ? CHANGED : BRIGHT, text);
  *y += LINE;
}

static void
draw_numbers (VtrCanvas *canvas, const VtrAgreementRow *row, int y)
{
  const int x = panel_x (VTR_ROW_N_PANELS) + GAP;
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  vtr_canvas_draw_text_within (canvas, x, y, NUMBERS_WIDTH, SCALE, BRIGHT, row->name);
  y += LINE;
  for (guint i = 0; i < VTR_N_AGREEMENT_MEASURES; i++)
    if (!isnan (row->agreement.values[i]))
      draw_number (canvas, x, &y, measure_titles[i],
                   g_ascii_formatd (text, sizeof text,
                                    fabs (row->agreement.values[i]) < 0.001 ? "%.2g" : "%.4f",
                                    row->agreement.values[i]));
  g_ascii_formatd (text, sizeof text, "%.3g", 100.0 * row->difference);
  g_autofree char *percent = g_strconcat (text, " %", NULL);
  draw_number (canvas, x, &y, "full colour", percent);
  for (guint i = 0; i < 2; i++)
    draw_class (canvas, row, i, x, &y);
}

static int
sheet_height (VtrAgreementRow *const *rows, guint n_rows)
{
  int height = ROWS_Y - ROW_GAP + MARGIN;

  for (guint i = 0; i < n_rows; i++)
    height += row_height (rows[i]) + ROW_GAP;
  return height;
}

static void
draw_rows (VtrCanvas *canvas, VtrAgreementRow *const *rows, guint n_rows)
{
  int y = ROWS_Y;

  for (guint i = 0; i < n_rows; i++)
    {
      if (i > 0)
        vtr_canvas_fill (canvas, MARGIN, y - ROW_GAP / 2, WIDTH - 2 * MARGIN, 1, LINE_COLOR);
      draw_panels (canvas, rows[i], y);
      draw_numbers (canvas, rows[i], y);
      y += row_height (rows[i]) + ROW_GAP;
    }
}

VtrImage *
vtr_agreement_sheet_new (VtrAgreementRow *const *rows,
                         guint n_rows,
                         const char *title,
                         const char *subtitle,
                         const char *name_a,
                         const char *name_b,
                         GError **error)
{
  VtrCanvas canvas;

  g_return_val_if_fail (rows != NULL && n_rows > 0 && n_rows <= VTR_AGREEMENT_MAX_ROWS, NULL);
  g_return_val_if_fail (title != NULL && subtitle != NULL, NULL);
  g_return_val_if_fail (name_a != NULL && name_b != NULL, NULL);

  if (!vtr_canvas_init (&canvas, WIDTH, (guint) sheet_height (rows, n_rows), BACKGROUND, error))
    return NULL;
  vtr_canvas_draw_text_within (&canvas, MARGIN, MARGIN, WIDTH - 2 * MARGIN, TITLE_SCALE, BRIGHT,
                               title);
  vtr_canvas_draw_text_within (&canvas, MARGIN, MARGIN + TITLE_LINE, WIDTH - 2 * MARGIN, SCALE, DIM,
                               subtitle);
  draw_headings (&canvas, name_a, name_b);
  draw_rows (&canvas, rows, n_rows);
  return vtr_image_take (canvas.width, canvas.height, canvas.rgba, 1, NULL);
}
