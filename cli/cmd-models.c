/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "common.h"
#include "table.h"

/* Bytes on disk of a file or of all files in a folder; 0 if it cannot be read. */
static guint64
measure (const char *path)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  guint64 size = 0;

  if (!g_file_measure_disk_usage (file, G_FILE_MEASURE_APPARENT_SIZE, NULL, NULL, NULL, &size, NULL,
                                  NULL, NULL))
    return 0;
  return size;
}

/* An installed model that cannot be opened any more is listed, too, with what is wrong. */
static void
add_model (const char *name, JsonBuilder *builder, CliTable *table)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = vtr_model_find (name, &error);
  g_autoptr (VtrModel) model = path == NULL ? NULL : vtr_model_open (path, &error);
  const char *family = model == NULL ? NULL : vtr_model_get_family (model);
  const guint64 bytes = path == NULL ? 0 : measure (path);
  g_autofree char *size = cli_bytes_to_text (bytes);
  g_autofree char *shown_path = path == NULL ? NULL : cli_name_to_text (path);

  cli_table_add (table, name, family == NULL ? "unusable" : family, size,
                 error != NULL ? error->message : shown_path);
  json_builder_begin_object (builder);
  cli_json_string (builder, "name", name);
  cli_json_string (builder, "family", family);
  cli_json_integer (builder, "bytes", bytes);
  cli_json_string (builder, "path", shown_path);
  cli_json_string (builder, "error", error == NULL ? NULL : error->message);
  json_builder_end_object (builder);
}

CliExit
cli_models (int argc, char **argv)
{
  gboolean json = FALSE;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Answer with one JSON document.", NULL },
    G_OPTION_ENTRY_NULL,
  };
  const char *const headings[] = { "NAME", "FAMILY", ">SIZE", "PATH", NULL };
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) rest = cli_parse (argc, argv, entries, 0, 0, &error);
  if (rest == NULL)
    return cli_fail (error);

  g_auto (GStrv) names = vtr_models_list ();
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (CliTable) table = cli_table_new (headings);
  json_builder_begin_array (builder);
  for (guint i = 0; names[i] != NULL; i++)
    add_model (names[i], builder, table);
  json_builder_end_array (builder);

  if (json)
    cli_print_json (builder);
  else
    cli_table_print (table);
  if (names[0] == NULL && !json)
    {
      g_autofree char *directory = vtr_models_get_directory ();
      cli_say ("No model is installed in %s: “vitreous import” installs one.", directory);
    }
  return CLI_EXIT_DONE;
}
