/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include "cpu/kernels.h"

/* The build of the kernels with the widest vectors that this processor has. */
const VtrCpuVariant *vtr_cpu_choose_variant (void);
