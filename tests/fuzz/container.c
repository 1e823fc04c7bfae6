/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* What is asked of a picture's file beside its decoder. */
#include "fuzz.h"
#include "io/io.h"

void
fuzz_input (GBytes *bytes)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  vtr_container_is_whole (data, size);
  const guint orientation = vtr_container_get_orientation (data, size);
  g_assert_cmpuint (orientation, >=, 1);
  g_assert_cmpuint (orientation, <=, 8);
}
