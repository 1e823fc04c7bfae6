/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * Cases of the rollout.  What counts and compares integers must agree exactly:
 *
 * - rollout-select gets made-up histograms;
 * - rollout-histogram gets entries in the middle of the bins, where rounding moves none.
 *
 * Which entries a rollout discards hangs on an order that rounding may change where two are as
 * good as equal.  So the cases drop up to an entry that no other is near (choose_n_drop ()).
 */
#include "run/verify.h"
#include "ops/partials.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N_BINS 2048

/* ---- rollout-select ---- */

typedef struct
{
  const char *name;
  guint b;
  gboolean begin;
  guint shift;       /* of the bits that are found */
  guint64 max_count; /* of the entries in a bin */
  double rank;       /* of the entry looked for, 0 the first, 1 the last */
} SelectCase;

static const SelectCase select_cases[] = {
  { "begin", 3, TRUE, 0, 100, 0.5 },
  { "first", 1, FALSE, 21, 9, 0.0 },
  { "last", 1, FALSE, 0, 9, 1.0 },
  { "middle", 2, FALSE, 10, 1000, 0.5 },
  { "crowded", 3, FALSE, 21, 1u << 31, 0.7 },
  { "64-bit", 2, FALSE, 10, (guint64) 1 << 40, 0.9 },
  { "batch-of-32", 32, FALSE, 0, 50, 0.3 },
};

/* Entries in about every fourth bin, @max of them at most; low words, then high words.  Returns how
 * many in all. */
static guint64
fill_histogram (guint32 *histogram, guint64 max, GRand *rand)
{
  guint64 sum = 0;

  for (guint bin = 0; bin < N_BINS; bin++)
    {
      const double share = g_rand_double_range (rand, -3.0, 1.0);
      const guint64 count = share > 0.0 ? 1 + (guint64) (share * (double) (max - 1)) : 0;
      histogram[bin] = (guint32) count;
      histogram[N_BINS + bin] = (guint32) (count >> 32);
      sum += count;
    }
  return sum;
}

static gboolean
run_select (VtrTrial *trial, gconstpointer data, GError **error)
{
  const SelectCase *test = data;
  VtrTrialTensor *histogram =
      vtr_trial_zeros (trial, "histogram", VTR_DTYPE_U32, 3, test->b, 2, N_BINS);
  vtr_trial_guard (trial);
  VtrTrialTensor *cutoff = vtr_trial_zeros (trial, "cutoff", VTR_DTYPE_U32, 2, test->b, 4);
  const VtrTensor *tensors[] = { &histogram->tensor, &cutoff->tensor };
  const VtrRolloutSelectParams params = {
    .n_drop = { 17, 1 },
    .begin = test->begin,
    .shift = test->shift,
    .n_images = test->b,
  };

  for (guint image = 0; image < test->b; image++)
    {
      guint32 *counts = (guint32 *) histogram->values + (gsize) image * 2 * N_BINS;
      guint32 *state = (guint32 *) cutoff->values + (gsize) image * 4;
      const guint64 n_entries = fill_histogram (counts, test->max_count, trial->rand);
      const guint64 rank = 1 + (guint64) (test->rank * (double) (n_entries - 1));
      state[1] = (guint32) rank;
      state[2] = (guint32) (rank >> 32);
    }
  histogram->is_output = cutoff->is_output = TRUE;
  return vtr_trial_begin (trial, error) &&
         vtr_stream_dispatch (trial->stream, VTR_KERNEL_ROLLOUT_SELECT, tensors,
                              G_N_ELEMENTS (tensors), &params, sizeof params, 0.0, error);
}

const VtrVerifyOp vtr_verify_rollout_select =
    VTR_VERIFY_OP ("rollout-select", run_select, select_cases);

/* ---- rollout-histogram ---- */

typedef struct
{
  const char *name;
  guint b, n, h, hd;
  VtrFusion fusion;
  gboolean second_pass; /* only entries of about 9/64 count, by finer bins */
  guint32 start;        /* what every count begins with */
} HistogramCase;

#define NEARLY_FULL (G_MAXUINT32 - 5) /* carries into the high word */

/* The mean is of two heads at most, so that its entries stay away from the edges of bins. */
static const HistogramCase histogram_cases[] = {
  { "one-token", 1, 1, 1, 4, VTR_FUSION_MEAN, FALSE, 0 },
  { "one-head", 1, 17, 1, 5, VTR_FUSION_MEAN, FALSE, 0 },
  { "mean", 2, 33, 2, 8, VTR_FUSION_MEAN, FALSE, 0 },
  { "max", 1, 50, 3, 8, VTR_FUSION_MAX, FALSE, 0 },
  { "min", 1, 50, 3, 8, VTR_FUSION_MIN, FALSE, 0 },
  { "second-pass", 2, 70, 3, 8, VTR_FUSION_MAX, TRUE, 0 },
  { "carry", 1, 40, 1, 8, VTR_FUSION_MEAN, FALSE, NEARLY_FULL },
  { "batch-of-32", 32, 20, 2, 4, VTR_FUSION_MIN, FALSE, 0 },
  { "vit-small", 1, 257, 6, 64, VTR_FUSION_MAX, FALSE, 0 },
};

/* In the middle of a bin of either pass. */
#define MID_BIN (1.125f + 1.0f / 16384)

/*
 * Entries MID_BIN·2^i of whole i: q and k of few −1, 0 and 1 have whole products, which the
 * scale makes logarithms of powers of 2.
 */
static void
fill_powers (const HistogramCase *test, VtrTrialTensor *qkv, VtrTrialTensor *lse, GRand *rand)
{
  const guint most = 4; /* of a vector's values are not 0 */
  const guint hd = test->hd;
  float *vector = qkv->values, *row = lse->values;

  for (guint i = 0; i < test->b * test->n * 3 * test->h; i++, vector += hd)
    for (guint j = 0; j < MIN (most, hd); j++)
      vector[(i + j) % hd] = (float) g_rand_int_range (rand, -1, 2);
  for (guint i = 0; i < test->b * test->h * test->n; i++)
    row[i] = (float) (g_rand_int_range (rand, 0, 8) * G_LN2 - log (MID_BIN));
}

static VtrRolloutParams
make_histogram_params (const HistogramCase *test)
{
  const guint32 n_chunks = test->n / 64 + 1;

  return (VtrRolloutParams){
    .n_images = test->b,
    .n_tokens = test->n,
    .n_heads = test->h,
    .head_width = test->hd,
    .n_chunks = n_chunks,
    .chunk_size = vtr_partials_chunk_size (test->n, n_chunks),
    .head_mask = { (1u << test->h) - 1, 0 },
    .head_weight = 1.0f / (float) test->h,
    .scale = (float) G_LN2,
    .fusion = test->fusion,
    .shift = test->second_pass ? 10 : 21,
    .prefix_mask = test->second_pass ? 0xffe00000 : 0,
  };
}

static gboolean
run_histogram (VtrTrial *trial, gconstpointer data, GError **error)
{
  const HistogramCase *test = data;
  const guint b = test->b, n = test->n, h = test->h;
  VtrTrialTensor *qkv = vtr_trial_zeros (trial, "qkv", VTR_DTYPE_F32, 5, b, n, 3, h, test->hd);
  VtrTrialTensor *lse = vtr_trial_zeros (trial, "lse", VTR_DTYPE_F32, 3, b, h, n);
  VtrTrialTensor *cutoff = vtr_trial_zeros (trial, "cutoff", VTR_DTYPE_U32, 2, b, 4);
  VtrTrialTensor *histogram = vtr_trial_zeros (trial, "histogram", VTR_DTYPE_U32, 3, b, 2, N_BINS);
  const VtrTensor *tensors[] = { &qkv->tensor, &lse->tensor, &cutoff->tensor, &histogram->tensor };
  const VtrRolloutParams params = make_histogram_params (test);
  const float eighth = MID_BIN / 8;

  fill_powers (test, qkv, lse, trial->rand);
  for (guint image = 0; image < b; image++)
    {
      guint32 *prefix = (guint32 *) cutoff->values + (gsize) image * 4;
      guint32 *counts = (guint32 *) histogram->values + (gsize) image * 2 * N_BINS;
      memcpy (prefix, &eighth, sizeof eighth);
      *prefix &= params.prefix_mask;
      for (guint bin = 0; bin < N_BINS; bin++)
        counts[bin] = test->start;
    }
  histogram->is_output = TRUE;
  return vtr_trial_begin (trial, error) &&
         vtr_stream_dispatch (trial->stream, VTR_KERNEL_ROLLOUT_HISTOGRAM, tensors,
                              G_N_ELEMENTS (tensors), &params, sizeof params, 0.0, error);
}

const VtrVerifyOp vtr_verify_rollout_histogram =
    VTR_VERIFY_OP ("rollout-histogram", run_histogram, histogram_cases);

/* ---- the whole of it ---- */

typedef struct
{
  const char *name;
  guint b, n, h, hd;
  VtrFusion fusion;
  guint64 head_mask;
  double discard_ratio; /* below 0: no discarding at all */
  float range;
} RolloutCase;

#define KEEP -1.0
#define ALL_64 0xffffffffffffffff

typedef struct
{
  VtrTrialAttention known;
  VtrRolloutScratch scratch;
  VtrRolloutLayer layer;
  guint64 n_drop;
} Rollout;

/* Ā[query][key] in double precision. */
static double
fuse (const Rollout *self, guint image, guint query, guint key)
{
  const VtrFusion fusion = self->layer.fusion;
  double sum = 0.0, least = INFINITY, most = 0.0;
  guint n_heads = 0;

  for (guint head = 0; head < self->known.h; head++)
    {
      if (!(self->layer.head_mask >> head & 1))
        continue;
      const double prob = vtr_trial_attention_prob (&self->known, image, head, query, key);
      sum += prob;
      least = MIN (least, prob);
      most = MAX (most, prob);
      n_heads++;
    }
  return fusion == VTR_FUSION_MEAN ? sum / n_heads : fusion == VTR_FUSION_MAX ? most : least;
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  const double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* All entries of Ā, sorted. */
static double *
sort_entries (const Rollout *self, guint image)
{
  const guint n = self->known.n;
  double *entries = g_new (double, (gsize) n *n);

  for (guint query = 0; query < n; query++)
    for (guint key = 0; key < n; key++)
      entries[(gsize) query * n + key] = fuse (self, image, query, key);
  qsort (entries, (gsize) n * n, sizeof *entries, compare_doubles);
  return entries;
}

/* How many times larger the entry of @rank, from 1 on, is than the one below or smaller than the
 * one above. */
static double
isolation (const double *entries, gsize n_entries, gsize rank)
{
  const double entry = entries[rank - 1];
  const double below = rank > 1 ? entry / entries[rank - 2] : INFINITY;
  const double above = rank < n_entries ? entries[rank] / entry : INFINITY;

  return MIN (below, above);
}

/* About @ratio of all entries, up to one that is alone in every image. */
static guint64
choose_n_drop (const Rollout *self, double ratio)
{
  const gsize n_entries = (gsize) self->known.n * self->known.n;
  const gsize middle = (gsize) (ratio * (double) n_entries);
  const gsize first = MAX (middle, n_entries / 20 + 1) - n_entries / 20;
  const gsize last = MIN (middle + n_entries / 20, n_entries);
  gsize best = middle;
  double most = 0.0;

  if (middle == 0 || middle == n_entries)
    return middle;
  g_autofree double *alone = g_new (double, n_entries + 1); /* by rank */
  for (gsize rank = first; rank <= last; rank++)
    alone[rank] = INFINITY;
  for (guint image = 0; image < self->known.b; image++)
    {
      g_autofree double *entries = sort_entries (self, image);
      for (gsize rank = first; rank <= last; rank++)
        alone[rank] = MIN (alone[rank], isolation (entries, n_entries, rank));
    }
  for (gsize rank = first; rank <= last; rank++)
    if (alone[rank] > most)
      {
        best = rank;
        most = alone[rank];
      }
  return best;
}

static gboolean
plan_rollout (Rollout *self, VtrTrial *trial, const RolloutCase *test, GError **error)
{
  self->known = vtr_trial_attention (trial, test->b, test->n, test->h, test->hd, test->range);
  self->layer = (VtrRolloutLayer){
    .qkv = &self->known.qkv->tensor,
    .lse = &self->known.lse->tensor,
    .scale = self->known.scale,
    .fusion = test->fusion,
    .head_mask = test->head_mask,
    .discard = test->discard_ratio >= 0.0,
  };
  self->n_drop = self->layer.discard ? choose_n_drop (self, test->discard_ratio) : 0;
  vtr_trial_guard (trial);
  return vtr_rollout_scratch_plan (&self->scratch, trial->arena, test->b, 0, test->n, error);
}

/* ---- rollout-cutoff ---- */

/* Of the cutoff, 1e-4 of it: less than to the nearest other entry. */
#define CUTOFF_MAX_NMSE 1e-8

static const RolloutCase cutoff_cases[] = {
  { "one-token", 1, 1, 1, 4, VTR_FUSION_MEAN, 1, 1.0, 1 },
  { "drop-none", 1, 17, 2, 8, VTR_FUSION_MEAN, 3, 0.0, 1 },
  { "drop-all", 1, 17, 2, 8, VTR_FUSION_MEAN, 3, 1.0, 1 },
  { "mean", 3, 50, 3, 16, VTR_FUSION_MEAN, 7, 0.9, 2 },
  { "max", 3, 50, 3, 16, VTR_FUSION_MAX, 7, 0.9, 2 },
  { "min", 3, 50, 3, 16, VTR_FUSION_MIN, 7, 0.9, 2 },
  { "some-heads", 1, 19, 5, 5, VTR_FUSION_MEAN, 0x16, 0.5, 1 },
  { "64-heads", 1, 9, 64, 4, VTR_FUSION_MEAN, ALL_64, 0.5, 2 },
  { "sharp", 2, 70, 2, 16, VTR_FUSION_MEAN, 3, 0.6, 5 },
  { "batch-of-32", 32, 14, 2, 4, VTR_FUSION_MIN, 3, 0.3, 1 },
  { "vit-small", 1, 257, 6, 64, VTR_FUSION_MEAN, 0x3f, 0.9, 2 },
};

static gboolean
run_cutoff (VtrTrial *trial, gconstpointer data, GError **error)
{
  const RolloutCase *test = data;
  Rollout rollout;
  if (!plan_rollout (&rollout, trial, test, error))
    return FALSE;

  /* The bits of floats.  The ranks beside them, read as floats, are next to nothing. */
  VtrTrialTensor *cutoff = vtr_trial_output (trial, "cutoff", 2, test->b, 4);
  cutoff->max_nmse = CUTOFF_MAX_NMSE;
  rollout.scratch.cutoff = cutoff->tensor;
  rollout.scratch.cutoff.dtype = VTR_DTYPE_U32;
  return vtr_trial_begin (trial, error) &&
         vtr_op_rollout_cutoff (trial->stream, &rollout.layer, rollout.n_drop, &rollout.scratch,
                                error);
}

const VtrVerifyOp vtr_verify_rollout_cutoff =
    VTR_VERIFY_OP_F16 ("rollout-cutoff", run_cutoff, cutoff_cases);

/* ---- rollout-step ---- */

static const RolloutCase step_cases[] = {
  { "one-token", 1, 1, 1, 4, VTR_FUSION_MEAN, 1, KEEP, 1 },
  { "one-token-discarded", 1, 1, 1, 4, VTR_FUSION_MEAN, 1, 1.0, 1 },
  { "mean", 1, 17, 3, 8, VTR_FUSION_MEAN, 7, KEEP, 1 },
  { "max", 1, 17, 3, 8, VTR_FUSION_MAX, 7, KEEP, 1 },
  { "min", 1, 17, 3, 8, VTR_FUSION_MIN, 7, KEEP, 1 },
  { "mean-of-some-heads", 2, 18, 5, 8, VTR_FUSION_MEAN, 0x16, KEEP, 1 },
  { "max-of-some-heads", 2, 18, 5, 8, VTR_FUSION_MAX, 0x11, KEEP, 1 },
  { "min-of-some-heads", 2, 18, 5, 8, VTR_FUSION_MIN, 0x0a, KEEP, 1 },
  { "heads-above-32", 1, 6, 64, 4, VTR_FUSION_MAX, 0x8000000100000002, KEEP, 2 },
  { "64-heads", 1, 9, 64, 4, VTR_FUSION_MEAN, ALL_64, 0.5, 2 },
  { "head-of-5", 2, 19, 2, 5, VTR_FUSION_MEAN, 3, 0.5, 1 },
  { "head-of-128", 1, 19, 2, 128, VTR_FUSION_MAX, 3, 0.5, 1 },
  { "drop-none", 1, 17, 2, 8, VTR_FUSION_MEAN, 3, 0.0, 1 },
  { "drop-most", 2, 17, 2, 8, VTR_FUSION_MEAN, 3, 0.97, 1 },
  { "drop-all", 1, 17, 2, 8, VTR_FUSION_MEAN, 3, 1.0, 1 },
  { "mean-discard", 3, 50, 3, 16, VTR_FUSION_MEAN, 7, 0.9, 2 },
  { "max-discard", 3, 50, 3, 16, VTR_FUSION_MAX, 7, 0.9, 2 },
  { "min-discard", 3, 50, 3, 16, VTR_FUSION_MIN, 7, 0.9, 2 },
  { "sharp-discard", 2, 70, 2, 16, VTR_FUSION_MEAN, 3, 0.6, 5 },
  { "batch-of-32", 32, 14, 2, 4, VTR_FUSION_MIN, 3, 0.3, 1 },
  { "vit-small", 1, 257, 6, 64, VTR_FUSION_MEAN, 0x3f, KEEP, 2 },
  { "vit-small-discard", 1, 257, 6, 64, VTR_FUSION_MEAN, 0x3f, 0.9, 2 },
};

static gboolean
run_step (VtrTrial *trial, gconstpointer data, GError **error)
{
  const RolloutCase *test = data;
  const guint b = test->b, n = test->n;
  Rollout rollout;
  if (!plan_rollout (&rollout, trial, test, error))
    return FALSE;

  VtrTrialTensor *r = vtr_trial_input (trial, "r", 0, 1, 2, b, n);
  VtrTrialTensor *next = vtr_trial_output (trial, "next", 2, b, n);
  return vtr_trial_begin (trial, error) &&
         (!rollout.layer.discard ||
          vtr_op_rollout_cutoff (trial->stream, &rollout.layer, rollout.n_drop, &rollout.scratch,
                                 error)) &&
         vtr_op_rollout_step (trial->stream, &rollout.layer, &r->tensor, &rollout.scratch,
                              &next->tensor, error);
}

const VtrVerifyOp vtr_verify_rollout_step =
    VTR_VERIFY_OP_F16 ("rollout-step", run_step, step_cases);
