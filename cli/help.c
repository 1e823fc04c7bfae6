/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "common.h"

#include <stdio.h>
#include <string.h>

/* GLib's own help does not wrap, and the tables have whole sentences to say. */
#define WIDTH 80
#define OPTION_INDENT 2
#define TEXT_INDENT 8

void
cli_print_wrapped (const char *text, guint first, guint indent)
{
  g_auto (GStrv) words = g_strsplit (text, " ", -1);
  glong column = 0;
  gboolean is_first = TRUE;

  for (guint i = 0; words[i] != NULL; i++)
    {
      const glong length = g_utf8_strlen (words[i], -1);

      if (column > 0 && column + 1 + length > WIDTH)
        {
          putchar ('\n');
          column = 0;
          is_first = FALSE;
        }
      column += column == 0 ? printf ("%*s", (int) (is_first ? first : indent), "") : printf (" ");
      fputs (words[i], stdout);
      column += length;
    }
  putchar ('\n');
}

static void
print_text (const char *text, guint indent)
{
  g_auto (GStrv) paragraphs = g_strsplit (text, "\n", -1);

  for (guint i = 0; paragraphs[i] != NULL; i++)
    cli_print_wrapped (paragraphs[i], indent, indent);
}

static void
print_option (const GOptionEntry *entry)
{
  g_autoptr (GString) head = g_string_new (NULL);

  if (entry->short_name != '\0')
    g_string_append_printf (head, "-%c, ", entry->short_name);
  g_string_append_printf (head, "--%s", entry->long_name);
  if (entry->arg_description != NULL)
    g_string_append_printf (head, " %s", entry->arg_description);
  printf ("\n%*s%s\n", OPTION_INDENT, "", head->str);
  print_text (entry->description, TEXT_INDENT);
}

void
cli_help_print (const CliCommand *command, const GOptionEntry *entries)
{
  printf ("Usage: vitreous %s [OPTION…] %s\n\n", command->name, command->arguments);
  print_text (command->summary, 0);
  for (; entries->long_name != NULL; entries++)
    if ((entries->flags & G_OPTION_FLAG_HIDDEN) == 0)
      print_option (entries);
}
