/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "gpu/vulkan.h"

#include <string.h>

/* Validation messages that say nothing about this program, by id and a part of the text. */
static const struct
{
  const char *id;
  const char *text;
  const char *reason;
} quiet_messages[] = {
  { "UNASSIGNED-GPU-Assisted Validation Warning", "No buffer device address checking",
    "SwiftShader has no 64-bit integers to check them with, and no kernel uses such addresses" },
};

const char *
vtr_quirk_explain_message (const char *id, const char *text)
{
  for (guint i = 0; i < G_N_ELEMENTS (quiet_messages); i++)
    if (strcmp (quiet_messages[i].id, id) == 0 && strstr (text, quiet_messages[i].text) != NULL)
      return quiet_messages[i].reason;
  return NULL;
}
