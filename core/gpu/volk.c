/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* The Vulkan entry points, found at run time: nothing links libvulkan, so that
 * the program starts, and can say what is missing, where there is none. */
#define VOLK_IMPLEMENTATION
#include <volk.h>
