/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "gpu/vulkan.h"

/* ---- submissions ---- */

static gboolean
submission_init (VtrSubmission *self, VtrVulkanDevice *device, GError **error)
{
  const VkCommandPoolCreateInfo pool_info = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
    .flags = VK_COMMAND_POOL_CREATE_TRANSIENT_BIT,
    .queueFamilyIndex = device->physical.queue_family,
  };
  const VkDescriptorPoolSize size = {
    .type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
    .descriptorCount = VTR_SUBMISSION_MAX_DISPATCHES * VTR_MAX_KERNEL_TENSORS,
  };
  const VkDescriptorPoolCreateInfo descriptors_info = {
    .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
    .maxSets = VTR_SUBMISSION_MAX_DISPATCHES,
    .poolSizeCount = 1,
    .pPoolSizes = &size,
  };

  if (!VTR_VK (device, CreateCommandPool, (device->handle, &pool_info, NULL, &self->pool), error))
    return FALSE;

  const VkCommandBufferAllocateInfo commands_info = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
    .commandPool = self->pool,
    .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
    .commandBufferCount = 1,
  };
  return VTR_VK (device, AllocateCommandBuffers, (device->handle, &commands_info, &self->commands),
                 error) &&
         VTR_VK (device, CreateDescriptorPool,
                 (device->handle, &descriptors_info, NULL, &self->descriptors), error);
}

static void
submission_finish (VtrSubmission *self, VtrVulkanDevice *device)
{
  g_array_unref (self->readbacks);
  vtr_block_free (device, self->staging);
  device->vk.vkDestroyQueryPool (device->handle, self->queries, NULL);
  device->vk.vkDestroyDescriptorPool (device->handle, self->descriptors, NULL);
  device->vk.vkDestroyCommandPool (device->handle, self->pool, NULL);
}

/* ---- losing the device ---- */

/* "matmul (a, b, c), layer-norm (a, d, e)": the last dispatches, the latest first. */
static char *
describe_last_dispatches (const VtrVulkanStream *self)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 1; i <= MIN (self->n_breadcrumbs, VTR_N_BREADCRUMBS); i++)
    {
      const VtrBreadcrumb *crumb =
          &self->breadcrumbs[(self->n_breadcrumbs - i) % VTR_N_BREADCRUMBS];

      g_string_append_printf (text, "%s%s (", i > 1 ? ", " : "",
                              vtr_kernel_get_info (crumb->kernel)->name);
      for (guint j = 0; j < crumb->n_tensors; j++)
        g_string_append_printf (text, "%s%s", j > 0 ? ", " : "", crumb->tensors[j]);
      g_string_append_c (text, ')');
    }
  return self->n_breadcrumbs > 0 ? g_string_free (g_steal_pointer (&text), FALSE) : NULL;
}

/* As vtr_vulkan_check (), but knows what the device was doing when it was lost. */
static gboolean
check (VtrVulkanStream *self, VkResult result, const char *call, GError **error)
{
  if (result == VK_ERROR_DEVICE_LOST)
    {
      g_autofree char *doing = describe_last_dispatches (self);
      vtr_vulkan_device_lose (self->device, doing);
    }
  return vtr_vulkan_check (self->device, result, call, error);
}

/* ---- the timeline ---- */

gboolean
vtr_vulkan_stream_wait_for (VtrVulkanStream *self, guint64 value, GError **error)
{
  VtrVulkanDevice *device = self->device;
  const VkSemaphoreWaitInfo info = {
    .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
    .semaphoreCount = 1,
    .pSemaphores = &self->timeline,
    .pValues = &value,
  };

  if (!vtr_vulkan_device_is_alive (device, error))
    return FALSE;
  const VkResult result = device->vk.vkWaitSemaphores (device->handle, &info, G_MAXUINT64);
  if (!check (self, result, "vkWaitSemaphores", error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (self->submissions); i++)
    if (self->submissions[i].done <= value && !(self->recording && i == self->current))
      {
        vtr_timing_collect (self, &self->submissions[i]);
        vtr_transfer_collect (&self->submissions[i]);
      }
  return TRUE;
}

/*
 * The value to wait for before one more submission begins.  The last one may stay under way
 * whatever it is, those before it as long as all together are no more work than
 * VtrDevice's flops_ahead, and one less than the ring has.
 */
static guint64
value_to_begin (const VtrVulkanStream *self)
{
  const guint n = VTR_STREAM_N_SUBMISSIONS;
  const guint64 oldest = self->submissions[(self->current + 1) % n].done;
  double flops = self->submissions[self->current].flops;

  for (guint i = 1; i < n - 1; i++)
    {
      const VtrSubmission *before = &self->submissions[(self->current + n - i) % n];

      flops += before->flops;
      if (flops > self->parent.device->flops_ahead)
        return MAX (before->done, oldest);
    }
  return oldest;
}

VtrSubmission *
vtr_vulkan_stream_begin (VtrVulkanStream *self, GError **error)
{
  VtrVulkanDevice *device = self->device;
  const VkCommandBufferBeginInfo info = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
    .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
  };

  if (self->recording)
    return &self->submissions[self->current];

  const guint next = (self->current + 1) % VTR_STREAM_N_SUBMISSIONS;
  VtrSubmission *submission = &self->submissions[next];
  if (!vtr_vulkan_stream_wait_for (self, value_to_begin (self), error) ||
      !VTR_VK (device, ResetCommandPool, (device->handle, submission->pool, 0), error) ||
      !VTR_VK (device, ResetDescriptorPool, (device->handle, submission->descriptors, 0), error) ||
      !VTR_VK (device, BeginCommandBuffer, (submission->commands, &info), error))
    return NULL;

  submission->n_dispatches = 0;
  submission->staging_used = 0;
  g_array_set_size (submission->readbacks, 0);
  self->current = next;
  self->recording = TRUE;
  vtr_barrier_full (self, submission->commands);
  return submission;
}

/* Hands the queue one command buffer; the queue is shared by all streams of the device. */
static VkResult
submit_locked (VtrVulkanStream *self, VkCommandBuffer commands, guint64 value)
{
  VtrVulkanDevice *device = self->device;
  const VkTimelineSemaphoreSubmitInfo timeline = {
    .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
    .signalSemaphoreValueCount = 1,
    .pSignalSemaphoreValues = &value,
  };
  const VkSubmitInfo info = {
    .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
    .pNext = &timeline,
    .commandBufferCount = 1,
    .pCommandBuffers = &commands,
    .signalSemaphoreCount = 1,
    .pSignalSemaphores = &self->timeline,
  };

  g_mutex_lock (&device->parent_instance.lock);
  const gboolean lose = device->lose_at_submit;
  g_mutex_unlock (&device->parent_instance.lock);
  if (lose)
    return VK_ERROR_DEVICE_LOST;

  g_mutex_lock (&device->queue_lock);
  const VkResult result = device->vk.vkQueueSubmit (device->queue, 1, &info, VK_NULL_HANDLE);
  g_mutex_unlock (&device->queue_lock);
  return result;
}

gboolean
vtr_vulkan_stream_submit (VtrVulkanStream *self, GError **error)
{
  VtrSubmission *submission = &self->submissions[self->current];

  if (!vtr_vulkan_device_is_alive (self->device, error))
    return FALSE;
  if (!self->recording)
    return TRUE;

  vtr_transfer_end (self, submission);
  submission->flops = self->parent.flops;
  self->parent.flops = 0.0;
  self->recording = FALSE;
  if (!VTR_VK (self->device, EndCommandBuffer, (submission->commands), error) ||
      !check (self, submit_locked (self, submission->commands, self->submitted + 1),
              "vkQueueSubmit", error))
    {
      g_array_set_size (submission->readbacks, 0);
      return FALSE;
    }
  submission->done = ++self->submitted;
  return TRUE;
}

/* ---- the stream ---- */

static gboolean
vtr_vulkan_stream_flush (VtrStream *stream, GError **error)
{
  return vtr_vulkan_stream_submit ((VtrVulkanStream *) stream, error);
}

/* What was not handed out by now is lost: its place may be gone. */
static void
forget_readbacks (VtrVulkanStream *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->submissions); i++)
    g_array_set_size (self->submissions[i].readbacks, 0);
}

static gboolean
vtr_vulkan_stream_wait (VtrStream *stream, GError **error)
{
  VtrVulkanStream *self = (VtrVulkanStream *) stream;
  const gboolean submitted = vtr_vulkan_stream_submit (self, error);
  const gboolean waited =
      vtr_vulkan_stream_wait_for (self, self->submitted, submitted ? error : NULL);

  forget_readbacks (self);
  return submitted && waited;
}

static void
vtr_vulkan_stream_free (VtrStream *stream)
{
  VtrVulkanStream *self = (VtrVulkanStream *) stream;
  VtrVulkanDevice *device = self->device;

  forget_readbacks (self);
  /* A lost device has nothing to wait for. */
  if (self->timeline != VK_NULL_HANDLE)
    vtr_vulkan_stream_wait_for (self, self->submitted, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (self->submissions); i++)
    submission_finish (&self->submissions[i], device);
  device->vk.vkDestroySemaphore (device->handle, self->timeline, NULL);
  g_array_unref (self->accesses);
  g_free (self);
}

static const VtrStreamClass stream_class = {
  .free = vtr_vulkan_stream_free,
  .dispatch = vtr_vulkan_dispatch,
  .write = vtr_transfer_write,
  .read_later = vtr_transfer_read_later,
  .copy = vtr_transfer_copy,
  .flush = vtr_vulkan_stream_flush,
  .wait = vtr_vulkan_stream_wait,
};

static gboolean
create_timeline (VtrVulkanStream *self, GError **error)
{
  VtrVulkanDevice *device = self->device;
  const VkSemaphoreTypeCreateInfo type = {
    .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
    .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
  };
  const VkSemaphoreCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
    .pNext = &type,
  };

  return VTR_VK (device, CreateSemaphore, (device->handle, &info, NULL, &self->timeline), error);
}

VtrStream *
vtr_vulkan_stream_new (VtrDevice *device, GError **error)
{
  VtrVulkanStream *self = g_new0 (VtrVulkanStream, 1);

  self->parent.klass = &stream_class;
  self->device = VTR_VULKAN_DEVICE (device);
  self->accesses = g_array_new (FALSE, FALSE, sizeof (VtrAccess));
  for (guint i = 0; i < G_N_ELEMENTS (self->submissions); i++)
    self->submissions[i].readbacks = g_array_new (FALSE, FALSE, sizeof (VtrReadback));

  gboolean ok = vtr_vulkan_device_is_alive (self->device, error) && create_timeline (self, error);
  for (guint i = 0; ok && i < G_N_ELEMENTS (self->submissions); i++)
    ok = submission_init (&self->submissions[i], self->device, error);
  if (!ok)
    {
      vtr_vulkan_stream_free (&self->parent);
      return NULL;
    }
  return &self->parent;
}
