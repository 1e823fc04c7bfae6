/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "gpu/vulkan.h"

#include <string.h>

/* Room for up to @wanted bytes in the submission's staging; submits if it is full.  Returns how
 * many there is room for, 0 with an error. */
static gsize
reserve (VtrVulkanStream *self, gsize wanted, VtrSubmission **submission, GError **error)
{
  VtrSubmission *current = vtr_vulkan_stream_begin (self, error);

  if (current != NULL && current->staging_used == VTR_STREAM_STAGING_BYTES)
    current = vtr_vulkan_stream_submit (self, error) ? vtr_vulkan_stream_begin (self, error) : NULL;
  if (current == NULL)
    return 0;
  if (current->staging == NULL)
    current->staging =
        vtr_block_new (self->device, VTR_STREAM_STAGING_BYTES, VTR_BLOCK_STAGING, "staging", error);
  if (current->staging == NULL)
    return 0;
  *submission = current;
  return MIN (wanted, VTR_STREAM_STAGING_BYTES - current->staging_used);
}

/* The next copy begins at a multiple of 16 bytes again, which some GPUs copy faster. */
static void
use_staging (VtrSubmission *submission, gsize n_bytes)
{
  submission->staging_used = (submission->staging_used + n_bytes + 15) & ~(gsize) 15;
}

static void
copy (VtrVulkanStream *self, VtrSubmission *submission, const VtrAccess *from, const VtrAccess *to)
{
  const VkBufferCopy region = {
    .srcOffset = from->begin,
    .dstOffset = to->begin,
    .size = to->end - to->begin,
  };
  const VtrAccess accesses[] = { *from, *to };

  vtr_barrier_before (self, submission->commands, accesses, 2);
  self->device->vk.vkCmdCopyBuffer (submission->commands, from->buffer, to->buffer, 1, &region);
}

static VtrAccess
access_tensor (const VtrTensor *tensor, gsize offset, gsize n_bytes, gboolean writes)
{
  const VtrBlock *block = vtr_arena_get_block (tensor->arena, tensor->block);

  return (VtrAccess){ .buffer = block->buffer,
                      .begin = tensor->offset + offset,
                      .end = tensor->offset + offset + n_bytes,
                      .writes = writes };
}

static VtrAccess
access_staging (const VtrSubmission *submission, gsize n_bytes, gboolean writes)
{
  return (VtrAccess){ .buffer = submission->staging->buffer,
                      .begin = submission->staging_used,
                      .end = submission->staging_used + n_bytes,
                      .writes = writes };
}

gboolean
vtr_transfer_write (VtrStream *stream,
                    const VtrTensor *dst,
                    gsize offset,
                    gconstpointer data,
                    gsize n_bytes,
                    GError **error)
{
  VtrVulkanStream *self = (VtrVulkanStream *) stream;

  for (gsize done = 0; done < n_bytes;)
    {
      VtrSubmission *submission;
      const gsize piece = reserve (self, n_bytes - done, &submission, error);

      if (piece == 0)
        return FALSE;
      const VtrAccess from = access_staging (submission, piece, FALSE);
      const VtrAccess to = access_tensor (dst, offset + done, piece, TRUE);
      memcpy (submission->staging->mapped + from.begin, (const guint8 *) data + done, piece);
      copy (self, submission, &from, &to);
      use_staging (submission, piece);
      done += piece;
    }
  return TRUE;
}

gboolean
vtr_transfer_copy (VtrStream *stream, const VtrTensor *src, const VtrTensor *dst, GError **error)
{
  VtrVulkanStream *self = (VtrVulkanStream *) stream;
  const gsize n_bytes = vtr_tensor_n_bytes (src);
  const VtrAccess from = access_tensor (src, 0, n_bytes, FALSE);
  const VtrAccess to = access_tensor (dst, 0, n_bytes, TRUE);
  VtrSubmission *submission = vtr_vulkan_stream_begin (self, error);

  if (submission == NULL)
    return FALSE;
  copy (self, submission, &from, &to);
  return TRUE;
}

/* Makes what was copied into the staging visible to the host once the submission is done. */
void
vtr_transfer_end (VtrVulkanStream *self, VtrSubmission *submission)
{
  const VkMemoryBarrier barrier = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
    .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
    .dstAccessMask = VK_ACCESS_HOST_READ_BIT,
  };

  if (submission->readbacks->len > 0)
    self->device->vk.vkCmdPipelineBarrier (submission->commands, VK_PIPELINE_STAGE_TRANSFER_BIT,
                                           VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &barrier, 0, NULL, 0,
                                           NULL);
}

void
vtr_transfer_collect (VtrSubmission *submission)
{
  for (guint i = 0; i < submission->readbacks->len; i++)
    {
      const VtrReadback *readback = &g_array_index (submission->readbacks, VtrReadback, i);

      memcpy (readback->data, submission->staging->mapped + readback->offset, readback->n_bytes);
    }
  g_array_set_size (submission->readbacks, 0);
}

gboolean
vtr_transfer_read_later (VtrStream *stream,
                         const VtrTensor *src,
                         gsize offset,
                         gpointer data,
                         gsize n_bytes,
                         GError **error)
{
  VtrVulkanStream *self = (VtrVulkanStream *) stream;

  for (gsize done = 0; done < n_bytes;)
    {
      VtrSubmission *submission;
      const gsize piece = reserve (self, n_bytes - done, &submission, error);

      if (piece == 0)
        return FALSE;
      const VtrAccess from = access_tensor (src, offset + done, piece, FALSE);
      const VtrAccess to = access_staging (submission, piece, TRUE);
      const VtrReadback readback = { (guint8 *) data + done, to.begin, piece };
      copy (self, submission, &from, &to);
      g_array_append_val (submission->readbacks, readback);
      use_staging (submission, piece);
      done += piece;
    }
  return TRUE;
}
