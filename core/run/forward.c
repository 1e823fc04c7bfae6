/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* The forward pass of a ViT: pixels → tokens → blocks → embedding and logits. */
#include "run/run.h"

#include <math.h>

typedef struct
{
  VtrStream *stream;
  VtrModel *model;
  const VtrArch *arch;
  const VtrDeviceWeights *weights;
  const VtrPlan *plan;
  float attention_scale;
} Forward;

float
vtr_attention_scale (const VtrArch *arch, double temperature)
{
  return (float) (1.0 / (sqrt ((double) arch->head_size) * temperature));
}

double
vtr_forward_flops (const VtrArch *arch, guint n_patches, guint batch)
{
  const double n = vtr_arch_n_prefix (arch) + (double) n_patches;
  const double d = arch->hidden_size;
  const double f = arch->mlp_size;
  const double n_mlp_products = arch->act == VTR_ACT_SWIGLU ? 3 : 2;
  const double patch_values = 3.0 * arch->patch_size * arch->patch_size;
  const double block = n * (4 * d * d + n_mlp_products * d * f) + 2 * n * n * d;

  return 2 * batch * (n_patches * patch_values * d + arch->n_layers * block);
}

static VtrActivation
mlp_activation (const VtrArch *arch)
{
  switch (arch->act)
    {
    case VTR_ACT_GELU_ERF:
      return VTR_ACTIVATION_GELU_ERF;
    case VTR_ACT_GELU_TANH:
      return VTR_ACTIVATION_GELU_TANH;
    case VTR_ACT_GELU_QUICK:
      return VTR_ACTIVATION_GELU_QUICK;
    case VTR_ACT_SWIGLU: /* the gate is an op of its own */
      return VTR_ACTIVATION_NONE;
    }
  g_return_val_if_reached (VTR_ACTIVATION_NONE);
}

static gboolean
linear (Forward *self,
        const VtrLinear *weights,
        const VtrTensor *x,
        VtrMatmulFlags flags,
        VtrActivation activation,
        const VtrTensor *y,
        GError **error)
{
  return vtr_op_matmul (self->stream, x, &weights->weight, &weights->epilogue, flags, activation, y,
                        error);
}

/* Tokens @first to @first + @count of a tensor [b][n][width], as [count][width]. */
static VtrTensor
view_tokens (const VtrTensor *tensor, guint32 first, guint32 count)
{
  VtrTensor view = *tensor;
  const guint32 width = tensor->shape[tensor->n_dims - 1];

  view.offset += (gsize) first * width * vtr_dtype_size (tensor->dtype);
  view.n_dims = 2;
  view.shape[0] = count;
  view.shape[1] = width;
  return view;
}

/* q, k and v of a token lie side by side: [b][n][3][h][hd] is [b][n][3d] to a product. */
static VtrTensor
flatten_qkv (const VtrTensor *qkv)
{
  VtrTensor flat = *qkv;

  flat.n_dims = 3;
  flat.shape[2] = qkv->shape[2] * qkv->shape[3] * qkv->shape[4];
  return flat;
}

static gboolean
embed (Forward *self, GError **error)
{
  const VtrPlan *plan = self->plan;
  const VtrDeviceWeights *weights = self->weights;
  const VtrTensor *prefix = vtr_tensor_exists (&weights->prefix) ? &weights->prefix : NULL;
  const VtrTensor *positions = vtr_tensor_exists (&plan->positions) ? &plan->positions : NULL;

  if (!vtr_op_patchify (self->stream, &plan->pixels, self->arch->patch_size, &plan->patches,
                        error) ||
      !linear (self, &weights->patch, &plan->patches, VTR_MATMUL_BIAS, VTR_ACTIVATION_NONE,
               &plan->embedded, error) ||
      !vtr_op_embed_tokens (self->stream, &plan->embedded, prefix, positions, &plan->tokens, error))
    return FALSE;

  return !self->arch->pre_norm ||
         vtr_op_layer_norm (self->stream, &plan->tokens, &weights->pre_norm,
                            (float) self->arch->norm_eps, &plan->tokens, error);
}

/* tokens += scale1·proj (attention (norm1 (tokens))) */
static gboolean
attend (Forward *self, guint layer, GError **error)
{
  const VtrPlan *plan = self->plan;
  const VtrBlockWeights *block = &self->weights->blocks[layer];
  const VtrTensor *qkv = &plan->qkv[layer];
  const VtrTensor flat = flatten_qkv (qkv);
  const float eps = (float) self->arch->norm_eps;
  VtrMatmulFlags flags = VTR_MATMUL_BIAS | VTR_MATMUL_ACCUMULATE;

  if (self->arch->layer_scale)
    flags |= VTR_MATMUL_SCALE;

  if (!vtr_op_layer_norm (self->stream, &plan->tokens, &block->norm1, eps, &plan->normed, error) ||
      !linear (self, &block->qkv, &plan->normed, VTR_MATMUL_BIAS, VTR_ACTIVATION_NONE, &flat,
               error))
    return FALSE;
  if (vtr_tensor_exists (&plan->rope) && !vtr_op_rope (self->stream, qkv, &plan->rope, error))
    return FALSE;

  /* The normed tokens have been used: the context takes their place. */
  return vtr_op_attention (self->stream, qkv, self->attention_scale, &plan->normed,
                           &plan->lse[layer], error) &&
         linear (self, &block->proj, &plan->normed, flags, VTR_ACTIVATION_NONE, &plan->tokens,
                 error);
}

/* @count tokens from @first on: tokens += scale2·fc2 (act (fc1 (normed))) */
static gboolean
mlp_chunk (Forward *self, guint layer, guint32 first, guint32 count, GError **error)
{
  const VtrPlan *plan = self->plan;
  const VtrBlockWeights *block = &self->weights->blocks[layer];
  const VtrTensor normed = view_tokens (&plan->normed, first, count);
  const VtrTensor tokens = view_tokens (&plan->tokens, first, count);
  const VtrTensor hidden = view_tokens (&plan->hidden, 0, count);
  VtrMatmulFlags flags = VTR_MATMUL_BIAS | VTR_MATMUL_ACCUMULATE;

  if (self->arch->layer_scale)
    flags |= VTR_MATMUL_SCALE;

  if (!linear (self, &block->fc1, &normed, VTR_MATMUL_BIAS, mlp_activation (self->arch), &hidden,
               error))
    return FALSE;
  if (!vtr_tensor_exists (&plan->gated))
    return linear (self, &block->fc2, &hidden, flags, VTR_ACTIVATION_NONE, &tokens, error);

  const VtrTensor gated = view_tokens (&plan->gated, 0, count);
  return vtr_op_swiglu (self->stream, &hidden, &gated, error) &&
         linear (self, &block->fc2, &gated, flags, VTR_ACTIVATION_NONE, &tokens, error);
}

static gboolean
feed_forward (Forward *self, guint layer, GError **error)
{
  const VtrPlan *plan = self->plan;
  const guint32 n_tokens = plan->batch * plan->n_tokens;
  const guint32 chunk = plan->hidden.shape[0];

  if (!vtr_op_layer_norm (self->stream, &plan->tokens, &self->weights->blocks[layer].norm2,
                          (float) self->arch->norm_eps, &plan->normed, error))
    return FALSE;

  for (guint32 first = 0; first < n_tokens; first += chunk)
    if (!mlp_chunk (self, layer, first, MIN (chunk, n_tokens - first), error))
      return FALSE;
  return TRUE;
}

static gboolean
final_norm (Forward *self, const VtrTensor *x, const VtrTensor *y, GError **error)
{
  const float eps = (float) self->arch->norm_eps;

  return vtr_op_layer_norm (self->stream, x, &self->weights->final_norm, eps, y, error);
}

/* A norm works on each token for itself, so single tokens may be taken first and normed then. */
static gboolean
pool_and_norm (Forward *self, VtrPool pool, const VtrTensor *pooled, GError **error)
{
  const guint n_prefix = vtr_arch_n_prefix (self->arch);

  if (!vtr_op_pool (self->stream, &self->plan->tokens, n_prefix, pool, pooled, error))
    return FALSE;
  return !vtr_tensor_exists (&self->weights->final_norm) ||
         final_norm (self, pooled, pooled, error);
}

/* A mean of normed tokens needs all of them normed. */
static gboolean
norm_and_pool (Forward *self, VtrPool pool, GError **error)
{
  const VtrPlan *plan = self->plan;
  const gboolean has_norm = vtr_tensor_exists (&self->weights->final_norm);

  if (has_norm && !final_norm (self, &plan->tokens, &plan->normed, error))
    return FALSE;
  return vtr_op_pool (self->stream, has_norm ? &plan->normed : &plan->tokens,
                      vtr_arch_n_prefix (self->arch), pool, &plan->pooled, error);
}

/* tokens → pooled */
static gboolean
pool_tokens (Forward *self, GError **error)
{
  const VtrPlan *plan = self->plan;

  switch (self->arch->head_pool)
    {
    case VTR_HEAD_POOL_CLS:
      return pool_and_norm (self, VTR_POOL_CLS, &plan->pooled, error);
    case VTR_HEAD_POOL_CLS_AND_DISTILLATION:
      return pool_and_norm (self, VTR_POOL_CLS, &plan->pooled, error) &&
             pool_and_norm (self, VTR_POOL_DISTILLATION, &plan->pooled_distillation, error);
    case VTR_HEAD_POOL_CLS_AND_MEAN:
      return norm_and_pool (self, VTR_POOL_CLS_AND_MEAN, error);
    case VTR_HEAD_POOL_MEAN:
      if (self->arch->final_norm_after_pool)
        return pool_and_norm (self, VTR_POOL_MEAN, &plan->pooled, error);
      return norm_and_pool (self, VTR_POOL_MEAN, error);
    }
  g_return_val_if_reached (FALSE);
}

static gboolean
project (Forward *self, GError **error)
{
  const VtrPlan *plan = self->plan;
  const VtrDeviceWeights *weights = self->weights;

  if (vtr_tensor_exists (&weights->projection.weight))
    return linear (self, &weights->projection, &plan->pooled, 0, VTR_ACTIVATION_NONE,
                   &plan->projected, error);
  if (vtr_tensor_exists (&weights->pre_logits.weight))
    return linear (self, &weights->pre_logits, &plan->pooled, VTR_MATMUL_BIAS, VTR_ACTIVATION_TANH,
                   &plan->projected, error);
  return TRUE;
}

static gboolean
classify (Forward *self, GError **error)
{
  const VtrPlan *plan = self->plan;
  const VtrDeviceWeights *weights = self->weights;

  if (vtr_tensor_exists (&plan->logits) &&
      !linear (self, &weights->head, vtr_plan_get_embedding (plan), VTR_MATMUL_BIAS,
               VTR_ACTIVATION_NONE, &plan->logits, error))
    return FALSE;
  return !vtr_tensor_exists (&plan->logits_distillation) ||
         linear (self, &weights->head_distillation, &plan->pooled_distillation, VTR_MATMUL_BIAS,
                 VTR_ACTIVATION_NONE, &plan->logits_distillation, error);
}

gboolean
vtr_forward (VtrStream *stream,
             VtrModel *model,
             const VtrDeviceWeights *weights,
             const VtrPlan *plan,
             double temperature,
             const VtrProgress *progress,
             GError **error)
{
  const VtrArch *arch = vtr_model_get_arch (model);
  Forward self = {
    .stream = stream,
    .model = model,
    .arch = arch,
    .weights = weights,
    .plan = plan,
    .attention_scale = vtr_attention_scale (arch, temperature),
  };

  if (!embed (&self, error))
    return FALSE;

  for (guint layer = 0; layer < arch->n_layers; layer++)
    {
      if (!attend (&self, layer, error) || !feed_forward (&self, layer, error))
        return FALSE;
      /* Submissions of one large block or some small ones stay below a GPU's watchdog. */
      if (!vtr_stream_advance (stream, error) ||
          !vtr_progress_step (progress, (layer + 1.0) / arch->n_layers, "running the model", error))
        return FALSE;
    }

  return pool_tokens (&self, error) && project (&self, error) && classify (&self, error);
}
