/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "gpu/vulkan.h"

static gboolean
create_queries (VtrVulkanStream *self, VtrSubmission *submission, GError **error)
{
  VtrVulkanDevice *device = self->device;
  const VkQueryPoolCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
    .queryType = VK_QUERY_TYPE_TIMESTAMP,
    .queryCount = 2 * VTR_SUBMISSION_MAX_DISPATCHES,
  };

  return VTR_VK (device, CreateQueryPool, (device->handle, &info, NULL, &submission->queries),
                 error);
}

static gboolean
is_on (const VtrVulkanStream *self)
{
  return self->parent.timing && self->device->physical.timestamp_bits > 0;
}

static void
stamp (VtrVulkanStream *self, VtrSubmission *submission, guint32 query)
{
  /* The bottom of the pipe: when all before it is done. */
  self->device->vk.vkCmdWriteTimestamp (submission->commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT,
                                        submission->queries, query);
}

gboolean
vtr_timing_begin (VtrVulkanStream *self, VtrSubmission *submission, GError **error)
{
  if (!is_on (self))
    return TRUE;
  if (submission->queries == VK_NULL_HANDLE && !create_queries (self, submission, error))
    return FALSE;

  const guint32 first = 2 * submission->n_timed;
  self->device->vk.vkCmdResetQueryPool (submission->commands, submission->queries, first, 2);
  /* Kernels must not overlap, or the time of one would be counted for another. */
  vtr_barrier_full (self, submission->commands);
  stamp (self, submission, first);
  return TRUE;
}

void
vtr_timing_end (VtrVulkanStream *self, VtrSubmission *submission, VtrKernel kernel)
{
  if (!is_on (self))
    return;
  stamp (self, submission, 2 * submission->n_timed + 1);
  submission->timed[submission->n_timed++] = kernel;
}

void
vtr_timing_collect (VtrVulkanStream *self, VtrSubmission *submission)
{
  VtrVulkanDevice *device = self->device;
  const guint n = submission->n_timed;
  const guint bits = device->physical.timestamp_bits;
  const guint64 mask = bits >= 64 ? G_MAXUINT64 : ((guint64) 1 << bits) - 1;
  const double period = device->physical.properties.limits.timestampPeriod * 1e-9; /* seconds */
  guint64 stamps[2 * VTR_SUBMISSION_MAX_DISPATCHES];

  submission->n_timed = 0;
  if (n == 0 || device->vk.vkGetQueryPoolResults (device->handle, submission->queries, 0, 2 * n,
                                                  2 * n * sizeof *stamps, stamps, sizeof *stamps,
                                                  VK_QUERY_RESULT_64_BIT) != VK_SUCCESS)
    return;
  for (guint i = 0; i < n; i++)
    self->parent.timings.seconds[submission->timed[i]] +=
        period * (double) ((stamps[2 * i + 1] - stamps[2 * i]) & mask);
}
