/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "evaluate-run.h"

#include "common.h"

typedef struct _Run Run;

/* A picture while it is under way. */
typedef struct
{
  Run *run;
  CliPicture *picture;
  VtrFindings *findings; /* NULL where it failed */
  GError *error;
  gboolean finished; /* under lock, as is what follows */
  double done;       /* 0..1 */
} Item;

struct _Run
{
  const CliEvaluationJob *job;
  GThreadPool *workers;
  GQueue items;       /* of Item, in order; the caller's thread's */
  guint max_items;    /* under way at once */
  guint n_told;       /* pictures that are counted or have failed */
  GCancellable *stop; /* cancelled when nothing more is wanted */

  GMutex lock;
  GCond changed; /* for the caller's thread */
};

/* ---- threads ---- */

static void
note_progress (double done, const char *what, gpointer data)
{
  Item *item = data;

  (void) what;
  g_mutex_lock (&item->run->lock);
  item->done = done;
  g_cond_signal (&item->run->changed);
  g_mutex_unlock (&item->run->lock);
}

static VtrInput *
read_input (const CliEvaluationJob *job, const char *path, GError **error)
{
  const CliExplainOptions *options = job->options;
  g_autoptr (VtrImage) image = vtr_image_load (path, error);

  if (image == NULL)
    return NULL;
  return vtr_input_new (vtr_session_get_model (job->session), image, options->fit, options->size,
                        error);
}

static gboolean
stops_all (const CliEvaluationJob *job, const GError *error)
{
  return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) ||
         g_error_matches (error, VTR_ERROR, VTR_ERROR_DEVICE_LOST) ||
         g_error_matches (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED) ||
         (g_error_matches (error, VTR_ERROR, VTR_ERROR_USAGE) &&
          cli_explain_options_are_of_all (job->options));
}

/* What stops all pictures goes into item->error, what is wrong with one into its picture. */
static void
try_picture (Item *item)
{
  const CliEvaluationJob *job = item->run->job;
  g_autoptr (VtrInput) input = read_input (job, item->picture->path, &item->picture->error);

  if (input == NULL)
    return;
  item->findings = vtr_evaluation_try (job->evaluation, job->session, input, item->picture->index,
                                       note_progress, item, item->run->stop, &item->error);
  if (item->findings == NULL && !stops_all (job, item->error))
    item->picture->error = g_steal_pointer (&item->error);
}

static void
work (gpointer data, G_GNUC_UNUSED gpointer user_data)
{
  Item *item = data;

  if (!g_cancellable_set_error_if_cancelled (item->run->stop, &item->error))
    try_picture (item);
  g_mutex_lock (&item->run->lock);
  item->finished = TRUE;
  g_cond_signal (&item->run->changed);
  g_mutex_unlock (&item->run->lock);
}

/* ---- the caller's thread ---- */

static void
show_progress (Run *self)
{
  const guint n = self->job->pictures->len;
  const Item *first = g_queue_peek_head (&self->items);
  double done = self->n_told;

  g_mutex_lock (&self->lock);
  for (const GList *link = self->items.head; link != NULL; link = link->next)
    done += ((const Item *) link->data)->done;
  g_mutex_unlock (&self->lock);

  g_autofree char *text = g_strdup_printf ("%u of %u  %s", self->n_told, n, first->picture->path);
  cli_progress_show (done / n, text, self->job->progress);
}

/* The bar is drawn while nobody else has the lock. */
static void
wait_for (Run *self, const Item *item)
{
  gboolean finished = FALSE;

  while (!finished)
    {
      show_progress (self);
      g_mutex_lock (&self->lock);
      if (!item->finished)
        g_cond_wait (&self->changed, &self->lock);
      finished = item->finished;
      g_mutex_unlock (&self->lock);
    }
}

static void
item_free (Item *self)
{
  g_clear_error (&self->error);
  g_clear_pointer (&self->findings, vtr_findings_free);
  g_free (self);
}

/* Counts the first picture under way; FALSE stops everything. */
static gboolean
count_first (Run *self, GError **error)
{
  Item *item = g_queue_peek_head (&self->items);

  wait_for (self, item);
  g_queue_pop_head (&self->items);
  self->n_told++;
  if (item->findings != NULL)
    {
      vtr_evaluation_add (self->job->evaluation, item->findings);
      item->picture->status = CLI_PICTURE_DONE;
    }
  else if (item->error == NULL)
    item->picture->status = CLI_PICTURE_FAILED;

  const gboolean goes_on = item->error == NULL;
  if (!goes_on)
    g_propagate_error (error, g_steal_pointer (&item->error));
  item_free (item);
  return goes_on;
}

static void
begin (Run *self, CliPicture *picture)
{
  Item *item = g_new0 (Item, 1);

  item->run = self;
  item->picture = picture;
  g_queue_push_tail (&self->items, item);
  g_thread_pool_push (self->workers, item, NULL);
}

static gboolean
run_all (Run *self, GError **error)
{
  GPtrArray *pictures = self->job->pictures;

  for (guint i = 0; i < pictures->len; i++)
    {
      CliPicture *picture = g_ptr_array_index (pictures, i);

      if (picture->status == CLI_PICTURE_FAILED)
        {
          self->n_told++;
          continue;
        }
      begin (self, picture);
      if (self->items.length >= self->max_items && !count_first (self, error))
        return FALSE;
    }
  while (self->items.length > 0)
    if (!count_first (self, error))
      return FALSE;
  return TRUE;
}

static void
cancel (G_GNUC_UNUSED GCancellable *cancellable, gpointer stop)
{
  g_cancellable_cancel (stop);
}

gboolean
cli_evaluation_run (const CliEvaluationJob *job, GError **error)
{
  /* One more than compute, so that a picture is read meanwhile. */
  const guint n_threads = MIN (job->options->jobs, vtr_session_get_n_runs (job->session) + 1);
  Run self = {
    .job = job,
    .items = G_QUEUE_INIT,
    .max_items = n_threads + 1,
    .stop = g_cancellable_new (),
  };
  const gulong handler =
      g_cancellable_connect (job->cancellable, G_CALLBACK (cancel), self.stop, NULL);

  g_mutex_init (&self.lock);
  g_cond_init (&self.changed);
  self.workers = g_thread_pool_new (work, NULL, (int) n_threads, FALSE, NULL);

  const gboolean ok = run_all (&self, error);
  g_cancellable_cancel (self.stop);
  g_thread_pool_free (self.workers, FALSE, TRUE);
  g_queue_clear_full (&self.items, (GDestroyNotify) item_free);
  cli_progress_clear (job->progress);
  g_cancellable_disconnect (job->cancellable, handler);
  g_mutex_clear (&self.lock);
  g_cond_clear (&self.changed);
  g_object_unref (self.stop);
  return ok;
}
