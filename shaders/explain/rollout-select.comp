// SPDX-License-Identifier: LGPL-3.0-or-later
// rollout-select.comp: ends a pass of the radix select: finds the bin that holds the entry looked
// for, appends its number to the bits found so far, and clears the histogram for the next pass.
//
//   histogram  in/out  [n_images][2][2048]  u32  low words of the counts, then high words
//   cutoff     in/out  [n_images][4]        u32  bits found so far; which of the entries that share
//                                                them is looked for, from 1 on: low and high word; 0
//
// Grid: x over images, a workgroup each.  Where `begin` is set there is nothing to find yet.
#version 450

layout (constant_id = 0) const uint LOCAL_SIZE = 64; // divides N_BINS
layout (local_size_x_id = 0) in;

layout (std430, binding = 0) buffer Histogram { uint histogram[]; };
layout (std430, binding = 1) buffer Cutoff { uint cutoff[]; };

layout (push_constant) uniform Params // VtrRolloutSelectParams in core/ops/kernels.h
{
  uvec2 n_drop; // low and high word
  uint begin;   // 0 or 1: start a search for the n_drop-th smallest entry
  uint shift;   // of the bits that selected a bin
  uint n_images;
} params;

// Counts of 64 bits as low and high word: Vulkan does not promise integers of that size.
uvec2
add (uvec2 a, uvec2 b)
{
  uint carry;
  const uint low = uaddCarry (a.x, b.x, carry);
  return uvec2 (low, a.y + b.y + carry);
}

uvec2
subtract (uvec2 a, uvec2 b)
{
  uint borrow;
  const uint low = usubBorrow (a.x, b.x, borrow);
  return uvec2 (low, a.y - b.y - borrow);
}

bool
is_less (uvec2 a, uvec2 b)
{
  return a.y < b.y || (a.y == b.y && a.x < b.x);
}

const uint N_BINS = 2048;
shared uvec2 sums[LOCAL_SIZE]; // of the bins of each invocation

uvec2
bin_count (uint image, uint bin)
{
  const uint low = image * 2 * N_BINS + bin;
  return uvec2 (histogram[low], histogram[low + N_BINS]);
}

// Walks over the invocations' sums, then over the bins of the one that has the entry.
void
select_bin (uint image, uint bins_each)
{
  uvec2 rank = uvec2 (cutoff[image * 4 + 1], cutoff[image * 4 + 2]);
  uint lane = 0;
  for (; lane < LOCAL_SIZE - 1 && is_less (sums[lane], rank); lane++)
    rank = subtract (rank, sums[lane]);

  uint bin = lane * bins_each;
  for (uint last = bin + bins_each - 1; bin < last; bin++)
    {
      const uvec2 count = bin_count (image, bin);
      if (!is_less (count, rank))
        break;
      rank = subtract (rank, count);
    }

  cutoff[image * 4] |= bin << params.shift;
  cutoff[image * 4 + 1] = rank.x;
  cutoff[image * 4 + 2] = rank.y;
}

void
main ()
{
  const uint image = gl_WorkGroupID.x;
  const uint lane = gl_LocalInvocationID.x;
  const uint bins_each = N_BINS / LOCAL_SIZE;

  if (params.begin == 0)
    {
      uvec2 sum = uvec2 (0);
      for (uint bin = lane * bins_each; bin < (lane + 1) * bins_each; bin++)
        sum = add (sum, bin_count (image, bin));
      sums[lane] = sum;
      barrier ();
      if (lane == 0)
        select_bin (image, bins_each);
      barrier ();
    }
  else if (lane == 0)
    {
      cutoff[image * 4] = 0;
      cutoff[image * 4 + 1] = params.n_drop.x;
      cutoff[image * 4 + 2] = params.n_drop.y;
      cutoff[image * 4 + 3] = 0;
    }

  for (uint bin = lane; bin < 2 * N_BINS; bin += LOCAL_SIZE)
    histogram[image * 2 * N_BINS + bin] = 0;
}
