/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include "explain-options.h"
#include "inputs.h"

/*
 * Whether an earlier run has written all files that are asked for, of the picture as it is now
 * and with the same model and parameters as far as its STEM.json tells; without one among the
 * files asked for, those that exist count.  (None of them is ever there in part.)  Then they become
 * those of @picture.
 */
gboolean cli_is_finished (CliPicture *picture, const CliExplainOptions *options, VtrModel *model);
