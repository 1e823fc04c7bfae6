/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "io/io.h"

#include <string.h>

#define PNG_SIGNATURE "\x89PNG\r\n\x1a\n"
#define EXIF_TAG_ORIENTATION 0x0112

static guint32
read_be32 (const guint8 *p)
{
  return (guint32) p[0] << 24 | (guint32) p[1] << 16 | (guint32) p[2] << 8 | p[3];
}

static guint32
read_le32 (const guint8 *p)
{
  return (guint32) p[3] << 24 | (guint32) p[2] << 16 | (guint32) p[1] << 8 | p[0];
}

static gboolean
is_png (const guint8 *data, gsize size)
{
  return size >= 8 && memcmp (data, PNG_SIGNATURE, 8) == 0;
}

/* Finds a chunk of a PNG that lies within the file, or NULL. */
static const guint8 *
png_find_chunk (const guint8 *data, gsize size, const char *type, gsize *chunk_size)
{
  gsize at = 8;

  /* A chunk: length, type, data, checksum. */
  while (size - at >= 12)
    {
      const guint32 length = read_be32 (data + at);
      if (length > size - at - 12)
        return NULL;
      *chunk_size = length;
      if (memcmp (data + at + 4, type, 4) == 0)
        return data + at + 8;
      at += (gsize) length + 12;
    }
  return NULL;
}

/* Walks the markers of a JPEG, entropy-coded data between them, to EOI. */
static gboolean
jpeg_is_whole (const guint8 *data, gsize size)
{
  gsize at = 2;

  while (size - at >= 2)
    {
      /* Between scans: bytes of entropy-coded data, FF 00 an FF of them, FF FF filling. */
      if (data[at] != 0xff || data[at + 1] == 0x00 || data[at + 1] == 0xff)
        {
          at++;
          continue;
        }
      const guint8 marker = data[at + 1];
      at += 2;
      if (marker == 0xd9) /* EOI */
        return TRUE;
      if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)) /* TEM, RSTn, SOI: bare */
        continue;
      if (size - at < 2)
        return FALSE;
      const gsize length = (gsize) data[at] << 8 | data[at + 1];
      if (length < 2 || length > size - at)
        return FALSE;
      at += length;
    }
  return FALSE;
}

/* Uncompressed BMPs only: others are checked by their decoder. */
static gboolean
bmp_is_whole (const guint8 *data, gsize size)
{
  if (size < 34)
    return FALSE;
  if (read_le32 (data + 14) < 40 || read_le32 (data + 30) != 0)
    return TRUE;

  const guint64 offset = read_le32 (data + 10);
  const guint64 width = read_le32 (data + 18);
  const guint64 height = (guint64) ABS ((gint64) (gint32) read_le32 (data + 22));
  const guint64 bits = data[28] | (guint64) data[29] << 8;
  const guint64 stride = (width * MIN (bits, 32) + 31) / 32 * 4;
  return offset <= size && (height == 0 || stride <= (size - offset) / height);
}

gboolean
vtr_container_is_whole (const guint8 *data, gsize size)
{
  gsize chunk_size;

  if (is_png (data, size))
    return png_find_chunk (data, size, "IEND", &chunk_size) != NULL;
  if (size >= 2 && data[0] == 0xff && data[1] == 0xd8)
    return jpeg_is_whole (data, size);
  if (size >= 2 && data[0] == 'B' && data[1] == 'M')
    return bmp_is_whole (data, size);
  return TRUE;
}

static guint32
read_tiff (const guint8 *p, guint n_bytes, gboolean big_endian)
{
  guint32 value = 0;

  for (guint i = 0; i < n_bytes; i++)
    value = value << 8 | p[big_endian ? i : n_bytes - 1 - i];
  return value;
}

/* The orientation in the first directory of a TIFF structure, which is also what EXIF is. */
static guint
tiff_get_orientation (const guint8 *data, gsize size)
{
  if (size < 8 || (memcmp (data, "II*\0", 4) != 0 && memcmp (data, "MM\0*", 4) != 0))
    return 1;

  const gboolean big_endian = data[0] == 'M';
  const gsize directory = read_tiff (data + 4, 4, big_endian);
  if (directory > size - 2)
    return 1;

  const guint n_entries = read_tiff (data + directory, 2, big_endian);
  for (guint i = 0; i < n_entries && (size - directory - 2) / 12 > i; i++)
    {
      const guint8 *entry = data + directory + 2 + (gsize) i * 12; /* tag, type, count, value */
      if (read_tiff (entry, 2, big_endian) == EXIF_TAG_ORIENTATION)
        {
          const guint value = read_tiff (entry + 8, 2, big_endian);
          return value >= 1 && value <= 8 ? value : 1;
        }
    }
  return 1;
}

guint
vtr_container_get_orientation (const guint8 *data, gsize size)
{
  gsize chunk_size;

  if (!is_png (data, size))
    return tiff_get_orientation (data, size);
  const guint8 *exif = png_find_chunk (data, size, "eXIf", &chunk_size);
  return exif != NULL ? tiff_get_orientation (exif, chunk_size) : 1;
}
