/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * Cooperative matrices: whether the device has the sizes and features that
 * shaders/layers/matmul-cooperative.comp needs, and whether kernels shall use
 * them.
 */
#include "gpu/cooperative-matrix.h"

#define VENDOR_INTEL 0x8086

/* Lanes of the subgroups where there is a choice, but for Intel's. */
#define USUAL_LANES 32

/* What all tiles of kernels-cooperative.c are multiples of. */
#define MOST_ROWS 16
#define MOST_COLS 16
#define MOST_DEPTH 32

/* ---- what the device has ---- */

static gboolean
has_features (VkPhysicalDevice handle, gboolean *has_matrices)
{
  VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrices = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR,
  };
  VkPhysicalDeviceSubgroupSizeControlFeatures sizes = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES,
    .pNext = *has_matrices ? &matrices : NULL,
  };
  VkPhysicalDeviceVulkan12Features features12 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
    .pNext = &sizes,
  };
  VkPhysicalDeviceFeatures2 features = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
    .pNext = &features12,
  };

  vkGetPhysicalDeviceFeatures2 (handle, &features);
  *has_matrices = *has_matrices && matrices.cooperativeMatrix && features12.shaderFloat16;
  return sizes.subgroupSizeControl && sizes.computeFullSubgroups && features12.vulkanMemoryModel;
}

/* Intel's matrix units are as wide as its smallest subgroups; wider ones are taken apart. */
static guint32
choose_lanes (const VtrPhysicalDevice *self)
{
  VkPhysicalDeviceSubgroupSizeControlProperties sizes = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES,
  };
  VkPhysicalDeviceProperties2 properties = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
    .pNext = &sizes,
  };

  vkGetPhysicalDeviceProperties2 (self->handle, &properties);
  if (!(sizes.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT))
    return 0;
  if (self->properties.vendorID == VENDOR_INTEL)
    return sizes.minSubgroupSize;
  return CLAMP (USUAL_LANES, sizes.minSubgroupSize, sizes.maxSubgroupSize);
}

static gboolean
is_usable (const VkCooperativeMatrixPropertiesKHR *sizes)
{
  return sizes->scope == VK_SCOPE_SUBGROUP_KHR && sizes->AType == VK_COMPONENT_TYPE_FLOAT16_KHR &&
         sizes->BType == VK_COMPONENT_TYPE_FLOAT16_KHR &&
         sizes->CType == VK_COMPONENT_TYPE_FLOAT32_KHR &&
         sizes->ResultType == VK_COMPONENT_TYPE_FLOAT32_KHR && !sizes->saturatingAccumulation &&
         MOST_ROWS % sizes->MSize == 0 && MOST_COLS % sizes->NSize == 0 &&
         MOST_DEPTH % sizes->KSize == 0;
}

/* The largest usable of the sizes that the driver lists; all 0 if there is none. */
static void
choose_sizes (VkInstance instance, VkPhysicalDevice handle, VtrCooperativeMatrix *chosen)
{
  const PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR get_properties =
      (PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR)
          vkGetInstanceProcAddr (instance, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
  guint32 n = 0;

  if (get_properties == NULL || get_properties (handle, &n, NULL) != VK_SUCCESS)
    return;
  g_autofree VkCooperativeMatrixPropertiesKHR *sizes =
      g_new0 (VkCooperativeMatrixPropertiesKHR, n + 1);
  for (guint i = 0; i < n; i++)
    sizes[i].sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR;
  if (get_properties (handle, &n, sizes) < VK_SUCCESS)
    return;
  for (guint i = 0; i < n; i++)
    if (is_usable (&sizes[i]) && sizes[i].MSize * sizes[i].NSize * sizes[i].KSize >
                                     chosen->rows * chosen->cols * chosen->depth)
      {
        chosen->rows = sizes[i].MSize;
        chosen->cols = sizes[i].NSize;
        chosen->depth = sizes[i].KSize;
      }
}

void
vtr_cooperative_query (VtrPhysicalDevice *self,
                       const VtrInstance *instance,
                       gboolean has_matrices,
                       gboolean has_size_control)
{
  /* Validation layers that do not know the extension take it for a mistake. */
  has_matrices = has_matrices && !instance->old_validation;
  if (!has_size_control || !has_features (self->handle, &has_matrices))
    return;
  self->cooperative.lanes = choose_lanes (self);
  if (has_matrices && self->cooperative.lanes > 0)
    choose_sizes (instance->handle, self->handle, &self->cooperative);
}

/* ---- what kernels use ---- */

/* Whether the driver computes them in a way that is no faster than other kernels. */
static gboolean
are_slow (const VtrPhysicalDevice *self)
{
  if (self->properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU)
    return TRUE;
  /* Before Xe2, whose subgroups have 16 lanes or more: llama.cpp measured no gain and some heavy
   * losses (its pull requests 14001 and 24404). */
  return self->properties.vendorID == VENDOR_INTEL && self->cooperative.lanes < 16;
}

/* Sizes that differ from each other, so that tests notice where one stands for another. */
static VtrCooperativeMatrix
emulate (guint32 lanes)
{
  return (VtrCooperativeMatrix){
    .rows = 4,
    .cols = lanes,
    .depth = 2 * lanes,
    .lanes = lanes,
    .emulated = TRUE,
  };
}

VtrCooperativeMatrix
vtr_cooperative_choose (const VtrPhysicalDevice *self)
{
  const VtrCooperativeMatrix none = { 0 };
  const VtrDebugFlags flags = vtr_debug_flags ();
  const guint32 lanes = self->cooperative.lanes;
  const gboolean has_shuffle =
      (self->subgroup.supportedOperations & VK_SUBGROUP_FEATURE_SHUFFLE_BIT) != 0;

  if (flags & VTR_DEBUG_NO_COOPERATIVE || !self->has_storage_f16)
    return none;
  if (flags & VTR_DEBUG_COOPERATIVE)
    {
      if (self->cooperative.rows > 0)
        return self->cooperative;
      return has_shuffle && lanes >= 4 && lanes <= MOST_COLS ? emulate (lanes) : none;
    }
  return self->cooperative.rows == 0 || flags & VTR_DEBUG_LIMITS_MIN || are_slow (self)
             ? none
             : self->cooperative;
}

guint
vtr_cooperative_enable (const VtrCooperativeMatrix *used,
                        VtrCooperativeFeatures *features,
                        VkPhysicalDeviceVulkan12Features *features12,
                        const char **extensions)
{
  const gboolean has_matrices = used->rows > 0 && !used->emulated;
  guint n = 0;

  if (used->rows == 0)
    return 0;
  *features = (VtrCooperativeFeatures){
    .sizes = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES,
               .pNext = features12->pNext,
               .subgroupSizeControl = VK_TRUE,
               .computeFullSubgroups = VK_TRUE },
    .matrices = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR,
                  .pNext = &features->sizes,
                  .cooperativeMatrix = VK_TRUE },
  };
  features12->vulkanMemoryModel = VK_TRUE;
  features12->shaderFloat16 = has_matrices;
  features12->pNext = has_matrices ? (void *) &features->matrices : &features->sizes;

  extensions[n++] = VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME;
  if (has_matrices)
    extensions[n++] = VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME;
  return n;
}
