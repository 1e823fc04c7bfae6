/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "base/json.h"
#include "model/private.h"

static const char *const act_names[] = {
  [VTR_ACT_GELU_ERF] = "gelu-erf",
  [VTR_ACT_GELU_TANH] = "gelu-tanh",
  [VTR_ACT_GELU_QUICK] = "gelu-quick",
  [VTR_ACT_SWIGLU] = "swiglu",
};

static const char *const position_names[] = {
  [VTR_POSITIONS_NONE] = "none",
  [VTR_POSITIONS_BICUBIC] = "bicubic",
  [VTR_POSITIONS_BICUBIC_ANTIALIAS] = "bicubic-antialias",
  [VTR_POSITIONS_BILINEAR_CORNERS] = "bilinear-corners",
};

static const char *const pool_names[] = {
  [VTR_HEAD_POOL_CLS] = "cls",
  [VTR_HEAD_POOL_MEAN] = "mean",
  [VTR_HEAD_POOL_CLS_AND_MEAN] = "cls-and-mean",
  [VTR_HEAD_POOL_CLS_AND_DISTILLATION] = "cls-and-distillation",
};

const char *
vtr_head_pool_get_name (VtrHeadPool pool)
{
  return pool_names[pool];
}

static const char *const filter_names[] = {
  [VTR_FILTER_NEAREST] = "nearest", [VTR_FILTER_BILINEAR] = "bilinear",
  [VTR_FILTER_BICUBIC] = "bicubic", [VTR_FILTER_LANCZOS] = "lanczos",
  [VTR_FILTER_BOX] = "box",         [VTR_FILTER_HAMMING] = "hamming",
};

static const char *const resize_names[] = {
  [VTR_RESIZE_NONE] = "none",       [VTR_RESIZE_SHORT_EDGE] = "short-edge",
  [VTR_RESIZE_EXACT] = "exact",     [VTR_RESIZE_COVER] = "cover",
  [VTR_RESIZE_CONTAIN] = "contain",
};

static void
describe_preprocess (JsonBuilder *builder, const VtrPreprocess *preprocess)
{
  json_builder_set_member_name (builder, "preprocess");
  json_builder_begin_object (builder);
  vtr_json_add_text (builder, "resize", resize_names[preprocess->resize]);
  if (preprocess->resize != VTR_RESIZE_NONE)
    {
      vtr_json_add_int (builder, "resize_width", preprocess->resize_width);
      vtr_json_add_int (builder, "resize_height", preprocess->resize_height);
      vtr_json_add_text (builder, "filter", filter_names[preprocess->filter]);
    }
  vtr_json_add_boolean (builder, "crop", preprocess->crop);
  if (preprocess->crop)
    {
      vtr_json_add_int (builder, "crop_width", preprocess->crop_width);
      vtr_json_add_int (builder, "crop_height", preprocess->crop_height);
    }
  vtr_json_add_double (builder, "rescale", preprocess->rescale);
  vtr_json_add_doubles (builder, "mean", preprocess->mean, 3);
  vtr_json_add_doubles (builder, "std", preprocess->std, 3);
  json_builder_end_object (builder);
}

static void
describe_arch (JsonBuilder *builder, const VtrArch *arch)
{
  vtr_json_add_int (builder, "hidden_size", arch->hidden_size);
  vtr_json_add_int (builder, "n_layers", arch->n_layers);
  vtr_json_add_int (builder, "n_heads", arch->n_heads);
  if (arch->layer_heads != NULL)
    vtr_json_add_uints (builder, "layer_heads", arch->layer_heads, arch->n_layers);
  vtr_json_add_int (builder, "head_size", arch->head_size);
  vtr_json_add_int (builder, "mlp_size", arch->mlp_size);
  vtr_json_add_int (builder, "patch_size", arch->patch_size);
  vtr_json_add_int (builder, "grid_rows", arch->grid_rows);
  vtr_json_add_int (builder, "grid_columns", arch->grid_columns);
  vtr_json_add_int (builder, "n_prefix_tokens", vtr_arch_n_prefix (arch));
  vtr_json_add_boolean (builder, "cls_token", arch->has_cls);
  vtr_json_add_boolean (builder, "distillation_token", arch->has_distillation);
  vtr_json_add_int (builder, "n_registers", arch->n_registers);
  vtr_json_add_double (builder, "norm_eps", arch->norm_eps);
  vtr_json_add_text (builder, "activation", act_names[arch->act]);
  vtr_json_add_boolean (builder, "pre_norm", arch->pre_norm);
  vtr_json_add_boolean (builder, "final_norm_after_pool", arch->final_norm_after_pool);
  vtr_json_add_boolean (builder, "layer_scale", arch->layer_scale);
  vtr_json_add_boolean (builder, "pre_logits", arch->pre_logits);
  vtr_json_add_text (builder, "positions", position_names[arch->positions]);
  if (arch->rope_theta != 0.0)
    vtr_json_add_double (builder, "rope_theta", arch->rope_theta);
  vtr_json_add_int (builder, "n_classes", arch->n_classes);
  if (arch->n_classes > 0)
    vtr_json_add_text (builder, "head_pool", vtr_head_pool_get_name (arch->head_pool));
  if (arch->projection_size > 0)
    vtr_json_add_int (builder, "projection_size", arch->projection_size);
}

static void
describe_origin (JsonBuilder *builder, VtrModel *self)
{
  const VtrDetection *found = &self->found;

  vtr_json_add_text (builder, "name", self->name);
  vtr_json_add_text (builder, "path", self->path);
  vtr_json_add_text (builder, "family", found->family->name);
  vtr_json_add_text (builder, "family_title", found->family->title);
  vtr_json_add_text (builder, "architecture", found->architecture);
  vtr_json_add_text (builder, "format", vtr_store_get_format (self->store));
  vtr_json_add_text (builder, "naming", found->family->naming->title);
  vtr_json_add_text (builder, "prefix", found->parts->prefix);
  vtr_json_add_text (builder, "weight_type",
                     vtr_parts_get (found->parts, VTR_PART_PATCH, 0)->weight->dtype_name);
  json_builder_set_member_name (builder, "reasons");
  json_builder_begin_array (builder);
  for (guint i = 0; i < found->reasons->len; i++)
    json_builder_add_string_value (builder, g_ptr_array_index (found->reasons, i));
  json_builder_end_array (builder);
}

static void
describe_labels (JsonBuilder *builder, const GPtrArray *labels)
{
  vtr_json_add_int (builder, "n_labels", labels != NULL ? labels->len : 0);
  if (labels == NULL)
    return;
  json_builder_set_member_name (builder, "labels");
  json_builder_begin_array (builder);
  for (guint i = 0; i < labels->len; i++)
    json_builder_add_string_value (builder, labels->pdata[i]); /* NULL becomes null */
  json_builder_end_array (builder);
}

char *
vtr_model_describe (VtrModel *self)
{
  g_return_val_if_fail (VTR_IS_MODEL (self), NULL);

  g_autoptr (JsonBuilder) builder = json_builder_new ();
  json_builder_begin_object (builder);
  describe_origin (builder, self);
  describe_arch (builder, &self->found.arch);
  describe_labels (builder, self->found.labels);
  vtr_head_describe (builder, self);
  describe_preprocess (builder, &self->found.arch.preprocess);
  vtr_json_add_text (builder, "licence", self->found.licence);
  vtr_json_add_text (builder, "hash", vtr_model_get_hash (self));
  json_builder_end_object (builder);

  g_autoptr (JsonNode) root = json_builder_get_root (builder);
  return json_to_string (root, TRUE);
}
