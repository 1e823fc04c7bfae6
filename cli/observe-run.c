/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "observe-run.h"
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
  const CliObserving *self = data;
  g_autoptr (GError) problem = NULL;
  g_autoptr (VtrInput) input = cli_read_input (vtr_session_get_model (self->session), self->options,
                                               picture->path, &picture->error);

  if (input == NULL)
    return NULL;
  VtrObservation *observation =
      vtr_session_observe (self->session, input, vtr_analysis_get_temperature (self->analysis),
                           progress, progress_data, cancellable, &problem);
  if (observation == NULL)
    cli_picture_fail (picture, self->options, g_steal_pointer (&problem), error);
  return observation;
}

/* A CliCountFunc. */
static void
count (CliPicture *picture, gpointer found, gpointer data)
{
  const CliObserving *self = data;
  g_autoptr (VtrObservation) observation = found;

  vtr_analysis_add (self->analysis, observation);
  if (self->counted != NULL)
    self->counted (picture, self->data);
}

gboolean
cli_observe_pictures (const CliObserving *self, GError **error)
{
  const CliPictureRun run = {
    .pictures = self->pictures,
    .n_threads = cli_count_threads (self->options, self->session),
    .try_picture = try_picture,
    .count = count,
    .found_free = (GDestroyNotify) vtr_observation_unref,
    .data = (gpointer) self,
    .progress = self->progress,
    .cancellable = self->cancellable,
  };

  return cli_picture_run (&run, error);
}
