/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * Products of a block of vectors with others.
 *
 * VTR_BLOCK vectors are packed so that one lane has one of them; the others are
 * read where they lie, each of their values once for the whole block.  So little
 * but the block is copied, no sum goes across lanes, and the sums of VTR_OTHERS
 * others stay in registers.
 *
 * A sum runs over the depth in order, one value at a time: two products of the
 * same vectors are the same bits wherever they are computed.
 */
#include "cpu/simd.h"

#ifdef _OPENMP
#include <omp.h>
#endif

/* Registers there are: 32 with AVX-512, else 16.  With 16, the products are a function of their
 * own: as parts of a kernel the compiler would keep their sums on the stack. */
#if defined __AVX512F__ || defined __aarch64__
#define VTR_OTHERS 12
#define VTR_FEW_REGISTERS 0
#define VTR_TILE_FUNCTION static inline
#else
#define VTR_OTHERS 6
#define VTR_FEW_REGISTERS 1
#define VTR_TILE_FUNCTION static __attribute__ ((noinline, unused))
#endif
#define VTR_BLOCK_VECS 2
#define VTR_BLOCK (VTR_BLOCK_VECS * VTR_LANES) /* vectors in a block; divides 32 */

/* Blocks at most that meet the others together, in turn while those are in the cache: narrow blocks
 * would else fetch them too often. */
#define VTR_GROUP (VTR_LANES == 16 ? 1 : 64 / VTR_LANES)

/* How many groups to make of @n_blocks blocks: threads share them evenly. */
static inline gsize
vtr_tile_count_groups (gsize n_blocks)
{
  const gsize n_groups = (n_blocks + VTR_GROUP - 1) / VTR_GROUP;
#ifdef _OPENMP
  const gsize n_threads = (gsize) omp_get_max_threads ();
#else
  const gsize n_threads = 1;
#endif

  return MIN (n_blocks, (n_groups + n_threads - 1) / n_threads * n_threads);
}

/* The first vector of a group, or of the next where @group is one more. */
static inline gsize
vtr_tile_group_start (gsize group, gsize n_groups, gsize n_blocks)
{
  return group * n_blocks / n_groups * VTR_BLOCK;
}

/* Whether all values of @n vectors, @stride values apart, are 0: a gradient that comes from one
 * token is 0 at all others. */
static inline gboolean
vtr_vectors_are_zero (const float *vectors, gsize stride, gsize n, gsize width)
{
  for (gsize i = 0; i < n; i++)
    for (gsize k = 0; k < width; k++)
      if (vectors[i * stride + k] != 0.0f)
        return FALSE;
  return TRUE;
}

/* Vectors of a head: the first, and how many values one is from the next. */
typedef struct
{
  const float *first;
  gsize stride;
} VtrTileVectors;

/* For @n values, to be freed with g_aligned_free (). */
static inline float *
vtr_tile_new (gsize n)
{
  return g_aligned_alloc (n, sizeof (float), VTR_TILE_ALIGNMENT);
}

/*
 * The @n vectors from @first on, @width values each, for a group of blocks: copied to @copy
 * [n][width] where there are several, as vectors that lie pages apart are slow to come by.
 */
static inline VtrTileVectors
vtr_tile_draw_near (const VtrTileVectors *vectors, gsize first, gsize n, gsize width, float *copy)
{
  const float *from = vectors->first + first * vectors->stride;

  if (VTR_GROUP == 1)
    return (VtrTileVectors){ from, vectors->stride };
  for (gsize i = 0; i < n; i++)
    memcpy (copy + i * width, from + i * vectors->stride, width * sizeof (float));
  return (VtrTileVectors){ copy, width };
}

/*
 * packed [depth][width]: the first @n of the vectors that lie @stride values apart from
 * @vectors on, times @scale, zeros past them.  @width is a constant wherever this is called.
 */
static inline __attribute__ ((always_inline)) void
vtr_tile_interleave (const float *vectors,
                     gsize stride,
                     gsize n,
                     gsize depth,
                     float scale,
                     const gsize width,
                     float *packed)
{
  for (gsize first = 0; first < width; first += VTR_LANES)
    for (gsize k = 0; k < depth; k += VTR_LANES)
      {
        const gsize n_deep = MIN (VTR_LANES, depth - k);
        VtrVec square[VTR_LANES];

#pragma GCC unroll 16
        for (gsize i = 0; i < VTR_LANES; i++)
          square[i] = first + i < n
                          ? vtr_vec_load_part (vectors + (first + i) * stride + k, n_deep) * scale
                          : vtr_vec_of (0.0f);
        vtr_vec_transpose (square);
        for (gsize i = 0; i < n_deep; i++)
          vtr_vec_store_part (packed + (k + i) * width + first, square[i], width - first);
      }
}

/* packed [depth][VTR_BLOCK], likewise. */
static inline void
vtr_tile_pack (const float *vectors, gsize stride, gsize n, gsize depth, float scale, float *packed)
{
  vtr_tile_interleave (vectors, stride, n, depth, scale, VTR_BLOCK, packed);
}

/* Where the vectors to multiply a block with lie, and how far their values are apart. */
typedef struct
{
  const float *first;
  gsize stride;       /* values from one vector to the next */
  gsize depth_stride; /* values from one value of a vector to the next */
} VtrTileOthers;

/* @n_others and @n_vecs are constants wherever this is called, so that the sums are registers. */
static inline __attribute__ ((always_inline)) void
vtr_tile_multiply_n (const float *packed,
                     gsize depth,
                     const VtrTileOthers *others,
                     gsize first,
                     const guint n_others,
                     const guint n_vecs,
                     gboolean add,
                     float *sums)
{
  const float *other = others->first + first * others->stride;
  const gsize stride = others->stride;
  float *out = sums + first * VTR_BLOCK;
  VtrVec sum[VTR_OTHERS][VTR_BLOCK_VECS];

  for (guint j = 0; j < n_others; j++)
    for (guint v = 0; v < n_vecs; v++)
      sum[j][v] = add ? vtr_vec_load (out + j * VTR_BLOCK + v * VTR_LANES) : vtr_vec_of (0.0f);

  for (gsize k = 0; k < depth; k++)
    {
      VtrVec own[VTR_BLOCK_VECS];
      for (guint v = 0; v < n_vecs; v++)
        own[v] = vtr_vec_load (packed + k * VTR_BLOCK + v * VTR_LANES);
      for (guint j = 0; j < n_others; j++)
        for (guint v = 0; v < n_vecs; v++)
          sum[j][v] += own[v] * other[j * stride];
      other += others->depth_stride;
    }

  for (guint j = 0; j < n_others; j++)
    for (guint v = 0; v < n_vecs; v++)
      vtr_vec_store (out + j * VTR_BLOCK + v * VTR_LANES, sum[j][v]);
}

/* As below, for the first @n_vecs vectors of lanes. */
static inline __attribute__ ((always_inline)) void
vtr_tile_multiply_vecs (const float *packed,
                        gsize depth,
                        const VtrTileOthers *others,
                        gsize n,
                        const guint n_vecs,
                        gboolean add,
                        float *sums)
{
  gsize first = 0;

  for (; first + VTR_OTHERS <= n; first += VTR_OTHERS)
    vtr_tile_multiply_n (packed, depth, others, first, VTR_OTHERS, n_vecs, add, sums);
  for (; first + 4 <= n; first += 4)
    vtr_tile_multiply_n (packed, depth, others, first, 4, n_vecs, add, sums);
  for (; first < n; first++)
    vtr_tile_multiply_n (packed, depth, others, first, 1, n_vecs, add, sums);
}

/* sums [n][VTR_BLOCK] = (or with @add: +=) the products of the block's first @n_own vectors with @n
 * others; lanes past @n_own may stay as they are. */
VTR_TILE_FUNCTION void
vtr_tile_multiply (const float *packed,
                   gsize n_own,
                   gsize depth,
                   const VtrTileOthers *others,
                   gsize n,
                   gboolean add,
                   float *sums)
{
  /* Never so; the compiler, told of it, has no second way past the sums to keep registers for. */
  if (VTR_FEW_REGISTERS && depth == 0)
    return;
  if (n_own > VTR_LANES)
    vtr_tile_multiply_vecs (packed, depth, others, n, VTR_BLOCK_VECS, add, sums);
  else
    vtr_tile_multiply_vecs (packed, depth, others, n, 1, add, sums);
}
