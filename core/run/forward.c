/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* The forward pass of a ViT: pixels → tokens → blocks → embedding and logits. */
#include "run/blocks.h"

#include <math.h>

typedef struct
{
  VtrStream *stream;
  VtrModel *model;
  const VtrArch *arch;
  const VtrDeviceWeights *weights;
  const VtrPlan *plan;
  float attention_scale;
  VtrForwardFunc func; /* may be NULL */
  gpointer user_data;
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
  double blocks = 0.0;

  for (guint layer = 0; layer < arch->n_layers; layer++)
    {
      const double context = vtr_arch_context_size (arch, layer);
      blocks += n * (4 * d * context + n_mlp_products * d * f) + 2 * n * n * context;
    }
  return 2 * batch * (n_patches * patch_values * d + blocks);
}

static gboolean
embed (Forward *self, GError **error)
{
  const VtrPlan *plan = self->plan;
  const VtrDeviceWeights *weights = self->weights;
  const VtrTensor *prefix = vtr_tensor_exists (&weights->prefix) ? &weights->prefix : NULL;
  const VtrTensor *positions = vtr_tensor_exists (&plan->positions) ? &plan->positions : NULL;
  const VtrTensor *tokens = plan->subsets != NULL ? &plan->subsets->whole : &plan->tokens;

  if (!vtr_op_patchify (self->stream, &plan->pixels, self->arch->patch_size, &plan->patches,
                        error) ||
      !vtr_linear (self->stream, &weights->patch, &plan->patches, VTR_MATMUL_BIAS,
                   VTR_ACTIVATION_NONE, &plan->embedded, error) ||
      !vtr_op_embed_tokens (self->stream, &plan->embedded, prefix, positions, tokens, error))
    return FALSE;

  return !self->arch->pre_norm || vtr_op_layer_norm (self->stream, tokens, &weights->pre_norm,
                                                     (float) self->arch->norm_eps, tokens, error);
}

/* Has whoever watches look at a block; @context is NULL when all of it is done. */
static gboolean
show_block (const Forward *self, guint layer, const VtrTensor *context, GError **error)
{
  const VtrForwardBlock block = {
    .layer = layer,
    .stage = context != NULL ? VTR_FORWARD_ATTENDED : VTR_FORWARD_DONE,
    .tokens = &self->plan->tokens,
    .qkv = &self->plan->qkv[layer],
    .lse = &self->plan->lse[layer],
    .context = context,
    .scale = self->attention_scale,
  };

  return self->func == NULL || self->func (&block, self->user_data, error);
}

/* tokens += scale1·proj (attention (norm1 (tokens))) */
static gboolean
attend (Forward *self, guint layer, GError **error)
{
  const VtrPlan *plan = self->plan;
  const VtrBlockWeights *block = &self->weights->blocks[layer];
  const VtrTensor *qkv = &plan->qkv[layer];
  const VtrTensor flat = vtr_flatten_qkv (qkv);
  const float eps = (float) self->arch->norm_eps;
  VtrMatmulFlags flags = VTR_MATMUL_BIAS | VTR_MATMUL_ACCUMULATE;

  if (self->arch->layer_scale)
    flags |= VTR_MATMUL_SCALE;

  if (!vtr_op_layer_norm (self->stream, &plan->tokens, &block->norm1, eps, &plan->normed, error) ||
      !vtr_linear (self->stream, &block->qkv, &plan->normed, VTR_MATMUL_BIAS, VTR_ACTIVATION_NONE,
                   &flat, error))
    return FALSE;
  if (vtr_tensor_exists (&plan->rope) && !vtr_op_rope (self->stream, qkv, &plan->rope, error))
    return FALSE;

  /* The normed tokens have been used: the context takes their place, unless the way back wants it.
   */
  const VtrTensor context = vtr_plan_goes_back (plan, layer)
                                ? plan->backward->contexts[layer]
                                : vtr_view_context (&plan->normed, self->arch, layer);
  return vtr_op_attention (self->stream, qkv, self->attention_scale, &context, &plan->lse[layer],
                           error) &&
         show_block (self, layer, &context, error) &&
         vtr_linear (self->stream, &block->proj, &context, flags, VTR_ACTIVATION_NONE,
                     &plan->tokens, error);
}

/* @count tokens from @first on: tokens += scale2·fc2 (act (fc1 (normed))) */
static gboolean
mlp_chunk (Forward *self, guint layer, guint32 first, guint32 count, GError **error)
{
  const VtrPlan *plan = self->plan;
  const VtrBlockWeights *block = &self->weights->blocks[layer];
  const VtrTensor normed = vtr_view_tokens (&plan->normed, first, count);
  const VtrTensor tokens = vtr_view_tokens (&plan->tokens, first, count);
  const VtrTensor hidden = vtr_view_tokens (&plan->hidden, 0, count);
  VtrMatmulFlags flags = VTR_MATMUL_BIAS | VTR_MATMUL_ACCUMULATE;

  if (self->arch->layer_scale)
    flags |= VTR_MATMUL_SCALE;

  if (!vtr_linear (self->stream, &block->fc1, &normed, VTR_MATMUL_BIAS,
                   vtr_mlp_activation (self->arch), &hidden, error))
    return FALSE;
  if (!vtr_tensor_exists (&plan->gated))
    return vtr_linear (self->stream, &block->fc2, &hidden, flags, VTR_ACTIVATION_NONE, &tokens,
                       error);

  const VtrTensor gated = vtr_view_tokens (&plan->gated, 0, count);
  return vtr_op_swiglu (self->stream, &hidden, &gated, error) &&
         vtr_linear (self->stream, &block->fc2, &gated, flags, VTR_ACTIVATION_NONE, &tokens, error);
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

/* One vector of the tokens, then its norm. */
static gboolean
pool_and_norm (Forward *self,
               const VtrTensor *tokens,
               VtrPool pool,
               const VtrTensor *pooled,
               GError **error)
{
  if (!vtr_op_pool (self->stream, tokens, vtr_arch_n_prefix (self->arch), pool, pooled, error))
    return FALSE;
  return !vtr_tensor_exists (&self->weights->final_norm) ||
         final_norm (self, pooled, pooled, error);
}

/* A mean of normed tokens needs all of them normed. */
static gboolean
norm_and_pool (Forward *self, const VtrTensor *tokens, VtrPool pool, GError **error)
{
  const VtrPlan *plan = self->plan;
  const gboolean has_norm = vtr_tensor_exists (&self->weights->final_norm);

  if (has_norm && !final_norm (self, tokens, &plan->normed, error))
    return FALSE;
  return vtr_op_pool (self->stream, has_norm ? &plan->normed : tokens,
                      vtr_arch_n_prefix (self->arch), pool, &plan->pooled, error);
}

/* tokens → pooled */
static gboolean
pool_tokens (Forward *self, const VtrHeadSource *source, const VtrTensor *tokens, GError **error)
{
  const VtrPlan *plan = self->plan;
  const VtrPooling pooling = vtr_head_pooling (self->arch, source);

  if (pooling.norm_tokens)
    return norm_and_pool (self, tokens, pooling.pool, error);
  if (!pool_and_norm (self, tokens, pooling.pool, &plan->pooled, error))
    return FALSE;
  return self->arch->head_pool != VTR_HEAD_POOL_CLS_AND_DISTILLATION ||
         pool_and_norm (self, tokens, pooling.pool_distillation, &plan->pooled_distillation, error);
}

static gboolean
project (Forward *self, GError **error)
{
  const VtrPlan *plan = self->plan;
  const VtrDeviceWeights *weights = self->weights;

  if (vtr_tensor_exists (&weights->projection.weight))
    return vtr_linear (self->stream, &weights->projection, &plan->pooled, 0, VTR_ACTIVATION_NONE,
                       &plan->projected, error);
  if (vtr_tensor_exists (&weights->pre_logits.weight))
    return vtr_linear (self->stream, &weights->pre_logits, &plan->pooled, VTR_MATMUL_BIAS,
                       VTR_ACTIVATION_TANH, &plan->projected, error);
  return TRUE;
}

static gboolean
classify (Forward *self, GError **error)
{
  const VtrPlan *plan = self->plan;
  const VtrDeviceWeights *weights = self->weights;

  if (vtr_tensor_exists (&plan->logits) &&
      !vtr_linear (self->stream, &weights->head, vtr_plan_get_embedding (plan), VTR_MATMUL_BIAS,
                   VTR_ACTIVATION_NONE, &plan->logits, error))
    return FALSE;
  return !vtr_tensor_exists (&plan->logits_distillation) ||
         vtr_linear (self->stream, &weights->head_distillation, &plan->pooled_distillation,
                     VTR_MATMUL_BIAS, VTR_ACTIVATION_NONE, &plan->logits_distillation, error);
}

static Forward
forward_new (VtrStream *stream,
             VtrModel *model,
             const VtrDeviceWeights *weights,
             const VtrPlan *plan)
{
  return (Forward){
    .stream = stream,
    .model = model,
    .arch = vtr_model_get_arch (model),
    .weights = weights,
    .plan = plan,
  };
}

gboolean
vtr_forward_head (VtrStream *stream,
                  VtrModel *model,
                  const VtrDeviceWeights *weights,
                  const VtrPlan *plan,
                  const VtrHeadSource *source,
                  GError **error)
{
  Forward self = forward_new (stream, model, weights, plan);
  const VtrTensor *tokens = vtr_plan_get_output (plan, self.arch, source->layer);

  return pool_tokens (&self, source, tokens, error) && project (&self, error) &&
         classify (&self, error);
}

/* The way back wants the tokens that a block was given. */
static gboolean
keep_input (Forward *self, guint layer, GError **error)
{
  const VtrPlan *plan = self->plan;

  if (!vtr_plan_goes_back (plan, layer))
    return TRUE;
  return vtr_stream_copy (self->stream, &plan->tokens, &plan->backward->inputs[layer], error);
}

gboolean
vtr_forward_embed (VtrStream *stream,
                   VtrModel *model,
                   const VtrDeviceWeights *weights,
                   const VtrPlan *plan,
                   GError **error)
{
  Forward self = forward_new (stream, model, weights, plan);

  return embed (&self, error);
}

gboolean
vtr_forward_blocks_watched (VtrStream *stream,
                            VtrModel *model,
                            const VtrDeviceWeights *weights,
                            const VtrPlan *plan,
                            double temperature,
                            VtrForwardFunc func,
                            gpointer user_data,
                            const VtrProgress *progress,
                            GError **error)
{
  const VtrArch *arch = vtr_model_get_arch (model);
  Forward self = forward_new (stream, model, weights, plan);

  self.func = func;
  self.user_data = user_data;
  self.attention_scale = vtr_attention_scale (arch, temperature);
  for (guint layer = 0; layer < arch->n_layers; layer++)
    {
      if (!keep_input (&self, layer, error) || !attend (&self, layer, error) ||
          !feed_forward (&self, layer, error) || !show_block (&self, layer, NULL, error))
        return FALSE;
      /* Submissions of one large block or some small ones stay below a GPU's watchdog. */
      if (!vtr_stream_advance (stream, error) ||
          !vtr_progress_step (progress, (layer + 1.0) / arch->n_layers, "running the model", error))
        return FALSE;
    }

  return vtr_forward_head (stream, model, weights, plan,
                           &(VtrHeadSource){ .layer = arch->n_layers - 1 }, error);
}

gboolean
vtr_forward_blocks (VtrStream *stream,
                    VtrModel *model,
                    const VtrDeviceWeights *weights,
                    const VtrPlan *plan,
                    double temperature,
                    const VtrProgress *progress,
                    GError **error)
{
  return vtr_forward_blocks_watched (stream, model, weights, plan, temperature, NULL, NULL,
                                     progress, error);
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
  return vtr_forward_embed (stream, model, weights, plan, error) &&
         vtr_forward_blocks (stream, model, weights, plan, temperature, progress, error);
}
