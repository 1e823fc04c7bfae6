/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * The chart of an evaluation: for each contest a row with the mean curves of its two measures and
 * the differences to random orders as bars.
 */
#include "analysis/analysis.h"

#include <string.h>

/* Pixels. */
#define WIDTH 1720
#define MARGIN 32
#define TITLE_SCALE 3
#define SCALE 2
#define LINE 26
#define HEADER (MARGIN + VTR_GLYPH_HEIGHT * TITLE_SCALE + 2 * LINE + 54)
#define CURVES_LEFT (MARGIN + 66)
#define CURVES_WIDTH 420
#define CURVES_STEP 512
#define BARS_LEFT 1260 /* names stand before it */
#define BARS_RIGHT (WIDTH - MARGIN - 92)
#define NAMES_LEFT 1092
#define PLOT_HEIGHT 240
#define PLOT_TOP LINE
#define ROW (LINE + PLOT_HEIGHT + 2 * LINE + 58)

#define BACKGROUND 0xffffff
#define DARK 0x20242c
#define DIM 0x626c7a

static const struct
{
  const char *title;
  const char *axis;
} labels[] = {
  [VTR_MEASURE_PATCH_DELETION] = { "Patches taken away", "patches taken away" },
  [VTR_MEASURE_PATCH_INSERTION] = { "Patches added", "patches added" },
  [VTR_MEASURE_PIXEL_DELETION] = { "Pixels deleted", "pixels deleted" },
  [VTR_MEASURE_PIXEL_INSERTION] = { "Pixels inserted", "pixels inserted" },
  [VTR_MEASURE_POSITIVE] = { "Positive perturbation", "pixels blackened, greatest first" },
  [VTR_MEASURE_NEGATIVE] = { "Negative perturbation", "pixels blackened, least first" },
};
G_STATIC_ASSERT (G_N_ELEMENTS (labels) == VTR_N_MEASURES);

static const char *const quantity_names[] = {
  [VTR_QUANTITY_PROBABILITY] = "probability of the class",
  [VTR_QUANTITY_DIFFERENCE] = "logit of one class less the other's",
  [VTR_QUANTITY_LOG_ODDS] = "log-odds of the class",
  [VTR_QUANTITY_COSINE] = "cosine of embeddings",
};

static void
draw_text (VtrDrawing *drawing,
           double x,
           double y,
           VtrAnchor anchor,
           guint32 color,
           const char *text)
{
  vtr_drawing_add_text (drawing, (VtrPoint){ x, y }, SCALE, anchor, color, text);
}

static void
draw_header (VtrDrawing *drawing, const VtrEvaluation *evaluation, const char *title)
{
  const guint n = vtr_evaluation_get_n_pictures (evaluation);
  const double y = MARGIN + VTR_GLYPH_HEIGHT * TITLE_SCALE;
  g_autofree char *what =
      g_strdup_printf ("Mean of %u picture%s: %s%s", n, n == 1 ? "" : "s",
                       quantity_names[vtr_evaluation_get_quantity (evaluation)],
                       vtr_evaluation_get_quantity (evaluation) == VTR_QUANTITY_PROBABILITY
                           ? "; of perturbations: share still taken for it"
                           : "");

  vtr_drawing_add_text (drawing, (VtrPoint){ MARGIN, MARGIN + 7 * TITLE_SCALE }, TITLE_SCALE,
                        VTR_ANCHOR_START, DARK, title);
  draw_text (drawing, MARGIN, y + LINE, VTR_ANCHOR_START, DIM, what);
  draw_text (drawing, MARGIN, y + 2 * LINE, VTR_ANCHOR_START, DIM,
             "Grey: random orders. Band, whiskers: 95 % interval over the pictures. "
             "Pale bars: not better than random. Bold: ranked first.");
}

static void
draw_curves (VtrDrawing *drawing,
             const VtrEvaluation *evaluation,
             const guint *ranks,
             VtrContest contest,
             double top)
{
  VtrMeasure measures[2];

  vtr_contest_get_measures (contest, &measures[0], &measures[1]);
  for (guint i = 0; i < 2; i++)
    {
      const double left = CURVES_LEFT + i * CURVES_STEP;
      const VtrFrame frame = { left, top + PLOT_TOP, left + CURVES_WIDTH,
                               top + PLOT_TOP + PLOT_HEIGHT };

      if (!vtr_measures_have (vtr_evaluation_get_measures (evaluation), measures[i]))
        continue;
      draw_text (drawing, frame.left, top, VTR_ANCHOR_START, DARK, labels[measures[i]].title);
      draw_text (drawing, frame.right, top, VTR_ANCHOR_END, DIM,
                 i == 0 ? "low is good" : "high is good");
      draw_text (drawing, (frame.left + frame.right) / 2, frame.bottom + 2 * LINE + 4,
                 VTR_ANCHOR_MIDDLE, DIM, labels[measures[i]].axis);
      vtr_chart_draw_curves (drawing, &frame, evaluation, ranks, contest, measures[i]);
    }
}

/* What the score is: "added - taken away". */
static char *
describe_score (const VtrEvaluation *evaluation, VtrContest contest)
{
  static const char *const words[][2] = {
    [VTR_CONTEST_PATCH] = { "taken away", "added" },
    [VTR_CONTEST_PIXEL] = { "deleted", "inserted" },
    [VTR_CONTEST_PERTURBATION] = { "positive", "negative" },
  };
  const VtrMeasures measures = vtr_evaluation_get_measures (evaluation);
  VtrMeasure fall, stay;

  vtr_contest_get_measures (contest, &fall, &stay);
  if (!vtr_measures_have (measures, fall))
    return g_strdup_printf ("area below: %s", words[contest][1]);
  if (!vtr_measures_have (measures, stay))
    return g_strdup_printf ("area below: - %s", words[contest][0]);
  return g_strdup_printf ("area below: %s - %s", words[contest][1], words[contest][0]);
}

static void
draw_bars (VtrDrawing *drawing,
           const VtrEvaluation *evaluation,
           const guint *ranks,
           VtrContest contest,
           double top)
{
  const VtrFrame frame = { BARS_LEFT, top + PLOT_TOP, BARS_RIGHT, top + PLOT_TOP + PLOT_HEIGHT };
  g_autofree char *score = describe_score (evaluation, contest);

  draw_text (drawing, NAMES_LEFT, top, VTR_ANCHOR_START, DARK, "Better than random orders by");
  draw_text (drawing, (frame.left + frame.right) / 2, frame.bottom + 2 * LINE + 4,
             VTR_ANCHOR_MIDDLE, DIM, score);
  vtr_chart_draw_bars (drawing, &frame, evaluation, ranks, contest);
}

void
vtr_chart_init (VtrDrawing *drawing, const VtrEvaluation *evaluation, const char *title)
{
  g_autofree guint *ranks = vtr_evaluation_rank (evaluation);
  guint n_rows = 0;

  for (guint contest = 0; contest < VTR_N_CONTESTS; contest++)
    n_rows += vtr_evaluation_has_contest (evaluation, contest);
  vtr_drawing_init (drawing, WIDTH, HEADER + n_rows * ROW, BACKGROUND);
  draw_header (drawing, evaluation, title);

  double top = HEADER;
  for (guint contest = 0; contest < VTR_N_CONTESTS; contest++)
    {
      if (!vtr_evaluation_has_contest (evaluation, contest))
        continue;
      draw_curves (drawing, evaluation, ranks, contest, top);
      draw_bars (drawing, evaluation, ranks, contest, top);
      top += ROW;
    }
}

/* ---- files ---- */

static gboolean
save_svg (const VtrDrawing *drawing, const char *stem, GError **error)
{
  g_autofree char *path = g_strconcat (stem, ".svg", NULL);
  char *svg = vtr_drawing_to_svg (drawing);
  g_autoptr (GBytes) bytes = g_bytes_new_take (svg, strlen (svg));

  return vtr_write_atomically (path, bytes, error);
}

static gboolean
save_png (const VtrDrawing *drawing, const char *stem, GError **error)
{
  g_autofree char *path = g_strconcat (stem, ".png", NULL);
  g_autoptr (VtrImage) image = vtr_drawing_to_image (drawing, error);

  return image != NULL && vtr_image_save (image, path, 0, error);
}

gboolean
vtr_evaluation_save_charts (const VtrEvaluation *self,
                            const char *title,
                            const char *stem,
                            GError **error)
{
  g_return_val_if_fail (self != NULL && title != NULL && stem != NULL, FALSE);
  g_return_val_if_fail (vtr_evaluation_get_n_pictures (self) > 0, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  VtrDrawing drawing;

  vtr_chart_init (&drawing, self, title);
  const gboolean ok = save_png (&drawing, stem, error) && save_svg (&drawing, stem, error);
  vtr_drawing_clear (&drawing);
  return ok;
}
