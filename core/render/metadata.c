/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "render/render.h"

#include <math.h>

/* Ascending numbers as "0,3-5". */
static char *
format_list (const guint *numbers, guint n)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < n; i++)
    {
      const guint first = i;
      while (i + 1 < n && numbers[i + 1] == numbers[i] + 1)
        i++;
      g_string_append_printf (text, "%s%u", first > 0 ? "," : "", numbers[first]);
      if (i > first)
        g_string_append_printf (text, "%c%u", i > first + 1 ? '-' : ',', numbers[i]);
    }
  return g_string_free (text, FALSE);
}

char *
vtr_metadata_format_layer (const VtrExplanation *explanation, const VtrMap *map)
{
  guint n_layers;
  const guint *layers = vtr_explanation_get_layers (explanation, &n_layers);

  if (map != NULL && vtr_map_get_layer (map) != VTR_FUSED)
    return g_strdup_printf ("%d", vtr_map_get_layer (map));
  return format_list (layers, n_layers);
}

char *
vtr_metadata_format_head (const VtrExplanation *explanation, const VtrMap *map)
{
  const char *asked = vtr_method_get (vtr_explanation_get_method (explanation), "heads");
  guint n_heads;
  const guint *heads = vtr_explanation_get_heads (explanation, &n_heads);

  if (map != NULL && vtr_map_get_head (map) != VTR_FUSED)
    return g_strdup_printf ("%d", vtr_map_get_head (map));
  g_autofree char *list = format_list (heads, n_heads);
  if (map == NULL)
    return g_steal_pointer (&list);
  /* Asked for by number, heads are fused by their mean. */
  const gboolean named = asked != NULL && g_ascii_isalpha (asked[0]) && !g_str_equal (asked, "all");
  return g_strdup_printf ("%s of %s", named ? asked : "mean", list);
}

char *
vtr_metadata_format_query (const VtrExplanation *explanation)
{
  VtrMethod *method = vtr_explanation_get_method (explanation);
  VtrModel *model = vtr_explanation_get_model (explanation);
  g_autoptr (GError) error = NULL;
  VtrSettings settings;
  char *query;

  if (vtr_method_get (method, "query") == NULL)
    return NULL;
  /* They were read before, to make the explanation; should that fail now, the text is at hand. */
  if (vtr_settings_init (&settings, method, model, &error))
    query = vtr_settings_format_query (&settings);
  else
    query = g_strdup (vtr_method_get (method, "query"));
  vtr_settings_clear (&settings);
  return query;
}

static void
clear_entry (gpointer data)
{
  VtrPngText *entry = data;

  g_free ((char *) entry->key);
  g_free ((char *) entry->text);
}

/* Nothing where there is no @text. */
static void
take_entry (GArray *entries, const char *key, char *text)
{
  if (text == NULL)
    return;
  const VtrPngText entry = { g_strconcat ("vitreous:", key, NULL), text };
  g_array_append_val (entries, entry);
}

static void
add_range (GArray *entries, const VtrMap *map)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  float min;
  float max;

  vtr_map_get_range (map, &min, &max);
  take_entry (entries, "minimum", g_strdup (g_ascii_dtostr (text, sizeof text, min)));
  take_entry (entries, "maximum", g_strdup (g_ascii_dtostr (text, sizeof text, max)));
}

static void
add_target (GArray *entries, const VtrExplanation *explanation)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  double value;
  const VtrTarget *target = vtr_explanation_get_target (explanation, &value);

  if (target == NULL)
    return;
  char *described = vtr_target_describe (target, vtr_explanation_get_model (explanation));
  /* A picture's path says where it lies, the description does not. */
  const gboolean is_picture = vtr_target_get_kind (target) == VTR_TARGET_EMBEDDING;
  take_entry (entries, "target", g_strdup (is_picture ? described : vtr_target_get_text (target)));
  take_entry (entries, "target-description", described);
  take_entry (entries, "target-value", g_strdup (g_ascii_dtostr (text, sizeof text, value)));
}

gboolean
vtr_metadata_is_summary (const VtrExplanation *explanation, const VtrMap *map)
{
  const VtrMap *summary = vtr_explanation_get_summary (explanation);

  return vtr_map_get_layer (map) == vtr_map_get_layer (summary) &&
         vtr_map_get_head (map) == vtr_map_get_head (summary);
}

static void
take_number (GArray *entries, const char *key, double number)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  take_entry (entries, key, g_strdup (g_ascii_dtostr (text, sizeof text, number)));
}

/* Which is the summary's. */
static void
add_score (GArray *entries, const VtrExplanation *explanation, const VtrMap *map)
{
  const VtrScore *score = vtr_explanation_get_score (explanation);

  if (score == NULL || (map != NULL && !vtr_metadata_is_summary (explanation, map)))
    return;
  take_number (entries, "score", score->score);
  take_number (entries, "score-random-low", score->random_low);
  take_number (entries, "score-random-high", score->random_high);
  take_entry (entries, "score-quantity", g_strdup (vtr_quantity_get_name (score->quantity)));
  take_entry (entries, "score-verdict",
              g_strdup (score->better ? "better than random" : "not better than random"));
}

/* Of the whole picture, so of each of its files. */
static void
add_proof (GArray *entries, const VtrExplanation *explanation)
{
  const VtrProof *proof = vtr_explanation_get_proof (explanation);

  if (proof == NULL)
    return;
  take_entry (entries, "proof",
              vtr_proof_describe (proof, vtr_explanation_get_model (explanation)));
  take_entry (entries, "proof-target", g_strdup (vtr_target_get_text (proof->target)));
  take_entry (entries, "proof-outcome", g_strdup (vtr_proof_outcome_get_name (proof->outcome)));
}

GArray *
vtr_metadata_new (const VtrExplanation *explanation,
                  const VtrMap *map,
                  const VtrExportOptions *options)
{
  VtrMethod *method = vtr_explanation_get_method (explanation);
  VtrModel *model = vtr_explanation_get_model (explanation);
  const VtrInput *input = vtr_explanation_get_input (explanation);
  GArray *entries = g_array_new (FALSE, FALSE, sizeof (VtrPngText));
  guint n_params;
  const VtrMethodParam *const *params =
      vtr_method_get_params (vtr_method_get_name (method), &n_params);
  const VtrPngText software = { g_strdup ("Software"), g_strdup ("Vitreous " VTR_VERSION) };

  g_array_set_clear_func (entries, clear_entry);
  g_array_append_val (entries, software);
  take_entry (entries, "version", g_strdup (VTR_VERSION));
  take_entry (entries, "method", g_strdup (vtr_method_get_name (method)));
  take_entry (entries, "model", g_strdup (vtr_model_get_name (model)));
  take_entry (entries, "hash", g_strdup (vtr_model_get_hash (model)));
  if (vtr_model_get_head (model) != NULL)
    take_entry (entries, "model-head", g_strdup (vtr_head_get_hash (vtr_model_get_head (model))));
  take_entry (entries, "layer", vtr_metadata_format_layer (explanation, map));
  take_entry (entries, "head", vtr_metadata_format_head (explanation, map));
  take_entry (entries, "query", vtr_metadata_format_query (explanation));
  add_target (entries, explanation);
  add_score (entries, explanation, map);
  add_proof (entries, explanation);
  take_entry (entries, "fit", g_strdup (vtr_fit_get_name (vtr_input_get_fit (input))));
  take_entry (entries, "precision",
              g_strdup (vtr_precision_get_name (vtr_explanation_get_precision (explanation))));
  for (guint i = 0; i < n_params; i++)
    {
      g_autofree char *key = g_strconcat ("param:", params[i]->name, NULL);
      take_entry (entries, key, g_strdup (vtr_method_get (method, params[i]->name)));
    }
  if (map != NULL)
    add_range (entries, map);
  if (options->command != NULL)
    take_entry (entries, "command", g_strdup (options->command));
  return entries;
}
