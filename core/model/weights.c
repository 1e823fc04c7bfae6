/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/pruning.h"

#include <string.h>

/* What a weight is made of: one part or several on top of each other, their weights or biases. */
typedef enum
{
  FROM_WEIGHT,
  FROM_BIAS,
  FROM_BOTH, /* a norm: weight, then bias */
} Source;

static const struct
{
  VtrPart parts[3];
  guint n_parts;
  VtrPart instead[2]; /* where the file has no parts[0]: fused or split the other way */
  guint n_instead;
  Source source;
} recipes[VTR_N_WEIGHTS] = {
#define ONE(part) .parts = { VTR_PART_##part }, .n_parts = 1
#define QKV_PARTS                                                                                  \
  .parts = { VTR_PART_Q, VTR_PART_K, VTR_PART_V }, .n_parts = 3, .instead = { VTR_PART_QKV },      \
  .n_instead = 1
  [VTR_WEIGHT_PATCH] = { ONE (PATCH), .source = FROM_WEIGHT },
  [VTR_WEIGHT_PATCH_BIAS] = { ONE (PATCH), .source = FROM_BIAS },
  [VTR_WEIGHT_PRE_NORM] = { ONE (PRE_NORM), .source = FROM_BOTH },
  [VTR_WEIGHT_FINAL_NORM] = { ONE (FINAL_NORM), .instead = { VTR_PART_POOL_NORM }, .n_instead = 1,
                              .source = FROM_BOTH },
  [VTR_WEIGHT_PRE_LOGITS] = { ONE (PRE_LOGITS), .source = FROM_WEIGHT },
  [VTR_WEIGHT_PRE_LOGITS_BIAS] = { ONE (PRE_LOGITS), .source = FROM_BIAS },
  [VTR_WEIGHT_HEAD] = { ONE (HEAD), .source = FROM_WEIGHT },
  [VTR_WEIGHT_HEAD_BIAS] = { ONE (HEAD), .source = FROM_BIAS },
  [VTR_WEIGHT_HEAD_DISTILLATION] = { ONE (HEAD_DISTILLATION), .source = FROM_WEIGHT },
  [VTR_WEIGHT_HEAD_DISTILLATION_BIAS] = { ONE (HEAD_DISTILLATION), .source = FROM_BIAS },
  [VTR_WEIGHT_PROJECTION] = { ONE (PROJECTION), .source = FROM_WEIGHT },
  [VTR_WEIGHT_NORM1] = { ONE (NORM1), .source = FROM_BOTH },
  [VTR_WEIGHT_QKV] = { QKV_PARTS, .source = FROM_WEIGHT },
  [VTR_WEIGHT_QKV_BIAS] = { QKV_PARTS, .source = FROM_BIAS },
  [VTR_WEIGHT_PROJ] = { ONE (PROJ), .source = FROM_WEIGHT },
  [VTR_WEIGHT_PROJ_BIAS] = { ONE (PROJ), .source = FROM_BIAS },
  [VTR_WEIGHT_SCALE1] = { ONE (SCALE1), .source = FROM_WEIGHT },
  [VTR_WEIGHT_NORM2] = { ONE (NORM2), .source = FROM_BOTH },
  [VTR_WEIGHT_FC1] = { ONE (FC1), .source = FROM_WEIGHT },
  [VTR_WEIGHT_FC1_BIAS] = { ONE (FC1), .source = FROM_BIAS },
  [VTR_WEIGHT_FC2] = { ONE (FC2), .source = FROM_WEIGHT },
  [VTR_WEIGHT_FC2_BIAS] = { ONE (FC2), .source = FROM_BIAS },
  [VTR_WEIGHT_SCALE2] = { ONE (SCALE2), .source = FROM_WEIGHT },
#undef ONE
#undef QKV_PARTS
};

static gboolean
is_per_layer (VtrWeight weight)
{
  return weight >= VTR_WEIGHT_NORM1;
}

/* The parts of a weight in this checkpoint, stacked in this order. */
static guint
choose_parts (const VtrParts *parts, VtrWeight weight, guint layer, VtrPart out[3])
{
  const gboolean is_fc1 = weight == VTR_WEIGHT_FC1 || weight == VTR_WEIGHT_FC1_BIAS;

  if (is_fc1 && vtr_parts_get (parts, VTR_PART_GATE, layer)->weight != NULL)
    {
      out[0] = VTR_PART_GATE;
      out[1] = VTR_PART_UP;
      return 2;
    }
  if (is_fc1 && vtr_parts_get (parts, VTR_PART_GATE_UP, layer)->weight != NULL)
    {
      out[0] = VTR_PART_GATE_UP;
      return 1;
    }
  if (recipes[weight].n_instead > 0 &&
      vtr_parts_get (parts, recipes[weight].parts[0], layer)->weight == NULL)
    {
      memcpy (out, recipes[weight].instead, recipes[weight].n_instead * sizeof *out);
      return recipes[weight].n_instead;
    }
  memcpy (out, recipes[weight].parts, recipes[weight].n_parts * sizeof *out);
  return recipes[weight].n_parts;
}

static gboolean
is_head (VtrWeight weight)
{
  return weight == VTR_WEIGHT_HEAD || weight == VTR_WEIGHT_HEAD_BIAS;
}

gboolean
vtr_model_has_weight (VtrModel *self, VtrWeight weight)
{
  const VtrDetection *found = &self->found;
  VtrPart parts[3];
  const guint n = choose_parts (found->parts, weight, 0, parts);

  /* A head that was given, or taken away: derive.c. */
  if (is_head (weight) && (self->head != NULL || found->arch.n_classes == 0))
    return self->head != NULL;
  if ((weight == VTR_WEIGHT_FINAL_NORM && !found->arch.final_norm) ||
      (weight == VTR_WEIGHT_PRE_NORM && !found->arch.pre_norm) ||
      ((weight == VTR_WEIGHT_HEAD_DISTILLATION || weight == VTR_WEIGHT_HEAD_DISTILLATION_BIAS) &&
       found->arch.head_pool != VTR_HEAD_POOL_CLS_AND_DISTILLATION))
    return FALSE;
  for (guint i = 0; i < n; i++)
    {
      const VtrFound *part = vtr_parts_get (found->parts, parts[i], 0);
      if ((recipes[weight].source == FROM_BIAS ? part->bias : part->weight) != NULL)
        return TRUE;
    }
  return FALSE;
}

gsize
vtr_model_get_weight_size (VtrModel *self, VtrWeight weight, guint layer)
{
  const VtrArch *arch = &self->found.arch;
  const gsize d = arch->hidden_size;
  const gsize context = is_per_layer (weight) ? vtr_arch_context_size (arch, layer) : d;
  const gsize f2 = arch->act == VTR_ACT_SWIGLU ? 2 * (gsize) arch->mlp_size : arch->mlp_size;

  switch (weight)
    {
    case VTR_WEIGHT_PATCH:
      return d * 3 * arch->patch_size * arch->patch_size;
    case VTR_WEIGHT_PRE_NORM:
    case VTR_WEIGHT_FINAL_NORM:
    case VTR_WEIGHT_NORM1:
    case VTR_WEIGHT_NORM2:
      return 2 * d;
    case VTR_WEIGHT_HEAD:
      return arch->n_classes * (gsize) vtr_arch_n_features (arch);
    case VTR_WEIGHT_HEAD_DISTILLATION:
      return arch->n_classes * d;
    case VTR_WEIGHT_HEAD_BIAS:
    case VTR_WEIGHT_HEAD_DISTILLATION_BIAS:
      return arch->n_classes;
    case VTR_WEIGHT_PROJECTION:
      return arch->projection_size * d;
    case VTR_WEIGHT_QKV:
      return 3 * context * d;
    case VTR_WEIGHT_QKV_BIAS:
      return 3 * context;
    case VTR_WEIGHT_PROJ:
      return d * context;
    case VTR_WEIGHT_PRE_LOGITS:
      return d * d;
    case VTR_WEIGHT_FC1:
      return f2 * d;
    case VTR_WEIGHT_FC1_BIAS:
      return f2;
    case VTR_WEIGHT_FC2:
      return d * arch->mlp_size;
    default:
      return d;
    }
}

/* Where in a tensor a value is: "[3, 17]". */
static char *
format_index (const VtrStored *stored, gsize index)
{
  GString *text = g_string_new ("]");

  for (guint dim = stored->n_dims; dim-- > 0; index /= stored->shape[dim])
    {
      g_autofree char *number = g_strdup_printf ("%s%" G_GUINT64_FORMAT, dim > 0 ? ", " : "[",
                                                 (guint64) index % stored->shape[dim]);
      g_string_prepend (text, number);
    }
  if (stored->n_dims == 0)
    g_string_prepend_c (text, '[');
  return g_string_free (text, FALSE);
}

gboolean
vtr_model_read_stored (VtrModel *self, const VtrStored *stored, float *out, GError **error)
{
  g_autoptr (GBytes) bytes = vtr_store_read (self->store, stored, error);
  if (bytes == NULL)
    return FALSE;

  vtr_floats_from (stored->dtype, g_bytes_get_data (bytes, NULL), stored->n_values, out);
  vtr_store_release (stored);
  const gsize bad = vtr_floats_find_bad (out, stored->n_values);
  if (bad == stored->n_values)
    return TRUE;

  g_autofree char *where = format_index (stored, bad);
  g_set_error (error, VTR_ERROR, VTR_ERROR_BAD_VALUES,
               "%s: tensor %s has the value %g at %s; a model with such weights can compute "
               "nothing.",
               vtr_store_get_label (self->store), stored->name, out[bad], where);
  return FALSE;
}

/* [n_rows][n_columns] → [n_columns][n_rows] */
static void
transpose (const float *from, gsize n_rows, gsize n_columns, float *to)
{
  for (gsize row = 0; row < n_rows; row++)
    for (gsize column = 0; column < n_columns; column++)
      to[column * n_rows + row] = from[row * n_columns + column];
}

/* [side·side][3][d] (from HWIO) → [d][3][side·side] */
static void
transpose_patch (const float *from, gsize n_pixels, gsize d, float *to)
{
  for (gsize pixel = 0; pixel < n_pixels; pixel++)
    for (gsize channel = 0; channel < 3; channel++)
      for (gsize i = 0; i < d; i++)
        to[(i * 3 + channel) * n_pixels + pixel] = from[(pixel * 3 + channel) * d + i];
}

gboolean
vtr_model_read_part (VtrModel *self,
                     VtrPart part,
                     const VtrStored *stored,
                     float *out,
                     GError **error)
{
  const VtrParts *parts = self->found.parts;
  guint64 n_out, n_in;

  if (vtr_part_get_kind (part) != VTR_PART_IS_MATRIX ||
      !(parts->naming->is_jax || stored->transposed))
    return vtr_model_read_stored (self, stored, out, error);

  g_autofree float *raw = g_new (float, stored->n_values);
  if (!vtr_model_read_stored (self, stored, raw, error))
    return FALSE;
  vtr_parts_get_shape (parts, part, stored, &n_out, &n_in);
  if (part == VTR_PART_PATCH && parts->naming->is_jax)
    transpose_patch (raw, n_in / 3, n_out, out);
  else
    transpose (raw, n_in, n_out, out);
  return TRUE;
}

/* Numbers that one part puts into the weight. */
static gsize
part_size (VtrModel *self, VtrPart part, const VtrFound *found, Source source)
{
  guint64 n_out, n_in;

  if (source == FROM_BOTH)
    return 2 * found->weight->n_values;
  if (source == FROM_WEIGHT)
    return found->weight->n_values;
  vtr_parts_get_shape (self->found.parts, part, found->weight, &n_out, &n_in);
  return n_out;
}

static gboolean
read_part (VtrModel *self,
           VtrPart part,
           const VtrFound *found,
           Source source,
           float *out,
           GError **error)
{
  if (source == FROM_BIAS)
    return found->bias == NULL || vtr_model_read_stored (self, found->bias, out, error);
  if (!vtr_model_read_part (self, part, found->weight, out, error))
    return FALSE;
  return source == FROM_WEIGHT || found->bias == NULL ||
         vtr_model_read_stored (self, found->bias, out + found->weight->n_values, error);
}

gboolean
vtr_model_read_weight (VtrModel *self, VtrWeight weight, guint layer, float *out, GError **error)
{
  g_return_val_if_fail (VTR_IS_MODEL (self), FALSE);
  g_return_val_if_fail (!is_per_layer (weight) || layer < self->found.arch.n_layers, FALSE);

  const gsize size = vtr_model_get_weight_size (self, weight, layer);
  VtrPart parts[3];
  const guint n =
      choose_parts (self->found.parts, weight, is_per_layer (weight) ? layer : 0, parts);
  gsize at = 0;

  if (is_head (weight) && self->head != NULL)
    {
      memcpy (out, weight == VTR_WEIGHT_HEAD ? self->head->weight : self->head->bias,
              size * sizeof *out);
      return TRUE;
    }
  /* What is absent: a bias adds nothing, a layer scale changes nothing. */
  const float neutral = weight == VTR_WEIGHT_SCALE1 || weight == VTR_WEIGHT_SCALE2 ? 1.0f : 0.0f;
  for (gsize i = 0; i < size; i++)
    out[i] = neutral;
  for (guint i = 0; i < n; i++)
    {
      const VtrFound *found = vtr_parts_get (self->found.parts, parts[i], layer);
      if (found->weight == NULL)
        continue;
      const gsize n_values = part_size (self, parts[i], found, recipes[weight].source);
      g_return_val_if_fail (n_values <= size - at, FALSE);
      if (!read_part (self, parts[i], found, recipes[weight].source, out + at, error))
        return FALSE;
      at += n_values;
    }
  if (self->gates != NULL && is_per_layer (weight))
    vtr_pruning_gate (self->gates, &self->found.arch, weight, layer, out, size);
  return TRUE;
}
