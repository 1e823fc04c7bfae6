/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * gpu: devices by Vulkan.  Knows kernels, nothing of ViTs.
 *
 *   volk.c            the loader's entry points
 *   vulkan.h          what these files share
 *   instance.c        loader, validation layers, messages → GLib log
 *   physical-device.c what a physical device is, and whether it can be used
 *   cooperative-matrix.[ch] whether it has matrix units that kernels use
 *   vulkan-device.c   VtrVulkanDevice: opening, errors, sticky lost state
 *   limits.c          what kernels may use; VTR_DEBUG=limits-min clamps to the least Vulkan allows
 *   quirks.c          validation messages that say nothing, each with the reason
 *   memory.c          blocks of device memory, budget
 *   pipeline.c        shader + constants → pipeline, made once
 *   pipeline-cache.c  file in the user's cache; any mismatch is a miss
 *   stream.c          submissions, a ring of them; the timeline
 *   dispatch.c        recording one kernel
 *   barrier.c         barriers from what kernels and copies read and write
 *   transfer.c        staging, upload and download in pieces; copies
 *   timing.c          timestamps
 *   kernels*.c        kernel → shader variant, constants and grid for this device
 */
#include "ops/device.h"
#include "vtr-shaders.h" /* made by shaders/embed.py: VtrShader, vtr_shaders[] */

/* Matrices that a subgroup of so many lanes multiplies at once, x [rows][depth] by w [depth][cols],
 * f16 with sums in f32.  rows is 0 where there are none. */
typedef struct
{
  guint32 rows;
  guint32 cols;
  guint32 depth;
  guint32 lanes;
  gboolean emulated; /* by arithmetic, for tests */
} VtrCooperativeMatrix;

/* What a kernel's launch may depend on. */
typedef struct
{
  VtrDeviceKind kind;
  gboolean software; /* a rasteriser on the CPU: shuffles, no shared memory */
  guint32 subgroup_size;
  guint32 max_invocations; /* of a workgroup */
  guint32 max_group_size[3];
  guint32 max_groups[3];        /* in a dispatch */
  guint32 shared_bytes;         /* of a workgroup */
  guint32 max_storage_range;    /* bytes one binding may cover */
  guint32 storage_alignment;    /* bytes, of a binding's offset */
  guint32 max_push_constants;   /* bytes */
  gboolean subgroup_arithmetic; /* subgroupAdd and the like in compute */
  gboolean subgroup_shuffle;    /* subgroupShuffle in compute */
  gboolean storage_f16;         /* halves in storage buffers, as shaders/lib/storage.glsl wants */
  VtrCooperativeMatrix cooperative;
} VtrGpuLimits;

#define VTR_MAX_CONSTANTS 12

/* One dispatch: which shader, its specialisation constants (id = index), its grid. */
typedef struct
{
  VtrShader shader;
  guint n_constants;
  guint32 constants[VTR_MAX_CONSTANTS];
  guint32 subgroup_size; /* it must run with; 0: as the driver likes */
  guint32 groups[3];
} VtrLaunch;

/* kernels.c: chooses the launch of a kernel; VTR_ERROR_FAILED if the grid exceeds the limits. */
gboolean vtr_kernel_choose_launch (VtrKernel kernel,
                                   const VtrGpuLimits *limits,
                                   const VtrTensor *const *tensors,
                                   gconstpointer params,
                                   VtrLaunch *launch,
                                   GError **error);

/* Lists VtrDeviceInfo of all Vulkan devices, ids "vulkan:0", "vulkan:1", ... */
GPtrArray *vtr_vulkan_list (GError **error);

/* Opens the Vulkan device of that number. */
VtrDevice *vtr_vulkan_open (guint index, GError **error);

/* Validation messages (warnings and errors) since the program started; tests want 0. */
guint vtr_vulkan_count_messages (void);

/* What kernels may use on @device. */
const VtrGpuLimits *vtr_vulkan_get_limits (VtrDevice *device);

/* ---- for tests ---- */

/* What the driver's compiler tells of a pipeline: registers, spills, shared memory, ... */
typedef struct
{
  char name[256];
  double value;
} VtrPipelineStatistic;

/* Compiles @launch and returns its VtrPipelineStatistic; VTR_ERROR_UNSUPPORTED if the driver tells
 * none. */
GArray *vtr_vulkan_get_pipeline_statistics (VtrDevice *device,
                                            VtrKernel kernel,
                                            const VtrLaunch *launch,
                                            GError **error);

/* Makes the @nth allocation from now on fail as if memory had run out; 1 is the next. */
void vtr_vulkan_fail_allocation (VtrDevice *device, guint nth);

/* Makes the next submission fail as if the device had been lost. */
void vtr_vulkan_lose_at_submit (VtrDevice *device);
