/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/detect.h"

#include <string.h>

void
vtr_detection_clear (VtrDetection *self)
{
  g_clear_pointer (&self->parts, vtr_parts_free);
  g_clear_pointer (&self->layer_heads, g_free);
  g_clear_pointer (&self->labels, g_ptr_array_unref);
  g_clear_pointer (&self->reasons, g_ptr_array_unref);
  g_clear_pointer (&self->licence, g_free);
  g_clear_pointer (&self->architecture, g_free);
}

void
vtr_detection_add_reason (VtrDetection *self, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_ptr_array_add (self->reasons, g_strdup_vprintf (format, args));
  va_end (args);
}

/* The first names of the file, to tell the user what was seen. */
static char *
format_first_names (VtrStore *store)
{
  GString *text = g_string_new (NULL);
  const guint n = vtr_store_get_n_tensors (store);

  for (guint i = 0; i < MIN (n, 5); i++)
    g_string_append_printf (text, "%s%s", i > 0 ? ", " : "", vtr_store_get_tensor (store, i)->name);
  if (n > 5)
    g_string_append_printf (text, ", … (%u in all)", n);
  return g_string_free (text, FALSE);
}

static char *
format_known_families (void)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < vtr_n_families; i++)
    g_string_append_printf (text, "%s%s", i > 0 ? ", " : "", vtr_families[i].name);
  return g_string_free (text, FALSE);
}

static const VtrFamily *
family_of_config (VtrConfig *config, const char **model_type, GError **error)
{
  const char *architecture = NULL;

  *model_type = NULL;
  if (!vtr_config_get_string (config, "model_type", model_type, error) ||
      !vtr_config_get_string (config, "architecture", &architecture, error))
    return NULL;
  if (*model_type == NULL && architecture != NULL)
    return vtr_family_find ("timm");

  const VtrFamily *family = *model_type != NULL ? vtr_family_of_model_type (*model_type) : NULL;
  if (family == NULL)
    {
      g_autofree char *known = format_known_families ();
      g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
                   "%s: %s%s%s; Vitreous knows these families: %s.", vtr_config_get_label (config),
                   *model_type != NULL ? "the model_type is “" : "there is no model_type",
                   *model_type != NULL ? *model_type : "",
                   *model_type != NULL ? "”, which Vitreous does not know" : "", known);
    }
  return family;
}

static gboolean
has_parts (VtrStore *store, const VtrNaming *naming, const char *prefix, guint32 parts)
{
  for (guint part = 0; part < VTR_N_PARTS; part++)
    if ((parts & 1u << part) && vtr_parts_look_up (store, naming, prefix, part, 0).weight == NULL)
      return FALSE;
  return TRUE;
}

/* By the names of the tensors alone. */
static const VtrFamily *
family_of_names (VtrStore *store, char **prefix, GError **error)
{
  for (guint i = 0; i < vtr_n_families; i++)
    {
      g_autoptr (GError) local = NULL;
      g_autofree char *found = vtr_parts_find_prefix (store, vtr_families[i].naming, &local);

      if (local != NULL)
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return NULL;
        }
      if (found == NULL || !has_parts (store, vtr_families[i].naming, found, vtr_families[i].tells))
        continue;
      *prefix = g_steal_pointer (&found);
      return &vtr_families[i];
    }

  g_autofree char *names = format_first_names (store);
  g_autofree char *known = format_known_families ();
  g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
               "%s: its tensors (%s) have the names of no family that Vitreous knows: %s.",
               vtr_store_get_label (store), *names != '\0' ? names : "there are none", known);
  return NULL;
}

/* A file of shapes only: is that enough for this family? */
static gboolean
check_without_config (VtrDetection *self, VtrStore *store, GError **error)
{
  if (self->family->shapes_lack == NULL)
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_NOT_FOUND,
               "%s has the names of %s, but shapes do not tell %s: put its config.json beside it.",
               vtr_store_get_label (store), self->family->title, self->family->shapes_lack);
  return FALSE;
}

static gboolean
choose_family (VtrDetection *self,
               VtrStore *store,
               VtrConfig *config,
               char **prefix,
               GError **error)
{
  g_autoptr (GError) local = NULL;
  const char *model_type;

  if (config == NULL)
    {
      self->family = family_of_names (store, prefix, error);
      if (self->family == NULL || !check_without_config (self, store, error))
        return FALSE;
      vtr_detection_add_reason (self, "%s by the names of its tensors, for there is no config.json",
                                self->family->name);
      return TRUE;
    }

  self->family = family_of_config (config, &model_type, error);
  if (self->family == NULL)
    return FALSE;
  *prefix = vtr_parts_find_prefix (store, self->family->naming, &local);
  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (*prefix == NULL)
    {
      const VtrPartNames *patch = vtr_naming_find (self->family->naming, VTR_PART_PATCH);
      g_autofree char *names = format_first_names (store);
      g_set_error (error, VTR_ERROR, VTR_ERROR_MISSING_TENSOR,
                   "%s: there is no tensor for the patch embedding (tried: …%s%s), which %s needs; "
                   "the file has %s.",
                   vtr_store_get_label (store), patch->names[0],
                   self->family->naming->matrix_weight, self->family->title, names);
      return FALSE;
    }
  if (model_type != NULL)
    vtr_detection_add_reason (self, "%s by model_type “%s” in config.json", self->family->name,
                              model_type);
  else
    vtr_detection_add_reason (self, "timm by “architecture” in config.json");
  return TRUE;
}

static void
note_naming (VtrDetection *self)
{
  const VtrNaming *naming = self->family->naming;
  /* A file without layers is refused later, when more is known of it. */
  const VtrFound *query =
      self->parts->n_layers > 0 ? vtr_parts_get (self->parts, VTR_PART_Q, 0) : NULL;

  vtr_detection_add_reason (self, "tensors named as %s does%s%s%s%s%s", naming->title,
                            naming->worlds[0] != NULL ? ", " : "",
                            naming->worlds[0] != NULL
                                ? naming
                                      ->worlds[query != NULL && query->weight != NULL ? query->name
                                                                                      : 0]
                                : "",
                            *self->parts->prefix != '\0' ? ", after “" : "", self->parts->prefix,
                            *self->parts->prefix != '\0' ? "”" : "");
}

static gboolean
read_statement (VtrDetection *self, VtrStatement *statement, VtrConfig *config, GError **error)
{
  if (config == NULL)
    {
      statement->arch = self->family->defaults;
      statement->arch.family = self->family->name;
      statement->no_bias = self->family->no_bias;
      return TRUE;
    }
  if (self->family->naming == &vtr_naming_timm)
    return vtr_statement_read_timm (statement, self->family, config, self->reasons, error);
  return vtr_statement_read_hf (statement, self->family, config, error);
}

static gboolean
read_preprocess (VtrDetection *self, VtrConfig *preprocessor, GError **error)
{
  if (self->family->naming == &vtr_naming_timm)
    return TRUE;
  if (preprocessor == NULL)
    {
      vtr_detection_add_reason (self,
                                "preprocessing as %s has it by default, for there is no "
                                "preprocessor_config.json",
                                self->family->title);
      return TRUE;
    }
  return vtr_preprocess_read_hf (&self->arch.preprocess, preprocessor, error);
}

/* Beside weights that had no configuration there may be one that has nothing but what Vitreous
 * wrote. */
static gboolean
is_own_alone (VtrConfig *config)
{
  return vtr_config_has (config, VTR_CONFIG_OWN) && !vtr_config_has (config, "model_type") &&
         !vtr_config_has (config, "architecture");
}

gboolean
vtr_detection_init (VtrDetection *self,
                    VtrStore *store,
                    VtrConfig *config,
                    VtrConfig *preprocessor,
                    GError **error)
{
  g_auto (VtrStatement) statement = { 0 };
  g_autofree char *prefix = NULL;
  VtrConfig *world = config != NULL && is_own_alone (config) ? NULL : config;
  guint n_layers;

  self->reasons = g_ptr_array_new_with_free_func (g_free);
  if (!choose_family (self, store, world, &prefix, error) ||
      !read_statement (self, &statement, world, error) ||
      (config != NULL && !vtr_statement_read_own (&statement, config, error)))
    return FALSE;

  n_layers = vtr_parts_count_layers (store, self->family->naming, prefix);
  if ((statement.stated & VTR_STATED_N_LAYERS) && statement.arch.n_layers < n_layers)
    n_layers = statement.arch.n_layers;
  self->parts = vtr_parts_new (store, self->family->naming, prefix, n_layers);
  self->arch = statement.arch;
  self->arch.final_norm = TRUE;
  note_naming (self);
  if (!vtr_detection_infer (self, &statement, error) ||
      !read_preprocess (self, preprocessor, error) ||
      !vtr_detection_check (self, statement.no_bias, error))
    return FALSE;
  self->licence = g_strdup (statement.licence);
  self->architecture = g_strdup (statement.architecture);
  if (self->arch.n_classes > 0)
    self->labels = g_steal_pointer (&statement.labels);
  return TRUE;
}
