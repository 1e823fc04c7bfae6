/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* Settings as properties of another object, one a field and of the same name: a number is a double,
 * a switch a boolean, all else a string.  GIMP 3 keeps a procedure's arguments so. */
#include "settings.h"

void vgp_properties_read (VgpSettings *settings, GObject *object);

/* Writes all, and from then on brings what changes in one to the other. */
void vgp_properties_follow (VgpSettings *settings, GObject *object);
void vgp_properties_unfollow (VgpSettings *settings, GObject *object);
