/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "gpu/vulkan.h"

#include <glib/gstdio.h>
#include <string.h>

/*
 * One file per driver: its pipelineCacheUUID is the name.  The file is this header, then
 * the driver's data.  The checksums keep a shader that has changed, and a file that was
 * damaged, from the driver: not all drivers check what they are given.  The driver's version
 * is in them because not every UUID changes with it (Mesa 22.3's lavapipe says "val-%s").
 */
typedef struct
{
  char magic[8];
  guint8 build[32]; /* SHA-256 of the driver's name and version and all SPIR-V of this build */
  guint8 data[32];  /* SHA-256 of what follows */
} CacheHeader;

static const char magic[8] = { 'V', 'T', 'R', 'P', 'I', 'P', 'E', '1' };

#define MAX_CACHE_BYTES ((gsize) 32 << 20)

static char *
cache_folder (void)
{
  return g_build_filename (g_get_user_cache_dir (), "vitreous", NULL);
}

static char *
cache_path (const VtrVulkanDevice *self)
{
  const guint8 *uuid = self->physical.properties.pipelineCacheUUID;
  g_autofree char *folder = cache_folder ();
  g_autoptr (GString) name = g_string_new ("pipelines-");

  for (guint i = 0; i < VK_UUID_SIZE; i++)
    g_string_append_printf (name, "%02x", uuid[i]);
  g_string_append (name, ".bin");
  return g_build_filename (folder, name->str, NULL);
}

static void
finish_checksum (GChecksum *checksum, guint8 digest[32])
{
  gsize size = 32;

  g_checksum_get_digest (checksum, digest, &size);
  g_checksum_free (checksum);
}

static void
header_init (CacheHeader *self, const VtrVulkanDevice *device, const guint8 *data, gsize n_bytes)
{
  const VkPhysicalDeviceProperties *properties = &device->physical.properties;
  GChecksum *build = g_checksum_new (G_CHECKSUM_SHA256);
  GChecksum *content = g_checksum_new (G_CHECKSUM_SHA256);

  memcpy (self->magic, magic, sizeof magic);
  g_checksum_update (build, (const guchar *) device->physical.driver, -1);
  g_checksum_update (build, (const guchar *) properties->deviceName, -1);
  g_checksum_update (build, (const guchar *) &properties->driverVersion,
                     sizeof properties->driverVersion);
  for (guint i = 0; i < VTR_N_SHADERS; i++)
    g_checksum_update (build, (const guchar *) vtr_shaders[i].code, (gssize) vtr_shaders[i].size);
  finish_checksum (build, self->build);
  g_checksum_update (content, data, (gssize) n_bytes);
  finish_checksum (content, self->data);
}

/* The driver's data in the file; NULL if there is none that fits. */
static GBytes *
load (const VtrVulkanDevice *self)
{
  g_autofree char *path = cache_path (self);
  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, NULL);
  CacheHeader expected;

  if (file == NULL)
    return NULL;
  g_autoptr (GBytes) bytes = g_mapped_file_get_bytes (file);
  const gsize size = g_bytes_get_size (bytes);
  const guint8 *data = g_bytes_get_data (bytes, NULL);
  if (size < sizeof expected || size > MAX_CACHE_BYTES)
    return NULL;

  header_init (&expected, self, data + sizeof expected, size - sizeof expected);
  if (memcmp (&expected, data, sizeof expected) != 0)
    {
      g_info ("the pipeline cache %s does not fit, it will be made anew", path);
      return NULL;
    }
  return g_bytes_new_from_bytes (bytes, sizeof expected, size - sizeof expected);
}

gboolean
vtr_pipeline_cache_open (VtrVulkanDevice *self, GError **error)
{
  g_autoptr (GBytes) loaded = load (self);
  VkPipelineCacheCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
  };

  if (loaded != NULL)
    {
      info.pInitialData = g_bytes_get_data (loaded, &info.initialDataSize);
      if (self->vk.vkCreatePipelineCache (self->handle, &info, NULL, &self->pipeline_cache) ==
          VK_SUCCESS)
        return TRUE;
      info.initialDataSize = 0;
      info.pInitialData = NULL;
    }
  return VTR_VK (self, CreatePipelineCache, (self->handle, &info, NULL, &self->pipeline_cache),
                 error);
}

static gboolean
write_cache (const VtrVulkanDevice *self, const guint8 *data, gsize n_bytes, GError **error)
{
  g_autofree char *folder = cache_folder ();
  g_autofree char *path = cache_path (self);
  g_autoptr (GByteArray) content = g_byte_array_new ();
  CacheHeader header;

  header_init (&header, self, data, n_bytes);
  g_byte_array_append (content, (const guint8 *) &header, sizeof header);
  g_byte_array_append (content, data, (guint) n_bytes);
  g_mkdir_with_parents (folder, 0700);
  return g_file_set_contents (path, (const char *) content->data, content->len, error);
}

void
vtr_pipeline_cache_save (VtrVulkanDevice *self)
{
  g_autoptr (GError) error = NULL;
  gsize n_bytes = 0;

  if (!self->pipeline_cache_dirty ||
      self->vk.vkGetPipelineCacheData (self->handle, self->pipeline_cache, &n_bytes, NULL) !=
          VK_SUCCESS ||
      n_bytes == 0 || n_bytes > MAX_CACHE_BYTES - sizeof (CacheHeader))
    return;
  g_autofree guint8 *data = g_malloc (n_bytes);
  if (self->vk.vkGetPipelineCacheData (self->handle, self->pipeline_cache, &n_bytes, data) !=
      VK_SUCCESS)
    return;

  g_autoptr (GBytes) old = load (self);
  g_autoptr (GBytes) fresh = g_bytes_new_static (data, n_bytes);
  if (old != NULL && g_bytes_equal (old, fresh))
    return;
  if (!write_cache (self, data, n_bytes, &error))
    g_info ("the pipeline cache was not kept: %s", error->message);
}
