/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vtr-types.h>

G_BEGIN_DECLS

/**
 * VtrExportFlags:
 *
 * The files an explanation can be written to; STEM is given by the caller.
 */
typedef enum
{
  VTR_EXPORT_OVERLAY = 1 << 0, /* STEM.overlay.png: the summary map over the picture */
  VTR_EXPORT_MAP = 1 << 1,     /* STEM.map.png: the summary map, 16-bit grey, the picture's size */
  VTR_EXPORT_LAYERS = 1 << 2,  /* STEM.ora: the photo, above it a layer a map, grouped */
  VTR_EXPORT_SHEET = 1 << 3,   /* STEM.sheet.png: layers × heads, labelled */
  VTR_EXPORT_NPZ = 1 << 4,     /* STEM.npz: the numbers */
  VTR_EXPORT_JSON = 1 << 5,    /* STEM.json: how they came about */
  VTR_EXPORT_PROOF = 1 << 6,   /* STEM.proof.png: white where the patches of the proof are, 8-bit
                                * grey,   the picture's size; only where there is one that flips */
} VtrExportFlags;

/**
 * VtrExportOptions:
 * @colormap: a name from vtr_colormap_list(), %NULL for the default
 * @opacity: of the overlay and the ORA's layers, 0..1
 * @command: (nullable): the command line that makes the files again, for the metadata
 *
 * Zeroed memory with @opacity set is a good start.
 */
typedef struct
{
  const char *colormap;
  double opacity;
  const char *command;
} VtrExportOptions;

/* The words that name the files ("overlay,map"), as flags; fails with VTR_ERROR_USAGE. */
VTR_AVAILABLE_IN_0_1
gboolean vtr_export_flags_parse (const char *text, VtrExportFlags *flags, GError **error);

/**
 * vtr_export:
 * @explanation: what to write
 * @stem: path of the files without their endings
 * @flags: which files
 * @options: how they look
 * @error: return location
 *
 * Writes each file under a temporary name beside its place and renames it, so
 * that no half-written file is ever seen; on failure nothing new is left behind.
 *
 * Returns: (transfer full) (array zero-terminated=1): the paths written
 */
VTR_AVAILABLE_IN_0_1
char **vtr_export (const VtrExplanation *explanation,
                   const char *stem,
                   VtrExportFlags flags,
                   const VtrExportOptions *options,
                   GError **error);

/* The contents of STEM.json; docs/formats.md has the schema.  Transfer full. */
VTR_AVAILABLE_IN_0_1
char *vtr_explanation_to_json (const VtrExplanation *explanation, const VtrExportOptions *options);

G_END_DECLS
