/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* What tests of pictures share. */
#include "preprocess/preprocess.h"

/* A file of tests/unit/pixels/; g_free () it. */
char *pixel_fixture_path (const char *name);

/* The lines of such a file but for comments, each split at spaces: of g_strfreev (). */
GPtrArray *pixel_fixture_table (const char *name);

/* noise () of make-pixel-goldens.py, with an alpha that nothing may depend on: [height][width][4].
 */
guint8 *pixel_fixture_noise (guint width, guint height, guint seed);

VtrFilter pixel_fixture_filter (const char *name);

/* A file in a folder that goes away with the program; g_free () it. */
char *pixel_fixture_temporary (const char *name);

/* An architecture that crops to @crop after the short edge got @edge, patches of @patch_size. */
VtrArch pixel_fixture_arch (guint edge, guint crop, guint patch_size);
