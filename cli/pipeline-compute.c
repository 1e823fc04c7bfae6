/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * The threads that compute.  Several batches are under way at once where that keeps the device
 * busy, but what becomes of them is told in order: each waits for its turn, so that the pictures
 * that are done when everything stops are the first ones.
 */
#include "pipeline-private.h"
#include "common.h"

/* ---- progress ---- */

static void
note_doing (G_GNUC_UNUSED double done, const char *what, gpointer data)
{
  Pipeline *self = data;

  g_mutex_lock (&self->lock);
  g_free (self->doing);
  self->doing = g_strdup (what);
  g_cond_signal (&self->changed);
  g_mutex_unlock (&self->lock);
}

/* With the lock held. */
static void
set_n_done (Batch *batch, double n_done)
{
  batch->pipeline->n_computing += n_done - batch->n_done;
  batch->n_done = n_done;
}

/* One call for @n pictures of a batch. */
typedef struct
{
  Batch *batch;
  guint n;
} Call;

static void
note_progress (double done, const char *what, gpointer data)
{
  const Call *call = data;
  Pipeline *self = call->batch->pipeline;

  g_mutex_lock (&self->lock);
  set_n_done (call->batch, CLAMP (done, 0.0, 1.0) * call->n);
  g_mutex_unlock (&self->lock);
  note_doing (done, what, self);
}

/* ---- the session ---- */

/* With ->opening held. */
static gboolean
open_session (Pipeline *self, VtrProgressFunc progress, gpointer progress_data, GError **error)
{
  const CliPipelineJob *job = self->job;

  if (self->device == NULL)
    self->device = vtr_device_open (self->device_id, error);
  if (self->device == NULL)
    return FALSE;
  self->session = vtr_session_new (self->device, job->model, job->options->precision, progress,
                                   progress_data, job->cancellable, error);
  return self->session != NULL;
}

/* The session, opened anew if it was lost; @n_lost: how often it was before. */
static VtrSession *
get_session (Pipeline *self, guint *n_lost, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->opening);

  *n_lost = self->n_lost;
  if (self->session == NULL && !open_session (self, note_doing, self, error))
    return NULL;
  return g_object_ref (self->session);
}

/* A device that was lost stays so; the same one opened again may work.  All threads meet the loss,
 * the first of them closes it. */
static gboolean
reopen_device (Pipeline *self, guint n_lost, GError **error)
{
  g_mutex_lock (&self->opening);
  if (self->n_lost == n_lost)
    {
      g_clear_object (&self->session);
      g_clear_object (&self->device);
      self->n_lost++;
    }
  g_mutex_unlock (&self->opening);

  g_autoptr (VtrSession) session = get_session (self, &n_lost, error);
  return session != NULL;
}

guint
cli_pipeline_choose_batch (Pipeline *self, VtrInput *input)
{
  const CliExplainOptions *options = self->job->options;
  guint batch = 1;

  if (options->batch > 0)
    return options->batch;
  /* Nobody gains from many large matrices at once. */
  if (options->keep & VTR_EXPLAIN_MATRIX)
    return 1;
  g_mutex_lock (&self->opening);
  if (self->session != NULL)
    batch = vtr_session_suggest_batch (self->session, options->method, vtr_input_get_n_rows (input),
                                       vtr_input_get_n_columns (input), options->keep);
  g_mutex_unlock (&self->opening);
  return batch;
}

/* ---- computing ---- */

/* Waits until all batches before this one have ended; FALSE if one of them stopped everything. */
static gboolean
wait_for_turn (const Batch *batch)
{
  Pipeline *self = batch->pipeline;

  g_mutex_lock (&self->lock);
  while (self->n_batches_ended < batch->number)
    g_cond_wait (&self->turn, &self->lock);
  const gboolean goes_on = self->problem == NULL;
  g_mutex_unlock (&self->lock);
  return goes_on;
}

/* Counts @n pictures of the batch as computed. */
static void
count_computed (Batch *batch, guint n)
{
  Pipeline *self = batch->pipeline;

  g_mutex_lock (&self->lock);
  set_n_done (batch, 0.0);
  self->n_computed += n;
  g_mutex_unlock (&self->lock);
}

static GPtrArray *
explain (Batch *batch, VtrSession *session, Item **items, guint n, GError **error)
{
  const CliPipelineJob *job = batch->pipeline->job;
  VtrInput *inputs[VTR_MAX_BATCH] = { NULL };
  Call call = { batch, n };

  for (guint i = 0; i < n; i++)
    inputs[i] = items[i]->input;
  return vtr_session_explain (session, job->options->method, inputs, n, job->options->keep,
                              note_progress, &call, job->cancellable, error);
}

/* Whether an error is of more than the one picture that met it. */
static gboolean
stops_all (const Pipeline *self, const GError *error)
{
  return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) ||
         (g_error_matches (error, VTR_ERROR, VTR_ERROR_USAGE) &&
          cli_explain_options_are_of_all (self->job->options));
}

/* Computes prepared pictures together; where that fails, each alone.  FALSE stops everything. */
static gboolean
compute (Batch *batch, Item **items, guint n, GError **error)
{
  Pipeline *self = batch->pipeline;
  guint n_lost;
  g_autoptr (GError) problem = NULL;
  g_autoptr (VtrSession) session = get_session (self, &n_lost, error);
  if (session == NULL)
    return FALSE;

  g_autoptr (GPtrArray) explanations = explain (batch, session, items, n, &problem);
  g_clear_object (&session);
  if (explanations != NULL)
    {
      count_computed (batch, n);
      const gboolean wanted = wait_for_turn (batch);
      for (guint i = 0; wanted && i < n; i++)
        cli_pipeline_write (self, items[i], g_ptr_array_index (explanations, i));
      return TRUE;
    }
  if (stops_all (self, problem))
    {
      g_propagate_error (error, g_steal_pointer (&problem));
      return FALSE;
    }
  if (g_error_matches (problem, VTR_ERROR, VTR_ERROR_DEVICE_LOST) &&
      !reopen_device (self, n_lost, error))
    return FALSE;
  if (n == 1)
    {
      count_computed (batch, n);
      if (wait_for_turn (batch))
        cli_pipeline_finish (self, items[0], CLI_PICTURE_FAILED, g_steal_pointer (&problem));
      return TRUE;
    }
  for (guint i = 0; i < n; i++)
    if (!compute (batch, &items[i], 1, error))
      return FALSE;
  return TRUE;
}

static gboolean
is_stopped (Pipeline *self)
{
  g_mutex_lock (&self->lock);
  const gboolean stopped = self->problem != NULL;
  g_mutex_unlock (&self->lock);
  return stopped;
}

/* What a thread does with a Batch. */
static void
compute_batch (gpointer data, gpointer user_data)
{
  g_autofree Batch *batch = data;
  Pipeline *self = user_data;
  g_autoptr (GError) error = NULL;

  if (!is_stopped (self))
    compute (batch, batch->items, batch->n, &error);

  const gboolean goes_on = wait_for_turn (batch);
  g_mutex_lock (&self->lock);
  set_n_done (batch, 0.0);
  if (goes_on)
    self->problem = g_steal_pointer (&error);
  self->n_batches_ended++;
  g_cond_broadcast (&self->turn);
  g_cond_signal (&self->changed);
  g_mutex_unlock (&self->lock);
}

void
cli_pipeline_compute (Pipeline *self, Batch *batch)
{
  batch->pipeline = self;
  g_mutex_lock (&self->lock);
  batch->number = self->n_batches++;
  g_mutex_unlock (&self->lock);
  g_thread_pool_push (self->computers, batch, NULL);
}

/* ---- the threads ---- */

/* What --target means to this model. */
static gboolean
set_target (Pipeline *self, GError **error)
{
  const CliPipelineJob *job = self->job;
  const CliExplainOptions *options = job->options;

  if (options->target == NULL)
    return TRUE;
  g_autoptr (VtrTarget) target =
      vtr_session_new_target (self->session, options->target, options->fit, options->size,
                              cli_progress_show, job->progress, job->cancellable, error);
  if (target != NULL)
    vtr_method_set_target (options->method, target);
  return target != NULL;
}

gboolean
cli_pipeline_open (Pipeline *self, GError **error)
{
  const CliPipelineJob *job = self->job;

  self->device = g_object_ref (job->device);
  self->device_id = g_strdup (vtr_device_get_info (job->device)->id);
  if (!open_session (self, cli_progress_show, job->progress, error))
    return FALSE;
  if (!set_target (self, error))
    return FALSE;
  self->n_runs = vtr_session_get_n_runs (self->session);
  self->computers = g_thread_pool_new (compute_batch, self, (int) self->n_runs, FALSE, NULL);
  return TRUE;
}

void
cli_pipeline_close (Pipeline *self)
{
  if (self->computers != NULL)
    g_thread_pool_free (self->computers, FALSE, TRUE);
  g_clear_object (&self->session);
  g_clear_object (&self->device);
  g_free (self->device_id);
  g_free (self->doing);
}
