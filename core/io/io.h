/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * io: bytes ↔ things.
 *
 *   image.c   VtrImage; reading by gdk-pixbuf
 *   png.c     8-bit RGBA and 16-bit grey PNG with text, to memory
 *   npz.c     arrays as NumPy's .npz, to memory
 *   ora.c     OpenRaster, to memory
 *   atomic.c  temporary name, fsync, rename
 */
#include "base/base.h"

#define VTR_NPZ_MAX_DIMS 6

/* One tEXt/iTXt entry of a PNG. */
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

/* grey [height][width], native endian → 16-bit PNG. */
GBytes *vtr_png_encode_grey16 (const guint16 *grey,
                               guint width,
                               guint height,
                               const VtrPngText *text,
                               guint n_text,
                               GError **error);

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
  VtrImage *image; /* NULL for a group */
  double opacity;  /* 0..1 */
  gboolean visible;
  const VtrOraNode *children; /* of a group */
  guint n_children;
};

/* @merged: how the whole looks; @text goes into the PNGs' metadata. */
GBytes *vtr_ora_encode (guint width,
                        guint height,
                        const VtrOraNode *nodes,
                        guint n_nodes,
                        VtrImage *merged,
                        const VtrPngText *text,
                        guint n_text,
                        GError **error);

/* Writes under a temporary name in the same folder and renames; VTR_ERROR_IO says where and why. */
gboolean vtr_write_atomically (const char *path, GBytes *bytes, GError **error);
