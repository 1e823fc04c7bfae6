/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* The procedures, from what the host was asked to what it adds to the image. */
#include "host.h"

#define VGP_HEATMAPS_NAME "plug-in-vitreous-heatmaps"
#define VGP_SELECT_NAME "plug-in-vitreous-select"
#define VGP_REDO_NAME "plug-in-vitreous-redo"

/* Not translated.  Translations change the last part alone: GIMP itself translates the others. */
#define VGP_MENU_PATH N_ ("<Image>/Filters/Attention")

/* The namespace of help/LL/gimp-help.xml, which tells the page of each procedure. */
#define VGP_HELP_DOMAIN "vitreous"

/* What a host registers; texts are not translated. */
typedef struct
{
  const char *name;
  const char *menu_label;
  const char *summary;
  const char *help; /* what it does at length */
  const char *icon; /* a file's name in the folder icons */
  VgpProcedures fields;
  gboolean returns_group; /* or nothing */
} VgpProcedureInfo;

const VgpProcedureInfo *vgp_procedures_get (guint *n_procedures);
const VgpProcedureInfo *vgp_procedures_find (const char *name);

typedef enum
{
  VGP_OUTCOME_DONE,
  VGP_OUTCOME_CANCELLED,
  VGP_OUTCOME_FAILED, /* the error is set */
} VgpOutcome;

/*
 * vgp_run:
 * @procedure: which of them
 * @host: the image
 * @settings: with fields of the procedure; what the user changes in the dialog is changed here
 * @interactive: whether the dialog is shown
 *
 * All is computed before the image is touched.
 */
VgpOutcome vgp_run (const VgpProcedureInfo *procedure,
                    VgpHost *host,
                    VgpSettings *settings,
                    gboolean interactive,
                    GError **error);
