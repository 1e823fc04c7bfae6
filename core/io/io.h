/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * io: bytes ↔ things.
 *
 *   image.c       VtrImage
 *   image-load.c  reading pictures by gdk-pixbuf
 *   image-save.c  writing them, PNG and JPEG
 *   container.c   what gdk-pixbuf does not tell of a file: whether it is whole, PNG's orientation
 *   png.c         8-bit RGBA and 16-bit grey PNG with text, to memory
 *   zip.c         members of a ZIP file, to memory
 *   npz.c         arrays as NumPy's .npz, to memory
 *   ora.c         OpenRaster, to memory
 *   atomic.c      temporary name, fsync, rename
 */
#include "base/base.h"

#define VTR_NPZ_MAX_DIMS 6

/* Takes @rgba [height][width][4] over, of g_malloc (); @path may be NULL. */
VtrImage *
vtr_image_take (guint width, guint height, guint8 *rgba, guint orientation, const char *path);

/* ---- container.c: a whole file in memory, PNG, JPEG, TIFF or BMP; others pass as whole ---- */

/* Whether the file goes on to where its own structure says it ends. */
gboolean vtr_container_is_whole (const guint8 *data, gsize size);

/* The EXIF orientation a PNG or TIFF states, 1..8; 1 where there is none and for other files. */
guint vtr_container_get_orientation (const guint8 *data, gsize size);

/* One iTXt entry of a PNG. */
typedef struct
{
  const char *key;  /* 1..79 Latin-1 characters */
  const char *text; /* UTF-8 */
} VtrPngText;

/* rgba [height][width][4] → PNG.  @text: @n_text entries. */
GBytes *vtr_png_encode_rgba (const guint8 *rgba,
                             guint width,
                             guint height,
                             const VtrPngText *text,
                             guint n_text,
                             GError **error);

/* grey [height][width] → 8-bit PNG. */
GBytes *vtr_png_encode_grey8 (const guint8 *grey,
                              guint width,
                              guint height,
                              const VtrPngText *text,
                              guint n_text,
                              GError **error);

/* grey [height][width], native endian → 16-bit PNG. */
GBytes *vtr_png_encode_grey16 (const guint16 *grey,
                               guint width,
                               guint height,
                               const VtrPngText *text,
                               guint n_text,
                               GError **error);

/* A member of a ZIP file, in the order they are to have. */
typedef struct
{
  char *name;
  GBytes *bytes;
  gboolean stored; /* instead of deflated */
} VtrZipMember;

GArray *vtr_zip_members_new (void);

/* Takes @bytes over. */
void vtr_zip_members_add (GArray *members, const char *name, GBytes *bytes, gboolean stored);
GBytes *vtr_zip_encode (const GArray *members, GError **error);

/* One array of an .npz. */
typedef struct
{
  const char *name;
  VtrDType dtype; /* F32, U32 */
  guint n_dims;
  gsize shape[VTR_NPZ_MAX_DIMS];
  gconstpointer data;
} VtrNpzArray;

GBytes *vtr_npz_encode (const VtrNpzArray *arrays, guint n_arrays, GError **error);

/* A layer or group of an OpenRaster picture; top of the stack first. */
typedef struct _VtrOraNode VtrOraNode;
struct _VtrOraNode
{
  const char *name;
  GBytes *png;    /* of the whole canvas; NULL for a group */
  double opacity; /* 0..1 */
  gboolean visible;
  const VtrOraNode *children; /* of a group */
  guint n_children;
};

typedef struct
{
  guint width; /* of the canvas, pixels */
  guint height;
  const VtrOraNode *nodes;
  guint n_nodes;
  GBytes *merged_png;    /* how the whole looks */
  GBytes *thumbnail_png; /* the same, at most 256 pixels high and wide */
  const char *metadata;  /* JSON, for the member metadata.json; may be NULL */
} VtrOra;

GBytes *vtr_ora_encode (const VtrOra *ora, GError **error);

/* Writes under a temporary name in the same folder and renames; VTR_ERROR_IO says where and why. */
gboolean vtr_write_atomically (const char *path, GBytes *bytes, GError **error);
