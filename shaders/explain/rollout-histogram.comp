// SPDX-License-Identifier: LGPL-3.0-or-later
// rollout-histogram.comp: one pass of the radix select over the entries of Ā: counts, by the bits
// from `shift` up to those of `prefix_mask`, the entries whose bits above are those found so far.
//
//   qkv        in      [n_images][n_tokens][3][n_heads][head_width]  STORED
//   lse        in      [n_images][n_heads][n_tokens]                 f32
//   cutoff     in      [n_images][4]        u32  [0]: the bits found so far
//   histogram  in/out  [n_images][2][2048]  u32  low words of the counts, then high words
//
// Grid: x over keys, one an invocation; y over chunks of the queries; z over images.  A workgroup
// counts in shared memory first: the entries crowd in few bins.  n² entries may exceed 2^32, those
// of a workgroup cannot.
#version 450
#extension GL_EXT_control_flow_attributes : require
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_shader_16bit_storage : require

layout (constant_id = 0) const uint LOCAL_SIZE = 64;
layout (local_size_x_id = 0) in;

#ifndef GRADIENT
layout (std430, binding = 2) readonly buffer Cutoff { uint cutoff[]; };
#endif
layout (std430, binding = 3) buffer Histogram { uint histogram[]; };

const bool OWN_IS_QUERY = false;
#include "rollout-tile.glsl"

uint
cutoff_of (uint image)
{
#ifdef GRADIENT
  return rows[params.cutoff_start + image * 4];
#else
  return cutoff[image * 4];
#endif
}

const uint N_BINS = 2048;
shared uint counts[N_BINS];

void
count_entries (uint image, uint chunk, uint key)
{
  const uint prefix = cutoff_of (image);
  const uint end = min ((chunk + 1) * params.chunk_size, params.n_tokens);
  for (uint first = chunk * params.chunk_size; first < end; first += TILE)
    {
      compute_fused (image, clamp_token (key), first);
      [[unroll]] for (uint i = 0; i < TILE; i++)
        {
          const uint bits = floatBitsToUint (fused[i]);
          if (key < params.n_tokens && first + i < end
              && ((bits ^ prefix) & params.prefix_mask) == 0)
            atomicAdd (counts[(bits & ~params.prefix_mask) >> params.shift], 1);
        }
    }
}

void
main ()
{
  const uint image = gl_WorkGroupID.z;
  const uint key = gl_WorkGroupID.x * LOCAL_SIZE + gl_LocalInvocationID.x;

  for (uint bin = gl_LocalInvocationID.x; bin < N_BINS; bin += LOCAL_SIZE)
    counts[bin] = 0;
  barrier ();
  count_entries (image, gl_WorkGroupID.y, key);
  barrier ();

  for (uint bin = gl_LocalInvocationID.x; bin < N_BINS; bin += LOCAL_SIZE)
    {
      const uint count = counts[bin];
      if (count == 0)
        continue;
      const uint low = image * 2 * N_BINS + bin;
      const uint before = atomicAdd (histogram[low], count);
      if (before + count < before)
        atomicAdd (histogram[low + N_BINS], 1);
    }
}
