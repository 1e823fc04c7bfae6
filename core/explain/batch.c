/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Pictures of one grid explained together: forward pass, then method, in one of the session's
 * slots; or the method alone, where the forward pass was kept. */
#include "explain/explain.h"

/* Share of the progress that the forward pass gets: most of the time, unless the method goes all
 * the way back. */
#define FORWARD_SHARE 0.8
#define FORWARD_SHARE_WITH_BACKWARD 0.25

/* What flags want besides the method. */
typedef struct
{
  VtrMatrixScratch matrix;
  VtrImportanceScratch importance;
} Extras;

/* ---- planning ---- */

/* Which layers' attention must outlive the forward pass: [n_layers].  On the way back it is
 * computed again. */
static gboolean *
make_keep (const VtrExplainBatch *batch)
{
  const VtrSettings *settings = batch->settings;
  gboolean *keep = g_new0 (gboolean, vtr_model_get_n_layers (batch->session->model));
  const gboolean needed =
      !vtr_method_get_kind (batch->method)->has_target || (batch->flags & VTR_EXPLAIN_MATRIX) != 0;

  for (guint i = 0; needed && i < settings->n_layers; i++)
    keep[settings->layers[i]] = TRUE;
  return keep;
}

/* For what is asked and no more. */
static VtrPlan *
make_plan (const VtrExplainBatch *batch,
           guint n_rows,
           guint n_columns,
           guint n_inputs,
           GError **error)
{
  VtrSession *session = batch->session;
  g_autofree gboolean *keep = make_keep (batch);

  return vtr_plan_new (session->device, session->model, session->precision, n_rows, n_columns,
                       n_inputs, keep, error);
}

/* What the method and the flags need besides the forward pass. */
static gboolean
plan_rest (const VtrExplainBatch *batch, VtrExplainRun *run, Extras *extras, GError **error)
{
  if ((batch->flags & VTR_EXPLAIN_IMPORTANCE) &&
      !vtr_importance_plan (&extras->importance, run, error))
    return FALSE;
  if (!run->kind->plan (run, error))
    return FALSE;
  return !(batch->flags & VTR_EXPLAIN_MATRIX) || vtr_matrix_plan (&extras->matrix, run, error);
}

static VtrExplainRun
make_run (const VtrExplainBatch *batch)
{
  VtrSession *session = batch->session;
  const VtrArch *arch = vtr_model_get_arch (session->model);

  return (VtrExplainRun){
    .model = session->model,
    .weights = session->weights,
    .arch = arch,
    .kind = vtr_method_get_kind (batch->method),
    .settings = batch->settings,
    .target = vtr_method_get_target (batch->method),
    .attention_scale = vtr_attention_scale (arch, batch->settings->temperature),
    .inputs = batch->inputs,
    .n_inputs = batch->n_inputs,
    .explanations = batch->explanations,
    .progress = batch->progress,
  };
}

VtrPlan *
vtr_explain_plan_batch (const VtrExplainBatch *batch, guint n_rows, guint n_columns, guint n_inputs)
{
  Extras extras;
  VtrExplainRun run = make_run (batch);

  run.n_inputs = n_inputs;
  run.plan = make_plan (batch, n_rows, n_columns, n_inputs, NULL);
  if (run.plan == NULL)
    return NULL;
  run.arena = run.plan->arena;
  if (!plan_rest (batch, &run, &extras, NULL))
    g_clear_pointer (&run.plan, vtr_plan_free);
  g_free (run.scratch);
  return run.plan;
}

/* ---- computing ---- */

/* The forward pass; of one that was kept the head alone, whose vectors a method may have used for
 * another source. */
static gboolean
run_model (VtrSession *session, VtrExplainRun *run, const VtrProgress *progress, GError **error)
{
  const VtrHeadSource own = { .layer = run->arch->n_layers - 1 };

  if (run->forwarded)
    return vtr_forward_head (run->stream, run->model, run->weights, run->plan, &own, error);
  if (!vtr_explain_write_pixels (run, error) ||
      !vtr_forward (run->stream, run->model, run->weights, run->plan, run->settings->temperature,
                    progress, error))
    return FALSE;
  run->forwarded = TRUE;
  g_atomic_int_inc (&session->n_passes);
  return TRUE;
}

static double
share_of_forward (const VtrExplainRun *run)
{
  if (run->forwarded)
    return 0.0;
  return run->kind->has_target ? FORWARD_SHARE_WITH_BACKWARD : FORWARD_SHARE;
}

/* With memory for all: all the device has to do for these pictures, waited for once, at the end of
 * the method. */
static gboolean
compute (const VtrExplainBatch *batch, VtrExplainRun *run, Extras *extras, GError **error)
{
  const VtrProgress whole = run->progress;
  const double share = share_of_forward (run);
  const double after_matrix = share + (1.0 - share) / 2.0;
  const VtrProgress forward = vtr_progress_part (&whole, 0.0, share);
  const gboolean matrices = batch->flags & VTR_EXPLAIN_MATRIX;
  const gboolean weighs = batch->flags & VTR_EXPLAIN_IMPORTANCE;

  if (!run_model (batch->session, run, &forward, error) || !vtr_explain_read_outputs (run, error))
    return FALSE;

  run->progress = vtr_progress_part (&whole, share, after_matrix);
  if (weighs && !vtr_importance_measure (&extras->importance, run, error))
    return FALSE;
  if (matrices && !vtr_matrix_read (&extras->matrix, run, error))
    return FALSE;

  run->progress = vtr_progress_part (&whole, matrices || weighs ? after_matrix : share, 1.0);
  return run->kind->explain (run, error) && vtr_explain_take_outputs (run, error);
}

/* Memory for the plan, unless it has it with its forward pass, and for what lies outside of it. */
static gboolean
get_memory (const VtrExplainBatch *batch, const VtrExplainRun *run, VtrSlot *slot, GError **error)
{
  VtrSession *session = batch->session;

  if (!run->forwarded && !vtr_slot_begin (&session->slots, slot, run->plan, session->model, error))
    return FALSE;
  return run->arena == run->plan->arena || vtr_slot_commit (slot, run->arena, error);
}

/* @intact: whether the device has done what it was told, so that a forward pass is good. */
static gboolean
plan_and_compute (const VtrExplainBatch *batch,
                  VtrExplainRun *run,
                  VtrSlot *slot,
                  gboolean *intact,
                  GError **error)
{
  Extras extras;
  const gboolean ok = plan_rest (batch, run, &extras, error) &&
                      get_memory (batch, run, slot, error) && compute (batch, run, &extras, error);

  /* Also after a failure: what was recorded must not outlive the plan. */
  *intact = vtr_stream_wait (run->stream, ok ? error : NULL);
  return ok && *intact;
}

static void
make_explanations (const VtrExplainBatch *batch)
{
  const VtrSession *session = batch->session;
  const VtrSettings *settings = batch->settings;

  for (guint i = 0; i < batch->n_inputs; i++)
    batch->explanations[i] =
        vtr_explanation_new (batch->inputs[i], session->model, batch->method, session->device->info,
                             session->precision, settings->layers, settings->n_layers,
                             settings->heads, settings->n_heads);
}

static void
finish_explanations (const VtrExplainBatch *batch, const VtrExplainRun *run, gboolean ok)
{
  guint64 n_bytes = vtr_arena_get_bytes (run->plan->arena);

  if (run->arena != run->plan->arena)
    n_bytes += vtr_arena_get_bytes (run->arena);
  for (guint i = 0; i < batch->n_inputs; i++)
    if (ok)
      vtr_explanation_set_bytes (batch->explanations[i], n_bytes,
                                 vtr_device_get_peak_bytes (batch->session->device));
    else
      g_clear_pointer (&batch->explanations[i], vtr_explanation_unref);
}

/* With run->plan and run->arena: all but giving them back. */
static gboolean
explain (const VtrExplainBatch *batch,
         VtrExplainRun *run,
         VtrSlot *slot,
         gboolean *intact,
         GError **error)
{
  run->stream = slot->stream;
  run->buffers = g_ptr_array_new_with_free_func (g_free);
  make_explanations (batch);
  const gboolean ok = plan_and_compute (batch, run, slot, intact, error);
  finish_explanations (batch, run, ok);
  g_ptr_array_unref (run->buffers);
  g_free (run->scratch);
  return ok;
}

/* ---- in a slot ---- */

static gboolean
explain_once (VtrSlot *slot, gpointer user_data, GError **error)
{
  const VtrExplainBatch *batch = user_data;
  VtrExplainRun run = make_run (batch);
  gboolean intact;

  run.plan = make_plan (batch, vtr_input_get_n_rows (batch->inputs[0]),
                        vtr_input_get_n_columns (batch->inputs[0]), batch->n_inputs, error);
  if (run.plan == NULL)
    return FALSE;
  run.arena = run.plan->arena;
  const gboolean ok = explain (batch, &run, slot, &intact, error);
  vtr_slot_end (&batch->session->slots, slot, run.plan, ok);
  return ok;
}

/* From the forward pass that was kept, if it is of this picture; else so that it is kept.  It is
 * also where the method fails or is stopped: the next one need not. */
static gboolean
explain_and_keep (VtrSlot *slot, gpointer user_data, GError **error)
{
  const VtrExplainBatch *batch = user_data;
  VtrSession *session = batch->session;
  VtrInput *input = batch->inputs[0];
  const double temperature = batch->settings->temperature;
  VtrExplainRun run = make_run (batch);
  gboolean intact;

  run.plan = vtr_slot_take_pass (&session->slots, slot, input, temperature);
  run.forwarded = run.plan != NULL;
  if (run.plan == NULL)
    run.plan =
        vtr_plan_new_pass (session->device, session->model, session->precision,
                           vtr_input_get_n_rows (input), vtr_input_get_n_columns (input), error);
  if (run.plan == NULL)
    return FALSE;

  run.arena = vtr_arena_new (session->device, "method");
  const gboolean ok = explain (batch, &run, slot, &intact, error);
  vtr_arena_free (run.arena);
  if (run.forwarded && intact)
    vtr_slot_keep_pass (&session->slots, slot, run.plan, input, temperature);
  else
    vtr_slot_end (&session->slots, slot, run.plan, FALSE);
  return ok;
}

gboolean
vtr_explain_batch (const VtrExplainBatch *batch, GError **error)
{
  VtrSlots *slots = &batch->session->slots;
  g_autoptr (GError) local_error = NULL;

  if (!(batch->flags & VTR_EXPLAIN_KEEP) || batch->n_inputs > 1)
    return vtr_slots_run (slots, explain_once, (gpointer) batch, error);
  if (vtr_slots_run (slots, explain_and_keep, (gpointer) batch, &local_error))
    return TRUE;
  if (g_error_matches (local_error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY))
    {
      g_info ("The forward pass is not kept: %s", local_error->message);
      return vtr_slots_run (slots, explain_once, (gpointer) batch, error);
    }
  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}
