// SPDX-License-Identifier: LGPL-3.0-or-later
// reduce.glsl: sums over the LANES invocations along x of a workgroup.
//
// Wants the constants LANES (a power of two) and ROWS of the file that includes it: local size
// (LANES, ROWS).  Every invocation of the workgroup must call it.

shared float partial[LANES * ROWS];

float
reduce_sum (float value)
{
  const uint row = gl_LocalInvocationID.y * LANES;
  const uint lane = gl_LocalInvocationID.x;
  partial[row + lane] = value;
  barrier ();
  for (uint half_lanes = LANES / 2; half_lanes > 0; half_lanes /= 2)
    {
      if (lane < half_lanes)
        partial[row + lane] += partial[row + lane + half_lanes];
      barrier ();
    }
  const float sum = partial[row];
  barrier (); // before the next call overwrites it
  return sum;
}
