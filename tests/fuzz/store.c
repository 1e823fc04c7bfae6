/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* A file of weights: FUZZ_STORE is its reader.  What opens is read whole, as a run would. */
#include "fuzz.h"
#include "model/private.h"

static void
read_tensors (VtrStore *store)
{
  for (guint i = 0; i < vtr_store_get_n_tensors (store); i++)
    {
      const VtrStored *stored = vtr_store_get_tensor (store, i);
      g_autoptr (GError) error = NULL;
      g_autofree char *shape = vtr_stored_format_shape (stored);

      g_assert_true (vtr_store_find (store, stored->name) == stored);
      if (stored->dtype == VTR_DTYPE_OTHER)
        continue;
      g_autoptr (GBytes) bytes = vtr_store_read (store, stored, &error);
      fuzz_assert_answered (bytes != NULL, error);
      if (bytes != NULL)
        g_assert_cmpuint (g_bytes_get_size (bytes), ==,
                          stored->n_values * vtr_dtype_size (stored->dtype));
    }
}

static void
read_weights (VtrModel *model)
{
  for (guint weight = 0; weight < VTR_N_WEIGHTS; weight++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree float *values = g_new (float, vtr_model_get_weight_size (model, weight));

      const gboolean read = vtr_model_read_weight (model, weight, 0, values, &error);
      fuzz_assert_answered (read, error);
    }
  g_autofree float *prefix = vtr_model_make_prefix (model, NULL);
  g_autofree float *positions = vtr_model_make_positions (model, 2, 3, NULL);
  g_autofree float *rope = vtr_model_make_rope (model, 2, 3, NULL);
  g_autofree char *description = vtr_model_describe (model);
  g_assert_nonnull (description);
}

void
fuzz_input (GBytes *bytes)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrStore) store = FUZZ_STORE (bytes, "file", &error);

  fuzz_assert_answered (store != NULL, error);
  if (store == NULL)
    return;
  read_tensors (store);

  g_autoptr (VtrModel) model =
      vtr_model_new_from_store (g_steal_pointer (&store), NULL, NULL, "file", &error);
  fuzz_assert_answered (model != NULL, error);
  if (model != NULL)
    read_weights (model);
}
