/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* Members of the object a JsonBuilder is in. */
#include <json-glib/json-glib.h>

void vtr_json_add_int (JsonBuilder *json, const char *key, gint64 value);

/* null where @value is no number, which JSON cannot say. */
void vtr_json_add_double (JsonBuilder *json, const char *key, double value);

/* The same as an element of an array. */
void vtr_json_add_number (JsonBuilder *json, double value);

void vtr_json_add_boolean (JsonBuilder *json, const char *key, gboolean value);

/* null where there is no text. */
void vtr_json_add_text (JsonBuilder *json, const char *key, const char *text);

/* An array. */
void vtr_json_add_uints (JsonBuilder *json, const char *key, const guint *values, guint n_values);

/* An array, null for each that is no number. */
void
vtr_json_add_doubles (JsonBuilder *json, const char *key, const double *values, guint n_values);
