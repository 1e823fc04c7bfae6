/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* `devices --verify`: whether a device computes what the processor does. */
#include "verify.h"
#include "interrupt.h"
#include "progress.h"
#include "table.h"

#include <stdio.h>

typedef struct
{
  VtrDevice *device;
  VtrVerification *found; /* NULL until it was verified */
} Verified;

static void
verified_free (gpointer data)
{
  Verified *self = data;

  g_object_unref (self->device);
  vtr_verification_free (self->found);
  g_free (self);
}

/* ---- which devices ---- */

static gboolean
add_device (GPtrArray *devices, const char *id, GError **error)
{
  VtrDevice *device = vtr_device_open (id, error);
  if (device == NULL)
    return FALSE;

  Verified *added = g_new0 (Verified, 1);
  added->device = device;
  g_ptr_array_add (devices, added);
  if (vtr_device_get_info (device)->kind != VTR_DEVICE_CPU)
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_NO_DEVICE,
               "The device “%s” is the processor, which others are compared with: there is "
               "nothing to compare it with.",
               id);
  return FALSE;
}

static gboolean
add_all_devices (GPtrArray *devices, GError **error)
{
  g_autoptr (GPtrArray) infos = vtr_device_list (error);
  if (infos == NULL)
    return FALSE;

  for (guint i = 0; i < infos->len; i++)
    {
      const VtrDeviceInfo *info = g_ptr_array_index (infos, i);
      if (!info->usable || info->kind == VTR_DEVICE_CPU || add_device (devices, info->id, error))
        continue;
      g_prefix_error (error, "Of %s: ", info->id);
      return FALSE;
    }
  if (devices->len > 0)
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_NO_DEVICE,
               "There is no device to verify: the processor is the only one that can be used, and "
               "others are compared with it.");
  return FALSE;
}

/* ---- running ---- */

/* Progress over several devices. */
typedef struct
{
  CliProgress *bar;
  guint n_done;
  guint n_devices;
} AllProgress;

static void
show_progress (double done, const char *what, gpointer data)
{
  const AllProgress *self = data;

  cli_progress_show ((self->n_done + done) / self->n_devices, what, self->bar);
}

static gboolean
verify_all (GPtrArray *devices, gboolean quiet, GError **error)
{
  g_autoptr (GCancellable) cancellable = cli_interrupt_watch ();
  g_autoptr (CliProgress) bar = cli_progress_new (quiet);
  AllProgress progress = { bar, 0, devices->len };

  for (; progress.n_done < devices->len; progress.n_done++)
    {
      Verified *verified = g_ptr_array_index (devices, progress.n_done);
      verified->found =
          vtr_device_verify (verified->device, show_progress, &progress, cancellable, error);
      if (verified->found == NULL)
        return FALSE;
    }
  return TRUE;
}

/* ---- printing ---- */

static const char *
verdict_to_text (VtrVerdict verdict)
{
  switch (verdict)
    {
    case VTR_VERDICT_RIGHT:
      return "right";
    case VTR_VERDICT_FAILED:
      return "failed";
    case VTR_VERDICT_WRONG:
      return "wrong";
    }
  g_return_val_if_reached ("?");
}

static void
add_op (JsonBuilder *builder, const VtrOpCheck *check)
{
  json_builder_begin_object (builder);
  cli_json_string (builder, "op", check->op);
  cli_json_integer (builder, "cases", check->n_cases);
  cli_json_string (builder, "verdict", verdict_to_text (check->verdict));
  cli_json_string (builder, "worst_case", check->worst_case);
  cli_json_number (builder, "nmse", check->nmse);
  cli_json_number (builder, "max_nmse", check->max_nmse);
  cli_json_number (builder, "max_error", check->max_error);
  cli_json_string (builder, "problem", check->problem);
  json_builder_end_object (builder);
}

static void
print_json (GPtrArray *devices)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_array (builder);
  for (guint i = 0; i < devices->len; i++)
    {
      const Verified *verified = g_ptr_array_index (devices, i);
      const VtrDeviceInfo *info = vtr_device_get_info (verified->device);

      json_builder_begin_object (builder);
      cli_json_string (builder, "id", info->id);
      cli_json_string (builder, "name", info->name);
      cli_json_string (builder, "driver", info->driver);
      cli_json_string (builder, "verdict", verdict_to_text (verified->found->verdict));
      json_builder_set_member_name (builder, "ops");
      json_builder_begin_array (builder);
      for (guint op = 0; op < verified->found->n_ops; op++)
        add_op (builder, &verified->found->ops[op]);
      json_builder_end_array (builder);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  cli_print_json (builder);
}

static void
print_table (GPtrArray *devices)
{
  const char *const headings[] = { "DEVICE",     "DRIVER",     "OP",      ">CASES", ">NMSE",
                                   ">MAX ERROR", "WORST CASE", "VERDICT", NULL };
  g_autoptr (CliTable) table = cli_table_new (headings);

  for (guint i = 0; i < devices->len; i++)
    {
      const Verified *verified = g_ptr_array_index (devices, i);
      const VtrDeviceInfo *info = vtr_device_get_info (verified->device);

      for (guint op = 0; op < verified->found->n_ops; op++)
        {
          const VtrOpCheck *check = &verified->found->ops[op];
          const gboolean computed = check->verdict != VTR_VERDICT_FAILED;
          g_autofree char *n_cases = g_strdup_printf ("%u", check->n_cases);
          g_autofree char *nmse = computed ? g_strdup_printf ("%.1e", check->nmse) : g_strdup ("-");
          g_autofree char *most =
              computed ? g_strdup_printf ("%.1e", check->max_error) : g_strdup ("-");
          cli_table_add (table, info->id, info->driver, check->op, n_cases, nmse, most,
                         check->worst_case, verdict_to_text (check->verdict));
        }
    }
  cli_table_print (table);
}

/* Says of each device whether it is right, and if not what is wrong. */
static void
say_verdict (const Verified *self)
{
  const VtrDeviceInfo *info = vtr_device_get_info (self->device);

  if (self->found->verdict == VTR_VERDICT_RIGHT)
    printf ("%s (%s) computes what the processor does.\n", info->id, info->name);
  for (guint op = 0; op < self->found->n_ops; op++)
    {
      const VtrOpCheck *check = &self->found->ops[op];
      if (check->problem != NULL)
        cli_say ("%s, %s: %s", info->id, check->op, check->problem);
    }
}

static CliExit
report (GPtrArray *devices, gboolean json)
{
  CliExit code = CLI_EXIT_DONE;

  if (json)
    print_json (devices);
  else
    print_table (devices);
  for (guint i = 0; i < devices->len; i++)
    {
      const Verified *verified = g_ptr_array_index (devices, i);
      if (!json)
        say_verdict (verified);
      if (verified->found->verdict != VTR_VERDICT_RIGHT)
        code = CLI_EXIT_FAILED;
    }
  return code;
}

CliExit
cli_verify (const char *spec, gboolean json)
{
  g_autoptr (GPtrArray) devices = g_ptr_array_new_with_free_func (verified_free);
  g_autoptr (GError) error = NULL;

  if (spec != NULL ? add_device (devices, spec, &error) : add_all_devices (devices, &error))
    if (verify_all (devices, json, &error))
      return report (devices, json);
  return cli_fail (error);
}
