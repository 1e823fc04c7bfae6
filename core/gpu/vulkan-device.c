/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "gpu/cooperative-matrix.h"

typedef VtrDeviceClass VtrVulkanDeviceClass;
static GType vtr_vulkan_device_get_type (void);
G_DEFINE_FINAL_TYPE (VtrVulkanDevice, vtr_vulkan_device, VTR_TYPE_DEVICE)

/* ---- errors ---- */

void
vtr_vulkan_device_lose (VtrVulkanDevice *self, const char *doing)
{
  VtrDevice *device = &self->parent_instance;

  g_mutex_lock (&device->lock);
  if (self->lost == NULL)
    self->lost = g_strdup_printf ("%s (driver %s) stopped responding%s%s: start anew, with a "
                                  "smaller size or fewer images "
                                  "in a batch if it happens again.",
                                  device->info->name, device->info->driver,
                                  doing != NULL ? " after " : "", doing != NULL ? doing : "");
  g_mutex_unlock (&device->lock);
}

gboolean
vtr_vulkan_device_is_alive (VtrVulkanDevice *self, GError **error)
{
  VtrDevice *device = &self->parent_instance;

  g_mutex_lock (&device->lock);
  const gboolean alive = self->lost == NULL;
  if (!alive)
    g_set_error_literal (error, VTR_ERROR, VTR_ERROR_DEVICE_LOST, self->lost);
  g_mutex_unlock (&device->lock);
  return alive;
}

gboolean
vtr_vulkan_check (VtrVulkanDevice *self, VkResult result, const char *call, GError **error)
{
  const char *name = self->parent_instance.info->name;

  if (result == VK_SUCCESS)
    return TRUE;
  if (result == VK_ERROR_DEVICE_LOST)
    {
      vtr_vulkan_device_lose (self, NULL);
      return vtr_vulkan_device_is_alive (self, error);
    }
  if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_OUT_OF_HOST_MEMORY)
    g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY,
                 "%s has too little memory left to go on (%s): choose a smaller size or fewer "
                 "images in a batch.",
                 name, call);
  else
    g_set_error (error, VTR_ERROR, VTR_ERROR_FAILED,
                 "%s failed in %s (VkResult %d): try a newer driver or another device.", name, call,
                 result);
  return FALSE;
}

void
vtr_vulkan_name (VtrVulkanDevice *self, VkObjectType type, guint64 handle, const char *name)
{
  const VkDebugUtilsObjectNameInfoEXT info = {
    .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT,
    .objectType = type,
    .objectHandle = handle,
    .pObjectName = name,
  };

  if (self->instance->debug_utils)
    vkSetDebugUtilsObjectNameEXT (self->handle, &info);
}

/* ---- what tests break on purpose ---- */

void
vtr_vulkan_fail_allocation (VtrDevice *device, guint nth)
{
  g_mutex_lock (&device->lock);
  VTR_VULKAN_DEVICE (device)->fail_allocation_in = nth;
  g_mutex_unlock (&device->lock);
}

void
vtr_vulkan_lose_at_submit (VtrDevice *device)
{
  g_mutex_lock (&device->lock);
  VTR_VULKAN_DEVICE (device)->lose_at_submit = TRUE;
  g_mutex_unlock (&device->lock);
}

/* ---- the class ---- */

static gpointer
vtr_vulkan_device_block_new (VtrDevice *device, gsize n_bytes, const char *name, GError **error)
{
  return vtr_block_new (VTR_VULKAN_DEVICE (device), n_bytes, VTR_BLOCK_TENSORS, name, error);
}

static void
vtr_vulkan_device_block_free (VtrDevice *device, gpointer block)
{
  vtr_block_free (VTR_VULKAN_DEVICE (device), block);
}

static guint64
vtr_vulkan_device_bytes_left (VtrDevice *device)
{
  return vtr_block_bytes_left (VTR_VULKAN_DEVICE (device));
}

static void
vtr_vulkan_device_finalize (GObject *object)
{
  VtrVulkanDevice *self = VTR_VULKAN_DEVICE (object);

  if (self->handle != VK_NULL_HANDLE)
    {
      vtr_pipelines_finish (self);
      self->vk.vkDestroyDevice (self->handle, NULL);
    }
  if (self->instance != NULL)
    vtr_instance_unref ();
  g_mutex_clear (&self->queue_lock);
  g_mutex_clear (&self->pipeline_lock);
  g_free (self->lost);
  G_OBJECT_CLASS (vtr_vulkan_device_parent_class)->finalize (object);
}

static void
vtr_vulkan_device_class_init (VtrVulkanDeviceClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vtr_vulkan_device_finalize;
  klass->block_new = vtr_vulkan_device_block_new;
  klass->block_free = vtr_vulkan_device_block_free;
  klass->stream_new = vtr_vulkan_stream_new;
  klass->bytes_left = vtr_vulkan_device_bytes_left;
}

static void
vtr_vulkan_device_init (VtrVulkanDevice *self)
{
  g_mutex_init (&self->queue_lock);
  g_mutex_init (&self->pipeline_lock);
}

/* ---- opening ---- */

static gboolean
find_physical_device (VtrVulkanDevice *self, guint index, GError **error)
{
  g_autoptr (GArray) list = vtr_physical_device_list (self->instance, error);

  if (list == NULL)
    return FALSE;
  if (index >= list->len)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_NO_DEVICE,
                   "There is no device vulkan:%u: “vitreous devices” lists the %u there are.",
                   index, list->len);
      return FALSE;
    }
  self->physical = g_array_index (list, VtrPhysicalDevice, index);
  if (self->physical.reason != NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_NO_DEVICE,
                   "The device vulkan:%u (%s) cannot be used: %s", index,
                   self->physical.properties.deviceName, self->physical.reason);
      return FALSE;
    }
  return TRUE;
}

/*
 * What keeps each kind of device busy.  A GPU computes one run while the host prepares and
 * uploads the next; a software driver would only share its processors with itself.
 */
static const struct
{
  guint n_runs;
  guint batch_tokens;
  double flops_ahead;
} paces[] = {
  [VTR_DEVICE_GPU] = { 2, 12288, 2e11 },
  [VTR_DEVICE_INTEGRATED_GPU] = { 2, 4096, 2e10 },
  [VTR_DEVICE_VIRTUAL_GPU] = { 2, 4096, 2e10 },
  [VTR_DEVICE_SOFTWARE] = { 1, 0, 2e9 },
};

static void
take_limits (VtrVulkanDevice *self, guint index)
{
  VtrDevice *device = &self->parent_instance;

  device->info = vtr_physical_device_describe (&self->physical, index);
  vtr_gpu_limits_init (&self->limits, &self->physical);
  device->tensor_alignment = self->limits.storage_alignment;
  device->max_block_bytes = vtr_gpu_limits_block_bytes (&self->physical);
  device->max_tensor_bytes = MIN (self->limits.max_storage_range, device->max_block_bytes);
  device->f16 = self->limits.storage_f16 ? VTR_F16_ACTIVATIONS : VTR_F16_NOTHING;
  device->n_runs = paces[device->info->kind].n_runs;
  device->batch_tokens = paces[device->info->kind].batch_tokens;
  device->flops_ahead = paces[device->info->kind].flops_ahead;
}

static gboolean
create_device (VtrVulkanDevice *self, GError **error)
{
  VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR executables = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR,
    .pipelineExecutableInfo = VK_TRUE,
  };
  VkPhysicalDeviceVulkan11Features features11 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
    .pNext = self->physical.has_pipeline_statistics ? &executables : NULL,
    .storageBuffer16BitAccess = self->limits.storage_f16,
  };
  VkPhysicalDeviceVulkan12Features features12 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
    .pNext = &features11,
    .timelineSemaphore = VK_TRUE,
  };
  VtrCooperativeFeatures cooperative;
  /* Kernels check their own bounds; with validation on, what they miss must not crash. */
  const VkPhysicalDeviceFeatures features = {
    .robustBufferAccess = (vtr_debug_flags () & VTR_DEBUG_VALIDATE) != 0,
  };
  const VkDeviceQueueCreateInfo queue = {
    .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
    .queueFamilyIndex = self->physical.queue_family,
    .queueCount = 1,
    .pQueuePriorities = (const float[]){ 1.0f },
  };
  const char *extensions[2 + VTR_COOPERATIVE_EXTENSIONS];
  guint n_extensions = 0;

  if (self->physical.has_pipeline_statistics)
    extensions[n_extensions++] = VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME;
  if (self->physical.has_memory_budget)
    extensions[n_extensions++] = VK_EXT_MEMORY_BUDGET_EXTENSION_NAME;
  n_extensions += vtr_cooperative_enable (&self->limits.cooperative, &cooperative, &features12,
                                          extensions + n_extensions);

  const VkDeviceCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
    .pNext = &features12,
    .queueCreateInfoCount = 1,
    .pQueueCreateInfos = &queue,
    .enabledExtensionCount = n_extensions,
    .ppEnabledExtensionNames = extensions,
    .pEnabledFeatures = &features,
  };
  const VkResult result = vkCreateDevice (self->physical.handle, &info, NULL, &self->handle);
  if (!vtr_vulkan_check (self, result, "vkCreateDevice", error))
    return FALSE;

  volkLoadDeviceTable (&self->vk, self->handle);
  self->vk.vkGetDeviceQueue (self->handle, self->physical.queue_family, 0, &self->queue);
  return TRUE;
}

VtrDevice *
vtr_vulkan_open (guint index, GError **error)
{
  g_autoptr (VtrDevice) device = g_object_new (vtr_vulkan_device_get_type (), NULL);
  VtrVulkanDevice *self = VTR_VULKAN_DEVICE (device);

  self->instance = vtr_instance_ref (error);
  if (self->instance == NULL || !find_physical_device (self, index, error))
    return NULL;
  take_limits (self, index);
  if (!create_device (self, error) || !vtr_pipelines_init (self, error))
    return NULL;
  g_info ("opened %s: %s, %s, %s", device->info->id, device->info->name, device->info->driver,
          device->info->api);
  if (self->limits.cooperative.rows > 0)
    g_info ("%s cooperative matrices: %u × %u × %u by %u lanes",
            self->limits.cooperative.emulated ? "emulated" : "the driver's",
            self->limits.cooperative.rows, self->limits.cooperative.cols,
            self->limits.cooperative.depth, self->limits.cooperative.lanes);
  return g_steal_pointer (&device);
}
