/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "dialog.h"

GtkWidget *
vgp_dialog_new_content (VgpSettings *settings,
                        VgpEngine *engine,
                        VgpReadPictureFunc read,
                        gpointer read_data)
{
  (void) settings; (void) engine; (void) read; (void) read_data;
  return gtk_label_new ("");
}
