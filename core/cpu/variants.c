/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "cpu/variants.h"
#include "base/base.h"

extern const VtrCpuVariant vtr_cpu_variant_generic;
#ifdef __x86_64__ /* as in meson.build */
extern const VtrCpuVariant vtr_cpu_variant_avx2;
extern const VtrCpuVariant vtr_cpu_variant_avx512;
#endif

const VtrCpuVariant *
vtr_cpu_choose_variant (void)
{
#ifdef __x86_64__ /* as in meson.build */
  if (vtr_debug_flags () & VTR_DEBUG_LIMITS_MIN)
    return &vtr_cpu_variant_generic;
  __builtin_cpu_init ();
  if (__builtin_cpu_supports ("avx512f") && __builtin_cpu_supports ("avx512dq") &&
      __builtin_cpu_supports ("avx512bw") && __builtin_cpu_supports ("avx512vl") &&
      __builtin_cpu_supports ("avx512cd"))
    return &vtr_cpu_variant_avx512;
  if (__builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma") &&
      __builtin_cpu_supports ("bmi2"))
    return &vtr_cpu_variant_avx2;
#endif
  return &vtr_cpu_variant_generic;
}
