/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "table.h"

#include <stdio.h>

#define COLUMN_GAP 2

struct _CliTable
{
  guint n_columns;
  gboolean *numeric; /* [n_columns] */
  GPtrArray *rows;   /* of char *[n_columns], headings first */
};

CliTable *
cli_table_new (const char *const *headings)
{
  CliTable *self = g_new0 (CliTable, 1);

  self->n_columns = g_strv_length ((char **) headings);
  self->numeric = g_new0 (gboolean, self->n_columns);
  self->rows = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);

  char **row = g_new0 (char *, self->n_columns + 1);
  for (guint column = 0; column < self->n_columns; column++)
    {
      self->numeric[column] = headings[column][0] == '>';
      row[column] = g_strdup (headings[column] + (self->numeric[column] ? 1 : 0));
    }
  g_ptr_array_add (self->rows, row);
  return self;
}

void
cli_table_add (CliTable *self, ...)
{
  char **row = g_new0 (char *, self->n_columns + 1);
  va_list cells;

  va_start (cells, self);
  for (guint column = 0; column < self->n_columns; column++)
    row[column] = g_strdup (va_arg (cells, const char *));
  va_end (cells);
  g_ptr_array_add (self->rows, row);
}

static guint
column_width (const CliTable *self, guint column)
{
  glong width = 0;

  for (guint i = 0; i < self->rows->len; i++)
    {
      char **row = g_ptr_array_index (self->rows, i);
      width = MAX (width, g_utf8_strlen (row[column], -1));
    }
  return (guint) width;
}

static void
print_row (const CliTable *self, char **row, const guint *widths)
{
  g_autoptr (GString) line = g_string_new (NULL);

  for (guint column = 0; column < self->n_columns; column++)
    {
      const guint padding = widths[column] - (guint) g_utf8_strlen (row[column], -1);

      if (column > 0)
        g_string_append_printf (line, "%*s", COLUMN_GAP, "");
      if (self->numeric[column])
        g_string_append_printf (line, "%*s", (int) padding, "");
      g_string_append (line, row[column]);
      if (!self->numeric[column])
        g_string_append_printf (line, "%*s", (int) padding, "");
    }
  puts (g_strchomp (line->str));
}

void
cli_table_print (const CliTable *self)
{
  g_autofree guint *widths = g_new0 (guint, self->n_columns);

  if (self->rows->len < 2)
    return;
  for (guint column = 0; column < self->n_columns; column++)
    widths[column] = column_width (self, column);
  for (guint i = 0; i < self->rows->len; i++)
    print_row (self, g_ptr_array_index (self->rows, i), widths);
}

void
cli_table_free (CliTable *self)
{
  if (self == NULL)
    return;
  g_ptr_array_unref (self->rows);
  g_free (self->numeric);
  g_free (self);
}
