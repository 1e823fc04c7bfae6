/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vtr-types.h>

G_BEGIN_DECLS

#define VTR_TYPE_DEVICE (vtr_device_get_type ())

/**
 * VtrDevice:
 *
 * Something that computes: a GPU, a driver that emulates one, or the processor.  May be used
 * from several threads at once; each session has its own memory and commands.
 */
VTR_AVAILABLE_IN_0_1
GType vtr_device_get_type (void);

/**
 * VtrDeviceKind:
 * @VTR_DEVICE_GPU: a graphics processor of its own memory
 * @VTR_DEVICE_INTEGRATED_GPU: a graphics processor that shares the host's memory
 * @VTR_DEVICE_VIRTUAL_GPU: a graphics processor passed through to a guest
 * @VTR_DEVICE_SOFTWARE: a Vulkan driver that computes on the CPU
 * @VTR_DEVICE_CPU: the host's processor, without any driver
 */
typedef enum
{
  VTR_DEVICE_GPU,
  VTR_DEVICE_INTEGRATED_GPU,
  VTR_DEVICE_VIRTUAL_GPU,
  VTR_DEVICE_SOFTWARE,
  VTR_DEVICE_CPU,
} VtrDeviceKind;

/**
 * VtrDeviceInfo:
 * @id: what vtr_device_open() takes ("vulkan:0", "cpu")
 * @name: the device's own name
 * @driver: driver name and version
 * @kind: what it is
 * @api: version of the interface ("Vulkan 1.4.305"); threads of a processor
 * @memory: bytes of its largest device-local heap; all memory of a processor's
 * @usable: whether Vitreous can compute on it
 * @reason: why not, a sentence; %NULL where @usable
 */
typedef struct
{
  char *id;
  char *name;
  char *driver;
  VtrDeviceKind kind;
  char *api;
  guint64 memory;
  gboolean usable;
  char *reason;
} VtrDeviceInfo;

VTR_AVAILABLE_IN_0_1
void vtr_device_info_free (VtrDeviceInfo *self);

/**
 * vtr_device_list:
 * @error: return location
 *
 * Lists the devices, without opening any: those with a Vulkan driver, then the
 * processor.  An empty list is no error; a missing Vulkan loader is
 * %VTR_ERROR_NO_VULKAN only where this build cannot compute on the processor.
 *
 * Returns: (transfer full) (element-type VtrDeviceInfo): the devices
 */
VTR_AVAILABLE_IN_0_1
GPtrArray *vtr_device_list (GError **error);

/**
 * vtr_device_open:
 * @spec: "auto", "cpu", "vulkan" (the best Vulkan device) or "vulkan:N" (as
 *   listed)
 * @error: return location
 *
 * "auto" and "vulkan" prefer a GPU of its own memory, then an integrated one,
 * then a virtual one.  Where there is none, "auto" takes the processor, and
 * "vulkan" a driver that computes on it.
 *
 * Returns: (transfer full): the device
 */
VTR_AVAILABLE_IN_0_1
VtrDevice *vtr_device_open (const char *spec, GError **error);

/* What this device is; owned by @self. */
VTR_AVAILABLE_IN_0_1
const VtrDeviceInfo *vtr_device_get_info (VtrDevice *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrDeviceInfo, vtr_device_info_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrDevice, g_object_unref)

G_END_DECLS
