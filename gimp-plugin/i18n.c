/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "i18n.h"

#include <locale.h>

void
vgp_i18n_init (const char *folder)
{
  setlocale (LC_ALL, "");
  /* Numbers are written and read alike in every language. */
  setlocale (LC_NUMERIC, "C");
  if (folder != NULL)
    bindtextdomain (GETTEXT_PACKAGE, folder);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
}
