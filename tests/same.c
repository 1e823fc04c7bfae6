/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "same.h"

#include <string.h>

static gboolean
same_bits (gconstpointer a, gconstpointer b, gsize n_bytes)
{
  return (a == NULL) == (b == NULL) && (a == NULL || memcmp (a, b, n_bytes) == 0);
}

static gsize
count_patches (const VtrExplanation *explanation)
{
  const VtrInput *input = vtr_explanation_get_input (explanation);

  return (gsize) vtr_input_get_n_rows (input) * vtr_input_get_n_columns (input);
}

/* [n_values], or NULL and 0 in both. */
static gboolean
same_outputs (const float *(*get) (const VtrExplanation *, guint *),
              const VtrExplanation *a,
              const VtrExplanation *b)
{
  guint n_a, n_b;
  const float *of_a = get (a, &n_a);
  const float *of_b = get (b, &n_b);

  return n_a == n_b && same_bits (of_a, of_b, n_a * sizeof (float));
}

static gboolean
same_attention (const VtrExplanation *a, const VtrExplanation *b)
{
  guint n_layers[2], n_heads[2];
  const float *of_a = vtr_explanation_get_attention (a, &n_layers[0], &n_heads[0]);
  const float *of_b = vtr_explanation_get_attention (b, &n_layers[1], &n_heads[1]);

  return n_layers[0] == n_layers[1] && n_heads[0] == n_heads[1] &&
         same_bits (of_a, of_b, n_layers[0] * n_heads[0] * count_patches (a) * sizeof (float));
}

static gboolean
same_matrices (const VtrExplanation *a, const VtrExplanation *b)
{
  guint n_layers, n_heads, n_a, n_b;
  const float *of_a = vtr_explanation_get_matrix (a, &n_a);
  const float *of_b = vtr_explanation_get_matrix (b, &n_b);

  vtr_explanation_get_layers (a, &n_layers);
  vtr_explanation_get_heads (a, &n_heads);
  return n_a == n_b &&
         same_bits (of_a, of_b, (gsize) n_layers * n_heads * n_a * n_a * sizeof (float));
}

static gboolean
same_map (VtrMap *a, VtrMap *b)
{
  const gsize n = (gsize) vtr_map_get_n_rows (a) * vtr_map_get_n_columns (a);

  return strcmp (vtr_map_get_label (a), vtr_map_get_label (b)) == 0 &&
         same_bits (vtr_map_get_values (a), vtr_map_get_values (b), n * sizeof (float));
}

static gboolean
same_maps (const VtrExplanation *a, const VtrExplanation *b)
{
  const guint n = vtr_explanation_get_n_maps (a);

  if (n != vtr_explanation_get_n_maps (b))
    return FALSE;
  for (guint i = 0; i < n; i++)
    if (!same_map (vtr_explanation_get_map (a, i), vtr_explanation_get_map (b, i)))
      return FALSE;
  return same_map (vtr_explanation_get_summary (a), vtr_explanation_get_summary (b));
}

static gboolean
same_targets (const VtrExplanation *a, const VtrExplanation *b)
{
  double of_a = 0.0, of_b = 0.0;
  VtrTarget *target_a = vtr_explanation_get_target (a, &of_a);
  VtrTarget *target_b = vtr_explanation_get_target (b, &of_b);

  if (target_a == NULL || target_b == NULL)
    return target_a == target_b;
  return same_bits (&of_a, &of_b, sizeof of_a) &&
         strcmp (vtr_target_get_text (target_a), vtr_target_get_text (target_b)) == 0;
}

static gboolean
same_scores (const VtrExplanation *a, const VtrExplanation *b)
{
  const VtrScore *of_a = vtr_explanation_get_score (a);
  const VtrScore *of_b = vtr_explanation_get_score (b);

  if (of_a == NULL || of_b == NULL)
    return of_a == of_b;
  return same_bits (&of_a->score, &of_b->score, sizeof of_a->score) &&
         same_bits (of_a->random, of_b->random, sizeof of_a->random);
}

static gboolean
same_proofs (const VtrExplanation *a, const VtrExplanation *b)
{
  const VtrProof *of_a = vtr_explanation_get_proof (a);
  const VtrProof *of_b = vtr_explanation_get_proof (b);

  if (of_a == NULL || of_b == NULL)
    return of_a == of_b;
  return of_a->outcome == of_b->outcome && of_a->n_patches == of_b->n_patches &&
         same_bits (&of_a->y_after, &of_b->y_after, sizeof of_a->y_after) &&
         same_bits (of_a->patches, of_b->patches, of_a->n_patches * sizeof *of_a->patches);
}

const char *
explanation_find_difference (const VtrExplanation *a, const VtrExplanation *b)
{
  static const struct
  {
    const char *what;
    gboolean (*same) (const VtrExplanation *, const VtrExplanation *);
  } parts[] = {
    { "maps", same_maps },      { "attention", same_attention }, { "matrices", same_matrices },
    { "target", same_targets }, { "score", same_scores },        { "proof", same_proofs },
  };

  if (!same_outputs (vtr_explanation_get_embedding, a, b))
    return "embedding";
  if (!same_outputs (vtr_explanation_get_logits, a, b))
    return "logits";
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    if (!parts[i].same (a, b))
      return parts[i].what;
  return NULL;
}
