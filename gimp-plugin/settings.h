/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * VgpSettings: a text for each field of a procedure.  As a GObject it tells who shows it what has
 * changed, by the signal “changed” with the field's name as its detail:
 *
 *   void changed (VgpSettings *self, const char *name, gpointer user_data)
 */
#include "fields.h"

#include <vitreous/vitreous.h>

#define VGP_TYPE_SETTINGS (vgp_settings_get_type ())
G_DECLARE_FINAL_TYPE (VgpSettings, vgp_settings, VGP, SETTINGS, GObject)

/* With every field at its default. */
VgpSettings *vgp_settings_new (VgpProcedures procedure);
VgpSettings *vgp_settings_copy (VgpSettings *self);

VgpProcedures vgp_settings_get_procedure (VgpSettings *self);
gboolean vgp_settings_has (VgpSettings *self, const char *name);

/* Of a field that the procedure has; text is owned by @self and never NULL. */
const char *vgp_settings_get (VgpSettings *self, const char *name);
double vgp_settings_get_number (VgpSettings *self, const char *name);
gboolean vgp_settings_get_switch (VgpSettings *self, const char *name);

/* Fails where there is no such field, for a choice there is not and for a number out of range.
 * Tells of a change only. */
gboolean vgp_settings_set (VgpSettings *self, const char *name, const char *text, GError **error);

/* Takes over the values of @other, as far as both have a field. */
void vgp_settings_assign (VgpSettings *self, VgpSettings *other);
void vgp_settings_reset (VgpSettings *self);

/* One JSON object of strings, all fields of the procedure. */
char *vgp_settings_to_json (VgpSettings *self);

/* Members that are no field, or no longer have such a value, are passed over. */
gboolean vgp_settings_read_json (VgpSettings *self, const char *json, GError **error);

/* "method=rollout; opacity=70": sets those, all others stay.  Nothing is set where one is wrong. */
gboolean vgp_settings_read_pairs (VgpSettings *self, const char *pairs, GError **error);

/* Whether the method that is chosen has the field; TRUE for fields of no method. */
gboolean vgp_settings_applies (VgpSettings *self, const VgpField *field);
