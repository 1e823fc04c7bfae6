/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "base/base.h"

/* SplitMix64 (Steele, Lea & Flood 2014): g_rand's numbers may change with GLib and environment. */
guint64
vtr_random_next (guint64 *state)
{
  guint64 z = *state += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  return z ^ (z >> 31);
}

double
vtr_random_next_share (guint64 *state)
{
  return (double) (vtr_random_next (state) >> 11) * 0x1p-53;
}

/* FNV-1a, 64 bits, then one step, so that texts that differ little begin far apart. */
guint64
vtr_random_begin (guint32 seed, const char *text)
{
  guint64 state = G_GUINT64_CONSTANT (0xcbf29ce484222325) ^ seed;

  for (; *text != '\0'; text++)
    state = (state ^ (guint8) *text) * G_GUINT64_CONSTANT (0x100000001b3);
  return vtr_random_next (&state);
}
