/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "gpu/cooperative-matrix.h"

/* The least that Vulkan allows: "Required Limits" of the specification. */
static const VtrGpuLimits limits_min = {
  .subgroup_size = 1,
  .max_invocations = 128,
  .max_group_size = { 128, 128, 64 },
  .max_groups = { 65535, 65535, 65535 },
  .shared_bytes = 16384,
  .max_storage_range = 1u << 27,
  .storage_alignment = 256,
  .max_push_constants = 128,
};

/* Vulkan lets no device allocate less than 1 GiB at once.  For tests of arenas with
 * several blocks this is lowered to the size of the largest tensor. */
#define BLOCK_BYTES_MIN ((guint64) 1 << 27)

/* Offsets in a storage buffer are multiples of a vec4, and of a line of most caches. */
#define LEAST_ALIGNMENT 64

static VtrDeviceKind
kind_of (VkPhysicalDeviceType type)
{
  switch (type)
    {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
      return VTR_DEVICE_GPU;
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
      return VTR_DEVICE_INTEGRATED_GPU;
    case VK_PHYSICAL_DEVICE_TYPE_CPU:
      return VTR_DEVICE_SOFTWARE;
    default:
      return VTR_DEVICE_VIRTUAL_GPU;
    }
}

static void
clamp_to_min (VtrGpuLimits *self)
{
  self->subgroup_size = limits_min.subgroup_size;
  self->max_invocations = limits_min.max_invocations;
  for (guint i = 0; i < 3; i++)
    {
      self->max_group_size[i] = limits_min.max_group_size[i];
      self->max_groups[i] = limits_min.max_groups[i];
    }
  self->shared_bytes = limits_min.shared_bytes;
  self->max_storage_range = limits_min.max_storage_range;
  self->storage_alignment = limits_min.storage_alignment;
  self->max_push_constants = limits_min.max_push_constants;
  self->subgroup_arithmetic = FALSE;
  self->subgroup_shuffle = FALSE;
  self->storage_f16 = FALSE;
}

void
vtr_gpu_limits_init (VtrGpuLimits *self, const VtrPhysicalDevice *physical)
{
  const VkPhysicalDeviceLimits *limits = &physical->properties.limits;
  const VkPhysicalDeviceSubgroupProperties *subgroup = &physical->subgroup;

  *self = (VtrGpuLimits){
    .kind = kind_of (physical->properties.deviceType),
    .software = physical->properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU,
    .subgroup_size = subgroup->subgroupSize,
    .max_invocations = limits->maxComputeWorkGroupInvocations,
    .shared_bytes = limits->maxComputeSharedMemorySize,
    .max_storage_range = limits->maxStorageBufferRange,
    .storage_alignment = MAX ((guint32) limits->minStorageBufferOffsetAlignment, LEAST_ALIGNMENT),
    .max_push_constants = limits->maxPushConstantsSize,
    .subgroup_arithmetic = (subgroup->supportedStages & VK_SHADER_STAGE_COMPUTE_BIT) &&
                           (subgroup->supportedOperations & VK_SUBGROUP_FEATURE_ARITHMETIC_BIT),
    .subgroup_shuffle = (subgroup->supportedStages & VK_SHADER_STAGE_COMPUTE_BIT) &&
                        (subgroup->supportedOperations & VK_SUBGROUP_FEATURE_SHUFFLE_BIT),
    .storage_f16 = physical->has_storage_f16,
  };
  for (guint i = 0; i < 3; i++)
    {
      self->max_group_size[i] = limits->maxComputeWorkGroupSize[i];
      self->max_groups[i] = limits->maxComputeWorkGroupCount[i];
    }
  if (vtr_debug_flags () & VTR_DEBUG_LIMITS_MIN)
    clamp_to_min (self);
  self->cooperative = vtr_cooperative_choose (physical);
  if (self->cooperative.rows > 0)
    self->storage_f16 = TRUE; /* these are of halves */
}

guint64
vtr_gpu_limits_block_bytes (const VtrPhysicalDevice *physical)
{
  if (vtr_debug_flags () & VTR_DEBUG_LIMITS_MIN)
    return BLOCK_BYTES_MIN;
  return MIN (physical->max_allocation_bytes, physical->max_buffer_bytes);
}
