/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * VtrStore: the named tensors of a checkpoint, whatever its format.  It only
 * knows where the bytes are; what they mean is for families.h.  Immutable once
 * opened; reading is thread-safe.
 */
#include "base/base.h"

#define VTR_STORE_MAX_DIMS 8

typedef struct
{
  const char *name; /* owned by the store */
  VtrDType dtype;
  const char *dtype_name; /* as the file says it, for messages; owned by the store */
  guint n_dims;
  guint64 shape[VTR_STORE_MAX_DIMS]; /* slowest first */
  gsize n_values;
  gboolean transposed; /* a matrix kept as [in][out] (ONNX MatMul) */
  gboolean fortran;    /* bytes in column-major order (npz) */
  GBytes *bytes;       /* NULL: a member of the archive, read when asked for */
  gboolean mapped;     /* bytes are pages of a file */
  guint64 member;      /* of the archive */
} VtrStored;

typedef struct _VtrStore VtrStore;

/* What a store reads members of an archive with; called under the store's lock. */
typedef GBytes *(*VtrStoreRead) (gpointer archive, const VtrStored *stored, GError **error);

VtrStore *vtr_store_new (const char *format, const char *label);
void vtr_store_unref (VtrStore *self);
void
vtr_store_set_archive (VtrStore *self, gpointer archive, VtrStoreRead read, GDestroyNotify destroy);

/* Takes a copy of @stored, names included, and a reference to its bytes; fills in n_values.  Fails
 * where the name is taken, the size overflows or the bytes are not as many as shape and type say.
 */
gboolean vtr_store_add (VtrStore *self, const VtrStored *stored, GError **error);

/* Adds the tensors of @other; fails where a name is in both. */
gboolean vtr_store_merge (VtrStore *self, VtrStore *other, GError **error);

const VtrStored *vtr_store_find (VtrStore *self, const char *name);
guint vtr_store_get_n_tensors (VtrStore *self);
const VtrStored *vtr_store_get_tensor (VtrStore *self, guint index); /* in the file's order */

/* "safetensors", "npz", "onnx"; the file, for messages. */
const char *vtr_store_get_format (VtrStore *self);
const char *vtr_store_get_label (VtrStore *self);

/* Free text a file carries about itself; NULL where it does not. */
void vtr_store_set_note (VtrStore *self, const char *key, const char *value);
const char *vtr_store_get_note (VtrStore *self, const char *key);

/* The values of one tensor in its own type, C order. */
GBytes *vtr_store_read (VtrStore *self, const VtrStored *stored, GError **error);

/* Gives back the memory that reading a mapped tensor took; reading it again is fine. */
void vtr_store_release (const VtrStored *stored);

/* That slices of @file are pages of a file, unlike bytes that the reader made. */
void vtr_store_set_mapped (VtrStore *self, GBytes *file);

/* "[384, 3, 14, 14]" */
char *vtr_stored_format_shape (const VtrStored *self);

/* One reader each; @label names the file in messages.  A store keeps @bytes. */
VtrStore *vtr_store_from_safetensors (GBytes *bytes, const char *label, GError **error);
VtrStore *vtr_store_from_npz (GBytes *bytes, const char *label, GError **error);
VtrStore *vtr_store_from_onnx (GBytes *bytes, const char *label, GError **error);

/* A tensor of a safetensors file that is to be written. */
#define VTR_SAFETENSOR_MAX_DIMS VTR_STORE_MAX_DIMS
typedef struct
{
  const char *name;
  const char *dtype; /* as such files name types */
  guint64 n_bytes;
  guint n_dims;
  guint64 shape[VTR_SAFETENSOR_MAX_DIMS]; /* slowest first */
} VtrSafetensor;

/* save-safetensors.c: what such a file has before the numbers of @tensors, one after the other.
 * @notes: key, value, key, value, …, NULL. */
GBytes *vtr_safetensors_make_header (const char *const *notes,
                                     const VtrSafetensor *tensors,
                                     guint n_tensors);

/* Keys of vtr_store_get_note () that an ONNX graph answers: how its attention splits tokens. */
#define VTR_NOTE_N_HEADS "n_heads"
#define VTR_NOTE_HEAD_SIZE "head_size"

/* A file by its content: safetensors, npz, ONNX; pickles are refused with the way out. */
VtrStore *vtr_store_open_file (const char *path, GError **error);

/* The shards that a model.safetensors.index.json names; their paths go into @files. */
VtrStore *vtr_store_open_shards (const char *index_path, GPtrArray *files, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrStore, vtr_store_unref)
