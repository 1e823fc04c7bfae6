/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* The table of methods, and VtrMethod: a row of it with values for its parameters. */
#include "explain/explain.h"

static const VtrMethodKind *const kinds[] = {
  &vtr_method_raw,       &vtr_method_rollout, &vtr_method_grad_rollout,
  &vtr_method_relevance, &vtr_method_legrad,  &vtr_method_gradcam,
};

struct _VtrMethod
{
  GObject parent_instance;
  const VtrMethodKind *kind;
  char **values;     /* [number of parameters] */
  VtrTarget *target; /* NULL for the default */
};

struct _VtrMethodClass
{
  GObjectClass parent_class;
};

typedef struct _VtrMethodClass VtrMethodClass;

G_DEFINE_FINAL_TYPE (VtrMethod, vtr_method, G_TYPE_OBJECT)

static void
vtr_method_finalize (GObject *object)
{
  VtrMethod *self = (VtrMethod *) object;

  g_strfreev (self->values);
  g_clear_pointer (&self->target, vtr_target_unref);
  G_OBJECT_CLASS (vtr_method_parent_class)->finalize (object);
}

static void
vtr_method_class_init (VtrMethodClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vtr_method_finalize;
}

static void
vtr_method_init (VtrMethod *self)
{
  (void) self;
}

static const VtrMethodKind *
find_kind (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (g_str_equal (kinds[i]->name, name))
      return kinds[i];
  return NULL;
}

static guint
count_params (const VtrMethodKind *kind)
{
  guint n_params = 0;

  while (kind->params[n_params] != NULL)
    n_params++;
  return n_params;
}

/* Index of a parameter, or the number of parameters. */
static guint
find_param (const VtrMethodKind *kind, const char *name)
{
  const guint n_params = count_params (kind);

  for (guint i = 0; i < n_params; i++)
    if (g_str_equal (kind->params[i]->public.name, name))
      return i;
  return n_params;
}

const char *const *
vtr_method_list (void)
{
  static const char *names[G_N_ELEMENTS (kinds) + 1];
  static gsize once;

  if (g_once_init_enter (&once))
    {
      for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
        names[i] = kinds[i]->name;
      g_once_init_leave (&once, 1);
    }
  return names;
}

const char *
vtr_method_get_summary (const char *name)
{
  g_return_val_if_fail (name != NULL, NULL);

  const VtrMethodKind *kind = find_kind (name);
  return kind != NULL ? kind->summary : NULL;
}

const VtrMethodParam *const *
vtr_method_get_params (const char *name, guint *n_params)
{
  g_return_val_if_fail (name != NULL, NULL);
  g_return_val_if_fail (n_params != NULL, NULL);

  const VtrMethodKind *kind = find_kind (name);

  *n_params = kind != NULL ? count_params (kind) : 0;
  /* A VtrParam starts with its public part. */
  return kind != NULL ? (const VtrMethodParam *const *) kind->params : NULL;
}

static VtrMethod *
new_of_kind (const VtrMethodKind *kind)
{
  const guint n_params = count_params (kind);
  VtrMethod *self = g_object_new (VTR_TYPE_METHOD, NULL);

  self->kind = kind;
  self->values = g_new0 (char *, n_params + 1);
  for (guint i = 0; i < n_params; i++)
    self->values[i] = g_strdup (kind->params[i]->public.default_text);
  return self;
}

VtrMethod *
vtr_method_new (const char *name, GError **error)
{
  g_return_val_if_fail (name != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  const VtrMethodKind *kind = find_kind (name);
  if (kind != NULL)
    return new_of_kind (kind);

  g_autofree char *names = g_strjoinv (", ", (char **) vtr_method_list ());
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE, "There is no method “%s”: choose one of %s", name,
               names);
  return NULL;
}

VtrMethod *
vtr_method_copy (VtrMethod *self)
{
  VtrMethod *copy = new_of_kind (self->kind);

  g_strfreev (copy->values);
  copy->values = g_strdupv (self->values);
  copy->target = self->target != NULL ? vtr_target_ref (self->target) : NULL;
  return copy;
}

gboolean
vtr_method_set (VtrMethod *self, const char *param, const char *text, GError **error)
{
  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (param != NULL && text != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  const guint index = find_param (self->kind, param);
  if (self->kind->params[index] == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE, "The method “%s” has no parameter “%s”",
                   self->kind->name, param);
      return FALSE;
    }
  if (!vtr_param_check (self->kind->params[index], text, error))
    return FALSE;

  g_free (self->values[index]);
  self->values[index] = g_strdup (text);
  return TRUE;
}

gboolean
vtr_method_takes_target (const char *name)
{
  g_return_val_if_fail (name != NULL, FALSE);

  const VtrMethodKind *kind = find_kind (name);
  return kind != NULL && kind->has_target;
}

void
vtr_method_set_target (VtrMethod *self, VtrTarget *target)
{
  g_return_if_fail (self != NULL);

  if (target != NULL)
    vtr_target_ref (target);
  g_clear_pointer (&self->target, vtr_target_unref);
  self->target = target;
}

VtrTarget *
vtr_method_get_target (VtrMethod *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->target;
}

const char *
vtr_method_get_name (VtrMethod *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->kind->name;
}

const char *
vtr_method_get (VtrMethod *self, const char *param)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (param != NULL, NULL);

  return self->values[find_param (self->kind, param)];
}

const VtrMethodKind *
vtr_method_get_kind (VtrMethod *self)
{
  return self->kind;
}
