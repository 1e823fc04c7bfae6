/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * Whether a checkpoint is the reference's own, or a descendant of it, with its patch kernel or its
 * position table in another order.  Says nothing of checkpoints that are not related.
 */
#include "analysis/agreement.h"
#include "analysis/diagnosis.h"

#include <math.h>
#include <string.h>

/* Correlation of sketches from which on two checkpoints are related, and what the right order
 * leaves of the present order's distance to 1. */
#define RELATED 0.9
#define CLEARLY 0.5

/* ---- sketches ---- */

static double
get_sign (gsize i)
{
  /* Knuth's multiplicative hash. */
  return ((guint32) (i + 1) * 2654435761u) >> 31 != 0 ? 1.0 : -1.0;
}

static gboolean
sketch_kernel (VtrSketch *self, VtrModel *model, GError **error)
{
  const VtrArch *arch = vtr_model_get_arch (model);
  const gsize size = 3 * (gsize) self->patch_size * self->patch_size;
  g_autofree float *weights = g_new (float, vtr_model_get_weight_size (model, VTR_WEIGHT_PATCH, 0));

  if (!vtr_model_read_weight (model, VTR_WEIGHT_PATCH, 0, weights, error))
    return FALSE;
  for (gsize output = 0; output < arch->hidden_size; output++)
    for (gsize i = 0; i < size; i++)
      self->kernel[i] += get_sign (output) * weights[output * size + i];
  return TRUE;
}

static gboolean
sketch_positions (VtrSketch *self, VtrModel *model, GError **error)
{
  const gsize d = vtr_model_get_arch (model)->hidden_size;
  const gsize n = (gsize) self->n_rows * self->n_columns;

  if (n == 0)
    return TRUE;
  g_autofree float *table = vtr_model_make_positions (model, self->n_rows, self->n_columns, error);
  if (table == NULL)
    return FALSE;
  for (gsize patch = 0; patch < n; patch++)
    for (gsize i = 0; i < d; i++)
      self->positions[patch] += get_sign (i) * table[patch * d + i];
  return TRUE;
}

gboolean
vtr_sketch_init (VtrSketch *self, VtrModel *model, GError **error)
{
  const VtrArch *arch = vtr_model_get_arch (model);
  const gboolean has_table = arch->positions != VTR_POSITIONS_NONE;

  *self = (VtrSketch){
    .patch_size = arch->patch_size,
    .n_rows = has_table ? arch->grid_rows : 0,
    .n_columns = has_table ? arch->grid_columns : 0,
    .kernel = g_new0 (double, 3 * (gsize) arch->patch_size * arch->patch_size),
    .positions = g_new0 (double, has_table ? (gsize) arch->grid_rows * arch->grid_columns : 1),
  };
  return sketch_kernel (self, model, error) && sketch_positions (self, model, error);
}

void
vtr_sketch_copy (const VtrSketch *self, VtrSketch *copy)
{
  *copy = *self;
  if (self->kernel == NULL)
    return;
  copy->kernel = g_memdup2 (self->kernel,
                            3 * (gsize) self->patch_size * self->patch_size * sizeof *self->kernel);
  copy->positions =
      g_memdup2 (self->positions, (gsize) self->n_rows * self->n_columns * sizeof *self->positions);
}

void
vtr_sketch_clear (VtrSketch *self)
{
  g_clear_pointer (&self->kernel, g_free);
  g_clear_pointer (&self->positions, g_free);
}

/* ---- comparison ---- */

/* Of a, [n_planes][side][side], transposed or with its planes turned round, and b. */
static double
correlate (const double *a,
           const double *b,
           guint n_planes,
           guint side,
           gboolean transposed,
           gboolean turned)
{
  const gsize n = (gsize) n_planes * side * side;
  g_autofree float *of_a = g_new (float, n);
  g_autofree float *of_b = g_new (float, n);

  for (gsize i = 0; i < n; i++)
    {
      const gsize plane = i / side / side, y = i / side % side, x = i % side;
      const gsize from = turned ? n_planes - 1 - plane : plane;
      const gsize place = transposed ? x * side + y : y * side + x;
      of_a[i] = (float) a[from * side * side + place];
      of_b[i] = (float) b[i];
    }
  return vtr_numbers_correlate (of_a, of_b, n);
}

static gboolean
is_reordered (double as_is, double changed)
{
  return changed > RELATED && 1.0 - changed < CLEARLY * (1.0 - as_is);
}

static void
tell (VtrDiagnosis *self, VtrRuleId rule, const char *what, double as_is, double changed)
{
  VtrSymptom *symptom = vtr_diagnosis_tell (self, rule, VTR_SEVERITY_FAULT, -1, -1,
                                            "%s: the sketch of it has a correlation of %.2f with "
                                            "the reference's then, and of %.2f as it "
                                            "is.",
                                            what, changed, as_is);
  symptom->value = as_is;
  symptom->low = RELATED;
}

static gboolean
has_transposed_positions (const VtrSketch *reference,
                          const VtrSketch *sketch,
                          double *as_is,
                          double *changed)
{
  if (sketch->n_rows != reference->n_rows || sketch->n_columns != reference->n_columns ||
      sketch->n_rows != sketch->n_columns || sketch->n_rows == 0)
    return FALSE;
  *as_is = correlate (sketch->positions, reference->positions, 1, sketch->n_rows, FALSE, FALSE);
  *changed = correlate (sketch->positions, reference->positions, 1, sketch->n_rows, TRUE, FALSE);
  return is_reordered (*as_is, *changed);
}

/* A kernel that is the reference's was trained with the pixels of the reference. */
static void
check_normalization (VtrDiagnosis *self, double correlation)
{
  const VtrPreprocess *now = &vtr_model_get_arch (self->model)->preprocess;
  const VtrReferenceInput *input = &self->reference->input;
  VtrPreprocess trained = *now;
  VtrRuleId rule;

  trained.rescale = input->rescale;
  memcpy (trained.mean, input->mean, sizeof trained.mean);
  memcpy (trained.std, input->std, sizeof trained.std);
  if (!vtr_normalization_differs (now, &trained, &rule))
    return;
  VtrSymptom *symptom = vtr_diagnosis_tell (
      self, rule, VTR_SEVERITY_WARNING, -1, -1,
      "The kernel is the reference's (correlation of the sketches %.2f), which was given pixels "
      "times %.3g with mean %.3g %.3g %.3g and deviation %.3g %.3g %.3g; this one gets pixels "
      "times "
      "%.3g with mean %.3g %.3g %.3g and deviation %.3g %.3g %.3g.",
      correlation, trained.rescale, trained.mean[0], trained.mean[1], trained.mean[2],
      trained.std[0], trained.std[1], trained.std[2], now->rescale, now->mean[0], now->mean[1],
      now->mean[2], now->std[0], now->std[1], now->std[2]);
  symptom->value = correlation;
}

gboolean
vtr_diagnosis_check_sketch (VtrDiagnosis *self, GError **error)
{
  g_auto (VtrSketch) sketch = { 0 };
  double of_table = NAN, of_table_changed = NAN;

  if (self->reference == NULL || self->reference->sketch.kernel == NULL)
    return TRUE;
  if (!vtr_sketch_init (&sketch, self->model, error))
    return FALSE;

  const VtrSketch *reference = &self->reference->sketch;
  const guint side = sketch.patch_size;
  const double as_is = correlate (sketch.kernel, reference->kernel, 3, side, FALSE, FALSE);
  const double transposed = correlate (sketch.kernel, reference->kernel, 3, side, TRUE, FALSE);
  const double turned = correlate (sketch.kernel, reference->kernel, 3, side, FALSE, TRUE);
  const gboolean table =
      has_transposed_positions (reference, &sketch, &of_table, &of_table_changed);

  if (is_reordered (as_is, transposed))
    tell (self, table ? VTR_RULE_PICTURE_TRANSPOSED : VTR_RULE_PATCH_ORDER,
          table ? "Kernel and position table are the reference's with rows and columns exchanged"
                : "The kernel is the reference's with rows and columns of its pixels exchanged",
          as_is, transposed);
  else if (table)
    tell (self, VTR_RULE_POSITIONS_TRANSPOSED,
          "The position table is the reference's with rows and columns exchanged", of_table,
          of_table_changed);
  if (is_reordered (as_is, turned))
    tell (self, VTR_RULE_CHANNEL_ORDER, "The kernel is the reference's with red and blue exchanged",
          as_is, turned);
  if (MAX (as_is, MAX (transposed, turned)) > RELATED)
    check_normalization (self, MAX (as_is, MAX (transposed, turned)));
  return TRUE;
}
