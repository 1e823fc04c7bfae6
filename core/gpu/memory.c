/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "gpu/vulkan.h"

#define LOCAL VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT
#define MAPPED (VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)
#define CACHED VK_MEMORY_PROPERTY_HOST_CACHED_BIT

/* Which memory each use takes, best first; the second is in Vulkan's guarantees. */
static const VkMemoryPropertyFlags wanted_flags[][2] = {
  [VTR_BLOCK_TENSORS] = { LOCAL, MAPPED },
  [VTR_BLOCK_STAGING] = { MAPPED | CACHED, MAPPED },
};

/* Bytes left in a heap: its budget less what the driver says is used.  Software drivers count
 * memory only once it is touched, so what this device took for tensors is used at least. */
static guint64
heap_bytes_left (VtrVulkanDevice *self, guint heap)
{
  VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT,
  };
  VkPhysicalDeviceMemoryProperties2 properties = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
    .pNext = &budget,
  };
  const VkMemoryHeap *known = &self->physical.memory.memoryHeaps[heap];
  guint64 size = known->size;
  guint64 used = 0;

  if (known->flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT)
    {
      g_mutex_lock (&self->parent_instance.lock);
      used = (guint64) self->parent_instance.bytes_in_use;
      g_mutex_unlock (&self->parent_instance.lock);
    }
  if (self->physical.has_memory_budget)
    {
      vkGetPhysicalDeviceMemoryProperties2 (self->physical.handle, &properties);
      size = budget.heapBudget[heap];
      used = MAX (used, budget.heapUsage[heap]);
    }
  return size > used ? size - used : 0;
}

guint64
vtr_block_bytes_left (VtrVulkanDevice *device)
{
  const VkPhysicalDeviceMemoryProperties *memory = &device->physical.memory;
  guint64 left = 0;

  for (guint i = 0; i < memory->memoryHeapCount; i++)
    if (memory->memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT)
      left = MAX (left, heap_bytes_left (device, i));
  return left;
}

static VkResult
allocate (VtrVulkanDevice *self, VtrBlock *block, guint32 type, guint64 n_bytes)
{
  const VkMemoryAllocateInfo info = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
    .allocationSize = n_bytes,
    .memoryTypeIndex = type,
  };

  return self->vk.vkAllocateMemory (self->handle, &info, NULL, &block->memory);
}

/* Tries the memory types that have @flags and room; @most_left is the most that any had. */
static VkResult
allocate_with (VtrVulkanDevice *self,
               VtrBlock *block,
               const VkMemoryRequirements *needs,
               VkMemoryPropertyFlags flags,
               guint64 *most_left)
{
  const VkPhysicalDeviceMemoryProperties *memory = &self->physical.memory;
  VkResult result = VK_ERROR_OUT_OF_DEVICE_MEMORY;

  for (guint32 i = 0; i < memory->memoryTypeCount && result != VK_SUCCESS; i++)
    {
      if (!(needs->memoryTypeBits >> i & 1) ||
          (memory->memoryTypes[i].propertyFlags & flags) != flags)
        continue;
      const guint64 left = heap_bytes_left (self, memory->memoryTypes[i].heapIndex);
      *most_left = MAX (*most_left, left);
      if (left >= needs->size)
        result = allocate (self, block, i, needs->size);
    }
  return result;
}

/* Whether a test asked for this allocation to fail. */
static gboolean
fails_on_purpose (VtrVulkanDevice *self)
{
  g_mutex_lock (&self->parent_instance.lock);
  const gboolean fails = self->fail_allocation_in == 1;
  if (self->fail_allocation_in > 0)
    self->fail_allocation_in--;
  g_mutex_unlock (&self->parent_instance.lock);
  return fails;
}

static void
set_too_little (VtrVulkanDevice *self,
                const char *name,
                gsize n_bytes,
                guint64 left,
                GError **error)
{
  g_autofree char *wanted = g_format_size_full (n_bytes, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *there = g_format_size_full (left, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *all =
      g_format_size_full (self->parent_instance.info->memory, G_FORMAT_SIZE_IEC_UNITS);

  g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY,
               "%s has too little memory for %s: %s wanted, %s of %s left.  Choose a smaller size "
               "or fewer images in a batch, close other programs that use it, or take another "
               "device.",
               self->parent_instance.info->name, name, wanted, there, all);
}

static gboolean
allocate_and_bind (VtrVulkanDevice *self,
                   VtrBlock *block,
                   VtrBlockUse use,
                   const char *name,
                   GError **error)
{
  VkMemoryRequirements needs;
  VkResult result = VK_ERROR_OUT_OF_DEVICE_MEMORY;
  guint64 left = 0, left_elsewhere = 0; /* bytes */

  self->vk.vkGetBufferMemoryRequirements (self->handle, block->buffer, &needs);
  if (!fails_on_purpose (self))
    {
      result = allocate_with (self, block, &needs, wanted_flags[use][0], &left);
      if (result != VK_SUCCESS)
        {
          g_info ("%s does not fit into the memory that suits it best", name);
          result = allocate_with (self, block, &needs, wanted_flags[use][1], &left_elsewhere);
        }
    }
  if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_OUT_OF_HOST_MEMORY)
    {
      set_too_little (self, name, block->n_bytes, left, error);
      return FALSE;
    }
  return vtr_vulkan_check (self, result, "vkAllocateMemory", error) &&
         VTR_VK (self, BindBufferMemory, (self->handle, block->buffer, block->memory, 0), error);
}

VtrBlock *
vtr_block_new (VtrVulkanDevice *device,
               gsize n_bytes,
               VtrBlockUse use,
               const char *name,
               GError **error)
{
  VtrBlock *self = g_new0 (VtrBlock, 1);
  const VkBufferCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
    .size = n_bytes,
    .usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT |
             (use == VTR_BLOCK_TENSORS ? VK_BUFFER_USAGE_STORAGE_BUFFER_BIT : 0),
    .sharingMode = VK_SHARING_MODE_EXCLUSIVE,
  };

  self->n_bytes = n_bytes;
  if (!vtr_vulkan_device_is_alive (device, error) ||
      !VTR_VK (device, CreateBuffer, (device->handle, &info, NULL, &self->buffer), error) ||
      !allocate_and_bind (device, self, use, name, error) ||
      (use == VTR_BLOCK_STAGING &&
       !VTR_VK (device, MapMemory,
                (device->handle, self->memory, 0, VK_WHOLE_SIZE, 0, (void **) &self->mapped),
                error)))
    {
      vtr_block_free (device, self);
      return NULL;
    }
  vtr_vulkan_name (device, VK_OBJECT_TYPE_BUFFER, (guint64) self->buffer, name);
  vtr_vulkan_name (device, VK_OBJECT_TYPE_DEVICE_MEMORY, (guint64) self->memory, name);
  return self;
}

void
vtr_block_free (VtrVulkanDevice *device, VtrBlock *self)
{
  if (self == NULL)
    return;
  device->vk.vkDestroyBuffer (device->handle, self->buffer, NULL);
  device->vk.vkFreeMemory (device->handle, self->memory, NULL); /* unmaps it, too */
  g_free (self);
}
