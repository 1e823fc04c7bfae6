/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "prune-run.h"
#include "pipeline.h"

#include <math.h>

/* One pass over the pictures; each thread writes answers of its own. */
typedef struct
{
  CliAnswer *answers;
  gboolean maps;
} Asked;

/* ---- asking ---- */

static void
take_importance (CliAnswer *answer, const VtrImportance *importance)
{
  const gsize n_heads = (gsize) importance->n_layers * importance->n_heads;

  answer->heads = g_memdup2 (importance->heads, n_heads * sizeof *answer->heads);
  answer->likeness =
      g_memdup2 (importance->likeness, importance->n_layers * sizeof *answer->likeness);
}

/* A CliWriteFunc: no files. */
static char **
take_answer (const CliPicture *picture,
             VtrExplanation *explanation,
             gpointer data,
             G_GNUC_UNUSED GError **error)
{
  const Asked *asked = data;
  CliAnswer *answer = &asked->answers[picture->index];
  const VtrMap *map = vtr_explanation_get_summary (explanation);
  const VtrImportance *importance = vtr_explanation_get_importance (explanation);
  const float *embedding = vtr_explanation_get_embedding (explanation, &answer->n_features);
  const float *logits = vtr_explanation_get_logits (explanation, &answer->n_classes);

  answer->n_rows = vtr_map_get_n_rows (map);
  answer->n_columns = vtr_map_get_n_columns (map);
  answer->n_patches = answer->n_rows * answer->n_columns;
  answer->embedding = g_memdup2 (embedding, answer->n_features * sizeof *embedding);
  if (logits != NULL)
    answer->logits = g_memdup2 (logits, answer->n_classes * sizeof *logits);
  if (asked->maps)
    answer->map = g_memdup2 (vtr_map_get_values (map), answer->n_patches * sizeof (float));
  if (importance != NULL)
    take_importance (answer, importance);
  return g_new0 (char *, 1);
}

static void
ignore_picture (G_GNUC_UNUSED const CliPicture *picture, G_GNUC_UNUSED gpointer data)
{
}

/* Pictures that are done are asked again; those that have failed stay so. */
static void
reopen (GPtrArray *pictures)
{
  for (guint i = 0; i < pictures->len; i++)
    {
      CliPicture *picture = g_ptr_array_index (pictures, i);

      if (picture->status == CLI_PICTURE_DONE)
        picture->status = CLI_PICTURE_OPEN;
      g_clear_pointer (&picture->files, g_strfreev);
    }
}

CliAnswer *
cli_ask_pictures (const CliAsking *self,
                  VtrModel *model,
                  gboolean maps,
                  gboolean importance,
                  GError **error)
{
  Asked asked = { .answers = g_new0 (CliAnswer, self->pictures->len), .maps = maps };
  CliExplainOptions options = *self->options;
  g_autoptr (VtrMethod) method = vtr_method_new (maps ? "rollout" : "raw", error);
  const CliPipelineJob job = {
    .options = &options,
    .pictures = self->pictures,
    .device = self->device,
    .model = model,
    .write = take_answer,
    .finished = ignore_picture,
    .data = &asked,
    .progress = self->progress,
    .cancellable = self->cancellable,
  };

  options.method = method;
  options.keep = importance ? VTR_EXPLAIN_IMPORTANCE : VTR_EXPLAIN_DEFAULT;
  if (!importance)
    options.target = NULL;
  reopen (self->pictures);
  if (method != NULL && cli_pipeline_run (&job, error))
    return asked.answers;
  cli_answers_free (asked.answers, self->pictures->len);
  return NULL;
}

void
cli_answers_free (CliAnswer *self, guint n)
{
  for (guint i = 0; self != NULL && i < n; i++)
    {
      g_free (self[i].embedding);
      g_free (self[i].logits);
      g_free (self[i].map);
      g_free (self[i].heads);
      g_free (self[i].likeness);
    }
  g_free (self);
}

static void
add (double *sums, const double *values, gsize n)
{
  for (gsize i = 0; i < n; i++)
    sums[i] += values[i];
}

static void
divide (double *sums, gsize n, guint n_pictures)
{
  for (gsize i = 0; i < n; i++)
    sums[i] /= n_pictures;
}

gboolean
cli_average_importance (const CliAnswer *answers,
                        guint n,
                        VtrModel *model,
                        double **heads,
                        double **likeness,
                        GError **error)
{
  const gsize n_layers = vtr_model_get_n_layers (model);
  const gsize n_heads = n_layers * vtr_model_get_n_heads (model);
  g_autofree double *of_heads = g_new0 (double, n_heads);
  g_autofree double *of_layers = g_new0 (double, n_layers);
  guint n_pictures = 0;

  for (guint i = 0; i < n; i++)
    if (answers[i].heads != NULL)
      {
        n_pictures++;
        add (of_heads, answers[i].heads, n_heads);
        add (of_layers, answers[i].likeness, n_layers);
      }
  if (n_pictures == 0)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "There is no picture to weigh heads and layers by: name some that can be read.");
      return FALSE;
    }
  divide (of_heads, n_heads, n_pictures);
  divide (of_layers, n_layers, n_pictures);
  *heads = g_steal_pointer (&of_heads);
  *likeness = g_steal_pointer (&of_layers);
  return TRUE;
}

/* ---- comparing ---- */

static guint
find_greatest (const float *values, guint n)
{
  guint greatest = 0;

  for (guint i = 1; i < n; i++)
    if (values[i] > values[greatest])
      greatest = i;
  return greatest;
}

static double
find_mean (const float *values, guint n)
{
  double sum = 0.0;

  for (guint i = 0; i < n; i++)
    sum += values[i];
  return sum / n;
}

/* Σ (a − @of_a)·(b − @of_b) over the product of their lengths: a cosine, or with their means
 * Pearson's correlation.  NaN where one has no length. */
static double
correlate (const float *a, const float *b, guint n, double of_a, double of_b)
{
  double ab = 0.0, aa = 0.0, bb = 0.0;

  for (guint i = 0; i < n; i++)
    {
      ab += (a[i] - of_a) * (b[i] - of_b);
      aa += (a[i] - of_a) * (a[i] - of_a);
      bb += (b[i] - of_b) * (b[i] - of_b);
    }
  return ab / sqrt (aa * bb);
}

CliAgreement
cli_compare_answers (const CliAnswer *first, const CliAnswer *second, guint n)
{
  CliAgreement self = { .least_cosine = INFINITY };
  guint n_maps = 0;

  for (guint i = 0; i < n; i++)
    {
      const CliAnswer *a = &first[i], *b = &second[i];

      if (a->embedding == NULL || b->embedding == NULL)
        continue;
      const double cosine = correlate (a->embedding, b->embedding, a->n_features, 0.0, 0.0);
      self.n_pictures++;
      self.cosine += cosine;
      self.least_cosine = fmin (self.least_cosine, cosine);
      if (a->logits != NULL)
        {
          const guint class = find_greatest (a->logits, a->n_classes);
          self.top1 += class == find_greatest (b->logits, b->n_classes);
          self.logit_change += (double) b->logits[class] - a->logits[class];
        }
      else
        self.top1 = self.logit_change = NAN;
      const double alike =
          a->map == NULL || b->map == NULL
              ? NAN
              : correlate (a->map, b->map, a->n_patches, find_mean (a->map, a->n_patches),
                           find_mean (b->map, b->n_patches));
      if (!isnan (alike)) /* a constant map is like no other */
        {
          self.map_correlation += alike;
          n_maps++;
        }
    }
  self.top1 /= self.n_pictures;
  self.logit_change /= self.n_pictures;
  self.cosine /= self.n_pictures;
  self.map_correlation /= n_maps;
  return self;
}
