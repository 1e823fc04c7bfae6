/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * What the forward pass and the way back share: how they see the buffers of a block, and how the
 * head makes a vector of the tokens.
 */
#include "run/run.h"

static inline VtrActivation
vtr_mlp_activation (const VtrArch *arch)
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

/* Tokens @first to @first + @count of a tensor [b][n][width], as [count][width]. */
static inline VtrTensor
vtr_view_tokens (const VtrTensor *tensor, guint32 first, guint32 count)
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
static inline VtrTensor
vtr_flatten_qkv (const VtrTensor *qkv)
{
  VtrTensor flat = *qkv;

  flat.n_dims = 3;
  flat.shape[2] = qkv->shape[2] * qkv->shape[3] * qkv->shape[4];
  return flat;
}

/* What the heads of a layer give, in a buffer [b][n][d] or [b][n][h·hd] of more heads. */
static inline VtrTensor
vtr_view_context (const VtrTensor *buffer, const VtrArch *arch, guint layer)
{
  return vtr_tensor_with_size (buffer, VTR_AXIS_CONTEXT, vtr_arch_context_size (arch, layer));
}

static inline gboolean
vtr_linear (VtrStream *stream,
            const VtrLinear *weights,
            const VtrTensor *x,
            VtrMatmulFlags flags,
            VtrActivation activation,
            const VtrTensor *y,
            GError **error)
{
  return vtr_op_matmul (stream, x, &weights->weight, &weights->epilogue, flags, activation, y,
                        error);
}

/* Whether a gradient may go into a block. */
static inline gboolean
vtr_plan_goes_back (const VtrPlan *plan, guint layer)
{
  return plan->backward != NULL && layer >= plan->backward->first_layer;
}

/* The tokens that a block gave. */
static inline const VtrTensor *
vtr_plan_get_output (const VtrPlan *plan, const VtrArch *arch, guint layer)
{
  return layer + 1 < arch->n_layers ? &plan->backward->inputs[layer + 1] : &plan->tokens;
}

/* How the heads make their vectors of the tokens. */
typedef struct
{
  VtrPool pool;
  VtrPool pool_distillation; /* of the second head; DeiT only */
  gboolean norm_tokens; /* whether the final norm is that of all tokens, before they are pooled;
                         * else that of what was pooled */
} VtrPooling;

static inline VtrPooling
vtr_head_pooling (const VtrArch *arch, const VtrHeadSource *source)
{
  if (source->mean_of_all && arch->head_pool != VTR_HEAD_POOL_CLS_AND_MEAN)
    return (VtrPooling){ VTR_POOL_MEAN_ALL, VTR_POOL_MEAN_ALL, FALSE };
  switch (arch->head_pool)
    {
    case VTR_HEAD_POOL_CLS:
    case VTR_HEAD_POOL_CLS_AND_DISTILLATION:
      /* A norm works on each token for itself, so single tokens may be taken first. */
      return (VtrPooling){ VTR_POOL_CLS, VTR_POOL_DISTILLATION, FALSE };
    case VTR_HEAD_POOL_CLS_AND_MEAN:
      return (VtrPooling){ VTR_POOL_CLS_AND_MEAN, VTR_POOL_DISTILLATION, TRUE };
    case VTR_HEAD_POOL_MEAN:
      return (VtrPooling){ VTR_POOL_MEAN, VTR_POOL_DISTILLATION, !arch->final_norm_after_pool };
    }
  g_return_val_if_reached ((VtrPooling){ 0 });
}
