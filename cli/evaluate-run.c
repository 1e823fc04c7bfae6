/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "evaluate-run.h"
#include "picture-run.h"

/* A CliTryFunc. */
static gpointer
try_picture (CliPicture *picture,
             VtrProgressFunc progress,
             gpointer progress_data,
             GCancellable *cancellable,
             gpointer data,
             GError **error)
{
  const CliEvaluationJob *job = data;
  g_autoptr (GError) problem = NULL;
  g_autoptr (VtrInput) input = cli_read_input (vtr_session_get_model (job->session), job->options,
                                               picture->path, &picture->error);

  if (input == NULL)
    return NULL;
  VtrFindings *findings = vtr_evaluation_try (job->evaluation, job->session, input, picture->index,
                                              progress, progress_data, cancellable, &problem);
  if (findings == NULL)
    cli_picture_fail (picture, job->options, g_steal_pointer (&problem), error);
  return findings;
}

/* A CliCountFunc. */
static void
count (G_GNUC_UNUSED CliPicture *picture, gpointer found, gpointer data)
{
  const CliEvaluationJob *job = data;
  g_autoptr (VtrFindings) findings = found;

  vtr_evaluation_add (job->evaluation, findings);
}

gboolean
cli_evaluation_run (const CliEvaluationJob *job, GError **error)
{
  const CliPictureRun run = {
    .pictures = job->pictures,
    .n_threads = cli_count_threads (job->options, job->session),
    .try_picture = try_picture,
    .count = count,
    .found_free = (GDestroyNotify) vtr_findings_free,
    .data = (gpointer) job,
    .progress = job->progress,
    .cancellable = job->cancellable,
  };

  return cli_picture_run (&run, error);
}
