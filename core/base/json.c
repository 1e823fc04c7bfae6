/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "base/json.h"

#include <math.h>
#include <string.h>

/* json-glib ends numbers without a point with “.0”, even 1e-08; their neighbours have one. */
static double
make_printable (double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_dtostr (text, sizeof text, value);
  return strchr (text, 'e') != NULL && strchr (text, '.') == NULL ? nextafter (value, INFINITY)
                                                                  : value;
}

void
vtr_json_add_int (JsonBuilder *json, const char *key, gint64 value)
{
  json_builder_set_member_name (json, key);
  json_builder_add_int_value (json, value);
}

void
vtr_json_add_number (JsonBuilder *json, double value)
{
  if (isfinite (value))
    json_builder_add_double_value (json, make_printable (value));
  else
    json_builder_add_null_value (json);
}

void
vtr_json_add_double (JsonBuilder *json, const char *key, double value)
{
  json_builder_set_member_name (json, key);
  vtr_json_add_number (json, value);
}

void
vtr_json_add_boolean (JsonBuilder *json, const char *key, gboolean value)
{
  json_builder_set_member_name (json, key);
  json_builder_add_boolean_value (json, value);
}

void
vtr_json_add_text (JsonBuilder *json, const char *key, const char *text)
{
  json_builder_set_member_name (json, key);
  if (text != NULL)
    json_builder_add_string_value (json, text);
  else
    json_builder_add_null_value (json);
}

void
vtr_json_add_doubles (JsonBuilder *json, const char *key, const double *values, guint n_values)
{
  json_builder_set_member_name (json, key);
  json_builder_begin_array (json);
  for (guint i = 0; i < n_values; i++)
    vtr_json_add_number (json, values[i]);
  json_builder_end_array (json);
}

void
vtr_json_add_uints (JsonBuilder *json, const char *key, const guint *values, guint n_values)
{
  json_builder_set_member_name (json, key);
  json_builder_begin_array (json);
  for (guint i = 0; i < n_values; i++)
    json_builder_add_int_value (json, values[i]);
  json_builder_end_array (json);
}
