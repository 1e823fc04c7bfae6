/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* What a healthy model is like: a file of JSON that users may have from anywhere. */
#include "fuzz.h"
#include "analysis/diagnosis.h"

#include <string.h>

void
fuzz_input (GBytes *bytes)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrReference) reference = vtr_reference_parse (bytes, "fuzzed", &error);

  fuzz_assert_answered (reference != NULL, error);
  if (reference == NULL)
    return;

  /* What was read is written and read again. */
  g_autofree char *json = vtr_reference_to_json (reference);
  g_autoptr (GBytes) again = g_bytes_new (json, strlen (json));
  g_autoptr (VtrReference) copy = vtr_reference_parse (again, "written", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (vtr_reference_get_name (copy), ==, vtr_reference_get_name (reference));

  g_autoptr (VtrReference) twin = vtr_reference_copy (reference);
  g_autofree char *of_twin = vtr_reference_to_json (twin);
  g_assert_cmpstr (of_twin, ==, json);
}
