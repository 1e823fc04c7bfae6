/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* What some pictures say about all pictures. */
#include "analysis/analysis.h"

#include <math.h>

void
vtr_running_add (VtrRunning *self, double value)
{
  const double distance = value - self->mean;

  self->n++;
  self->mean += distance / self->n;
  self->squares += distance * (value - self->mean);
}

/* For 1 degree of freedom, 2, ... */
static const double student_t[] = {
  12.7062047362, 4.3026527297, 3.1824463053, 2.7764451052, 2.5705818356,
  2.4469118511,  2.3646242516, 2.3060041352, 2.2621571628, 2.2281388520,
};

/* Beyond the table by the expansion in 1/n around the normal distribution (Abramowitz & Stegun
 * 1964, 26.7.5). */
double
vtr_student_t (guint n_freedom)
{
  const double z = 1.959963984540054, z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z;
  const double z9 = z7 * z * z;

  g_return_val_if_fail (n_freedom > 0, NAN);
  if (n_freedom <= G_N_ELEMENTS (student_t))
    return student_t[n_freedom - 1];

  const double inverse = 1.0 / n_freedom;
  const double terms[] = {
    z,
    (z3 + z) / 4.0,
    (5.0 * z5 + 16.0 * z3 + 3.0 * z) / 96.0,
    (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * z) / 384.0,
    (79.0 * z9 + 776.0 * z7 + 1482.0 * z5 - 1920.0 * z3 - 945.0 * z) / 92160.0,
  };
  double sum = 0.0;

  for (guint i = G_N_ELEMENTS (terms); i > 0; i--)
    sum = sum * inverse + terms[i - 1];
  return sum;
}

VtrEstimate
vtr_running_estimate (const VtrRunning *self)
{
  if (self->n < 2)
    return (VtrEstimate){ self->n > 0 ? self->mean : NAN, NAN, NAN };

  const double deviation = sqrt (self->squares / (self->n - 1));
  const double half = vtr_student_t (self->n - 1) * deviation / sqrt (self->n);
  return (VtrEstimate){ self->mean, self->mean - half, self->mean + half };
}
