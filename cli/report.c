/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "report.h"

#include <math.h>
#include <string.h>

char *
cli_format_estimate (VtrEstimate estimate, guint n_digits, gboolean with_sign)
{
  char mean[G_ASCII_DTOSTR_BUF_SIZE], half[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *format = g_strdup_printf ("%%.%uf", n_digits);

  g_ascii_formatd (mean, sizeof mean, format, estimate.mean);
  const char *sign = with_sign && mean[0] != '-' ? "+" : "";
  if (isnan (estimate.low))
    return g_strconcat (sign, mean, NULL);
  g_ascii_formatd (half, sizeof half, format, (estimate.high - estimate.low) / 2);
  return g_strconcat (sign, mean, "±", half, NULL);
}

void
cli_json_begin_object (JsonBuilder *builder, const char *member)
{
  json_builder_set_member_name (builder, member);
  json_builder_begin_object (builder);
}

void
cli_json_begin_array (JsonBuilder *builder, const char *member)
{
  json_builder_set_member_name (builder, member);
  json_builder_begin_array (builder);
}

void
cli_json_estimate (JsonBuilder *builder, VtrEstimate estimate)
{
  cli_json_number (builder, "mean", estimate.mean);
  cli_json_number (builder, "low", estimate.low);
  cli_json_number (builder, "high", estimate.high);
}

void
cli_json_parameters (JsonBuilder *builder, VtrMethod *method)
{
  guint n;
  const VtrMethodParam *const *params = vtr_method_get_params (vtr_method_get_name (method), &n);

  cli_json_begin_object (builder, "parameters");
  for (guint i = 0; i < n; i++)
    cli_json_string (builder, params[i]->name, vtr_method_get (method, params[i]->name));
  json_builder_end_object (builder);
}

void
cli_json_failures (JsonBuilder *builder, GPtrArray *pictures)
{
  cli_json_begin_array (builder, "failed");
  for (guint i = 0; i < pictures->len; i++)
    {
      const CliPicture *picture = g_ptr_array_index (pictures, i);
      g_autofree char *path = cli_name_to_text (picture->path);

      if (picture->status != CLI_PICTURE_FAILED)
        continue;
      json_builder_begin_object (builder);
      cli_json_string (builder, "picture", path);
      cli_json_string (builder, "error", picture->error->message);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

void
cli_csv_append (GString *line, const char *text)
{
  if (text == NULL)
    return;
  if (strpbrk (text, ",\"\r\n") == NULL)
    {
      g_string_append (line, text);
      return;
    }
  g_string_append_c (line, '"');
  for (; *text != '\0'; text++)
    {
      if (*text == '"')
        g_string_append_c (line, '"');
      g_string_append_c (line, *text);
    }
  g_string_append_c (line, '"');
}

gboolean
cli_write_text (const char *folder, const char *name, const char *text, GError **error)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *line = g_strconcat (text, "\n", NULL);
  g_autoptr (GError) problem = NULL;

  if (g_file_set_contents (path, line, -1, &problem))
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_IO, "The file “%s” cannot be written: %s.", path,
               problem->message);
  return FALSE;
}

CliExit
cli_conclude (GPtrArray *pictures, const GError *error, const char *stopped)
{
  CliExit code = CLI_EXIT_DONE;

  cli_inputs_list_failures (pictures);
  if (cli_inputs_count (pictures, CLI_PICTURE_FAILED) > 0)
    code = CLI_EXIT_FAILED;
  if (error != NULL && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      code = CLI_EXIT_CANCELLED;
      cli_say ("Stopped: %u of %u pictures %s.",
               cli_inputs_count (pictures, CLI_PICTURE_DONE) +
                   cli_inputs_count (pictures, CLI_PICTURE_SKIPPED),
               pictures->len, stopped);
    }
  else if (error != NULL)
    code = cli_fail (error);
  return code;
}
