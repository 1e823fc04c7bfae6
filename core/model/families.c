/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/families.h"

#include <string.h>

#define HALF_MEAN_STD .mean = { 0.5, 0.5, 0.5 }, .std = { 0.5, 0.5, 0.5 }
#define IMAGENET_MEAN_STD .mean = { 0.485, 0.456, 0.406 }, .std = { 0.229, 0.224, 0.225 }
#define CLIP_MEAN_STD                                                                              \
  .mean = { 0.48145466, 0.4578275, 0.40821073 }, .std = { 0.26862954, 0.26130258, 0.27577711 }

/* As the image processors of transformers and timm have them. */
#define EXACT(size_, filter_)                                                                      \
  .resize = VTR_RESIZE_EXACT, .resize_width = size_, .resize_height = size_, .filter = filter_,    \
  .rescale = 1.0 / 255.0
#define CROPPED(resize_, size_, crop_, rounding_)                                                  \
  .resize = resize_, .resize_width = size_, .resize_height = size_, .filter = VTR_FILTER_BICUBIC,  \
  .crop = TRUE, .crop_width = crop_, .crop_height = crop_, .crop_rounding = rounding_,             \
  .rescale = 1.0 / 255.0

#define BASE_SIZE .hidden_size = 768, .n_layers = 12, .n_heads = 12, .mlp_size = 3072

#define PART(part) (1u << VTR_PART_##part)

const VtrFamily vtr_families[] = {
  { .name = "deit",
    .title = "DeiT with distillation token",
    .model_types = { "deit" },
    .naming = &vtr_naming_hf_vit,
    .tells = PART (PATCH) | PART (NORM1) | PART (DISTILLATION),
    .defaults = { BASE_SIZE, .patch_size = 16, .has_cls = TRUE, .has_distillation = TRUE,
                  .norm_eps = 1e-12, .act = VTR_ACT_GELU_ERF, .positions = VTR_POSITIONS_BICUBIC,
                  .preprocess = { CROPPED (VTR_RESIZE_EXACT, 256, 224, VTR_CROP_FLOOR),
                                  IMAGENET_MEAN_STD } } },

  { .name = "vit",
    .title = "ViT, DeiT without distillation token, DINO",
    .model_types = { "vit" },
    .naming = &vtr_naming_hf_vit,
    .tells = PART (PATCH) | PART (NORM1),
    .defaults = { BASE_SIZE, .patch_size = 16, .has_cls = TRUE, .norm_eps = 1e-12,
                  .act = VTR_ACT_GELU_ERF, .positions = VTR_POSITIONS_BICUBIC,
                  .preprocess = { EXACT (224, VTR_FILTER_BILINEAR), HALF_MEAN_STD } } },

  { .name = "dinov2_with_registers",
    .title = "DINOv2 with registers",
    .model_types = { "dinov2_with_registers" },
    .naming = &vtr_naming_hf_dinov2,
    .tells = PART (PATCH) | PART (NORM1) | PART (SCALE1) | PART (REGISTERS),
    .defaults = { BASE_SIZE, .patch_size = 16, .has_cls = TRUE, .n_registers = 4, .norm_eps = 1e-6,
                  .act = VTR_ACT_GELU_ERF, .layer_scale = TRUE,
                  .positions = VTR_POSITIONS_BICUBIC_ANTIALIAS,
                  .head_pool = VTR_HEAD_POOL_CLS_AND_MEAN,
                  .preprocess = { CROPPED (VTR_RESIZE_SHORT_EDGE, 256, 224, VTR_CROP_FLOOR),
                                  IMAGENET_MEAN_STD } } },

  { .name = "dinov2",
    .title = "DINOv2",
    .model_types = { "dinov2" },
    .naming = &vtr_naming_hf_dinov2,
    .tells = PART (PATCH) | PART (NORM1) | PART (SCALE1),
    .defaults = { BASE_SIZE, .patch_size = 14, .has_cls = TRUE, .norm_eps = 1e-6,
                  .act = VTR_ACT_GELU_ERF, .layer_scale = TRUE, .positions = VTR_POSITIONS_BICUBIC,
                  .head_pool = VTR_HEAD_POOL_CLS_AND_MEAN,
                  .preprocess = { CROPPED (VTR_RESIZE_SHORT_EDGE, 256, 224, VTR_CROP_FLOOR),
                                  IMAGENET_MEAN_STD } } },

  { .name = "dinov3",
    .title = "DINOv3",
    .model_types = { "dinov3_vit" },
    .naming = &vtr_naming_hf_dinov3,
    .tells = PART (PATCH) | PART (NORM1) | PART (SCALE1) | PART (Q),
    .no_bias = PART (K),
    .defaults = { .hidden_size = 384,
                  .n_layers = 12,
                  .n_heads = 6,
                  .mlp_size = 1536,
                  .patch_size = 16,
                  .has_cls = TRUE,
                  .norm_eps = 1e-5,
                  .act = VTR_ACT_GELU_ERF,
                  .layer_scale = TRUE,
                  .positions = VTR_POSITIONS_NONE,
                  .rope_theta = 100.0,
                  .preprocess = { EXACT (224, VTR_FILTER_BILINEAR), IMAGENET_MEAN_STD } } },

  { .name = "clip",
    .title = "CLIP's vision tower",
    .model_types = { "clip_vision_model", "clip" },
    .naming = &vtr_naming_hf_clip,
    .tells = PART (PATCH) | PART (NORM1) | PART (PRE_NORM),
    .no_bias = PART (PATCH) | PART (PROJECTION),
    .shapes_lack = "whether its activation is quick_gelu or gelu",
    .defaults = { BASE_SIZE, .patch_size = 32, .has_cls = TRUE, .norm_eps = 1e-5,
                  .act = VTR_ACT_GELU_QUICK, .pre_norm = TRUE, .final_norm_after_pool = TRUE,
                  .positions = VTR_POSITIONS_BICUBIC,
                  .preprocess = { CROPPED (VTR_RESIZE_SHORT_EDGE, 224, 224, VTR_CROP_FLOOR),
                                  CLIP_MEAN_STD } } },

  { .name = "timm",
    .title = "ViT of timm",
    .naming = &vtr_naming_timm,
    .tells = PART (PATCH) | PART (NORM1) | PART (QKV),
    .defaults = { .patch_size = 16,
                  .norm_eps = 1e-6,
                  .act = VTR_ACT_GELU_ERF,
                  .positions = VTR_POSITIONS_BICUBIC_ANTIALIAS,
                  .preprocess = { CROPPED (VTR_RESIZE_SHORT_EDGE, 248, 224, VTR_CROP_ROUND_EVEN),
                                  HALF_MEAN_STD } } },

  { .name = "vit_jax",
    .title = "ViT of vit_jax",
    .naming = &vtr_naming_jax,
    .tells = PART (PATCH) | PART (NORM1) | PART (Q),
    .defaults = { .patch_size = 16,
                  .norm_eps = 1e-6,
                  .act = VTR_ACT_GELU_TANH,
                  .positions = VTR_POSITIONS_BILINEAR_CORNERS,
                  .preprocess = { EXACT (224, VTR_FILTER_BILINEAR), HALF_MEAN_STD } } },
};

const guint vtr_n_families = G_N_ELEMENTS (vtr_families);

const VtrFamily *
vtr_family_find (const char *name)
{
  for (guint i = 0; i < vtr_n_families; i++)
    if (strcmp (vtr_families[i].name, name) == 0)
      return &vtr_families[i];
  return NULL;
}

const VtrFamily *
vtr_family_of_model_type (const char *model_type)
{
  for (guint i = 0; i < vtr_n_families; i++)
    for (guint j = 0; j < G_N_ELEMENTS (vtr_families[i].model_types); j++)
      if (g_strcmp0 (vtr_families[i].model_types[j], model_type) == 0)
        return &vtr_families[i];
  return NULL;
}
