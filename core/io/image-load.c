/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "io/io.h"

#include <errno.h>
#include <fcntl.h>
#include <gdk-pixbuf/gdk-pixbuf.h>
#include <glib/gstdio.h>
#include <unistd.h>

/* Pixels a picture may have at most: 1 GiB as RGBA. */
#define MAX_PIXELS ((guint64) 1 << 28)
#define MAX_FILE_SIZE ((guint) 1 << 31)
#define CHUNK_SIZE (64 * 1024)

typedef struct
{
  guint64 width; /* as the header says, before anything is decoded */
  guint64 height;
  gboolean too_big;
} Header;

/* Stops the loader before it makes room for a picture that is too big. */
static void
on_size_prepared (GdkPixbufLoader *loader, int width, int height, gpointer user_data)
{
  Header *header = user_data;

  header->width = (guint64) MAX (width, 0);
  header->height = (guint64) MAX (height, 0);
  header->too_big = header->width * header->height > MAX_PIXELS;
  if (header->too_big)
    gdk_pixbuf_loader_set_size (loader, 0, 0);
}

/* What the loader says against the file, as a sentence. */
static void
set_load_error (GError **error, const char *path, const Header *header, const GError *cause)
{
  if (header->too_big)
    g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
                 "The picture %s has %" G_GUINT64_FORMAT " × %" G_GUINT64_FORMAT
                 " pixels, more than the 2^28 that can be read; scale it down first.",
                 path, header->width, header->height);
  else if (g_error_matches (cause, GDK_PIXBUF_ERROR, GDK_PIXBUF_ERROR_UNKNOWN_TYPE))
    g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
                 "The file %s is no picture in a format that gdk-pixbuf can read here; "
                 "convert it to PNG or JPEG, or install gdk-pixbuf's loader for its format.",
                 path);
  else if (g_error_matches (cause, GDK_PIXBUF_ERROR, GDK_PIXBUF_ERROR_INSUFFICIENT_MEMORY))
    g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY,
                 "There is not enough memory to read the picture %s; scale it down first.", path);
  else
    g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
                 "The picture %s is broken (%s); save it anew.", path,
                 cause != NULL ? cause->message : "it has no pixels");
}

static gboolean
set_read_error (GError **error, const char *path)
{
  g_set_error (error, VTR_ERROR, VTR_ERROR_IO, "The picture %s cannot be read: %s.", path,
               g_strerror (errno));
  return FALSE;
}

/* Reads the file piece by piece, so that what is no picture is found out at its beginning. */
static gboolean
feed (GdkPixbufLoader *loader,
      int fd,
      GByteArray *file,
      const Header *header,
      const char *path,
      GError **error)
{
  g_autofree guint8 *chunk = g_malloc (CHUNK_SIZE);
  g_autoptr (GError) cause = NULL;

  while (TRUE)
    {
      const gssize n_read = read (fd, chunk, CHUNK_SIZE);
      if (n_read < 0 && errno == EINTR)
        continue;
      if (n_read < 0)
        return set_read_error (error, path);
      if (n_read == 0)
        return TRUE;
      if (file->len > MAX_FILE_SIZE)
        {
          g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
                       "The picture %s has more than 2 GiB; scale it down first.", path);
          return FALSE;
        }
      g_byte_array_append (file, chunk, (guint) n_read);
      if (!gdk_pixbuf_loader_write (loader, chunk, (gsize) n_read, &cause) || header->too_big)
        {
          set_load_error (error, path, header, cause);
          return FALSE;
        }
    }
}

/* Decodes into @loader and keeps the bytes of the file in @file. */
static gboolean
decode (GdkPixbufLoader *loader, int fd, GByteArray *file, const char *path, GError **error)
{
  g_autoptr (GError) cause = NULL;
  Header header = { 0 };

  g_signal_connect (loader, "size-prepared", G_CALLBACK (on_size_prepared), &header);
  const gboolean fed = feed (loader, fd, file, &header, path, error);
  const gboolean closed = gdk_pixbuf_loader_close (loader, fed ? &cause : NULL);
  g_signal_handlers_disconnect_by_data (loader, &header);
  if (!fed)
    return FALSE;
  if (file->len == 0)
    g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT, "The picture %s is an empty file.", path);
  else if (!header.too_big && !vtr_container_is_whole (file->data, file->len))
    g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
                 "The picture %s is truncated: the file ends before the picture does; copy it "
                 "again.",
                 path);
  else if (!closed || header.too_big || gdk_pixbuf_loader_get_pixbuf (loader) == NULL)
    set_load_error (error, path, &header, cause);
  else
    return TRUE;
  return FALSE;
}

/*
 * Copies the pixels upright.  @orientation as EXIF numbers it: of 5..8 the file's rows are the
 * picture's columns; bits of (orientation − 1) then say what is mirrored.
 */
static guint8 *
copy_upright (GdkPixbuf *pixbuf, guint orientation, guint *width, guint *height)
{
  const guint file_width = (guint) gdk_pixbuf_get_width (pixbuf);
  const guint file_height = (guint) gdk_pixbuf_get_height (pixbuf);
  const guint n_channels = (guint) gdk_pixbuf_get_n_channels (pixbuf);
  const gsize stride = (gsize) gdk_pixbuf_get_rowstride (pixbuf);
  const guint8 *pixels = gdk_pixbuf_read_pixels (pixbuf);
  const gboolean transposed = orientation >= 5;
  /* In terms of the file: whether the upright picture starts at its right, its bottom edge. */
  const gboolean from_right =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const gboolean from_bottom =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;

  *width = transposed ? file_height : file_width;
  *height = transposed ? file_width : file_height;
  guint8 *rgba = g_malloc ((gsize) *width * *height * 4);
  guint8 *out = rgba;
  for (guint y = 0; y < *height; y++)
    for (guint x = 0; x < *width; x++, out += 4)
      {
        guint file_x = transposed ? y : x;
        guint file_y = transposed ? x : y;
        if (from_right)
          file_x = file_width - 1 - file_x;
        if (from_bottom)
          file_y = file_height - 1 - file_y;
        const guint8 *in = pixels + file_y * stride + (gsize) file_x * n_channels;
        out[0] = in[0];
        out[1] = in[1];
        out[2] = in[2];
        out[3] = n_channels == 4 ? in[3] : 255;
      }
  return rgba;
}

/*
 * The orientation the file has, and in @to_apply what of it the loader has left to do: all of it,
 * but of TIFF no mirroring, which is done by then.
 */
static guint
find_orientation (GdkPixbufLoader *loader, const GByteArray *file, guint *to_apply)
{
  GdkPixbuf *pixbuf = gdk_pixbuf_loader_get_pixbuf (loader);
  const char *option = gdk_pixbuf_get_option (pixbuf, "orientation");
  g_autofree char *format = gdk_pixbuf_format_get_name (gdk_pixbuf_loader_get_format (loader));
  const guint in_file = vtr_container_get_orientation (file->data, file->len);

  if (option == NULL) /* gdk-pixbuf 2.42 does not look for it in PNG */
    {
      *to_apply = g_str_equal (format, "png") ? in_file : 1;
      return in_file;
    }
  const guint64 number = g_ascii_strtoull (option, NULL, 10);
  *to_apply = number >= 1 && number <= 8 ? (guint) number : 1;
  return in_file != 1 ? in_file : *to_apply;
}

VtrImage *
vtr_image_load (const char *path, GError **error)
{
  g_return_val_if_fail (path != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  const int fd = g_open (path, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0)
    {
      set_read_error (error, path);
      return NULL;
    }
  g_autoptr (GdkPixbufLoader) loader = gdk_pixbuf_loader_new ();
  g_autoptr (GByteArray) file = g_byte_array_new ();
  const gboolean decoded = decode (loader, fd, file, path, error);
  close (fd);
  if (!decoded)
    return NULL;

  guint width;
  guint height;
  guint to_apply;
  const guint orientation = find_orientation (loader, file, &to_apply);
  guint8 *rgba = copy_upright (gdk_pixbuf_loader_get_pixbuf (loader), to_apply, &width, &height);
  return vtr_image_take (width, height, rgba, orientation, path);
}
