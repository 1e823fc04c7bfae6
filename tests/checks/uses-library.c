/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* A program of somebody else: pkg-config.sh compiles it against the installed library. */
#include <vitreous/vitreous.h>

int
main (void)
{
  g_print ("vitreous %s, error domain %s\n", VTR_VERSION, g_quark_to_string (vtr_error_quark ()));
  return vtr_error_quark () == 0;
}
