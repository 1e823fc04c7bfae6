/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/config.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#define MAX_CONFIG_SIZE (64 << 20) /* bytes; labels of large heads make some megabytes */
#define MAX_CONFIG_DEPTH 64        /* json-glib recurses: bound its stack */
#define MAX_LABELS (1 << 20)

struct _VtrConfig
{
  JsonNode *root;
  JsonObject *object; /* owned by root */
  char *label;
};

/* Nesting of brackets outside strings. */
static gboolean
is_too_deep (const char *text, gsize n)
{
  guint depth = 0;
  gboolean in_string = FALSE;

  for (gsize i = 0; i < n; i++)
    {
      const char c = text[i];
      if (in_string && c == '\\')
        i++;
      else if (c == '"')
        in_string = !in_string;
      else if (!in_string && (c == '{' || c == '['))
        {
          if (++depth > MAX_CONFIG_DEPTH)
            return TRUE;
        }
      else if (!in_string && (c == '}' || c == ']') && depth > 0)
        depth--;
    }
  return FALSE;
}

static VtrConfig *
config_new (JsonNode *root, const char *label)
{
  VtrConfig *self = g_new0 (VtrConfig, 1);

  self->root = json_node_ref (root);
  self->object = json_node_get_object (root);
  self->label = g_strdup (label);
  return self;
}

void
vtr_config_unref (VtrConfig *self)
{
  if (self == NULL)
    return;
  json_node_unref (self->root);
  g_free (self->label);
  g_free (self);
}

VtrConfig *
vtr_config_parse (GBytes *bytes, const char *label, GError **error)
{
  gsize n;
  const char *text = g_bytes_get_data (bytes, &n);
  g_autoptr (GError) why = NULL;

  if (n > MAX_CONFIG_SIZE || is_too_deep (text, n))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
                   "%s: this is no configuration: it is larger than %d MiB or nested deeper than "
                   "%d levels.",
                   label, MAX_CONFIG_SIZE >> 20, MAX_CONFIG_DEPTH);
      return NULL;
    }

  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  if (n == 0 || !g_utf8_validate (text, (gssize) n, NULL) ||
      !json_parser_load_from_data (parser, text, (gssize) n, &why))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT, "%s: this is not valid JSON (%s).", label,
                   why != NULL ? why->message
                   : n == 0    ? "it is empty"
                               : "it is not UTF-8");
      return NULL;
    }
  JsonNode *root = json_parser_get_root (parser);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT, "%s: this is JSON, but no object.", label);
      return NULL;
    }
  return config_new (root, label);
}

VtrConfig *
vtr_config_read (const char *path, GError **error)
{
  g_autoptr (GError) why = NULL;
  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, &why);

  if (file == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_IO, "%s cannot be read: %s.", path, why->message);
      return NULL;
    }
  g_autoptr (GBytes) bytes = g_mapped_file_get_bytes (file);
  return vtr_config_parse (bytes, path, error);
}

const char *
vtr_config_get_label (VtrConfig *self)
{
  return self->label;
}

static gboolean
wrong_type (VtrConfig *self, const char *key, const char *expected, GError **error)
{
  g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT, "%s: “%s” is not %s.", self->label, key,
               expected);
  return FALSE;
}

/* NULL where the key is absent or null. */
static JsonNode *
find (VtrConfig *self, const char *key)
{
  JsonNode *node = json_object_get_member (self->object, key);

  return node != NULL && !JSON_NODE_HOLDS_NULL (node) ? node : NULL;
}

gboolean
vtr_config_has (VtrConfig *self, const char *key)
{
  return find (self, key) != NULL;
}

VtrConfig *
vtr_config_get_child (VtrConfig *self, const char *key, GError **error)
{
  JsonNode *node = find (self, key);

  if (node == NULL)
    return NULL;
  if (!JSON_NODE_HOLDS_OBJECT (node))
    {
      wrong_type (self, key, "an object", error);
      return NULL;
    }
  g_autofree char *label = g_strdup_printf ("%s, %s", self->label, key);
  return config_new (node, label);
}

GPtrArray *
vtr_config_get_keys (VtrConfig *self)
{
  GPtrArray *keys = g_ptr_array_new ();
  g_autoptr (GList) members = json_object_get_members (self->object);

  for (GList *member = members; member != NULL; member = member->next)
    g_ptr_array_add (keys, member->data);
  return keys;
}

static gboolean
node_get_double (JsonNode *node, double *value)
{
  if (!JSON_NODE_HOLDS_VALUE (node))
    return FALSE;
  const GType type = json_node_get_value_type (node);
  if (type != G_TYPE_INT64 && type != G_TYPE_DOUBLE)
    return FALSE;
  const double number = json_node_get_double (node);
  if (!isfinite (number))
    return FALSE;
  *value = number;
  return TRUE;
}

static gboolean
node_get_uint (JsonNode *node, guint *value)
{
  double number;

  if (!node_get_double (node, &number) || number < 0 || number > G_MAXINT ||
      number != floor (number))
    return FALSE;
  *value = (guint) number;
  return TRUE;
}

gboolean
vtr_config_get_uint (VtrConfig *self, const char *key, guint *value, GError **error)
{
  JsonNode *node = find (self, key);

  return node == NULL || node_get_uint (node, value) ||
         wrong_type (self, key, "a whole number that makes sense", error);
}

gboolean
vtr_config_get_double (VtrConfig *self, const char *key, double *value, GError **error)
{
  JsonNode *node = find (self, key);

  return node == NULL || node_get_double (node, value) || wrong_type (self, key, "a number", error);
}

gboolean
vtr_config_get_boolean (VtrConfig *self, const char *key, gboolean *value, GError **error)
{
  JsonNode *node = find (self, key);

  if (node == NULL)
    return TRUE;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_BOOLEAN)
    return wrong_type (self, key, "true or false", error);
  *value = json_node_get_boolean (node);
  return TRUE;
}

static const char *
node_get_string (JsonNode *node)
{
  return JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING
             ? json_node_get_string (node)
             : NULL;
}

gboolean
vtr_config_get_string (VtrConfig *self, const char *key, const char **value, GError **error)
{
  JsonNode *node = find (self, key);

  if (node == NULL)
    return TRUE;
  const char *text = node_get_string (node);
  if (text == NULL)
    return wrong_type (self, key, "a string", error);
  *value = text;
  return TRUE;
}

static gboolean
put_label (GPtrArray *labels, guint index, JsonNode *node)
{
  const char *text = node_get_string (node);

  if (text == NULL || index >= MAX_LABELS)
    return FALSE;
  if (index >= labels->len)
    g_ptr_array_set_size (labels, (int) index + 1);
  g_free (labels->pdata[index]);
  labels->pdata[index] = g_strdup (text);
  return TRUE;
}

static gboolean
labels_from_object (GPtrArray *labels, JsonObject *object)
{
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;
  guint64 index;

  json_object_iter_init (&iter, object);
  while (json_object_iter_next (&iter, &name, &node))
    if (!g_ascii_string_to_unsigned (name, 10, 0, MAX_LABELS - 1, &index, NULL) ||
        !put_label (labels, (guint) index, node))
      return FALSE;
  return TRUE;
}

static gboolean
labels_from_array (GPtrArray *labels, JsonArray *array)
{
  for (guint i = 0; i < json_array_get_length (array); i++)
    if (!put_label (labels, i, json_array_get_element (array, i)))
      return FALSE;
  return TRUE;
}

gboolean
vtr_config_get_strings (VtrConfig *self, const char *key, GPtrArray **values, GError **error)
{
  JsonNode *node = find (self, key);
  g_autoptr (GPtrArray) labels = g_ptr_array_new_with_free_func (g_free);
  gboolean read = FALSE;

  if (node == NULL)
    return TRUE;
  if (JSON_NODE_HOLDS_OBJECT (node))
    read = labels_from_object (labels, json_node_get_object (node));
  else if (JSON_NODE_HOLDS_ARRAY (node))
    read = labels_from_array (labels, json_node_get_array (node));
  if (!read)
    return wrong_type (self, key, "a list of strings, or an object from numbers to strings", error);
  g_clear_pointer (values, g_ptr_array_unref);
  *values = g_steal_pointer (&labels);
  return TRUE;
}

gboolean
vtr_config_get_numbers (VtrConfig *self, const char *key, double *values, guint n, GError **error)
{
  JsonNode *node = find (self, key);
  double number;

  if (node == NULL)
    return TRUE;
  if (node_get_double (node, &number))
    {
      for (guint i = 0; i < n; i++)
        values[i] = number;
      return TRUE;
    }
  if (!JSON_NODE_HOLDS_ARRAY (node))
    return wrong_type (self, key, "a list of numbers", error);

  JsonArray *array = json_node_get_array (node);
  if (json_array_get_length (array) != n)
    return wrong_type (self, key, "a list of as many numbers as there are channels", error);
  for (guint i = 0; i < n; i++)
    if (!node_get_double (json_array_get_element (array, i), &values[i]))
      return wrong_type (self, key, "a list of numbers", error);
  return TRUE;
}

gboolean
vtr_config_get_uints (VtrConfig *self,
                      const char *key,
                      guint **values,
                      guint *n_values,
                      GError **error)
{
  JsonNode *node = find (self, key);

  if (node == NULL)
    return TRUE;
  if (!JSON_NODE_HOLDS_ARRAY (node))
    return wrong_type (self, key, "a list of whole numbers", error);

  JsonArray *array = json_node_get_array (node);
  const guint n = json_array_get_length (array);
  g_autofree guint *numbers = g_new0 (guint, MAX (n, 1));
  for (guint i = 0; i < n; i++)
    if (!node_get_uint (json_array_get_element (array, i), &numbers[i]))
      return wrong_type (self, key, "a list of whole numbers", error);
  *values = g_steal_pointer (&numbers);
  *n_values = n;
  return TRUE;
}

gboolean
vtr_config_get_table (VtrConfig *self, const char *key, double *values, gsize n, GError **error)
{
  JsonNode *node = find (self, key);
  JsonArray *array =
      node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;

  if (array == NULL || json_array_get_length (array) != n)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
                   "%s: “%s” is not a list of %" G_GSIZE_FORMAT " numbers.", self->label, key, n);
      return FALSE;
    }
  for (guint i = 0; i < n; i++)
    {
      JsonNode *number = json_array_get_element (array, i);
      values[i] = NAN;
      if (!JSON_NODE_HOLDS_NULL (number) && !node_get_double (number, &values[i]))
        return wrong_type (self, key, "a list of numbers", error);
    }
  return TRUE;
}

gboolean
vtr_config_get_size (VtrConfig *self, const char *key, guint *height, guint *width, GError **error)
{
  JsonNode *node = find (self, key);
  guint number;

  if (node == NULL)
    return TRUE;
  if (node_get_uint (node, &number))
    {
      *height = *width = number;
      return TRUE;
    }
  if (JSON_NODE_HOLDS_ARRAY (node))
    {
      JsonArray *array = json_node_get_array (node);
      const guint n = json_array_get_length (array);
      if ((n == 2 || n == 3) && node_get_uint (json_array_get_element (array, n - 2), height) &&
          node_get_uint (json_array_get_element (array, n - 1), width))
        return TRUE;
    }
  return wrong_type (self, key, "a size: a number, or a list of height and width", error);
}
