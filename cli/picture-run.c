/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "picture-run.h"

typedef struct _Run Run;

/* A picture while it is under way. */
typedef struct
{
  Run *run;
  CliPicture *picture;
  gpointer found;    /* NULL where it failed */
  GError *error;     /* what stops all */
  gboolean finished; /* under lock, as is what follows */
  double done;       /* 0..1 */
} Item;

struct _Run
{
  const CliPictureRun *job;
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

static void
work (gpointer data, G_GNUC_UNUSED gpointer user_data)
{
  Item *item = data;
  const CliPictureRun *run = item->run->job;

  if (!g_cancellable_set_error_if_cancelled (item->run->stop, &item->error))
    item->found = run->try_picture (item->picture, note_progress, item, item->run->stop, run->data,
                                    &item->error);
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
item_free (gpointer data)
{
  Item *self = data;

  g_clear_error (&self->error);
  if (self->found != NULL)
    self->run->job->found_free (self->found);
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
  if (item->found != NULL)
    {
      item->picture->status = CLI_PICTURE_DONE;
      self->job->count (item->picture, g_steal_pointer (&item->found), self->job->data);
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

      if (picture->status != CLI_PICTURE_OPEN)
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
cli_picture_run (const CliPictureRun *run, GError **error)
{
  Run self = {
    .job = run,
    .items = G_QUEUE_INIT,
    .max_items = run->n_threads + 1,
    .stop = g_cancellable_new (),
  };
  const gulong handler =
      g_cancellable_connect (run->cancellable, G_CALLBACK (cancel), self.stop, NULL);

  g_mutex_init (&self.lock);
  g_cond_init (&self.changed);
  self.workers = g_thread_pool_new (work, NULL, (int) run->n_threads, FALSE, NULL);

  const gboolean ok = run_all (&self, error);
  g_cancellable_cancel (self.stop);
  g_thread_pool_free (self.workers, FALSE, TRUE);
  g_queue_clear_full (&self.items, item_free);
  cli_progress_clear (run->progress);
  g_cancellable_disconnect (run->cancellable, handler);
  g_mutex_clear (&self.lock);
  g_cond_clear (&self.changed);
  g_object_unref (self.stop);
  return ok;
}

VtrInput *
cli_read_input (VtrModel *model, const CliExplainOptions *options, const char *path, GError **error)
{
  g_autoptr (VtrImage) image = vtr_image_load (path, error);

  return image == NULL ? NULL : vtr_input_new (model, image, options->fit, options->size, error);
}

gboolean
cli_stops_all (const CliExplainOptions *options, const GError *error)
{
  return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) ||
         g_error_matches (error, VTR_ERROR, VTR_ERROR_DEVICE_LOST) ||
         g_error_matches (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED) ||
         (g_error_matches (error, VTR_ERROR, VTR_ERROR_USAGE) &&
          cli_explain_options_are_of_all (options));
}

guint
cli_count_threads (const CliExplainOptions *options, VtrSession *session)
{
  return MIN (options->jobs, vtr_session_get_n_runs (session) + 1);
}

void
cli_picture_fail (CliPicture *picture,
                  const CliExplainOptions *options,
                  GError *problem,
                  GError **error)
{
  if (cli_stops_all (options, problem))
    g_propagate_error (error, problem);
  else
    picture->error = problem;
}
