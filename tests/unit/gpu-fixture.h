/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* For tests of core/gpu: a device, and work for it whose result is easy to know. */
#include "gpu/gpu.h"

/* The first Vulkan device; NULL, and the test skipped, if there is none. */
VtrDevice *gpu_fixture_open (void);

/* Turns every token's q and k by an angle that depends on the token, in place. */
typedef struct
{
  VtrArena *arena;
  VtrTensor qkv;   /* [1][n][3][1][2] */
  VtrTensor table; /* [2][n][2] */
} GpuRotation;

/* Plans the tensors; commit ->arena before the next two. */
void gpu_rotation_init (GpuRotation *self, VtrDevice *device, guint32 n_tokens);
void gpu_rotation_finish (GpuRotation *self);

void gpu_rotation_upload (GpuRotation *self, VtrStream *stream);
gboolean gpu_rotation_turn (GpuRotation *self, VtrStream *stream, GError **error);

/* Reads q and k back: each must have turned @n_turns times, and v not at all. */
void gpu_rotation_check (GpuRotation *self, VtrStream *stream, guint n_turns);
