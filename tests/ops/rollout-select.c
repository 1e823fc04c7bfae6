/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * The radix select where its counts exceed 32 bits.  No test can have the 66,000
 * tokens that takes, so these give the kernels the histogram of such a run.
 */
#include "cases.h"

#include <string.h>

#define N_BINS 2048

typedef struct
{
  const char *name;
  struct
  {
    guint32 bin;
    guint64 count;
  } bins[3];
  guint64 rank;           /* which entry, from 1 on */
  guint32 bin;            /* that has it */
  guint64 remaining_rank; /* within the bin */
} SelectCase;

#define GIANT G_GUINT64_CONSTANT (0x100000000) /* 2^32 */

static const SelectCase cases[] = {
  { "first-of-one", { { 5, 1 } }, 1, 5, 1 },
  { "last-bin", { { 0, 3 }, { N_BINS - 1, 4 } }, 7, N_BINS - 1, 4 },
  { "end-of-a-bin", { { 7, 3 }, { 8, 3 } }, 3, 7, 3 },
  { "start-of-a-bin", { { 31, 3 }, { 32, 3 } }, 4, 32, 1 },
  { "giant-bin", { { 100, 5 * GIANT + 3 }, { 900, 7 } }, 4 * GIANT, 100, 4 * GIANT },
  { "behind-giant-bin", { { 100, 5 * GIANT + 3 }, { 900, 7 } }, 5 * GIANT + 5, 900, 2 },
  { "carries", { { 64, GIANT - 1 }, { 65, GIANT - 1 }, { 70, 9 } }, 2 * GIANT + 1, 70, 3 },
  { "sum-at-2^32", { { 64, GIANT - 1 }, { 65, 1 }, { 66, 5 } }, GIANT + 1, 66, 1 },
};

static void
set_u32 (HarnessTensor *tensor, gsize index, guint32 value)
{
  memcpy (&tensor->values[index], &value, sizeof value);
}

static guint32
get_u32 (const HarnessTensor *tensor, gsize index)
{
  guint32 value;

  memcpy (&value, &tensor->values[index], sizeof value);
  return value;
}

static void
test_select (Harness *harness, gconstpointer data)
{
  const SelectCase *test = data;
  const VtrRolloutSelectParams params = { .shift = 10, .n_images = 2 };
  HarnessTensor *histogram = harness_zeros (harness, VTR_DTYPE_U32, 3, 2, 2, N_BINS);
  HarnessTensor *cutoff = harness_zeros (harness, VTR_DTYPE_U32, 2, 2, 4);
  const VtrTensor *tensors[] = { &histogram->tensor, &cutoff->tensor };
  const guint32 prefix = 0x3e000000;
  GError *error = NULL;

  /* Image 0 has other numbers, so that a mix-up is seen. */
  set_u32 (histogram, 0, 1);
  set_u32 (cutoff, 1, 1);
  for (guint i = 0; i < G_N_ELEMENTS (test->bins); i++)
    {
      const gsize low = 2 * N_BINS + test->bins[i].bin;
      if (test->bins[i].count == 0)
        continue;
      set_u32 (histogram, low, test->bins[i].count);
      set_u32 (histogram, low + N_BINS, test->bins[i].count >> 32);
    }
  set_u32 (cutoff, 4, prefix);
  set_u32 (cutoff, 5, test->rank);
  set_u32 (cutoff, 6, test->rank >> 32);
  harness_set_in_out (histogram);
  harness_set_in_out (cutoff);

  harness_begin (harness);
  vtr_stream_dispatch (harness->stream, VTR_KERNEL_ROLLOUT_SELECT, tensors, G_N_ELEMENTS (tensors),
                       &params, sizeof params, 0.0, &error);
  g_assert_no_error (error);
  harness_finish (harness);

  g_assert_cmphex (get_u32 (cutoff, 0), ==, 0);
  g_assert_cmphex (get_u32 (cutoff, 4), ==, prefix | test->bin << 10);
  g_assert_cmpuint (get_u32 (cutoff, 5), ==, (guint32) test->remaining_rank);
  g_assert_cmpuint (get_u32 (cutoff, 6), ==, test->remaining_rank >> 32);
  for (guint i = 0; i < 4 * N_BINS; i++)
    g_assert_cmpuint (get_u32 (histogram, i), ==, 0);
}

/* Counts that start just below 2^32 carry into their high words: every entry is exactly 1 here. */
static void
test_carry (Harness *harness, gconstpointer data G_GNUC_UNUSED)
{
  const guint n = 16, h = 1, hd = 4;
  const VtrRolloutParams params = {
    .n_images = 1,
    .n_tokens = n,
    .n_heads = h,
    .head_width = hd,
    .n_chunks = 2,
    .chunk_size = 8,
    .head_mask = { 1, 0 },
    .head_weight = 1.0f,
    .scale = 0.5f,
    .shift = 21,
  };
  HarnessTensor *qkv = harness_zeros (harness, VTR_DTYPE_F32, 5, 1, n, 3, h, hd);
  HarnessTensor *lse = harness_zeros (harness, VTR_DTYPE_F32, 3, 1, h, n);
  HarnessTensor *cutoff = harness_zeros (harness, VTR_DTYPE_U32, 2, 1, 4);
  HarnessTensor *histogram = harness_zeros (harness, VTR_DTYPE_U32, 3, 1, 2, N_BINS);
  const VtrTensor *tensors[] = { &qkv->tensor, &lse->tensor, &cutoff->tensor, &histogram->tensor };
  const guint32 bin = 0x3f800000 >> 21; /* exp (0) = 1 */
  GError *error = NULL;

  set_u32 (histogram, bin, G_MAXUINT32 - 9);
  harness_set_in_out (histogram);
  harness_begin (harness);
  vtr_stream_dispatch (harness->stream, VTR_KERNEL_ROLLOUT_HISTOGRAM, tensors,
                       G_N_ELEMENTS (tensors), &params, sizeof params, 0.0, &error);
  g_assert_no_error (error);
  harness_finish (harness);
  g_assert_cmpuint (get_u32 (histogram, bin), ==, n * n - 10);
  g_assert_cmpuint (get_u32 (histogram, bin + N_BINS), ==, 1);
}

void
add_rollout_select_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    harness_add ("rollout-select", cases[i].name, test_select, &cases[i]);
  harness_add ("rollout-select", "carry", test_carry, NULL);
}
