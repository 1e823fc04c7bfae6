/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * VTR_EXPLAIN_PROOF.  Patches are taken away in the map's order until the decision flips; then
 * those that need not go are put back, until each that is left is needed.
 */
#include "explain/proof.h"
#include "explain/score.h"

#include <string.h>

/* Numbers of patches that are tried together; each round narrows the range to a 16th. */
#define N_LENGTHS 16u

/* Pictures that are asked about together: more would make no batch larger, and take memory for
 * their lists of patches. */
#define MAX_TOGETHER 128u

/* Of the progress: the first search; each round of putting back, of what is left then. */
#define SEARCH_SHARE 0.3
#define ROUND_SHARE 0.5

#define NO_PATCH_BACK G_MAXUINT

/* What the model says of class a and of the one it has to beat. */
typedef struct
{
  guint b;
  float of_a; /* logits */
  float of_b;
} Verdict;

/* Patches that are gone: all of @patches [n] but the one at @back. */
typedef struct
{
  const guint32 *patches;
  guint n;
  guint back; /* or NO_PATCH_BACK */
} Removal;

/* The patches that are to be gone so far, those first that the map is greatest at. */
typedef struct
{
  guint32 *patches; /* [n] */
  guint n;
  Verdict verdict; /* without them */
} Set;

typedef struct
{
  VtrSession *session;
  VtrExplanation *explanation;
  const VtrJudge *judge;
  guint n_patches;
  guint n_most;     /* patches that may be gone */
  guint32 *order;   /* [n_patches] */
  guint n_passes;   /* so far */
  VtrProgress left; /* progress that was not given away */
} Search;

static const char *const outcomes[] = {
  [VTR_PROOF_FLIPPED] = "flipped",
  [VTR_PROOF_NOT_FLIPPED] = "not-flipped",
  [VTR_PROOF_NOT_PREFERRED] = "not-preferred",
};

const char *
vtr_proof_outcome_get_name (VtrProofOutcome outcome)
{
  g_return_val_if_fail ((guint) outcome < G_N_ELEMENTS (outcomes), NULL);

  return outcomes[outcome];
}

void
vtr_proof_free (VtrProof *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->target, vtr_target_unref);
  g_free (self->patches);
  g_free (self);
}

gboolean
vtr_proof_check (const VtrTarget *target, VtrModel *model, GError **error)
{
  const guint n_classes = vtr_model_get_n_classes (model);

  if (target != NULL && !vtr_target_is_of_classes (target))
    g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                 "“%s” is no decision between classes that could be proven: ask for a class, A-B "
                 "or A-rest",
                 vtr_target_get_text (target));
  else if (n_classes < 2)
    g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                 "The model “%s” has no classes to decide between, so there is nothing to prove",
                 vtr_model_get_name (model));
  else
    return TRUE;
  return FALSE;
}

/* ---- what the model says ---- */

/* Of a contrast b is given; else it is the greatest of all others, of equal ones the first. */
static Verdict
judge_logits (const VtrTarget *target, const float *logits, guint n_classes)
{
  const guint a = target->a.number;
  guint b = target->b.number;

  if (target->kind != VTR_TARGET_CONTRAST)
    b = a == 0 ? 1 : 0;
  for (guint k = 0; target->kind != VTR_TARGET_CONTRAST && k < n_classes; k++)
    if (k != a && logits[k] > logits[b])
      b = k;
  return (Verdict){ .b = b, .of_a = logits[a], .of_b = logits[b] };
}

static double
margin_of (const Verdict *self)
{
  return (double) self->of_a - self->of_b;
}

static gboolean
is_flipped (const Verdict *self)
{
  return self->of_a < self->of_b;
}

/* The patches that stay, ascending, so that a set has one answer however it came about; how many.
 */
static guint
list_kept (const Search *self, const Removal *removal, guint32 *kept)
{
  g_autofree gboolean *gone = g_new0 (gboolean, self->n_patches);
  guint n_kept = 0;

  for (guint i = 0; i < removal->n; i++)
    gone[removal->patches[i]] = i != removal->back;
  for (guint32 patch = 0; patch < self->n_patches; patch++)
    if (!gone[patch])
      kept[n_kept++] = patch;
  return n_kept;
}

static gboolean
ask_together (Search *self,
              const Removal *removals,
              guint n,
              const VtrProgress *progress,
              Verdict *verdicts,
              GError **error)
{
  g_autofree guint32 *patches = g_new (guint32, (gsize) n * self->n_patches);
  g_autofree const guint32 **kept = g_new (const guint32 *, n);
  g_autofree guint *n_kept = g_new (guint, n);
  const VtrSubsets subsets = {
    .all = vtr_judge_describe (self->judge, self->explanation, n),
    .pixels = vtr_input_get_pixels (vtr_explanation_get_input (self->explanation), NULL, NULL),
    .kept = kept,
    .n_kept = n_kept,
  };

  for (guint i = 0; i < n; i++)
    {
      guint32 *mine = patches + (gsize) i * self->n_patches;

      n_kept[i] = list_kept (self, &removals[i], mine);
      kept[i] = mine;
    }
  g_autoptr (VtrAnswers) answers =
      vtr_session_answer_subsets (self->session, &subsets, progress, error);
  if (answers == NULL)
    return FALSE;
  for (guint i = 0; i < n; i++)
    verdicts[i] =
        judge_logits (self->judge->target, answers->logits + (gsize) i * answers->n_classes,
                      answers->n_classes);
  self->n_passes += n;
  return TRUE;
}

/* What the model says without each of @removals [n]. */
static gboolean
ask (Search *self,
     const Removal *removals,
     guint n,
     const VtrProgress *progress,
     Verdict *verdicts,
     GError **error)
{
  for (guint first = 0, count; first < n; first += count)
    {
      count = MIN (n - first, MAX_TOGETHER);
      const VtrProgress part =
          vtr_progress_part (progress, (double) first / n, (double) (first + count) / n);

      if (!ask_together (self, removals + first, count, &part, verdicts + first, error))
        return FALSE;
    }
  return TRUE;
}

/* Gives @share of what is left of the progress away. */
static VtrProgress
take_progress (Search *self, double share)
{
  const VtrProgress part = vtr_progress_part (&self->left, 0.0, share);

  self->left = vtr_progress_part (&self->left, share, 1.0);
  return part;
}

/* ---- taking away ---- */

/* The first patches of the map: @n of them flip the decision, 0 for none so far; @low of them were
 * tried and do not. */
typedef struct
{
  guint low;
  guint n;
  Verdict verdict; /* without n of them, or while n is 0 without as many as were tried at most */
} Prefix;

/* Tries @n numbers of patches, evenly from above prefix->low to @high: the first that flips the
 * decision, and the one before it. */
static gboolean
try_lengths (Search *self, Prefix *prefix, guint high, guint n, GError **error)
{
  const guint low = prefix->low;
  const VtrProgress progress = take_progress (self, SEARCH_SHARE / 3);
  g_autofree Removal *removals = g_new (Removal, n);
  g_autofree Verdict *verdicts = g_new (Verdict, n);

  for (guint i = 0; i < n; i++)
    {
      const guint64 step = ((guint64) (high - low) * (i + 1) + n - 1) / n;
      removals[i] = (Removal){ self->order, low + (guint) step, NO_PATCH_BACK };
    }
  if (!ask (self, removals, n, &progress, verdicts, error))
    return FALSE;
  for (guint i = 0; i < n; i++)
    {
      if (is_flipped (&verdicts[i]))
        {
          prefix->n = removals[i].n;
          prefix->verdict = verdicts[i];
          return TRUE;
        }
      prefix->low = removals[i].n;
      if (prefix->n == 0)
        prefix->verdict = verdicts[i];
    }
  return TRUE;
}

/* y need not fall steadily: so this is one number that flips the decision while one less does not,
 * among the first of them, and there is none only if every number was tried. */
static gboolean
find_prefix (Search *self, Prefix *prefix, GError **error)
{
  *prefix = (Prefix){ 0 };
  if (!try_lengths (self, prefix, self->n_most, MIN (N_LENGTHS, self->n_most), error))
    return FALSE;
  if (prefix->n == 0)
    {
      prefix->low = 0;
      if (!try_lengths (self, prefix, self->n_most, self->n_most, error))
        return FALSE;
    }
  while (prefix->n > prefix->low + 1)
    {
      const guint high = prefix->n - 1;
      if (!try_lengths (self, prefix, high, MIN (N_LENGTHS, high - prefix->low), error))
        return FALSE;
    }
  return TRUE;
}

/* ---- putting back ---- */

/* A patch of a set that can be put back, and what the model then says. */
typedef struct
{
  guint index;
  Verdict verdict;
} Candidate;

/* That first which leaves the decision the clearest; of equal ones that which the map is least at.
 */
static int
compare_candidates (gconstpointer a, gconstpointer b)
{
  const Candidate *first = a, *second = b;
  const double of_first = margin_of (&first->verdict), of_second = margin_of (&second->verdict);

  if (of_first != of_second)
    return of_first < of_second ? -1 : 1;
  return (first->index < second->index) - (first->index > second->index);
}

/* Patches that can be put back each by itself, in the order to put them back in. */
static gboolean
find_candidates (Search *self,
                 const Set *set,
                 const VtrProgress *progress,
                 GArray *candidates,
                 GError **error)
{
  g_autofree Removal *removals = g_new (Removal, set->n);
  g_autofree Verdict *verdicts = g_new (Verdict, set->n);

  for (guint i = 0; i < set->n; i++)
    removals[i] = (Removal){ set->patches, set->n, i };
  if (!ask (self, removals, set->n, progress, verdicts, error))
    return FALSE;
  for (guint i = 0; i < set->n; i++)
    if (is_flipped (&verdicts[i]))
      {
        const Candidate candidate = { i, verdicts[i] };
        g_array_append_val (candidates, candidate);
      }
  g_array_sort (candidates, compare_candidates);
  return TRUE;
}

/* The set with its candidates in front, the others behind them in their order. */
static guint32 *
lead_with (const Set *set, const GArray *candidates)
{
  g_autofree gboolean *leads = g_new0 (gboolean, set->n);
  guint32 *patches = g_new (guint32, set->n);
  guint n = 0;

  for (; n < candidates->len; n++)
    {
      const guint index = g_array_index (candidates, Candidate, n).index;
      patches[n] = set->patches[index];
      leads[index] = TRUE;
    }
  for (guint i = 0; i < set->n; i++)
    if (!leads[i])
      patches[n++] = set->patches[i];
  return patches;
}

/* Puts the first @n candidates back. */
static void
shrink (Set *set, const GArray *candidates, guint n, Verdict verdict)
{
  g_autofree gboolean *back = g_new0 (gboolean, set->n);
  guint n_left = 0;

  for (guint i = 0; i < n; i++)
    back[g_array_index (candidates, Candidate, i).index] = TRUE;
  for (guint i = 0; i < set->n; i++)
    if (!back[i])
      set->patches[n_left++] = set->patches[i];
  set->n = n_left;
  set->verdict = verdict;
}

/* As many candidates as can be put back together: the first by itself, so one at least. */
static gboolean
put_back (Search *self,
          Set *set,
          const GArray *candidates,
          const VtrProgress *progress,
          GError **error)
{
  const guint n_more = candidates->len - 1;
  g_autofree guint32 *patches = lead_with (set, candidates);
  g_autofree Removal *removals = g_new (Removal, n_more);
  g_autofree Verdict *verdicts = g_new (Verdict, n_more);
  guint n = 1;

  for (guint i = 0; i < n_more; i++)
    removals[i] = (Removal){ patches + i + 2, set->n - i - 2, NO_PATCH_BACK };
  if (!ask (self, removals, n_more, progress, verdicts, error))
    return FALSE;
  for (guint i = 0; i < n_more; i++)
    if (is_flipped (&verdicts[i]))
      n = i + 2;
  shrink (set, candidates, n,
          n > 1 ? verdicts[n - 2] : g_array_index (candidates, Candidate, 0).verdict);
  return TRUE;
}

/* Until not one patch of the set can be put back. */
static gboolean
prune (Search *self, Set *set, GError **error)
{
  for (;;)
    {
      const VtrProgress round = take_progress (self, ROUND_SHARE);
      const VtrProgress looking = vtr_progress_part (&round, 0.0, 0.7);
      const VtrProgress putting = vtr_progress_part (&round, 0.7, 1.0);
      g_autoptr (GArray) candidates = g_array_new (FALSE, FALSE, sizeof (Candidate));

      if (!find_candidates (self, set, &looking, candidates, error))
        return FALSE;
      if (candidates->len == 0)
        return TRUE;
      if (!put_back (self, set, candidates, &putting, error))
        return FALSE;
    }
}

/* ---- the proof ---- */

static int
compare_patches (gconstpointer a, gconstpointer b)
{
  const guint first = *(const guint *) a, second = *(const guint *) b;

  return (first > second) - (first < second);
}

static void
take_set (VtrProof *proof, const Set *set)
{
  proof->n_patches = set->n;
  proof->patches = g_new (guint, set->n);
  for (guint i = 0; i < set->n; i++)
    proof->patches[i] = set->patches[i];
  qsort (proof->patches, set->n, sizeof *proof->patches, compare_patches);
}

/* @logits: of the whole picture */
static void
take_verdict (VtrProof *proof, const Verdict *verdict, const float *logits)
{
  proof->b = verdict->b;
  proof->b_before = logits[verdict->b];
  proof->a_after = verdict->of_a;
  proof->b_after = verdict->of_b;
  proof->y_after = margin_of (verdict);
}

/* The model decides for a: what that hangs on. */
static gboolean
search (Search *self, VtrProof *proof, const float *logits, GError **error)
{
  Prefix prefix;

  if (self->n_most == 0)
    return TRUE;
  if (!find_prefix (self, &prefix, error))
    return FALSE;

  g_autofree guint32 *patches = g_memdup2 (self->order, self->n_patches * sizeof *self->order);
  Set set = { patches, prefix.n, prefix.verdict };
  if (prefix.n > 0)
    {
      proof->outcome = VTR_PROOF_FLIPPED;
      proof->n_greedy = prefix.n;
      if (!prune (self, &set, error))
        return FALSE;
      take_set (proof, &set);
    }
  take_verdict (proof, &set.verdict, logits);
  return vtr_progress_step (&self->left, 1.0, "proving", error);
}

static VtrProof *
prove (VtrSession *session,
       VtrExplanation *explanation,
       const VtrJudge *judge,
       const VtrProgress *progress,
       GError **error)
{
  const VtrProgress whole = vtr_progress_whole (NULL, NULL, NULL);
  const VtrMap *map = vtr_explanation_get_summary (explanation);
  const guint n_patches = vtr_map_get_n_rows (map) * vtr_map_get_n_columns (map);
  g_autofree guint32 *order = vtr_order_new (vtr_map_get_values (map), n_patches);
  guint n_classes;
  const float *logits = vtr_explanation_get_logits (explanation, &n_classes);
  const Verdict verdict = judge_logits (judge->target, logits, n_classes);
  Search self = {
    .session = session,
    .explanation = explanation,
    .judge = judge,
    .n_patches = n_patches,
    .n_most = n_patches - vtr_min_patches (vtr_model_get_arch (session->model)),
    .order = order,
    .left = progress != NULL ? *progress : whole,
  };
  VtrProof *proof = g_new0 (VtrProof, 1);

  proof->target = vtr_target_ref (judge->target);
  proof->a = judge->target->a.number;
  proof->a_before = verdict.of_a;
  proof->y_before = margin_of (&verdict);
  proof->n_all = n_patches;
  proof->outcome = verdict.of_a > verdict.of_b ? VTR_PROOF_NOT_FLIPPED : VTR_PROOF_NOT_PREFERRED;
  take_verdict (proof, &verdict, logits);
  if (proof->outcome != VTR_PROOF_NOT_PREFERRED && !search (&self, proof, logits, error))
    g_clear_pointer (&proof, vtr_proof_free);
  else
    proof->n_passes = self.n_passes;
  return proof;
}

gboolean
vtr_prove_explanation (VtrSession *session,
                       VtrExplanation *explanation,
                       const VtrProgress *progress,
                       GError **error)
{
  VtrJudge judge;
  VtrProof *proof = NULL;

  if (vtr_judge_init (&judge, explanation, NULL, error) &&
      vtr_proof_check (judge.target, session->model, error))
    proof = prove (session, explanation, &judge, progress, error);
  vtr_judge_clear (&judge);
  if (proof != NULL)
    vtr_explanation_take_proof (explanation, proof);
  return proof != NULL;
}

/* ---- for people ---- */

/* Two logits with as many digits as tell them apart, up to six. */
static void
format_logits (double a, double b, char text[2][G_ASCII_DTOSTR_BUF_SIZE])
{
  static const char *const formats[] = { "%.2f", "%.3f", "%.4f", "%.5f", "%.6f" };

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      g_ascii_formatd (text[0], G_ASCII_DTOSTR_BUF_SIZE, formats[i], a);
      g_ascii_formatd (text[1], G_ASCII_DTOSTR_BUF_SIZE, formats[i], b);
      if (strcmp (text[0], text[1]) != 0)
        return;
    }
}

char *
vtr_proof_describe (const VtrProof *self, VtrModel *model)
{
  g_return_val_if_fail (self != NULL && model != NULL, NULL);

  g_autofree char *a = vtr_target_describe_class (self->a, model);
  g_autofree char *b = vtr_target_describe_class (self->b, model);
  char logits[2][G_ASCII_DTOSTR_BUF_SIZE];

  format_logits (self->a_after, self->b_after, logits);
  switch (self->outcome)
    {
    case VTR_PROOF_FLIPPED:
      return g_strdup_printf ("%u of %u patches decide it: without %s %s %s beats %s %s",
                              self->n_patches, self->n_all, self->n_patches == 1 ? "it" : "them", b,
                              logits[1], a, logits[0]);
    case VTR_PROOF_NOT_FLIPPED:
      return g_strdup_printf ("no patches decide it: taken away in the map's order, one by one to "
                              "the last of %u, they leave %s %s ahead of %s %s",
                              self->n_all, a, logits[0], b, logits[1]);
    case VTR_PROOF_NOT_PREFERRED:
      return g_strdup_printf ("nothing to prove: in the whole picture %s %s does not beat %s %s", a,
                              logits[0], b, logits[1]);
    }
  g_return_val_if_reached (NULL);
}
