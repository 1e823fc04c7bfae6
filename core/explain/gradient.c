/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* What methods with a target share: each picture's target, and the way back from it. */
#include "explain/explain.h"
#include "run/blocks.h"

gboolean
vtr_gradient_plan (VtrExplainRun *run, GError **error)
{
  /* A plan for all methods has the whole way back. */
  return run->plan->backward != NULL ||
         vtr_plan_add_backward (run->plan, run->model, run->settings->layers[0], error);
}

static VtrBackwardFrom
find_origin (const VtrTarget *target)
{
  if (vtr_target_is_of_classes (target))
    return VTR_BACKWARD_FROM_LOGITS;
  return target->kind == VTR_TARGET_PATCH ? VTR_BACKWARD_FROM_TOKENS : VTR_BACKWARD_FROM_EMBEDDING;
}

/* ---- what the target is a function of ---- */

/* As the model itself says: [b][width], the explanations' own. */
static const float *
get_answer (const VtrExplainRun *run, VtrBackwardFrom from, guint image, guint *width)
{
  const VtrExplanation *explanation = run->explanations[image];

  return from == VTR_BACKWARD_FROM_LOGITS ? vtr_explanation_get_logits (explanation, width)
                                          : vtr_explanation_get_embedding (explanation, width);
}

/* As a head says that reads another source, [b][width], after vtr_forward_head (). */
static float *
read_answers (VtrExplainRun *run, VtrBackwardFrom from, GError **error)
{
  const VtrPlan *plan = run->plan;
  const gboolean logits = from == VTR_BACKWARD_FROM_LOGITS;
  const VtrTensor *tensor = logits ? &plan->logits : vtr_plan_get_embedding (plan);
  const gboolean distilled = logits && vtr_tensor_exists (&plan->logits_distillation);
  const gsize n_values = vtr_tensor_n_values (tensor);
  g_autofree float *values = g_new (float, n_values);
  g_autofree float *others = g_new (float, n_values);

  if (!vtr_stream_read (run->stream, tensor, 0, values, n_values * sizeof *values, error) ||
      (distilled && !vtr_stream_read (run->stream, &plan->logits_distillation, 0, others,
                                      n_values * sizeof *others, error)))
    return NULL;
  for (gsize i = 0; distilled && i < n_values; i++)
    values[i] = (values[i] + others[i]) / 2;
  return g_steal_pointer (&values);
}

/* ---- the gradient of each picture's target ---- */

/* [b][width]: of classes or an embedding. */
static float *
make_gradient (VtrExplainRun *run, VtrBackwardFrom from, gboolean own_head, GError **error)
{
  g_autofree float *answers = own_head ? NULL : read_answers (run, from, error);
  g_autofree float *gradient = NULL;
  guint width;

  if (!own_head && answers == NULL)
    return NULL;
  for (guint image = 0; image < run->n_inputs; image++)
    {
      const VtrTarget *target = vtr_explanation_get_target (run->explanations[image], NULL);
      const float *own = get_answer (run, from, image, &width);

      if (gradient == NULL)
        gradient = g_new (float, (gsize) run->n_inputs *width);
      vtr_target_evaluate (target, own_head ? own : answers + (gsize) image * width, width,
                           gradient + (gsize) image * width);
    }
  return g_steal_pointer (&gradient);
}

static gboolean
find_patch (const VtrExplainRun *run,
            guint image,
            const VtrTarget *target,
            guint *token,
            GError **error)
{
  VtrInput *input = run->inputs[image];
  guint row, column;

  if (vtr_input_get_patch_at (input, target->x, target->y, &row, &column))
    {
      *token = vtr_arch_n_prefix (run->arch) + row * run->plan->n_columns + column;
      return TRUE;
    }
  return vtr_explain_fail_place (input, target->x, target->y, error);
}

/* [b][n][d]: of one token in each picture, which block @layer gave; @values [b]: the targets. */
static float *
make_token_gradient (VtrExplainRun *run, guint layer, double *values, GError **error)
{
  const VtrTensor *tokens = vtr_plan_get_output (run->plan, run->arch, layer);
  const gsize n = run->plan->n_tokens;
  const gsize d = run->arch->hidden_size;
  g_autofree float *gradient = g_new0 (float, run->n_inputs *n *d);
  g_autofree float *x = g_new (float, d);
  guint token = 0;

  for (guint image = 0; image < run->n_inputs; image++)
    {
      if (!find_patch (run, image, run->target, &token, error))
        return NULL;
      const gsize place = (image * n + token) * d;
      if (!vtr_stream_read (run->stream, tokens, place * sizeof *x, x, d * sizeof *x, error))
        return NULL;
      values[image] = vtr_target_evaluate (run->target, x, (guint) d, gradient + place);
    }
  return g_steal_pointer (&gradient);
}

/* Waits for the model's answers and asks each picture. */
static gboolean
ask (VtrExplainRun *run, GError **error)
{
  const VtrBackwardFrom from = find_origin (run->target);
  g_autofree double *lengths = g_new0 (double, run->n_inputs);

  if (!vtr_stream_wait (run->stream, error) || !vtr_explain_take_outputs (run, error))
    return FALSE;
  if (from == VTR_BACKWARD_FROM_TOKENS)
    {
      g_autofree float *gradient =
          make_token_gradient (run, run->arch->n_layers - 1, lengths, error);
      if (gradient == NULL)
        return FALSE;
    }

  for (guint image = 0; image < run->n_inputs; image++)
    {
      guint width;
      const float *answer = get_answer (run, from, image, &width);
      g_autoptr (VtrTarget) target =
          vtr_target_resolve (run->target, run->model, answer, width, error);

      if (target == NULL)
        return FALSE;
      vtr_explanation_set_target (run->explanations[image], target,
                                  from == VTR_BACKWARD_FROM_TOKENS
                                      ? lengths[image]
                                      : vtr_target_evaluate (target, answer, width, NULL));
    }
  return TRUE;
}

gboolean
vtr_gradient_go_back (VtrExplainRun *run,
                      const VtrHeadSource *source,
                      guint first_layer,
                      gboolean to_input,
                      VtrBackwardFunc func,
                      gpointer data,
                      GError **error)
{
  const VtrBackwardFrom from = find_origin (run->target);
  const VtrHeadSource own = { .layer = run->arch->n_layers - 1 };
  g_autofree double *lengths = g_new (double, run->n_inputs);
  g_autofree float *gradient = NULL;

  if (vtr_explanation_get_target (run->explanations[0], NULL) == NULL && !ask (run, error))
    return FALSE;
  if (source != NULL && from != VTR_BACKWARD_FROM_TOKENS &&
      !vtr_forward_head (run->stream, run->model, run->weights, run->plan, source, error))
    return FALSE;
  gradient =
      from == VTR_BACKWARD_FROM_TOKENS
          ? make_token_gradient (run, source != NULL ? source->layer : own.layer, lengths, error)
          : make_gradient (run, from, source == NULL, error);
  if (gradient == NULL)
    return FALSE;

  const VtrBackwardPath path = {
    .from = from,
    .source = source != NULL ? *source : own,
    .gradient = gradient,
    .first_layer = first_layer,
    .to_input = to_input,
  };
  return vtr_backward (run->stream, run->model, run->weights, run->plan, run->settings->temperature,
                       &path, func, data, &run->progress, error);
}
