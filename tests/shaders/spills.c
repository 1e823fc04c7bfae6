/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * Compiles every pipeline a device may be asked for and reads the driver's own
 * statistics: none may spill registers to memory.  Run with RADV, which compiles
 * for AMD GPUs that are not there (RADV_FORCE_FAMILY).
 */
#include "launch-samples.h"

#include <stdio.h>
#include <string.h>

static VtrDevice *device;

/* "Spilled SGPRs", "Spilled VGPRs", "Scratch size": RADV's names. */
static gboolean
is_spill (const VtrPipelineStatistic *statistic)
{
  return g_str_has_prefix (statistic->name, "Spilled") ||
         g_str_has_prefix (statistic->name, "Scratch");
}

static void
test_sample (gconstpointer data)
{
  const LaunchSample *sample = data;
  const VtrLaunch launch = launch_sample_choose (sample, vtr_vulkan_get_limits (device));
  guint n_spills = 0;
  GError *error = NULL;
  g_autoptr (GArray) statistics =
      vtr_vulkan_get_pipeline_statistics (device, sample->kernel, &launch, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < statistics->len; i++)
    {
      const VtrPipelineStatistic *statistic = &g_array_index (statistics, VtrPipelineStatistic, i);
      g_test_message ("%s: %g", statistic->name, statistic->value);
      if (!is_spill (statistic))
        continue;
      n_spills++;
      if (statistic->value != 0.0)
        g_error ("%s: %s %g", vtr_shaders[launch.shader].name, statistic->name, statistic->value);
    }
  g_assert_cmpuint (n_spills, >=, 2); /* else the driver has other names for them */
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;

  g_test_init (&argc, &argv, NULL);
  device = vtr_vulkan_open (0, &error);
  if (device == NULL)
    {
      printf ("Bail out! %s\n", error->message);
      return 1;
    }
  for (guint i = 0; i < n_launch_samples; i++)
    {
      const VtrLaunch launch =
          launch_sample_choose (&launch_samples[i], vtr_vulkan_get_limits (device));
      g_autofree char *path = g_strdup_printf ("/spills/%s/%u", vtr_shaders[launch.shader].name, i);
      g_test_add_data_func (path, &launch_samples[i], test_sample);
    }
  const int status = g_test_run ();
  g_object_unref (device);
  return status;
}
