/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "gpu/vulkan.h"

#include <string.h>

#define VALIDATION_LAYER "VK_LAYER_KHRONOS_validation"

/* The first Vulkan with VK_KHR_cooperative_matrix. */
#define COOPERATIVE_VERSION VK_MAKE_API_VERSION (0, 1, 3, 255)

static GMutex instance_lock;
static VtrInstance instance;
static guint n_instance_users;
static gint n_messages;

guint
vtr_vulkan_count_messages (void)
{
  return (guint) g_atomic_int_get (&n_messages);
}

static VKAPI_ATTR VkBool32 VKAPI_CALL
on_message (G_GNUC_UNUSED VkDebugUtilsMessageSeverityFlagBitsEXT severity,
            G_GNUC_UNUSED VkDebugUtilsMessageTypeFlagsEXT types,
            const VkDebugUtilsMessengerCallbackDataEXT *data,
            G_GNUC_UNUSED void *user_data)
{
  const char *id = data->pMessageIdName != NULL ? data->pMessageIdName : "";
  const char *excuse = vtr_quirk_explain_message (id, data->pMessage);

  if (excuse != NULL)
    {
      g_debug ("Vulkan message %s not counted: %s", id, excuse);
      return VK_FALSE;
    }
  g_atomic_int_inc (&n_messages);
  g_warning ("Vulkan: %s", data->pMessage);
  return VK_FALSE;
}

static const VkDebugUtilsMessengerCreateInfoEXT messenger_info = {
  .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
  .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                     VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
  .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT |
                 VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT,
  .pfnUserCallback = on_message,
};

static gboolean
has_extension (const char *layer, const char *name)
{
  guint32 n = 0;

  if (vkEnumerateInstanceExtensionProperties (layer, &n, NULL) != VK_SUCCESS)
    return FALSE;
  g_autofree VkExtensionProperties *extensions = g_new0 (VkExtensionProperties, n + 1);
  if (vkEnumerateInstanceExtensionProperties (layer, &n, extensions) < VK_SUCCESS)
    return FALSE;
  for (guint i = 0; i < n; i++)
    if (strcmp (extensions[i].extensionName, name) == 0)
      return TRUE;
  return FALSE;
}

/* The Vulkan that the validation layer knows; 0 without one. */
static guint32
validation_version (void)
{
  guint32 n = 0;

  if (vkEnumerateInstanceLayerProperties (&n, NULL) != VK_SUCCESS)
    return 0;
  g_autofree VkLayerProperties *layers = g_new0 (VkLayerProperties, n + 1);
  if (vkEnumerateInstanceLayerProperties (&n, layers) < VK_SUCCESS)
    return 0;
  for (guint i = 0; i < n; i++)
    if (strcmp (layers[i].layerName, VALIDATION_LAYER) == 0)
      return layers[i].specVersion;
  return 0;
}

/* Whether VTR_DEBUG asks for validation and the layer is there. */
static gboolean
wants_validation (void)
{
  if (!(vtr_debug_flags () & (VTR_DEBUG_VALIDATE | VTR_DEBUG_SYNC | VTR_DEBUG_GPUAV)))
    return FALSE;
  if (validation_version () > 0 && has_extension (VALIDATION_LAYER, "VK_EXT_validation_features"))
    return TRUE;
  g_warning ("VTR_DEBUG asks for Vulkan validation, but the layer " VALIDATION_LAYER
             " is not installed (Debian: vulkan-validationlayers).");
  return FALSE;
}

static guint
choose_validation (VkValidationFeatureEnableEXT enables[2])
{
  guint n = 0;

  if (vtr_debug_flags () & VTR_DEBUG_SYNC)
    enables[n++] = VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT;
  if (vtr_debug_flags () & VTR_DEBUG_GPUAV)
    enables[n++] = VK_VALIDATION_FEATURE_ENABLE_GPU_ASSISTED_EXT;
  return n;
}

static VkResult
create_instance (gboolean validate)
{
  VkValidationFeatureEnableEXT enables[2];
  const VkValidationFeaturesEXT features = {
    .sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
    .pNext = &messenger_info, /* messages of creating the instance itself */
    .enabledValidationFeatureCount = choose_validation (enables),
    .pEnabledValidationFeatures = enables,
  };
  const VkApplicationInfo application = {
    .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
    .pApplicationName = "Vitreous",
    .pEngineName = "Vitreous",
    .apiVersion = VK_API_VERSION_1_2,
  };
  const char *extensions[2];
  guint n_extensions = 0;

  instance.debug_utils =
      has_extension (NULL, VK_EXT_DEBUG_UTILS_EXTENSION_NAME) ||
      (validate && has_extension (VALIDATION_LAYER, VK_EXT_DEBUG_UTILS_EXTENSION_NAME));
  if (instance.debug_utils)
    extensions[n_extensions++] = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
  if (validate)
    extensions[n_extensions++] = VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME;

  const VkInstanceCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
    .pNext = validate ? &features : NULL,
    .pApplicationInfo = &application,
    .enabledLayerCount = validate ? 1 : 0,
    .ppEnabledLayerNames = (const char *[]){ VALIDATION_LAYER },
    .enabledExtensionCount = n_extensions,
    .ppEnabledExtensionNames = extensions,
  };
  return vkCreateInstance (&info, NULL, &instance.handle);
}

static gboolean
open_instance (GError **error)
{
  if (volkInitialize () != VK_SUCCESS || vkEnumerateInstanceVersion == NULL)
    {
      g_set_error_literal (error, VTR_ERROR, VTR_ERROR_NO_VULKAN,
                           "There is no Vulkan loader (libvulkan.so.1) on this system: install it "
                           "and a driver (Debian: libvulkan1 and mesa-vulkan-drivers).");
      return FALSE;
    }

  const gboolean validate = wants_validation ();
  instance.old_validation = validate && validation_version () < COOPERATIVE_VERSION;
  const VkResult result = create_instance (validate);
  if (result == VK_ERROR_INCOMPATIBLE_DRIVER)
    {
      g_set_error_literal (error, VTR_ERROR, VTR_ERROR_NO_DEVICE,
                           "There is no Vulkan driver on this system: install one (Debian: "
                           "mesa-vulkan-drivers, or the one of the graphics card's maker).");
      return FALSE;
    }
  if (result != VK_SUCCESS)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_NO_VULKAN,
                   "Vulkan does not start (vkCreateInstance: VkResult %d): check the installed "
                   "drivers with vulkaninfo.",
                   result);
      return FALSE;
    }
  volkLoadInstanceOnly (instance.handle);
  if (validate && instance.debug_utils)
    vkCreateDebugUtilsMessengerEXT (instance.handle, &messenger_info, NULL, &instance.messenger);
  return TRUE;
}

const VtrInstance *
vtr_instance_ref (GError **error)
{
  const VtrInstance *result = NULL;

  g_mutex_lock (&instance_lock);
  if (n_instance_users > 0 || open_instance (error))
    {
      n_instance_users++;
      result = &instance;
    }
  g_mutex_unlock (&instance_lock);
  return result;
}

void
vtr_instance_unref (void)
{
  g_mutex_lock (&instance_lock);
  if (--n_instance_users == 0)
    {
      if (instance.messenger != VK_NULL_HANDLE)
        vkDestroyDebugUtilsMessengerEXT (instance.handle, instance.messenger, NULL);
      vkDestroyInstance (instance.handle, NULL);
      instance = (VtrInstance){ 0 };
    }
  g_mutex_unlock (&instance_lock);
}
