/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/config.h"

#include <string.h>

void
vtr_statement_clear (VtrStatement *self)
{
  g_clear_pointer (&self->labels, g_ptr_array_unref);
  g_clear_pointer (&self->layer_heads, g_free);
}

gboolean
vtr_statement_read_own (VtrStatement *self, VtrConfig *config, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (VtrConfig) own = vtr_config_get_child (config, VTR_CONFIG_OWN, &local);

  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  return own == NULL ||
         vtr_config_get_uints (own, "heads", &self->layer_heads, &self->n_layer_heads, error);
}

/* Reads a number and notes that it was stated. */
static gboolean
read_stated (VtrStatement *self,
             VtrConfig *config,
             const char *key,
             guint *value,
             VtrStated stated,
             GError **error)
{
  if (!vtr_config_get_uint (config, key, value, error))
    return FALSE;
  if (vtr_config_has (config, key))
    self->stated |= stated;
  return TRUE;
}

static gboolean
read_sizes (VtrStatement *self, VtrConfig *config, GError **error)
{
  VtrArch *arch = &self->arch;
  guint height = arch->patch_size, width = arch->patch_size, n_channels = 3;

  if (!read_stated (self, config, "hidden_size", &arch->hidden_size, VTR_STATED_HIDDEN_SIZE,
                    error) ||
      !read_stated (self, config, "num_hidden_layers", &arch->n_layers, VTR_STATED_N_LAYERS,
                    error) ||
      !read_stated (self, config, "num_attention_heads", &arch->n_heads, VTR_STATED_N_HEADS,
                    error) ||
      !read_stated (self, config, "intermediate_size", &arch->mlp_size, VTR_STATED_MLP_SIZE,
                    error) ||
      !read_stated (self, config, "num_register_tokens", &arch->n_registers, VTR_STATED_N_REGISTERS,
                    error) ||
      !vtr_config_get_size (config, "patch_size", &height, &width, error) ||
      !vtr_config_get_size (config, "image_size", &self->image_height, &self->image_width, error) ||
      !vtr_config_get_uint (config, "num_channels", &n_channels, error))
    return FALSE;
  if (height != width || n_channels != 3)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
                   "%s: patches of %u × %u pixels in %u channels; Vitreous takes square patches of "
                   "RGB.",
                   vtr_config_get_label (config), width, height, n_channels);
      return FALSE;
    }
  arch->patch_size = height;
  if (vtr_config_has (config, "patch_size"))
    self->stated |= VTR_STATED_PATCH_SIZE;
  return TRUE;
}

static gboolean
read_act (VtrArch *arch, VtrConfig *config, gboolean gated, GError **error)
{
  static const struct
  {
    const char *name;
    VtrAct act;
  } acts[] = {
    { "gelu", VTR_ACT_GELU_ERF },
    { "gelu_python", VTR_ACT_GELU_ERF },
    { "gelu_new", VTR_ACT_GELU_TANH },
    { "gelu_fast", VTR_ACT_GELU_TANH },
    { "gelu_pytorch_tanh", VTR_ACT_GELU_TANH },
    { "quick_gelu", VTR_ACT_GELU_QUICK },
  };
  const char *name = NULL;

  if (!vtr_config_get_string (config, "hidden_act", &name, error))
    return FALSE;
  if (name == NULL && !gated)
    return TRUE;
  /* DINOv2's SwiGLU is always silu; DINOv3's gated MLP takes hidden_act for the gate. */
  if (gated && (strcmp (arch->family, "dinov3") != 0 || g_strcmp0 (name, "silu") == 0))
    {
      arch->act = VTR_ACT_SWIGLU;
      return TRUE;
    }
  for (guint i = 0; !gated && i < G_N_ELEMENTS (acts); i++)
    if (strcmp (name, acts[i].name) == 0)
      {
        arch->act = acts[i].act;
        return TRUE;
      }
  g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
               "%s: the activation %s%s is none that Vitreous has (gelu, gelu_new, quick_gelu, and "
               "silu where the MLP is gated).",
               vtr_config_get_label (config), name != NULL ? name : "gelu",
               gated ? " of a gated MLP" : "");
  return FALSE;
}

/* DINOv2 states the MLP's width as a ratio; its SwiGLU takes two thirds, up to a multiple of 8. */
static gboolean
read_mlp (VtrStatement *self, VtrConfig *config, GError **error)
{
  VtrArch *arch = &self->arch;
  gboolean gated = FALSE;
  double ratio = 4.0;

  if (!vtr_config_get_boolean (config, "use_swiglu_ffn", &gated, error) ||
      !vtr_config_get_boolean (config, "use_gated_mlp", &gated, error) ||
      !vtr_config_get_double (config, "mlp_ratio", &ratio, error) ||
      !read_act (arch, config, gated, error))
    return FALSE;
  if (vtr_config_has (config, "mlp_ratio") && !(self->stated & VTR_STATED_MLP_SIZE) &&
      ratio > 0.0 && ratio * arch->hidden_size < G_MAXINT)
    {
      arch->mlp_size = (guint) (arch->hidden_size * ratio);
      if (gated)
        arch->mlp_size = ((guint) (arch->mlp_size * 2.0 / 3.0) + 7) / 8 * 8;
      self->stated |= VTR_STATED_MLP_SIZE;
    }
  self->stated |= VTR_STATED_GATED;
  return TRUE;
}

/* Which parts config says have no bias. */
static gboolean
read_biases (VtrStatement *self, VtrConfig *config, GError **error)
{
  static const struct
  {
    const char *key;
    guint32 parts;
  } keys[] = {
    { "qkv_bias", 1 << VTR_PART_Q | 1 << VTR_PART_K | 1 << VTR_PART_V },
    { "query_bias", 1 << VTR_PART_Q },
    { "key_bias", 1 << VTR_PART_K },
    { "value_bias", 1 << VTR_PART_V },
    { "proj_bias", 1 << VTR_PART_PROJ },
    { "mlp_bias", 1 << VTR_PART_FC1 | 1 << VTR_PART_FC2 | 1 << VTR_PART_GATE | 1 << VTR_PART_UP |
                      1 << VTR_PART_GATE_UP },
  };

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      gboolean has_bias = TRUE;
      if (!vtr_config_get_boolean (config, keys[i].key, &has_bias, error))
        return FALSE;
      if (!vtr_config_has (config, keys[i].key))
        continue;
      self->no_bias = has_bias ? self->no_bias & ~keys[i].parts : self->no_bias | keys[i].parts;
    }
  return TRUE;
}

/* What stands at the top even where the tower has a configuration of its own. */
static gboolean
read_top (VtrStatement *self, VtrConfig *config, GError **error)
{
  if (!vtr_config_get_strings (config, "id2label", &self->labels, error) ||
      !vtr_config_get_string (config, "license", &self->licence, error))
    return FALSE;
  if (self->labels != NULL)
    self->stated |= VTR_STATED_LABELS;
  return TRUE;
}

gboolean
vtr_statement_read_hf (VtrStatement *self,
                       const VtrFamily *family,
                       VtrConfig *config,
                       GError **error)
{
  g_autoptr (GError) local = NULL;
  /* Old CLIP files have both; transformers lets the first win. */
  const char *key =
      vtr_config_has (config, "vision_config_dict") ? "vision_config_dict" : "vision_config";
  g_autoptr (VtrConfig) vision = vtr_config_get_child (config, key, &local);
  VtrConfig *tower = vision != NULL ? vision : config;

  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  self->arch = family->defaults;
  self->arch.family = family->name;
  self->no_bias = family->no_bias;
  return read_top (self, config, error) && read_sizes (self, tower, error) &&
         read_mlp (self, tower, error) && read_biases (self, tower, error) &&
         vtr_config_get_double (tower, "layer_norm_eps", &self->arch.norm_eps, error) &&
         vtr_config_get_double (tower, "rope_theta", &self->arch.rope_theta, error);
}
