/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* A map as a mask. */
#include "picture.h"
#include "settings.h"

/*
 * Which pixels hold the attention, by the fields “keep” and “amount”:
 *
 *   mass   as few pixels as hold @amount % of the sum of all (negative values count as 0)
 *   value  the pixels above @amount % of the way from the least value to the greatest
 *
 * [height][width] of the picture, 0 or 1; 0 where no patch covers it.  Transfer full.
 */
float *vgp_mask_new (const VtrExplanation *explanation, VgpSettings *settings, GError **error);
