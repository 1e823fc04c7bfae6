/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/parts.h"

#include <string.h>

static gboolean
is_head (VtrPart part)
{
  return part == VTR_PART_HEAD || part == VTR_PART_HEAD_DISTILLATION ||
         part == VTR_PART_PROJECTION || part == VTR_PART_PRE_LOGITS;
}

static const char *
weight_suffix (const VtrNaming *naming, VtrPart part)
{
  switch (vtr_part_get_kind (part))
    {
    case VTR_PART_IS_MATRIX:
      return naming->matrix_weight;
    case VTR_PART_IS_NORM:
      return naming->norm_weight;
    default:
      return "";
    }
}

static char *
format_name (const char *prefix, const char *pattern, guint layer, const char *suffix)
{
  const char *hash = strchr (pattern, '#');

  if (hash == NULL)
    return g_strconcat (prefix, pattern, suffix, NULL);
  return g_strdup_printf ("%s%.*s%u%s%s", prefix, (int) (hash - pattern), pattern, layer, hash + 1,
                          suffix);
}

/* The next shorter prefix: "module.vit." → "module." → "".  NULL after "". */
static char *
shorten (const char *prefix)
{
  gsize n = strlen (prefix);

  if (n == 0)
    return NULL;
  for (n--; n > 0 && prefix[n - 1] != '.' && prefix[n - 1] != '/'; n--)
    ;
  return g_strndup (prefix, n);
}

static gboolean
look_up_name (VtrStore *store,
              const VtrNaming *naming,
              const char *prefix,
              VtrPart part,
              const char *pattern,
              guint layer,
              VtrFound *found)
{
  g_autofree char *weight = format_name (prefix, pattern, layer, weight_suffix (naming, part));

  found->weight = vtr_store_find (store, weight);
  if (found->weight == NULL)
    return FALSE;
  if (vtr_part_get_kind (part) != VTR_PART_IS_VALUES)
    {
      g_autofree char *bias = format_name (prefix, pattern, layer, naming->bias);
      found->bias = vtr_store_find (store, bias);
    }
  return TRUE;
}

VtrFound
vtr_parts_look_up (VtrStore *store,
                   const VtrNaming *naming,
                   const char *prefix,
                   VtrPart part,
                   guint layer)
{
  const VtrPartNames *names = vtr_naming_find (naming, part);
  g_autofree char *at = g_strdup (prefix);
  VtrFound found = { 0 };

  while (names != NULL && at != NULL)
    {
      for (guint i = 0; i < VTR_MAX_NAMES && names->names[i] != NULL; i++)
        if (look_up_name (store, naming, at, part, names->names[i], layer, &found))
          {
            found.name = i;
            return found;
          }
      /* Heads stand beside the tower, not in it. */
      char *shorter = is_head (part) ? shorten (at) : NULL;
      g_free (at);
      at = shorter;
    }
  return found;
}

/* Whether what comes before @end in @name can be a prefix. */
static gboolean
is_prefix (const char *name, gsize n)
{
  return n == 0 || name[n - 1] == '.' || name[n - 1] == '/';
}

char *
vtr_parts_find_prefix (VtrStore *store, const VtrNaming *naming, GError **error)
{
  const VtrPartNames *patch = vtr_naming_find (naming, VTR_PART_PATCH);
  g_autofree char *end = g_strconcat (patch->names[0], naming->matrix_weight, NULL);
  const char *found = NULL;

  for (guint i = 0; i < vtr_store_get_n_tensors (store); i++)
    {
      const char *name = vtr_store_get_tensor (store, i)->name;
      if (!g_str_has_suffix (name, end) || !is_prefix (name, strlen (name) - strlen (end)))
        continue;
      if (found != NULL)
        {
          g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
                       "%s: there is more than one model in it (%s and %s); save the one to be "
                       "looked at by itself.",
                       vtr_store_get_label (store), found, name);
          return NULL;
        }
      found = name;
    }
  return found != NULL ? g_strndup (found, strlen (found) - strlen (end)) : NULL;
}

guint
vtr_parts_count_layers (VtrStore *store, const VtrNaming *naming, const char *prefix)
{
  guint n = 0;

  while (vtr_parts_look_up (store, naming, prefix, VTR_PART_NORM1, n).weight != NULL)
    n++;
  return n;
}

VtrParts *
vtr_parts_new (VtrStore *store, const VtrNaming *naming, const char *prefix, guint n_layers)
{
  VtrParts *self = g_new0 (VtrParts, 1);

  self->store = store;
  self->naming = naming;
  self->prefix = g_strdup (prefix);
  self->n_layers = n_layers;
  self->layers = g_new0 (VtrFound, (gsize) n_layers * VTR_N_LAYER_PARTS);
  for (guint part = 0; part < VTR_FIRST_LAYER_PART; part++)
    self->whole[part] = vtr_parts_look_up (store, naming, prefix, part, 0);
  for (guint layer = 0; layer < n_layers; layer++)
    for (guint i = 0; i < VTR_N_LAYER_PARTS; i++)
      self->layers[layer * VTR_N_LAYER_PARTS + i] =
          vtr_parts_look_up (store, naming, prefix, VTR_FIRST_LAYER_PART + i, layer);
  return self;
}

void
vtr_parts_free (VtrParts *self)
{
  if (self == NULL)
    return;
  g_free (self->prefix);
  g_free (self->layers);
  g_free (self);
}

const VtrFound *
vtr_parts_get (const VtrParts *self, VtrPart part, guint layer)
{
  return part < VTR_FIRST_LAYER_PART
             ? &self->whole[part]
             : &self->layers[layer * VTR_N_LAYER_PARTS + part - VTR_FIRST_LAYER_PART];
}

char *
vtr_parts_format_names (const VtrParts *self, VtrPart part, guint layer, gboolean bias)
{
  const VtrPartNames *names = vtr_naming_find (self->naming, part);
  const char *suffix = bias ? self->naming->bias : weight_suffix (self->naming, part);
  GString *text = g_string_new (NULL);

  for (guint i = 0; names != NULL && i < VTR_MAX_NAMES && names->names[i] != NULL; i++)
    {
      g_autofree char *name = format_name (self->prefix, names->names[i], layer, suffix);
      g_string_append_printf (text, "%s%s", i > 0 ? ", " : "", name);
    }
  return g_string_free (text, FALSE);
}

char *
vtr_parts_format_name (const VtrParts *self, VtrPart part, guint layer, gboolean bias)
{
  return format_name ("", vtr_naming_find (self->naming, part)->names[0], layer,
                      bias ? self->naming->bias : weight_suffix (self->naming, part));
}

void
vtr_parts_get_shape (const VtrParts *self,
                     VtrPart part,
                     const VtrStored *stored,
                     guint64 *n_out,
                     guint64 *n_in)
{
  const guint64 *shape = stored->shape;
  const guint n_dims = stored->n_dims;

  *n_out = stored->n_values;
  *n_in = 1;
  if (vtr_part_get_kind (part) != VTR_PART_IS_MATRIX || n_dims < 2 || stored->n_values == 0)
    return;
  if (!self->naming->is_jax && !stored->transposed)
    *n_out = shape[0];
  else if (part == VTR_PART_Q || part == VTR_PART_K || part == VTR_PART_V)
    *n_out = stored->n_values / shape[0];
  else
    *n_out = shape[n_dims - 1];
  *n_in = stored->n_values / *n_out;
}

static gboolean
is_ignored (const VtrNaming *naming, const char *name)
{
  for (guint i = 0; naming->ignored[i] != NULL; i++)
    if (naming->ignored[i][0] == '*' ? g_str_has_suffix (name, naming->ignored[i] + 1)
                                     : g_str_has_prefix (name, naming->ignored[i]))
      return TRUE;
  return FALSE;
}

static void
note_used (GHashTable *used, const VtrFound *found)
{
  if (found->weight != NULL)
    g_hash_table_add (used, (gpointer) found->weight);
  if (found->bias != NULL)
    g_hash_table_add (used, (gpointer) found->bias);
}

gboolean
vtr_parts_find_layer (const VtrParts *self,
                      const char *name,
                      gsize *start,
                      gsize *end,
                      guint *layer)
{
  const VtrPartNames *names = vtr_naming_find (self->naming, VTR_PART_NORM1);
  const gsize n_prefix = strlen (self->prefix);

  if (strncmp (name, self->prefix, n_prefix) != 0)
    return FALSE;
  for (guint i = 0; i < VTR_MAX_NAMES && names->names[i] != NULL; i++)
    {
      const gsize n = strcspn (names->names[i], "#");
      const char *number = name + n_prefix + n;

      if (strncmp (name + n_prefix, names->names[i], n) != 0 || !g_ascii_isdigit (*number))
        continue;
      *start = n_prefix + n;
      *end = *start + strspn (number, G_CSET_DIGITS);
      *layer = (guint) MIN (g_ascii_strtoull (number, NULL, 10), G_MAXINT);
      return TRUE;
    }
  return FALSE;
}

/* Whether @name is of a layer after the last. */
static gboolean
is_of_later_layer (const VtrParts *self, const char *name)
{
  gsize start, end;
  guint layer;

  return vtr_parts_find_layer (self, name, &start, &end, &layer) && layer >= self->n_layers;
}

gboolean
vtr_parts_check_leftovers (const VtrParts *self, GError **error)
{
  g_autoptr (GHashTable) used = g_hash_table_new (NULL, NULL);
  const gsize n_prefix = strlen (self->prefix);

  /* ONNX files keep constants of the graph among the weights. */
  if (strcmp (vtr_store_get_format (self->store), "onnx") == 0)
    return TRUE;
  for (guint part = 0; part < VTR_FIRST_LAYER_PART; part++)
    note_used (used, &self->whole[part]);
  for (gsize i = 0; i < (gsize) self->n_layers * VTR_N_LAYER_PARTS; i++)
    note_used (used, &self->layers[i]);
  for (guint i = 0; i < vtr_store_get_n_tensors (self->store); i++)
    {
      const VtrStored *stored = vtr_store_get_tensor (self->store, i);
      const char *name = stored->name;

      if (g_hash_table_contains (used, stored) || strncmp (name, self->prefix, n_prefix) != 0 ||
          is_ignored (self->naming, name + n_prefix) || is_of_later_layer (self, name))
        continue;
      g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
                   "%s: the tensor %s is of a kind of model that Vitreous does not know: it would "
                   "change the result and must not be left out.",
                   vtr_store_get_label (self->store), name);
      return FALSE;
    }
  return TRUE;
}
