/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * The pointing game: each picture has two shapes, and a model that knows them is asked for one of
 * them, or for one rather than the other.  A map hits where its highest pixel lies on the shape, or
 * half a patch beside it (pictures.json says where).  Every method has its floor; with the weights
 * of each tensor shuffled, which says nothing any more, the same floors must not be reached.
 */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>
#include <vitreous/vitreous.h>

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

typedef struct
{
  VtrSession *session;
  VtrModel *model;
  JsonParser *parser;
  GPtrArray *inputs; /* of the pictures, in the order of pictures.json */
} Game;

static JsonArray *
list_pictures (const Game *self)
{
  return json_object_get_array_member (json_node_get_object (json_parser_get_root (self->parser)),
                                       "pictures");
}

static JsonArray *
list_shapes (const Game *self, guint picture)
{
  return json_object_get_array_member (json_array_get_object_element (list_pictures (self),
                                                                      picture),
                                       "shapes");
}

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

static char *
path_to (const char *name)
{
  return g_test_build_filename (G_TEST_DIST, name, NULL);
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

static void
game_init (Game *self, const char *model_path)
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
    {
      JsonObject *picture = json_array_get_object_element (list_pictures (self), i);
      g_autofree char *path =
          g_test_build_filename (G_TEST_DIST, "pictures",
                                 json_object_get_string_member (picture, "file"), NULL);
      g_autoptr (VtrImage) image = vtr_image_load (path, &error);
      g_assert_no_error (error);
      g_ptr_array_add (self->inputs, vtr_input_new (self->model, image, VTR_FIT_TRAIN, 0, &error));
      g_assert_no_error (error);
    }
}

static void
game_clear (Game *self)
{
  g_ptr_array_unref (self->inputs);
  g_object_unref (self->parser);
  g_object_unref (self->session);
  g_object_unref (self->model);
}

/* Whether @pixel, row by row, is inside: runs of pixels outside and inside take turns. */
static gboolean
is_inside (JsonArray *runs, gsize pixel)
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
play_one (const Game *self, const Floor *floor, guint index, guint asked, gboolean contrast)
{
  JsonArray *shapes = list_shapes (self, index);
  JsonObject *shape = json_array_get_object_element (shapes, asked);
  JsonObject *other = json_array_get_object_element (shapes, 1 - asked);
  const char *label = json_object_get_string_member (shape, "label");
  g_autofree char *text =
      contrast ? g_strconcat (label, "-", json_object_get_string_member (other, "label"), NULL)
               : g_strdup (label);
  VtrInput *input = g_ptr_array_index (self->inputs, index);
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrTarget) target = vtr_target_parse (text, self->model, &error);
  g_assert_no_error (error);
  g_autoptr (VtrMethod) method = vtr_method_new (floor->method, &error);
  g_assert_no_error (error);

  vtr_method_set_target (method, target);
  g_assert_true (floor->features == NULL ||
                 vtr_method_set (method, "features", floor->features, &error));
  g_autoptr (GPtrArray) explanations =
      vtr_session_explain (self->session, method, &input, 1, VTR_EXPLAIN_DEFAULT, NULL, NULL, NULL,
                           &error);
  g_assert_no_error (error);
  return is_inside (json_object_get_array_member (shape, "hit"),
                    find_highest (g_ptr_array_index (explanations, 0)));
}

/* The share of questions that are hit. */
static double
play (const Game *self, const Floor *floor, gboolean contrast)
{
  guint n_hits = 0;

  for (guint i = 0; i < self->inputs->len; i++)
    for (guint asked = 0; asked < 2; asked++)
      n_hits += play_one (self, floor, i, asked, contrast);
  return n_hits / (2.0 * self->inputs->len);
}

static void
check (gconstpointer data, gboolean shuffled)
{
  const Floor *floor = data;
  char *path = shuffled ? make_shuffled () : path_to ("model");
  Game game;

  game_init (&game, path);
  const double class_share = play (&game, floor, FALSE);
  const double contrast_share = play (&game, floor, TRUE);
  g_test_message ("%s %s: class %.3f, contrast %.3f", floor->method,
                  floor->features != NULL ? floor->features : "", class_share, contrast_share);
  game_clear (&game);
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
