/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "pipeline.h"
#include "common.h"
#include "recipe.h"
#include "resume.h"

/* Decoded pictures under way take at most about this much memory, in bytes. */
#define MAX_DECODED_BYTES (G_GUINT64_CONSTANT (1) << 30)

#define GPU_BATCH 8

typedef enum
{
  STATE_WAITING,   /* not begun */
  STATE_PREPARING, /* a thread decodes it */
  STATE_PREPARED,  /* input is ready */
  STATE_WRITING,   /* explanation is ready, a thread writes it */
  STATE_FINISHED,  /* the CliPicture says how */
} State;

/* A picture while it is under way. */
typedef struct
{
  CliPicture *picture;
  guint index;
  State state;
  VtrInput *input;
  VtrExplanation *explanation;
  guint64 decoded_bytes;
} Item;

typedef struct
{
  const CliPipelineJob *job;
  Item *items; /* [n_items] */
  guint n_items;
  guint batch;
  guint max_under_way;
  VtrDevice *device;
  VtrSession *session;
  GThreadPool *pool;
  gint stopping; /* atomic: nothing new is to begin */

  GMutex lock; /* of what follows, and of the states and results of the items */
  GCond changed;
  guint n_begun;
  guint n_under_way;
  guint n_preparing;
  guint64 decoded_bytes;
  guint64 largest_decoded; /* of one picture, so far */

  guint n_computed; /* the rest is of the caller's thread alone */
  guint n_told;
  guint n_computing; /* in the batch of the moment */
} Pipeline;

/* ---- in the threads ---- */

static void
finish (Pipeline *self, Item *item, CliPictureStatus status, GError *error)
{
  g_mutex_lock (&self->lock);
  if (item->state == STATE_PREPARING)
    self->n_preparing--;
  item->picture->status = status;
  item->picture->error = error;
  item->state = STATE_FINISHED;
  self->decoded_bytes -= item->decoded_bytes;
  self->n_under_way--;
  g_cond_signal (&self->changed);
  g_mutex_unlock (&self->lock);
  g_clear_pointer (&item->input, vtr_input_unref);
  g_clear_pointer (&item->explanation, vtr_explanation_unref);
}

static VtrInput *
read_input (Pipeline *self, const char *path, GError **error)
{
  const CliExplainOptions *options = self->job->options;
  g_autoptr (VtrImage) image = vtr_image_load (path, error);

  if (image == NULL)
    return NULL;
  return vtr_input_new (self->job->model, image, options->fit, options->size, error);
}

static guint64
bytes_of (const VtrInput *input)
{
  VtrImage *image = vtr_input_get_image (input);
  guint width, height;

  vtr_input_get_pixels (input, &width, &height);
  return (guint64) vtr_image_get_width (image) * vtr_image_get_height (image) * 4 +
         (guint64) width * height * 3 * sizeof (float);
}

static void
prepare (Pipeline *self, Item *item)
{
  const CliPipelineJob *job = self->job;
  CliPicture *picture = item->picture;
  GError *error = NULL;

  if (g_atomic_int_get (&self->stopping))
    finish (self, item, CLI_PICTURE_OPEN, NULL);
  else if (job->options->resume && cli_is_finished (picture, job->options, job->model))
    {
      picture->files = cli_files_of (picture->stem, job->options->write);
      finish (self, item, CLI_PICTURE_SKIPPED, NULL);
    }
  else if ((item->input = read_input (self, picture->path, &error)) == NULL)
    finish (self, item, CLI_PICTURE_FAILED, error);
  else
    {
      g_mutex_lock (&self->lock);
      item->decoded_bytes = bytes_of (item->input);
      self->decoded_bytes += item->decoded_bytes;
      self->largest_decoded = MAX (self->largest_decoded, item->decoded_bytes);
      self->n_preparing--;
      item->state = STATE_PREPARED;
      g_cond_signal (&self->changed);
      g_mutex_unlock (&self->lock);
    }
}

static char **
write_files (Pipeline *self, Item *item, GError **error)
{
  const CliExplainOptions *options = self->job->options;
  g_autofree char *folder = g_path_get_dirname (item->picture->stem);
  g_auto (GStrv) command = cli_recipe_new (options, self->job->model, item->picture->path);
  g_autofree char *command_text = cli_recipe_to_text (command);
  const VtrExportOptions export_options = {
    .colormap = options->colormap,
    .opacity = options->opacity,
    .command = command_text,
  };

  if (!cli_make_folder (folder, error))
    return NULL;
  return vtr_export (item->explanation, item->picture->stem, options->write, &export_options,
                     error);
}

static void
write_out (Pipeline *self, Item *item)
{
  GError *error = NULL;

  if (g_cancellable_is_cancelled (self->job->cancellable))
    finish (self, item, CLI_PICTURE_OPEN, NULL);
  else if ((item->picture->files = write_files (self, item, &error)) == NULL)
    finish (self, item, CLI_PICTURE_FAILED, error);
  else
    finish (self, item, CLI_PICTURE_DONE, NULL);
}

static void
work (gpointer data, gpointer user_data)
{
  Item *item = data;

  if (item->explanation == NULL)
    prepare (user_data, item);
  else
    write_out (user_data, item);
}

/* Writing first, for it frees memory; then in order. */
static int
compare_urgency (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const Item *first = a;
  const Item *second = b;
  const gboolean first_writes = first->explanation != NULL;
  const gboolean second_writes = second->explanation != NULL;

  (void) user_data;
  if (first_writes != second_writes)
    return first_writes ? -1 : 1;
  return first->index < second->index ? -1 : 1;
}

/* ---- in the caller's thread ---- */

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
          (self->n_under_way >= self->max_under_way || expected > MAX_DECODED_BYTES))
        return;
      self->n_begun++;
      if (item->state == STATE_FINISHED)
        continue;
      item->state = STATE_PREPARING;
      self->n_under_way++;
      self->n_preparing++;
      g_thread_pool_push (self->pool, item, NULL);
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
          self->job->finished (item->picture, self->job->finished_data);
        }
    }
}

/* Waits until the picture is prepared or finished; FALSE if it cannot be begun before others. */
static gboolean
wait_for (Pipeline *self, const Item *item, gboolean others_wait)
{
  gboolean begun = TRUE;

  g_mutex_lock (&self->lock);
  begin_more (self);
  while (begun && (item->state == STATE_WAITING || item->state == STATE_PREPARING))
    {
      /* Those that are prepared must go on to make room for this one. */
      if (item->state == STATE_WAITING && others_wait)
        begun = FALSE;
      else
        g_cond_wait (&self->changed, &self->lock);
      begin_more (self);
    }
  g_mutex_unlock (&self->lock);
  return begun;
}

static void
show_progress (double done, const char *what, gpointer data)
{
  Pipeline *self = data;
  const double pictures = self->n_computed + CLAMP (done, 0.0, 1.0) * self->n_computing;
  g_autofree char *text = g_strdup_printf ("%u of %u  %s", self->n_computed, self->n_items, what);

  cli_progress_show (pictures / self->n_items, text, self->job->progress);
}

static void
hand_to_writers (Pipeline *self, Item *item, VtrExplanation *explanation)
{
  CliPicture *picture = item->picture;

  picture->planned_bytes = vtr_explanation_get_planned_bytes (explanation);
  picture->peak_bytes = vtr_explanation_get_peak_bytes (explanation);
  picture->n_rows = vtr_input_get_n_rows (item->input);
  picture->n_columns = vtr_input_get_n_columns (item->input);
  g_mutex_lock (&self->lock);
  item->explanation = vtr_explanation_ref (explanation);
  item->state = STATE_WRITING;
  g_mutex_unlock (&self->lock);
  g_thread_pool_push (self->pool, item, NULL);
}

static gboolean
open_session (Pipeline *self, GError **error)
{
  const CliPipelineJob *job = self->job;

  self->session = vtr_session_new (self->device, job->model, job->options->precision,
                                   cli_progress_show, job->progress, job->cancellable, error);
  return self->session != NULL;
}

/* A device that was lost stays so; the same one opened again may work. */
static gboolean
reopen_device (Pipeline *self, GError **error)
{
  g_autofree char *id = g_strdup (vtr_device_get_info (self->device)->id);

  g_clear_object (&self->session);
  g_clear_object (&self->device);
  self->device = vtr_device_open (id, error);
  return self->device != NULL && open_session (self, error);
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
compute (Pipeline *self, Item **items, guint n, GError **error)
{
  const CliPipelineJob *job = self->job;
  VtrInput *inputs[VTR_MAX_BATCH] = { NULL };
  g_autoptr (GError) problem = NULL;

  for (guint i = 0; i < n; i++)
    inputs[i] = items[i]->input;
  self->n_computing = n;
  g_autoptr (GPtrArray) explanations =
      vtr_session_explain (self->session, job->options->method, inputs, n, job->options->keep,
                           show_progress, self, job->cancellable, &problem);
  if (explanations != NULL)
    {
      self->n_computed += n;
      for (guint i = 0; i < n; i++)
        hand_to_writers (self, items[i], g_ptr_array_index (explanations, i));
      return TRUE;
    }
  if (stops_all (self, problem))
    {
      g_propagate_error (error, g_steal_pointer (&problem));
      return FALSE;
    }
  if (g_error_matches (problem, VTR_ERROR, VTR_ERROR_DEVICE_LOST) && !reopen_device (self, error))
    return FALSE;
  if (n == 1)
    {
      self->n_computed++;
      finish (self, items[0], CLI_PICTURE_FAILED, g_steal_pointer (&problem));
      return TRUE;
    }
  for (guint i = 0; i < n; i++)
    if (!compute (self, &items[i], 1, error))
      return FALSE;
  return TRUE;
}

/* The pictures that are computed next: up to a batch of them from @next on, which is moved on. */
static guint
gather (Pipeline *self, guint *next, Item **items)
{
  guint n = 0;

  while (n < self->batch && *next < self->n_items)
    {
      Item *item = &self->items[*next];

      if (!wait_for (self, item, n > 0))
        break;
      (*next)++;
      if (item->state == STATE_PREPARED)
        items[n++] = item;
      else
        self->n_computed++;
      tell (self);
      show_progress (0.0, item->picture->path, self);
    }
  return n;
}

static gboolean
compute_all (Pipeline *self, GError **error)
{
  guint next = 0;

  while (next < self->n_items)
    {
      Item *items[VTR_MAX_BATCH];
      const guint n = gather (self, &next, items);

      if (g_cancellable_set_error_if_cancelled (self->job->cancellable, error))
        return FALSE;
      if (n > 0 && !compute (self, items, n, error))
        return FALSE;
      tell (self);
    }
  return TRUE;
}

static void
pipeline_init (Pipeline *self, const CliPipelineJob *job)
{
  const CliExplainOptions *options = job->options;
  const VtrDeviceKind kind = vtr_device_get_info (job->device)->kind;
  const gboolean is_processor = kind == VTR_DEVICE_SOFTWARE || kind == VTR_DEVICE_CPU;

  self->job = job;
  self->device = g_object_ref (job->device);
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
  /* A processor gains nothing from more at once, nor does anybody from many large matrices. */
  self->batch = options->batch;
  if (self->batch == 0)
    self->batch = is_processor || (options->keep & VTR_EXPLAIN_MATRIX) ? 1 : GPU_BATCH;
  /* One batch computed, the next prepared, the last ones written. */
  self->max_under_way = 2 * self->batch + options->jobs;
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  self->pool = g_thread_pool_new (work, self, (int) options->jobs, FALSE, NULL);
  g_thread_pool_set_sort_function (self->pool, compare_urgency, NULL);
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
  g_clear_object (&self->session);
  g_clear_object (&self->device);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
}

gboolean
cli_pipeline_run (const CliPipelineJob *job, GError **error)
{
  Pipeline self = { 0 };

  pipeline_init (&self, job);
  const gboolean ok = open_session (&self, error) && compute_all (&self, error);
  g_atomic_int_set (&self.stopping, !ok);
  g_thread_pool_free (self.pool, FALSE, TRUE);
  cli_progress_clear (job->progress);
  tell (&self);
  pipeline_clear (&self);
  return ok;
}
