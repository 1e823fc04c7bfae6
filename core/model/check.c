/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/detect.h"

/* Numbers that the weight of a part must have: [out][in], in = 1 where it is no matrix. */
static void
expected_shape (const VtrArch *arch, VtrPart part, guint layer, guint64 *n_out, guint64 *n_in)
{
  const guint64 d = arch->hidden_size;
  const guint64 context = vtr_arch_context_size (arch, layer);
  const guint64 f = arch->mlp_size;
  const guint64 n_special = arch->has_cls + arch->has_distillation;
  guint64 n_rows;

  *n_out = d;
  *n_in = 1;
  switch (part)
    {
    case VTR_PART_PATCH:
      *n_in = 3 * (guint64) arch->patch_size * arch->patch_size;
      break;
    case VTR_PART_REGISTERS:
      *n_out = arch->n_registers * d;
      break;
    case VTR_PART_POSITIONS:
      n_rows = (guint64) arch->grid_rows * arch->grid_columns;
      n_rows += arch->prefix_has_positions ? n_special : 0;
      n_rows += arch->registers_have_positions ? arch->n_registers : 0;
      *n_out = n_rows * d;
      break;
    case VTR_PART_PERIODS:
      *n_out = arch->head_size / 4;
      break;
    case VTR_PART_HEAD:
      *n_out = arch->n_classes;
      *n_in = arch->head_pool == VTR_HEAD_POOL_CLS_AND_MEAN ? 2 * d : d;
      break;
    case VTR_PART_HEAD_DISTILLATION:
      *n_out = arch->n_classes;
      *n_in = d;
      break;
    case VTR_PART_PROJECTION:
      *n_out = arch->projection_size;
      *n_in = d;
      break;
    case VTR_PART_QKV:
      *n_out = 3 * context;
      *n_in = d;
      break;
    case VTR_PART_Q:
    case VTR_PART_K:
    case VTR_PART_V:
      *n_out = context;
      *n_in = d;
      break;
    case VTR_PART_PROJ:
      *n_in = context;
      break;
    case VTR_PART_PRE_LOGITS:
      *n_in = d;
      break;
    case VTR_PART_FC1:
      *n_out = arch->act == VTR_ACT_SWIGLU ? 2 * f : f;
      *n_in = d;
      break;
    case VTR_PART_GATE_UP:
      *n_out = 2 * f;
      *n_in = d;
      break;
    case VTR_PART_GATE:
    case VTR_PART_UP:
      *n_out = f;
      *n_in = d;
      break;
    case VTR_PART_FC2:
      *n_in = f;
      break;
    default:
      break;
    }
}

static gboolean
fail_missing (const VtrDetection *self, VtrPart part, guint layer, gboolean bias, GError **error)
{
  g_autofree char *names = vtr_parts_format_names (self->parts, part, layer, bias);
  g_autofree char *where =
      part < VTR_FIRST_LAYER_PART ? g_strdup ("") : g_strdup_printf (" of layer %u", layer);

  g_set_error (error, VTR_ERROR, VTR_ERROR_MISSING_TENSOR,
               "%s: there is no tensor for the %s%s%s (tried: %s); the file is not complete or not "
               "%s.",
               vtr_store_get_label (self->parts->store), bias ? "bias of the " : "",
               vtr_part_get_title (part), where, names, self->family->title);
  return FALSE;
}

static gboolean
is_float (VtrDType dtype)
{
  return dtype == VTR_DTYPE_F32 || dtype == VTR_DTYPE_F16 || dtype == VTR_DTYPE_BF16 ||
         dtype == VTR_DTYPE_F64;
}

static gboolean
check_tensor (const VtrDetection *self,
              VtrPart part,
              const VtrStored *stored,
              guint64 n_out,
              guint64 n_in,
              GError **error)
{
  guint64 has_out, has_in;
  const char *label = vtr_store_get_label (self->parts->store);

  if (!is_float (stored->dtype))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
                   "%s: tensor %s has type %s; Vitreous reads weights as F32, F16, BF16 and F64.",
                   label, stored->name, stored->dtype_name);
      return FALSE;
    }
  if (n_in == 1)
    {
      has_out = stored->n_values;
      has_in = 1;
    }
  else
    vtr_parts_get_shape (self->parts, part, stored, &has_out, &has_in);
  if (has_out == n_out && has_in == n_in)
    return TRUE;

  g_autofree char *shape = vtr_stored_format_shape (stored);
  g_autofree char *expected =
      n_in == 1
          ? g_strdup_printf ("%" G_GUINT64_FORMAT " numbers", n_out)
          : g_strdup_printf ("%" G_GUINT64_FORMAT " × %" G_GUINT64_FORMAT " numbers", n_out, n_in);
  g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
               "%s: tensor %s (%s) has shape %s, but the architecture needs %s.", label,
               stored->name, vtr_part_get_title (part), shape, expected);
  return FALSE;
}

/* A part that must be there, if @needed, and right, if it is. */
static gboolean
check_part (VtrDetection *self,
            VtrPart part,
            guint layer,
            gboolean needed,
            guint32 no_bias,
            GError **error)
{
  const VtrFound *found = vtr_parts_get (self->parts, part, layer);
  const gboolean has_bias = vtr_part_get_kind (part) != VTR_PART_IS_VALUES;
  guint64 n_out, n_in;

  if (found->weight == NULL)
    return !needed || fail_missing (self, part, layer, FALSE, error);
  if (!needed)
    return TRUE;
  expected_shape (&self->arch, part, layer, &n_out, &n_in);
  if (!check_tensor (self, part, found->weight, n_out, n_in, error))
    return FALSE;
  if (found->bias != NULL)
    return check_tensor (self, part, found->bias, n_out, 1, error);
  return !has_bias || (no_bias & 1u << part) || fail_missing (self, part, layer, TRUE, error);
}

/* Which parts this architecture has: bits of VtrPart. */
static guint32
needed_parts (const VtrDetection *self)
{
  const VtrArch *arch = &self->arch;
  guint32 parts = 1u << VTR_PART_PATCH | 1u << VTR_PART_NORM1 | 1u << VTR_PART_NORM2 |
                  1u << VTR_PART_PROJ | 1u << VTR_PART_FC2;
  const gboolean is_fused = vtr_parts_get (self->parts, VTR_PART_QKV, 0)->weight != NULL ||
                            vtr_naming_find (self->parts->naming, VTR_PART_Q) == NULL;
  const gboolean has_gate_up = vtr_parts_get (self->parts, VTR_PART_GATE_UP, 0)->weight != NULL;
  const gboolean has_gate = vtr_parts_get (self->parts, VTR_PART_GATE, 0)->weight != NULL;
  const gboolean norm_is_apart = vtr_parts_get (self->parts, VTR_PART_POOL_NORM, 0)->weight != NULL;

#define NEED(condition, part)                                                                      \
  if (condition)                                                                                   \
  parts |= 1u << VTR_PART_##part
  NEED (arch->has_cls, CLS);
  NEED (arch->has_distillation, DISTILLATION);
  NEED (arch->n_registers > 0, REGISTERS);
  NEED (arch->positions != VTR_POSITIONS_NONE, POSITIONS);
  NEED (vtr_parts_get (self->parts, VTR_PART_PERIODS, 0)->weight != NULL, PERIODS);
  NEED (arch->pre_norm, PRE_NORM);
  NEED (arch->final_norm && !norm_is_apart, FINAL_NORM);
  NEED (arch->final_norm && norm_is_apart, POOL_NORM);
  NEED (arch->pre_logits, PRE_LOGITS);
  NEED (arch->n_classes > 0, HEAD);
  NEED (arch->head_pool == VTR_HEAD_POOL_CLS_AND_DISTILLATION, HEAD_DISTILLATION);
  NEED (arch->projection_size > 0, PROJECTION);
  NEED (is_fused, QKV);
  NEED (!is_fused, Q);
  NEED (!is_fused, K);
  NEED (!is_fused, V);
  NEED (arch->layer_scale, SCALE1);
  NEED (arch->layer_scale, SCALE2);
  NEED (has_gate_up, GATE_UP);
  NEED (has_gate, GATE);
  NEED (has_gate, UP);
  NEED (!has_gate_up && !has_gate, FC1);
#undef NEED
  return parts;
}

gboolean
vtr_detection_check (VtrDetection *self, guint32 no_bias, GError **error)
{
  const guint32 needed = needed_parts (self);

  /* timm: whatever has a bias has one; CLIP's patches have none. */
  if (self->parts->naming == &vtr_naming_timm)
    no_bias |= 1u << VTR_PART_QKV | (self->arch.pre_norm ? 1u << VTR_PART_PATCH : 0);
  for (guint part = 0; part < VTR_FIRST_LAYER_PART; part++)
    if (!check_part (self, part, 0, needed >> part & 1, no_bias, error))
      return FALSE;
  for (guint layer = 0; layer < self->arch.n_layers; layer++)
    for (guint part = VTR_FIRST_LAYER_PART; part < VTR_N_PARTS; part++)
      if (!check_part (self, part, layer, needed >> part & 1, no_bias, error))
        return FALSE;
  return vtr_parts_check_leftovers (self->parts, error);
}
