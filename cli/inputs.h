/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vitreous.h>

typedef enum
{
  CLI_PICTURE_OPEN,    /* nothing has come of it yet */
  CLI_PICTURE_DONE,    /* files are written */
  CLI_PICTURE_SKIPPED, /* files are there from an earlier run */
  CLI_PICTURE_FAILED,  /* error says why */
} CliPictureStatus;

/* What its map is worth. */
typedef struct
{
  char *text; /* vtr_score_describe (); NULL unless asked for */
  const char *quantity;
  double score;
  double random_mean;
  double random_low;
  double random_high;
  gboolean better;
} CliScore;

/* Which patches the decision hangs on. */
typedef struct
{
  char *text; /* vtr_proof_describe (); NULL unless asked for */
  const char *outcome;
  double y_before;
  double y_after;
  guint n_all; /* patches */
  guint n_greedy;
  guint n_patches;
  guint n_passes;
} CliProof;

/* A picture and what became of it. */
typedef struct
{
  char *path;
  char *stem;        /* of its files, output folder included; NULL: none are written */
  guint index;       /* among all of them */
  guint class_index; /* of cli_inputs_collect_classes () */
  CliPictureStatus status;
  GError *error;
  char **files; /* written, or found by --resume */
  guint64 planned_bytes;
  guint64 peak_bytes;
  guint n_rows; /* of patches */
  guint n_columns;
  CliScore score;
  CliProof proof;
} CliPicture;

/*
 * cli_inputs_collect:
 * @arguments: NULL-terminated, files and folders
 * @recursive: whether folders in folders count
 * @output: the folder to write to; never searched for pictures; NULL where none is written to
 *
 * A folder stands for its pictures, by name.  What cannot be searched becomes a picture that
 * has failed.  No two pictures get one stem, and no stem leads to a file that is an input.
 *
 * Returns: (transfer full) (element-type CliPicture): the pictures, in order
 */
GPtrArray *cli_inputs_collect (char **arguments, gboolean recursive, const char *output);

/*
 * cli_inputs_collect_classes:
 * @folder: the folders in it are classes, the pictures in each are its examples
 * @labels: (element-type utf8): the folders' names are added, in order
 * @output: the folder to write to, where each class gets a folder; NULL where none is written to
 *
 * Returns: (transfer full) (element-type CliPicture): the pictures, class by class; NULL where
 *   @folder cannot be read
 */
GPtrArray *cli_inputs_collect_classes (const char *folder,
                                       GPtrArray *labels,
                                       const char *output,
                                       GError **error);

/* Keeps @n of the pictures, or all there are, evenly spread over them, in order. */
void cli_inputs_thin_out (GPtrArray *pictures, guint n);

/* How many have that status. */
guint cli_inputs_count (GPtrArray *pictures, CliPictureStatus status);

/* Says on stderr which have failed and why. */
void cli_inputs_list_failures (GPtrArray *pictures);

/* The paths vtr_export() writes for a stem.  Transfer full. */
char **cli_files_of (const char *stem, VtrExportFlags flags);
