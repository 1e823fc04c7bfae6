/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "gpu/cooperative-matrix.h"

#include <string.h>

static gboolean
has_extension (const VkExtensionProperties *extensions, guint n, const char *name)
{
  for (guint i = 0; i < n; i++)
    if (strcmp (extensions[i].extensionName, name) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
find_queue (VtrPhysicalDevice *self)
{
  guint32 n = 0;

  vkGetPhysicalDeviceQueueFamilyProperties (self->handle, &n, NULL);
  g_autofree VkQueueFamilyProperties *families = g_new0 (VkQueueFamilyProperties, n + 1);
  vkGetPhysicalDeviceQueueFamilyProperties (self->handle, &n, families);
  for (guint i = 0; i < n; i++)
    if (families[i].queueFlags & VK_QUEUE_COMPUTE_BIT)
      {
        self->queue_family = i;
        self->timestamp_bits = families[i].timestampValidBits;
        return TRUE;
      }
  return FALSE;
}

static void
query_features (VtrPhysicalDevice *self)
{
  VkPhysicalDeviceVulkan11Features features11 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
  };
  VkPhysicalDeviceVulkan12Features features12 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
    .pNext = &features11,
  };
  VkPhysicalDeviceFeatures2 features = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
    .pNext = &features12,
  };

  vkGetPhysicalDeviceFeatures2 (self->handle, &features);
  self->has_timeline_semaphores = features12.timelineSemaphore;
  self->has_storage_f16 = features11.storageBuffer16BitAccess;
}

/* What needs Vulkan 1.2 to ask. */
static void
query_properties2 (VtrPhysicalDevice *self, gboolean has_maintenance4)
{
  VkPhysicalDeviceMaintenance4Properties maintenance4 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_PROPERTIES,
  };
  VkPhysicalDeviceMaintenance3Properties maintenance3 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES,
    .pNext = has_maintenance4 ? &maintenance4 : NULL,
  };
  VkPhysicalDeviceDriverProperties driver = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES,
    .pNext = &maintenance3,
  };
  VkPhysicalDeviceProperties2 properties = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
    .pNext = &self->subgroup,
  };

  self->subgroup = (VkPhysicalDeviceSubgroupProperties){
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES,
    .pNext = &driver,
  };
  vkGetPhysicalDeviceProperties2 (self->handle, &properties);
  self->subgroup.pNext = NULL;
  self->driver_id = driver.driverID;
  self->max_allocation_bytes = maintenance3.maxMemoryAllocationSize;
  self->max_buffer_bytes = has_maintenance4 ? maintenance4.maxBufferSize : G_MAXUINT64;
  g_snprintf (self->driver, sizeof self->driver, "%s %s", driver.driverName, driver.driverInfo);
  g_strchomp (self->driver);
}

static void
query_extensions (VtrPhysicalDevice *self, const VtrInstance *instance, gboolean *has_maintenance4)
{
  guint32 n = 0;

  vkEnumerateDeviceExtensionProperties (self->handle, NULL, &n, NULL);
  g_autofree VkExtensionProperties *extensions = g_new0 (VkExtensionProperties, n + 1);
  vkEnumerateDeviceExtensionProperties (self->handle, NULL, &n, extensions);

  self->has_memory_budget = has_extension (extensions, n, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
  self->has_pipeline_statistics =
      has_extension (extensions, n, VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME);
  *has_maintenance4 = self->properties.apiVersion >= VK_API_VERSION_1_3 ||
                      has_extension (extensions, n, VK_KHR_MAINTENANCE_4_EXTENSION_NAME);
  vtr_cooperative_query (self, instance,
                         has_extension (extensions, n, VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME),
                         has_extension (extensions, n,
                                        VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME));
}

void
vtr_physical_device_query (VtrPhysicalDevice *self,
                           const VtrInstance *instance,
                           VkPhysicalDevice handle)
{
  gboolean has_maintenance4;

  *self = (VtrPhysicalDevice){ .handle = handle };
  vkGetPhysicalDeviceProperties (handle, &self->properties);
  vkGetPhysicalDeviceMemoryProperties (handle, &self->memory);
  if (self->properties.apiVersion < VK_API_VERSION_1_2)
    {
      g_snprintf (self->driver, sizeof self->driver, "version %u", self->properties.driverVersion);
      self->reason = "Its driver is older than Vulkan 1.2: install a newer driver.";
      return;
    }
  query_extensions (self, instance, &has_maintenance4);
  query_properties2 (self, has_maintenance4);
  query_features (self);
  if (!find_queue (self))
    self->reason = "It has no queue that computes.";
  else if (!self->has_timeline_semaphores)
    self->reason = "Its driver has no timeline semaphores: install a newer driver.";
}

static guint64
largest_device_heap (const VkPhysicalDeviceMemoryProperties *memory)
{
  guint64 largest = 0;

  for (guint i = 0; i < memory->memoryHeapCount; i++)
    if (memory->memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT)
      largest = MAX (largest, memory->memoryHeaps[i].size);
  return largest;
}

VtrDeviceInfo *
vtr_physical_device_describe (const VtrPhysicalDevice *self, guint index)
{
  const guint32 api = self->properties.apiVersion;
  VtrDeviceInfo *info = g_new0 (VtrDeviceInfo, 1);
  VtrGpuLimits limits;

  vtr_gpu_limits_init (&limits, self);
  info->id = g_strdup_printf ("vulkan:%u", index);
  info->name = g_utf8_make_valid (self->properties.deviceName, -1);
  info->driver = g_utf8_make_valid (self->driver, -1);
  info->kind = limits.kind;
  info->api = g_strdup_printf ("Vulkan %u.%u.%u", VK_API_VERSION_MAJOR (api),
                               VK_API_VERSION_MINOR (api), VK_API_VERSION_PATCH (api));
  info->memory = largest_device_heap (&self->memory);
  info->usable = self->reason == NULL;
  info->reason = g_strdup (self->reason);
  return info;
}

GArray *
vtr_physical_device_list (const VtrInstance *instance, GError **error)
{
  g_autoptr (GArray) list = g_array_new (FALSE, FALSE, sizeof (VtrPhysicalDevice));
  guint32 n = 0;

  VkResult result = vkEnumeratePhysicalDevices (instance->handle, &n, NULL);
  g_autofree VkPhysicalDevice *handles = g_new0 (VkPhysicalDevice, n + 1);
  if (result == VK_SUCCESS && n > 0)
    result = vkEnumeratePhysicalDevices (instance->handle, &n, handles);
  /* A driver that fails to start is as good as none. */
  if (result < VK_SUCCESS && result != VK_ERROR_INITIALIZATION_FAILED)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_NO_DEVICE,
                   "The Vulkan devices cannot be listed (vkEnumeratePhysicalDevices: VkResult "
                   "%d): check the installed drivers with vulkaninfo.",
                   result);
      return NULL;
    }
  for (guint i = 0; result >= VK_SUCCESS && i < n; i++)
    {
      VtrPhysicalDevice physical;

      vtr_physical_device_query (&physical, instance, handles[i]);
      g_array_append_val (list, physical);
    }
  return g_steal_pointer (&list);
}

GPtrArray *
vtr_vulkan_list (GError **error)
{
  g_autoptr (GPtrArray) infos =
      g_ptr_array_new_with_free_func ((GDestroyNotify) vtr_device_info_free);
  g_autoptr (GError) local_error = NULL;

  const VtrInstance *instance = vtr_instance_ref (&local_error);
  if (instance == NULL)
    {
      if (g_error_matches (local_error, VTR_ERROR, VTR_ERROR_NO_DEVICE))
        return g_steal_pointer (&infos);
      g_propagate_error (error, g_steal_pointer (&local_error));
      return NULL;
    }

  g_autoptr (GArray) list = vtr_physical_device_list (instance, error);
  for (guint i = 0; list != NULL && i < list->len; i++)
    g_ptr_array_add (infos,
                     vtr_physical_device_describe (&g_array_index (list, VtrPhysicalDevice, i), i));
  vtr_instance_unref ();
  return list != NULL ? g_steal_pointer (&infos) : NULL;
}
