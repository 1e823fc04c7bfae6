/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * Vectors of VTR_LANES floats, as wide as the registers of the variant, and
 * functions of them.  NaN in gives NaN out.  Expressions have one product a sum
 * at most, so that the compiler has no choice which to fuse.
 */
#include <glib.h>
#include <string.h>

#ifdef __AVX__
#include <immintrin.h>
#endif

#if defined __AVX512F__
#define VTR_LANES 16
#elif defined __AVX__
#define VTR_LANES 8
#else
#define VTR_LANES 4
#endif

/* Bytes the tiles of a kernel are aligned to: a line of the cache, a vector at least. */
#define VTR_TILE_ALIGNMENT 64

typedef float VtrVec __attribute__ ((vector_size (VTR_LANES * 4)));
typedef gint32 VtrMask __attribute__ ((vector_size (VTR_LANES * 4)));

static inline VtrVec
vtr_vec_of (float value)
{
  return (VtrVec){ 0 } + value;
}

static inline VtrVec
vtr_vec_load (const float *values)
{
  VtrVec vec;

  memcpy (&vec, values, sizeof vec);
  return vec;
}

static inline void
vtr_vec_store (float *values, VtrVec vec)
{
  memcpy (values, &vec, sizeof vec);
}

/* The first @n lanes are loaded, the others 0; whole vectors in one stroke. */
static inline VtrVec
vtr_vec_load_part (const float *values, gsize n)
{
  VtrVec vec = { 0 };

  if (n >= VTR_LANES)
    return vtr_vec_load (values);
  memcpy (&vec, values, n * sizeof (float));
  return vec;
}

/* The first @n lanes are stored. */
static inline void
vtr_vec_store_part (float *values, VtrVec vec, gsize n)
{
  if (n >= VTR_LANES)
    vtr_vec_store (values, vec);
  else
    memcpy (values, &vec, n * sizeof (float));
}

/* VTR_LANES halves as floats. */
static inline VtrVec
vtr_vec_load_halves (const guint16 *halves)
{
#if defined __AVX512F__
  return (VtrVec) _mm512_cvtph_ps (_mm256_loadu_si256 ((const __m256i_u *) halves));
#elif defined __F16C__
  return (VtrVec) _mm256_cvtph_ps (_mm_loadu_si128 ((const __m128i_u *) halves));
#else
  VtrMask bits;

  for (guint lane = 0; lane < VTR_LANES; lane++)
    bits[lane] = halves[lane];
  /* Moved to a float's place exponent and mantissa are a number 2^112 times too small, which may
   * be denormal; infinity and NaN keep their exponent. */
  const VtrVec scaled = (VtrVec) ((bits & 0x7fff) << 13) * 0x1p112f;
  const VtrMask special = ((bits & 0x7c00) == 0x7c00) & 0x7f800000;
  return (VtrVec) ((VtrMask) scaled | special | (bits & 0x8000) << 16);
#endif
}

static inline void
vtr_floats_from_halves (const guint16 *halves, gsize n, float *floats)
{
  gsize i = 0;

  for (; i + VTR_LANES <= n; i += VTR_LANES)
    vtr_vec_store (floats + i, vtr_vec_load_halves (halves + i));
  if (i < n)
    {
      guint16 last[VTR_LANES] = { 0 };
      memcpy (last, halves + i, (n - i) * sizeof *last);
      vtr_vec_store_part (floats + i, vtr_vec_load_halves (last), n - i);
    }
}

/* @a where the mask is set, @b elsewhere. */
static inline VtrVec
vtr_vec_select (VtrMask mask, VtrVec a, VtrVec b)
{
  return (VtrVec) ((mask & (VtrMask) a) | (~mask & (VtrMask) b));
}

/* @a where it is NaN, or they are equal. */
static inline VtrVec
vtr_vec_max (VtrVec a, VtrVec b)
{
#if VTR_LANES == 8
  return (VtrVec) _mm256_max_ps ((__m256) b, (__m256) a);
#else
  return vtr_vec_select (a < b, b, a);
#endif
}

static inline VtrVec
vtr_vec_min (VtrVec a, VtrVec b)
{
#if VTR_LANES == 8
  return (VtrVec) _mm256_min_ps ((__m256) b, (__m256) a);
#else
  return vtr_vec_select (a > b, b, a);
#endif
}

static inline VtrVec
vtr_vec_abs (VtrVec a)
{
  return (VtrVec) ((VtrMask) a & 0x7fffffff);
}

static inline VtrVec
vtr_vec_sqrt (VtrVec a)
{
#if VTR_LANES == 16
  return (VtrVec) _mm512_sqrt_ps ((__m512) a);
#elif VTR_LANES == 8
  return (VtrVec) _mm256_sqrt_ps ((__m256) a);
#else
  for (guint lane = 0; lane < VTR_LANES; lane++)
    a[lane] = __builtin_sqrtf (a[lane]);
  return a;
#endif
}

static inline float
vtr_vec_sum (VtrVec vec)
{
  float sum = 0.0f;

  for (guint lane = 0; lane < VTR_LANES; lane++)
    sum += vec[lane];
  return sum;
}

/* ---- squares ---- */

/* Lanes of two vectors in turn: the lower halves, the upper halves. */
#if VTR_LANES == 16
#define VTR_ZIP_LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define VTR_ZIP_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif VTR_LANES == 8
#define VTR_ZIP_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define VTR_ZIP_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#else
#define VTR_ZIP_LOW 0, 4, 1, 5
#define VTR_ZIP_HIGH 2, 6, 3, 7
#endif

#ifdef __clang__
#define VTR_SHUFFLE(a, b, ...) __builtin_shufflevector (a, b, __VA_ARGS__)
#else
#define VTR_SHUFFLE(a, b, ...) __builtin_shuffle (a, b, (VtrMask){ __VA_ARGS__ })
#endif

/* Lane j of vector i goes to lane i of vector j: each step halves what still lies apart. */
static inline __attribute__ ((always_inline)) void
vtr_vec_transpose (VtrVec square[VTR_LANES])
{
#pragma GCC unroll 4
  for (guint step = 1; step < VTR_LANES; step *= 2)
    {
      VtrVec zipped[VTR_LANES];

#pragma GCC unroll 8
      for (guint i = 0; i < VTR_LANES / 2; i++)
        {
          zipped[2 * i] = VTR_SHUFFLE (square[i], square[i + VTR_LANES / 2], VTR_ZIP_LOW);
          zipped[2 * i + 1] = VTR_SHUFFLE (square[i], square[i + VTR_LANES / 2], VTR_ZIP_HIGH);
        }
#pragma GCC unroll 16
      for (guint i = 0; i < VTR_LANES; i++)
        square[i] = zipped[i];
    }
}

/* ---- functions ---- */

/*
 * e^x within 1 unit in the last place: x = n·ln 2 + r with |r| ≤ ln 2 / 2, and the
 * least-maximum polynomial of degree 6 for e^r.  2^n is multiplied in two steps,
 * so that results down to the smallest denormal are right, and overflow is inf.
 */
static inline VtrVec
vtr_vec_exp (VtrVec x)
{
  /* Adding and taking away 1.5·2^23 rounds to a whole number, whose bits stand at the bottom. */
  const float rounder = 12582912.0f;

  x = vtr_vec_min (vtr_vec_max (x, vtr_vec_of (-105.0f)), vtr_vec_of (90.0f));
  const VtrVec shifted = x * 1.44269504f + rounder;
  const VtrVec n = shifted - rounder;
  VtrVec r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;

  VtrVec p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const VtrVec r2 = r * r;
  p = p * r2 + r;
  p = p + 1.0f;

  const VtrMask exponent = (VtrMask) shifted - 0x4b400000;
  const VtrMask half = exponent >> 1;
  return p * (VtrVec) ((half + 127) << 23) * (VtrVec) ((exponent - half + 127) << 23);
}

/*
 * 2^x within 1 unit in the last place, for x up to 127; x below −126 counts as −126.
 * Half the work of vtr_vec_exp ().  The polynomial is the one of degree 6 that is least
 * wrong, relatively, on −½ .. ½.
 */
static inline VtrVec
vtr_vec_exp2 (VtrVec x)
{
  const float rounder = 12582912.0f;

  x = vtr_vec_max (x, vtr_vec_of (-126.0f));
  const VtrVec shifted = x + rounder;
  const VtrVec r = x - (shifted - rounder);

  VtrVec p = r * 1.53458051e-4f + 1.33999309e-3f;
  p = p * r + 9.61848907e-3f;
  p = p * r + 5.55032864e-2f;
  p = p * r + 2.40226462e-1f;
  p = p * r + 6.93147182e-1f;
  p = p * r + 1.0f;
  return p * (VtrVec) (((VtrMask) shifted - 0x4b400000 + 127) << 23);
}

/*
 * log₂ x for normal x > 0, wrong by 1 unit in the last place or 6e-8; of 0 and denormal x a finite
 * number below −126.  x = 2^e·m with m in √½ .. √2; log₂ m = (m − 1)·P (m − 1), P the polynomial of
 * degree 8 that is least wrong, relatively.
 */
static inline VtrVec
vtr_vec_log2 (VtrVec x)
{
  const gint32 root_half = 0x3f3504f3; /* the bits of √½ */
  const VtrMask bits = (VtrMask) x - root_half;
  const VtrMask exponent = bits >> 23;
  const VtrVec t = (VtrVec) ((bits & 0x7fffff) + root_half) - 1.0f;

  VtrVec p = t * 1.2583681e-1f - 2.0726965e-1f;
  p = p * t + 2.1571564e-1f;
  p = p * t - 2.3894484e-1f;
  p = p * t + 2.8791625e-1f;
  p = p * t - 3.6070368e-1f;
  p = p * t + 4.8091064e-1f;
  p = p * t - 7.2134735e-1f;
  p = p * t + 1.4426950f;
  return p * t + __builtin_convertvector(exponent, VtrVec);
}

/* 1 / (1 + e^−x) */
static inline VtrVec
vtr_vec_sigmoid (VtrVec x)
{
  return 1.0f / (1.0f + vtr_vec_exp (-x));
}

static inline VtrVec
vtr_vec_tanh (VtrVec x)
{
  return 1.0f - 2.0f / (1.0f + vtr_vec_exp (2.0f * x));
}
