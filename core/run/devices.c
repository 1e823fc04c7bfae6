/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Which devices there are: the one place that knows their kinds by name. */
#include "run/run.h"
#include "run/verify.h"

#include "cpu/cpu.h"
#include "gpu/gpu.h"

GPtrArray *
vtr_device_list (GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  g_autoptr (GError) no_vulkan = NULL;
  g_autoptr (GPtrArray) infos = vtr_vulkan_list (&no_vulkan);
  VtrDeviceInfo *cpu = vtr_cpu_describe ();

  if (infos == NULL && cpu == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&no_vulkan));
      return NULL;
    }
  if (infos == NULL)
    {
      g_info ("No Vulkan devices: %s", no_vulkan->message);
      infos = g_ptr_array_new_with_free_func ((GDestroyNotify) vtr_device_info_free);
    }
  if (cpu != NULL)
    g_ptr_array_add (infos, cpu);
  return g_steal_pointer (&infos);
}

/* Lower is better: a GPU of its own memory, integrated, virtual, software. */
static guint
find_best (GPtrArray *infos)
{
  guint best = G_MAXUINT;

  for (guint i = 0; i < infos->len; i++)
    {
      const VtrDeviceInfo *info = g_ptr_array_index (infos, i);
      const VtrDeviceInfo *best_info = best < infos->len ? g_ptr_array_index (infos, best) : NULL;

      if (info->usable && (best_info == NULL || info->kind < best_info->kind))
        best = i;
    }
  return best;
}

/* The best Vulkan device, software drivers included. */
static VtrDevice *
open_best_vulkan (GError **error)
{
  g_autoptr (GPtrArray) infos = vtr_vulkan_list (error);
  if (infos == NULL)
    return NULL;

  const guint best = find_best (infos);
  if (best < infos->len)
    {
      g_info ("Device %s chosen: %s", ((VtrDeviceInfo *) g_ptr_array_index (infos, best))->id,
              ((VtrDeviceInfo *) g_ptr_array_index (infos, best))->name);
      return vtr_vulkan_open (best, error);
    }

  const VtrDeviceInfo *first = infos->len > 0 ? g_ptr_array_index (infos, 0) : NULL;
  if (first == NULL)
    g_set_error (error, VTR_ERROR, VTR_ERROR_NO_DEVICE,
                 "No Vulkan device was found: install a Vulkan driver for your GPU, or a software "
                 "one (Debian: mesa-vulkan-drivers)");
  else
    g_set_error (error, VTR_ERROR, VTR_ERROR_NO_DEVICE, "No Vulkan device can be used; %s (%s): %s",
                 first->id, first->name, first->reason);
  return NULL;
}

/*
 * Whether there may be a GPU: a driver reaches its GPU through a node in /dev.  Where there is
 * none, the Vulkan drivers installed need not be loaded to learn that they have nothing to drive,
 * which takes 0.1 s and 50 MB with Debian's.  Other systems, and drivers that the user names, are
 * asked.
 */
static gboolean
may_have_gpu (void)
{
#ifdef __linux__
  static const char *const prefixes[] = { "dri",  "nv",   "kfd",     "dxg",
                                          "kgsl", "mali", "galcore", "pvr" };
  g_autoptr (GDir) nodes = g_dir_open ("/dev", 0, NULL);
  const char *node;

  if (nodes == NULL || g_getenv ("VK_ICD_FILENAMES") != NULL ||
      g_getenv ("VK_DRIVER_FILES") != NULL || g_getenv ("VK_ADD_DRIVER_FILES") != NULL)
    return TRUE;
  while ((node = g_dir_read_name (nodes)) != NULL)
    for (guint i = 0; i < G_N_ELEMENTS (prefixes); i++)
      if (g_str_has_prefix (node, prefixes[i]))
        return TRUE;
  return FALSE;
#else
  return TRUE;
#endif
}

/* A real GPU, else the processor, else what emulates a GPU on it. */
static VtrDevice *
open_best (GError **error)
{
  g_autoptr (VtrDeviceInfo) cpu = vtr_cpu_describe ();
  if (cpu == NULL)
    return open_best_vulkan (error);

  g_autoptr (GPtrArray) infos = may_have_gpu () ? vtr_vulkan_list (NULL) : NULL;
  const guint best = infos != NULL ? find_best (infos) : G_MAXUINT;
  if (infos != NULL && best < infos->len &&
      ((VtrDeviceInfo *) g_ptr_array_index (infos, best))->kind < VTR_DEVICE_SOFTWARE)
    {
      g_autoptr (VtrDevice) device = vtr_vulkan_open (best, NULL);
      if (device != NULL)
        return g_steal_pointer (&device);
    }
  return vtr_cpu_open (error);
}

static VtrDevice *
open_by_number (const char *spec, const char *number, GError **error)
{
  guint64 index;

  if (!g_ascii_string_to_unsigned (number, 10, 0, G_MAXUINT - 1, &index, NULL))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "“%s” is no device: the part after the colon must be a number", spec);
      return NULL;
    }

  g_autoptr (GPtrArray) infos = vtr_vulkan_list (error);
  if (infos == NULL)
    return NULL;
  if (index >= infos->len)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_NO_DEVICE,
                   "There is no device %s: this system has %u Vulkan device%s", spec, infos->len,
                   infos->len == 1 ? "" : "s");
      return NULL;
    }

  const VtrDeviceInfo *info = g_ptr_array_index (infos, index);
  if (!info->usable)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_NO_DEVICE, "Device %s (%s) cannot be used: %s", spec,
                   info->name, info->reason);
      return NULL;
    }
  return vtr_vulkan_open ((guint) index, error);
}

VtrDevice *
vtr_device_open (const char *spec, GError **error)
{
  g_return_val_if_fail (spec != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (g_str_equal (spec, "auto"))
    return open_best (error);
  if (g_str_equal (spec, "cpu"))
    return vtr_cpu_open (error);
  if (g_str_equal (spec, "vulkan"))
    return open_best_vulkan (error);
  if (g_str_has_prefix (spec, "vulkan:"))
    return open_by_number (spec, spec + strlen ("vulkan:"), error);

  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "“%s” is no device: write auto, cpu, vulkan or vulkan:N", spec);
  return NULL;
}

VtrVerification *
vtr_device_verify (VtrDevice *self,
                   VtrProgressFunc progress,
                   gpointer progress_data,
                   GCancellable *cancellable,
                   GError **error)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  const VtrProgress whole = vtr_progress_whole (progress, progress_data, cancellable);
  g_autoptr (VtrDevice) cpu = vtr_cpu_open (error);
  return cpu == NULL ? NULL : vtr_verify (self, cpu, &whole, error);
}
