/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "diagnosis-run.h"

#include "common.h"
#include "picture-run.h"

typedef struct
{
  VtrDiagnosis *diagnosis;
  const CliExplainOptions *options;
  GCancellable *cancellable;
  GError *error; /* what stopped all */
} Job;

/* A CliTryFunc. */
static gpointer
read_picture (CliPicture *picture,
              G_GNUC_UNUSED VtrProgressFunc progress,
              G_GNUC_UNUSED gpointer progress_data,
              G_GNUC_UNUSED GCancellable *cancellable,
              G_GNUC_UNUSED gpointer data,
              G_GNUC_UNUSED GError **error)
{
  return vtr_image_load (picture->path, &picture->error);
}

/* A CliCountFunc. */
static void
add_picture (CliPicture *picture, gpointer found, gpointer data)
{
  Job *job = data;
  g_autoptr (VtrImage) image = found;
  g_autoptr (GError) problem = NULL;

  if (job->error != NULL ||
      vtr_diagnosis_add (job->diagnosis, image, NULL, NULL, job->cancellable, &problem))
    return;
  picture->status = CLI_PICTURE_OPEN;
  if (g_error_matches (problem, VTR_ERROR, VTR_ERROR_USAGE))
    {
      /* One that cannot be brought to the model's scale. */
      picture->status = CLI_PICTURE_FAILED;
      picture->error = g_steal_pointer (&problem);
    }
  else
    job->error = g_steal_pointer (&problem);
}

gboolean
cli_diagnosis_run (VtrDiagnosis *diagnosis,
                   const CliExplainOptions *options,
                   GPtrArray *pictures,
                   CliProgress *progress,
                   GCancellable *cancellable,
                   GError **error)
{
  Job job = { .diagnosis = diagnosis, .options = options, .cancellable = cancellable };
  const CliPictureRun run = {
    .pictures = pictures,
    .n_threads = MIN (options->jobs, 2),
    .try_picture = read_picture,
    .count = add_picture,
    .found_free = (GDestroyNotify) vtr_image_unref,
    .data = &job,
    .progress = progress,
    .cancellable = cancellable,
  };
  GError *problem = NULL;

  if (!cli_picture_run (&run, &problem) && job.error == NULL)
    job.error = g_steal_pointer (&problem);
  g_clear_error (&problem);
  if (job.error == NULL)
    return TRUE;
  g_propagate_error (error, job.error);
  return FALSE;
}
