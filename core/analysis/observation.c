/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* VtrObservation: what is known of a picture's attention. */
#include "analysis/observation.h"

#include <math.h>

VTR_DEFINE_BOXED_TYPE (VtrObservation, vtr_observation)

/* [a][b] values of @size bytes, all 0; NULL where they cannot be counted or had. */
static gpointer
allocate (gsize a, gsize b, gsize size)
{
  gsize n;

  return vtr_size_mul (a, b, &n) ? g_try_malloc0_n (MAX (n, 1), size) : NULL;
}

static void
forget_all (VtrObservation *self)
{
  const guint n_heads = vtr_observation_n_all_heads (self);

  for (guint i = 0; i < n_heads; i++)
    vtr_head_statistics_init (&self->heads[i]);
  for (guint layer = 0; layer < self->n_layers; layer++)
    for (guint i = 0; i < VTR_N_TOKEN_STATISTICS; i++)
      self->tokens[layer][i] = NAN;
  for (gsize i = 0; i < vtr_gram_size (n_heads); i++)
    self->divergences[i] = self->ckas[i] = NAN;
}

VtrObservation *
vtr_observation_new (VtrInput *input,
                     const VtrTokenGrid *grid,
                     guint n_layers,
                     const guint *first_head,
                     GError **error)
{
  const guint n_patches = vtr_token_grid_n_patches (grid);
  const guint n_heads = first_head[n_layers];
  g_autoptr (VtrObservation) self = g_new0 (VtrObservation, 1);

  g_atomic_ref_count_init (&self->n_refs);
  self->input = vtr_input_ref (input);
  self->grid = *grid;
  self->n_layers = n_layers;
  self->first_head = g_memdup2 (first_head, (n_layers + 1) * sizeof *first_head);
  for (guint layer = 0; layer < n_layers; layer++)
    self->n_heads = MAX (self->n_heads, first_head[layer + 1] - first_head[layer]);
  self->heads = allocate (n_heads, 1, sizeof *self->heads);
  self->tokens = allocate (n_layers, 1, sizeof *self->tokens);
  self->divergences = allocate (vtr_gram_size (n_heads), 1, sizeof *self->divergences);
  self->ckas = allocate (vtr_gram_size (n_heads), 1, sizeof *self->ckas);
  self->artifacts = allocate (n_patches, 1, sizeof *self->artifacts);
  self->norms = allocate (n_layers, grid->n_tokens, sizeof *self->norms);
  self->maps = allocate (n_layers, n_patches, sizeof *self->maps);
  self->threshold = INFINITY;
  if (self->heads == NULL || self->tokens == NULL || self->divergences == NULL ||
      self->ckas == NULL || self->artifacts == NULL || self->norms == NULL || self->maps == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY,
                   "There is too little memory for the statistics of %u layers with %u heads and "
                   "%u tokens: use a smaller picture.",
                   n_layers, n_heads, grid->n_tokens);
      return NULL;
    }
  forget_all (self);
  return g_steal_pointer (&self);
}

VtrObservation *
vtr_observation_ref (VtrObservation *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->n_refs);
  return self;
}

void
vtr_observation_unref (VtrObservation *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->n_refs))
    return;
  vtr_input_unref (self->input);
  g_free (self->first_head);
  g_free (self->heads);
  g_free (self->tokens);
  g_free (self->divergences);
  g_free (self->ckas);
  g_free (self->artifacts);
  g_free (self->norms);
  g_free (self->maps);
  g_free (self->logits);
  g_free (self->embedding);
  g_free (self);
}

VtrInput *
vtr_observation_get_input (const VtrObservation *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->input;
}

guint
vtr_observation_get_n_layers (const VtrObservation *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->n_layers;
}

guint
vtr_observation_get_n_heads (const VtrObservation *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->n_heads;
}

/* Whether the layer has such a head; which of all it is. */
static gboolean
find_head (const VtrObservation *self, guint layer, guint head, guint *place)
{
  if (layer >= self->n_layers || head >= self->first_head[layer + 1] - self->first_head[layer])
    return FALSE;
  *place = self->first_head[layer] + head;
  return TRUE;
}

double
vtr_observation_get (const VtrObservation *self,
                     VtrStatistic statistic,
                     VtrReading reading,
                     guint layer,
                     guint head)
{
  guint place;

  g_return_val_if_fail (self != NULL, NAN);
  g_return_val_if_fail ((guint) statistic < VTR_N_STATISTICS, NAN);
  g_return_val_if_fail ((guint) reading < VTR_N_READINGS, NAN);

  return find_head (self, layer, head, &place) ? self->heads[place].values[statistic][reading]
                                               : NAN;
}

double
vtr_observation_get_of_tokens (const VtrObservation *self, VtrTokenStatistic statistic, guint layer)
{
  g_return_val_if_fail (self != NULL && layer < self->n_layers, NAN);
  g_return_val_if_fail ((guint) statistic < VTR_N_TOKEN_STATISTICS, NAN);

  return self->tokens[layer][statistic];
}

/* Of the pair of all heads a ≠ b. */
static double
of_pair (const float *values, guint a, guint b)
{
  return values[vtr_observation_pair (MIN (a, b), MAX (a, b))];
}

void
vtr_observation_get_similarity (const VtrObservation *self,
                                guint layer_a,
                                guint head_a,
                                guint layer_b,
                                guint head_b,
                                double *divergence,
                                double *cka)
{
  double same_divergence = NAN, same_cka = NAN;
  guint a, b;

  g_return_if_fail (self != NULL);

  if (find_head (self, layer_a, head_a, &a) && find_head (self, layer_b, head_b, &b))
    {
      same_divergence = a == b ? 0.0 : of_pair (self->divergences, a, b);
      same_cka = a == b ? 1.0 : of_pair (self->ckas, a, b);
    }
  if (divergence != NULL)
    *divergence = same_divergence;
  if (cka != NULL)
    *cka = same_cka;
}

const gboolean *
vtr_observation_get_artifacts (const VtrObservation *self, double *threshold)
{
  g_return_val_if_fail (self != NULL, NULL);

  if (threshold != NULL)
    *threshold = self->threshold;
  return self->artifacts;
}

const float *
vtr_observation_get_norms (const VtrObservation *self, guint layer)
{
  g_return_val_if_fail (self != NULL && layer < self->n_layers, NULL);

  return self->norms + (gsize) layer * self->grid.n_tokens;
}

const float *
vtr_observation_get_map (const VtrObservation *self, guint layer)
{
  g_return_val_if_fail (self != NULL && layer < self->n_layers, NULL);

  return self->maps + (gsize) layer * vtr_token_grid_n_patches (&self->grid);
}

const float *
vtr_observation_get_logits (const VtrObservation *self, guint *n_classes)
{
  g_return_val_if_fail (self != NULL, NULL);

  if (n_classes != NULL)
    *n_classes = self->n_classes;
  return self->logits;
}

const float *
vtr_observation_get_embedding (const VtrObservation *self, guint *n_values)
{
  g_return_val_if_fail (self != NULL, NULL);

  if (n_values != NULL)
    *n_values = self->n_values;
  return self->embedding;
}
