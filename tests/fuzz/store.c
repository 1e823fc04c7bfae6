/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* The formats of weights, and what is made of tensors without a configuration; FUZZ_READER is
 * vtr_store_from_safetensors, _npz or _onnx. */
#include "fuzz.h"
#include "model/detect.h"

static void
read_tensors (VtrStore *store)
{
  for (guint i = 0; i < vtr_store_get_n_tensors (store); i++)
    {
      g_autoptr (GError) error = NULL;
      const VtrStored *stored = vtr_store_get_tensor (store, i);
      g_autoptr (GBytes) values = vtr_store_read (store, stored, &error);

      fuzz_assert_answered (values != NULL, error);
      g_assert_true (vtr_store_find (store, stored->name) == stored);
      /* Of types that are no weights the bytes are handed out as they are. */
      if (values != NULL && stored->dtype != VTR_DTYPE_OTHER)
        g_assert_cmpuint (g_bytes_get_size (values), ==,
                          stored->n_values * vtr_dtype_size (stored->dtype));
    }
}

void
fuzz_input (GBytes *bytes)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrStore) store = FUZZ_READER (bytes, "fuzzed", &error);

  fuzz_assert_answered (store != NULL, error);
  if (store == NULL)
    return;

  g_auto (VtrDetection) detection = { 0 };
  const gboolean detected = vtr_detection_init (&detection, store, NULL, NULL, &error);
  fuzz_assert_answered (detected, error);
  read_tensors (store);
}
