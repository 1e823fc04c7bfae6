/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* VtrTarget: the number that is explained, and its derivative. */
#include "explain/target.h"

#include <math.h>
#include <string.h>

VTR_DEFINE_BOXED_TYPE (VtrTarget, vtr_target)

/* As vtr_target_parse () reads it. */
static char *
format_class (VtrTargetClass class)
{
  return class.is_rank ? g_strdup_printf ("top%u", class.number + 1)
                       : g_strdup_printf ("%u", class.number);
}

/* The text of a target of classes. */
static char *
format_classes (VtrTargetKind kind, VtrTargetClass a, VtrTargetClass b)
{
  g_autofree char *for_a = format_class (a);
  g_autofree char *for_b = format_class (b);

  if (kind == VTR_TARGET_CLASS)
    return g_steal_pointer (&for_a);
  return g_strconcat (for_a, "-", kind == VTR_TARGET_REST ? "rest" : for_b, NULL);
}

static VtrTarget *
target_new (VtrTargetKind kind, char *text)
{
  VtrTarget *self = g_new0 (VtrTarget, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->kind = kind;
  self->text = text;
  return self;
}

VtrTarget *
vtr_target_new_classes (VtrTargetKind kind, VtrTargetClass a, VtrTargetClass b)
{
  VtrTarget *self = target_new (kind, format_classes (kind, a, b));

  self->a = a;
  self->b = kind == VTR_TARGET_CONTRAST ? b : a;
  return self;
}

VtrTarget *
vtr_target_new_patch (double x, double y)
{
  char x_text[G_ASCII_DTOSTR_BUF_SIZE];
  char y_text[G_ASCII_DTOSTR_BUF_SIZE];
  VtrTarget *self =
      target_new (VTR_TARGET_PATCH,
                  g_strdup_printf ("patch:%s,%s", g_ascii_dtostr (x_text, sizeof x_text, x),
                                   g_ascii_dtostr (y_text, sizeof y_text, y)));

  self->x = x;
  self->y = y;
  return self;
}

VtrTarget *
vtr_target_new_length (void)
{
  return target_new (VTR_TARGET_LENGTH, g_strdup (VTR_TARGET_LENGTH_TEXT));
}

VtrTarget *
vtr_target_new_embedding (VtrModel *model,
                          const float *values,
                          guint n_values,
                          const char *name,
                          GError **error)
{
  g_return_val_if_fail (model != NULL && values != NULL && name != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  const guint width = vtr_arch_n_features (vtr_model_get_arch (model));
  double sum = 0.0;

  for (guint i = 0; i < n_values; i++)
    sum += (double) values[i] * values[i];
  if (n_values != width || !(sum > 0.0) || !isfinite (sum))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "“%s” is no embedding of the model “%s”: it needs %u finite numbers that are "
                   "not "
                   "all 0",
                   name, vtr_model_get_name (model), width);
      return NULL;
    }

  VtrTarget *self = target_new (VTR_TARGET_EMBEDDING, g_strdup (name));
  self->direction = g_new (float, n_values);
  self->n_direction = n_values;
  for (guint i = 0; i < n_values; i++)
    self->direction[i] = (float) (values[i] / sqrt (sum));
  return self;
}

VtrTarget *
vtr_target_ref (VtrTarget *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
vtr_target_unref (VtrTarget *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_free (self->text);
  g_free (self->direction);
  g_free (self);
}

VtrTargetKind
vtr_target_get_kind (const VtrTarget *self)
{
  g_return_val_if_fail (self != NULL, VTR_TARGET_CLASS);

  return self->kind;
}

const char *
vtr_target_get_text (const VtrTarget *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->text;
}

gboolean
vtr_target_is_of_classes (const VtrTarget *self)
{
  return self->kind == VTR_TARGET_CLASS || self->kind == VTR_TARGET_CONTRAST ||
         self->kind == VTR_TARGET_REST;
}

gboolean
vtr_target_get_classes (const VtrTarget *self, guint *a, guint *b)
{
  g_return_val_if_fail (self != NULL && a != NULL && b != NULL, FALSE);

  if (!vtr_target_is_of_classes (self) || self->a.is_rank || self->b.is_rank)
    return FALSE;
  *a = self->a.number;
  *b = self->b.number;
  return TRUE;
}

gboolean
vtr_target_check (const VtrTarget *self, VtrModel *model, GError **error)
{
  const guint n_classes = vtr_model_get_n_classes (model);
  const gboolean ok = self->kind == VTR_TARGET_PATCH || self->kind == VTR_TARGET_LENGTH ||
                      (self->kind == VTR_TARGET_EMBEDDING
                           ? self->n_direction == vtr_arch_n_features (vtr_model_get_arch (model))
                           : self->a.number < n_classes && self->b.number < n_classes);

  if (!ok)
    g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                 "The model “%s” cannot answer --target %s: it has %u classes and embeddings of %u "
                 "numbers",
                 vtr_model_get_name (model), self->text, n_classes,
                 vtr_arch_n_features (vtr_model_get_arch (model)));
  return ok;
}

char *
vtr_target_describe_class (guint class, VtrModel *model)
{
  const char *label = vtr_model_get_label (model, class);

  return label != NULL ? g_strdup (label) : g_strdup_printf ("class %u", class);
}

static char *
describe_class (VtrTargetClass class, VtrModel *model)
{
  return class.is_rank ? format_class (class) : vtr_target_describe_class (class.number, model);
}

/* "image:/home/me/dog.jpg" → "image:dog.jpg": for files that are handed on. */
static char *
describe_name (const char *name)
{
  const char *path = g_str_has_prefix (name, "image:") ? name + strlen ("image:") : NULL;

  if (path == NULL || !g_path_is_absolute (path))
    return g_strdup (name);
  g_autofree char *last = g_path_get_basename (path);
  return g_strconcat ("image:", last, NULL);
}

char *
vtr_target_describe (const VtrTarget *self, VtrModel *model)
{
  g_return_val_if_fail (self != NULL && model != NULL, NULL);

  if (!vtr_target_is_of_classes (self))
    return describe_name (self->text);

  g_autofree char *a = describe_class (self->a, model);
  g_autofree char *b = describe_class (self->b, model);
  switch (self->kind)
    {
    case VTR_TARGET_CONTRAST:
      return g_strdup_printf ("%s rather than %s", a, b);
    case VTR_TARGET_REST:
      return g_strdup_printf ("%s rather than all others", a);
    default:
      return g_steal_pointer (&a);
    }
}

/* ---- one picture ---- */

/* The class of @rank, 0 for the greatest logit; of equal ones the first is greater. */
static guint
find_rank (const float *logits, guint n_classes, guint rank)
{
  for (guint i = 0; i < n_classes; i++)
    {
      guint n_greater = 0;

      for (guint k = 0; k < n_classes; k++)
        n_greater += logits[k] > logits[i] || (logits[k] == logits[i] && k < i);
      if (n_greater == rank)
        return i;
    }
  g_return_val_if_reached (0); /* logits are finite, ranks below n_classes */
}

static VtrTargetClass
resolve_class (VtrTargetClass class, const float *logits, guint n_classes)
{
  if (class.is_rank)
    class.number = find_rank (logits, n_classes, class.number);
  class.is_rank = FALSE;
  return class;
}

VtrTarget *
vtr_target_resolve (VtrTarget *self,
                    VtrModel *model,
                    const float *logits,
                    guint n_classes,
                    GError **error)
{
  if (!vtr_target_is_of_classes (self))
    return vtr_target_ref (self);

  const VtrTargetClass a = resolve_class (self->a, logits, n_classes);
  const VtrTargetClass b = resolve_class (self->b, logits, n_classes);
  if (self->kind == VTR_TARGET_CONTRAST && a.number == b.number)
    {
      g_autofree char *label = describe_class (a, model);
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "In this picture --target %s contrasts “%s” with itself: name another class",
                   self->text, label);
      return NULL;
    }
  return vtr_target_new_classes (self->kind, a, b);
}

/* y = z_a − ln Σ_{k≠a} exp z_k */
static double
evaluate_rest (guint a, const float *logits, guint n, float *gradient)
{
  double greatest = -INFINITY;
  double sum = 0.0;

  for (guint k = 0; k < n; k++)
    if (k != a)
      greatest = MAX (greatest, (double) logits[k]);
  for (guint k = 0; k < n; k++)
    if (k != a)
      sum += exp (logits[k] - greatest);
  for (guint k = 0; gradient != NULL && k < n; k++)
    gradient[k] = k == a ? 1.0f : (float) (-exp (logits[k] - greatest) / sum);
  return logits[a] - greatest - log (sum);
}

static double
measure_length (const float *values, guint n)
{
  double sum = 0.0;

  for (guint i = 0; i < n; i++)
    sum += (double) values[i] * values[i];
  return sqrt (sum);
}

/* y = cos (e, v) with |v| = 1; ∂y/∂e = (v − y·e/|e|) / |e| */
static double
evaluate_cosine (const VtrTarget *self, const float *embedding, guint n, float *gradient)
{
  const double length = measure_length (embedding, n);
  double dot = 0.0;

  for (guint i = 0; i < n; i++)
    dot += (double) embedding[i] * self->direction[i];

  const double cosine = length > 0.0 ? dot / length : 0.0;
  for (guint i = 0; gradient != NULL && i < n; i++)
    gradient[i] = length > 0.0
                      ? (float) ((self->direction[i] - cosine * embedding[i] / length) / length)
                      : 0.0f;
  return cosine;
}

/* y = |x|, ∂y/∂x = x/|x| */
static double
evaluate_length (const float *values, guint n, float *gradient)
{
  const double length = measure_length (values, n);

  for (guint i = 0; gradient != NULL && i < n; i++)
    gradient[i] = length > 0.0 ? (float) (values[i] / length) : 0.0f;
  return length;
}

double
vtr_target_evaluate (const VtrTarget *self, const float *values, guint n, float *gradient)
{
  switch (self->kind)
    {
    case VTR_TARGET_REST:
      return evaluate_rest (self->a.number, values, n, gradient);
    case VTR_TARGET_EMBEDDING:
      return evaluate_cosine (self, values, n, gradient);
    case VTR_TARGET_PATCH:
    case VTR_TARGET_LENGTH:
      return evaluate_length (values, n, gradient);
    case VTR_TARGET_CLASS:
    case VTR_TARGET_CONTRAST:
      break;
    }

  const gboolean contrast = self->kind == VTR_TARGET_CONTRAST;
  if (gradient != NULL)
    {
      memset (gradient, 0, n * sizeof *gradient);
      gradient[self->a.number] = 1.0f;
      if (contrast)
        gradient[self->b.number] = -1.0f;
    }
  return (double) values[self->a.number] - (contrast ? (double) values[self->b.number] : 0.0);
}
