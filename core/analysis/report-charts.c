/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * Charts of the report: SVG inside of HTML.  All places are whole pixels, which every locale writes
 * alike; hovering over a mark says its number.
 */
#include "analysis/analysis.h"

#include <math.h>

/* Pixels. */
#define WIDTH 560
#define HEIGHT 250
#define LEFT 58
#define RIGHT 14
#define TOP 12
#define BOTTOM 36
#define DOT 4
#define FIELD_WIDTH 26
#define FIELD_HEIGHT 20
#define GRID_LEFT 30
#define GRID_TOP 18
#define N_TICKS 4
#define MATRIX_EDGE 640

static const guint32 colors[] = {
  [VTR_PATTERN_ARTIFACT_SINK] = 0xc0392b, [VTR_PATTERN_PREFIX_SINK] = 0x8e5ea2,
  [VTR_PATTERN_UNIFORM] = 0x9aa5b1,       [VTR_PATTERN_POSITIONAL] = 0x3a7ca5,
  [VTR_PATTERN_LOCAL] = 0x2a9d8f,         [VTR_PATTERN_FOCUSED] = 0xe9a23b,
  [VTR_PATTERN_GLOBAL] = 0x4c6ef5,        [VTR_PATTERN_MIXED] = 0xc9ced6,
};
G_STATIC_ASSERT (G_N_ELEMENTS (colors) == VTR_N_PATTERNS);

guint32
vtr_report_get_color (VtrPattern pattern)
{
  return colors[pattern];
}

const char *
vtr_report_format (double value, char *text)
{
  const double size = fabs (value);

  if (isnan (value))
    return "–";
  return g_ascii_formatd (text, G_ASCII_DTOSTR_BUF_SIZE,
                          size >= 100.0  ? "%.0f"
                          : size >= 10.0 ? "%.1f"
                                         : "%.3f",
                          value);
}

/* ---- axes ---- */

/* Numbers from 0 or @low to @high, over the layers. */
typedef struct
{
  guint n_layers;
  double low;
  double high;
} Axes;

/* 1, 2 or 5 times a power of ten, not below @value. */
static double
round_up (double value)
{
  const double power = pow (10.0, floor (log10 (value)));
  const double digits = value / power;

  return power * (digits <= 1.0 ? 1.0 : digits <= 2.0 ? 2.0 : digits <= 5.0 ? 5.0 : 10.0);
}

static Axes
axes_for (guint n_layers, double low, double high)
{
  return (Axes){
    .n_layers = n_layers,
    .low = low < 0.0 ? -round_up (-low) : 0.0,
    .high = high > 0.0 ? round_up (high) : 1.0,
  };
}

static int
x_of (const Axes *axes, double layer)
{
  return LEFT + (int) lround ((layer + 0.5) / axes->n_layers * (WIDTH - LEFT - RIGHT));
}

static int
y_of (const Axes *axes, double value)
{
  const double share = (value - axes->low) / (axes->high - axes->low);

  return HEIGHT - BOTTOM - (int) lround (share * (HEIGHT - TOP - BOTTOM));
}

static void
begin_chart (GString *html, const VtrStatisticInfo *info, const char *more, const Axes *axes)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  const guint step = (axes->n_layers + 15) / 16;

  g_string_append_printf (html,
                          "<figure><figcaption>%s%s%s%s%s</figcaption>"
                          "<svg viewBox=\"0 0 %d %d\" role=\"img\">\n",
                          info->title, more, info->unit[0] != '\0' ? " (" : "", info->unit,
                          info->unit[0] != '\0' ? ")" : "", WIDTH, HEIGHT);
  for (guint i = 0; i <= N_TICKS; i++)
    {
      const double value = axes->low + (axes->high - axes->low) * i / N_TICKS;
      const int y = y_of (axes, value);

      g_string_append_printf (html,
                              "<path class=\"tick\" d=\"M%d %dH%d\"/>"
                              "<text x=\"%d\" y=\"%d\" class=\"end\">%s</text>\n",
                              LEFT, y, WIDTH - RIGHT, LEFT - 8, y + 4,
                              vtr_report_format (value, text));
    }
  for (guint layer = 0; layer < axes->n_layers; layer += step)
    g_string_append_printf (html, "<text x=\"%d\" y=\"%d\" class=\"middle\">%u</text>\n",
                            x_of (axes, layer), HEIGHT - BOTTOM + 16, layer);
  g_string_append_printf (html, "<text x=\"%d\" y=\"%d\" class=\"middle\">layer</text>\n",
                          LEFT + (WIDTH - LEFT - RIGHT) / 2, HEIGHT - 4);
}

static void
end_chart (GString *html)
{
  g_string_append (html, "</svg></figure>\n");
}

/* ---- heads over depth ---- */

static const char *
describe_reading (VtrReading reading)
{
  static const char *const texts[] = {
    [VTR_READING_ALL] = "",
    [VTR_READING_ALL_PATCHES] = ", patches alone",
    [VTR_READING_CLS] = " of CLS",
    [VTR_READING_CLS_PATCHES] = " of CLS, patches alone",
  };

  return texts[reading];
}

static void
find_range (const VtrAnalysis *analysis,
            VtrStatistic statistic,
            VtrReading reading,
            double *low,
            double *high)
{
  *low = INFINITY;
  *high = -INFINITY;
  for (guint layer = 0; layer < analysis->n_layers; layer++)
    for (guint head = 0; head < analysis->n_heads; head++)
      {
        const double mean = vtr_analysis_get_mean (analysis, statistic, reading, layer, head);

        *low = fmin (*low, mean);
        *high = fmax (*high, mean);
      }
}

static void
add_dots (GString *html,
          const VtrAnalysis *analysis,
          const Axes *axes,
          VtrStatistic statistic,
          VtrReading reading,
          guint layer)
{
  const guint n_heads = vtr_analysis_get_n_heads_in (analysis, layer);
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  for (guint head = 0; head < n_heads; head++)
    {
      const double mean = vtr_analysis_get_mean (analysis, statistic, reading, layer, head);
      const VtrPattern pattern = vtr_analysis_get_pattern (analysis, layer, head);
      /* Side by side, so that heads alike do not hide each other. */
      const double x = layer + 0.6 * ((head + 0.5) / n_heads - 0.5);

      if (isnan (mean))
        continue;
      g_string_append_printf (html,
                              "<circle cx=\"%d\" cy=\"%d\" r=\"%d\" fill=\"#%06x\">"
                              "<title>layer %u, head %u: %s (%s)</title></circle>\n",
                              x_of (axes, x), y_of (axes, mean), DOT, colors[pattern], layer, head,
                              vtr_report_format (mean, text), vtr_pattern_get_name (pattern));
    }
}

void
vtr_report_add_heads_chart (GString *html,
                            const VtrAnalysis *analysis,
                            VtrStatistic statistic,
                            VtrReading reading)
{
  double low, high;

  find_range (analysis, statistic, reading, &low, &high);
  if (high < low)
    return;
  const Axes axes = axes_for (analysis->n_layers, low, high);
  begin_chart (html, vtr_statistic_get_info (statistic), describe_reading (reading), &axes);
  for (guint layer = 0; layer < analysis->n_layers; layer++)
    add_dots (html, analysis, &axes, statistic, reading, layer);
  g_string_append (html, "<path class=\"line\" d=\"");
  for (guint layer = 0; layer < analysis->n_layers; layer++)
    g_string_append_printf (html, "%c%d %d", layer == 0 ? 'M' : 'L', x_of (&axes, layer),
                            y_of (&axes, vtr_analysis_get_layer_mean (analysis, statistic, reading,
                                                                      layer)));
  g_string_append (html, "\"/>\n");
  end_chart (html);
}

/* ---- tokens over depth ---- */

void
vtr_report_add_tokens_chart (GString *html,
                             const VtrAnalysis *analysis,
                             VtrTokenStatistic statistic)
{
  const guint n = analysis->n_layers;
  g_autofree VtrDistribution *points = g_new (VtrDistribution, n);
  guint first = 0;
  double low = 0.0, high = 0.0;
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  for (guint layer = 0; layer < n; layer++)
    {
      points[layer] = vtr_analysis_get_of_tokens (analysis, statistic, layer);
      low = fmin (low, points[layer].percentiles[0]);
      high = fmax (high, points[layer].percentiles[4]);
    }
  while (first < n && points[first].n == 0) /* nothing comes before the first layer */
    first++;

  const Axes axes = axes_for (n, low, high);
  begin_chart (html, vtr_token_statistic_get_info (statistic), "", &axes);
  g_string_append (html, "<path class=\"band\" d=\"");
  for (guint layer = first; layer < n; layer++)
    g_string_append_printf (html, "%c%d %d", layer == first ? 'M' : 'L', x_of (&axes, layer),
                            y_of (&axes, points[layer].percentiles[4]));
  for (guint layer = n; layer-- > first;)
    g_string_append_printf (html, "L%d %d", x_of (&axes, layer),
                            y_of (&axes, points[layer].percentiles[0]));
  g_string_append (html, "Z\"/>\n<path class=\"line\" d=\"");
  for (guint layer = first; layer < n; layer++)
    g_string_append_printf (html, "%c%d %d", layer == first ? 'M' : 'L', x_of (&axes, layer),
                            y_of (&axes, points[layer].mean));
  g_string_append (html, "\"/>\n");
  for (guint layer = first; layer < n; layer++)
    g_string_append_printf (html,
                            "<circle class=\"point\" cx=\"%d\" cy=\"%d\" r=\"%d\">"
                            "<title>layer %u: %s</title></circle>\n",
                            x_of (&axes, layer), y_of (&axes, points[layer].mean), DOT - 1, layer,
                            vtr_report_format (points[layer].mean, text));
  end_chart (html);
}

/* ---- layers × heads ---- */

/* Layers go down, heads to the right. */
static void
begin_grid (GString *html, const VtrAnalysis *analysis, const char *title, const char *more)
{
  const int width = GRID_LEFT + FIELD_WIDTH * (int) analysis->n_heads + 4;
  const int height = GRID_TOP + FIELD_HEIGHT * (int) analysis->n_layers + 4;

  g_string_append_printf (html,
                          "<figure class=\"grid\"><figcaption>%s%s</figcaption>"
                          "<svg width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n",
                          title, more, width, height, width, height);
  for (guint head = 0; head < analysis->n_heads; head++)
    g_string_append_printf (html, "<text x=\"%d\" y=\"12\" class=\"middle\">%u</text>\n",
                            GRID_LEFT + FIELD_WIDTH * (int) head + FIELD_WIDTH / 2, head);
  for (guint layer = 0; layer < analysis->n_layers; layer++)
    g_string_append_printf (html, "<text x=\"%d\" y=\"%d\" class=\"end\">%u</text>\n",
                            GRID_LEFT - 8, GRID_TOP + FIELD_HEIGHT * (int) layer + 14, layer);
}

static void
add_field (GString *html, guint layer, guint head, guint32 color, const char *says)
{
  g_string_append_printf (html,
                          "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#%06x\">"
                          "<title>layer %u, head %u: %s</title></rect>\n",
                          GRID_LEFT + FIELD_WIDTH * (int) head,
                          GRID_TOP + FIELD_HEIGHT * (int) layer, FIELD_WIDTH - 1, FIELD_HEIGHT - 1,
                          color, layer, head, says);
}

/* The colour of a number among those from @low to @high. */
static guint32
pick_color (guint8 map[VTR_N_COLORS][3], double value, double low, double high)
{
  const double share = high > low ? (value - low) / (high - low) : 0.5;
  const guint8 *color = map[(guint) lround (CLAMP (share, 0.0, 1.0) * (VTR_N_COLORS - 1))];

  return (guint32) color[0] << 16 | (guint32) color[1] << 8 | color[2];
}

void
vtr_report_add_grid (GString *html,
                     const VtrAnalysis *analysis,
                     VtrStatistic statistic,
                     VtrReading reading)
{
  guint8 map[VTR_N_COLORS][3];
  char text[G_ASCII_DTOSTR_BUF_SIZE], least[G_ASCII_DTOSTR_BUF_SIZE];
  double low, high;

  find_range (analysis, statistic, reading, &low, &high);
  if (!(high > low)) /* no numbers, or all the same: registers of a model that has none */
    return;
  vtr_colormap_fill (NULL, map, NULL);
  begin_grid (html, analysis, vtr_statistic_get_info (statistic)->title,
              describe_reading (reading));
  for (guint layer = 0; layer < analysis->n_layers; layer++)
    for (guint head = 0; head < analysis->n_heads; head++)
      {
        const double mean = vtr_analysis_get_mean (analysis, statistic, reading, layer, head);

        if (!isnan (mean))
          add_field (html, layer, head, pick_color (map, mean, low, high),
                     vtr_report_format (mean, text));
      }
  g_string_append_printf (html, "</svg><p class=\"range\">dark %s … bright %s</p></figure>\n",
                          vtr_report_format (low, least), vtr_report_format (high, text));
}

void
vtr_report_add_patterns (GString *html, const VtrAnalysis *analysis)
{
  guint counts[VTR_N_PATTERNS] = { 0 };

  begin_grid (html, analysis, "Pattern of each head", "");
  for (guint layer = 0; layer < analysis->n_layers; layer++)
    for (guint head = 0; head < vtr_analysis_get_n_heads_in (analysis, layer); head++)
      {
        const VtrPattern pattern = vtr_analysis_get_pattern (analysis, layer, head);

        counts[pattern]++;
        add_field (html, layer, head, colors[pattern], vtr_pattern_get_name (pattern));
      }
  g_string_append (html, "</svg></figure>\n<table class=\"legend\">\n");
  for (guint pattern = 0; pattern < VTR_N_PATTERNS; pattern++)
    g_string_append_printf (html,
                            "<tr><td><span class=\"swatch\" style=\"background:#%06x\"></span>%s"
                            "</td><td class=\"number\">%u</td><td>%s</td></tr>\n",
                            colors[pattern], vtr_pattern_get_name (pattern), counts[pattern],
                            vtr_pattern_get_rule (pattern));
  g_string_append (html, "</table>\n");
}

/* ---- pairs of heads ---- */

void
vtr_report_add_similarity (GString *html, const VtrAnalysis *analysis)
{
  const guint h = analysis->n_heads, n = analysis->n_layers * h;
  g_autofree guint8 *rgba = g_malloc_n ((gsize) n * n, 4);
  guint8 map[VTR_N_COLORS][3];

  vtr_colormap_fill (NULL, map, NULL);
  for (guint a = 0; a < n; a++)
    for (guint b = 0; b < n; b++)
      {
        guint8 *pixel = rgba + 4 * ((gsize) a * n + b);
        double divergence;

        vtr_analysis_get_similarity (analysis, a / h, a % h, b / h, b % h, &divergence, NULL);
        const guint32 color = isnan (divergence) ? 0xffffff : pick_color (map, divergence, 0, 1);
        pixel[0] = (guint8) (color >> 16);
        pixel[1] = (guint8) (color >> 8);
        pixel[2] = (guint8) color;
        pixel[3] = 255;
      }
  g_autoptr (VtrImage) image = vtr_image_new (n, n, rgba, (gsize) n * 4);
  g_autofree char *attributes =
      g_strdup_printf ("class=\"matrix\" width=\"%u\" height=\"%u\" alt=\"Divergences of all pairs "
                       "of heads\"",
                       MAX (MATRIX_EDGE / n, 1) * n, MAX (MATRIX_EDGE / n, 1) * n);

  g_string_append_printf (
      html, "<figure class=\"wide\"><figcaption>Divergence of each pair of heads (bits): head "
            "after head, layer after layer; dark 0, the same; bright 1, nothing in common"
            "</figcaption>");
  vtr_report_add_image (html, image, attributes);
  g_string_append (html, "</figure>\n");
}
