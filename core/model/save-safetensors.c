/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "base/json.h"
#include "model/store.h"

#include <string.h>

static void
add_numbers (JsonBuilder *json, const char *key, const guint64 *numbers, guint n)
{
  json_builder_set_member_name (json, key);
  json_builder_begin_array (json);
  for (guint i = 0; i < n; i++)
    json_builder_add_int_value (json, (gint64) numbers[i]);
  json_builder_end_array (json);
}

static void
add_notes (JsonBuilder *json, const char *const *notes)
{
  json_builder_set_member_name (json, "__metadata__");
  json_builder_begin_object (json);
  for (; notes[0] != NULL; notes += 2)
    vtr_json_add_text (json, notes[0], notes[1]);
  json_builder_end_object (json);
}

static void
add_tensor (JsonBuilder *json, const VtrSafetensor *tensor, guint64 offsets[2])
{
  offsets[0] = offsets[1];
  offsets[1] += tensor->n_bytes;
  json_builder_set_member_name (json, tensor->name);
  json_builder_begin_object (json);
  vtr_json_add_text (json, "dtype", tensor->dtype);
  add_numbers (json, "shape", tensor->shape, tensor->n_dims);
  add_numbers (json, "data_offsets", offsets, 2);
  json_builder_end_object (json);
}

GBytes *
vtr_safetensors_make_header (const char *const *notes,
                             const VtrSafetensor *tensors,
                             guint n_tensors)
{
  g_autoptr (JsonBuilder) json = json_builder_new ();
  guint64 offsets[2] = { 0, 0 };

  json_builder_begin_object (json);
  add_notes (json, notes);
  for (guint i = 0; i < n_tensors; i++)
    add_tensor (json, &tensors[i], offsets);
  json_builder_end_object (json);

  /* Spaces at the end align the tensors to 8 bytes. */
  g_autoptr (JsonNode) root = json_builder_get_root (json);
  g_autofree char *text = json_to_string (root, FALSE);
  const gsize n_text = strlen (text);
  const gsize n_header = n_text + (-n_text & 7);
  const guint64 length = GUINT64_TO_LE ((guint64) n_header);
  char *header = g_malloc (sizeof length + n_header);

  memcpy (header, &length, sizeof length);
  memcpy (header + sizeof length, text, n_text);
  memset (header + sizeof length + n_text, ' ', n_header - n_text);
  return g_bytes_new_take (header, sizeof length + n_header);
}
