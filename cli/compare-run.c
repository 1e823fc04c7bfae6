/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "compare.h"
#include "common.h"
#include "picture-run.h"

#include <math.h>

/* A picture by both sides. */
typedef struct
{
  VtrExplanation *sides[CLI_N_SIDES];
  VtrAgreement agreement;
} Found;

static void
found_free (gpointer data)
{
  Found *self = data;

  for (guint i = 0; i < CLI_N_SIDES; i++)
    g_clear_pointer (&self->sides[i], vtr_explanation_unref);
  g_free (self);
}

/* ---- threads ---- */

/* The stretch of a picture's progress that a side takes. */
typedef struct
{
  VtrProgressFunc func;
  gpointer data;
  guint side;
} Stretch;

static void
relay (double done, const char *what, gpointer data)
{
  const Stretch *self = data;

  self->func ((self->side + done) / CLI_N_SIDES, what, self->data);
}

static VtrExplanation *
explain (const CliSide *side,
         VtrImage *image,
         Stretch *stretch,
         GCancellable *cancellable,
         GError **error)
{
  g_autoptr (VtrInput) input =
      vtr_input_new (side->model, image, side->options->fit, side->options->size, error);
  if (input == NULL)
    return NULL;

  g_autoptr (GPtrArray) explanations =
      vtr_session_explain (side->session, side->options->method, &input, 1, VTR_EXPLAIN_DEFAULT,
                           relay, stretch, cancellable, error);
  return explanations == NULL ? NULL : vtr_explanation_ref (g_ptr_array_index (explanations, 0));
}

/* A CliTryFunc. */
static gpointer
try_picture (CliPicture *picture,
             VtrProgressFunc progress,
             gpointer progress_data,
             GCancellable *cancellable,
             gpointer data,
             GError **error)
{
  const CliComparison *self = data;
  g_autoptr (VtrImage) image = vtr_image_load (picture->path, &picture->error);
  g_autoptr (GError) problem = NULL;
  gboolean ok = TRUE;

  if (image == NULL)
    return NULL;
  Found *found = g_new0 (Found, 1);
  for (guint i = 0; ok && i < CLI_N_SIDES; i++)
    {
      Stretch stretch = { progress, progress_data, i };

      found->sides[i] = explain (&self->sides[i], image, &stretch, cancellable, &problem);
      ok = found->sides[i] != NULL;
      if (!ok && cli_stops_all (self->sides[i].options, problem))
        g_propagate_error (error, g_steal_pointer (&problem));
    }
  ok = ok &&
       vtr_explanations_compare (found->sides[0], found->sides[1], &found->agreement, &problem);
  if (ok)
    return found;
  picture->error = g_steal_pointer (&problem);
  found_free (found);
  return NULL;
}

/* ---- the worst ---- */

/* Whether the picture @a agrees less than @b; of equal ones the first does. */
static gboolean
is_worse (const CliComparison *self, guint a, guint b)
{
  const double value_a = self->agreements[a].values[self->by];
  const double value_b = self->agreements[b].values[self->by];

  if (value_a == value_b)
    return a < b;
  return vtr_agreement_measure_is_distance (self->by) ? value_a > value_b : value_a < value_b;
}

gboolean
cli_comparison_note (CliComparison *self, guint index)
{
  GArray *worst = self->worst;
  guint place = worst->len;

  if (isnan (self->agreements[index].values[self->by]))
    return FALSE;
  while (place > 0 && is_worse (self, index, g_array_index (worst, guint, place - 1)))
    place--;
  if (place >= self->n_worst)
    return FALSE;
  g_array_insert_val (worst, place, index);
  if (worst->len > self->n_worst)
    {
      g_hash_table_remove (self->rows,
                           GUINT_TO_POINTER (g_array_index (worst, guint, self->n_worst)));
      g_array_set_size (worst, self->n_worst);
    }
  return TRUE;
}

static VtrAgreementRow *
draw_row (const CliComparison *self, const CliPicture *picture, const Found *found)
{
  const VtrAgreementLooks looks = { self->options->colormap, self->options->opacity };
  g_autofree char *base = g_path_get_basename (picture->path);
  g_autofree char *name = cli_name_to_text (base);
  g_autoptr (GError) problem = NULL;
  VtrAgreementRow *row = vtr_agreement_row_new (found->sides[0], found->sides[1], &found->agreement,
                                                name, &looks, &problem);

  if (row == NULL)
    g_info ("%s", problem->message);
  return row;
}

static void
keep_row (CliComparison *self, const CliPicture *picture, const Found *found)
{
  VtrAgreementRow *row = self->output == NULL ? NULL : draw_row (self, picture, found);

  if (row != NULL)
    g_hash_table_insert (self->rows, GUINT_TO_POINTER (picture->index), row);
}

/* A CliCountFunc. */
static void
count (CliPicture *picture, gpointer data, gpointer user_data)
{
  CliComparison *self = user_data;
  Found *found = data;

  self->agreements[picture->index] = found->agreement;
  if (cli_comparison_note (self, picture->index))
    keep_row (self, picture, found);
  found_free (found);
}

/* Of pictures that an earlier run has compared there is no row yet. */
static gboolean
draw_missing_rows (CliComparison *self, GError **error)
{
  for (guint i = 0; self->output != NULL && i < self->worst->len; i++)
    {
      const guint index = g_array_index (self->worst, guint, i);
      CliPicture *picture = g_ptr_array_index (self->pictures, index);

      if (g_hash_table_contains (self->rows, GUINT_TO_POINTER (index)))
        continue;
      Found *found =
          try_picture (picture, cli_progress_show, self->progress, self->cancellable, self, error);
      if (found == NULL && picture->error == NULL)
        return FALSE;
      if (found != NULL)
        {
          keep_row (self, picture, found);
          found_free (found);
        }
    }
  return TRUE;
}

gboolean
cli_comparison_run (CliComparison *self, GError **error)
{
  const guint n_runs = MIN (vtr_session_get_n_runs (self->sides[0].session),
                            vtr_session_get_n_runs (self->sides[1].session));
  const CliPictureRun run = {
    .pictures = self->pictures,
    .n_threads = MIN (self->options->jobs, n_runs + 1),
    .try_picture = try_picture,
    .count = count,
    .found_free = found_free,
    .data = self,
    .progress = self->progress,
    .cancellable = self->cancellable,
  };
  const gboolean ok = cli_picture_run (&run, error) && draw_missing_rows (self, error);

  cli_progress_clear (self->progress);
  return ok;
}
