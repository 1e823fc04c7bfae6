/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "pictures.h"

char *
pictures_path_to (const char *name)
{
  return g_test_build_filename (G_TEST_DIST, name, NULL);
}

static JsonArray *
list_pictures (const Pictures *self)
{
  return json_object_get_array_member (json_node_get_object (json_parser_get_root (self->parser)),
                                       "pictures");
}

static VtrInput *
load_input (const Pictures *self, guint picture)
{
  JsonObject *facts = json_array_get_object_element (list_pictures (self), picture);
  g_autofree char *path =
      g_test_build_filename (G_TEST_DIST, "pictures", json_object_get_string_member (facts, "file"),
                             NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrImage) image = vtr_image_load (path, &error);

  g_assert_no_error (error);
  VtrInput *input = vtr_input_new (self->model, image, VTR_FIT_TRAIN, 0, &error);
  g_assert_no_error (error);
  return input;
}

void
pictures_init (Pictures *self, const char *model_path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrDevice) device = vtr_device_open (g_getenv ("VTR_TEST_DEVICE"), &error);
  g_autofree char *facts = g_test_build_filename (G_TEST_DIST, "pictures", "pictures.json", NULL);

  g_assert_no_error (error);
  self->model = vtr_model_open (model_path, &error);
  g_assert_no_error (error);
  self->session =
      vtr_session_new (device, self->model, VTR_PRECISION_F32, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  self->parser = json_parser_new ();
  json_parser_load_from_file (self->parser, facts, &error);
  g_assert_no_error (error);

  self->inputs = g_ptr_array_new_with_free_func ((GDestroyNotify) vtr_input_unref);
  for (guint i = 0; i < json_array_get_length (list_pictures (self)); i++)
    g_ptr_array_add (self->inputs, load_input (self, i));
}

void
pictures_clear (Pictures *self)
{
  g_ptr_array_unref (self->inputs);
  g_object_unref (self->parser);
  g_object_unref (self->session);
  g_object_unref (self->model);
}

JsonObject *
pictures_get_shape (const Pictures *self, guint picture, guint shape)
{
  JsonObject *facts = json_array_get_object_element (list_pictures (self), picture);

  return json_array_get_object_element (json_object_get_array_member (facts, "shapes"), shape);
}

const char *
pictures_get_label (const Pictures *self, guint picture, guint shape)
{
  return json_object_get_string_member (pictures_get_shape (self, picture, shape), "label");
}

VtrTarget *
pictures_make_contrast (const Pictures *self, guint picture, guint shape)
{
  g_autofree char *text = g_strconcat (pictures_get_label (self, picture, shape), "-",
                                       pictures_get_label (self, picture, 1 - shape), NULL);
  g_autoptr (GError) error = NULL;
  VtrTarget *target = vtr_target_parse (text, self->model, &error);

  g_assert_no_error (error);
  return target;
}

gboolean
pictures_is_inside (JsonArray *runs, gsize pixel)
{
  gsize end = 0;

  for (guint i = 0; i < json_array_get_length (runs); i++)
    {
      end += (gsize) json_array_get_int_element (runs, i);
      if (pixel < end)
        return i % 2 == 1;
    }
  return FALSE;
}

VtrExplanation *
pictures_explain (const Pictures *self,
                  guint picture,
                  VtrMethod *method,
                  VtrTarget *target,
                  VtrExplainFlags flags)
{
  VtrInput *input = g_ptr_array_index (self->inputs, picture);
  g_autoptr (GError) error = NULL;

  vtr_method_set_target (method, target);
  g_autoptr (GPtrArray) explanations =
      vtr_session_explain (self->session, method, &input, 1, flags, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  return vtr_explanation_ref (g_ptr_array_index (explanations, 0));
}
