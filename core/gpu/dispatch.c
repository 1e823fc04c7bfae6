/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "gpu/vulkan.h"

/* Binds each tensor's range of its block, and tells what of it the kernel touches. */
static void
fill_descriptors (VkDescriptorSet set,
                  const VtrTensor *const *tensors,
                  const VtrKernelInfo *kernel,
                  VkDescriptorBufferInfo *ranges,
                  VkWriteDescriptorSet *writes,
                  VtrAccess *accesses)
{
  for (guint i = 0; i < kernel->n_tensors; i++)
    {
      const VtrTensor *tensor = tensors[i];
      const VtrBlock *block = vtr_arena_get_block (tensor->arena, tensor->block);
      const gsize n_bytes = vtr_tensor_n_bytes (tensor);

      ranges[i] = (VkDescriptorBufferInfo){ block->buffer, tensor->offset, n_bytes };
      writes[i] = (VkWriteDescriptorSet){
        .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
        .dstSet = set,
        .dstBinding = i,
        .descriptorCount = 1,
        .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
        .pBufferInfo = &ranges[i],
      };
      accesses[i] = (VtrAccess){ .buffer = block->buffer,
                                 .begin = tensor->offset,
                                 .end = tensor->offset + n_bytes,
                                 .writes = kernel->writes >> i & 1 };
    }
}

static gboolean
bind_tensors (VtrVulkanStream *self,
              VtrSubmission *submission,
              VtrKernel kernel,
              const VtrTensor *const *tensors,
              GError **error)
{
  VtrVulkanDevice *device = self->device;
  const VtrKernelInfo *info = vtr_kernel_get_info (kernel);
  const VkDescriptorSetAllocateInfo allocation = {
    .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
    .descriptorPool = submission->descriptors,
    .descriptorSetCount = 1,
    .pSetLayouts = &device->set_layouts[info->n_tensors],
  };
  VkDescriptorBufferInfo ranges[VTR_MAX_KERNEL_TENSORS];
  VkWriteDescriptorSet writes[VTR_MAX_KERNEL_TENSORS];
  VtrAccess accesses[VTR_MAX_KERNEL_TENSORS];
  VkDescriptorSet set;

  if (!VTR_VK (device, AllocateDescriptorSets, (device->handle, &allocation, &set), error))
    return FALSE;
  fill_descriptors (set, tensors, info, ranges, writes, accesses);
  device->vk.vkUpdateDescriptorSets (device->handle, info->n_tensors, writes, 0, NULL);
  vtr_barrier_before (self, submission->commands, accesses, info->n_tensors);
  device->vk.vkCmdBindDescriptorSets (submission->commands, VK_PIPELINE_BIND_POINT_COMPUTE,
                                      device->pipeline_layouts[kernel], 0, 1, &set, 0, NULL);
  return TRUE;
}

/* "matmul → layer07.qkv" around the dispatch, for graphics debuggers and validation messages. */
static void
begin_label (VtrVulkanStream *self,
             VkCommandBuffer commands,
             VtrKernel kernel,
             const VtrTensor *const *tensors)
{
  const VtrKernelInfo *info = vtr_kernel_get_info (kernel);
  char text[96];
  const VkDebugUtilsLabelEXT label = {
    .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_LABEL_EXT,
    .pLabelName = text,
  };

  if (!self->device->instance->debug_utils)
    return;
  g_snprintf (text, sizeof text, "%s → %s", info->name,
              tensors[g_bit_nth_lsf (info->writes, -1)]->name);
  vkCmdBeginDebugUtilsLabelEXT (commands, &label);
}

static void
end_label (VtrVulkanStream *self, VkCommandBuffer commands)
{
  if (self->device->instance->debug_utils)
    vkCmdEndDebugUtilsLabelEXT (commands);
}

/* For the message, should the device be lost. */
static void
remember_dispatch (VtrVulkanStream *self, VtrKernel kernel, const VtrTensor *const *tensors)
{
  VtrBreadcrumb *crumb = &self->breadcrumbs[self->n_breadcrumbs++ % VTR_N_BREADCRUMBS];

  crumb->kernel = kernel;
  crumb->n_tensors = vtr_kernel_get_info (kernel)->n_tensors;
  for (guint i = 0; i < crumb->n_tensors; i++)
    g_strlcpy (crumb->tensors[i], tensors[i]->name, sizeof crumb->tensors[i]);
}

static void
record_dispatch (VtrVulkanStream *self,
                 VkCommandBuffer commands,
                 VtrKernel kernel,
                 const VtrTensor *const *tensors,
                 const VtrLaunch *launch)
{
  begin_label (self, commands, kernel, tensors);
  self->device->vk.vkCmdDispatch (commands, launch->groups[0], launch->groups[1],
                                  launch->groups[2]);
  end_label (self, commands);
  remember_dispatch (self, kernel, tensors);
}

static void
bind_pipeline (VtrVulkanStream *self,
               VkCommandBuffer commands,
               VtrKernel kernel,
               VkPipeline pipeline,
               gconstpointer params,
               gsize params_size)
{
  const struct VolkDeviceTable *vk = &self->device->vk;

  vk->vkCmdBindPipeline (commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
  if (params_size > 0)
    vk->vkCmdPushConstants (commands, self->device->pipeline_layouts[kernel],
                            VK_SHADER_STAGE_COMPUTE_BIT, 0, (guint32) params_size, params);
}

gboolean
vtr_vulkan_dispatch (VtrStream *stream,
                     VtrKernel kernel,
                     const VtrTensor *const *tensors,
                     G_GNUC_UNUSED guint n_tensors,
                     gconstpointer params,
                     gsize params_size,
                     GError **error)
{
  VtrVulkanStream *self = (VtrVulkanStream *) stream;
  VtrLaunch launch;

  if (!vtr_kernel_choose_launch (kernel, &self->device->limits, tensors, params, &launch, error))
    return FALSE;
  const VkPipeline pipeline = vtr_pipelines_get (self->device, kernel, &launch, error);
  if (pipeline == VK_NULL_HANDLE)
    return FALSE;

  VtrSubmission *submission = vtr_vulkan_stream_begin (self, error);
  if (submission == NULL || !vtr_timing_begin (self, submission, error) ||
      !bind_tensors (self, submission, kernel, tensors, error))
    return FALSE;
  bind_pipeline (self, submission->commands, kernel, pipeline, params, params_size);
  record_dispatch (self, submission->commands, kernel, tensors, &launch);
  vtr_timing_end (self, submission, kernel);

  if (++submission->n_dispatches == VTR_SUBMISSION_MAX_DISPATCHES)
    return vtr_vulkan_stream_submit (self, error);
  return TRUE;
}
