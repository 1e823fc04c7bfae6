/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "base/json.h"
#include "model/private.h"

#include <string.h>

/* {first: …, second: …} */
static void
add_pair (JsonBuilder *builder,
          const char *key,
          const char *first,
          guint a,
          const char *second,
          guint b)
{
  json_builder_set_member_name (builder, key);
  json_builder_begin_object (builder);
  vtr_json_add_int (builder, first, a);
  if (second != NULL)
    vtr_json_add_int (builder, second, b);
  json_builder_end_object (builder);
}

static char *
finish (JsonBuilder *builder)
{
  json_builder_end_object (builder);
  g_autoptr (JsonNode) root = json_builder_get_root (builder);
  g_autofree char *text = json_to_string (root, TRUE);
  return g_strconcat (text, "\n", NULL);
}

/* The width of the MLP, as this family states it. */
static void
add_mlp (JsonBuilder *builder, const VtrDetection *found)
{
  const VtrArch *arch = &found->arch;
  const gboolean gated = arch->act == VTR_ACT_SWIGLU;
  const gboolean by_ratio = found->family->naming == &vtr_naming_hf_dinov2;
  static const char *const acts[] = {
    [VTR_ACT_GELU_ERF] = "gelu",
    [VTR_ACT_GELU_TANH] = "gelu_pytorch_tanh",
    [VTR_ACT_GELU_QUICK] = "quick_gelu",
    [VTR_ACT_SWIGLU] = "silu",
  };

  vtr_json_add_text (builder, "hidden_act", acts[arch->act]);
  if (!by_ratio)
    vtr_json_add_int (builder, "intermediate_size", arch->mlp_size);
  else
    {
      /* A gated MLP is two thirds as wide as stated; transformers wants whole ratios whole. */
      const double ratio = arch->mlp_size * (gated ? 1.5 : 1.0) / arch->hidden_size;
      if (ratio == (double) (gint64) ratio)
        vtr_json_add_int (builder, "mlp_ratio", (gint64) ratio);
      else
        vtr_json_add_double (builder, "mlp_ratio", ratio);
    }
  if (gated)
    vtr_json_add_boolean (builder, by_ratio ? "use_swiglu_ffn" : "use_gated_mlp", TRUE);
}

static void
add_labels (JsonBuilder *builder, const GPtrArray *labels)
{
  if (labels == NULL)
    return;
  json_builder_set_member_name (builder, "id2label");
  json_builder_begin_object (builder);
  for (guint i = 0; i < labels->len; i++)
    {
      g_autofree char *index = g_strdup_printf ("%u", i);
      if (labels->pdata[i] != NULL)
        vtr_json_add_text (builder, index, labels->pdata[i]);
    }
  json_builder_end_object (builder);
}

char *
vtr_model_make_config (VtrModel *self)
{
  const VtrArch *arch = &self->found.arch;
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autofree char *origin = g_path_get_basename (self->path);

  json_builder_begin_object (builder);
  vtr_json_add_text (builder, "_name_or_path", origin);
  vtr_json_add_text (builder, "model_type", self->found.family->model_types[0]);
  vtr_json_add_int (builder, "hidden_size", arch->hidden_size);
  vtr_json_add_int (builder, "num_hidden_layers", arch->n_layers);
  vtr_json_add_int (builder, "num_attention_heads", arch->n_heads);
  add_mlp (builder, &self->found);
  vtr_json_add_double (builder, "layer_norm_eps", arch->norm_eps);
  vtr_json_add_int (builder, "patch_size", arch->patch_size);
  json_builder_set_member_name (builder, "image_size");
  json_builder_begin_array (builder);
  json_builder_add_int_value (builder, (gint64) arch->grid_rows * arch->patch_size);
  json_builder_add_int_value (builder, (gint64) arch->grid_columns * arch->patch_size);
  json_builder_end_array (builder);
  vtr_json_add_boolean (builder, "qkv_bias", vtr_model_has_weight (self, VTR_WEIGHT_QKV_BIAS));
  if (arch->n_registers > 0)
    vtr_json_add_int (builder, "num_register_tokens", arch->n_registers);
  add_labels (builder, self->found.labels);
  return finish (builder);
}

char *
vtr_model_make_preprocessor_config (VtrModel *self)
{
  const VtrPreprocess *preprocess = &self->found.arch.preprocess;
  static const int resample[] = {
    [VTR_FILTER_NEAREST] = 0, [VTR_FILTER_LANCZOS] = 1, [VTR_FILTER_BILINEAR] = 2,
    [VTR_FILTER_BICUBIC] = 3, [VTR_FILTER_BOX] = 4,     [VTR_FILTER_HAMMING] = 5,
  };
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  vtr_json_add_boolean (builder, "do_resize", preprocess->resize != VTR_RESIZE_NONE);
  if (preprocess->resize == VTR_RESIZE_SHORT_EDGE)
    add_pair (builder, "size", "shortest_edge", preprocess->resize_height, NULL, 0);
  else
    add_pair (builder, "size", "height", preprocess->resize_height, "width",
              preprocess->resize_width);
  vtr_json_add_int (builder, "resample", resample[preprocess->filter]);
  vtr_json_add_boolean (builder, "do_center_crop", preprocess->crop);
  if (preprocess->crop)
    add_pair (builder, "crop_size", "height", preprocess->crop_height, "width",
              preprocess->crop_width);
  vtr_json_add_boolean (builder, "do_rescale", TRUE);
  vtr_json_add_double (builder, "rescale_factor", preprocess->rescale);
  vtr_json_add_boolean (builder, "do_normalize", TRUE);
  vtr_json_add_doubles (builder, "image_mean", preprocess->mean, 3);
  vtr_json_add_doubles (builder, "image_std", preprocess->std, 3);
  return finish (builder);
}
