/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* A map as a mask. */
#include "picture.h"
#include "settings.h"

/*
 * Which pixels hold the attention, by the fields “keep” and “amount”:
 *
 *   mass   as few pixels as hold @amount % of the sum of all (negative values count as 0)
 *   value  the pixels from @amount % of the way from the least value to the greatest on
 *
 * [height][width] of the picture, 0 or 1; 0 where no patch covers it.  Transfer full.
 */
float *vgp_mask_new (const VtrExplanation *explanation, VgpSettings *settings, GError **error);

/*
 * @mask, all of an item, becomes what @operation, a choice of the field of that name, makes of it
 * and @with, whose place in it is @part and which is 0 beyond it.  Both are [height][width], 0..1;
 * @part may reach beyond @whole, which begins at 0, 0.
 */
void vgp_mask_combine (float *mask,
                       const VgpRect *whole,
                       const float *with,
                       const VgpRect *part,
                       const char *operation);
