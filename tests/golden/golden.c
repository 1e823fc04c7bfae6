/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Reading golden cases: expected.json, and expected.bin which it points into. */
#include "golden.h"

static char *
find_file (const char *first, const char *second)
{
  return g_test_build_filename (G_TEST_DIST, first, second, NULL);
}

/* The model with the head in a file of the case; NULL on failure. */
static void
give_head (GoldenCase *self, GError **error)
{
  g_autofree char *path =
      g_build_filename (self->directory, json_object_get_string_member (self->facts, "head"), NULL);
  g_autoptr (VtrModel) headless = self->model;
  g_autoptr (VtrHead) head = vtr_head_load (path, error);

  self->model = head != NULL ? vtr_model_with_head (headless, head, error) : NULL;
}

GoldenCase *
golden_case_open (const char *name)
{
  GoldenCase *self = g_new0 (GoldenCase, 1);
  g_autoptr (GError) error = NULL;

  self->directory = find_file ("cases", name);
  self->parser = json_parser_new ();

  g_autofree char *json = g_build_filename (self->directory, "expected.json", NULL);
  json_parser_load_from_file (self->parser, json, &error);
  g_assert_no_error (error);
  self->facts = json_node_get_object (json_parser_get_root (self->parser));

  g_autofree char *binary = g_build_filename (self->directory, "expected.bin", NULL);
  g_file_get_contents (binary, (char **) &self->data, &self->n_bytes, &error);
  g_assert_no_error (error);

  g_autofree char *path =
      g_build_filename (self->directory, json_object_get_string_member (self->facts, "path"), NULL);
  self->model = vtr_model_open (path, &error);
  if (self->model != NULL && json_object_has_member (self->facts, "head"))
    give_head (self, &error);
  if (self->model != NULL)
    return self;
  g_test_fail_printf ("%s", error->message);
  golden_case_close (self);
  return NULL;
}

void
golden_case_close (GoldenCase *self)
{
  g_clear_object (&self->model);
  g_object_unref (self->parser);
  g_free (self->data);
  g_free (self->directory);
  g_free (self);
}

guint
golden_case_n_inputs (const GoldenCase *self)
{
  return json_array_get_length (json_object_get_array_member (self->facts, "inputs"));
}

JsonObject *
golden_case_input (const GoldenCase *self, guint index)
{
  return json_array_get_object_element (json_object_get_array_member (self->facts, "inputs"),
                                        index);
}

VtrInput *
golden_case_prepare (const GoldenCase *self, JsonObject *input)
{
  const char *fit = json_object_get_string_member (input, "fit");
  const guint size = (guint) json_object_get_int_member (input, "size");
  g_autofree char *file =
      g_strconcat (json_object_get_string_member (input, "picture"), ".png", NULL);
  g_autofree char *path = find_file ("pictures", file);
  g_autoptr (GError) error = NULL;

  g_autoptr (VtrImage) image = vtr_image_load (path, &error);
  g_assert_no_error (error);
  VtrInput *prepared =
      vtr_input_new (self->model, image, g_str_equal (fit, "train") ? VTR_FIT_TRAIN : VTR_FIT_COVER,
                     size, &error);
  g_assert_no_error (error);
  return prepared;
}

/* Reads where @member lies; returns its first byte, NULL where there is none. */
static const guint8 *
find_array (const GoldenCase *self,
            JsonObject *object,
            const char *member,
            gsize value_size,
            GoldenArray *array)
{
  *array = (GoldenArray){ .n_values = 1 };
  if (!json_object_has_member (object, member))
    return NULL;

  JsonObject *place = json_object_get_object_member (object, member);
  JsonArray *shape = json_object_get_array_member (place, "shape");
  const gsize offset = (gsize) json_object_get_int_member (place, "offset");

  array->n_dims = json_array_get_length (shape);
  g_assert_cmpuint (array->n_dims, <=, G_N_ELEMENTS (array->shape));
  for (guint axis = 0; axis < array->n_dims; axis++)
    {
      array->shape[axis] = (guint) json_array_get_int_element (shape, axis);
      array->n_values *= array->shape[axis];
    }
  g_assert_cmpuint (offset + array->n_values * value_size, <=, self->n_bytes);
  return self->data + offset;
}

gboolean
golden_case_get_array (const GoldenCase *self,
                       JsonObject *object,
                       const char *member,
                       GoldenArray *array)
{
  /* Arrays start at multiples of four. */
  array->values =
      (const float *) (gconstpointer) find_array (self, object, member, sizeof (float), array);
  return array->n_dims > 0;
}

const guint8 *
golden_case_get_pixels (const GoldenCase *self, JsonObject *input, guint width, guint height)
{
  GoldenArray array;
  const guint8 *pixels = find_array (self, input, "pixels", 1, &array);

  if (array.shape[0] == height && array.shape[1] == width)
    return pixels;
  g_test_fail_printf ("%s of %s: %u×%u pixels, wanted %u×%u",
                      json_object_get_string_member (input, "fit"),
                      json_object_get_string_member (input, "picture"), width, height,
                      array.shape[1], array.shape[0]);
  return NULL;
}
