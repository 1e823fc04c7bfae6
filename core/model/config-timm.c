/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/config.h"

#include <math.h>
#include <string.h>

/*
 * What timm's architectures have that neither shapes nor config.json tell: by glob over the name,
 * later rows over earlier ones; 0 leaves what was there.
 */
typedef struct
{
  const char *glob;
  guint hidden_size;
  guint n_heads;
  double norm_eps;
  VtrAct act; /* ERF: nothing special */
  const char *refused;
} TimmRule;

#define SIZE(glob_, hidden_size_, n_heads_)                                                        \
  {                                                                                                \
    .glob = glob_, .hidden_size = hidden_size_, .n_heads = n_heads_                                \
  }

static const TimmRule timm_rules[] = {
  SIZE ("test_vit", 64, 2),
  SIZE ("test_vit2", 64, 2),
  SIZE ("*_tiny_*", 192, 3),
  SIZE ("*_xsmall_*", 256, 4),
  SIZE ("*_wee_*", 256, 4),
  SIZE ("*_little_*", 320, 5),
  SIZE ("*_small_*", 384, 6),
  SIZE ("flexivit_small", 384, 6),
  SIZE ("*_medium*_*", 512, 8),
  SIZE ("*_betwixt_*", 640, 10),
  SIZE ("*_base_*", 768, 12),
  SIZE ("flexivit_base", 768, 12),
  SIZE ("vit_base_patch16_gap_224", 768, 16),
  SIZE ("vit_base_*_plus_*", 896, 14),
  SIZE ("vit_so150m_*", 896, 14),
  SIZE ("vit_so150m2_*", 832, 13),
  SIZE ("*_large_*", 1024, 16),
  SIZE ("flexivit_large", 1024, 16),
  SIZE ("vit_intern300m_*", 1024, 16),
  SIZE ("vit_so400m_*", 1152, 16),
  SIZE ("*_huge_*", 1280, 16),
  SIZE ("*_giant_*", 1408, 16),
  SIZE ("vit_giant_*_dinov2", 1536, 24),
  SIZE ("vit_giantopt_*", 1536, 16),
  SIZE ("*_gigantic_*", 1664, 16),
  { .glob = "vit_giantopt_*", .act = VTR_ACT_GELU_TANH },
  { .glob = "vit_base_patch32_siglip_*", .act = VTR_ACT_GELU_TANH },
  { .glob = "vit_large_patch16_siglip*_512", .act = VTR_ACT_GELU_TANH },
  { .glob = "vit_so400m_patch16_siglip_*", .act = VTR_ACT_GELU_TANH },
  { .glob = "vit_*_clip_*", .norm_eps = 1e-5 },
  { .glob = "vit_*_quickgelu_*", .norm_eps = 1e-5, .act = VTR_ACT_GELU_QUICK },
  { .glob = "vit_*_rpn_*", .refused = "its norms come after the residual branches" },
};

#undef SIZE

static void
apply_rules (VtrStatement *self, const char **refused)
{
  VtrArch *arch = &self->arch;

  for (guint i = 0; i < G_N_ELEMENTS (timm_rules); i++)
    {
      const TimmRule *rule = &timm_rules[i];
      if (!g_pattern_match_simple (rule->glob, self->architecture))
        continue;
      if (rule->n_heads != 0)
        {
          arch->n_heads = rule->n_heads;
          self->natural_width = rule->hidden_size;
          self->stated |= VTR_STATED_N_HEADS;
        }
      if (rule->norm_eps != 0.0)
        arch->norm_eps = rule->norm_eps;
      if (rule->act != VTR_ACT_GELU_ERF)
        arch->act = rule->act;
      if (rule->refused != NULL)
        *refused = rule->refused;
    }
}

static gboolean
read_act (VtrArch *arch, VtrConfig *args, GError **error)
{
  static const struct
  {
    const char *name;
    VtrAct act;
  } acts[] = {
    { "gelu", VTR_ACT_GELU_ERF },       { "gelu_erf", VTR_ACT_GELU_ERF },
    { "gelu_tanh", VTR_ACT_GELU_TANH }, { "quick_gelu", VTR_ACT_GELU_QUICK },
    { "silu", VTR_ACT_SWIGLU }, /* the gated MLPs; infer.c looks at the shapes */
  };
  const char *name = NULL;

  if (!vtr_config_get_string (args, "act_layer", &name, error))
    return FALSE;
  for (guint i = 0; name != NULL && i < G_N_ELEMENTS (acts); i++)
    if (strcmp (name, acts[i].name) == 0)
      {
        arch->act = acts[i].act;
        return TRUE;
      }
  if (name == NULL)
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
               "%s: act_layer “%s” is no activation that Vitreous has.",
               vtr_config_get_label (args), name);
  return FALSE;
}

/* model_args: what the model was built with instead of its architecture's own. */
static gboolean
read_model_args (VtrStatement *self, VtrConfig *args, GError **error)
{
  VtrArch *arch = &self->arch;

  if (!vtr_config_get_uint (args, "embed_dim", &arch->hidden_size, error) ||
      !vtr_config_get_uint (args, "depth", &arch->n_layers, error) ||
      !vtr_config_get_uint (args, "num_heads", &arch->n_heads, error) ||
      !vtr_config_get_uint (args, "patch_size", &arch->patch_size, error) ||
      !vtr_config_get_uint (args, "reg_tokens", &arch->n_registers, error) ||
      !vtr_config_get_boolean (args, "no_embed_class", &self->no_embed_class, error) ||
      !vtr_config_get_string (args, "global_pool", &self->pool, error) ||
      !vtr_config_get_size (args, "img_size", &self->image_height, &self->image_width, error))
    return FALSE;
  self->stated |= (vtr_config_has (args, "embed_dim") ? VTR_STATED_HIDDEN_SIZE : 0) |
                  (vtr_config_has (args, "depth") ? VTR_STATED_N_LAYERS : 0) |
                  (vtr_config_has (args, "num_heads") ? VTR_STATED_N_HEADS : 0) |
                  (vtr_config_has (args, "patch_size") ? VTR_STATED_PATCH_SIZE : 0) |
                  (vtr_config_has (args, "reg_tokens") ? VTR_STATED_N_REGISTERS : 0) |
                  (vtr_config_has (args, "no_embed_class") ? VTR_STATED_NO_EMBED_CLASS : 0);
  return read_act (arch, args, error);
}

static gboolean
filter_of_name (const char *name, VtrFilter *filter)
{
  static const struct
  {
    const char *name;
    VtrFilter filter;
  } filters[] = {
    { "nearest", VTR_FILTER_NEAREST }, { "bilinear", VTR_FILTER_BILINEAR },
    { "bicubic", VTR_FILTER_BICUBIC }, { "lanczos", VTR_FILTER_LANCZOS },
    { "box", VTR_FILTER_BOX },         { "hamming", VTR_FILTER_HAMMING },
    { "random", VTR_FILTER_BILINEAR },
  };

  for (guint i = 0; i < G_N_ELEMENTS (filters); i++)
    if (strcmp (name, filters[i].name) == 0)
      {
        *filter = filters[i].filter;
        return TRUE;
      }
  return FALSE;
}

/* crop_mode: the edge that is brought to crop size / crop_pct before the crop. */
static gboolean
set_crop_mode (VtrPreprocess *preprocess, const char *mode)
{
  const gboolean square = preprocess->crop_width == preprocess->crop_height;

  if (strcmp (mode, "center") == 0)
    preprocess->resize = square ? VTR_RESIZE_SHORT_EDGE : VTR_RESIZE_COVER;
  else if (strcmp (mode, "squash") == 0)
    preprocess->resize = VTR_RESIZE_EXACT;
  else if (strcmp (mode, "border") == 0)
    {
      preprocess->resize = VTR_RESIZE_CONTAIN;
      for (guint i = 0; i < 3; i++)
        preprocess->fill[i] = (guint8) CLAMP (nearbyint (255.0 * preprocess->mean[i]), 0.0, 255.0);
    }
  else
    return FALSE;
  return TRUE;
}

/* pretrained_cfg; what it leaves out is as timm's resolve_data_config has it. */
static gboolean
read_data_config (VtrStatement *self, VtrConfig *config, GError **error)
{
  VtrPreprocess *preprocess = &self->arch.preprocess;
  const char *interpolation = "bicubic", *mode = "center";
  const VtrFamily *imagenet = vtr_family_find ("dinov2");
  double crop_share = 0.875;
  guint height = 224, width = 224;
  gboolean is_fixed = FALSE;

  memcpy (preprocess->mean, imagenet->defaults.preprocess.mean, sizeof preprocess->mean);
  memcpy (preprocess->std, imagenet->defaults.preprocess.std, sizeof preprocess->std);
  if (!vtr_config_get_size (config, "input_size", &height, &width, error) ||
      !vtr_config_get_string (config, "interpolation", &interpolation, error) ||
      !vtr_config_get_string (config, "crop_mode", &mode, error) ||
      !vtr_config_get_double (config, "crop_pct", &crop_share, error) ||
      !vtr_config_get_numbers (config, "mean", preprocess->mean, 3, error) ||
      !vtr_config_get_numbers (config, "std", preprocess->std, 3, error))
    return FALSE;
  /* model_args.img_size is the model's; pictures follow it where the model cannot follow them. */
  if (self->image_height == 0)
    {
      self->image_height = height;
      self->image_width = width;
    }
  else if (is_fixed)
    {
      height = self->image_height;
      width = self->image_width;
    }
  preprocess->crop = TRUE;
  preprocess->crop_height = height;
  preprocess->crop_width = width;
  preprocess->crop_rounding = VTR_CROP_ROUND_EVEN;
  preprocess->rescale = 1.0 / 255.0;
  if (crop_share == 0.0)
    crop_share = 0.875;
  if (!filter_of_name (interpolation, &preprocess->filter) || !set_crop_mode (preprocess, mode) ||
      !(crop_share > 0.01 && crop_share < 100.0))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
                   "%s: interpolation “%s”, crop_mode “%s” and crop_pct %g are not all known "
                   "to Vitreous.",
                   vtr_config_get_label (config), interpolation, mode, crop_share);
      return FALSE;
    }
  preprocess->resize_height = (guint) floor (height / crop_share);
  preprocess->resize_width = (guint) floor (width / crop_share);
  return TRUE;
}

static gboolean
read_labels (VtrStatement *self, VtrConfig *top, VtrConfig *data, GError **error)
{
  static const char *const keys[] = { "labels", "label_names" };
  VtrConfig *configs[] = { data, top };

  for (guint i = 0; i < G_N_ELEMENTS (configs); i++)
    for (guint j = 0; j < G_N_ELEMENTS (keys); j++)
      if (!vtr_config_get_strings (configs[i], keys[j], &self->labels, error))
        return FALSE;
  if (self->labels != NULL && self->labels->len == 0)
    g_clear_pointer (&self->labels, g_ptr_array_unref);
  return TRUE;
}

static gboolean
check_pool (const VtrStatement *self, VtrConfig *config, GError **error)
{
  if (self->pool == NULL || *self->pool == '\0' || strcmp (self->pool, "token") == 0 ||
      strcmp (self->pool, "avg") == 0)
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
               "%s: global_pool “%s” is none that Vitreous has (token, avg).",
               vtr_config_get_label (config), self->pool);
  return FALSE;
}

static gboolean
read_top (VtrStatement *self,
          const VtrFamily *family,
          VtrConfig *config,
          VtrConfig *data,
          GError **error)
{
  const char *refused = NULL;

  self->arch = family->defaults;
  self->arch.family = family->name;
  self->no_bias = family->no_bias;
  if (!vtr_config_get_string (config, "architecture", &self->architecture, error) ||
      !vtr_config_get_string (data, "license", &self->licence, error) ||
      !vtr_config_get_string (config, "license", &self->licence, error) ||
      !vtr_config_get_string (config, "global_pool", &self->pool, error))
    return FALSE;
  if (self->architecture == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT, "%s: there is no “architecture”.",
                   vtr_config_get_label (config));
      return FALSE;
    }
  apply_rules (self, &refused);
  if (refused == NULL)
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
               "%s: Vitreous does not run the architecture “%s”: %s.",
               vtr_config_get_label (config), self->architecture, refused);
  return FALSE;
}

gboolean
vtr_statement_read_timm (VtrStatement *self,
                         const VtrFamily *family,
                         VtrConfig *config,
                         GPtrArray *reasons,
                         GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (VtrConfig) nested = vtr_config_get_child (config, "pretrained_cfg", &local);
  g_autoptr (VtrConfig) args =
      local == NULL ? vtr_config_get_child (config, "model_args", &local) : NULL;
  VtrConfig *data = nested != NULL ? nested : config;

  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (!read_top (self, family, config, data, error) ||
      (args != NULL && !read_model_args (self, args, error)) || !check_pool (self, config, error) ||
      !read_data_config (self, data, error) || !read_labels (self, config, data, error))
    return FALSE;
  g_ptr_array_add (reasons, g_strdup_printf ("timm's architecture %s, preprocessing as its %s has "
                                             "it",
                                             self->architecture,
                                             nested != NULL ? "pretrained_cfg" : "config.json"));
  return TRUE;
}
