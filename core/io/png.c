/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "io/io.h"

#include <png.h>

/* Between speed and size: maps are smooth, photos hardly get smaller with more effort. */
#define COMPRESSION_LEVEL 4

/* Of what libpng calls back for; it leaves by longjmp () when something fails. */
typedef struct
{
  GByteArray *out;
  char message[128];
} Target;

static void
on_error (png_structp png, png_const_charp message)
{
  Target *target = png_get_error_ptr (png);

  g_strlcpy (target->message, message, sizeof target->message);
  png_longjmp (png, 1);
}

static void
on_warning (png_structp png, png_const_charp message)
{
  (void) png;
  g_debug ("libpng: %s", message);
}

static void
on_write (png_structp png, png_bytep data, size_t size)
{
  Target *target = png_get_io_ptr (png);

  if (size > G_MAXUINT / 2 - target->out->len)
    png_error (png, "more than 2 GiB");
  g_byte_array_append (target->out, data, (guint) size);
}

static void
on_flush (png_structp png)
{
  (void) png;
}

/* Rows of pixels and what PNG calls their form. */
typedef struct
{
  const guint8 *rows;
  gsize stride;
  guint width;
  guint height;
  int bit_depth;
  int color_type;
  gboolean drop_alpha;
} Pixels;

static void
set_text (png_structp png, png_infop info, const VtrPngText *text, guint n_text)
{
  g_autofree png_text *entries = g_new0 (png_text, n_text);

  for (guint i = 0; i < n_text; i++)
    {
      /* tEXt is Latin-1; what is more than ASCII goes into iTXt, which is UTF-8. */
      entries[i].compression =
          g_str_is_ascii (text[i].text) ? PNG_TEXT_COMPRESSION_NONE : PNG_ITXT_COMPRESSION_NONE;
      entries[i].key = (png_charp) text[i].key;
      entries[i].text = (png_charp) text[i].text;
    }
  png_set_text (png, info, entries, (int) n_text);
}

/* All that may leave by longjmp (); nothing here or in @pixels changes before it does. */
static gboolean
write_all (png_structp png,
           png_infop info,
           const Pixels *pixels,
           const VtrPngText *text,
           guint n_text)
{
  if (setjmp (png_jmpbuf (png)))
    return FALSE;
  png_set_compression_level (png, COMPRESSION_LEVEL);
  png_set_user_limits (png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_IHDR (png, info, pixels->width, pixels->height, pixels->bit_depth, pixels->color_type,
                PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (n_text > 0)
    set_text (png, info, text, n_text);
  png_write_info (png, info);
  if (pixels->drop_alpha)
    png_set_filler (png, 0, PNG_FILLER_AFTER);
  if (pixels->bit_depth == 16 && G_BYTE_ORDER == G_LITTLE_ENDIAN)
    png_set_swap (png);
  for (guint y = 0; y < pixels->height; y++)
    png_write_row (png, pixels->rows + y * pixels->stride);
  png_write_end (png, NULL);
  return TRUE;
}

static GBytes *
encode (const Pixels *pixels, const VtrPngText *text, guint n_text, GError **error)
{
  Target target = { .out = g_byte_array_new () };
  png_infop info = NULL;
  gboolean written = FALSE;

  png_structp png = png_create_write_struct (PNG_LIBPNG_VER_STRING, &target, on_error, on_warning);
  if (png != NULL)
    info = png_create_info_struct (png);
  if (info != NULL)
    {
      png_set_write_fn (png, &target, on_write, on_flush);
      written = write_all (png, info, pixels, text, n_text);
    }
  png_destroy_write_struct (&png, &info);
  if (written)
    return g_byte_array_free_to_bytes (target.out);
  g_byte_array_free (target.out, TRUE);
  g_set_error (error, VTR_ERROR, VTR_ERROR_FAILED,
               "A PNG of %u × %u pixels cannot be made (%s); use a smaller picture.", pixels->width,
               pixels->height, target.message[0] != '\0' ? target.message : "not enough memory");
  return NULL;
}

static gboolean
is_opaque (const guint8 *rgba, gsize n_pixels)
{
  for (gsize i = 0; i < n_pixels; i++)
    if (rgba[4 * i + 3] != 255)
      return FALSE;
  return TRUE;
}

GBytes *
vtr_png_encode_rgba (const guint8 *rgba,
                     guint width,
                     guint height,
                     const VtrPngText *text,
                     guint n_text,
                     GError **error)
{
  const gboolean opaque = is_opaque (rgba, (gsize) width * height);
  const Pixels pixels = {
    .rows = rgba,
    .stride = (gsize) width * 4,
    .width = width,
    .height = height,
    .bit_depth = 8,
    .color_type = opaque ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_RGB_ALPHA,
    .drop_alpha = opaque,
  };

  return encode (&pixels, text, n_text, error);
}

GBytes *
vtr_png_encode_grey8 (const guint8 *grey,
                      guint width,
                      guint height,
                      const VtrPngText *text,
                      guint n_text,
                      GError **error)
{
  const Pixels pixels = {
    .rows = grey,
    .stride = width,
    .width = width,
    .height = height,
    .bit_depth = 8,
    .color_type = PNG_COLOR_TYPE_GRAY,
  };

  return encode (&pixels, text, n_text, error);
}

GBytes *
vtr_png_encode_grey16 (const guint16 *grey,
                       guint width,
                       guint height,
                       const VtrPngText *text,
                       guint n_text,
                       GError **error)
{
  const Pixels pixels = {
    .rows = (const guint8 *) grey,
    .stride = (gsize) width * 2,
    .width = width,
    .height = height,
    .bit_depth = 16,
    .color_type = PNG_COLOR_TYPE_GRAY,
  };

  return encode (&pixels, text, n_text, error);
}
