/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "base/base.h"

VtrDebugFlags
vtr_debug_flags (void)
{
  static gsize once;
  static VtrDebugFlags flags;
  static const GDebugKey keys[] = {
    { "validate", VTR_DEBUG_VALIDATE },
    { "sync", VTR_DEBUG_SYNC },
    { "gpuav", VTR_DEBUG_GPUAV },
    { "timing", VTR_DEBUG_TIMING },
    { "dump", VTR_DEBUG_DUMP },
    { "limits-min", VTR_DEBUG_LIMITS_MIN },
    { "overlap", VTR_DEBUG_OVERLAP },
    { "cooperative", VTR_DEBUG_COOPERATIVE },
    { "no-cooperative", VTR_DEBUG_NO_COOPERATIVE },
  };

  if (g_once_init_enter (&once))
    {
      flags = g_parse_debug_string (g_getenv ("VTR_DEBUG"), keys, G_N_ELEMENTS (keys));
      g_once_init_leave (&once, 1);
    }
  return flags;
}
