/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <vitreous/vtr-version.h>

G_BEGIN_DECLS

/**
 * VtrError:
 * @VTR_ERROR_FAILED: something else went wrong; the message says what
 * @VTR_ERROR_USAGE: an argument or option has no meaning here
 * @VTR_ERROR_NOT_FOUND: a file, model, label or layer does not exist
 * @VTR_ERROR_UNSUPPORTED: understood, but this program cannot do it (unknown family, pickle)
 * @VTR_ERROR_CORRUPT: a file contradicts itself: truncated, lying header, wrong shape
 * @VTR_ERROR_MISSING_TENSOR: the checkpoint lacks a tensor that its architecture needs
 * @VTR_ERROR_BAD_VALUES: weights or pixels that are NaN or infinite
 * @VTR_ERROR_IO: a file cannot be read or written
 * @VTR_ERROR_NO_VULKAN: no Vulkan loader on this system
 * @VTR_ERROR_NO_DEVICE: no device, or not the one asked for
 * @VTR_ERROR_OUT_OF_MEMORY: the device or the host has too little memory
 * @VTR_ERROR_DEVICE_LOST: the device stopped responding; the session must be made anew
 *
 * Codes of the domain %VTR_ERROR.  A cancelled call fails with
 * %G_IO_ERROR_CANCELLED of %G_IO_ERROR instead.
 */
typedef enum
{
  VTR_ERROR_FAILED,
  VTR_ERROR_USAGE,
  VTR_ERROR_NOT_FOUND,
  VTR_ERROR_UNSUPPORTED,
  VTR_ERROR_CORRUPT,
  VTR_ERROR_MISSING_TENSOR,
  VTR_ERROR_BAD_VALUES,
  VTR_ERROR_IO,
  VTR_ERROR_NO_VULKAN,
  VTR_ERROR_NO_DEVICE,
  VTR_ERROR_OUT_OF_MEMORY,
  VTR_ERROR_DEVICE_LOST,
} VtrError;

#define VTR_ERROR (vtr_error_quark ())

VTR_AVAILABLE_IN_0_1
GQuark vtr_error_quark (void);

G_END_DECLS
