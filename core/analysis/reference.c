/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "analysis/diagnosis.h"

#include <math.h>
#include <string.h>

/* What the 5th and the 95th percentile of a normal distribution are apart, in deviations. */
#define RANGE_IN_DEVIATIONS 3.289707253902945

/* Least deviation that counts, as a share of the median. */
#define RELATIVE_FLOOR 0.02

/* How much farther from a reference the pictures of others may be than its own, at the 95th
 * percentile. */
#define HEALTHY_FACTOR 1.5

/* ---- the object ---- */

void
vtr_model_shape_init (VtrModelShape *self, VtrModel *model)
{
  const VtrArch *arch = vtr_model_get_arch (model);

  *self = (VtrModelShape){
    .n_layers = arch->n_layers,
    .n_heads = arch->n_heads,
    .hidden_size = arch->hidden_size,
    .patch_size = arch->patch_size,
    .n_prefix = vtr_arch_n_prefix (arch),
    .n_embedding = vtr_arch_n_features (arch),
  };
  for (guint layer = 0; layer < arch->n_layers; layer++)
    self->n_all_heads += vtr_arch_n_heads (arch, layer);
}

static gsize
count_heads (const VtrModelShape *shape)
{
  return (gsize) VTR_N_HEAD_TRAITS * shape->n_layers * shape->n_heads;
}

static gsize
count_tokens (const VtrModelShape *shape)
{
  return (gsize) VTR_N_TOKEN_STATISTICS * shape->n_layers;
}

VtrReference *
vtr_reference_new_empty (const VtrModelShape *shape)
{
  VtrReference *self = g_new0 (VtrReference, 1);

  self->shape = *shape;
  self->heads = g_new0 (VtrRange, count_heads (shape));
  self->tokens = g_new0 (VtrRange, count_tokens (shape));
  self->embedding = g_new0 (VtrMoments, shape->n_embedding);
  return self;
}

VtrReference *
vtr_reference_copy (const VtrReference *self)
{
  VtrReference *copy = g_memdup2 (self, sizeof *self);

  copy->name = g_strdup (self->name);
  copy->family = g_strdup (self->family);
  copy->model_hash = g_strdup (self->model_hash);
  copy->heads = g_memdup2 (self->heads, count_heads (&self->shape) * sizeof *self->heads);
  copy->tokens = g_memdup2 (self->tokens, count_tokens (&self->shape) * sizeof *self->tokens);
  vtr_sketch_copy (&self->sketch, &copy->sketch);
  copy->embedding = g_memdup2 (self->embedding, self->shape.n_embedding * sizeof *self->embedding);
  return copy;
}

void
vtr_reference_free (VtrReference *self)
{
  if (self == NULL)
    return;
  g_free (self->name);
  g_free (self->family);
  g_free (self->model_hash);
  g_free (self->heads);
  g_free (self->tokens);
  g_free (self->embedding);
  vtr_sketch_clear (&self->sketch);
  g_free (self);
}

const char *
vtr_reference_get_name (const VtrReference *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->name;
}

guint
vtr_reference_get_n_pictures (const VtrReference *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->n_pictures;
}

gboolean
vtr_reference_check (const VtrReference *self, VtrModel *model, GError **error)
{
  VtrModelShape has;

  g_return_val_if_fail (self != NULL && model != NULL, FALSE);

  vtr_model_shape_init (&has, model);
  const struct
  {
    const char *what;
    guint wanted;
    guint has;
  } facts[] = {
    { "layers", self->shape.n_layers, has.n_layers },
    { "heads in a layer", self->shape.n_heads, has.n_heads },
    { "heads in all", self->shape.n_all_heads, has.n_all_heads },
    { "numbers in a token", self->shape.hidden_size, has.hidden_size },
    { "pixels in the side of a patch", self->shape.patch_size, has.patch_size },
    { "tokens before the patches", self->shape.n_prefix, has.n_prefix },
    { "numbers in an embedding", self->shape.n_embedding, has.n_embedding },
  };
  for (guint i = 0; i < G_N_ELEMENTS (facts); i++)
    if (facts[i].wanted != facts[i].has)
      {
        g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                     "The reference “%s” is for models with %u %s, and “%s” has %u: choose another "
                     "one, or make one of a healthy model of that shape.",
                     self->name, facts[i].wanted, facts[i].what, vtr_model_get_name (model),
                     facts[i].has);
        return FALSE;
      }
  return TRUE;
}

/* ---- ranges ---- */

const VtrRange *
vtr_reference_get_head (const VtrReference *self, VtrHeadTraitId trait, guint layer, guint head)
{
  return &self->heads[((gsize) trait * self->shape.n_layers + layer) * self->shape.n_heads + head];
}

double *
vtr_reference_get_entropies (const VtrReference *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  double *entropies = g_new (double, self->shape.n_layers);
  for (guint layer = 0; layer < self->shape.n_layers; layer++)
    {
      double sum = 0.0;
      guint n = 0;

      for (guint head = 0; head < self->shape.n_heads; head++)
        {
          const VtrRange *range =
              vtr_reference_get_head (self, VTR_HEAD_TRAIT_ENTROPY, layer, head);

          if (isnan (range->percentiles[2]))
            continue;
          sum += range->percentiles[2];
          n++;
        }
      entropies[layer] = n > 0 ? sum / n : NAN;
    }
  return entropies;
}

const VtrRange *
vtr_reference_get_tokens (const VtrReference *self, VtrTokenStatistic statistic, guint layer)
{
  return &self->tokens[(gsize) statistic * self->shape.n_layers + layer];
}

gboolean
vtr_range_get_bounds (const VtrRange *self, double floor, double *low, double *high)
{
  const double margin =
      MAX (VTR_RANGE_MARGIN * (self->percentiles[4] - self->percentiles[0]), floor);

  *low = self->percentiles[0] - margin;
  *high = self->percentiles[4] + margin;
  return !isnan (*low) && !isnan (*high);
}

/* ---- distance ---- */

/* log₂ (1 + |z|); NaN where either has no number. */
static double
get_surprise (double value, double middle, double deviation, double floor)
{
  const double least = MAX (floor, RELATIVE_FLOOR * fabs (middle));

  return log2 (1.0 + fabs (value - middle) / MAX (MAX (deviation, least), 1e-12));
}

static double
get_surprise_of (const VtrRange *range, double value, double floor)
{
  const double spread = (range->percentiles[4] - range->percentiles[0]) / RANGE_IN_DEVIATIONS;

  return get_surprise (value, range->percentiles[2], spread, floor);
}

static void
add_number (VtrRunning *mean, double value)
{
  if (!isnan (value))
    vtr_running_add (mean, value);
}

static void
add_kind (VtrRunning *mean, const VtrRunning *kind)
{
  if (kind->n > 0)
    vtr_running_add (mean, kind->mean);
}

double
vtr_reference_get_distance (const VtrReference *self, const VtrTraits *traits)
{
  const gsize n_heads = (gsize) self->shape.n_layers * self->shape.n_heads;
  VtrRunning all = { 0 };
  VtrRunning embedding = { 0 };

  for (guint trait = 0; trait < VTR_N_HEAD_TRAITS; trait++)
    {
      VtrRunning kind = { 0 };
      for (gsize i = 0; vtr_head_traits[trait].in_distance && i < n_heads; i++)
        add_number (&kind, get_surprise_of (&self->heads[trait * n_heads + i],
                                            traits->heads[trait * n_heads + i],
                                            vtr_head_traits[trait].floor));
      add_kind (&all, &kind);
    }
  for (guint statistic = 0; statistic < VTR_N_TOKEN_STATISTICS; statistic++)
    {
      const gsize first = (gsize) statistic * self->shape.n_layers;
      VtrRunning kind = { 0 };
      for (guint layer = 0; statistic != VTR_TOKEN_ARTIFACTS && layer < self->shape.n_layers;
           layer++)
        add_number (&kind, get_surprise_of (&self->tokens[first + layer],
                                            traits->tokens[first + layer], 0.0));
      add_kind (&all, &kind);
    }
  for (guint i = 0; i < self->shape.n_embedding; i++)
    add_number (&embedding, get_surprise (traits->embedding[i], self->embedding[i].mean,
                                          self->embedding[i].deviation, 0.0));
  add_kind (&all, &embedding);
  add_number (&all, get_surprise (traits->confidence, self->confidence.mean,
                                  self->confidence.deviation, 0.02));
  return all.n > 0 ? all.mean : NAN;
}

double
vtr_reference_get_healthy_distance (const VtrReference *self)
{
  return HEALTHY_FACTOR * self->distance.percentiles[4];
}

/* ---- made of a diagnosis ---- */

static VtrRange
range_of (const VtrDistribution *distribution)
{
  VtrRange range;

  memcpy (range.percentiles, distribution->percentiles, sizeof range.percentiles);
  return range;
}

static VtrMoments
moments_of (const VtrRunning *running)
{
  return running->n < 2 ? (VtrMoments){ NAN, NAN }
                        : (VtrMoments){ running->mean, sqrt (running->squares / (running->n - 1)) };
}

static void
take_statistics (VtrReference *self, const VtrDiagnosis *diagnosis)
{
  const VtrModelShape *shape = &self->shape;
  gsize at = 0;

  for (guint trait = 0; trait < VTR_N_HEAD_TRAITS; trait++)
    for (guint layer = 0; layer < shape->n_layers; layer++)
      for (guint head = 0; head < shape->n_heads; head++)
        {
          const VtrDistribution of =
              vtr_analysis_get (diagnosis->analysis, vtr_head_traits[trait].statistic,
                                vtr_head_traits[trait].reading, layer, head);
          self->heads[at++] = range_of (&of);
        }
  for (guint statistic = 0; statistic < VTR_N_TOKEN_STATISTICS; statistic++)
    for (guint layer = 0; layer < shape->n_layers; layer++)
      {
        const VtrDistribution of =
            vtr_analysis_get_of_tokens (diagnosis->analysis, (VtrTokenStatistic) statistic, layer);
        self->tokens[(gsize) statistic * shape->n_layers + layer] = range_of (&of);
      }
  for (guint channel = 0; channel < 3; channel++)
    {
      const VtrDistribution mean = vtr_analysis_get_pixel_mean (diagnosis->analysis, channel);
      const VtrDistribution deviation =
          vtr_analysis_get_pixel_deviation (diagnosis->analysis, channel);
      self->pixel_mean[channel] = range_of (&mean);
      self->pixel_deviation[channel] = range_of (&deviation);
    }
  for (guint i = 0; i < shape->n_embedding; i++)
    self->embedding[i] = moments_of (&diagnosis->embedding[i]);
  self->confidence = moments_of (&diagnosis->confidence);
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  const double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* Of its own pictures, those that were kept. */
static void
measure_distances (VtrReference *self, GPtrArray *traits)
{
  static const double shares[] = { 0.05, 0.25, 0.5, 0.75, 0.95 };
  g_autofree double *distances = g_new (double, traits->len);

  for (guint i = 0; i < traits->len; i++)
    distances[i] = vtr_reference_get_distance (self, g_ptr_array_index (traits, i));
  qsort (distances, traits->len, sizeof *distances, compare_doubles);
  for (guint i = 0; i < G_N_ELEMENTS (shares); i++)
    {
      const double at = shares[i] * (traits->len - 1);
      const guint low = (guint) at;
      const guint high = MIN (low + 1, traits->len - 1);
      self->distance.percentiles[i] =
          distances[low] + (at - low) * (distances[high] - distances[low]);
    }
}

static gboolean
check_diagnosis (const VtrDiagnosis *diagnosis, GError **error)
{
  const char *name = vtr_model_get_name (diagnosis->model);

  for (guint i = 0; i < diagnosis->symptoms->len; i++)
    {
      const VtrSymptom *symptom = g_ptr_array_index (diagnosis->symptoms, i);
      if (symptom->severity == VTR_SEVERITY_FAULT)
        {
          g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                       "“%s” is no model to go by (%s): %s  Make the reference of a healthy one.",
                       name, symptom->rule->name, symptom->evidence);
          return FALSE;
        }
    }
  if (diagnosis->temperature != 1.0)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "A reference is of a model as it was trained, at temperature 1.");
      return FALSE;
    }
  if (vtr_diagnosis_get_n_pictures (diagnosis) < VTR_REFERENCE_MIN_PICTURES)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "A reference needs %d pictures at least, and there are %u.",
                   VTR_REFERENCE_MIN_PICTURES, vtr_diagnosis_get_n_pictures (diagnosis));
      return FALSE;
    }
  return TRUE;
}

VtrReference *
vtr_reference_new (const VtrDiagnosis *diagnosis, const char *name, GError **error)
{
  g_return_val_if_fail (diagnosis != NULL && name != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (!check_diagnosis (diagnosis, error))
    return NULL;

  const VtrPreprocess *how = &vtr_model_get_arch (diagnosis->model)->preprocess;
  VtrModelShape shape;
  vtr_model_shape_init (&shape, diagnosis->model);
  g_autoptr (VtrReference) self = vtr_reference_new_empty (&shape);

  if (!vtr_sketch_init (&self->sketch, diagnosis->model, error))
    return NULL;
  self->name = g_strdup (name);
  self->family = g_strdup (vtr_model_get_family (diagnosis->model));
  self->model_hash = g_strdup (vtr_model_get_hash (diagnosis->model));
  self->n_pictures = vtr_diagnosis_get_n_pictures (diagnosis);
  self->input.n_rows = diagnosis->n_rows;
  self->input.n_columns = diagnosis->n_columns;
  self->input.rescale = how->rescale;
  memcpy (self->input.mean, how->mean, sizeof how->mean);
  memcpy (self->input.std, how->std, sizeof how->std);
  take_statistics (self, diagnosis);
  measure_distances (self, diagnosis->traits);
  return g_steal_pointer (&self);
}
