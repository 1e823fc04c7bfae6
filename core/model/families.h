/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * Families of checkpoints as data: how each one names its tensors, what holds where its
 * configuration is silent, and what tells it apart.  To add one, add a row to families.c, and a
 * list of names to naming.c if it has names of its own.
 */
#include "model/arch.h"

/* The pieces of a ViT as files have them: split or fused, with a weight and most with a bias. */
typedef enum
{
  VTR_PART_PATCH,
  VTR_PART_CLS,
  VTR_PART_DISTILLATION,
  VTR_PART_REGISTERS,
  VTR_PART_POSITIONS,
  VTR_PART_PERIODS, /* of RoPE, where the file has them */
  VTR_PART_PRE_NORM,
  VTR_PART_FINAL_NORM,
  VTR_PART_POOL_NORM, /* the last norm, after pooling (timm's fc_norm) */
  VTR_PART_PRE_LOGITS,
  VTR_PART_HEAD,
  VTR_PART_HEAD_DISTILLATION,
  VTR_PART_PROJECTION,

  /* one per layer */
  VTR_PART_NORM1,
  VTR_PART_QKV,
  VTR_PART_Q,
  VTR_PART_K,
  VTR_PART_V,
  VTR_PART_PROJ,
  VTR_PART_SCALE1,
  VTR_PART_NORM2,
  VTR_PART_FC1,
  VTR_PART_GATE_UP,
  VTR_PART_GATE,
  VTR_PART_UP,
  VTR_PART_FC2,
  VTR_PART_SCALE2,
  VTR_N_PARTS
} VtrPart;

#define VTR_FIRST_LAYER_PART VTR_PART_NORM1
#define VTR_N_LAYER_PARTS (VTR_N_PARTS - VTR_FIRST_LAYER_PART)

typedef enum
{
  VTR_PART_IS_MATRIX, /* weight [out][in], bias [out] */
  VTR_PART_IS_NORM,   /* weight [d], bias [d] */
  VTR_PART_IS_VALUES, /* one tensor, named in full */
} VtrPartKind;

VtrPartKind vtr_part_get_kind (VtrPart part);

/* For messages: "the query weights". */
const char *vtr_part_get_title (VtrPart part);

#define VTR_MAX_NAMES 3

/* Names of one part, tried in this order; '#' stands for the layer.  Where the naming has several
 * worlds, a name's place says which world it is of. */
typedef struct
{
  VtrPart part;
  const char *names[VTR_MAX_NAMES];
} VtrPartNames;

typedef struct
{
  const char *title;                 /* for inspect: "Hugging Face transformers" */
  const char *worlds[VTR_MAX_NAMES]; /* titles of the worlds; NULL: there is but one */
  const char *matrix_weight;         /* what follows a part's name: ".weight", "/kernel" */
  const char *norm_weight;
  const char *bias;
  gboolean is_jax; /* matrices [in][out] (heads apart: [in][h][hd], [h][hd][out]), conv HWIO */
  const char *const *ignored; /* beginnings and ends ("*.end") of names that may be left over */
  const VtrPartNames *parts;
  guint n_parts;
} VtrNaming;

extern const VtrNaming vtr_naming_hf_vit;
extern const VtrNaming vtr_naming_hf_dinov2;
extern const VtrNaming vtr_naming_hf_dinov3;
extern const VtrNaming vtr_naming_hf_clip;
extern const VtrNaming vtr_naming_timm;
extern const VtrNaming vtr_naming_jax;

/* The names of @part; NULL where the naming has no such part. */
const VtrPartNames *vtr_naming_find (const VtrNaming *self, VtrPart part);

typedef struct
{
  const char *name;           /* also VtrArch.family */
  const char *title;          /* "DINOv2 with registers" */
  const char *model_types[3]; /* config.json's model_type; none for timm and vit_jax */
  const VtrNaming *naming;
  guint32 tells;           /* 1 << VtrPart: files without config.json must have all of these */
  guint32 no_bias;         /* 1 << VtrPart: never have a bias */
  const char *shapes_lack; /* why shapes alone do not suffice; NULL: they do */
  VtrArch defaults;        /* as the family's configuration class has them */
} VtrFamily;

/* In the order they are tried: those that need more parts first. */
extern const VtrFamily vtr_families[];
extern const guint vtr_n_families;

/* NULL: unknown. */
const VtrFamily *vtr_family_find (const char *name);
const VtrFamily *vtr_family_of_model_type (const char *model_type);
