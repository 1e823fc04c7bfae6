/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "settings.h"
#include "i18n.h"

#include <json-glib/json-glib.h>
#include <string.h>

struct _VgpSettings
{
  GObject parent_instance;
  VgpProcedures procedure;
  GHashTable *texts; /* of the procedure's fields: name → char * */
};

G_DEFINE_FINAL_TYPE (VgpSettings, vgp_settings, G_TYPE_OBJECT)

static guint changed_signal;

static void
vgp_settings_finalize (GObject *object)
{
  g_hash_table_unref (VGP_SETTINGS (object)->texts);
  G_OBJECT_CLASS (vgp_settings_parent_class)->finalize (object);
}

static void
vgp_settings_class_init (VgpSettingsClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vgp_settings_finalize;
  changed_signal =
      g_signal_new ("changed", VGP_TYPE_SETTINGS, G_SIGNAL_RUN_LAST | G_SIGNAL_DETAILED, 0, NULL,
                    NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void
vgp_settings_init (VgpSettings *self)
{
  self->texts = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
}

VgpSettings *
vgp_settings_new (VgpProcedures procedure)
{
  VgpSettings *self = g_object_new (VGP_TYPE_SETTINGS, NULL);
  guint n_fields;
  const VgpField *fields = vgp_fields_get (&n_fields);

  self->procedure = procedure;
  for (guint i = 0; i < n_fields; i++)
    if (fields[i].procedures & procedure)
      g_hash_table_insert (self->texts, (gpointer) fields[i].name,
                           g_strdup (fields[i].default_text));
  return self;
}

VgpSettings *
vgp_settings_copy (VgpSettings *self)
{
  VgpSettings *copy = vgp_settings_new (self->procedure);

  vgp_settings_assign (copy, self);
  return copy;
}

VgpProcedures
vgp_settings_get_procedure (VgpSettings *self)
{
  return self->procedure;
}

gboolean
vgp_settings_has (VgpSettings *self, const char *name)
{
  return g_hash_table_contains (self->texts, name);
}

const char *
vgp_settings_get (VgpSettings *self, const char *name)
{
  const char *text = g_hash_table_lookup (self->texts, name);

  g_return_val_if_fail (text != NULL, "");
  return text;
}

double
vgp_settings_get_number (VgpSettings *self, const char *name)
{
  return g_ascii_strtod (vgp_settings_get (self, name), NULL);
}

gboolean
vgp_settings_get_switch (VgpSettings *self, const char *name)
{
  return strcmp (vgp_settings_get (self, name), "yes") == 0;
}

static gboolean
check_number (const VgpField *field, const char *text, GError **error)
{
  char *end;
  const double number = g_ascii_strtod (text, &end);

  if (end != text && *end == '\0' && number >= field->min && number <= field->max)
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               _ ("“%s” cannot be %s: it is a number from %g to %g."), field->name, text,
               field->min, field->max);
  return FALSE;
}

static gboolean
check_choice (const VgpField *field, const char *const *choices, const char *text, GError **error)
{
  if (g_strv_contains (choices, text))
    return TRUE;
  g_autofree char *known = g_strjoinv (", ", (char **) choices);
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE, _ ("“%s” cannot be “%s”: it is one of %s."),
               field->name, text, known);
  return FALSE;
}

/* What a text means must be found out by the library; here it is whether the field can hold it. */
static gboolean
check (const VgpField *field, const char *text, GError **error)
{
  static const char *const switch_texts[] = { "yes", "no", NULL };

  switch (field->kind)
    {
    case VGP_FIELD_CHOICE:
      return check_choice (field, field->choices, text, error);
    case VGP_FIELD_SWITCH:
      return check_choice (field, switch_texts, text, error);
    case VGP_FIELD_NUMBER:
      return check_number (field, text, error);
    case VGP_FIELD_TEXT:
    case VGP_FIELD_CLASS:
    case VGP_FIELD_FILE:
    case VGP_FIELD_MODEL:
    default:
      return TRUE;
    }
}

/* The procedure's field of that name, or NULL with an error. */
static const VgpField *
find_field (VgpSettings *self, const char *name, GError **error)
{
  const VgpField *field = vgp_fields_find (name);

  if (field != NULL && field->procedures & self->procedure)
    return field;
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE, _ ("There is no setting “%s”."), name);
  return NULL;
}

/* @text is known to be good. */
static void
put (VgpSettings *self, const VgpField *field, const char *text)
{
  if (strcmp (vgp_settings_get (self, field->name), text) == 0)
    return;
  g_hash_table_insert (self->texts, (gpointer) field->name, g_strdup (text));
  g_signal_emit (self, changed_signal, g_quark_from_string (field->name), field->name);
}

gboolean
vgp_settings_set (VgpSettings *self, const char *name, const char *text, GError **error)
{
  const VgpField *field = find_field (self, name, error);

  if (field == NULL || !check (field, text, error))
    return FALSE;
  put (self, field, text);
  return TRUE;
}

void
vgp_settings_assign (VgpSettings *self, VgpSettings *other)
{
  guint n_fields;
  const VgpField *fields = vgp_fields_get (&n_fields);

  for (guint i = 0; i < n_fields; i++)
    if (vgp_settings_has (self, fields[i].name) && vgp_settings_has (other, fields[i].name))
      put (self, &fields[i], vgp_settings_get (other, fields[i].name));
}

void
vgp_settings_reset (VgpSettings *self)
{
  g_autoptr (VgpSettings) fresh = vgp_settings_new (self->procedure);

  vgp_settings_assign (self, fresh);
}

char *
vgp_settings_to_json (VgpSettings *self)
{
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_OBJECT);
  g_autoptr (JsonObject) object = json_object_new ();
  guint n_fields;
  const VgpField *fields = vgp_fields_get (&n_fields);

  for (guint i = 0; i < n_fields; i++)
    if (vgp_settings_has (self, fields[i].name))
      json_object_set_string_member (object, fields[i].name,
                                     vgp_settings_get (self, fields[i].name));
  json_node_set_object (root, object);
  return json_to_string (root, FALSE);
}

gboolean
vgp_settings_read_json (VgpSettings *self, const char *json, GError **error)
{
  g_autoptr (JsonNode) root = json_from_string (json, error);
  guint n_fields;
  const VgpField *fields = vgp_fields_get (&n_fields);

  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    {
      if (error == NULL || *error == NULL)
        g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT, _ ("These are no settings of Vitreous."));
      return FALSE;
    }
  JsonObject *object = json_node_get_object (root);
  for (guint i = 0; i < n_fields; i++)
    {
      JsonNode *member = json_object_get_member (object, fields[i].name);

      if (member != NULL && json_node_get_value_type (member) == G_TYPE_STRING &&
          vgp_settings_has (self, fields[i].name) &&
          check (&fields[i], json_node_get_string (member), NULL))
        put (self, &fields[i], json_node_get_string (member));
    }
  return TRUE;
}

static gboolean
read_pair (VgpSettings *self, const char *pair, GError **error)
{
  g_auto (GStrv) sides = g_strsplit (pair, "=", 2);

  if (g_strv_length (sides) != 2)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   _ ("“%s” is no setting: write them as “name=value; name=value”."), pair);
      return FALSE;
    }
  return vgp_settings_set (self, g_strstrip (sides[0]), g_strstrip (sides[1]), error);
}

/* Splits at each “;”, but a piece that is no pair belongs to the value before: "query=1,2;3,4". */
static GPtrArray *
split_pairs (const char *pairs)
{
  GPtrArray *split = g_ptr_array_new_with_free_func (g_free);
  g_auto (GStrv) pieces = g_strsplit (pairs, ";", -1);

  for (guint i = 0; pieces[i] != NULL; i++)
    {
      const char *piece = g_strstrip (pieces[i]);

      if (*piece == '\0')
        continue;
      if (strchr (piece, '=') != NULL || split->len == 0)
        {
          g_ptr_array_add (split, g_strdup (piece));
          continue;
        }
      char **last = (char **) &split->pdata[split->len - 1];
      g_autofree char *before = *last;
      *last = g_strconcat (before, ";", piece, NULL);
    }
  return split;
}

gboolean
vgp_settings_read_pairs (VgpSettings *self, const char *pairs, GError **error)
{
  g_autoptr (VgpSettings) trial = vgp_settings_copy (self);
  g_autoptr (GPtrArray) all = split_pairs (pairs);

  for (guint i = 0; i < all->len; i++)
    if (!read_pair (trial, g_ptr_array_index (all, i), error))
      return FALSE;
  vgp_settings_assign (self, trial);
  return TRUE;
}

gboolean
vgp_settings_applies (VgpSettings *self, const VgpField *field)
{
  const char *method = vgp_settings_get (self, "method");
  guint n_params;

  /* What explains nothing can be scored by a target all the same. */
  if (field->group == VGP_GROUP_TARGET)
    return vtr_method_takes_target (method) ||
           (vgp_settings_has (self, "score") && vgp_settings_get_switch (self, "score"));
  if (!field->of_method)
    return TRUE;
  const VtrMethodParam *const *params = vtr_method_get_params (method, &n_params);
  for (guint i = 0; i < n_params; i++)
    if (strcmp (params[i]->name, field->name) == 0)
      return TRUE;
  return FALSE;
}
