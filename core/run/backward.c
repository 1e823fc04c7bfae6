/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * The way back through a ViT: the gradient of a target → head → blocks, from the last to the first.
 * d_x is the gradient of the target by x.
 */
#include "run/blocks.h"

typedef struct
{
  VtrStream *stream;
  const VtrArch *arch;
  const VtrDeviceWeights *weights;
  const VtrPlan *plan;
  const VtrBackwardPlan *buffers; /* plan->backward */
  const VtrBackwardPath *path;
  float attention_scale;
} Backward;

/* ---- the head ---- */

/* The target's gradient, times @share. */
static gboolean
write_gradient (Backward *self, const VtrTensor *to, float share, GError **error)
{
  const gsize n_values = vtr_tensor_n_values (to);
  g_autofree float *values = g_new (float, n_values);

  for (gsize i = 0; i < n_values; i++)
    values[i] = self->path->gradient[i] * share;
  return vtr_stream_write (self->stream, to, 0, values, n_values * sizeof *values, error);
}

/* d_embedding from d_logits, and with a second head d_pooled_distillation. */
static gboolean
unclassify (Backward *self, const VtrTensor *d_embedding, GError **error)
{
  const VtrBackwardPlan *buffers = self->buffers;
  const gboolean distilled = vtr_tensor_exists (&buffers->d_pooled_distillation);

  if (!write_gradient (self, &buffers->d_logits, distilled ? 0.5f : 1.0f, error) ||
      !vtr_op_matmul_backward (self->stream, &buffers->d_logits, &self->weights->head.weight,
                               d_embedding, error))
    return FALSE;
  return !distilled || vtr_op_matmul_backward (self->stream, &buffers->d_logits,
                                               &self->weights->head_distillation.weight,
                                               &buffers->d_pooled_distillation, error);
}

/* d_pooled from d_projected. */
static gboolean
unproject (Backward *self, GError **error)
{
  const VtrBackwardPlan *buffers = self->buffers;
  const VtrTensor *d_projected = &buffers->d_projected;
  const VtrDeviceWeights *weights = self->weights;

  if (vtr_tensor_exists (&weights->projection.weight))
    return vtr_op_matmul_backward (self->stream, d_projected, &weights->projection.weight,
                                   &buffers->d_pooled, error);

  return vtr_linear (self->stream, &weights->pre_logits, &self->plan->pooled, VTR_MATMUL_BIAS,
                     VTR_ACTIVATION_NONE, &buffers->vector, error) &&
         vtr_op_activation_backward (self->stream, &buffers->vector, NULL, VTR_ACTIVATION_TANH,
                                     d_projected, d_projected, error) &&
         vtr_op_matmul_backward (self->stream, d_projected, &weights->pre_logits.weight,
                                 &buffers->d_pooled, error);
}

/* d_tokens from the gradient of a vector that was pooled, then normed. */
static gboolean
unnorm_and_unpool (Backward *self,
                   const VtrTensor *tokens,
                   VtrPool pool,
                   const VtrTensor *d_pooled,
                   gboolean accumulate,
                   GError **error)
{
  const VtrTensor *vector = &self->buffers->vector;
  const guint n_prefix = vtr_arch_n_prefix (self->arch);

  if (vtr_tensor_exists (&self->weights->final_norm) &&
      (!vtr_op_pool (self->stream, tokens, n_prefix, pool, vector, error) ||
       !vtr_op_layer_norm_backward (self->stream, vector, &self->weights->final_norm,
                                    (float) self->arch->norm_eps, d_pooled, FALSE, d_pooled,
                                    error)))
    return FALSE;
  return vtr_op_pool_backward (self->stream, d_pooled, n_prefix, pool, accumulate,
                               &self->buffers->d_tokens, error);
}

/* d_tokens from d_pooled of tokens that were normed, then pooled. */
static gboolean
unpool_and_unnorm (Backward *self, const VtrTensor *tokens, VtrPool pool, GError **error)
{
  const VtrBackwardPlan *buffers = self->buffers;
  const gboolean has_norm = vtr_tensor_exists (&self->weights->final_norm);
  const VtrTensor *d_normed = has_norm ? &buffers->d_normed : &buffers->d_tokens;

  if (!vtr_op_pool_backward (self->stream, &buffers->d_pooled, vtr_arch_n_prefix (self->arch), pool,
                             FALSE, d_normed, error))
    return FALSE;
  return !has_norm || vtr_op_layer_norm_backward (self->stream, tokens, &self->weights->final_norm,
                                                  (float) self->arch->norm_eps, d_normed, FALSE,
                                                  &buffers->d_tokens, error);
}

static gboolean
unpool (Backward *self, GError **error)
{
  const VtrBackwardPlan *buffers = self->buffers;
  const VtrBackwardPath *path = self->path;
  const VtrTensor *tokens = vtr_plan_get_output (self->plan, self->arch, path->source.layer);
  const VtrPooling pooling = vtr_head_pooling (self->arch, &path->source);

  if (pooling.norm_tokens)
    return unpool_and_unnorm (self, tokens, pooling.pool, error);
  if (!unnorm_and_unpool (self, tokens, pooling.pool, &buffers->d_pooled, FALSE, error))
    return FALSE;
  /* The embedding is of the first head alone. */
  return path->from != VTR_BACKWARD_FROM_LOGITS ||
         !vtr_tensor_exists (&buffers->d_pooled_distillation) ||
         unnorm_and_unpool (self, tokens, pooling.pool_distillation,
                            &buffers->d_pooled_distillation, TRUE, error);
}

/* d_tokens of what block source.layer gave. */
static gboolean
enter (Backward *self, GError **error)
{
  const VtrBackwardPlan *buffers = self->buffers;
  const gboolean projected = vtr_tensor_exists (&buffers->d_projected);
  const VtrTensor *d_embedding = projected ? &buffers->d_projected : &buffers->d_pooled;

  switch (self->path->from)
    {
    case VTR_BACKWARD_FROM_TOKENS:
      return write_gradient (self, &buffers->d_tokens, 1.0f, error);
    case VTR_BACKWARD_FROM_EMBEDDING:
      if (!write_gradient (self, d_embedding, 1.0f, error))
        return FALSE;
      break;
    case VTR_BACKWARD_FROM_LOGITS:
      if (!unclassify (self, d_embedding, error))
        return FALSE;
      break;
    }
  return (!projected || unproject (self, error)) && unpool (self, error);
}

/* ---- a block ---- */

/* What the forward pass has not left of a block's attention, computed again: qkv where it is not
 * kept, the tokens after it. */
static gboolean
attend_again (Backward *self, guint layer, GError **error)
{
  const VtrPlan *plan = self->plan;
  const VtrBackwardPlan *buffers = self->buffers;
  const VtrBlockWeights *block = &self->weights->blocks[layer];
  const VtrTensor *input = &buffers->inputs[layer];
  const VtrTensor *qkv = &plan->qkv[layer];
  const VtrTensor flat = vtr_flatten_qkv (qkv);
  VtrMatmulFlags flags = VTR_MATMUL_BIAS | VTR_MATMUL_ACCUMULATE;

  if (self->arch->layer_scale)
    flags |= VTR_MATMUL_SCALE;

  if (!plan->keep[layer] &&
      (!vtr_op_layer_norm (self->stream, input, &block->norm1, (float) self->arch->norm_eps,
                           &plan->normed, error) ||
       !vtr_linear (self->stream, &block->qkv, &plan->normed, VTR_MATMUL_BIAS, VTR_ACTIVATION_NONE,
                    &flat, error) ||
       (vtr_tensor_exists (&plan->rope) && !vtr_op_rope (self->stream, qkv, &plan->rope, error))))
    return FALSE;

  return vtr_stream_copy (self->stream, input, &buffers->middle, error) &&
         vtr_linear (self->stream, &block->proj, &buffers->contexts[layer], flags,
                     VTR_ACTIVATION_NONE, &buffers->middle, error);
}

/* The gradient of what a linear layer gave before its layer scale: @d_tokens itself, or a product
 * in @scratch. */
static gboolean
unscale (Backward *self,
         const VtrLinear *linear,
         const VtrTensor *d_tokens,
         const VtrTensor *scratch,
         const VtrTensor **d_product,
         GError **error)
{
  *d_product = d_tokens;
  if (!self->arch->layer_scale)
    return TRUE;
  *d_product = scratch;
  return vtr_op_activation_backward (self->stream, NULL, &linear->epilogue, VTR_ACTIVATION_NONE,
                                     d_tokens, scratch, error);
}

/* @count tokens from @first on: d_normed from d_tokens; plan->normed has what norm2 gave. */
static gboolean
mlp_chunk_back (Backward *self, guint layer, guint32 first, guint32 count, GError **error)
{
  const VtrPlan *plan = self->plan;
  const VtrBackwardPlan *buffers = self->buffers;
  const VtrBlockWeights *block = &self->weights->blocks[layer];
  const VtrTensor normed = vtr_view_tokens (&plan->normed, first, count);
  const VtrTensor d_tokens = vtr_view_tokens (&buffers->d_tokens, first, count);
  const VtrTensor d_normed = vtr_view_tokens (&buffers->d_normed, first, count);
  const VtrTensor hidden = vtr_view_tokens (&plan->hidden, 0, count);
  const VtrTensor d_hidden = vtr_view_tokens (&buffers->d_hidden, 0, count);
  const gboolean swiglu = self->arch->act == VTR_ACT_SWIGLU;
  const VtrTensor *d_fc1 = swiglu ? &hidden : &d_hidden;
  const VtrTensor *d_fc2;

  if (!vtr_linear (self->stream, &block->fc1, &normed, VTR_MATMUL_BIAS, VTR_ACTIVATION_NONE,
                   &hidden, error) ||
      !unscale (self, &block->fc2, &d_tokens, &d_normed, &d_fc2, error) ||
      !vtr_op_matmul_backward (self->stream, d_fc2, &block->fc2.weight, &d_hidden, error))
    return FALSE;
  if (swiglu
          ? !vtr_op_swiglu_backward (self->stream, &hidden, &d_hidden, d_fc1, error)
          : !vtr_op_activation_backward (self->stream, &hidden, NULL,
                                         vtr_mlp_activation (self->arch), &d_hidden, d_fc1, error))
    return FALSE;
  return vtr_op_matmul_backward (self->stream, d_fc1, &block->fc1.weight, &d_normed, error);
}

/* d_tokens of what the attention gave, from that of what the MLP gave. */
static gboolean
feed_back (Backward *self, guint layer, GError **error)
{
  const VtrPlan *plan = self->plan;
  const VtrBackwardPlan *buffers = self->buffers;
  const VtrTensor *norm2 = &self->weights->blocks[layer].norm2;
  const float eps = (float) self->arch->norm_eps;
  const guint32 n_tokens = plan->batch * plan->n_tokens;
  const guint32 chunk = plan->hidden.shape[0];

  if (!vtr_op_layer_norm (self->stream, &buffers->middle, norm2, eps, &plan->normed, error))
    return FALSE;
  for (guint32 first = 0; first < n_tokens; first += chunk)
    if (!mlp_chunk_back (self, layer, first, MIN (chunk, n_tokens - first), error))
      return FALSE;
  return vtr_op_layer_norm_backward (self->stream, &buffers->middle, norm2, eps, &buffers->d_normed,
                                     TRUE, &buffers->d_tokens, error);
}

/* d_context from d_tokens. */
static gboolean
reach_context (Backward *self, guint layer, GError **error)
{
  const VtrBackwardPlan *buffers = self->buffers;
  const VtrLinear *proj = &self->weights->blocks[layer].proj;
  const VtrTensor *d_proj;

  return unscale (self, proj, &buffers->d_tokens, &buffers->d_normed, &d_proj, error) &&
         vtr_op_matmul_backward (self->stream, d_proj, &proj->weight, &buffers->d_context[layer],
                                 error);
}

/* d_normed, then d_tokens of what the block was given, from d_context. */
static gboolean
attend_back (Backward *self, guint layer, GError **error)
{
  const VtrPlan *plan = self->plan;
  const VtrBackwardPlan *buffers = self->buffers;
  const VtrBlockWeights *block = &self->weights->blocks[layer];
  const guint32 h = vtr_arch_n_heads (self->arch, layer);
  const VtrTensor d_qkv = vtr_tensor_with_size (&buffers->d_qkv, VTR_AXIS_QKV_HEADS, h);
  const VtrTensor rows = vtr_tensor_with_size (&buffers->rows, VTR_AXIS_LSE_HEADS, h);
  const VtrTensor flat = vtr_flatten_qkv (&d_qkv);

  if (!vtr_op_attention_backward (self->stream, &plan->qkv[layer], &plan->lse[layer],
                                  self->attention_scale, &buffers->contexts[layer],
                                  &buffers->d_context[layer], &rows, &d_qkv, error))
    return FALSE;
  if (vtr_tensor_exists (&buffers->rope) &&
      !vtr_op_rope (self->stream, &d_qkv, &buffers->rope, error))
    return FALSE;
  return vtr_op_matmul_backward (self->stream, &flat, &block->qkv.weight, &buffers->d_normed,
                                 error) &&
         vtr_op_layer_norm_backward (self->stream, &buffers->inputs[layer], &block->norm1,
                                     (float) self->arch->norm_eps, &buffers->d_normed, TRUE,
                                     &buffers->d_tokens, error);
}

gboolean
vtr_backward (VtrStream *stream,
              VtrModel *model,
              const VtrDeviceWeights *weights,
              const VtrPlan *plan,
              double temperature,
              const VtrBackwardPath *path,
              VtrBackwardFunc func,
              gpointer user_data,
              const VtrProgress *progress,
              GError **error)
{
  const VtrBackwardPlan *buffers = plan->backward;
  const guint last_layer = path->source.layer;

  g_return_val_if_fail (buffers != NULL && path->first_layer >= buffers->first_layer, FALSE);
  g_return_val_if_fail (path->first_layer <= last_layer, FALSE);

  Backward self = {
    .stream = stream,
    .arch = vtr_model_get_arch (model),
    .weights = weights,
    .plan = plan,
    .buffers = buffers,
    .path = path,
    .attention_scale = vtr_attention_scale (vtr_model_get_arch (model), temperature),
  };
  if (!enter (&self, error))
    return FALSE;

  for (guint layer = last_layer + 1; layer-- > path->first_layer;)
    {
      const gboolean all = layer > path->first_layer || path->to_input;
      const VtrBackwardBlock block = {
        .layer = layer,
        .weights = &weights->blocks[layer],
        .input = &buffers->inputs[layer],
        .qkv = &plan->qkv[layer],
        .lse = &plan->lse[layer],
        .d_context = &buffers->d_context[layer],
        .d_normed = all ? &buffers->d_normed : NULL,
        .d_input = all ? &buffers->d_tokens : NULL,
      };

      if (!attend_again (&self, layer, error) || !feed_back (&self, layer, error) ||
          !reach_context (&self, layer, error) || (all && !attend_back (&self, layer, error)) ||
          (func != NULL && !func (&block, user_data, error)))
        return FALSE;
      /* As in the forward pass. */
      if (!vtr_stream_advance (stream, error) ||
          !vtr_progress_step (progress,
                              (last_layer - layer + 1.0) / (last_layer - path->first_layer + 1.0),
                              "going back through the model", error))
        return FALSE;
    }
  return TRUE;
}
