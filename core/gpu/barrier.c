/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "gpu/vulkan.h"

/*
 * A stream remembers which bytes were touched since the last barrier.  A command that
 * would write what was touched, or read what was written, gets a barrier before it.
 * That barrier is for all memory, so the memory of accesses starts empty after it:
 * for compute a barrier for one buffer costs a GPU as much.
 */

#define STAGES (VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT)
#define READS (VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_TRANSFER_READ_BIT)
#define WRITES (VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT)

static void
record (VtrVulkanStream *self,
        VkCommandBuffer commands,
        VkPipelineStageFlags before,
        VkAccessFlags written)
{
  const VkMemoryBarrier barrier = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
    .srcAccessMask = written,
    .dstAccessMask = READS | WRITES,
  };

  self->device->vk.vkCmdPipelineBarrier (commands, before, STAGES, 0, 1, &barrier, 0, NULL, 0,
                                         NULL);
  g_array_set_size (self->accesses, 0);
}

void
vtr_barrier_full (VtrVulkanStream *self, VkCommandBuffer commands)
{
  record (self, commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, VK_ACCESS_MEMORY_WRITE_BIT);
}

static gboolean
conflicts (const VtrAccess *a, const VtrAccess *b)
{
  return a->buffer == b->buffer && (a->writes || b->writes) && a->begin < b->end &&
         b->begin < a->end;
}

static gboolean
needs_barrier (const VtrVulkanStream *self, const VtrAccess *accesses, guint n_accesses)
{
  for (guint i = 0; i < self->accesses->len; i++)
    for (guint j = 0; j < n_accesses; j++)
      if (conflicts (&g_array_index (self->accesses, VtrAccess, i), &accesses[j]))
        return TRUE;
  return FALSE;
}

void
vtr_barrier_before (VtrVulkanStream *self,
                    VkCommandBuffer commands,
                    const VtrAccess *accesses,
                    guint n_accesses)
{
  if (needs_barrier (self, accesses, n_accesses))
    record (self, commands, STAGES, WRITES);
  g_array_append_vals (self->accesses, accesses, n_accesses);
}
