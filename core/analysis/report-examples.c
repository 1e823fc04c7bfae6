/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Pictures in the report. */
#include "analysis/analysis.h"
#include "io/io.h"

/* Of the long edge of a picture in the page, pixels. */
#define EDGE 132
#define OPACITY 0.65

void
vtr_report_add_image (GString *html, const VtrImage *image, const char *attributes)
{
  g_autoptr (GBytes) png =
      vtr_png_encode_rgba (vtr_image_get_rgba (image), vtr_image_get_width (image),
                           vtr_image_get_height (image), NULL, 0, NULL);

  if (png == NULL) /* no memory for a picture: the page goes without it */
    return;
  g_autofree char *text = g_base64_encode (g_bytes_get_data (png, NULL), g_bytes_get_size (png));
  g_string_append_printf (html, "<img %s src=\"data:image/png;base64,%s\">", attributes, text);
}

/* @top over @bottom, both of one size. */
static VtrImage *
blend (const VtrImage *bottom, const VtrImage *top)
{
  const guint width = vtr_image_get_width (bottom), height = vtr_image_get_height (bottom);
  const gsize n = (gsize) width * height;
  const guint8 *under = vtr_image_get_rgba (bottom), *over = vtr_image_get_rgba (top);
  g_autofree guint8 *rgba = g_malloc (n * 4);

  for (gsize i = 0; i < n; i++)
    {
      const double share = OPACITY * over[4 * i + 3] / 255.0;

      for (guint c = 0; c < 3; c++)
        rgba[4 * i + c] =
            (guint8) (under[4 * i + c] * (1.0 - share) + over[4 * i + c] * share + 0.5);
      rgba[4 * i + 3] = 255;
    }
  return vtr_image_new (width, height, rgba, (gsize) width * 4);
}

static void
add_layer (GString *html, const VtrObservation *observation, const VtrImage *small, guint layer)
{
  VtrInput *input = vtr_observation_get_input (observation);
  g_autoptr (VtrMap) map =
      vtr_map_new (vtr_input_get_n_rows (input), vtr_input_get_n_columns (input),
                   vtr_observation_get_map (observation, layer), (int) layer, VTR_FUSED, "");
  g_autoptr (VtrImage) colors = vtr_map_colorize_at (map, input, NULL, vtr_image_get_width (small),
                                                     vtr_image_get_height (small), NULL);
  g_autofree char *attributes = g_strdup_printf ("alt=\"layer %u\"", layer);

  if (colors == NULL)
    return;
  g_autoptr (VtrImage) both = blend (small, colors);
  g_string_append (html, "<figure>");
  vtr_report_add_image (html, both, attributes);
  g_string_append_printf (html, "<figcaption>%u</figcaption></figure>\n", layer);
}

static void
add_example (GString *html, const VtrAnalysis *analysis, const VtrObservation *observation)
{
  const VtrImage *image = vtr_input_get_image (vtr_observation_get_input (observation));
  guint width, height;

  vtr_image_fit (image, EDGE, &width, &height);
  g_autoptr (VtrImage) small = vtr_image_scale (image, width, height, NULL);
  if (small == NULL)
    return;
  g_string_append (html, "<div class=\"strip\"><figure>");
  vtr_report_add_image (html, small, "alt=\"the picture\"");
  g_string_append (html, "<figcaption>picture</figcaption></figure>\n");
  for (guint layer = 0; layer < analysis->n_layers; layer++)
    add_layer (html, observation, small, layer);
  g_string_append (html, "</div>\n");
}

void
vtr_report_add_examples (GString *html, const VtrAnalysis *analysis)
{
  for (guint i = 0; i < analysis->examples->len; i++)
    add_example (html, analysis, g_ptr_array_index (analysis->examples, i));
}
