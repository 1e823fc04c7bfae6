/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "gpu/vulkan.h"

#include <string.h>

/* What makes two launches share a pipeline: all but the grid. */
typedef struct
{
  VtrKernel kernel; /* has the layout */
  VtrShader shader;
  guint32 subgroup_size;
  guint n_constants;
  guint32 constants[VTR_MAX_CONSTANTS]; /* 0 beyond n_constants */
} PipelineKey;

static PipelineKey
key_of (VtrKernel kernel, const VtrLaunch *launch)
{
  PipelineKey key;

  memset (&key, 0, sizeof key); /* padding, too: keys are compared as bytes */
  key.kernel = kernel;
  key.shader = launch->shader;
  key.subgroup_size = launch->subgroup_size;
  key.n_constants = launch->n_constants;
  memcpy (key.constants, launch->constants, launch->n_constants * sizeof *launch->constants);
  return key;
}

static guint
key_hash (gconstpointer data)
{
  const guint8 *bytes = data;
  guint hash = 2166136261u; /* FNV-1a */

  for (gsize i = 0; i < sizeof (PipelineKey); i++)
    hash = (hash ^ bytes[i]) * 16777619u;
  return hash;
}

static gboolean
key_equal (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, sizeof (PipelineKey)) == 0;
}

/* ---- layouts ---- */

/* @n_tensors storage buffers, bindings 0 and up. */
static gboolean
create_set_layout (VtrVulkanDevice *self, guint n_tensors, GError **error)
{
  VkDescriptorSetLayoutBinding bindings[VTR_MAX_KERNEL_TENSORS];
  const VkDescriptorSetLayoutCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
    .bindingCount = n_tensors,
    .pBindings = bindings,
  };

  for (guint i = 0; i < n_tensors; i++)
    bindings[i] = (VkDescriptorSetLayoutBinding){
      .binding = i,
      .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
      .descriptorCount = 1,
      .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
    };
  return VTR_VK (self, CreateDescriptorSetLayout,
                 (self->handle, &info, NULL, &self->set_layouts[n_tensors]), error);
}

static gboolean
create_pipeline_layout (VtrVulkanDevice *self, VtrKernel kernel, GError **error)
{
  const VtrKernelInfo *kernel_info = vtr_kernel_get_info (kernel);
  const VkPushConstantRange range = {
    .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
    .size = kernel_info->params_size,
  };
  const VkPipelineLayoutCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
    .setLayoutCount = 1,
    .pSetLayouts = &self->set_layouts[kernel_info->n_tensors],
    .pushConstantRangeCount = kernel_info->params_size > 0 ? 1 : 0,
    .pPushConstantRanges = &range,
  };

  return VTR_VK (self, CreatePipelineLayout,
                 (self->handle, &info, NULL, &self->pipeline_layouts[kernel]), error);
}

gboolean
vtr_pipelines_init (VtrVulkanDevice *self, GError **error)
{
  self->pipelines = g_hash_table_new_full (key_hash, key_equal, g_free, NULL);
  for (guint i = 0; i <= VTR_MAX_KERNEL_TENSORS; i++)
    if (!create_set_layout (self, i, error))
      return FALSE;
  for (guint i = 0; i < VTR_N_KERNELS; i++)
    if (!create_pipeline_layout (self, i, error))
      return FALSE;
  return vtr_pipeline_cache_open (self, error);
}

void
vtr_pipelines_finish (VtrVulkanDevice *self)
{
  GHashTableIter iter;
  gpointer pipeline;

  if (self->pipelines == NULL)
    return;
  g_hash_table_iter_init (&iter, self->pipelines);
  while (g_hash_table_iter_next (&iter, NULL, &pipeline))
    self->vk.vkDestroyPipeline (self->handle, (VkPipeline) pipeline, NULL);
  g_hash_table_unref (self->pipelines);

  vtr_pipeline_cache_save (self);
  self->vk.vkDestroyPipelineCache (self->handle, self->pipeline_cache, NULL);
  for (guint i = 0; i < VTR_N_KERNELS; i++)
    self->vk.vkDestroyPipelineLayout (self->handle, self->pipeline_layouts[i], NULL);
  for (guint i = 0; i < G_N_ELEMENTS (self->set_layouts); i++)
    self->vk.vkDestroyDescriptorSetLayout (self->handle, self->set_layouts[i], NULL);
}

/* ---- pipelines ---- */

static gboolean
create_module (VtrVulkanDevice *self, VtrShader shader, VkShaderModule *module, GError **error)
{
  const VkShaderModuleCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
    .codeSize = vtr_shaders[shader].size,
    .pCode = vtr_shaders[shader].code,
  };

  return VTR_VK (self, CreateShaderModule, (self->handle, &info, NULL, module), error);
}

static gboolean
create_pipeline (VtrVulkanDevice *self,
                 VtrKernel kernel,
                 const VtrLaunch *launch,
                 VkPipelineCreateFlags flags,
                 VkPipeline *pipeline,
                 GError **error)
{
  VkSpecializationMapEntry entries[VTR_MAX_CONSTANTS];
  const VkSpecializationInfo constants = {
    .mapEntryCount = launch->n_constants,
    .pMapEntries = entries,
    .dataSize = launch->n_constants * sizeof *launch->constants,
    .pData = launch->constants,
  };
  VkPipelineShaderStageRequiredSubgroupSizeCreateInfo size = {
    .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
    .requiredSubgroupSize = launch->subgroup_size,
  };
  const gboolean needs_size = launch->subgroup_size > 0;
  VkComputePipelineCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
    .flags = flags,
    .stage = { .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
               .pNext = needs_size ? &size : NULL,
               .flags = needs_size ? VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT : 0,
               .stage = VK_SHADER_STAGE_COMPUTE_BIT,
               .pName = "main",
               .pSpecializationInfo = &constants },
    .layout = self->pipeline_layouts[kernel],
  };

  for (guint i = 0; i < launch->n_constants; i++)
    entries[i] = (VkSpecializationMapEntry){
      .constantID = i,
      .offset = i * sizeof *launch->constants,
      .size = sizeof *launch->constants,
    };
  if (!create_module (self, launch->shader, &info.stage.module, error))
    return FALSE;

  /* Statistics come from compiling, so they must not come out of the cache. */
  const VkPipelineCache cache = flags == 0 ? self->pipeline_cache : VK_NULL_HANDLE;
  const gboolean ok =
      VTR_VK (self, CreateComputePipelines, (self->handle, cache, 1, &info, NULL, pipeline), error);
  self->vk.vkDestroyShaderModule (self->handle, info.stage.module, NULL);
  if (ok)
    vtr_vulkan_name (self, VK_OBJECT_TYPE_PIPELINE, (guint64) *pipeline,
                     vtr_shaders[launch->shader].name);
  return ok;
}

VkPipeline
vtr_pipelines_get (VtrVulkanDevice *self, VtrKernel kernel, const VtrLaunch *launch, GError **error)
{
  const PipelineKey key = key_of (kernel, launch);
  VkPipeline pipeline;

  g_mutex_lock (&self->pipeline_lock);
  pipeline = g_hash_table_lookup (self->pipelines, &key);
  if (pipeline == VK_NULL_HANDLE && create_pipeline (self, kernel, launch, 0, &pipeline, error))
    {
      g_hash_table_insert (self->pipelines, g_memdup2 (&key, sizeof key), (gpointer) pipeline);
      self->pipeline_cache_dirty = TRUE;
    }
  g_mutex_unlock (&self->pipeline_lock);
  return pipeline;
}

/* ---- what the driver's compiler made of a shader ---- */

static double
statistic_value (const VkPipelineExecutableStatisticKHR *statistic)
{
  switch (statistic->format)
    {
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_BOOL32_KHR:
      return statistic->value.b32;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_INT64_KHR:
      return (double) statistic->value.i64;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_UINT64_KHR:
      return (double) statistic->value.u64;
    default:
      return statistic->value.f64;
    }
}

/* The statistics of a compute pipeline's one executable. */
static GArray *
read_statistics (VtrVulkanDevice *self, VkPipeline pipeline, GError **error)
{
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (VtrPipelineStatistic));
  const VkPipelineExecutableInfoKHR info = {
    .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR,
    .pipeline = pipeline,
  };
  guint32 n = 0;

  if (!VTR_VK (self, GetPipelineExecutableStatisticsKHR, (self->handle, &info, &n, NULL), error))
    return NULL;
  g_autofree VkPipelineExecutableStatisticKHR *statistics =
      g_new0 (VkPipelineExecutableStatisticKHR, n + 1);
  for (guint i = 0; i < n; i++)
    statistics[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR;
  if (!VTR_VK (self, GetPipelineExecutableStatisticsKHR, (self->handle, &info, &n, statistics),
               error))
    return NULL;
  for (guint i = 0; i < n; i++)
    {
      VtrPipelineStatistic one = { .value = statistic_value (&statistics[i]) };

      g_strlcpy (one.name, statistics[i].name, sizeof one.name);
      g_array_append_val (found, one);
    }
  return g_steal_pointer (&found);
}

GArray *
vtr_vulkan_get_pipeline_statistics (VtrDevice *device,
                                    VtrKernel kernel,
                                    const VtrLaunch *launch,
                                    GError **error)
{
  VtrVulkanDevice *self = VTR_VULKAN_DEVICE (device);
  VkPipeline pipeline;

  if (!self->physical.has_pipeline_statistics)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
                   "The driver of %s does not tell what it made of a shader.", device->info->name);
      return NULL;
    }
  if (!create_pipeline (self, kernel, launch, VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR,
                        &pipeline, error))
    return NULL;

  GArray *statistics = read_statistics (self, pipeline, error);
  self->vk.vkDestroyPipeline (self->handle, pipeline, NULL);
  return statistics;
}

const VtrGpuLimits *
vtr_vulkan_get_limits (VtrDevice *device)
{
  return &VTR_VULKAN_DEVICE (device)->limits;
}
