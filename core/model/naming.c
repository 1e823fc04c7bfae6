/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/families.h"

/*
 * What the tensors of each naming are called.  Sources: the modules of transformers 5 and the
 * renames of its conversion_mapping.py (first name: as files on the hub have it; second: as newer
 * versions write it), timm 1.0, vit_jax.
 */
static const struct
{
  VtrPartKind kind;
  const char *title;
} part_info[VTR_N_PARTS] = {
  [VTR_PART_PATCH] = { VTR_PART_IS_MATRIX, "patch embedding" },
  [VTR_PART_CLS] = { VTR_PART_IS_VALUES, "CLS token" },
  [VTR_PART_DISTILLATION] = { VTR_PART_IS_VALUES, "distillation token" },
  [VTR_PART_REGISTERS] = { VTR_PART_IS_VALUES, "register tokens" },
  [VTR_PART_POSITIONS] = { VTR_PART_IS_VALUES, "position table" },
  [VTR_PART_PERIODS] = { VTR_PART_IS_VALUES, "RoPE periods" },
  [VTR_PART_PRE_NORM] = { VTR_PART_IS_NORM, "norm before the first layer" },
  [VTR_PART_FINAL_NORM] = { VTR_PART_IS_NORM, "last norm" },
  [VTR_PART_POOL_NORM] = { VTR_PART_IS_NORM, "norm after pooling" },
  [VTR_PART_PRE_LOGITS] = { VTR_PART_IS_MATRIX, "dense layer before the head" },
  [VTR_PART_HEAD] = { VTR_PART_IS_MATRIX, "classifier" },
  [VTR_PART_HEAD_DISTILLATION] = { VTR_PART_IS_MATRIX, "distillation classifier" },
  [VTR_PART_PROJECTION] = { VTR_PART_IS_MATRIX, "projection" },
  [VTR_PART_NORM1] = { VTR_PART_IS_NORM, "norm before attention" },
  [VTR_PART_QKV] = { VTR_PART_IS_MATRIX, "query, key and value" },
  [VTR_PART_Q] = { VTR_PART_IS_MATRIX, "query" },
  [VTR_PART_K] = { VTR_PART_IS_MATRIX, "key" },
  [VTR_PART_V] = { VTR_PART_IS_MATRIX, "value" },
  [VTR_PART_PROJ] = { VTR_PART_IS_MATRIX, "attention output" },
  [VTR_PART_SCALE1] = { VTR_PART_IS_VALUES, "layer scale of attention" },
  [VTR_PART_NORM2] = { VTR_PART_IS_NORM, "norm before the MLP" },
  [VTR_PART_FC1] = { VTR_PART_IS_MATRIX, "first layer of the MLP" },
  [VTR_PART_GATE_UP] = { VTR_PART_IS_MATRIX, "gate and up projection" },
  [VTR_PART_GATE] = { VTR_PART_IS_MATRIX, "gate projection" },
  [VTR_PART_UP] = { VTR_PART_IS_MATRIX, "up projection" },
  [VTR_PART_FC2] = { VTR_PART_IS_MATRIX, "second layer of the MLP" },
  [VTR_PART_SCALE2] = { VTR_PART_IS_VALUES, "layer scale of the MLP" },
};

VtrPartKind
vtr_part_get_kind (VtrPart part)
{
  return part_info[part].kind;
}

const char *
vtr_part_get_title (VtrPart part)
{
  return part_info[part].title;
}

const VtrPartNames *
vtr_naming_find (const VtrNaming *self, VtrPart part)
{
  for (guint i = 0; i < self->n_parts; i++)
    if (self->parts[i].part == part)
      return &self->parts[i];
  return NULL;
}

/* Parts of transformers' models that the forward pass has no use for. */
static const char *const hf_ignored[] = {
  "pooler.",
  "decoder.",
  "embeddings.mask_token",
  "text_model.",
  "text_projection.",
  "logit_scale",
  "*.position_ids",
  "*.relative_position_index",
  "*.bias_mask",
  "local_cls_norm.",
  "*.inv_freq",
  "*.num_batches_tracked",
  NULL,
};

static const VtrPartNames hf_vit_parts[] = {
  { VTR_PART_PATCH, { "embeddings.patch_embeddings.projection" } },
  { VTR_PART_CLS, { "embeddings.cls_token" } },
  { VTR_PART_DISTILLATION, { "embeddings.distillation_token" } },
  { VTR_PART_POSITIONS, { "embeddings.position_embeddings" } },
  { VTR_PART_FINAL_NORM, { "layernorm" } },
  { VTR_PART_HEAD, { "classifier", "cls_classifier" } },
  { VTR_PART_HEAD_DISTILLATION, { "distillation_classifier" } },
  { VTR_PART_NORM1, { "encoder.layer.#.layernorm_before", "layers.#.layernorm_before" } },
  { VTR_PART_Q, { "encoder.layer.#.attention.attention.query", "layers.#.attention.q_proj" } },
  { VTR_PART_K, { "encoder.layer.#.attention.attention.key", "layers.#.attention.k_proj" } },
  { VTR_PART_V, { "encoder.layer.#.attention.attention.value", "layers.#.attention.v_proj" } },
  { VTR_PART_PROJ, { "encoder.layer.#.attention.output.dense", "layers.#.attention.o_proj" } },
  { VTR_PART_NORM2, { "encoder.layer.#.layernorm_after", "layers.#.layernorm_after" } },
  { VTR_PART_FC1, { "encoder.layer.#.intermediate.dense", "layers.#.mlp.fc1" } },
  { VTR_PART_FC2, { "encoder.layer.#.output.dense", "layers.#.mlp.fc2" } },
};

static const VtrPartNames hf_dinov2_parts[] = {
  { VTR_PART_PATCH, { "embeddings.patch_embeddings.projection" } },
  { VTR_PART_CLS, { "embeddings.cls_token" } },
  { VTR_PART_REGISTERS, { "embeddings.register_tokens" } },
  { VTR_PART_POSITIONS, { "embeddings.position_embeddings" } },
  { VTR_PART_FINAL_NORM, { "layernorm" } },
  { VTR_PART_HEAD, { "classifier" } },
  { VTR_PART_NORM1, { "encoder.layer.#.norm1" } },
  { VTR_PART_Q,
    { "encoder.layer.#.attention.attention.query", "encoder.layer.#.attention.q_proj" } },
  { VTR_PART_K, { "encoder.layer.#.attention.attention.key", "encoder.layer.#.attention.k_proj" } },
  { VTR_PART_V,
    { "encoder.layer.#.attention.attention.value", "encoder.layer.#.attention.v_proj" } },
  { VTR_PART_PROJ,
    { "encoder.layer.#.attention.output.dense", "encoder.layer.#.attention.o_proj" } },
  { VTR_PART_SCALE1, { "encoder.layer.#.layer_scale1.lambda1" } },
  { VTR_PART_NORM2, { "encoder.layer.#.norm2" } },
  { VTR_PART_FC1, { "encoder.layer.#.mlp.fc1" } },
  { VTR_PART_GATE_UP, { "encoder.layer.#.mlp.weights_in" } },
  { VTR_PART_GATE, { "encoder.layer.#.mlp.gate_proj" } },
  { VTR_PART_UP, { "encoder.layer.#.mlp.up_proj" } },
  { VTR_PART_FC2,
    { "encoder.layer.#.mlp.fc2", "encoder.layer.#.mlp.down_proj",
      "encoder.layer.#.mlp.weights_out" } },
  { VTR_PART_SCALE2, { "encoder.layer.#.layer_scale2.lambda1" } },
};

static const VtrPartNames hf_dinov3_parts[] = {
  { VTR_PART_PATCH, { "embeddings.patch_embeddings" } },
  { VTR_PART_CLS, { "embeddings.cls_token" } },
  { VTR_PART_REGISTERS, { "embeddings.register_tokens" } },
  { VTR_PART_PERIODS, { "rope_embed.periods", "rope_embeddings.periods" } },
  { VTR_PART_FINAL_NORM, { "norm" } },
  { VTR_PART_HEAD, { "classifier" } },
  { VTR_PART_NORM1, { "layer.#.norm1", "model.layer.#.norm1" } },
  { VTR_PART_Q, { "layer.#.attention.q_proj", "model.layer.#.attention.q_proj" } },
  { VTR_PART_K, { "layer.#.attention.k_proj", "model.layer.#.attention.k_proj" } },
  { VTR_PART_V, { "layer.#.attention.v_proj", "model.layer.#.attention.v_proj" } },
  { VTR_PART_PROJ, { "layer.#.attention.o_proj", "model.layer.#.attention.o_proj" } },
  { VTR_PART_SCALE1, { "layer.#.layer_scale1.lambda1", "model.layer.#.layer_scale1.lambda1" } },
  { VTR_PART_NORM2, { "layer.#.norm2", "model.layer.#.norm2" } },
  { VTR_PART_FC1, { "layer.#.mlp.up_proj", "model.layer.#.mlp.up_proj" } },
  { VTR_PART_GATE, { "layer.#.mlp.gate_proj", "model.layer.#.mlp.gate_proj" } },
  { VTR_PART_UP, { "layer.#.mlp.up_proj", "model.layer.#.mlp.up_proj" } },
  { VTR_PART_FC2, { "layer.#.mlp.down_proj", "model.layer.#.mlp.down_proj" } },
  { VTR_PART_SCALE2, { "layer.#.layer_scale2.lambda1", "model.layer.#.layer_scale2.lambda1" } },
};

static const VtrPartNames hf_clip_parts[] = {
  { VTR_PART_PATCH, { "embeddings.patch_embedding" } },
  { VTR_PART_CLS, { "embeddings.class_embedding" } },
  { VTR_PART_POSITIONS, { "embeddings.position_embedding.weight" } },
  { VTR_PART_PRE_NORM, { "pre_layrnorm", "pre_layernorm" } },
  { VTR_PART_FINAL_NORM, { "post_layernorm" } },
  { VTR_PART_HEAD, { "classifier" } },
  { VTR_PART_PROJECTION, { "visual_projection" } },
  { VTR_PART_NORM1, { "encoder.layers.#.layer_norm1" } },
  { VTR_PART_Q, { "encoder.layers.#.self_attn.q_proj" } },
  { VTR_PART_K, { "encoder.layers.#.self_attn.k_proj" } },
  { VTR_PART_V, { "encoder.layers.#.self_attn.v_proj" } },
  { VTR_PART_PROJ, { "encoder.layers.#.self_attn.out_proj" } },
  { VTR_PART_NORM2, { "encoder.layers.#.layer_norm2" } },
  { VTR_PART_FC1, { "encoder.layers.#.mlp.fc1" } },
  { VTR_PART_FC2, { "encoder.layers.#.mlp.fc2" } },
};

static const VtrPartNames timm_parts[] = {
  { VTR_PART_PATCH, { "patch_embed.proj" } },
  { VTR_PART_CLS, { "cls_token" } },
  { VTR_PART_DISTILLATION, { "dist_token" } },
  { VTR_PART_REGISTERS, { "reg_token" } },
  { VTR_PART_POSITIONS, { "pos_embed" } },
  { VTR_PART_PRE_NORM, { "norm_pre" } },
  { VTR_PART_FINAL_NORM, { "norm" } },
  { VTR_PART_POOL_NORM, { "fc_norm" } },
  { VTR_PART_PRE_LOGITS, { "pre_logits.fc" } },
  { VTR_PART_HEAD, { "head" } },
  { VTR_PART_HEAD_DISTILLATION, { "head_dist" } },
  { VTR_PART_NORM1, { "blocks.#.norm1" } },
  { VTR_PART_QKV, { "blocks.#.attn.qkv" } },
  { VTR_PART_PROJ, { "blocks.#.attn.proj" } },
  { VTR_PART_SCALE1, { "blocks.#.ls1.gamma" } },
  { VTR_PART_NORM2, { "blocks.#.norm2" } },
  { VTR_PART_FC1, { "blocks.#.mlp.fc1" } },
  { VTR_PART_GATE, { "blocks.#.mlp.fc1_g" } },
  { VTR_PART_UP, { "blocks.#.mlp.fc1_x" } },
  { VTR_PART_FC2, { "blocks.#.mlp.fc2" } },
  { VTR_PART_SCALE2, { "blocks.#.ls2.gamma" } },
};

static const VtrPartNames jax_parts[] = {
  { VTR_PART_PATCH, { "embedding" } },
  { VTR_PART_CLS, { "cls" } },
  { VTR_PART_POSITIONS, { "Transformer/posembed_input/pos_embedding" } },
  { VTR_PART_FINAL_NORM, { "Transformer/encoder_norm" } },
  { VTR_PART_PRE_LOGITS, { "pre_logits" } },
  { VTR_PART_HEAD, { "head" } },
  { VTR_PART_NORM1, { "Transformer/encoderblock_#/LayerNorm_0" } },
  { VTR_PART_Q, { "Transformer/encoderblock_#/MultiHeadDotProductAttention_1/query" } },
  { VTR_PART_K, { "Transformer/encoderblock_#/MultiHeadDotProductAttention_1/key" } },
  { VTR_PART_V, { "Transformer/encoderblock_#/MultiHeadDotProductAttention_1/value" } },
  { VTR_PART_PROJ, { "Transformer/encoderblock_#/MultiHeadDotProductAttention_1/out" } },
  { VTR_PART_NORM2, { "Transformer/encoderblock_#/LayerNorm_2" } },
  { VTR_PART_FC1, { "Transformer/encoderblock_#/MlpBlock_3/Dense_0" } },
  { VTR_PART_FC2, { "Transformer/encoderblock_#/MlpBlock_3/Dense_1" } },
};

static const char *const nothing_ignored[] = { NULL };

#define HF_NAMING(parts_)                                                                          \
  .worlds = { "legacy names", "new names" }, .matrix_weight = ".weight", .norm_weight = ".weight", \
  .bias = ".bias", .ignored = hf_ignored, .parts = parts_, .n_parts = G_N_ELEMENTS (parts_)

const VtrNaming vtr_naming_hf_vit = { .title = "transformers", HF_NAMING (hf_vit_parts) };
const VtrNaming vtr_naming_hf_dinov2 = { .title = "transformers", HF_NAMING (hf_dinov2_parts) };
const VtrNaming vtr_naming_hf_dinov3 = { .title = "transformers", HF_NAMING (hf_dinov3_parts) };
const VtrNaming vtr_naming_hf_clip = { .title = "transformers", HF_NAMING (hf_clip_parts) };

const VtrNaming vtr_naming_timm = {
  .title = "timm",
  .matrix_weight = ".weight",
  .norm_weight = ".weight",
  .bias = ".bias",
  .ignored = nothing_ignored,
  .parts = timm_parts,
  .n_parts = G_N_ELEMENTS (timm_parts),
};

const VtrNaming vtr_naming_jax = {
  .title = "vit_jax",
  .matrix_weight = "/kernel",
  .norm_weight = "/scale",
  .bias = "/bias",
  .is_jax = TRUE,
  .ignored = nothing_ignored,
  .parts = jax_parts,
  .n_parts = G_N_ELEMENTS (jax_parts),
};
