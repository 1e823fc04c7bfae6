/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * What a user can set, as one table: a row is an argument of the procedure, a widget of the dialog
 * and a value in the settings.  The rows of the methods' parameters are made from the library's
 * table of methods, so a parameter that is added there appears here.
 */
#include <glib.h>

/* The procedures, as bits: which of them have a field. */
typedef enum
{
  VGP_HEATMAPS = 1 << 0,
  VGP_SELECT = 1 << 1,
} VgpProcedures;

typedef enum
{
  VGP_FIELD_CHOICE, /* one of choices */
  VGP_FIELD_TEXT,   /* anything; choices are suggestions */
  VGP_FIELD_CLASS,  /* text that names a class of the model */
  VGP_FIELD_FILE,   /* a path, or nothing */
  VGP_FIELD_MODEL,  /* an installed model or a path, or nothing for the default one */
  VGP_FIELD_NUMBER, /* min..max with n_digits after the point */
  VGP_FIELD_SWITCH, /* "yes" or "no" */
} VgpFieldKind;

/* Where a field stands in the dialog, from the top. */
typedef enum
{
  VGP_GROUP_MODEL,
  VGP_GROUP_METHOD,
  VGP_GROUP_TARGET,
  VGP_GROUP_PICTURE,
  VGP_GROUP_RESULT,
} VgpFieldGroup;

#define VGP_N_GROUPS (VGP_GROUP_RESULT + 1)

typedef struct
{
  const char *name;    /* "start-layer" */
  const char *label;   /* "_Start layer"; not translated */
  const char *summary; /* a sentence; not translated */
  const char *default_text;
  const char *const *choices; /* their names; NULL-terminated, or NULL */
  const char *const
      *choice_labels; /* not translated; in the order of choices, NULL for the names */
  double min;
  double max;
  guint n_digits;
  VgpFieldKind kind;
  VgpFieldGroup group;
  VgpProcedures procedures;
  gboolean of_method; /* whether it is a parameter of some methods */
} VgpField;

/* All fields in the order to show them; static. */
const VgpField *vgp_fields_get (guint *n_fields);

/* NULL where there is none of that name. */
const VgpField *vgp_fields_find (const char *name);

/* What a group is called; not translated. */
const char *vgp_fields_get_group_label (VgpFieldGroup group);
