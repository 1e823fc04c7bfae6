/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/config.h"

#include <string.h>

/* Pillow's numbers for its filters, in their order. */
static const VtrFilter pillow_filters[] = {
  VTR_FILTER_NEAREST, VTR_FILTER_LANCZOS, VTR_FILTER_BILINEAR,
  VTR_FILTER_BICUBIC, VTR_FILTER_BOX,     VTR_FILTER_HAMMING,
};

/*
 * Image processors of transformers: whether a bare number as "size" means the short edge (for
 * older files; newer ones say {"shortest_edge": n} or {"height": n, "width": n}).
 */
static const struct
{
  const char *processor; /* without ImageProcessor(Fast|Pil) or FeatureExtractor */
  gboolean short_edge;
} processors[] = {
  { "ViT", FALSE }, { "DeiT", FALSE }, { "DINOv3ViT", FALSE }, { "CLIP", TRUE }, { "Bit", TRUE },
};

static gboolean
number_means_short_edge (const VtrPreprocess *family, const char *type)
{
  for (guint i = 0; type != NULL && i < G_N_ELEMENTS (processors); i++)
    {
      const gsize n = strlen (processors[i].processor);
      if (strncmp (type, processors[i].processor, n) == 0 &&
          (g_str_has_prefix (type + n, "ImageProcessor") ||
           g_str_has_prefix (type + n, "FeatureExtractor")))
        return processors[i].short_edge;
    }
  return family->resize == VTR_RESIZE_SHORT_EDGE;
}

static gboolean
refuse_size (VtrConfig *config, const char *key, GError **error)
{
  g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
               "%s: \"%s\" is none of a number, {\"shortest_edge\"} and {\"height\", \"width\"}.",
               vtr_config_get_label (config), key);
  return FALSE;
}

static gboolean
read_size (VtrPreprocess *self, VtrConfig *config, const char *type, GError **error)
{
  g_autoptr (VtrConfig) size = vtr_config_get_child (config, "size", NULL);

  if (!vtr_config_has (config, "size"))
    return TRUE;
  if (size == NULL)
    {
      guint height = 0, width = 0;
      if (!vtr_config_get_size (config, "size", &height, &width, error))
        return FALSE;
      self->resize = height == width && number_means_short_edge (self, type) ? VTR_RESIZE_SHORT_EDGE
                                                                             : VTR_RESIZE_EXACT;
      self->resize_height = height;
      self->resize_width = width;
      return TRUE;
    }
  if (vtr_config_has (size, "shortest_edge") && !vtr_config_has (size, "longest_edge"))
    {
      self->resize = VTR_RESIZE_SHORT_EDGE;
      if (!vtr_config_get_uint (size, "shortest_edge", &self->resize_height, error))
        return FALSE;
      self->resize_width = self->resize_height;
      return TRUE;
    }
  if (!vtr_config_has (size, "height") || !vtr_config_has (size, "width"))
    return refuse_size (config, "size", error);
  self->resize = VTR_RESIZE_EXACT;
  return vtr_config_get_uint (size, "height", &self->resize_height, error) &&
         vtr_config_get_uint (size, "width", &self->resize_width, error);
}

static gboolean
read_crop (VtrPreprocess *self, VtrConfig *config, GError **error)
{
  g_autoptr (VtrConfig) size = vtr_config_get_child (config, "crop_size", NULL);

  if (!vtr_config_get_boolean (config, "do_center_crop", &self->crop, error))
    return FALSE;
  if (size == NULL)
    return vtr_config_get_size (config, "crop_size", &self->crop_height, &self->crop_width, error);
  if (!vtr_config_has (size, "height") || !vtr_config_has (size, "width"))
    return refuse_size (config, "crop_size", error);
  return vtr_config_get_uint (size, "height", &self->crop_height, error) &&
         vtr_config_get_uint (size, "width", &self->crop_width, error);
}

static gboolean
read_values (VtrPreprocess *self, VtrConfig *config, GError **error)
{
  gboolean rescale = TRUE, normalize = TRUE;

  if (!vtr_config_get_boolean (config, "do_rescale", &rescale, error) ||
      !vtr_config_get_boolean (config, "do_normalize", &normalize, error) ||
      !vtr_config_get_double (config, "rescale_factor", &self->rescale, error) ||
      !vtr_config_get_numbers (config, "image_mean", self->mean, 3, error) ||
      !vtr_config_get_numbers (config, "image_std", self->std, 3, error))
    return FALSE;
  if (!rescale)
    self->rescale = 1.0;
  for (guint i = 0; i < 3; i++)
    {
      if (!normalize)
        {
          self->mean[i] = 0.0;
          self->std[i] = 1.0;
        }
      if (self->std[i] == 0.0)
        {
          g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
                       "%s: “image_std” has a zero, by which nothing can be divided.",
                       vtr_config_get_label (config));
          return FALSE;
        }
    }
  return TRUE;
}

gboolean
vtr_preprocess_read_hf (VtrPreprocess *preprocess, VtrConfig *config, GError **error)
{
  const char *type = NULL;
  gboolean resize = TRUE;
  guint filter = G_MAXUINT;

  if (!vtr_config_get_string (config, "feature_extractor_type", &type, error) ||
      !vtr_config_get_string (config, "image_processor_type", &type, error) ||
      !vtr_config_get_boolean (config, "do_resize", &resize, error) ||
      !vtr_config_get_uint (config, "resample", &filter, error) ||
      !read_size (preprocess, config, type, error) || !read_crop (preprocess, config, error) ||
      !read_values (preprocess, config, error))
    return FALSE;
  if (vtr_config_has (config, "resample"))
    {
      if (filter >= G_N_ELEMENTS (pillow_filters))
        {
          g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
                       "%s: “resample” is %u, which is no filter of Pillow.",
                       vtr_config_get_label (config), filter);
          return FALSE;
        }
      preprocess->filter = pillow_filters[filter];
    }
  if (!resize)
    preprocess->resize = VTR_RESIZE_NONE;
  return TRUE;
}
