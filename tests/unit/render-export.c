/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* The files of an explanation: where things are, what they say about themselves, all or none. */
#include "pixel-fixture.h"
#include "render/render.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <zip.h>

#define ALL_FILES                                                                                  \
  (VTR_EXPORT_OVERLAY | VTR_EXPORT_MAP | VTR_EXPORT_LAYERS | VTR_EXPORT_SHEET | VTR_EXPORT_NPZ |   \
   VTR_EXPORT_JSON)

static const VtrExportOptions options = {
  .colormap = "grey",
  .opacity = 1.0,
  .command = "vitreous explain --query 1,2 \"a b.jpg\"",
};

static VtrModel *
open_model (void)
{
  g_autofree char *path =
      g_test_build_filename (G_TEST_DIST, "..", "golden", "cases", "vit", "model", NULL);
  g_autoptr (GError) error = NULL;
  VtrModel *model = vtr_model_open (path, &error);

  g_assert_no_error (error);
  return model;
}

/* Of a 90 × 60 picture: by "raw", two heads of layer 0 and 1; bright is the first patch of the last
 * head of the last layer, and of the summary. */
static VtrExplanation *
explain (const char *method_name, VtrFit fit)
{
  const guint layers[] = { 0, 1 };
  const guint heads[] = { 0, 1 };
  const gboolean raw = g_str_equal (method_name, "raw");
  const VtrDeviceInfo device = { .id = "vulkan:0", .name = "none", .driver = "0", .api = "0" };
  g_autofree guint8 *rgba = pixel_fixture_noise (90, 60, 0);
  g_autoptr (VtrImage) image = vtr_image_new (90, 60, rgba, 90 * 4);
  g_autoptr (VtrModel) model = open_model ();
  g_autoptr (VtrMethod) method = vtr_method_new (method_name, NULL);
  g_autoptr (VtrInput) input = vtr_input_new (model, image, fit, 0, NULL);
  const guint n_rows = vtr_input_get_n_rows (input);
  const guint n_columns = vtr_input_get_n_columns (input);
  const gsize n = (gsize) n_rows * n_columns;
  float *attention = g_new0 (float, 4 * n);
  float *logits = g_new0 (float, 3);

  g_assert_true (vtr_method_set (method, "layers", "0,1", NULL));
  g_assert_true (vtr_method_set (method, "heads", raw ? "0,1" : "max", NULL));
  VtrExplanation *self =
      vtr_explanation_new (input, model, method, &device, VTR_PRECISION_F16, layers, 2, heads, 2);
  attention[3 * n] = 0.5f;
  for (guint i = 0; i < 4 && raw; i++)
    {
      g_autofree char *label = g_strdup_printf ("layer %u, head %u", i / 2, i % 2);
      vtr_explanation_take_map (self, vtr_map_new (n_rows, n_columns, attention + i * n,
                                                   (int) i / 2, (int) i % 2, label));
    }
  VtrMap *summary = vtr_map_new (n_rows, n_columns, attention + 3 * n, raw ? 1 : VTR_FUSED,
                                 VTR_FUSED, "the summary");
  if (!raw)
    vtr_explanation_take_map (self, vtr_map_ref (summary));
  vtr_explanation_take_summary (self, summary);
  if (raw)
    vtr_explanation_take_attention (self, attention);
  else
    g_free (attention);
  logits[1] = 2.0f;
  vtr_explanation_take_logits (self, logits, 3);
  vtr_explanation_set_bytes (self, 1000, 2000);
  return self;
}

static char **export(const VtrExplanation *explanation, const char *name, VtrExportFlags flags)
{
  g_autofree char *stem = pixel_fixture_temporary (name);
  g_autoptr (GError) error = NULL;
  char **paths = vtr_export (explanation, stem, flags, &options, &error);

  g_assert_no_error (error);
  return paths;
}

static void
check_text (GdkPixbuf *pixbuf, const char *key, const char *want)
{
  g_autofree char *option = g_strconcat ("tEXt::", key, NULL);

  g_assert_cmpstr (gdk_pixbuf_get_option (pixbuf, option), ==, want);
}

/* Whether the PNG shows the bright patch in its place, and says where it is from. */
static void
check_png (const char *path, const VtrExplanation *explanation, const char *head)
{
  const VtrInput *input = vtr_explanation_get_input (explanation);
  g_autoptr (GError) error = NULL;
  g_autoptr (GdkPixbuf) pixbuf = gdk_pixbuf_new_from_file (path, &error);
  VtrRect rect;

  g_assert_no_error (error);
  g_assert_cmpint (gdk_pixbuf_get_width (pixbuf), ==, 90);
  g_assert_cmpint (gdk_pixbuf_get_height (pixbuf), ==, 60);
  vtr_input_get_patch_rect (input, 0, 0, &rect);
  const guint8 *row = gdk_pixbuf_get_pixels (pixbuf) +
                      (int) (rect.y + rect.height / 2) * gdk_pixbuf_get_rowstride (pixbuf);
  const int n_channels = gdk_pixbuf_get_n_channels (pixbuf);
  g_assert_cmpuint (row[(int) (rect.x + rect.width / 2) * n_channels], >, 240);
  g_assert_cmpuint (row[(int) (rect.x + 2.5 * rect.width) * n_channels], ==, 0);

  check_text (pixbuf, "vitreous:head", head);
  check_text (pixbuf, "vitreous:query", "cls");
  check_text (pixbuf, "vitreous:precision", "f16");
  check_text (pixbuf, "vitreous:version", VTR_VERSION);
  check_text (pixbuf, "vitreous:command", options.command);
  check_text (pixbuf, "vitreous:hash",
              vtr_model_get_hash (vtr_explanation_get_model (explanation)));
  check_text (pixbuf, "vitreous:maximum", "0.5");
}

static void
test_pictures (void)
{
  for (VtrFit fit = VTR_FIT_COVER; fit <= VTR_FIT_STRETCH; fit++)
    {
      g_autoptr (VtrExplanation) raw = explain ("raw", fit);
      g_autoptr (VtrExplanation) rollout = explain ("rollout", fit);
      g_auto (GStrv) first = export(raw, "raw", ALL_FILES);
      g_auto (GStrv) second = export(rollout, "rollout", ALL_FILES);
      g_assert_cmpuint (g_strv_length (first), ==, 6);
      g_assert_true (g_str_has_suffix (first[0], "raw.overlay.png"));
      g_assert_true (g_str_has_suffix (first[1], "raw.map.png"));
      for (guint i = 0; i < 2; i++)
        {
          check_png (first[i], raw, "mean of 0,1");
          check_png (second[i], rollout, "max of 0,1");
        }
    }
}

/* A member of an ORA as a file of its own; g_free () its path. */
static char *
extract (zip_t *zip, const char *name)
{
  char *path = pixel_fixture_temporary ("member");
  zip_stat_t stat;

  g_assert_cmpint (zip_stat (zip, name, 0, &stat), ==, 0);
  g_autofree char *data = g_malloc (stat.size);
  zip_file_t *file = zip_fopen (zip, name, 0);
  g_assert_cmpint (zip_fread (file, data, stat.size), ==, (gint64) stat.size);
  zip_fclose (file);
  g_assert_true (g_file_set_contents (path, data, (gssize) stat.size, NULL));
  return path;
}

static void
test_layers (void)
{
  g_autoptr (VtrExplanation) explanation = explain ("raw", VTR_FIT_TRAIN);
  g_auto (GStrv) paths = export(explanation, "layers", VTR_EXPORT_LAYERS);
  zip_t *zip = zip_open (paths[0], ZIP_CHECKCONS | ZIP_RDONLY, NULL);

  g_assert_nonnull (zip);
  /* From the top: the summary, layer 1 head 0 and 1, layer 0, the photo. */
  g_autofree char *summary = extract (zip, "data/layer000.png");
  check_png (summary, explanation, "mean of 0,1");
  g_autofree char *head = extract (zip, "data/layer002.png");
  check_png (head, explanation, "1");
  g_autofree char *merged = extract (zip, "mergedimage.png");
  check_png (merged, explanation, "mean of 0,1");
  g_autofree char *photo = extract (zip, "data/layer005.png");
  g_autoptr (VtrImage) image = vtr_image_load (photo, NULL);
  const VtrImage *original = vtr_input_get_image (vtr_explanation_get_input (explanation));
  g_assert_cmpmem (vtr_image_get_rgba (image), 90 * 60 * 4, vtr_image_get_rgba (original),
                   90 * 60 * 4);
  g_autofree char *xml_path = extract (zip, "stack.xml");
  g_autofree char *xml = NULL;
  g_assert_true (g_file_get_contents (xml_path, &xml, NULL, NULL));
  const char *upper = strstr (xml, "<stack name=\"layer 1\"");
  const char *lower = strstr (xml, "<stack name=\"layer 0\"");
  g_assert_true (upper != NULL && lower != NULL && upper < lower);
  zip_discard (zip);
}

static JsonObject *
get_object (JsonObject *object, const char *name)
{
  g_assert_true (json_object_has_member (object, name));
  return json_object_get_object_member (object, name);
}

static void
test_json (void)
{
  g_autoptr (VtrExplanation) explanation = explain ("raw", VTR_FIT_TRAIN);
  g_auto (GStrv) paths = export(explanation, "told", VTR_EXPORT_JSON | VTR_EXPORT_NPZ);
  g_autoptr (JsonParser) parser = json_parser_new ();
  VtrRect rect;

  g_assert_true (json_parser_load_from_file (parser, paths[1], NULL));
  JsonObject *root = json_node_get_object (json_parser_get_root (parser));
  g_assert_cmpstr (json_object_get_string_member (root, "command"), ==, options.command);
  g_assert_cmpstr (json_object_get_string_member (root, "query"), ==, "cls");
  g_assert_cmpstr (json_object_get_string_member (root, "fit"), ==, "train");
  g_assert_cmpstr (json_object_get_string_member (get_object (root, "method"), "name"), ==, "raw");
  g_assert_cmpint (json_object_get_int_member (root, "peak_bytes"), ==, 2000);
  g_assert_cmpint (json_object_get_int_member (get_object (root, "image"), "width"), ==, 90);
  JsonArray *maps = json_object_get_array_member (root, "maps");
  g_assert_cmpuint (json_array_get_length (maps), ==, 4);
  JsonObject *last = json_array_get_object_element (maps, 3);
  g_assert_cmpfloat (json_object_get_double_member (last, "max"), ==, 0.5);
  vtr_input_get_patch_rect (vtr_explanation_get_input (explanation), 0, 0, &rect);
  g_assert_cmpfloat_with_epsilon (json_object_get_double_member (get_object (last, "argmax"), "x"),
                                  rect.x + rect.width / 2, 1e-9);
  JsonArray *top = json_object_get_array_member (root, "top");
  g_assert_cmpuint (json_array_get_length (top), ==, 3);
  JsonObject *best = json_array_get_object_element (top, 0);
  g_assert_cmpint (json_object_get_int_member (best, "class"), ==, 1);
  g_assert_cmpstr (json_object_get_string_member (best, "label"), ==, "bee");
  g_assert_cmpfloat_with_epsilon (json_object_get_double_member (best, "softmax"), 0.786986,
                                  1e-6); /* e² / (e² + 2) */
  JsonArray *files = json_object_get_array_member (root, "files");
  g_assert_cmpstr (json_array_get_string_element (files, 0), ==, "told.npz");
  g_assert_cmpstr (json_array_get_string_element (files, 1), ==, "told.json");
}

/* Where one file cannot be written, none of the others is left behind. */
static void
test_all_or_none (void)
{
  g_autoptr (VtrExplanation) explanation = explain ("raw", VTR_FIT_TRAIN);
  g_autofree char *stem = pixel_fixture_temporary ("blocked");
  g_autofree char *overlay = g_strconcat (stem, ".overlay.png", NULL);
  g_autofree char *blocked = g_strconcat (stem, ".json", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir (blocked, 0777), ==, 0);
  g_assert_null (
      vtr_export (explanation, stem, VTR_EXPORT_OVERLAY | VTR_EXPORT_JSON, &options, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_IO);
  g_assert_nonnull (strstr (error->message, blocked));
  g_assert_false (g_file_test (overlay, G_FILE_TEST_EXISTS));
}

static void
test_flags (void)
{
  g_autoptr (GError) error = NULL;
  VtrExportFlags flags = 0;

  g_assert_true (vtr_export_flags_parse ("overlay,json, layers", &flags, &error));
  g_assert_cmpuint (flags, ==, VTR_EXPORT_OVERLAY | VTR_EXPORT_JSON | VTR_EXPORT_LAYERS);
  g_assert_false (vtr_export_flags_parse ("overlay,xcf", &flags, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/render/export/pictures", test_pictures);
  g_test_add_func ("/render/export/layers", test_layers);
  g_test_add_func ("/render/export/json", test_json);
  g_test_add_func ("/render/export/all-or-none", test_all_or_none);
  g_test_add_func ("/render/export/flags", test_flags);
  return g_test_run ();
}
