/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * base: what every layer needs and no layer is about.  No GPU, no models.
 *
 *   checked.c   sizes that cannot overflow
 *   half.c      f16 and bf16 to f32, f32 to f16
 *   dtype.c     the types numbers are stored in
 *   error.c     the error domain
 *   debug.c     VTR_DEBUG
 *   json.c      members of JSON objects (json.h)
 *   random.c    numbers that are the same on every machine
 *   progress.c  progress over several steps, cancellation
 */
#ifndef G_LOG_DOMAIN
#define G_LOG_DOMAIN "Vitreous"
#endif

#include <glib.h>
#include <gio/gio.h>
#include <vitreous/vitreous.h>

/* ---- checked.c: each returns FALSE on overflow and then leaves @out alone ---- */
gboolean vtr_size_mul (gsize a, gsize b, gsize *out);
gboolean vtr_size_add (gsize a, gsize b, gsize *out);

/* Product of @n_dims sizes and of @item_size. */
gboolean vtr_size_of_shape (const guint64 *shape, guint n_dims, gsize item_size, gsize *out);

/* @value rounded up to a multiple of @alignment, a power of two. */
gboolean vtr_size_align (gsize value, gsize alignment, gsize *out);

/* ---- dtype.c ---- */
typedef enum
{
  VTR_DTYPE_F32,
  VTR_DTYPE_F16,
  VTR_DTYPE_BF16,
  VTR_DTYPE_F64,
  VTR_DTYPE_U32,
  VTR_DTYPE_I64,
  VTR_DTYPE_OTHER, /* present in a file, of no use as a weight */
} VtrDType;

/* Bytes of one number; 0 for VTR_DTYPE_OTHER. */
gsize vtr_dtype_size (VtrDType dtype);
const char *vtr_dtype_name (VtrDType dtype);

/* ---- half.c: IEEE binary16 and bfloat16; unaligned little-endian input is fine ---- */
float vtr_half_to_float (guint16 half);
float vtr_bf16_to_float (guint16 bf16);

/* The nearest half, of two as near the even one; 65520 and more are infinity. */
guint16 vtr_half_from_float (float value);

/* Converts @n numbers of any floating @dtype to f32. */
void vtr_floats_from (VtrDType dtype, gconstpointer source, gsize n, float *out);

/* Converts @n numbers to f16; the index of the first finite one that f16 cannot hold, or @n. */
gsize vtr_halves_from_floats (const float *values, gsize n, guint16 *out);

/* Index of the first value that is NaN or infinite, or @n. */
gsize vtr_floats_find_bad (const float *values, gsize n);

/* ---- debug.c: keys of VTR_DEBUG, read once ---- */
typedef enum
{
  VTR_DEBUG_VALIDATE = 1 << 0,       /* Vulkan core validation */
  VTR_DEBUG_SYNC = 1 << 1,           /* and synchronization validation */
  VTR_DEBUG_GPUAV = 1 << 2,          /* GPU-assisted validation */
  VTR_DEBUG_TIMING = 1 << 3,         /* log the time of every kernel */
  VTR_DEBUG_DUMP = 1 << 4,           /* log statistics of every tensor written */
  VTR_DEBUG_LIMITS_MIN = 1 << 5,     /* pretend to be the smallest device Vulkan allows */
  VTR_DEBUG_OVERLAP = 1 << 6,        /* two runs at once on any device */
  VTR_DEBUG_COOPERATIVE = 1 << 7,    /* cooperative matrices wherever they can be had or emulated */
  VTR_DEBUG_NO_COOPERATIVE = 1 << 8, /* none */
} VtrDebugFlags;

VtrDebugFlags vtr_debug_flags (void);

/* ---- random.c ---- */

/* The next of a row of random numbers; any state begins one. */
guint64 vtr_random_next (guint64 *state);

/* The same, 0 ≤ x < 1. */
double vtr_random_next_share (guint64 *state);

/* A state for each seed and text. */
guint64 vtr_random_begin (guint32 seed, const char *text);

/* ---- progress.c ---- */

/* A stretch of a longer piece of work: 0..1 of it is @from..@to of the whole. */
typedef struct
{
  VtrProgressFunc func; /* may be NULL */
  gpointer data;
  GCancellable *cancellable; /* may be NULL */
  double from;
  double to;
} VtrProgress;

/* The whole of a piece of work. */
VtrProgress vtr_progress_whole (VtrProgressFunc func, gpointer data, GCancellable *cancellable);

/* The part of @self between its shares @from and @to. */
VtrProgress vtr_progress_part (const VtrProgress *self, double from, double to);

/* Reports, then fails with G_IO_ERROR_CANCELLED if cancelled.  @self may be NULL. */
gboolean vtr_progress_step (const VtrProgress *self, double done, const char *what, GError **error);

/* Defines name_get_type () over name_ref () and name_unref (); G_DEFINE_BOXED_TYPE is no ISO C. */
#define VTR_DEFINE_BOXED_TYPE(Name, name)                                                          \
  GType name##_get_type (void)                                                                     \
  {                                                                                                \
    static gsize type;                                                                             \
    if (g_once_init_enter (&type))                                                                 \
      g_once_init_leave (&type, g_boxed_type_register_static (#Name, (GBoxedCopyFunc) name##_ref,  \
                                                              (GBoxedFreeFunc) name##_unref));     \
    return type;                                                                                   \
  }
