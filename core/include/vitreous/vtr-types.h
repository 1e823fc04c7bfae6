/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <gio/gio.h>
#include <vitreous/vtr-version.h>

G_BEGIN_DECLS

/* Long-lived objects (GObject). */
typedef struct _VtrDevice VtrDevice;
typedef struct _VtrModel VtrModel;
typedef struct _VtrMethod VtrMethod;
typedef struct _VtrSession VtrSession;

/* Results: immutable, atomically counted, readable from any thread (boxed). */
typedef struct _VtrImage VtrImage;
typedef struct _VtrInput VtrInput;
typedef struct _VtrMap VtrMap;
typedef struct _VtrHead VtrHead;
typedef struct _VtrTarget VtrTarget;
typedef struct _VtrExplanation VtrExplanation;

/**
 * VtrPrecision:
 * @VTR_PRECISION_F32: everything has 32 bits
 * @VTR_PRECISION_F16: matrices of weights have 16, and on a GPU the activations
 *   multiplied by them, too; sums, norms, attention and its maps have 32
 *
 * What a session stores numbers as.  F16 takes half the memory for them; maps
 * then differ in the third digit.
 */
typedef enum
{
  VTR_PRECISION_F32,
  VTR_PRECISION_F16,
} VtrPrecision;

/**
 * VtrProgressFunc:
 * @done: share of the work that is done, 0..1
 * @what: what is being done, for the user ("uploading weights"); never %NULL
 * @user_data: the caller's data
 *
 * Told of progress by everything that may take longer than 100 ms, from the
 * thread that called it.
 */
typedef void (*VtrProgressFunc) (double done, const char *what, gpointer user_data);

G_END_DECLS
