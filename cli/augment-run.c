/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "augment.h"
#include "common.h"
#include "picture-run.h"
#include "pipeline.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Of the least and the greatest share that varies. */
#define LEAST_SHARE 0.01

void
cli_made_free (gpointer data)
{
  CliMade *self = data;

  g_free (self->line);
  g_free (self);
}

/* ---- choices ---- */

static const CliPicture *
get_picture (const CliAugmentation *self, guint index)
{
  return g_ptr_array_index (self->pictures, index);
}

const char *
cli_augmentation_get_name (const CliAugmentation *self, guint index)
{
  const char *name = get_picture (self, index)->path + strlen (self->how->folder);

  return name + strspn (name, G_DIR_SEPARATOR_S);
}

char *
cli_augmentation_get_file (const CliAugmentation *self,
                           guint index,
                           VtrAugmentKind kind,
                           guint variant)
{
  return g_strdup_printf ("%s.%s-%u%s", get_picture (self, index)->stem,
                          vtr_augment_kind_get_name (kind), variant + 1, self->how->ending);
}

static guint64
draw (const CliAugmentation *self, guint index, VtrAugmentKind kind, guint variant, guint number)
{
  return vtr_augment_draw (self->how->seed, cli_augmentation_get_name (self, index), kind, variant,
                           number);
}

/* Varied evenly to both sides. */
static double
draw_share (const CliAugmentation *self, guint index, VtrAugmentKind kind, guint variant)
{
  const double random = (double) (draw (self, index, kind, variant, 0) >> 11) * 0x1p-53;
  const double share = self->how->shares[kind] * (1.0 + self->how->jitter * (2.0 * random - 1.0));

  return CLAMP (share, LEAST_SHARE, 1.0);
}

guint
cli_augmentation_draw_partner (const CliAugmentation *self,
                               guint index,
                               guint variant,
                               guint number)
{
  return (guint) (draw (self, index, VTR_AUGMENT_PASTE, variant, 2 + number) % self->pictures->len);
}

/* ---- files ---- */

/* Takes @made and @image, which may be NULL. */
static gboolean
save (CliAugmentation *self,
      guint index,
      CliMade *made,
      VtrImage *image,
      GPtrArray *lines,
      GError **error)
{
  g_autoptr (VtrImage) taken = image;
  g_autofree char *path = cli_augmentation_get_file (self, index, made->kind, made->variant);
  g_autofree char *folder = g_path_get_dirname (path);

  if (image == NULL || !cli_make_folder (folder, error) ||
      !vtr_image_save (image, path, self->how->quality, error))
    {
      cli_made_free (made);
      return FALSE;
    }
  made->width = vtr_image_get_width (image);
  made->height = vtr_image_get_height (image);
  g_ptr_array_add (lines, made);
  return TRUE;
}

/* Whether an earlier run has made it; then its line is taken over. */
static gboolean
is_made (CliAugmentation *self, guint index, VtrAugmentKind kind, guint variant, GPtrArray *lines)
{
  const char *line = cli_manifest_find (self->manifest, index, kind, variant);

  if (line == NULL)
    return FALSE;
  CliMade *made = g_new0 (CliMade, 1);
  made->kind = kind;
  made->variant = variant;
  made->line = g_strdup (line);
  g_ptr_array_add (lines, made);
  return TRUE;
}

/* Tells of what was made of a picture; takes it. */
static void
tell (CliAugmentation *self, guint index, GPtrArray *lines)
{
  for (guint i = 0; i < lines->len; i++)
    {
      const CliMade *made = g_ptr_array_index (lines, i);

      cli_manifest_add (self->manifest, index, made);
      if (made->line != NULL)
        {
          self->n_kept++;
          continue;
        }
      self->n_made[made->kind]++;
      if (!self->options->json && !self->options->quiet)
        {
          g_autofree char *path =
              cli_augmentation_get_file (self, index, made->kind, made->variant);

          cli_progress_clear (self->progress);
          puts (path);
        }
    }
  g_ptr_array_unref (lines);
}

/* ---- of one picture: crop and erase ---- */

static CliMade *
made_new (const CliAugmentation *self, guint index, VtrAugmentKind kind, guint variant)
{
  CliMade *made = g_new0 (CliMade, 1);

  made->kind = kind;
  made->variant = variant;
  made->share = draw_share (self, index, kind, variant);
  made->n_sources = 1;
  made->sources[0].picture = index;
  made->sources[0].weight = 1.0;
  return made;
}

static gboolean
make_one (CliAugmentation *self,
          guint index,
          VtrAugmentKind kind,
          guint variant,
          const VtrExplanation *explanation,
          GPtrArray *lines,
          GError **error)
{
  const VtrMap *map = vtr_explanation_get_summary (explanation);
  const VtrInput *input = vtr_explanation_get_input (explanation);
  CliMade *made = made_new (self, index, kind, variant);
  VtrImage *image;
  VtrSpot spot;

  if (kind == VTR_AUGMENT_CROP)
    {
      vtr_map_find_hotspot (map, input, made->share, self->how->least, &spot);
      made->sources[0].box = spot.rect;
      made->sources[0].mass = spot.mass;
      image = vtr_image_crop (vtr_input_get_image (input), &spot.rect);
    }
  else
    image = vtr_map_erase (map, input, made->share, self->how->fill,
                           draw (self, index, kind, variant, 1), &made->sources[0].mass, error);
  return save (self, index, made, image, lines, error);
}

static void
find_squares (CliAugmentation *self, guint index, const VtrExplanation *explanation)
{
  const VtrMap *map = vtr_explanation_get_summary (explanation);
  const VtrInput *input = vtr_explanation_get_input (explanation);

  for (guint i = 0; i < self->how->n_variants; i++)
    {
      CliSquares *squares = &self->squares[(gsize) index * self->how->n_variants + i];
      const double share = draw_share (self, index, VTR_AUGMENT_PASTE, i);

      vtr_map_find_square (map, input, share, FALSE, &squares->hot);
      vtr_map_find_square (map, input, share, TRUE, &squares->cold);
    }
}

/* A CliWriteFunc. */
static char **
make_of_one (const CliPicture *picture, VtrExplanation *explanation, gpointer data, GError **error)
{
  CliAugmentation *self = data;
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (cli_made_free);

  for (guint kind = VTR_AUGMENT_CROP; kind <= VTR_AUGMENT_ERASE; kind++)
    for (guint i = 0; i < self->how->n_variants && self->how->shares[kind] > 0.0; i++)
      if (!is_made (self, picture->index, kind, i, lines) &&
          !make_one (self, picture->index, kind, i, explanation, lines, error))
        return NULL;
  if (self->how->shares[VTR_AUGMENT_PASTE] > 0.0)
    find_squares (self, picture->index, explanation);
  self->lines[picture->index] = g_steal_pointer (&lines);
  return g_new0 (char *, 1);
}

/* A CliPictureFunc: what an earlier run has made of a picture that is skipped is told of, too. */
static void
tell_of_one (const CliPicture *picture, gpointer data)
{
  CliAugmentation *self = data;
  GPtrArray *lines = g_steal_pointer (&self->lines[picture->index]);

  if (picture->status == CLI_PICTURE_SKIPPED && lines == NULL)
    {
      lines = g_ptr_array_new_with_free_func (cli_made_free);
      for (guint kind = VTR_AUGMENT_CROP; kind <= VTR_AUGMENT_ERASE; kind++)
        for (guint i = 0; i < self->how->n_variants && self->how->shares[kind] > 0.0; i++)
          is_made (self, picture->index, kind, i, lines);
    }
  if (lines != NULL)
    tell (self, picture->index, lines);
}

/* ---- of two: paste ---- */

/* The first of those drawn that can be pasted; FALSE where none can. */
static gboolean
find_partner (const CliAugmentation *self, guint index, guint variant, guint *partner)
{
  for (guint i = 0; i < CLI_N_PARTNERS; i++)
    {
      *partner = cli_augmentation_draw_partner (self, index, variant, i);
      if (*partner != index && get_picture (self, *partner)->status == CLI_PICTURE_DONE)
        return TRUE;
    }
  return FALSE;
}

static gboolean
paste_one (CliAugmentation *self,
           guint index,
           guint variant,
           const VtrImage *image,
           GPtrArray *lines,
           GError **error)
{
  const guint n = self->how->n_variants;
  const VtrSpot *cold = &self->squares[(gsize) index * n + variant].cold;
  guint partner;

  if (!find_partner (self, index, variant, &partner))
    return TRUE;
  const VtrSpot *hot = &self->squares[(gsize) partner * n + variant].hot;
  g_autoptr (VtrImage) other = vtr_image_load (get_picture (self, partner)->path, error);
  if (other == NULL)
    return FALSE;

  const double weight = vtr_augment_weigh (cold->mass, hot->mass);
  CliMade *made = made_new (self, index, VTR_AUGMENT_PASTE, variant);
  made->n_sources = 2;
  made->sources[0] = (CliSource){ index, cold->rect, cold->mass, 1.0 - weight };
  made->sources[1] = (CliSource){ partner, hot->rect, hot->mass, weight };
  return save (self, index, made, vtr_image_paste (image, &cold->rect, other, &hot->rect, error),
               lines, error);
}

/* A CliTryFunc; returns lines. */
static gpointer
paste (CliPicture *picture,
       G_GNUC_UNUSED VtrProgressFunc progress,
       G_GNUC_UNUSED gpointer progress_data,
       G_GNUC_UNUSED GCancellable *cancellable,
       gpointer data,
       G_GNUC_UNUSED GError **error)
{
  CliAugmentation *self = data;
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (cli_made_free);
  g_autoptr (VtrImage) image = NULL;

  for (guint i = 0; i < self->how->n_variants; i++)
    {
      if (is_made (self, picture->index, VTR_AUGMENT_PASTE, i, lines))
        continue;
      if (image == NULL)
        image = vtr_image_load (picture->path, &picture->error);
      if (image == NULL || !paste_one (self, picture->index, i, image, lines, &picture->error))
        return NULL;
    }
  return g_steal_pointer (&lines);
}

/* A CliCountFunc. */
static void
tell_of_pasted (CliPicture *picture, gpointer found, gpointer data)
{
  tell (data, picture->index, found);
}

/* Those that can be pasted into, as open again; they share all but their status with the others. */
static GPtrArray *
list_targets (const CliAugmentation *self)
{
  GPtrArray *targets = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < self->pictures->len; i++)
    {
      CliPicture *target = g_memdup2 (get_picture (self, i), sizeof *target);

      target->status = target->status == CLI_PICTURE_FAILED ? CLI_PICTURE_FAILED : CLI_PICTURE_OPEN;
      g_ptr_array_add (targets, target);
    }
  return targets;
}

static gboolean
paste_all (CliAugmentation *self, GError **error)
{
  g_autoptr (GPtrArray) targets = list_targets (self);
  const CliPictureRun run = {
    .pictures = targets,
    .n_threads = self->options->jobs,
    .try_picture = paste,
    .count = tell_of_pasted,
    .found_free = (GDestroyNotify) g_ptr_array_unref,
    .data = self,
    .progress = self->progress,
    .cancellable = self->cancellable,
  };
  const gboolean ok = cli_picture_run (&run, error);

  for (guint i = 0; i < targets->len; i++)
    {
      const CliPicture *target = g_ptr_array_index (targets, i);
      CliPicture *picture = g_ptr_array_index (self->pictures, i);

      if (target->status == CLI_PICTURE_FAILED)
        {
          picture->status = CLI_PICTURE_FAILED;
          picture->error = target->error;
        }
      else if (target->status == CLI_PICTURE_OPEN)
        picture->status = CLI_PICTURE_OPEN;
    }
  return ok;
}

/* ---- all ---- */

static gboolean
is_complete (const CliAugmentation *self, guint index, guint first, guint last)
{
  for (guint kind = first; kind <= last; kind++)
    for (guint i = 0; i < self->how->n_variants && self->how->shares[kind] > 0.0; i++)
      if (cli_manifest_find (self->manifest, index, kind, i) == NULL)
        return FALSE;
  return TRUE;
}

/* Pictures that nothing is missing of need not be explained, unless their squares are asked for: by
 * a paste that is missing, into them or of them. */
static void
skip_complete (CliAugmentation *self)
{
  const guint n = self->pictures->len;
  g_autofree gboolean *needed = g_new0 (gboolean, n);

  for (guint index = 0; index < n; index++)
    {
      if (!is_complete (self, index, VTR_AUGMENT_CROP, VTR_AUGMENT_PASTE))
        needed[index] = TRUE;
      if (is_complete (self, index, VTR_AUGMENT_PASTE, VTR_AUGMENT_PASTE))
        continue;
      for (guint i = 0; i < self->how->n_variants; i++)
        for (guint k = 0; k < CLI_N_PARTNERS; k++)
          needed[cli_augmentation_draw_partner (self, index, i, k)] = TRUE;
    }
  for (guint index = 0; index < n; index++)
    {
      CliPicture *picture = g_ptr_array_index (self->pictures, index);

      if (!needed[index] && picture->status == CLI_PICTURE_OPEN)
        picture->status = CLI_PICTURE_SKIPPED;
    }
}

gboolean
cli_augmentation_run (CliAugmentation *self, GError **error)
{
  const CliPipelineJob job = {
    .options = self->options,
    .pictures = self->pictures,
    .device = self->device,
    .model = self->model,
    .write = make_of_one,
    .finished = tell_of_one,
    .data = self,
    .progress = self->progress,
    .cancellable = self->cancellable,
  };

  if (self->how->resume)
    skip_complete (self);
  return cli_pipeline_run (&job, error) &&
         (self->how->shares[VTR_AUGMENT_PASTE] <= 0.0 || paste_all (self, error));
}
