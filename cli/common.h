/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * cli: the program `vitreous`, over <vitreous/vitreous.h> alone.
 *
 *   main.c             the table of commands
 *   cmd-*.c            a command each
 *   common.c           options, errors and exit codes, JSON, which model and device
 *   help.c             what --help prints, from the same tables as the options
 *   table.c            columns of text
 *   progress.c         the progress bar
 *   interrupt.c        Ctrl-C
 *   head-report.c      what `head train` says of its head
 *   evaluate-run.c     many pictures through vtr_evaluation_try ()
 *   diagnosis-run.c    pictures through vtr_diagnosis_add ()
 *   diagnosis-report.c what `diagnose` says; the table of rules
 *   evaluate-report.c  what `evaluate` says of the methods
 *   compare-*.c        what `compare` does with pictures and says of them (compare.h)
 *   augment-*.c        what `augment` makes and says of it (augment.h)
 *   prune-run.c        what two models say of the same pictures
 *   prune-report.c     what `prune` says of the smaller model
 *   explain-options.c  what may be said to `explain`
 *   method-options.c   what may be said about methods, from the library's tables
 *   recipe.c           the command line that makes a picture's files again
 *   inputs.c           pictures and folders of pictures → CliPicture
 *   picture-run.c      many pictures, some at once, counted in order
 *   report.c           what reports on many pictures have in common
 *   pipeline*.c        decode → device → files, many pictures at once
 *   resume.c           which pictures an earlier run has finished
 *   verify.c           devices --verify
 */
#include <json-glib/json-glib.h>
#include <vitreous/vitreous.h>

/* What the program ends with. */
typedef enum
{
  CLI_EXIT_DONE = 0,
  CLI_EXIT_FAILED = 1,      /* some inputs failed, the rest is done; a device computes wrong */
  CLI_EXIT_USAGE = 2,       /* what was asked for has no meaning */
  CLI_EXIT_NO_MEANS = 3,    /* no model or device to do it with */
  CLI_EXIT_CANCELLED = 130, /* as shells have it for SIGINT */
} CliExit;

typedef struct
{
  const char *name;
  const char *arguments; /* for the usage line */
  const char *summary;   /* for the list of commands */
  CliExit (*run) (int argc, char **argv);
} CliCommand;

CliExit cli_explain (int argc, char **argv);
CliExit cli_inspect (int argc, char **argv);
CliExit cli_models (int argc, char **argv);
CliExit cli_import (int argc, char **argv);
CliExit cli_devices (int argc, char **argv);
CliExit cli_bench (int argc, char **argv);
CliExit cli_head (int argc, char **argv);
CliExit cli_evaluate (int argc, char **argv);
CliExit cli_analyze (int argc, char **argv);
CliExit cli_advise (int argc, char **argv);
CliExit cli_compare (int argc, char **argv);
CliExit cli_augment (int argc, char **argv);
CliExit cli_prune (int argc, char **argv);
CliExit cli_diagnose (int argc, char **argv);
CliExit cli_reference (int argc, char **argv);

/* The command of that name, or NULL. */
const CliCommand *cli_command_find (const char *name);

/* Prints how a command is used. */
void cli_help_print (const CliCommand *command, const GOptionEntry *entries);

/* Prints a paragraph in lines of 80 columns: @first spaces before the first, @indent before the
 * others. */
void cli_print_wrapped (const char *text, guint first, guint indent);

/*
 * Parses the options of the command that argv[0] names.  --help prints and ends the program.
 * What is left over must be @min to @max arguments; fails with VTR_ERROR_USAGE otherwise.
 *
 * Returns: the arguments, transfer full
 */
char **cli_parse (int argc,
                  char **argv,
                  const GOptionEntry *entries,
                  guint min,
                  guint max,
                  GError **error);

/* Fails with VTR_ERROR_USAGE where the value of an option is not @min to @max. */
gboolean cli_check_range (const char *option, int value, int min, int max, GError **error);

/* Says on stderr what went wrong; tells what to end with. */
CliExit cli_fail (const GError *error);
CliExit cli_exit_for (const GError *error);

/* Prints to stderr: "vitreous: " and the sentence. */
void cli_say (const char *format, ...) G_GNUC_PRINTF (1, 2);

/* Bytes for people ("1.5 GiB"); a file's name as UTF-8.  Transfer full. */
char *cli_bytes_to_text (guint64 bytes);
char *cli_name_to_text (const char *file_name);

/* Makes a folder and those it is in, where they are not there yet. */
gboolean cli_make_folder (const char *path, GError **error);

/* The finished document, transfer full; the same printed to stdout.  Ends the builder's use. */
char *cli_json_to_text (JsonBuilder *builder);
void cli_print_json (JsonBuilder *builder);
void cli_json_string (JsonBuilder *builder, const char *member, const char *text);
void cli_json_integer (JsonBuilder *builder, const char *member, guint64 value);
/* Null where it is not finite. */
void cli_json_number (JsonBuilder *builder, const char *member, double value);
void cli_json_boolean (JsonBuilder *builder, const char *member, gboolean value);

/* Opens @name, else what VITREOUS_MODEL says, else the installed one; with the head in the file
 * @head, unless NULL. */
VtrModel *cli_open_model (const char *name, const char *head, GError **error);

/* Opens a device; unless @quiet, says so where it is a software driver. */
VtrDevice *cli_open_device (const char *spec, gboolean quiet, GError **error);

/* "GPU", "integrated GPU", ... */
const char *cli_device_kind_to_text (VtrDeviceKind kind);
