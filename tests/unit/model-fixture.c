/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model-fixture.h"

#include <glib/gstdio.h>
#include <string.h>

void
fixture_remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);
      fixture_remove_tree (child);
    }
  g_remove (path);
}

static Fixture *
fixture_new (void)
{
  g_autoptr (GError) error = NULL;
  Fixture *self = g_new0 (Fixture, 1);

  self->directory = g_dir_make_tmp ("vitreous-model-XXXXXX", &error);
  g_assert_no_error (error);
  self->names = g_ptr_array_new_with_free_func (g_free);
  self->shapes = g_ptr_array_new_with_free_func (g_free);
  self->values =
      g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) g_byte_array_unref);
  return self;
}

void
fixture_free (Fixture *self)
{
  fixture_remove_tree (self->directory);
  g_free (self->directory);
  g_hash_table_unref (self->values);
  g_ptr_array_unref (self->names);
  g_ptr_array_unref (self->shapes);
  g_free (self);
}

static guint
count_values (const char *shape)
{
  guint n = 1;

  for (const char *at = shape; *at != '\0'; at++)
    if (g_ascii_isdigit (*at))
      n *= (guint) g_ascii_strtoull (at, (char **) &at, 10);
  return n;
}

void
fixture_add (Fixture *self, const char *name, const char *shape)
{
  const guint n = count_values (shape);
  GByteArray *bytes = g_byte_array_new ();

  for (guint i = 0; i < n; i++)
    {
      const float value = (float) ((g_str_hash (name) + i * 7) % 101) / 50.0f - 1.0f;
      g_byte_array_append (bytes, (const guint8 *) &value, sizeof value);
    }
  char *copy = g_strdup (name);
  g_ptr_array_add (self->names, copy);
  g_ptr_array_add (self->shapes, g_strdup (shape));
  g_hash_table_insert (self->values, copy, bytes);
}

void
fixture_remove (Fixture *self, const char *name)
{
  guint index;

  g_assert_true (g_hash_table_remove (self->values, name));
  g_assert_true (g_ptr_array_find_with_equal_func (self->names, name, g_str_equal, &index));
  g_ptr_array_remove_index (self->names, index);
  g_ptr_array_remove_index (self->shapes, index);
}

void
fixture_set_value (Fixture *self, const char *name, guint index, float value)
{
  GByteArray *bytes = g_hash_table_lookup (self->values, name);

  memcpy (bytes->data + index * sizeof value, &value, sizeof value);
}

float
fixture_get_value (Fixture *self, const char *name, guint index)
{
  GByteArray *bytes = g_hash_table_lookup (self->values, name);
  float value;

  g_assert_nonnull (bytes);
  memcpy (&value, bytes->data + index * sizeof value, sizeof value);
  return value;
}

static void
add_layer (Fixture *self, guint layer, gboolean new_names)
{
  static const char *const linears[][4] = {
    { "attention.attention.query", "attention.q_proj", "[8, 8]", "[8]" },
    { "attention.attention.key", "attention.k_proj", "[8, 8]", "[8]" },
    { "attention.attention.value", "attention.v_proj", "[8, 8]", "[8]" },
    { "attention.output.dense", "attention.o_proj", "[8, 8]", "[8]" },
    { "mlp.fc1", "mlp.fc1", "[16, 8]", "[16]" },
    { "mlp.fc2", "mlp.fc2", "[8, 16]", "[8]" },
    { "norm1", "norm1", "[8]", "[8]" },
    { "norm2", "norm2", "[8]", "[8]" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (linears); i++)
    {
      const char *module = linears[i][new_names ? 1 : 0];
      g_autofree char *weight = g_strdup_printf ("encoder.layer.%u.%s.weight", layer, module);
      g_autofree char *bias = g_strdup_printf ("encoder.layer.%u.%s.bias", layer, module);
      fixture_add (self, weight, linears[i][2]);
      fixture_add (self, bias, linears[i][3]);
    }
  for (guint i = 1; i <= 2; i++)
    {
      g_autofree char *scale = g_strdup_printf ("encoder.layer.%u.layer_scale%u.lambda1", layer, i);
      fixture_add (self, scale, "[8]");
    }
}

Fixture *
fixture_new_dinov2 (gboolean new_names)
{
  Fixture *self = fixture_new ();

  fixture_add (self, "embeddings.cls_token", "[1, 1, 8]");
  fixture_add (self, "embeddings.mask_token", "[1, 8]");
  fixture_add (self, "embeddings.position_embeddings", "[1, 10, 8]");
  fixture_add (self, "embeddings.patch_embeddings.projection.weight", "[8, 3, 2, 2]");
  fixture_add (self, "embeddings.patch_embeddings.projection.bias", "[8]");
  for (guint layer = 0; layer < FIXTURE_N_LAYERS; layer++)
    add_layer (self, layer, new_names);
  fixture_add (self, "layernorm.weight", "[8]");
  fixture_add (self, "layernorm.bias", "[8]");
  fixture_write_config (self, "");
  return self;
}

void
fixture_write (Fixture *self, const char *file, const char *text)
{
  g_autofree char *path = g_build_filename (self->directory, file, NULL);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

void
fixture_write_config (Fixture *self, const char *more)
{
  g_autofree char *text =
      g_strdup_printf ("{\"model_type\": \"dinov2\", \"hidden_size\": 8, \"num_hidden_layers\": 2, "
                       "\"num_attention_heads\": 2, \"mlp_ratio\": 2, \"image_size\": 6, "
                       "\"patch_size\": 2%s}",
                       more);
  fixture_write (self, "config.json", text);
}

void
fixture_write_weights (Fixture *self, const char *file, guint first, guint n)
{
  g_autoptr (GString) header = g_string_new ("{");
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autoptr (GByteArray) data = g_byte_array_new ();
  g_autofree char *path = g_build_filename (self->directory, file, NULL);
  g_autoptr (GError) error = NULL;

  for (guint i = first; i < first + n; i++)
    {
      const char *name = self->names->pdata[i];
      const GByteArray *values = g_hash_table_lookup (self->values, name);
      g_string_append_printf (header,
                              "%s\"%s\": {\"dtype\": \"F32\", \"shape\": %s, \"data_offsets\": "
                              "[%u, %u]}",
                              i > first ? ", " : "", name, (char *) self->shapes->pdata[i],
                              data->len, data->len + values->len);
      g_byte_array_append (data, values->data, values->len);
    }
  g_string_append_c (header, '}');
  const guint64 n_header = GUINT64_TO_LE ((guint64) header->len);
  g_byte_array_append (out, (const guint8 *) &n_header, sizeof n_header);
  g_byte_array_append (out, (const guint8 *) header->str, (guint) header->len);
  g_byte_array_append (out, data->data, data->len);
  g_file_set_contents (path, (const char *) out->data, (gssize) out->len, &error);
  g_assert_no_error (error);
}

VtrModel *
fixture_open (Fixture *self, GError **error)
{
  fixture_write_weights (self, "model.safetensors", 0, self->names->len);
  return vtr_model_open (self->directory, error);
}

void
fixture_assert_refused (Fixture *self, VtrError code, ...)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrModel) model = vtr_model_open (self->directory, &error);
  const char *word;
  va_list words;

  g_assert_null (model);
  g_assert_error (error, VTR_ERROR, (gint) code);
  va_start (words, code);
  while ((word = va_arg (words, const char *)) != NULL)
    if (strstr (error->message, word) == NULL)
      g_error ("\"%s\" does not say \"%s\"", error->message, word);
  va_end (words);
}
