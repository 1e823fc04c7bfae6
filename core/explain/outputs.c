/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* What goes into a forward pass and what comes out of it, whatever the method. */
#include "explain/explain.h"

gboolean
vtr_explain_write_pixels (VtrExplainRun *run, GError **error)
{
  const gsize n_bytes = vtr_tensor_n_bytes (&run->plan->pixels) / run->n_inputs;

  for (guint i = 0; i < run->n_inputs; i++)
    if (!vtr_stream_write (run->stream, &run->plan->pixels, i * n_bytes,
                           vtr_input_get_pixels (run->inputs[i], NULL, NULL), n_bytes, error))
      return FALSE;
  return TRUE;
}

/* Copies row @image of a tensor [b][width]. */
static float *
copy_row (const float *values, const VtrTensor *tensor, guint image)
{
  const gsize width = tensor->shape[1];

  return g_memdup2 (values + image * width, width * sizeof (float));
}

static float *
read_tensor (VtrExplainRun *run, const VtrTensor *tensor, GError **error)
{
  g_autofree float *values = g_new (float, vtr_tensor_n_values (tensor));

  if (!vtr_stream_read (run->stream, tensor, 0, values, vtr_tensor_n_bytes (tensor), error))
    return NULL;
  return g_steal_pointer (&values);
}

/* DeiT's two heads answer with the mean of their logits. */
static gboolean
average_distillation (VtrExplainRun *run, float *logits, GError **error)
{
  const VtrTensor *tensor = &run->plan->logits_distillation;

  if (!vtr_tensor_exists (tensor))
    return TRUE;

  g_autofree float *others = read_tensor (run, tensor, error);
  if (others == NULL)
    return FALSE;
  for (gsize i = 0; i < vtr_tensor_n_values (tensor); i++)
    logits[i] = (logits[i] + others[i]) / 2;
  return TRUE;
}

/* Logits that are not finite mean weights or pixels the model cannot be right with, or numbers on
 * the way that were too large for f16. */
static gboolean
check_finite (const VtrExplainRun *run, const float *values, gsize n_values, GError **error)
{
  const gboolean halves = run->plan->precision == VTR_PRECISION_F16;

  if (vtr_floats_find_bad (values, n_values) == n_values)
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_BAD_VALUES,
               "The model “%s” computed values that are not numbers: %s",
               vtr_model_get_name (run->model),
               halves ? "f16 may be too small for it, so use --precision f32"
                      : "its weights may be damaged");
  return FALSE;
}

gboolean
vtr_explain_read_outputs (VtrExplainRun *run, GError **error)
{
  const VtrTensor *embedding_tensor = vtr_plan_get_embedding (run->plan);
  const VtrTensor *logits_tensor = &run->plan->logits;
  g_autofree float *embedding = read_tensor (run, embedding_tensor, error);
  g_autofree float *logits = NULL;

  if (embedding == NULL ||
      !check_finite (run, embedding, vtr_tensor_n_values (embedding_tensor), error))
    return FALSE;
  if (vtr_tensor_exists (logits_tensor))
    {
      logits = read_tensor (run, logits_tensor, error);
      if (logits == NULL || !average_distillation (run, logits, error))
        return FALSE;
    }

  for (guint image = 0; image < run->n_inputs; image++)
    {
      VtrExplanation *explanation = run->explanations[image];

      vtr_explanation_take_embedding (explanation, copy_row (embedding, embedding_tensor, image),
                                      embedding_tensor->shape[1]);
      if (logits != NULL)
        vtr_explanation_take_logits (explanation, copy_row (logits, logits_tensor, image),
                                     logits_tensor->shape[1]);
    }
  return TRUE;
}
