/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* Explanations that are to be the same to the last bit. */
#include <vitreous/vitreous.h>

/* What of two explanations of pictures of one grid differs in any bit: "embedding", "maps"; NULL
 * where nothing does.  What they took of memory is no part of it. */
const char *explanation_find_difference (const VtrExplanation *a, const VtrExplanation *b);
