/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* The caller's thread: hands out pictures, gathers batches, tells of what is finished. */
#include "pipeline-private.h"

/* Decoded pictures under way take at most about this much memory, in bytes. */
#define MAX_DECODED_BYTES (G_GUINT64_CONSTANT (1) << 30)

/* What is under way at most: batches that are computed and one that is gathered, and while they
 * are, the pictures of one more that are written and those the threads decode. */
static guint
max_under_way (const Pipeline *self)
{
  return (self->n_runs + 2) * self->batch + self->job->options->jobs;
}

/* Hands pictures to the threads as long as there is room.  With the lock held. */
static void
begin_more (Pipeline *self)
{
  while (self->n_begun < self->n_items)
    {
      const guint64 expected =
          self->decoded_bytes + (self->n_preparing + 1) * self->largest_decoded;
      Item *item = &self->items[self->n_begun];

      if (self->n_under_way > 0 &&
          (self->n_under_way >= max_under_way (self) || expected > MAX_DECODED_BYTES))
        return;
      self->n_begun++;
      if (item->state == STATE_FINISHED)
        continue;
      item->state = STATE_PREPARING;
      self->n_under_way++;
      self->n_preparing++;
      g_thread_pool_push (self->workers, item, NULL);
    }
}

/* Tells of what is finished, in order. */
static void
tell (Pipeline *self)
{
  for (; self->n_told < self->n_items; self->n_told++)
    {
      const Item *item = &self->items[self->n_told];

      g_mutex_lock (&self->lock);
      const gboolean finished = item->state == STATE_FINISHED;
      g_mutex_unlock (&self->lock);
      if (!finished)
        return;
      if (item->picture->status != CLI_PICTURE_OPEN)
        {
          cli_progress_clear (self->job->progress);
          self->job->finished (item->picture, self->job->data);
        }
    }
}

static void
show_progress (Pipeline *self)
{
  g_mutex_lock (&self->lock);
  const double share = (self->n_computed + self->n_computing) / self->n_items;
  g_autofree char *text = g_strdup_printf ("%u of %u  %s", self->n_computed, self->n_items,
                                           self->doing != NULL ? self->doing : "");
  g_mutex_unlock (&self->lock);

  cli_progress_show (share, text, self->job->progress);
}

/* With the lock held, which is given up meanwhile. */
static void
wait_for_change (Pipeline *self)
{
  g_cond_wait (&self->changed, &self->lock);
  g_mutex_unlock (&self->lock);
  tell (self);
  show_progress (self);
  g_mutex_lock (&self->lock);
}

/* Waits until the picture is prepared or finished; FALSE if it cannot be begun before others, or
 * not at all. */
static gboolean
wait_for (Pipeline *self, const Item *item, gboolean others_wait)
{
  gboolean begun = TRUE;

  g_mutex_lock (&self->lock);
  begin_more (self);
  while (begun && (item->state == STATE_WAITING || item->state == STATE_PREPARING))
    {
      const gboolean idle = self->n_batches == self->n_batches_ended;

      /* Those that are prepared must go on to make room for this one. */
      if (self->problem != NULL || (item->state == STATE_WAITING && others_wait && idle))
        begun = FALSE;
      else
        wait_for_change (self);
      begin_more (self);
    }
  g_mutex_unlock (&self->lock);
  return begun;
}

/* Notes what the caller's thread is at, and whether a picture needs no computing. */
static void
note_gathered (Pipeline *self, const Item *item, gboolean computed)
{
  g_mutex_lock (&self->lock);
  self->n_computed += computed;
  g_free (self->doing);
  self->doing = g_strdup (item->picture->path);
  g_mutex_unlock (&self->lock);
  tell (self);
  show_progress (self);
}

static void
set_batch (Pipeline *self, guint batch)
{
  g_mutex_lock (&self->lock);
  self->batch = batch;
  g_mutex_unlock (&self->lock);
}

/* The pictures that are computed next: a batch of them from @next on, which is moved on. */
static Batch *
gather (Pipeline *self, guint *next)
{
  Batch *batch = g_new0 (Batch, 1);

  while ((batch->n == 0 || batch->n < self->batch) && *next < self->n_items)
    {
      Item *item = &self->items[*next];

      if (!wait_for (self, item, batch->n > 0))
        break;
      (*next)++;
      if (item->state == STATE_PREPARED && batch->n == 0)
        set_batch (self, cli_pipeline_choose_batch (self, item->input));
      if (item->state == STATE_PREPARED)
        batch->items[batch->n++] = item;
      note_gathered (self, item, item->state != STATE_PREPARED);
    }
  return batch;
}

/* Waits until fewer than @n batches are under way; FALSE if everything is to stop. */
static gboolean
wait_for_batches (Pipeline *self, guint n)
{
  g_mutex_lock (&self->lock);
  while (self->n_batches - self->n_batches_ended >= n)
    wait_for_change (self);
  const gboolean goes_on = self->problem == NULL;
  g_mutex_unlock (&self->lock);
  return goes_on;
}

static gboolean
compute_all (Pipeline *self, GError **error)
{
  GCancellable *cancellable = self->job->cancellable;
  guint next = 0;
  gboolean goes_on = TRUE;

  while (goes_on && next < self->n_items)
    {
      g_autofree Batch *batch = gather (self, &next);

      goes_on = !g_cancellable_is_cancelled (cancellable) && wait_for_batches (self, self->n_runs);
      if (goes_on && batch->n > 0)
        cli_pipeline_compute (self, g_steal_pointer (&batch));
      tell (self);
    }
  if (wait_for_batches (self, 1))
    return goes_on || !g_cancellable_set_error_if_cancelled (cancellable, error);
  g_propagate_error (error, g_steal_pointer (&self->problem));
  return FALSE;
}

static void
pipeline_init (Pipeline *self, const CliPipelineJob *job)
{
  self->job = job;
  self->n_items = job->pictures->len;
  self->items = g_new0 (Item, self->n_items);
  for (guint i = 0; i < self->n_items; i++)
    {
      Item *item = &self->items[i];
      item->picture = g_ptr_array_index (job->pictures, i);
      item->index = i;
      if (item->picture->status != CLI_PICTURE_OPEN)
        item->state = STATE_FINISHED;
    }
  self->batch = MAX (job->options->batch, 1);
  g_mutex_init (&self->lock);
  g_mutex_init (&self->opening);
  g_cond_init (&self->changed);
  g_cond_init (&self->turn);
  self->workers =
      g_thread_pool_new (cli_pipeline_work, self, (int) job->options->jobs, FALSE, NULL);
  g_thread_pool_set_sort_function (self->workers, cli_pipeline_compare_urgency, NULL);
}

static void
pipeline_clear (Pipeline *self)
{
  for (guint i = 0; i < self->n_items; i++)
    {
      g_clear_pointer (&self->items[i].input, vtr_input_unref);
      g_clear_pointer (&self->items[i].explanation, vtr_explanation_unref);
    }
  g_free (self->items);
  g_mutex_clear (&self->lock);
  g_mutex_clear (&self->opening);
  g_cond_clear (&self->changed);
  g_cond_clear (&self->turn);
}

gboolean
cli_pipeline_run (const CliPipelineJob *job, GError **error)
{
  Pipeline self = { 0 };

  pipeline_init (&self, job);
  const gboolean ok = cli_pipeline_open (&self, error) && compute_all (&self, error);
  g_atomic_int_set (&self.stopping, !ok);
  g_thread_pool_free (self.workers, FALSE, TRUE);
  cli_progress_clear (job->progress);
  tell (&self);
  cli_pipeline_close (&self);
  pipeline_clear (&self);
  return ok;
}
