/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * The pointing game: each picture has two shapes, and a model that knows them is asked for one of
 * them, or for one rather than the other.  A map hits where its highest pixel lies on the shape, or
 * half a patch beside it (pictures.json says where).  Every method has its floor; with the weights
 * of each tensor shuffled, which says nothing any more, the same floors must not be reached.
 */
#include "pictures.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

/* Shares of questions that are hit; README.md has what was measured. */
typedef struct
{
  const char *method;
  const char *features; /* of gradcam */
  double class_floor;
  double contrast_floor;
} Floor;

static const Floor floors[] = {
  { "relevance", NULL, 0.9, 0.9 },
  { "grad-rollout", NULL, 0.9, 0.9 },
  { "legrad", NULL, 0.95, 0.95 },
  { "gradcam", "attention", 0.38, 0.38 }, /* hardly better than knowing nothing */
  { "gradcam", "activation", 0.9, 0.9 },
};

/* ---- a model that knows nothing ---- */

/* The numbers of one tensor in another order. */
static void
shuffle_tensor (guint8 *values, gsize n_bytes, gsize item_size, GRand *rand)
{
  for (gsize i = n_bytes / item_size; i > 1; i--)
    {
      const gsize k = (gsize) g_rand_int_range (rand, 0, (gint32) i);
      guint8 held[8];

      memcpy (held, values + (i - 1) * item_size, item_size);
      memcpy (values + (i - 1) * item_size, values + k * item_size, item_size);
      memcpy (values + k * item_size, held, item_size);
    }
}

/* Of a safetensors file: a length of 8 bytes, a JSON header, then the tensors. */
static void
shuffle_weights (guint8 *bytes)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  guint64 n_header;

  memcpy (&n_header, bytes, sizeof n_header);
  n_header = GUINT64_FROM_LE (n_header);
  json_parser_load_from_data (parser, (const char *) bytes + 8, (gssize) n_header, &error);
  g_assert_no_error (error);

  JsonObject *header = json_node_get_object (json_parser_get_root (parser));
  g_autoptr (GList) names = json_object_get_members (header);
  for (GList *name = names; name != NULL; name = name->next)
    {
      if (g_str_equal (name->data, "__metadata__"))
        continue;
      JsonObject *tensor = json_object_get_object_member (header, name->data);
      JsonArray *offsets = json_object_get_array_member (tensor, "data_offsets");
      const gsize begin = (gsize) json_array_get_int_element (offsets, 0);
      const gsize end = (gsize) json_array_get_int_element (offsets, 1);
      const gboolean halves = g_str_equal (json_object_get_string_member (tensor, "dtype"), "F16");

      shuffle_tensor (bytes + 8 + n_header + begin, end - begin, halves ? 2 : 4, rand);
    }
}

/* A copy of the model in a folder of its own, shuffled. */
static char *
make_shuffled (void)
{
  static const char *const files[] = { "config.json", "preprocessor_config.json",
                                       "model.safetensors" };
  g_autoptr (GError) error = NULL;
  char *directory = g_dir_make_tmp ("vitreous-shapes-XXXXXX", &error);

  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *from = g_test_build_filename (G_TEST_DIST, "model", files[i], NULL);
      g_autofree char *to = g_build_filename (directory, files[i], NULL);
      g_autofree char *bytes = NULL;
      gsize n_bytes;

      g_file_get_contents (from, &bytes, &n_bytes, &error);
      g_assert_no_error (error);
      if (i == 2)
        shuffle_weights ((guint8 *) bytes);
      g_file_set_contents (to, bytes, (gssize) n_bytes, &error);
      g_assert_no_error (error);
    }
  return directory;
}

static void
remove_shuffled (char *directory)
{
  g_autoptr (GDir) dir = g_dir_open (directory, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (directory, name, NULL);
      g_remove (path);
    }
  g_rmdir (directory);
  g_free (directory);
}

/* ---- the game ---- */

static gsize
find_highest (VtrExplanation *explanation)
{
  VtrInput *input = vtr_explanation_get_input (explanation);
  VtrImage *image = vtr_input_get_image (input);
  const gsize n_pixels = (gsize) vtr_image_get_width (image) * vtr_image_get_height (image);
  g_autofree float *values = g_new (float, n_pixels);
  gsize highest = 0;

  vtr_map_upsample (vtr_explanation_get_summary (explanation), input, values);
  for (gsize i = 0; i < n_pixels; i++)
    {
      g_assert_true (isfinite (values[i]));
      if (values[i] > values[highest])
        highest = i;
    }
  return highest;
}

/* Asks picture @index for its shape @asked, or for it rather than for the other. */
static gboolean
play_one (const Pictures *pictures, const Floor *floor, guint index, guint asked, gboolean contrast)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrTarget) target =
      contrast
          ? pictures_make_contrast (pictures, index, asked)
          : vtr_target_parse (pictures_get_label (pictures, index, asked), pictures->model, &error);
  g_assert_no_error (error);
  g_autoptr (VtrMethod) method = vtr_method_new (floor->method, &error);
  g_assert_no_error (error);

  g_assert_true (floor->features == NULL ||
                 vtr_method_set (method, "features", floor->features, &error));
  g_autoptr (VtrExplanation) explanation =
      pictures_explain (pictures, index, method, target, VTR_EXPLAIN_DEFAULT);
  return pictures_is_inside (json_object_get_array_member (pictures_get_shape (pictures, index,
                                                                               asked),
                                                           "hit"),
                             find_highest (explanation));
}

/* The share of questions that are hit. */
static double
play (const Pictures *pictures, const Floor *floor, gboolean contrast)
{
  guint n_hits = 0;

  for (guint i = 0; i < pictures->inputs->len; i++)
    for (guint asked = 0; asked < 2; asked++)
      n_hits += play_one (pictures, floor, i, asked, contrast);
  return n_hits / (2.0 * pictures->inputs->len);
}

static void
check (gconstpointer data, gboolean shuffled)
{
  const Floor *floor = data;
  char *path = shuffled ? make_shuffled () : pictures_path_to ("model");
  Pictures pictures;

  pictures_init (&pictures, path);
  const double class_share = play (&pictures, floor, FALSE);
  const double contrast_share = play (&pictures, floor, TRUE);
  g_test_message ("%s %s: class %.3f, contrast %.3f", floor->method,
                  floor->features != NULL ? floor->features : "", class_share, contrast_share);
  pictures_clear (&pictures);
  if (shuffled)
    remove_shuffled (path);
  else
    g_free (path);

  if (shuffled)
    {
      g_assert_cmpfloat (class_share, <, floor->class_floor);
      g_assert_cmpfloat (contrast_share, <, floor->contrast_floor);
      return;
    }
  g_assert_cmpfloat (class_share, >=, floor->class_floor);
  g_assert_cmpfloat (contrast_share, >=, floor->contrast_floor);
}

static void
test_trained (gconstpointer data)
{
  check (data, FALSE);
}

static void
test_shuffled (gconstpointer data)
{
  check (data, TRUE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (floors); i++)
    {
      const char *features = floors[i].features != NULL ? floors[i].features : "all";
      g_autofree char *trained =
          g_strdup_printf ("/pointing/%s/%s/trained", floors[i].method, features);
      g_autofree char *shuffled =
          g_strdup_printf ("/pointing/%s/%s/shuffled", floors[i].method, features);

      g_test_add_data_func (trained, &floors[i], test_trained);
      g_test_add_data_func (shuffled, &floors[i], test_shuffled);
    }
  return g_test_run ();
}
