// SPDX-License-Identifier: LGPL-3.0-or-later
// grid.glsl: one index over a grid of any shape.
//
// A dispatch may have no more than 65535 workgroups along an axis, so core/gpu/kernels.c folds long
// grids over y and z.  The last fold may be ragged: callers compare the index with their count.

uint
workgroup_index ()
{
  return gl_WorkGroupID.x
         + gl_NumWorkGroups.x * (gl_WorkGroupID.y + gl_NumWorkGroups.y * gl_WorkGroupID.z);
}

uint
invocation_index ()
{
  return workgroup_index () * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
}
