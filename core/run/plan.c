/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* The buffers of one run: planned first, so that the bytes are known before any is allocated. */
#include "run/run.h"

#include <string.h>

/* The MLP's hidden tokens are the largest buffer and no layer needs them all at once. */
#define MAX_HIDDEN_BYTES (G_GUINT64_CONSTANT (64) << 20)

/* Tokens are cut into chunks of a multiple of this, so that each chunk's offset is aligned for
 * binding whatever the width: 128 rows of f16 are a multiple of 256 bytes. */
#define CHUNK_GRANULARITY 128

typedef struct
{
  VtrPlan *plan;
  const VtrArch *arch;
  VtrDType activation; /* type of the activations */
  GError **error;
  gboolean ok;
} Planner;

static void
plan_tensor (Planner *self,
             VtrTensor *tensor,
             const char *name,
             VtrDType dtype,
             guint n_dims,
             const guint32 *shape)
{
  self->ok = self->ok &&
             vtr_arena_plan (self->plan->arena, tensor, name, dtype, n_dims, shape, self->error);
}

#define PLAN_AS(dtype, member, ...)                                                                \
  plan_tensor (planner, &planner->plan->member, #member, dtype,                                    \
               sizeof ((guint32[]){ __VA_ARGS__ }) / sizeof (guint32), (guint32[]){ __VA_ARGS__ })
#define PLAN(member, ...) PLAN_AS (VTR_DTYPE_F32, member, __VA_ARGS__)
#define PLAN_ACTIVATION(member, ...) PLAN_AS (planner->activation, member, __VA_ARGS__)

static guint32
count_hidden_chunk (const Planner *self, guint32 width)
{
  const VtrPlan *plan = self->plan;
  const guint64 n_tokens = (guint64) plan->batch * plan->n_tokens;
  const guint64 max_bytes =
      MIN (MAX_HIDDEN_BYTES, vtr_arena_get_device (plan->arena)->max_tensor_bytes);
  guint64 chunk = max_bytes / ((guint64) width * vtr_dtype_size (self->activation));

  chunk = MAX (chunk - chunk % CHUNK_GRANULARITY, CHUNK_GRANULARITY);
  return (guint32) MIN (chunk, n_tokens);
}

static void
plan_trunk (Planner *planner)
{
  VtrPlan *plan = planner->plan;
  const VtrArch *arch = planner->arch;
  const guint32 b = plan->batch;
  const guint32 n_pictures = plan->subsets != NULL ? 1 : b;
  const guint32 n = plan->n_tokens;
  const guint32 p = plan->n_rows * plan->n_columns;
  const guint32 d = arch->hidden_size;
  const guint32 patch = arch->patch_size;
  const gboolean swiglu = arch->act == VTR_ACT_SWIGLU;
  const guint32 hidden = swiglu ? 2 * arch->mlp_size : arch->mlp_size;
  const guint32 chunk = count_hidden_chunk (planner, hidden);

  PLAN (pixels, n_pictures, 3, plan->n_rows * patch, plan->n_columns * patch);
  PLAN_ACTIVATION (patches, n_pictures, p, 3 * patch * patch);
  PLAN (embedded, n_pictures, p, d);
  PLAN (tokens, b, n, d);
  PLAN_ACTIVATION (normed, b, n, d);
  PLAN_ACTIVATION (hidden, chunk, hidden);
  if (swiglu)
    PLAN_ACTIVATION (gated, chunk, arch->mlp_size);
  if (arch->positions != VTR_POSITIONS_NONE)
    PLAN (positions, p, d);
  if (arch->rope_theta > 0 && plan->subsets == NULL)
    PLAN (rope, 2, p, arch->head_size);
}

/* What is done once for all subsets, and what takes them out of it. */
static void
plan_subsets (Planner *planner)
{
  const VtrPlan *plan = planner->plan;
  const VtrArch *arch = planner->arch;
  const guint32 p = plan->n_rows * plan->n_columns;
  const guint32 b = plan->subsets->max_subsets;
  const guint32 n = plan->subsets->max_tokens;
  const guint32 d = arch->hidden_size;

  PLAN (subsets->whole, 1, vtr_arch_n_prefix (arch) + p, d);
  PLAN_AS (VTR_DTYPE_U32, subsets->taken, 1, n);
  PLAN_AS (VTR_DTYPE_U32, subsets->place, b, 1);
  PLAN (subsets->token, b, 1, d);
  if (arch->rope_theta == 0)
    return;
  PLAN (subsets->rope, 2, p, arch->head_size);
  PLAN (rope, 1, 2, n, arch->head_size);
  PLAN_AS (VTR_DTYPE_U32, subsets->turned, 1, 2 * n);
}

/* Q, K, V and log-sum-exp of a layer, in a buffer of their own. */
static void
plan_layer (Planner *planner, guint layer)
{
  VtrPlan *plan = planner->plan;
  const VtrArch *arch = planner->arch;
  const guint32 h = vtr_arch_n_heads (arch, layer);
  const guint32 qkv_shape[] = { plan->batch, plan->n_tokens, 3, h, arch->head_size };
  const guint32 lse_shape[] = { plan->batch, h, plan->n_tokens };
  g_autofree char *qkv_name = g_strdup_printf ("layer%02u.qkv", layer);
  g_autofree char *lse_name = g_strdup_printf ("layer%02u.lse", layer);

  plan_tensor (planner, &plan->qkv[layer], qkv_name, planner->activation, G_N_ELEMENTS (qkv_shape),
               qkv_shape);
  plan_tensor (planner, &plan->lse[layer], lse_name, VTR_DTYPE_F32, G_N_ELEMENTS (lse_shape),
               lse_shape);
}

guint
vtr_plan_find_sharer (const VtrPlan *self, const VtrArch *arch, guint first_layer)
{
  guint found = VTR_NO_LAYER;

  for (guint layer = first_layer; layer < arch->n_layers; layer++)
    if (!self->keep[layer] &&
        (found == VTR_NO_LAYER || vtr_arch_n_heads (arch, layer) > vtr_arch_n_heads (arch, found)))
      found = layer;
  return found;
}

/* One buffer for each layer that is kept; the others take turns in one more, which belongs to the
 * one of them with the most heads. */
static void
plan_attention (Planner *planner)
{
  VtrPlan *plan = planner->plan;
  const VtrArch *arch = planner->arch;
  const guint sharer = vtr_plan_find_sharer (plan, arch, 0);

  if (sharer != VTR_NO_LAYER)
    plan_layer (planner, sharer);
  for (guint layer = 0; layer < arch->n_layers; layer++)
    {
      const guint32 h = vtr_arch_n_heads (arch, layer);

      if (plan->keep[layer])
        plan_layer (planner, layer);
      else
        {
          plan->qkv[layer] = vtr_tensor_with_size (&plan->qkv[sharer], VTR_AXIS_QKV_HEADS, h);
          plan->lse[layer] = vtr_tensor_with_size (&plan->lse[sharer], VTR_AXIS_LSE_HEADS, h);
        }
    }
}

static void
plan_head (Planner *planner)
{
  const VtrPlan *plan = planner->plan;
  const VtrArch *arch = planner->arch;
  const guint32 b = plan->subsets != NULL ? plan->subsets->max_subsets : plan->batch;
  const guint32 d = arch->hidden_size;
  const gboolean distilled = arch->head_pool == VTR_HEAD_POOL_CLS_AND_DISTILLATION;

  PLAN (pooled, b, arch->head_pool == VTR_HEAD_POOL_CLS_AND_MEAN ? 2 * d : d);
  if (distilled)
    PLAN (pooled_distillation, b, d);
  if (arch->projection_size > 0)
    PLAN (projected, b, arch->projection_size);
  else if (arch->pre_logits)
    PLAN (projected, b, d);
  if (arch->n_classes > 0)
    PLAN (logits, b, arch->n_classes);
  if (arch->n_classes > 0 && distilled)
    PLAN (logits_distillation, b, arch->n_classes);
}

/* An empty plan. */
static VtrPlan *
plan_alloc (VtrDevice *device,
            const VtrArch *arch,
            VtrPrecision precision,
            guint n_rows,
            guint n_columns)
{
  VtrPlan *self = g_new0 (VtrPlan, 1);

  self->arena = vtr_arena_new (device, "activations");
  self->precision = precision;
  self->n_rows = n_rows;
  self->n_columns = n_columns;
  self->keep = g_new0 (gboolean, arch->n_layers);
  self->qkv = g_new0 (VtrTensor, arch->n_layers);
  self->lse = g_new0 (VtrTensor, arch->n_layers);
  return self;
}

/* Plans all of it; frees @self and returns NULL where it cannot. */
static VtrPlan *
plan_all (VtrPlan *self, const VtrArch *arch, GError **error)
{
  const gboolean halves = self->precision == VTR_PRECISION_F16 &&
                          vtr_arena_get_device (self->arena)->f16 == VTR_F16_ACTIVATIONS;
  Planner planner = {
    .plan = self,
    .arch = arch,
    .activation = halves ? VTR_DTYPE_F16 : VTR_DTYPE_F32,
    .error = error,
    .ok = TRUE,
  };

  plan_trunk (&planner);
  if (self->subsets != NULL)
    plan_subsets (&planner);
  plan_attention (&planner);
  plan_head (&planner);
  if (!planner.ok)
    {
      vtr_plan_free (self);
      return NULL;
    }
  return self;
}

VtrPlan *
vtr_plan_new (VtrDevice *device,
              VtrModel *model,
              VtrPrecision precision,
              guint n_rows,
              guint n_columns,
              guint batch,
              const gboolean *keep,
              GError **error)
{
  const VtrArch *arch = vtr_model_get_arch (model);
  VtrPlan *self = plan_alloc (device, arch, precision, n_rows, n_columns);

  self->batch = batch;
  self->n_tokens = vtr_arch_n_prefix (arch) + n_rows * n_columns;
  memcpy (self->keep, keep, arch->n_layers * sizeof *keep);
  return plan_all (self, arch, error);
}

VtrPlan *
vtr_plan_new_subsets (VtrDevice *device,
                      VtrModel *model,
                      VtrPrecision precision,
                      guint n_rows,
                      guint n_columns,
                      guint max_subsets,
                      guint max_tokens,
                      GError **error)
{
  const VtrArch *arch = vtr_model_get_arch (model);
  VtrPlan *self = plan_alloc (device, arch, precision, n_rows, n_columns);

  /* Until the shapes are set: one subset of all the tokens there can be. */
  self->batch = 1;
  self->n_tokens = max_tokens;
  self->subsets = g_new0 (VtrSubsetPlan, 1);
  self->subsets->max_subsets = max_subsets;
  self->subsets->max_tokens = max_tokens;
  return plan_all (self, arch, error);
}

/* Of a tensor that exists. */
static void
set_shape (VtrTensor *tensor, guint n_axes, const guint32 *sizes)
{
  if (vtr_tensor_exists (tensor))
    memcpy (tensor->shape, sizes, n_axes * sizeof *sizes);
}

#define SET_SHAPE(tensor, ...)                                                                     \
  set_shape (tensor, sizeof ((guint32[]){ __VA_ARGS__ }) / sizeof (guint32),                       \
             (guint32[]){ __VA_ARGS__ })

void
vtr_plan_set_subsets (VtrPlan *self, const VtrArch *arch, guint n_subsets, guint n_kept)
{
  const guint32 b = n_subsets;
  const guint32 n = vtr_arch_n_prefix (arch) + n_kept;

  g_return_if_fail (b >= 1 && b <= self->subsets->max_subsets);
  g_return_if_fail (n >= 1 && n <= self->subsets->max_tokens / b);

  self->batch = b;
  self->n_tokens = n;
  SET_SHAPE (&self->tokens, b, n);
  SET_SHAPE (&self->normed, b, n);
  for (guint layer = 0; layer < arch->n_layers; layer++)
    {
      SET_SHAPE (&self->qkv[layer], b, n);
      SET_SHAPE (&self->lse[layer], b, vtr_arch_n_heads (arch, layer), n);
    }
  SET_SHAPE (&self->subsets->taken, b, n);
  SET_SHAPE (&self->subsets->turned, b, 2 * n_kept);
  SET_SHAPE (&self->rope, b, 2, n_kept);
  SET_SHAPE (&self->subsets->place, b);
  SET_SHAPE (&self->subsets->token, b);
  SET_SHAPE (&self->pooled, b);
  SET_SHAPE (&self->pooled_distillation, b);
  SET_SHAPE (&self->projected, b);
  SET_SHAPE (&self->logits, b);
  SET_SHAPE (&self->logits_distillation, b);
}

void
vtr_plan_free (VtrPlan *self)
{
  if (self == NULL)
    return;
  vtr_arena_free (self->arena);
  vtr_backward_plan_free (self->backward);
  g_free (self->subsets);
  g_free (self->keep);
  g_free (self->qkv);
  g_free (self->lse);
  g_free (self);
}

/* The rotations of all patches. */
static const VtrTensor *
rope_of_grid (const VtrPlan *self)
{
  return self->subsets != NULL ? &self->subsets->rope : &self->rope;
}

static gboolean
upload_opposite_rope (VtrPlan *self, VtrStream *stream, const float *rope, GError **error)
{
  const VtrTensor *tensor = &self->backward->rope;
  g_autofree float *opposite = g_new (float, vtr_tensor_n_values (tensor));

  vtr_rope_transpose_table (rope, tensor->shape[1], tensor->shape[2], opposite);
  return vtr_stream_write (stream, tensor, 0, opposite, vtr_tensor_n_bytes (tensor), error);
}

gboolean
vtr_plan_upload (VtrPlan *self, VtrStream *stream, VtrModel *model, GError **error)
{
  const VtrTensor *table = rope_of_grid (self);

  if (vtr_tensor_exists (&self->positions))
    {
      g_autofree float *positions =
          vtr_model_make_positions (model, self->n_rows, self->n_columns, error);
      if (positions == NULL || !vtr_stream_write (stream, &self->positions, 0, positions,
                                                  vtr_tensor_n_bytes (&self->positions), error))
        return FALSE;
    }
  if (vtr_tensor_exists (table))
    {
      g_autofree float *rope = vtr_model_make_rope (model, self->n_rows, self->n_columns, error);
      if (rope == NULL ||
          !vtr_stream_write (stream, table, 0, rope, vtr_tensor_n_bytes (table), error))
        return FALSE;
      if (self->backward != NULL && !upload_opposite_rope (self, stream, rope, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
is_in_same_place (const VtrTensor *a, const VtrTensor *b)
{
  return a->n_dims == b->n_dims && a->block == b->block && a->offset == b->offset;
}

/* Of what the way back has uploaded. */
static gboolean
goes_back_alike (const VtrBackwardPlan *a, const VtrBackwardPlan *b)
{
  return a == NULL || (b != NULL && is_in_same_place (&a->rope, &b->rope));
}

gboolean
vtr_plan_take_over (VtrPlan *self, VtrPlan *used)
{
  return self->n_rows == used->n_rows && self->n_columns == used->n_columns &&
         is_in_same_place (&self->positions, &used->positions) &&
         is_in_same_place (rope_of_grid (self), rope_of_grid (used)) &&
         goes_back_alike (self->backward, used->backward) &&
         vtr_arena_take_over (self->arena, used->arena);
}

const VtrTensor *
vtr_plan_get_embedding (const VtrPlan *self)
{
  return vtr_tensor_exists (&self->projected) ? &self->projected : &self->pooled;
}
