/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* What goes into a forward pass and what comes out of it, whatever the method. */
#include "explain/explain.h"
#include "run/variants.h"

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

gboolean
vtr_explain_take_outputs (VtrExplainRun *run, GError **error)
{
  const VtrTensor *embedding = vtr_plan_get_embedding (run->plan);
  const VtrTensor *logits = &run->plan->logits;
  const VtrOutputs *outputs = &run->outputs;

  if (run->outputs_taken)
    return TRUE;
  if (!vtr_check_finite (run->model, run->plan->precision, outputs->embedding,
                         vtr_tensor_n_values (embedding), error))
    return FALSE;
  run->outputs_taken = TRUE;
  if (outputs->logits_distillation != NULL)
    vtr_average_logits (outputs->logits, outputs->logits_distillation,
                        vtr_tensor_n_values (logits));
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
