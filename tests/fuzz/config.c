/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* Configuration files, read as each of the kinds there are. */
#include "fuzz.h"
#include "model/config.h"

static void
read_as_family (VtrConfig *config, const VtrFamily *family)
{
  g_auto (VtrStatement) statement = { 0 };
  g_autoptr (GPtrArray) reasons = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  const gboolean read = family->naming == &vtr_naming_timm
                            ? vtr_statement_read_timm (&statement, family, config, reasons, &error)
                            : vtr_statement_read_hf (&statement, family, config, &error);

  fuzz_assert_answered (read, error);
}

void
fuzz_input (GBytes *bytes)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrConfig) config = vtr_config_parse (bytes, "config.json", &error);

  fuzz_assert_answered (config != NULL, error);
  if (config == NULL)
    return;
  for (guint i = 0; i < vtr_n_families; i++)
    {
      g_autoptr (GError) why = NULL;
      VtrPreprocess preprocess = vtr_families[i].defaults.preprocess;

      read_as_family (config, &vtr_families[i]);
      const gboolean read = vtr_preprocess_read_hf (&preprocess, config, &why);
      fuzz_assert_answered (read, why);
    }
}
