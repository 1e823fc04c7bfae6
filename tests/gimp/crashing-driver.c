/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* A Vulkan driver that takes its program down as soon as it is asked for anything: the plug-in may
 * die of it, GIMP must not. */
#include <stdlib.h>

__attribute__ ((visibility ("default"), noreturn)) void *
vk_icdGetInstanceProcAddr (void *instance, const char *name);

void *
vk_icdGetInstanceProcAddr (void *instance, const char *name)
{
  (void) instance;
  (void) name;
  abort ();
}
