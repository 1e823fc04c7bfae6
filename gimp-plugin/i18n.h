/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* _ () translates, N_ () marks for translation.  The domain is the plug-in's, whoever's process it
 * is: vgp_i18n_init () tells where its catalogues are. */
#define GETTEXT_PACKAGE "vitreous"
#include <glib/gi18n-lib.h>

/* @folder has LL/LC_MESSAGES/vitreous.mo; NULL for the system's. */
void vgp_i18n_init (const char *folder);
