/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* vtr_session_explain: forward pass, then method, for pictures of one grid at a time. */
#include "explain/explain.h"

/* The forward pass takes most of the time; what follows it gets this share of the progress. */
#define FORWARD_SHARE 0.8

/* One call of vtr_session_explain. */
typedef struct
{
  VtrSession *session;
  VtrMethod *method; /* a copy, its query resolved; owned */
  VtrSettings settings;
  VtrExplainFlags flags;
  VtrInput *const *inputs;
  guint n_inputs;
  VtrExplanation **explanations; /* [n_inputs]; those made so far */
  guint n_done;
  VtrProgress progress;
} Job;

/* With the plan committed: all the device has to do for these pictures, waited for once, at the
 * end of the method. */
static gboolean
compute (Job *job, VtrExplainRun *run, const VtrMatrixScratch *matrix, GError **error)
{
  const VtrProgress whole = run->progress;
  const VtrProgress forward = vtr_progress_part (&whole, 0.0, FORWARD_SHARE);
  const gboolean matrices = job->flags & VTR_EXPLAIN_MATRIX;

  if (!vtr_plan_upload (run->plan, run->stream, run->model, error) ||
      !vtr_explain_write_pixels (run, error) ||
      !vtr_forward (run->stream, run->model, job->session->weights, run->plan,
                    job->settings.temperature, &forward, error) ||
      !vtr_explain_read_outputs (run, error))
    return FALSE;

  run->progress = vtr_progress_part (&whole, FORWARD_SHARE, 0.9);
  if (matrices && !vtr_matrix_read (matrix, run, error))
    return FALSE;

  run->progress = vtr_progress_part (&whole, matrices ? 0.9 : FORWARD_SHARE, 1.0);
  return vtr_method_get_kind (job->method)->explain (run, error) &&
         vtr_explain_take_outputs (run, error);
}

static gboolean
plan_and_compute (Job *job, VtrExplainRun *run, GError **error)
{
  VtrMatrixScratch matrix;

  if (!vtr_method_get_kind (job->method)->plan (run, error))
    return FALSE;
  if ((job->flags & VTR_EXPLAIN_MATRIX) && !vtr_matrix_plan (&matrix, run, error))
    return FALSE;
  g_debug ("Plan for %u × %u patches, batch %u: %.1f MiB", run->plan->n_rows, run->plan->n_columns,
           run->n_inputs, (double) vtr_arena_get_bytes (run->plan->arena) / (1 << 20));
  if (!vtr_arena_commit (run->plan->arena, error))
    return FALSE;

  const gboolean ok = compute (job, run, &matrix, error);
  /* Also after a failure: what was recorded must not outlive the plan. */
  return vtr_stream_wait (run->stream, ok ? error : NULL) && ok;
}

static void
clear_explanations (VtrExplainRun *run)
{
  for (guint i = 0; i < run->n_inputs; i++)
    g_clear_pointer (&run->explanations[i], vtr_explanation_unref);
}

/* Which layers' attention must outlive the forward pass: [n_layers]. */
static gboolean *
make_keep (const Job *job)
{
  gboolean *keep = g_new0 (gboolean, vtr_model_get_n_layers (job->session->model));

  for (guint i = 0; i < job->settings.n_layers; i++)
    keep[job->settings.layers[i]] = TRUE;
  return keep;
}

/* Explains @n_inputs pictures of one grid in one batch. */
static gboolean
explain_batch (Job *job,
               VtrInput *const *inputs,
               guint n_inputs,
               VtrExplanation **explanations,
               GError **error)
{
  VtrSession *session = job->session;
  const VtrArch *arch = vtr_model_get_arch (session->model);
  const VtrSettings *settings = &job->settings;
  g_autofree gboolean *keep = make_keep (job);
  VtrExplainRun run = {
    .stream = session->stream,
    .model = session->model,
    .arch = arch,
    .settings = settings,
    .attention_scale = vtr_attention_scale (arch, settings->temperature),
    .inputs = inputs,
    .n_inputs = n_inputs,
    .explanations = explanations,
    .progress = vtr_progress_part (&job->progress, (double) job->n_done / job->n_inputs,
                                   (double) (job->n_done + n_inputs) / job->n_inputs),
  };

  vtr_device_reset_peak (session->device);
  run.plan = vtr_plan_new (session->device, session->model, session->precision,
                           vtr_input_get_n_rows (inputs[0]), vtr_input_get_n_columns (inputs[0]),
                           n_inputs, keep, error);
  if (run.plan == NULL)
    return FALSE;

  for (guint i = 0; i < n_inputs; i++)
    explanations[i] =
        vtr_explanation_new (inputs[i], session->model, job->method, session->device->info,
                             session->precision, settings->layers, settings->n_layers,
                             settings->heads, settings->n_heads);

  run.buffers = g_ptr_array_new_with_free_func (g_free);
  const gboolean ok = plan_and_compute (job, &run, error);
  for (guint i = 0; i < n_inputs; i++)
    vtr_explanation_set_bytes (explanations[i], vtr_arena_get_bytes (run.plan->arena),
                               vtr_device_get_peak_bytes (session->device));
  if (!ok)
    clear_explanations (&run);
  vtr_plan_free (run.plan);
  g_ptr_array_unref (run.buffers);
  g_free (run.scratch);
  return ok;
}

/* Whether a picture of that many patches could be explained: plans and allocates, computes nothing.
 */
static gboolean
would_fit (Job *job, guint n_rows, guint n_columns)
{
  VtrSession *session = job->session;
  const VtrArch *arch = vtr_model_get_arch (session->model);
  g_autofree gboolean *keep = make_keep (job);
  VtrExplainRun run = {
    .stream = session->stream,
    .model = session->model,
    .arch = arch,
    .settings = &job->settings,
    .n_inputs = 1,
    .plan = vtr_plan_new (session->device, session->model, session->precision, n_rows, n_columns, 1,
                          keep, NULL),
  };
  const gboolean fits = run.plan != NULL && vtr_method_get_kind (job->method)->plan (&run, NULL) &&
                        vtr_arena_commit (run.plan->arena, NULL);

  vtr_plan_free (run.plan);
  g_free (run.scratch);
  return fits;
}

/* Adds to an out-of-memory error what would fit: the largest short edge, found by trying. */
static void
advise_size (Job *job, VtrInput *input, GError *error)
{
  const guint n_rows = vtr_input_get_n_rows (input);
  const guint n_columns = vtr_input_get_n_columns (input);
  const guint patch = vtr_model_get_patch_size (job->session->model);
  const guint n_short = MIN (n_rows, n_columns);
  g_autofree char *message = g_steal_pointer (&error->message);

  if (g_str_has_suffix (message, "."))
    message[strlen (message) - 1] = '\0';
  for (guint n = n_short * 9 / 10; n > 0; n = n * 9 / 10)
    if (would_fit (job, MAX (n_rows * n / n_short, 1), MAX (n_columns * n / n_short, 1)))
      {
        error->message = g_strdup_printf ("%s; --size %u would fit.", message, n * patch);
        return;
      }
  error->message =
      g_strdup_printf ("%s; no size of this picture would fit, so use another device.", message);
}

/* Explains pictures of one grid, in halves where the device has too little memory for all. */
static gboolean
explain_group (Job *job,
               VtrInput *const *inputs,
               guint n_inputs,
               VtrExplanation **explanations,
               GError **error)
{
  g_autoptr (GError) local_error = NULL;

  if (explain_batch (job, inputs, n_inputs, explanations, &local_error))
    {
      job->n_done += n_inputs;
      return TRUE;
    }
  if (!g_error_matches (local_error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY) || n_inputs == 1)
    {
      if (g_error_matches (local_error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY))
        advise_size (job, inputs[0], local_error);
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }

  const guint half = n_inputs / 2;
  g_info ("A batch of %u does not fit, trying %u: %s", n_inputs, n_inputs - half,
          local_error->message);
  return explain_group (job, inputs, n_inputs - half, explanations, error) &&
         explain_group (job, inputs + n_inputs - half, half, explanations + n_inputs - half, error);
}

static gboolean
same_grid (const VtrInput *a, const VtrInput *b)
{
  return vtr_input_get_n_rows (a) == vtr_input_get_n_rows (b) &&
         vtr_input_get_n_columns (a) == vtr_input_get_n_columns (b);
}

/* Gathers the pictures of each grid, wherever they stand, and explains them together. */
static gboolean
explain_all (Job *job, GError **error)
{
  VtrInput *group[VTR_MAX_BATCH];
  VtrExplanation *made[VTR_MAX_BATCH] = { NULL };
  guint places[VTR_MAX_BATCH];

  for (guint first = 0; first < job->n_inputs; first++)
    {
      guint n_group = 0;

      if (job->explanations[first] != NULL)
        continue;
      for (guint i = first; i < job->n_inputs; i++)
        if (job->explanations[i] == NULL && same_grid (job->inputs[first], job->inputs[i]))
          {
            group[n_group] = job->inputs[i];
            places[n_group++] = i;
          }

      const gboolean ok = explain_group (job, group, n_group, made, error);
      for (guint i = 0; i < n_group; i++)
        job->explanations[places[i]] = g_steal_pointer (&made[i]);
      if (!ok)
        return FALSE;
    }
  return TRUE;
}

static gboolean
check_inputs (VtrSession *session, VtrInput *const *inputs, guint n_inputs, GError **error)
{
  for (guint i = 0; i < n_inputs; i++)
    if (vtr_input_get_model (inputs[i]) != session->model)
      {
        g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                     "A picture was prepared for another model than “%s”",
                     vtr_model_get_name (session->model));
        return FALSE;
      }
  return TRUE;
}

GPtrArray *
vtr_session_explain (VtrSession *self,
                     VtrMethod *method,
                     VtrInput *const *inputs,
                     guint n_inputs,
                     VtrExplainFlags flags,
                     VtrProgressFunc progress,
                     gpointer progress_data,
                     GCancellable *cancellable,
                     GError **error)
{
  g_return_val_if_fail (self != NULL && method != NULL, NULL);
  g_return_val_if_fail (n_inputs >= 1 && n_inputs <= VTR_MAX_BATCH, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  g_autoptr (VtrMethod) copy = vtr_method_copy (method);
  g_autoptr (GPtrArray) results =
      g_ptr_array_new_with_free_func ((GDestroyNotify) vtr_explanation_unref);
  VtrExplanation *explanations[VTR_MAX_BATCH] = { NULL };
  Job job = {
    .session = self,
    .method = copy,
    .flags = flags,
    .inputs = inputs,
    .n_inputs = n_inputs,
    .explanations = explanations,
    .progress = vtr_progress_whole (progress, progress_data, cancellable),
  };
  gboolean ok = check_inputs (self, inputs, n_inputs, error) &&
                vtr_settings_init (&job.settings, copy, self->model, error);

  if (ok)
    {
      g_autofree char *query = vtr_settings_format_query (&job.settings);
      ok = vtr_method_set (copy, "query", query, error) && explain_all (&job, error);
    }
  for (guint i = 0; i < n_inputs; i++)
    if (explanations[i] != NULL)
      g_ptr_array_add (results, explanations[i]);
  vtr_settings_clear (&job.settings);
  return ok ? g_steal_pointer (&results) : NULL;
}
