/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * Prints what the C side says of every shader, for tests/shader-interface.py:
 *   shader, kernel, tensors, bytes of params, specialisation constants
 */
#include "launch-samples.h"

#include <stdio.h>

static const VtrGpuLimits devices[] = {
  /* A GPU without and with matrix units, the smallest device, software with shuffles and with
   * emulated matrices. */
  { .subgroup_size = 32,
    .max_invocations = 1024,
    .max_groups = { 65535, 65535, 65535 },
    .shared_bytes = 32768 },
  { .subgroup_size = 32,
    .max_invocations = 1024,
    .max_group_size = { 1024, 1024, 64 },
    .max_groups = { 65535, 65535, 65535 },
    .shared_bytes = 32768,
    .cooperative = { .rows = 16, .cols = 16, .depth = 16, .lanes = 32 } },
  { .software = TRUE,
    .subgroup_size = 1,
    .max_invocations = 128,
    .max_groups = { 65535, 65535, 65535 },
    .shared_bytes = 16384 },
  { .software = TRUE,
    .subgroup_size = 8,
    .subgroup_shuffle = TRUE,
    .max_invocations = 1024,
    .max_groups = { 65535, 65535, 65535 },
    .shared_bytes = 32768 },
  { .software = TRUE,
    .subgroup_size = 8,
    .subgroup_shuffle = TRUE,
    .max_invocations = 1024,
    .max_group_size = { 1024, 1024, 64 },
    .max_groups = { 65535, 65535, 65535 },
    .shared_bytes = 32768,
    .cooperative = { .rows = 4, .cols = 8, .depth = 16, .lanes = 8, .emulated = TRUE } },
};

int
main (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (devices); i++)
    for (guint j = 0; j < n_launch_samples; j++)
      {
        const VtrLaunch launch = launch_sample_choose (&launch_samples[j], &devices[i]);
        const VtrKernelInfo *info = vtr_kernel_get_info (launch_samples[j].kernel);
        printf ("%s %s %u %u %u\n", vtr_shaders[launch.shader].name, info->name, info->n_tensors,
                info->params_size, launch.n_constants);
      }
  return 0;
}
