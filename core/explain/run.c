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

gboolean
vtr_explain_find_query (const VtrExplainRun *run, VtrInput *input, guint32 *token, GError **error)
{
  const VtrSettings *settings = run->settings;
  guint row, column;

  if (settings->query == VTR_QUERY_CLS)
    {
      *token = 0;
      return TRUE;
    }
  if (vtr_input_get_patch_at (input, settings->query_x, settings->query_y, &row, &column))
    {
      *token = vtr_arch_n_prefix (run->arch) + row * vtr_input_get_n_columns (input) + column;
      return TRUE;
    }

  VtrRect region;
  vtr_input_get_region (input, &region);
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "No patch covers the pixel %g,%g: the model sees x from %.0f to %.0f and y from "
               "%.0f to %.0f",
               settings->query_x, settings->query_y, region.x, region.x + region.width, region.y,
               region.y + region.height);
  return FALSE;
}

float *
vtr_explain_make_query_weights (const VtrExplainRun *run, GError **error)
{
  const gsize n = run->plan->n_tokens;
  const gsize n_patches = (gsize) run->plan->n_rows * run->plan->n_columns;
  g_autofree float *weights = g_new0 (float, run->n_inputs *n);

  for (guint image = 0; image < run->n_inputs; image++)
    {
      float *row = weights + image * n;
      guint32 token;

      if (run->settings->query == VTR_QUERY_MEAN)
        for (gsize i = n - n_patches; i < n; i++)
          row[i] = 1.0f / (float) n_patches;
      else if (vtr_explain_find_query (run, run->inputs[image], &token, error))
        row[token] = 1.0f;
      else
        return NULL;
    }
  return g_steal_pointer (&weights);
}

static gboolean
write_pixels (VtrExplainRun *run, GError **error)
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

/* Logits that are not finite mean weights or pixels the model cannot be right with. */
static gboolean
check_finite (const float *values, gsize n_values, VtrModel *model, GError **error)
{
  if (vtr_floats_find_bad (values, n_values) == n_values)
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_BAD_VALUES,
               "The model “%s” computed values that are not numbers: its weights may be damaged",
               vtr_model_get_name (model));
  return FALSE;
}

static gboolean
read_outputs (VtrExplainRun *run, GError **error)
{
  const VtrTensor *embedding_tensor = vtr_plan_get_embedding (run->plan);
  const VtrTensor *logits_tensor = &run->plan->logits;
  g_autofree float *embedding = read_tensor (run, embedding_tensor, error);
  g_autofree float *logits = NULL;

  if (embedding == NULL ||
      !check_finite (embedding, vtr_tensor_n_values (embedding_tensor), run->model, error))
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

/* With the plan committed: all the device has to do for these pictures. */
static gboolean
compute (Job *job, VtrExplainRun *run, const VtrMatrixScratch *matrix, GError **error)
{
  const VtrProgress whole = run->progress;
  const VtrProgress forward = vtr_progress_part (&whole, 0.0, FORWARD_SHARE);
  const gboolean matrices = job->flags & VTR_EXPLAIN_MATRIX;

  if (!vtr_plan_upload (run->plan, run->stream, run->model, error) || !write_pixels (run, error) ||
      !vtr_forward (run->stream, run->model, job->session->weights, run->plan,
                    job->settings.temperature, &forward, error) ||
      !read_outputs (run, error))
    return FALSE;

  run->progress = vtr_progress_part (&whole, FORWARD_SHARE, matrices ? 0.9 : 1.0);
  if (!vtr_method_get_kind (job->method)->explain (run, error))
    return FALSE;

  run->progress = vtr_progress_part (&whole, 0.9, 1.0);
  return !matrices || vtr_matrix_read (matrix, run, error);
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
  run.plan = vtr_plan_new (session->device, session->model, vtr_input_get_n_rows (inputs[0]),
                           vtr_input_get_n_columns (inputs[0]), n_inputs, keep, error);
  if (run.plan == NULL)
    return FALSE;

  for (guint i = 0; i < n_inputs; i++)
    explanations[i] = vtr_explanation_new (inputs[i], session->model, job->method,
                                           session->device->info, settings->layers,
                                           settings->n_layers, settings->heads, settings->n_heads);

  const gboolean ok = plan_and_compute (job, &run, error);
  for (guint i = 0; i < n_inputs; i++)
    vtr_explanation_set_bytes (explanations[i], vtr_arena_get_bytes (run.plan->arena),
                               vtr_device_get_peak_bytes (session->device));
  if (!ok)
    clear_explanations (&run);
  vtr_plan_free (run.plan);
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
    .plan = vtr_plan_new (session->device, session->model, n_rows, n_columns, 1, keep, NULL),
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

  for (guint n = n_short * 9 / 10; n > 0; n = n * 9 / 10)
    if (would_fit (job, MAX (n_rows * n / n_short, 1), MAX (n_columns * n / n_short, 1)))
      {
        error->message = g_strdup_printf ("%s; --size %u would fit", message, n * patch);
        return;
      }
  error->message =
      g_strdup_printf ("%s; no size of this picture would fit, so use another device", message);
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
