/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "common.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const CliCommand commands[] = {
  { "explain", "IMAGE|DIR…",
    "Shows where a Vision Transformer looks: heatmaps of pictures, as image layers.", cli_explain },
  { "evaluate", "IMAGE|DIR…", "Ranks the explanation methods for a model on your own pictures.",
    cli_evaluate },
  { "compare", "A B IMAGE|DIR…",
    "Compares two models, or one in two settings, by what they make of your own pictures.",
    cli_compare },
  { "analyze", "IMAGE|DIR…",
    "Tells how attention evolves from the first layer to the last on your pictures.", cli_analyze },
  { "advise", "IMAGE|DIR…",
    "Says what could be left out of a model, tried on your pictures, and how to train it.",
    cli_advise },
  { "diagnose", "IMAGE|DIR…", "Says what is wrong with a model, why, and what to do about it.",
    cli_diagnose },
  { "reference", "make MODEL DIR",
    "Notes what a healthy model does with the pictures in DIR, for diagnose to compare with.",
    cli_reference },
  { "inspect", "MODEL", "Says what a checkpoint is and how it was recognised.", cli_inspect },
  { "models", "", "Lists the installed models.", cli_models },
  { "import", "FILE|DIR", "Installs a checkpoint under a name.", cli_import },
  { "devices", "", "Lists what can compute; verifies that it computes right.", cli_devices },
  { "head", "train DIR",
    "Makes a classifier head of pictures: in DIR there is a folder of examples for each class.",
    cli_head },
  { "augment", "DIR", "Makes training pictures of pictures, by what a model looks at.",
    cli_augment },
  { "prune", "IMAGE|DIR…",
    "Writes a smaller model, without the heads and layers that count least on your pictures.",
    cli_prune },
  { "bench", "", "Measures how fast a model runs on a device.", cli_bench },
};

const CliCommand *
cli_command_find (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    if (strcmp (commands[i].name, name) == 0)
      return &commands[i];
  return NULL;
}

static void
print_help (FILE *to)
{
  fputs ("Usage:\n"
         "  vitreous COMMAND [OPTION…] [ARGUMENT…]\n"
         "\n"
         "Makes the attention of Vision Transformers visible.\n"
         "\n"
         "Commands:\n",
         to);
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    fprintf (to, "  %-9s %s\n", commands[i].name, commands[i].summary);
  fputs ("\n"
         "“vitreous COMMAND --help” lists the options of a command; “vitreous --version” says "
         "which\n"
         "version this is.\n",
         to);
}

static CliExit
run_command (int argc, char **argv)
{
  const CliCommand *command = cli_command_find (argv[0]);

  if (command == NULL)
    {
      cli_say ("There is no command “%s”: “vitreous help” lists them.", argv[0]);
      return CLI_EXIT_USAGE;
    }
  return command->run (argc, argv);
}

static CliExit
help (int argc, char **argv)
{
  if (argc > 2)
    {
      cli_say ("help takes one command: “vitreous help” lists them.");
      return CLI_EXIT_USAGE;
    }
  if (argc == 2)
    return run_command (2, (char *[]){ argv[1], (char *) "--help", NULL });
  print_help (stdout);
  return CLI_EXIT_DONE;
}

static CliExit
dispatch (int argc, char **argv)
{
  if (argc < 2)
    {
      print_help (stderr);
      return CLI_EXIT_USAGE;
    }
  if (strcmp (argv[1], "help") == 0 || strcmp (argv[1], "--help") == 0 ||
      strcmp (argv[1], "-h") == 0)
    return help (argc - 1, argv + 1);
  if (strcmp (argv[1], "--version") == 0)
    {
      puts ("vitreous " VTR_VERSION);
      return CLI_EXIT_DONE;
    }
  return run_command (argc - 1, argv + 1);
}

int
main (int argc, char **argv)
{
  /* Names of files as the user has them; numbers and messages stay as they are written here. */
  setlocale (LC_CTYPE, "");
  /* `vitreous explain ... | head` must not kill the run that is still writing files. */
  signal (SIGPIPE, SIG_IGN);

  const CliExit code = dispatch (argc, argv);
  if (fflush (stdout) != 0 && errno != EPIPE && code == CLI_EXIT_DONE)
    {
      cli_say ("The answer could not be written: %s.", g_strerror (errno));
      return CLI_EXIT_FAILED;
    }
  return code;
}
