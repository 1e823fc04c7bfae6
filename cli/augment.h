/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * What the files of `augment` share; nobody else includes it.
 *
 *   cmd-augment.c       options, what is to be made, what came of it
 *   augment-run.c       pictures explained and cut; then pasted into one another
 *   augment-manifest.c  how each file came about; which an earlier run has made
 */
#include "explain-options.h"
#include "inputs.h"
#include "progress.h"

/* Other pictures that are tried for a paste, where some of them cannot be read. */
#define CLI_N_PARTNERS 4

typedef struct
{
  const char *folder; /* without a separator at its end */
  const char *output;
  double shares[VTR_N_AUGMENT_KINDS]; /* of attention or patches; 0: none of that kind */
  guint n_variants;                   /* of each kind, of each picture */
  double jitter;                      /* how far a share varies, as a part of it */
  double least;                       /* edge of a crop */
  VtrFill fill;
  guint32 seed;
  const char *ending; /* ".png" */
  guint quality;      /* of JPEG */
  gboolean resume;
} CliAugmentOptions;

/* The files that say how pictures were made, while they are written. */
typedef struct _CliManifest CliManifest;

/* The square with the most attention and the one with the least. */
typedef struct
{
  VtrSpot hot;
  VtrSpot cold;
} CliSquares;

typedef struct
{
  const CliAugmentOptions *how;
  CliExplainOptions *options;
  VtrModel *model;
  VtrDevice *device;
  GPtrArray *pictures; /* of CliPicture */
  GPtrArray *labels;   /* of char *, by class; NULL where DIR has no folders of classes */
  CliSquares *squares; /* [pictures][n_variants] */
  GPtrArray **lines;   /* [pictures]: of CliMade, not told of yet; NULL for none */
  CliManifest *manifest;
  guint n_made[VTR_N_AUGMENT_KINDS];
  guint n_kept; /* files of an earlier run */
  CliProgress *progress;
  GCancellable *cancellable;
} CliAugmentation;

/* A picture that goes into another one. */
typedef struct
{
  guint picture; /* index */
  VtrRect box;   /* in its pixels; empty for all of it */
  double mass;   /* its attention there */
  double weight; /* of its label */
} CliSource;

/* A picture that was made. */
typedef struct
{
  VtrAugmentKind kind;
  guint variant; /* from 0 */
  double share;
  guint width;
  guint height;
  guint n_sources;
  CliSource sources[2];
  char *line; /* of an earlier run's manifest, in place of all other; NULL where there is none */
} CliMade;

void cli_made_free (gpointer self);

/* ---- augment-run.c ---- */

/* The name of a picture below the folder, which random choices hang on. */
const char *cli_augmentation_get_name (const CliAugmentation *self, guint index);

/* The path of a file that is made of it; transfer full. */
char *cli_augmentation_get_file (const CliAugmentation *self,
                                 guint index,
                                 VtrAugmentKind kind,
                                 guint variant);

/* Which picture is pasted into it, at the try of that number. */
guint cli_augmentation_draw_partner (const CliAugmentation *self,
                                     guint index,
                                     guint variant,
                                     guint number);

/* Makes all; fails with what stops all. */
gboolean cli_augmentation_run (CliAugmentation *self, GError **error);

/* ---- augment-manifest.c ---- */

/* Reads the one of an earlier run where it is wanted, and begins a new one. */
CliManifest *cli_manifest_new (CliAugmentation *augmentation, GError **error);
void cli_manifest_free (CliManifest *self);

/* The line of an earlier run that made this very file, or NULL. */
const char *
cli_manifest_find (const CliManifest *self, guint index, VtrAugmentKind kind, guint variant);

/* Says of a picture how it was made. */
void cli_manifest_add (CliManifest *self, guint index, const CliMade *made);

/* Gives both files their names. */
gboolean cli_manifest_finish (CliManifest *self, GError **error);
