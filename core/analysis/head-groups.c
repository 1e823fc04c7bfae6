/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Groups of heads that do the same. */
#include "analysis/analysis.h"

#include <math.h>

/* Two heads, each layer·n_heads + head, that may be in one group. */
typedef struct
{
  guint a;
  guint b;
  double divergence;
} Pair;

/* One search. */
typedef struct
{
  const VtrAnalysis *analysis;
  guint n; /* heads of the model */
  double divergence;
  double cka;
  guint *group; /* [n]: the least head of the group each is in */
} Search;

void
vtr_head_group_free (VtrHeadGroup *self)
{
  if (self == NULL)
    return;
  g_free (self->layers);
  g_free (self->heads);
  g_free (self);
}

static void
compare (const Search *self, guint a, guint b, double *divergence, double *cka)
{
  const guint h = self->analysis->n_heads;

  vtr_analysis_get_similarity (self->analysis, a / h, a % h, b / h, b % h, divergence, cka);
}

/* Heads that there are not are like none: their numbers are NaN. */
static gboolean
are_alike (const Search *self, guint a, guint b)
{
  double divergence, cka;

  compare (self, a, b, &divergence, &cka);
  return divergence <= self->divergence && cka >= self->cka;
}

static int
compare_pairs (gconstpointer x, gconstpointer y)
{
  const Pair *a = x, *b = y;

  if (a->divergence != b->divergence)
    return a->divergence < b->divergence ? -1 : 1;
  return a->b != b->b ? (a->b < b->b ? -1 : 1) : (a->a > b->a) - (a->a < b->a);
}

/* The likest first. */
static GArray *
list_pairs (const Search *self)
{
  GArray *pairs = g_array_new (FALSE, FALSE, sizeof (Pair));

  for (guint b = 1; b < self->n; b++)
    for (guint a = 0; a < b; a++)
      if (are_alike (self, a, b))
        {
          Pair pair = { a, b, 0.0 };
          double cka;

          compare (self, a, b, &pair.divergence, &cka);
          g_array_append_val (pairs, pair);
        }
  g_array_sort (pairs, compare_pairs);
  return pairs;
}

/* Whether every head of one group is like every head of the other. */
static gboolean
fit_together (const Search *self, guint one, guint other)
{
  for (guint a = 0; a < self->n; a++)
    for (guint b = 0; self->group[a] == one && b < self->n; b++)
      if (self->group[b] == other && !are_alike (self, a, b))
        return FALSE;
  return TRUE;
}

static void
join (Search *self, guint one, guint other)
{
  for (guint i = 0; i < self->n; i++)
    if (self->group[i] == one || self->group[i] == other)
      self->group[i] = MIN (one, other);
}

/* The group that begins with @first, NULL where that is alone. */
static VtrHeadGroup *
make_group (const Search *self, guint first)
{
  g_autoptr (GArray) members = g_array_new (FALSE, FALSE, sizeof (guint));
  double divergence, cka;

  for (guint i = first; i < self->n; i++)
    if (self->group[i] == first)
      g_array_append_val (members, i);
  if (members->len < 2)
    return NULL;

  VtrHeadGroup *group = g_new0 (VtrHeadGroup, 1);
  group->n = members->len;
  group->layers = g_new (guint, group->n);
  group->heads = g_new (guint, group->n);
  group->cka = INFINITY;
  for (guint i = 0; i < group->n; i++)
    {
      const guint head = g_array_index (members, guint, i);

      group->layers[i] = head / self->analysis->n_heads;
      group->heads[i] = head % self->analysis->n_heads;
      for (guint k = 0; k < i; k++)
        {
          compare (self, g_array_index (members, guint, k), head, &divergence, &cka);
          group->divergence = fmax (group->divergence, divergence);
          group->cka = fmin (group->cka, cka);
        }
    }
  return group;
}

/* The larger first; of one size in the order they were found in. */
static int
compare_groups (gconstpointer a, gconstpointer b)
{
  const VtrHeadGroup *x = *(VtrHeadGroup *const *) a, *y = *(VtrHeadGroup *const *) b;

  if (x->n != y->n)
    return x->n > y->n ? -1 : 1;
  if (x->layers[0] != y->layers[0])
    return x->layers[0] < y->layers[0] ? -1 : 1;
  return (x->heads[0] > y->heads[0]) - (x->heads[0] < y->heads[0]);
}

GPtrArray *
vtr_analysis_find_groups (const VtrAnalysis *self, double divergence, double cka)
{
  g_return_val_if_fail (self != NULL, NULL);

  Search search = {
    .analysis = self,
    .n = self->n_layers * self->n_heads,
    .divergence = divergence,
    .cka = cka,
  };
  g_autofree guint *group = g_new (guint, search.n);
  GPtrArray *groups = g_ptr_array_new_with_free_func ((GDestroyNotify) vtr_head_group_free);

  search.group = group;
  for (guint i = 0; i < search.n; i++)
    group[i] = i;
  g_autoptr (GArray) pairs = list_pairs (&search);
  for (guint i = 0; i < pairs->len; i++)
    {
      const Pair *pair = &g_array_index (pairs, Pair, i);
      const guint one = group[pair->a], other = group[pair->b];

      if (one != other && fit_together (&search, one, other))
        join (&search, one, other);
    }
  for (guint i = 0; i < search.n; i++)
    {
      VtrHeadGroup *found = make_group (&search, i);

      if (found != NULL)
        g_ptr_array_add (groups, found);
    }
  g_ptr_array_sort (groups, compare_groups);
  return groups;
}
