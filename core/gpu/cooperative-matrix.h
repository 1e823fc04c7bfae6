/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * Cooperative matrices: what of them a device has, what kernels use, and
 * VK_KHR_cooperative_matrix itself for Vulkan headers older than it (Debian 12
 * has 1.3.239, the extension came with 1.3.255).
 */
#include "gpu/vulkan.h"

#ifndef VK_KHR_cooperative_matrix
#define VK_KHR_cooperative_matrix 1
#define VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME "VK_KHR_cooperative_matrix"

#define VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR                          \
  ((VkStructureType) 1000506000)
#define VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR ((VkStructureType) 1000506001)

typedef enum
{
  VK_COMPONENT_TYPE_FLOAT16_KHR = 0,
  VK_COMPONENT_TYPE_FLOAT32_KHR = 1,
  VK_COMPONENT_TYPE_MAX_ENUM_KHR = 0x7fffffff
} VkComponentTypeKHR;

typedef enum
{
  VK_SCOPE_SUBGROUP_KHR = 3,
  VK_SCOPE_MAX_ENUM_KHR = 0x7fffffff
} VkScopeKHR;

typedef struct
{
  VkStructureType sType;
  void *pNext;
  VkBool32 cooperativeMatrix;
  VkBool32 cooperativeMatrixRobustBufferAccess;
} VkPhysicalDeviceCooperativeMatrixFeaturesKHR;

typedef struct
{
  VkStructureType sType;
  void *pNext;
  uint32_t MSize;
  uint32_t NSize;
  uint32_t KSize;
  VkComponentTypeKHR AType;
  VkComponentTypeKHR BType;
  VkComponentTypeKHR CType;
  VkComponentTypeKHR ResultType;
  VkBool32 saturatingAccumulation;
  VkScopeKHR scope;
} VkCooperativeMatrixPropertiesKHR;

typedef VkResult (VKAPI_PTR *PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR) (
    VkPhysicalDevice physicalDevice,
    uint32_t *pPropertyCount,
    VkCooperativeMatrixPropertiesKHR *pProperties);
#endif

/* Fills in @self->cooperative from what the driver says, given which extensions it has. */
void vtr_cooperative_query (VtrPhysicalDevice *self,
                            const VtrInstance *instance,
                            gboolean has_matrices,
                            gboolean has_size_control);

/* What kernels use of it, VTR_DEBUG considered. */
VtrCooperativeMatrix vtr_cooperative_choose (const VtrPhysicalDevice *self);

/* What vtr_cooperative_enable () puts behind @features12 when the device is created. */
typedef struct
{
  VkPhysicalDeviceSubgroupSizeControlFeatures sizes;
  VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrices;
} VtrCooperativeFeatures;

#define VTR_COOPERATIVE_EXTENSIONS 2

/* Asks for the features that @used needs, and for extensions: how many were put at @extensions. */
guint vtr_cooperative_enable (const VtrCooperativeMatrix *used,
                              VtrCooperativeFeatures *features,
                              VkPhysicalDeviceVulkan12Features *features12,
                              const char **extensions);
