/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "base/base.h"

GQuark
vtr_error_quark (void)
{
  return g_quark_from_static_string ("vtr-error-quark");
}
