/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "common.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether there are as many arguments as the command takes. */
static gboolean
check_arguments (const CliCommand *command, guint n, guint min, guint max, GError **error)
{
  g_autofree char *problem = NULL;

  if (n < min)
    problem = g_strdup_printf ("needs %s", command->arguments);
  else if (n > max && max == 0)
    problem = g_strdup ("takes options only");
  else if (n > max)
    problem = g_strdup_printf ("takes one %s", command->arguments);
  else
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE, "%s %s: “vitreous %s --help” says more.",
               command->name, problem, command->name);
  return FALSE;
}

char **
cli_parse (int argc, char **argv, const GOptionEntry *entries, guint min, guint max, GError **error)
{
  const CliCommand *command = cli_command_find (argv[0]);
  gboolean help = FALSE;
  g_auto (GStrv) rest = NULL;
  const GOptionEntry common[] = {
    { "help", 'h', 0, G_OPTION_ARG_NONE, &help, NULL, NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &rest, NULL, NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) problem = NULL;

  g_option_context_set_help_enabled (context, FALSE);
  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_add_main_entries (context, common, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &problem))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE, "%s: “vitreous %s --help” lists the options.",
                   problem->message, command->name);
      return NULL;
    }
  if (help)
    {
      cli_help_print (command, entries);
      exit (fflush (stdout) == 0 ? CLI_EXIT_DONE : CLI_EXIT_FAILED);
    }
  if (rest == NULL)
    rest = g_new0 (char *, 1);
  return check_arguments (command, g_strv_length (rest), min, max, error) ? g_steal_pointer (&rest)
                                                                          : NULL;
}

gboolean
cli_check_range (const char *option, int value, int min, int max, GError **error)
{
  if (value >= min && value <= max)
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE, "--%s %d is out of range: it is %d to %d.",
               option, value, min, max);
  return FALSE;
}

CliExit
cli_exit_for (const GError *error)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return CLI_EXIT_CANCELLED;
  if (error->domain != VTR_ERROR)
    return CLI_EXIT_FAILED;
  switch ((VtrError) error->code)
    {
    case VTR_ERROR_USAGE:
      return CLI_EXIT_USAGE;
    case VTR_ERROR_NOT_FOUND:
    case VTR_ERROR_UNSUPPORTED:
    case VTR_ERROR_CORRUPT:
    case VTR_ERROR_MISSING_TENSOR:
    case VTR_ERROR_BAD_VALUES:
    case VTR_ERROR_NO_VULKAN:
    case VTR_ERROR_NO_DEVICE:
    case VTR_ERROR_OUT_OF_MEMORY:
    case VTR_ERROR_DEVICE_LOST:
      return CLI_EXIT_NO_MEANS;
    case VTR_ERROR_FAILED:
    case VTR_ERROR_IO:
      break;
    }
  return CLI_EXIT_FAILED;
}

CliExit
cli_fail (const GError *error)
{
  const CliExit code = cli_exit_for (error);

  cli_say ("%s", code == CLI_EXIT_CANCELLED ? "Stopped." : error->message);
  return code;
}

void
cli_say (const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  g_autofree char *text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  /* GLib's and drivers' sentences come without the full stop; a command on a line of its own, to
   * be copied, must stay without. */
  const gboolean complete = strchr (text, '\n') != NULL || strchr (".:!?", text[strlen (text) - 1]);
  fprintf (stderr, "vitreous: %s%s\n", text, complete ? "" : ".");
}

char *
cli_bytes_to_text (guint64 bytes)
{
  return g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS);
}

char *
cli_name_to_text (const char *file_name)
{
  return g_utf8_make_valid (file_name, -1);
}

gboolean
cli_make_folder (const char *path, GError **error)
{
  if (g_mkdir_with_parents (path, 0777) != 0 || g_access (path, W_OK | X_OK) != 0)
    {
      const int problem = errno;
      g_set_error (error, VTR_ERROR, VTR_ERROR_IO, "The folder “%s” cannot be written to: %s.",
                   path, g_strerror (problem));
      return FALSE;
    }
  return TRUE;
}

char *
cli_json_to_text (JsonBuilder *builder)
{
  g_autoptr (JsonNode) root = json_builder_get_root (builder);

  return json_to_string (root, TRUE);
}

void
cli_print_json (JsonBuilder *builder)
{
  g_autofree char *text = cli_json_to_text (builder);

  puts (text);
}

void
cli_json_string (JsonBuilder *builder, const char *member, const char *text)
{
  json_builder_set_member_name (builder, member);
  if (text == NULL)
    json_builder_add_null_value (builder);
  else
    json_builder_add_string_value (builder, text);
}

void
cli_json_integer (JsonBuilder *builder, const char *member, guint64 value)
{
  json_builder_set_member_name (builder, member);
  json_builder_add_int_value (builder, (gint64) value);
}

void
cli_json_number (JsonBuilder *builder, const char *member, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  json_builder_set_member_name (builder, member);
  if (!isfinite (value))
    {
      json_builder_add_null_value (builder);
      return;
    }
  /* json-glib ends numbers without a point with “.0”, even 1e-08; their neighbours have one. */
  g_ascii_dtostr (text, sizeof text, value);
  if (strchr (text, 'e') != NULL && strchr (text, '.') == NULL)
    value = nextafter (value, INFINITY);
  json_builder_add_double_value (builder, value);
}

void
cli_json_boolean (JsonBuilder *builder, const char *member, gboolean value)
{
  json_builder_set_member_name (builder, member);
  json_builder_add_boolean_value (builder, value);
}

/* @model with the head in the file @path.  Takes @model. */
static VtrModel *
give_head (VtrModel *model, const char *path, GError **error)
{
  g_autoptr (VtrModel) headless = model;
  g_autoptr (VtrHead) head = vtr_head_load (path, error);

  return head == NULL ? NULL : vtr_model_with_head (headless, head, error);
}

VtrModel *
cli_open_model (const char *name, const char *head, GError **error)
{
  if (name == NULL)
    name = g_getenv ("VITREOUS_MODEL");
  if (name != NULL && *name == '\0')
    name = NULL;
  if (name == NULL)
    {
      g_auto (GStrv) installed = vtr_models_list ();
      if (installed[0] == NULL)
        {
          g_set_error (error, VTR_ERROR, VTR_ERROR_NOT_FOUND,
                       "No model is installed: “sh cli/demo.sh” in Vitreous' source folder "
                       "fetches "
                       "one to begin with; one of your own is named with -m or VITREOUS_MODEL.");
          return NULL;
        }
    }

  g_autofree char *path = vtr_model_find (name, error);
  VtrModel *model = path == NULL ? NULL : vtr_model_open (path, error);
  return model == NULL || head == NULL ? model : give_head (model, head, error);
}

VtrDevice *
cli_open_device (const char *spec, gboolean quiet, GError **error)
{
  g_autoptr (VtrDevice) device = vtr_device_open (spec == NULL ? "auto" : spec, error);
  if (device == NULL)
    return NULL;

  const VtrDeviceInfo *info = vtr_device_get_info (device);
  if (info->kind == VTR_DEVICE_SOFTWARE && !quiet)
    cli_say ("%s computes on the processor through Vulkan; the device “cpu” is faster.",
             info->name);
  return g_steal_pointer (&device);
}

const char *
cli_device_kind_to_text (VtrDeviceKind kind)
{
  switch (kind)
    {
    case VTR_DEVICE_GPU:
      return "GPU";
    case VTR_DEVICE_INTEGRATED_GPU:
      return "integrated GPU";
    case VTR_DEVICE_VIRTUAL_GPU:
      return "virtual GPU";
    case VTR_DEVICE_SOFTWARE:
      return "software";
    case VTR_DEVICE_CPU:
      return "processor";
    }
  g_return_val_if_reached ("?");
}
