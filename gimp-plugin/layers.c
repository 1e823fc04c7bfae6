/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "layers.h"
#include "i18n.h"

#include <math.h>
#include <string.h>

/* ---------------------------------------------------------------- names */

/* "raw · starter", "relevance · tabby cat · starter" */
static char *
make_group_name (const VtrExplanation *explanation)
{
  VtrModel *model = vtr_explanation_get_model (explanation);
  const char *method = vtr_method_get_name (vtr_explanation_get_method (explanation));
  VtrTarget *target = vtr_explanation_get_target (explanation, NULL);

  if (target == NULL || !vtr_method_takes_target (method))
    return g_strdup_printf ("%s · %s", method, vtr_model_get_name (model));
  g_autofree char *question = vtr_target_describe (target, model);
  return g_strdup_printf ("%s · %s · %s", method, question, vtr_model_get_name (model));
}

/* "L11 H3", "L11"; where all is fused, the method. */
static char *
make_map_name (const VtrExplanation *explanation, const VtrMap *map)
{
  const int layer = vtr_map_get_layer (map);
  const int head = vtr_map_get_head (map);

  if (layer == VTR_FUSED)
    return g_strdup (vtr_method_get_name (vtr_explanation_get_method (explanation)));
  if (head == VTR_FUSED)
    return g_strdup_printf ("L%d", layer);
  return g_strdup_printf ("L%d H%d", layer, head);
}

static char *
make_layer_name (const VtrExplanation *explanation, const VtrMap *map, gboolean is_summary)
{
  const VtrScore *score = vtr_explanation_get_score (explanation);
  char *name = make_map_name (explanation, map);

  if (!is_summary || score == NULL)
    return name;
  g_autofree char *bare = name;
  g_autofree char *worth = vtr_score_describe (score);
  return g_strdup_printf ("%s  %s", bare, worth);
}

/* ---------------------------------------------------------------- layers */

/* null for what is fused */
static void
append_index (GString *json, const char *name, int index)
{
  if (index == VTR_FUSED)
    g_string_append_printf (json, "\"%s\":null,", name);
  else
    g_string_append_printf (json, "\"%s\":%d,", name, index);
}

static char *
make_layer_parasite (const VtrMap *map)
{
  g_autoptr (GString) json = g_string_new ("{");
  char min_text[G_ASCII_DTOSTR_BUF_SIZE];
  char max_text[G_ASCII_DTOSTR_BUF_SIZE];
  float min;
  float max;

  vtr_map_get_range (map, &min, &max);
  append_index (json, "layer", vtr_map_get_layer (map));
  append_index (json, "head", vtr_map_get_head (map));
  g_string_append_printf (json, "\"min\":%s,\"max\":%s}",
                          g_ascii_formatd (min_text, sizeof min_text, "%.9g", min),
                          g_ascii_formatd (max_text, sizeof max_text, "%.9g", max));
  return g_string_free (g_steal_pointer (&json), FALSE);
}

static void
set_layer (VgpLayers *self, guint index, VtrMap *map, gboolean is_summary)
{
  self->layers[index] = (VgpLayer){
    .name = make_layer_name (self->explanation, map, is_summary),
    .parasite = make_layer_parasite (map),
    .map = vtr_map_ref (map),
  };
}

/* The maps lie as in a stack: the last layer on top, the heads of a layer in their order. */
static void
stack_maps (VgpLayers *self)
{
  const guint n_maps = vtr_explanation_get_n_maps (self->explanation);
  guint end = n_maps;

  self->layers = g_new0 (VgpLayer, n_maps);
  while (end > 0)
    {
      const int layer = vtr_map_get_layer (vtr_explanation_get_map (self->explanation, end - 1));
      guint start = end - 1;

      while (start > 0 &&
             vtr_map_get_layer (vtr_explanation_get_map (self->explanation, start - 1)) == layer)
        start--;
      for (guint i = start; i < end; i++)
        set_layer (self, self->n_layers++, vtr_explanation_get_map (self->explanation, i), FALSE);
      end = start;
    }
}

VgpLayers *
vgp_layers_new (VtrExplanation *explanation, const VgpPicture *picture, VgpSettings *settings)
{
  VgpLayers *self = g_new0 (VgpLayers, 1);
  const char *style = vgp_settings_get (settings, "style");
  const gboolean is_grey = strcmp (style, "grey") == 0;

  self->explanation = vtr_explanation_ref (explanation);
  self->name = make_group_name (explanation);
  self->rect = picture->rect;
  self->pixels = is_grey ? VGP_PIXELS_GREY : VGP_PIXELS_RGBA;
  self->colormap = g_strdup (vgp_settings_get (settings, "colormap"));
  self->alpha_of_map = strcmp (style, "alpha") == 0;
  self->opacity = vgp_settings_get_number (settings, "opacity") / 100.0;
  self->mode = g_strdup (vgp_settings_get (settings, "mode"));
  if (strcmp (vgp_settings_get (settings, "show"), "fused") != 0 &&
      vtr_explanation_get_n_maps (explanation) > 1)
    {
      stack_maps (self);
      return self;
    }
  self->layers = g_new0 (VgpLayer, 1);
  self->n_layers = 1;
  set_layer (self, 0, vtr_explanation_get_summary (explanation), TRUE);
  return self;
}

void
vgp_layers_free (VgpLayers *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < self->n_layers; i++)
    {
      g_free (self->layers[i].name);
      g_free (self->layers[i].parasite);
      vtr_map_unref (self->layers[i].map);
    }
  g_free (self->layers);
  g_clear_pointer (&self->explanation, vtr_explanation_unref);
  g_free (self->name);
  g_free (self->colormap);
  g_free (self->mode);
  g_free (self);
}

/* ---------------------------------------------------------------- pixels */

static void
set_memory_error (GError **error, const VgpRect *rect)
{
  g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY,
               _ ("There is not enough memory for a layer of %u × %u pixels."), rect->width,
               rect->height);
}

/* [height][width]: 0 at the map's least value, 1 at its greatest, NaN where no patch covers. */
static float *
make_shares (const VgpLayers *self, const VtrMap *map, GError **error)
{
  const gsize n_pixels = (gsize) self->rect.width * self->rect.height;
  float *shares = g_try_new (float, n_pixels);
  float min;
  float max;

  if (shares == NULL)
    {
      set_memory_error (error, &self->rect);
      return NULL;
    }
  vtr_map_upsample (map, vtr_explanation_get_input (self->explanation), shares);
  vtr_map_get_range (map, &min, &max);
  const float scale = max > min ? 1.0f / (max - min) : 0.0f;
  for (gsize i = 0; i < n_pixels; i++)
    shares[i] = (shares[i] - min) * scale;
  return shares;
}

static void *
render_grey (const VgpLayers *self, const VtrMap *map, GError **error)
{
  const gsize n_pixels = (gsize) self->rect.width * self->rect.height;
  g_autofree float *shares = make_shares (self, map, error);
  float *grey = shares != NULL ? g_try_new (float, n_pixels * 2) : NULL;

  if (shares == NULL)
    return NULL;
  if (grey == NULL)
    {
      set_memory_error (error, &self->rect);
      return NULL;
    }
  for (gsize i = 0; i < n_pixels; i++)
    {
      grey[2 * i] = isnan (shares[i]) ? 0.0f : CLAMP (shares[i], 0.0f, 1.0f);
      grey[2 * i + 1] = isnan (shares[i]) ? 0.0f : 1.0f;
    }
  return grey;
}

static void *
render_colors (const VgpLayers *self, const VtrMap *map, GError **error)
{
  const gsize n_pixels = (gsize) self->rect.width * self->rect.height;
  g_autoptr (VtrImage) image =
      vtr_map_colorize (map, vtr_explanation_get_input (self->explanation), self->colormap, error);
  g_autofree float *shares = NULL;
  guint8 *rgba;

  if (image == NULL)
    return NULL;
  if (self->alpha_of_map && (shares = make_shares (self, map, error)) == NULL)
    return NULL;
  rgba = g_try_malloc (n_pixels * 4);
  if (rgba == NULL)
    {
      set_memory_error (error, &self->rect);
      return NULL;
    }
  memcpy (rgba, vtr_image_get_rgba (image), n_pixels * 4);
  for (gsize i = 0; shares != NULL && i < n_pixels; i++)
    if (!isnan (shares[i]))
      rgba[4 * i + 3] = (guint8) (CLAMP (shares[i], 0.0f, 1.0f) * 255.0f + 0.5f);
  return rgba;
}

void *
vgp_layers_render (const VgpLayers *self, guint index, GError **error)
{
  g_return_val_if_fail (index < self->n_layers, NULL);

  const VtrMap *map = self->layers[index].map;
  return self->pixels == VGP_PIXELS_GREY ? render_grey (self, map, error)
                                         : render_colors (self, map, error);
}
