/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* The threads that decode pictures and write files. */
#include "pipeline-private.h"
#include "picture-run.h"
#include "resume.h"

void
cli_pipeline_finish (Pipeline *self, Item *item, CliPictureStatus status, GError *error)
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
    cli_pipeline_finish (self, item, CLI_PICTURE_OPEN, NULL);
  else if (job->options->resume && cli_is_finished (picture, job->options, job->model))
    cli_pipeline_finish (self, item, CLI_PICTURE_SKIPPED, NULL);
  else if ((item->input = cli_read_input (job->model, job->options, picture->path, &error)) == NULL)
    cli_pipeline_finish (self, item, CLI_PICTURE_FAILED, error);
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

static void
write_out (Pipeline *self, Item *item)
{
  GError *error = NULL;

  if (g_cancellable_is_cancelled (self->job->cancellable))
    cli_pipeline_finish (self, item, CLI_PICTURE_OPEN, NULL);
  else if ((item->picture->files = self->job->write (item->picture, item->explanation,
                                                     self->job->data, &error)) == NULL)
    cli_pipeline_finish (self, item, CLI_PICTURE_FAILED, error);
  else
    cli_pipeline_finish (self, item, CLI_PICTURE_DONE, NULL);
}

void
cli_pipeline_work (gpointer data, gpointer user_data)
{
  Item *item = data;

  if (item->explanation == NULL)
    prepare (user_data, item);
  else
    write_out (user_data, item);
}

/* Writing first, for it frees memory; then in order. */
int
cli_pipeline_compare_urgency (gconstpointer a, gconstpointer b, gpointer user_data)
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

/* The explanation is gone once its files are written. */
static void
note_score (CliPicture *picture, const VtrExplanation *explanation)
{
  const VtrScore *score = vtr_explanation_get_score (explanation);

  if (score == NULL)
    return;
  picture->score = (CliScore){
    .text = vtr_score_describe (score),
    .quantity = vtr_quantity_get_name (score->quantity),
    .score = score->score,
    .random_mean = score->random_mean,
    .random_low = score->random_low,
    .random_high = score->random_high,
    .better = score->better,
  };
}

static void
note_proof (CliPicture *picture, const VtrExplanation *explanation)
{
  const VtrProof *proof = vtr_explanation_get_proof (explanation);

  if (proof == NULL)
    return;
  picture->proof = (CliProof){
    .text = vtr_proof_describe (proof, vtr_explanation_get_model (explanation)),
    .outcome = vtr_proof_outcome_get_name (proof->outcome),
    .y_before = proof->y_before,
    .y_after = proof->y_after,
    .n_all = proof->n_all,
    .n_greedy = proof->n_greedy,
    .n_patches = proof->n_patches,
    .n_passes = proof->n_passes,
  };
}

void
cli_pipeline_write (Pipeline *self, Item *item, VtrExplanation *explanation)
{
  CliPicture *picture = item->picture;

  picture->planned_bytes = vtr_explanation_get_planned_bytes (explanation);
  picture->peak_bytes = vtr_explanation_get_peak_bytes (explanation);
  picture->n_rows = vtr_input_get_n_rows (item->input);
  picture->n_columns = vtr_input_get_n_columns (item->input);
  note_score (picture, explanation);
  note_proof (picture, explanation);
  g_mutex_lock (&self->lock);
  item->explanation = vtr_explanation_ref (explanation);
  item->state = STATE_WRITING;
  g_mutex_unlock (&self->lock);
  g_thread_pool_push (self->workers, item, NULL);
}
