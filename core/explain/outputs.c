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

float *
vtr_explain_read_later (VtrExplainRun *run, const VtrTensor *tensor, GError **error)
{
  float *values = g_new (float, vtr_tensor_n_values (tensor));

  g_ptr_array_add (run->buffers, values);
  if (!vtr_stream_read_later (run->stream, tensor, 0, values, vtr_tensor_n_bytes (tensor), error))
    return NULL;
  return values;
}

/* TRUE also where the model has no such tensor. */
static gboolean
read_output (VtrExplainRun *run, const VtrTensor *tensor, float **values, GError **error)
{
  if (vtr_tensor_exists (tensor))
    *values = vtr_explain_read_later (run, tensor, error);
  return !vtr_tensor_exists (tensor) || *values != NULL;
}

gboolean
vtr_explain_read_outputs (VtrExplainRun *run, GError **error)
{
  const VtrPlan *plan = run->plan;
  VtrOutputs *outputs = &run->outputs;

  return read_output (run, vtr_plan_get_embedding (plan), &outputs->embedding, error) &&
         read_output (run, &plan->logits, &outputs->logits, error) &&
         read_output (run, &plan->logits_distillation, &outputs->logits_distillation, error);
}

/* Copies row @image of a tensor [b][width]. */
static float *
copy_row (const float *values, const VtrTensor *tensor, guint image)
{
  const gsize width = tensor->shape[1];

  return g_memdup2 (values + image * width, width * sizeof (float));
}

/* DeiT's two heads answer with the mean of their logits. */
static void
average_distillation (VtrExplainRun *run)
{
  const VtrOutputs *outputs = &run->outputs;

  if (outputs->logits_distillation == NULL)
    return;
  for (gsize i = 0; i < vtr_tensor_n_values (&run->plan->logits); i++)
    outputs->logits[i] = (outputs->logits[i] + outputs->logits_distillation[i]) / 2;
}

/* Values that are not finite mean weights or pixels the model cannot be right with, or numbers on
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
vtr_explain_take_outputs (VtrExplainRun *run, GError **error)
{
  const VtrTensor *embedding = vtr_plan_get_embedding (run->plan);
  const VtrTensor *logits = &run->plan->logits;
  const VtrOutputs *outputs = &run->outputs;

  if (run->outputs_taken)
    return TRUE;
  if (!check_finite (run, outputs->embedding, vtr_tensor_n_values (embedding), error))
    return FALSE;
  run->outputs_taken = TRUE;
  average_distillation (run);
  for (guint image = 0; image < run->n_inputs; image++)
    {
      VtrExplanation *explanation = run->explanations[image];

      vtr_explanation_take_embedding (explanation, copy_row (outputs->embedding, embedding, image),
                                      embedding->shape[1]);
      if (outputs->logits != NULL)
        vtr_explanation_take_logits (explanation, copy_row (outputs->logits, logits, image),
                                     logits->shape[1]);
    }
  return TRUE;
}

void
vtr_explain_add_map (VtrExplainRun *run, guint image, const float *values)
{
  VtrExplanation *explanation = run->explanations[image];
  g_autofree char *label = vtr_explanation_make_label (explanation);
  g_autoptr (VtrMap) map =
      vtr_map_new (run->plan->n_rows, run->plan->n_columns, values, VTR_FUSED, VTR_FUSED, label);

  vtr_explanation_take_map (explanation, vtr_map_ref (map));
  vtr_explanation_take_summary (explanation, g_steal_pointer (&map));
}
