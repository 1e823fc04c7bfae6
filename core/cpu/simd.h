/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * Vectors of VTR_LANES floats, as wide as the registers of the variant, and
 * functions of them.  NaN in gives NaN out.  Expressions have one product a sum
 * at most, so that the compiler has no choice which to fuse.
 */
#include <glib.h>
#include <string.h>

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

/* The first @n lanes are loaded, the others 0. */
static inline VtrVec
vtr_vec_load_part (const float *values, gsize n)
{
  VtrVec vec = { 0 };

  memcpy (&vec, values, MIN (n, VTR_LANES) * sizeof (float));
  return vec;
}

/* The first @n lanes are stored. */
static inline void
vtr_vec_store_part (float *values, VtrVec vec, gsize n)
{
  memcpy (values, &vec, MIN (n, VTR_LANES) * sizeof (float));
}

/* @a where the mask is set, @b elsewhere. */
static inline VtrVec
vtr_vec_select (VtrMask mask, VtrVec a, VtrVec b)
{
  return (VtrVec) ((mask & (VtrMask) a) | (~mask & (VtrMask) b));
}

/* @a where it is NaN. */
static inline VtrVec
vtr_vec_max (VtrVec a, VtrVec b)
{
  return vtr_vec_select (a < b, b, a);
}

static inline VtrVec
vtr_vec_min (VtrVec a, VtrVec b)
{
  return vtr_vec_select (a > b, b, a);
}

static inline VtrVec
vtr_vec_abs (VtrVec a)
{
  return (VtrVec) ((VtrMask) a & 0x7fffffff);
}

static inline float
vtr_vec_sum (VtrVec vec)
{
  float sum = 0.0f;

  for (guint lane = 0; lane < VTR_LANES; lane++)
    sum += vec[lane];
  return sum;
}

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

/* The error function, as in shaders/lib/activation.glsl, which tells of the polynomials. */
static inline VtrVec
vtr_vec_erf (VtrVec x)
{
  const VtrVec a = vtr_vec_min (vtr_vec_abs (x), vtr_vec_of (4.0f));
  const VtrVec t = a * a;

  VtrVec inner = t * 7.64712022e-05f - 0.000794235675f;
  inner = inner * t + 0.0051797498f;
  inner = inner * t - 0.0268485919f;
  inner = inner * t + 0.112834305f;
  inner = inner * t - 0.376126051f;
  inner = inner * t + 0.128379151f;
  inner = inner * a + a;

  VtrVec log_erfc = a * -0.000185574012f + 0.00293960725f;
  log_erfc = log_erfc * a - 0.0218053181f;
  log_erfc = log_erfc * a + 0.103037372f;
  log_erfc = log_erfc * a + 0.638225675f;
  log_erfc = log_erfc * a + 1.12704003f;
  log_erfc = log_erfc * a + 0.000353719515f;

  const VtrVec outer = 1.0f - vtr_vec_exp (-log_erfc);
  const VtrVec magnitude = vtr_vec_select (a < 1.0f, inner, outer);
  const VtrMask sign = (VtrMask) x & (gint32) 0x80000000;
  return (VtrVec) ((VtrMask) magnitude | sign);
}
