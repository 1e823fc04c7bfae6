/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* Part of host-gimp2.c: the pixels of a drawable, with the colours that the image's profile says.
 */
#include <gegl.h>

/* libgimp 2.10 takes all pixels for sRGB: the buffer is told what they are.  Transfer full. */
GeglBuffer *vgp_gimp2_open_buffer (gint32 image, gint32 drawable);
