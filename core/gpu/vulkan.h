/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* What the files of gpu share; nobody else includes it. */
#include <volk.h>

#include "gpu/gpu.h"

/* ---- instance.c ---- */

typedef struct
{
  VkInstance handle;
  gboolean debug_utils;    /* names and labels */
  gboolean old_validation; /* the layer is on and does not know cooperative matrices */
  VkDebugUtilsMessengerEXT messenger;
} VtrInstance;

/*
 * The one instance of the process, made with its first user and destroyed with
 * its last.  VTR_ERROR_NO_VULKAN without a loader, VTR_ERROR_NO_DEVICE without
 * a driver.
 */
const VtrInstance *vtr_instance_ref (GError **error);
void vtr_instance_unref (void);

/* ---- physical-device.c ---- */

/* What is asked of a physical device before it is opened. */
typedef struct
{
  VkPhysicalDevice handle;
  VkPhysicalDeviceProperties properties;
  VkPhysicalDeviceSubgroupProperties subgroup;
  VkPhysicalDeviceMemoryProperties memory;
  VkDriverId driver_id;
  char driver[VK_MAX_DRIVER_NAME_SIZE + VK_MAX_DRIVER_INFO_SIZE + 2];
  guint64 max_allocation_bytes;
  guint64 max_buffer_bytes;
  guint32 queue_family; /* the first that computes */
  guint32 timestamp_bits;
  gboolean has_memory_budget;
  gboolean has_pipeline_statistics;
  gboolean has_timeline_semaphores;
  gboolean has_storage_f16;
  VtrCooperativeMatrix cooperative; /* lanes is 0 where a subgroup's size cannot be chosen */
  const char *reason;               /* a sentence: why Vitreous cannot use it; NULL if it can */
} VtrPhysicalDevice;

void vtr_physical_device_query (VtrPhysicalDevice *self,
                                const VtrInstance *instance,
                                VkPhysicalDevice handle);
VtrDeviceInfo *vtr_physical_device_describe (const VtrPhysicalDevice *self, guint index);

/* All of the instance, in the loader's order. */
GArray *vtr_physical_device_list (const VtrInstance *instance, GError **error);

/* ---- limits.c ---- */

/* What kernels may use, and with it the device's tensor and block sizes. */
void vtr_gpu_limits_init (VtrGpuLimits *self, const VtrPhysicalDevice *physical);
guint64 vtr_gpu_limits_block_bytes (const VtrPhysicalDevice *physical);

/* ---- quirks.c ---- */

/* Why a validation message is not counted, or NULL if it is. */
const char *vtr_quirk_explain_message (const char *id, const char *text);

/* ---- vulkan-device.c ---- */

typedef struct
{
  VtrDevice parent_instance;
  const VtrInstance *instance;
  VtrPhysicalDevice physical;
  VtrGpuLimits limits;
  VkDevice handle;
  struct VolkDeviceTable vk;
  VkQueue queue;
  GMutex queue_lock; /* submissions of several streams */

  /* pipeline.c; under pipeline_lock once the device is open */
  GMutex pipeline_lock;
  VkDescriptorSetLayout set_layouts[VTR_MAX_KERNEL_TENSORS + 1]; /* by number of tensors */
  VkPipelineLayout pipeline_layouts[VTR_N_KERNELS];
  GHashTable *pipelines; /* key → VkPipeline */
  VkPipelineCache pipeline_cache;
  gboolean pipeline_cache_dirty; /* it may hold more than the file */

  /* under parent_instance.lock */
  char *lost;               /* what every call says from the loss of the device on; NULL before */
  guint fail_allocation_in; /* for tests: 1 makes the next allocation fail, 0 none */
  gboolean lose_at_submit;  /* for tests */
} VtrVulkanDevice;

#define VTR_VULKAN_DEVICE(device) ((VtrVulkanDevice *) (device))

/* Turns anything but VK_SUCCESS into an error that quotes @call. */
gboolean
vtr_vulkan_check (VtrVulkanDevice *self, VkResult result, const char *call, GError **error);

/* VTR_VK (self, CreateBuffer, (...), error): calls it, and fails as vtr_vulkan_check () does. */
#define VTR_VK(self, call, args, error)                                                            \
  vtr_vulkan_check ((self), (self)->vk.vk##call args, "vk" #call, (error))

/* Makes every later call fail; @doing names what was running, NULL if nothing is known of it. */
void vtr_vulkan_device_lose (VtrVulkanDevice *self, const char *doing);

/* FALSE with VTR_ERROR_DEVICE_LOST if it is lost. */
gboolean vtr_vulkan_device_is_alive (VtrVulkanDevice *self, GError **error);

/* Names an object in validation messages and in graphics debuggers. */
void vtr_vulkan_name (VtrVulkanDevice *self, VkObjectType type, guint64 handle, const char *name);

/* ---- memory.c ---- */

typedef struct
{
  VkBuffer buffer;
  VkDeviceMemory memory;
  gsize n_bytes;
  guint8 *mapped; /* NULL unless it was asked for */
} VtrBlock;

typedef enum
{
  VTR_BLOCK_TENSORS, /* device-local where there is room */
  VTR_BLOCK_STAGING, /* mapped, coherent, cached if possible */
} VtrBlockUse;

VtrBlock *vtr_block_new (VtrVulkanDevice *device,
                         gsize n_bytes,
                         VtrBlockUse use,
                         const char *name,
                         GError **error);
void vtr_block_free (VtrVulkanDevice *device, VtrBlock *self);

/* Bytes left for tensors in the device's own memory. */
guint64 vtr_block_bytes_left (VtrVulkanDevice *device);

/* ---- pipeline.c ---- */

gboolean vtr_pipelines_init (VtrVulkanDevice *self, GError **error);
void vtr_pipelines_finish (VtrVulkanDevice *self);

/* The pipeline of that launch, made at its first use; owned by the device. */
VkPipeline vtr_pipelines_get (VtrVulkanDevice *self,
                              VtrKernel kernel,
                              const VtrLaunch *launch,
                              GError **error);

/* ---- pipeline-cache.c ---- */

/* Makes the device's cache, filled from the file if that fits. */
gboolean vtr_pipeline_cache_open (VtrVulkanDevice *self, GError **error);

/* Writes the file if there is anything new; a failure is logged, no more. */
void vtr_pipeline_cache_save (VtrVulkanDevice *self);

/* ---- stream.c ---- */

#define VTR_SUBMISSION_MAX_DISPATCHES 256
#define VTR_STREAM_STAGING_BYTES ((gsize) 8 << 20) /* of each submission */

/* Enough that the pixels of a batch fit into the staging of some, and work into others. */
#define VTR_STREAM_N_SUBMISSIONS 8

/* What is in the staging for the host. */
typedef struct
{
  gpointer data; /* where it is to go */
  gsize offset;  /* into the staging */
  gsize n_bytes;
} VtrReadback;

/* What is recorded, submitted and waited for together. */
typedef struct
{
  VkCommandPool pool;
  VkCommandBuffer commands;
  VkDescriptorPool descriptors;
  guint n_dispatches;
  VtrBlock *staging; /* NULL until the first transfer */
  gsize staging_used;
  GArray *readbacks;   /* VtrReadback; due when it is finished */
  VkQueryPool queries; /* null until the first timed dispatch */
  guint n_timed;
  VtrKernel timed[VTR_SUBMISSION_MAX_DISPATCHES];
  double flops;
  guint64 done; /* the timeline has this value when it is finished */
} VtrSubmission;

typedef struct
{
  VtrKernel kernel;
  guint n_tensors;
  char tensors[VTR_MAX_KERNEL_TENSORS][32];
} VtrBreadcrumb;

#define VTR_N_BREADCRUMBS 4

typedef struct
{
  VtrStream parent;
  VtrVulkanDevice *device; /* parent.device */
  VkSemaphore timeline;
  guint64 submitted;                                   /* value of the last submission */
  VtrSubmission submissions[VTR_STREAM_N_SUBMISSIONS]; /* a ring */
  guint current;
  gboolean recording;
  GArray *accesses;                             /* VtrAccess since the last barrier */
  VtrBreadcrumb breadcrumbs[VTR_N_BREADCRUMBS]; /* ring of the last dispatches */
  guint n_breadcrumbs;
} VtrVulkanStream;

VtrStream *vtr_vulkan_stream_new (VtrDevice *device, GError **error);

/* The submission being recorded; begins one if there is none, waiting for its turn. */
VtrSubmission *vtr_vulkan_stream_begin (VtrVulkanStream *self, GError **error);
gboolean vtr_vulkan_stream_submit (VtrVulkanStream *self, GError **error);
gboolean vtr_vulkan_stream_wait_for (VtrVulkanStream *self, guint64 value, GError **error);

/* ---- dispatch.c ---- */

gboolean vtr_vulkan_dispatch (VtrStream *stream,
                              VtrKernel kernel,
                              const VtrTensor *const *tensors,
                              guint n_tensors,
                              gconstpointer params,
                              gsize params_size,
                              GError **error);

/* ---- barrier.c ---- */

/* What a command touches of a buffer. */
typedef struct
{
  VkBuffer buffer;
  gsize begin;
  gsize end;
  gboolean writes;
} VtrAccess;

/* Records a barrier if any of @accesses conflicts with what was recorded since the last one. */
void vtr_barrier_before (VtrVulkanStream *self,
                         VkCommandBuffer commands,
                         const VtrAccess *accesses,
                         guint n_accesses);

/* A barrier between all before and all after, other streams' submissions included. */
void vtr_barrier_full (VtrVulkanStream *self, VkCommandBuffer commands);

/* ---- transfer.c ---- */

gboolean vtr_transfer_write (VtrStream *stream,
                             const VtrTensor *dst,
                             gsize offset,
                             gconstpointer data,
                             gsize n_bytes,
                             GError **error);
gboolean vtr_transfer_read_later (VtrStream *stream,
                                  const VtrTensor *src,
                                  gsize offset,
                                  gpointer data,
                                  gsize n_bytes,
                                  GError **error);
gboolean
vtr_transfer_copy (VtrStream *stream, const VtrTensor *src, const VtrTensor *dst, GError **error);

/* Ends a submission that has readbacks. */
void vtr_transfer_end (VtrVulkanStream *self, VtrSubmission *submission);

/* Hands out the readbacks of a finished submission. */
void vtr_transfer_collect (VtrSubmission *submission);

/* ---- timing.c ---- */

/* Time stamps around a dispatch; nothing if the device has none.  To begin puts a barrier, so it
 * comes before the dispatch's own accesses are known to vtr_barrier_before (). */
gboolean vtr_timing_begin (VtrVulkanStream *self, VtrSubmission *submission, GError **error);
void vtr_timing_end (VtrVulkanStream *self, VtrSubmission *submission, VtrKernel kernel);

/* Adds the times of a finished submission to the stream's. */
void vtr_timing_collect (VtrVulkanStream *self, VtrSubmission *submission);
