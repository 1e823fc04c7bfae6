/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* The buffers of the way back. */
#include "run/run.h"

typedef struct
{
  VtrPlan *plan;
  VtrBackwardPlan *backward;
  const VtrArch *arch;
  GError **error;
  gboolean ok;
} Planner;

static void
plan_tensor (Planner *self, VtrTensor *tensor, const char *name, guint n_dims, const guint32 *shape)
{
  self->ok = self->ok && vtr_arena_plan (self->plan->arena, tensor, name, VTR_DTYPE_F32, n_dims,
                                         shape, self->error);
}

#define PLAN(member, ...)                                                                          \
  plan_tensor (planner, &planner->backward->member, #member,                                       \
               sizeof ((guint32[]){ __VA_ARGS__ }) / sizeof (guint32), (guint32[]){ __VA_ARGS__ })

static void
plan_blocks (Planner *planner)
{
  const VtrPlan *plan = planner->plan;
  const VtrArch *arch = planner->arch;
  const guint32 b = plan->batch, n = plan->n_tokens, d = arch->hidden_size;

  PLAN (middle, b, n, d);
  PLAN (d_tokens, b, n, d);
  PLAN (d_normed, b, n, d);
  PLAN (d_qkv, b, n, 3, arch->n_heads, arch->head_size);
  if (vtr_tensor_exists (&plan->gated))
    planner->backward->d_hidden = plan->gated; /* which only the forward pass fills */
  else
    PLAN (d_hidden, plan->hidden.shape[0], arch->mlp_size);
  if (vtr_tensor_exists (&plan->rope))
    PLAN (rope, 2, plan->rope.shape[1], arch->head_size);
  planner->ok =
      planner->ok && vtr_attention_backward_scratch_plan (&planner->backward->rows, plan->arena, b,
                                                          arch->n_heads, n, planner->error);
}

static void
plan_d_context (Planner *planner, guint layer)
{
  const VtrPlan *plan = planner->plan;
  const guint32 shape[] = { plan->batch, plan->n_tokens,
                            vtr_arch_context_size (planner->arch, layer) };
  g_autofree char *name = g_strdup_printf ("layer%02u.d_context", layer);

  plan_tensor (planner, &planner->backward->d_context[layer], name, G_N_ELEMENTS (shape), shape);
}

/* Tokens, context and log-sum-exp of a layer. */
static void
plan_layer (Planner *planner, guint layer)
{
  VtrPlan *plan = planner->plan;
  VtrBackwardPlan *backward = planner->backward;
  const VtrArch *arch = planner->arch;
  const guint32 b = plan->batch, n = plan->n_tokens;
  const guint32 lse_shape[] = { b, vtr_arch_n_heads (arch, layer), n };
  const guint32 input_shape[] = { b, n, arch->hidden_size };
  const guint32 context_shape[] = { b, n, vtr_arch_context_size (arch, layer) };
  g_autofree char *input = g_strdup_printf ("layer%02u.input", layer);
  g_autofree char *context = g_strdup_printf ("layer%02u.context", layer);
  g_autofree char *lse = g_strdup_printf ("layer%02u.lse", layer);

  plan_tensor (planner, &backward->inputs[layer], input, 3, input_shape);
  plan_tensor (planner, &backward->contexts[layer], context, 3, context_shape);
  if (!plan->keep[layer])
    plan_tensor (planner, &plan->lse[layer], lse, 3, lse_shape);
}

/* All that layers have on the way; d_context of each that is kept, and one for the others. */
static void
plan_layers (Planner *planner)
{
  const VtrPlan *plan = planner->plan;
  const VtrArch *arch = planner->arch;
  VtrBackwardPlan *backward = planner->backward;
  const guint sharer = vtr_plan_find_sharer (plan, arch, backward->first_layer);

  if (sharer != VTR_NO_LAYER)
    plan_d_context (planner, sharer);
  for (guint layer = backward->first_layer; layer < arch->n_layers; layer++)
    {
      plan_layer (planner, layer);
      if (plan->keep[layer])
        plan_d_context (planner, layer);
      else
        backward->d_context[layer] =
            vtr_tensor_with_size (&backward->d_context[sharer], VTR_AXIS_CONTEXT,
                                  vtr_arch_context_size (arch, layer));
    }
}

static void
plan_head (Planner *planner)
{
  const VtrPlan *plan = planner->plan;
  const guint32 b = plan->batch, d = planner->arch->hidden_size;

  PLAN (d_pooled, b, plan->pooled.shape[1]);
  PLAN (vector, b, d);
  if (vtr_tensor_exists (&plan->pooled_distillation))
    PLAN (d_pooled_distillation, b, d);
  if (vtr_tensor_exists (&plan->projected))
    PLAN (d_projected, b, plan->projected.shape[1]);
  if (vtr_tensor_exists (&plan->logits))
    PLAN (d_logits, b, plan->logits.shape[1]);
}

/* What is computed again on the way back goes into gradients, which f16 has no room for. */
static gboolean
can_go_back (const VtrPlan *plan)
{
  return plan->normed.dtype == VTR_DTYPE_F32;
}

static gboolean
check_precision (const VtrPlan *plan, GError **error)
{
  if (can_go_back (plan))
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
               "Gradients are computed in f32 alone on %s: use --precision f32.",
               vtr_arena_get_device (plan->arena)->info->name);
  return FALSE;
}

gboolean
vtr_plan_add_backward (VtrPlan *self, VtrModel *model, guint first_layer, GError **error)
{
  const VtrArch *arch = vtr_model_get_arch (model);

  g_return_val_if_fail (self->backward == NULL && first_layer < arch->n_layers, FALSE);
  if (!check_precision (self, error))
    return FALSE;

  self->backward = g_new0 (VtrBackwardPlan, 1);
  self->backward->first_layer = first_layer;
  self->backward->inputs = g_new0 (VtrTensor, arch->n_layers);
  self->backward->contexts = g_new0 (VtrTensor, arch->n_layers);
  self->backward->d_context = g_new0 (VtrTensor, arch->n_layers);

  Planner planner = {
    .plan = self,
    .backward = self->backward,
    .arch = arch,
    .error = error,
    .ok = TRUE,
  };
  plan_blocks (&planner);
  plan_layers (&planner);
  plan_head (&planner);
  return planner.ok;
}

VtrPlan *
vtr_plan_new_pass (VtrDevice *device,
                   VtrModel *model,
                   VtrPrecision precision,
                   guint n_rows,
                   guint n_columns,
                   GError **error)
{
  const guint n_layers = vtr_model_get_n_layers (model);
  g_autofree gboolean *keep = g_new (gboolean, n_layers);

  for (guint layer = 0; layer < n_layers; layer++)
    keep[layer] = TRUE;

  VtrPlan *self = vtr_plan_new (device, model, precision, n_rows, n_columns, 1, keep, error);
  if (self != NULL && can_go_back (self) && !vtr_plan_add_backward (self, model, 0, error))
    g_clear_pointer (&self, vtr_plan_free);
  return self;
}

void
vtr_backward_plan_free (VtrBackwardPlan *self)
{
  if (self == NULL)
    return;
  g_free (self->inputs);
  g_free (self->contexts);
  g_free (self->d_context);
  g_free (self);
}
