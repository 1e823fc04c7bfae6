/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* A classifier head: a file of safetensors and what its metadata says. */
#include "fuzz.h"
#include "model/head.h"

#include <string.h>

void
fuzz_input (GBytes *bytes)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrStore) store = vtr_store_from_safetensors (bytes, "fuzzed", &error);

  fuzz_assert_answered (store != NULL, error);
  if (store == NULL)
    return;

  g_autoptr (VtrHead) head = vtr_head_from_store (store, "fuzzed", &error);
  fuzz_assert_answered (head != NULL, error);
  if (head == NULL)
    return;
  for (guint i = 0; i < vtr_head_get_n_classes (head); i++)
    {
      const char *label = vtr_head_get_label (head, i);
      g_assert_true (label == NULL || g_utf8_validate (label, -1, NULL));
    }
  g_assert_cmpuint (strlen (vtr_head_get_hash (head)), ==, 64);
}
