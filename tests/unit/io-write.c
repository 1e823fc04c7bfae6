/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* What is written: PNG, NPZ, OpenRaster, and that a file is there whole or not at all. */
#include "pixel-fixture.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <zip.h>

static GdkPixbuf *
decode (GBytes *png)
{
  g_autoptr (GInputStream) stream = g_memory_input_stream_new_from_bytes (png);
  g_autoptr (GError) error = NULL;
  GdkPixbuf *pixbuf = gdk_pixbuf_new_from_stream (stream, NULL, &error);

  g_assert_no_error (error);
  return pixbuf;
}

static void
test_png (void)
{
  const VtrPngText text[] = { { "Software", "Vitreous" }, { "vitreous:label", "Schäferhund → 3" } };
  guint8 rgba[3 * 2 * 4];
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < sizeof rgba; i++)
    rgba[i] = (guint8) (i * 10);
  g_autoptr (GBytes) png = vtr_png_encode_rgba (rgba, 3, 2, text, 2, &error);
  g_assert_no_error (error);
  g_autoptr (GdkPixbuf) pixbuf = decode (png);
  g_assert_cmpint (gdk_pixbuf_get_n_channels (pixbuf), ==, 4);
  for (int y = 0; y < 2; y++)
    g_assert_cmpmem (gdk_pixbuf_get_pixels (pixbuf) + y * gdk_pixbuf_get_rowstride (pixbuf), 12,
                     rgba + 12 * y, 12);
  g_assert_cmpstr (gdk_pixbuf_get_option (pixbuf, "tEXt::Software"), ==, "Vitreous");
  g_assert_cmpstr (gdk_pixbuf_get_option (pixbuf, "tEXt::vitreous:label"), ==, "Schäferhund → 3");

  for (guint i = 3; i < sizeof rgba; i += 4)
    rgba[i] = 255;
  g_autoptr (GBytes) opaque = vtr_png_encode_rgba (rgba, 3, 2, NULL, 0, &error);
  g_autoptr (GdkPixbuf) rgb = decode (opaque);
  g_assert_cmpint (gdk_pixbuf_get_n_channels (rgb), ==, 3);
  g_assert_cmpmem (gdk_pixbuf_get_pixels (rgb), 3, rgba, 3);
  g_assert_cmpmem (gdk_pixbuf_get_pixels (rgb) + 6, 3, rgba + 8, 3);
}

static void
test_grey16 (void)
{
  const guint16 grey[] = { 0, 1, 255, 256, 65535, 0x1234 };
  g_autoptr (GBytes) png = vtr_png_encode_grey16 (grey, 3, 2, NULL, 0, NULL);
  g_autoptr (GdkPixbuf) pixbuf = decode (png);
  const guint8 *rows = gdk_pixbuf_get_pixels (pixbuf);
  const guint8 *header = g_bytes_get_data (png, NULL);

  g_assert_cmpuint (header[24], ==, 16); /* bit depth and colour type in IHDR */
  g_assert_cmpuint (header[25], ==, 0);
  for (guint i = 0; i < 6; i++) /* gdk-pixbuf keeps the high byte */
    g_assert_cmpuint (rows[i / 3 * (guint) gdk_pixbuf_get_rowstride (pixbuf) + i % 3 * 3], ==,
                      grey[i] >> 8);
}

static zip_t *
open_zip (GBytes *bytes)
{
  gsize size;
  gconstpointer data = g_bytes_get_data (bytes, &size);
  zip_source_t *source = zip_source_buffer_create (data, size, 0, NULL);
  zip_t *zip = zip_open_from_source (source, ZIP_CHECKCONS | ZIP_RDONLY, NULL);

  g_assert_nonnull (zip);
  return zip;
}

/* The contents of a member, with a NUL after them; g_free () them. */
static char *
read_member (zip_t *zip, const char *name, gsize *size)
{
  zip_stat_t stat;

  g_assert_cmpint (zip_stat (zip, name, 0, &stat), ==, 0);
  char *data = g_malloc0 (stat.size + 1);
  zip_file_t *file = zip_fopen (zip, name, 0);
  g_assert_cmpint (zip_fread (file, data, stat.size), ==, (gint64) stat.size);
  zip_fclose (file);
  *size = stat.size;
  return data;
}

static void
test_npz (void)
{
  const float values[] = { 1, 2, 3, 4, 5, 6 };
  const VtrNpzArray arrays[] = {
    { "attention", VTR_DTYPE_F32, 4, { 1, 1, 2, 3 }, values },
    { "logits", VTR_DTYPE_F32, 1, { 6 }, values },
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) npz = vtr_npz_encode (arrays, 2, &error);
  gsize size;

  g_assert_no_error (error);
  zip_t *zip = open_zip (npz);
  g_assert_cmpint (zip_get_num_entries (zip, 0), ==, 2);
  g_autofree char *npy = read_member (zip, "attention.npy", &size);
  g_assert_cmpuint (size % 64, ==, sizeof values);
  g_assert_cmpmem (npy, 8, "\x93NUMPY\x01\x00", 8);
  g_assert_cmpuint ((guint8) npy[8] + 256u * (guint8) npy[9] + 10 + sizeof values, ==, size);
  g_assert_nonnull (strstr (npy + 10, "'shape': (1, 1, 2, 3), }"));
  g_assert_cmpmem (npy + size - sizeof values, sizeof values, values, sizeof values);
  g_autofree char *one = read_member (zip, "logits.npy", &size);
  g_assert_nonnull (strstr (one + 10, "'fortran_order': False, 'shape': (6, ), }"));
  zip_discard (zip);
}

static void
test_ora (void)
{
  g_autoptr (GBytes) png = g_bytes_new_static ("not looked into", 15);
  const VtrOraNode inner = { "a < \"b\" &\tc", png, 0.25, FALSE, NULL, 0 };
  const VtrOraNode nodes[] = { { "group", NULL, 1.0, TRUE, &inner, 1 },
                               { "photo", png, 1.0, TRUE, NULL, 0 } };
  const VtrOra ora = { 40, 30, nodes, 2, png, png, "{}" };
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = vtr_ora_encode (&ora, &error);
  gsize size;

  g_assert_no_error (error);
  const guint8 *data = g_bytes_get_data (bytes, NULL);
  g_assert_cmpmem (data + 30, 24, "mimetypeimage/openraster", 24);
  zip_t *zip = open_zip (bytes);
  g_assert_cmpstr (zip_get_name (zip, 0, 0), ==, "mimetype");
  g_autofree char *xml = read_member (zip, "stack.xml", &size);
  g_assert_nonnull (strstr (xml, "w=\"40\" h=\"30\""));
  const char *group = strstr (xml, "<stack name=\"group\"");
  const char *layer = strstr (xml, "<layer name=\"a &lt; &quot;b&quot; &amp; c\" "
                                   "src=\"data/layer000.png\" x=\"0\" y=\"0\" opacity=\"0.2500\" "
                                   "visibility=\"hidden\"");
  const char *end = strstr (xml, "</stack>");
  const char *photo = strstr (xml, "<layer name=\"photo\" src=\"data/layer001.png\"");
  g_assert_true (group != NULL && group < layer && layer < end && end < photo);
  g_assert_cmpint (zip_name_locate (zip, "data/layer001.png", 0), >, 0);
  g_assert_cmpint (zip_name_locate (zip, "mergedimage.png", 0), >, 0);
  g_assert_cmpint (zip_name_locate (zip, "Thumbnails/thumbnail.png", 0), >, 0);
  g_assert_cmpint (zip_name_locate (zip, "metadata.json", 0), >, 0);
  zip_discard (zip);
}

static guint
count_files (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  guint n_files = 0;

  while (g_dir_read_name (dir) != NULL)
    n_files++;
  return n_files;
}

static void
test_atomic (void)
{
  g_autofree char *path = pixel_fixture_temporary ("out.bin");
  g_autoptr (GBytes) first = g_bytes_new_static ("first", 5);
  g_autoptr (GBytes) second = g_bytes_new_static ("2nd", 3);
  g_autoptr (GError) error = NULL;
  g_autofree char *read = NULL;
  gsize size;

  g_assert_true (vtr_write_atomically (path, first, &error));
  g_assert_true (vtr_write_atomically (path, second, &error));
  g_assert_true (g_file_get_contents (path, &read, &size, NULL));
  g_assert_cmpmem (read, size, "2nd", 3);
  g_assert_cmpuint (count_files (path), ==, 1);

  g_autofree char *nowhere = g_build_filename (path, "below-a-file", NULL);
  g_assert_false (vtr_write_atomically (nowhere, first, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_IO);
  g_assert_nonnull (strstr (error->message, nowhere));
}

/* A disk that is full after 64 bytes, as near as a process can come to it. */
static void
test_full_disk (void)
{
  g_autofree char *path = pixel_fixture_temporary ("out.bin");
  static const char many[1000];
  g_autoptr (GBytes) old = g_bytes_new_static ("old", 3);
  g_autoptr (GBytes) bytes = g_bytes_new_static (many, sizeof many);
  g_autoptr (GError) error = NULL;
  g_autofree char *read = NULL;
  struct rlimit before;
  gsize size;

  g_assert_true (vtr_write_atomically (path, old, &error));
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &before), ==, 0);
  const struct rlimit small = { 64, before.rlim_max };
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  const gboolean written = vtr_write_atomically (path, bytes, &error);
  setrlimit (RLIMIT_FSIZE, &before);

  g_assert_false (written);
  g_assert_error (error, VTR_ERROR, VTR_ERROR_IO);
  g_assert_true (g_file_get_contents (path, &read, &size, NULL));
  g_assert_cmpmem (read, size, "old", 3);
  g_assert_cmpuint (count_files (path), ==, 1);
}

/* PNG to the bit, JPEG nearly; what the name does not say is refused. */
static void
test_save (void)
{
  g_autofree char *stem = pixel_fixture_temporary ("picture");
  g_autofree guint8 *rgba = g_malloc (16 * 8 * 4);
  const guint n_before = count_files (stem);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 16 * 8; i++)
    memcpy (rgba + 4 * i,
            (guint8[]){ (guint8) (10 * (i % 16)), 100, (guint8) (20 * (i / 16)), 255 }, 4);
  g_autoptr (VtrImage) image = vtr_image_new (16, 8, rgba, 16 * 4);
  for (guint i = 0; i < 3; i++)
    {
      static const char *const endings[] = { ".png", ".JPG", ".jpeg" };
      g_autofree char *path = g_strconcat (stem, endings[i], NULL);

      g_assert_true (vtr_image_save (image, path, 95, &error));
      g_autoptr (VtrImage) again = vtr_image_load (path, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (vtr_image_get_width (again), ==, 16);
      g_assert_cmpuint (vtr_image_get_height (again), ==, 8);
      const guint8 *read = vtr_image_get_rgba (again);
      for (guint k = 0; k < 16 * 8 * 4; k++)
        g_assert_cmpint (ABS ((int) read[k] - (int) rgba[k]), <=, i == 0 ? 0 : 24);
    }
  g_assert_cmpuint (count_files (stem), ==, n_before + 3);
  g_autofree char *odd = g_strconcat (stem, ".bmp", NULL);
  g_assert_false (vtr_image_save (image, odd, 95, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/io/write/png", test_png);
  g_test_add_func ("/io/write/grey16", test_grey16);
  g_test_add_func ("/io/write/npz", test_npz);
  g_test_add_func ("/io/write/ora", test_ora);
  g_test_add_func ("/io/write/atomic", test_atomic);
  g_test_add_func ("/io/write/full-disk", test_full_disk);
  g_test_add_func ("/io/write/save", test_save);
  return g_test_run ();
}
