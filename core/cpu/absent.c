/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* In place of the rest of this folder where the build leaves it out (-Dcpu=disabled). */
#include "cpu/cpu.h"

VtrDeviceInfo *
vtr_cpu_describe (void)
{
  return NULL;
}

VtrDevice *
vtr_cpu_open (GError **error)
{
  g_set_error_literal (error, VTR_ERROR, VTR_ERROR_NO_DEVICE,
                       "This build of Vitreous has no device “cpu”; “vitreous devices” lists what "
                       "it has.");
  return NULL;
}
