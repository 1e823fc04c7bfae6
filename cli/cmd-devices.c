/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "common.h"
#include "table.h"
#include "verify.h"

static void
print_json (GPtrArray *devices)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_array (builder);
  for (guint i = 0; i < devices->len; i++)
    {
      const VtrDeviceInfo *info = g_ptr_array_index (devices, i);

      json_builder_begin_object (builder);
      cli_json_string (builder, "id", info->id);
      cli_json_string (builder, "name", info->name);
      cli_json_string (builder, "driver", info->driver);
      cli_json_string (builder, "kind", cli_device_kind_to_text (info->kind));
      cli_json_string (builder, "api", info->api);
      cli_json_integer (builder, "memory", info->memory);
      cli_json_boolean (builder, "usable", info->usable);
      cli_json_string (builder, "reason", info->reason);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  cli_print_json (builder);
}

static void
print_table (GPtrArray *devices)
{
  const char *const headings[] = {
    "ID", "NAME", "DRIVER", "KIND", ">MEMORY", "API", "USABLE", NULL
  };
  g_autoptr (CliTable) table = cli_table_new (headings);

  for (guint i = 0; i < devices->len; i++)
    {
      const VtrDeviceInfo *info = g_ptr_array_index (devices, i);
      g_autofree char *memory = cli_bytes_to_text (info->memory);
      g_autofree char *usable =
          info->usable ? g_strdup ("yes") : g_strdup_printf ("no: %s", info->reason);

      cli_table_add (table, info->id, info->name, info->driver,
                     cli_device_kind_to_text (info->kind), memory, info->api, usable);
    }
  cli_table_print (table);
}

static CliExit
list_devices (gboolean json)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) devices = vtr_device_list (&error);

  if (devices == NULL)
    return cli_fail (error);
  if (json)
    print_json (devices);
  else
    print_table (devices);
  if (devices->len > 0)
    return CLI_EXIT_DONE;
  cli_say ("No Vulkan driver is installed: on Debian, mesa-vulkan-drivers has those of most GPUs "
           "and one that computes on the processor.");
  return CLI_EXIT_NO_MEANS;
}

CliExit
cli_devices (int argc, char **argv)
{
  gboolean json = FALSE, verify = FALSE;
  g_autofree char *device = NULL;
  const GOptionEntry entries[] = {
    { "verify", 0, 0, G_OPTION_ARG_NONE, &verify,
      "Compute every op on the devices and on the processor, and compare.", NULL },
    { "device", 0, 0, G_OPTION_ARG_STRING, &device,
      "Which device to verify. Default: all that can be used.", "DEVICE" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Answer with one JSON document.", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) rest = cli_parse (argc, argv, entries, 0, 0, &error);

  if (rest != NULL && device != NULL && !verify)
    g_set_error (&error, VTR_ERROR, VTR_ERROR_USAGE, "--device needs --verify.");
  if (error != NULL)
    return cli_fail (error);
  return verify ? cli_verify (device, json) : list_devices (json);
}
