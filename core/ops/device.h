/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * What a device is to the layers above: memory in arenas, and streams that
 * kernels are recorded into.  core/gpu carries this out with Vulkan.  Nothing
 * above this header knows which device it runs on.
 *
 *   device.c   the class of all devices
 *   arena.c    tensors and arenas
 *   stream.c   streams: checks, timings, VTR_DEBUG=timing and dump
 */
#include "base/base.h"
#include "ops/kernels.h"

/* ---- tensors ---- */

#define VTR_MAX_DIMS 5

typedef struct _VtrArena VtrArena;

/*
 * VtrTensor: a range of an arena's memory with a shape, slowest axis first.
 * A plain value: copying it copies no data.  @name is for messages ("layer07.qkv").
 */
typedef struct
{
  VtrArena *arena;
  guint block;  /* which of the arena's blocks */
  gsize offset; /* bytes into the block, aligned for binding */
  VtrDType dtype;
  guint n_dims;
  guint32 shape[VTR_MAX_DIMS];
  char name[32];
} VtrTensor;

gsize vtr_tensor_n_values (const VtrTensor *self);
gsize vtr_tensor_n_bytes (const VtrTensor *self);

/* ---- devices ---- */

/* What the kernels of a device take in f16.  They compute and sum in f32 all the same. */
typedef enum
{
  VTR_F16_NOTHING,
  VTR_F16_WEIGHTS,     /* matrices of weights */
  VTR_F16_ACTIVATIONS, /* matrices of weights together with the activations multiplied by them */
} VtrF16Use;

struct _VtrDevice
{
  GObject parent_instance;
  VtrDeviceInfo *info;    /* owned */
  gsize tensor_alignment; /* bytes, a power of two */
  gsize max_tensor_bytes; /* most one tensor may have, so that a kernel can bind it whole */
  gsize max_block_bytes;  /* most one allocation may have */
  VtrF16Use f16;
  guint n_runs;        /* how many runs under way at once keep it busy all the time */
  guint batch_tokens;  /* about as many tokens in a batch fill it; 0: a single picture does */
  double flops_ahead;  /* a guess of what it does in some 50 ms: see vtr_stream_advance () */
  gint64 bytes_in_use; /* by live arenas; under lock */
  gint64 peak_bytes;   /* its maximum since the last reset; under lock */
  GMutex lock;
};

typedef struct _VtrStream VtrStream;
typedef struct _VtrDeviceClass VtrDeviceClass;

struct _VtrDeviceClass
{
  GObjectClass parent_class;

  /* One block of memory that kernels can bind; VTR_ERROR_OUT_OF_MEMORY if there is not enough. */
  gpointer (*block_new) (VtrDevice *self, gsize n_bytes, const char *name, GError **error);
  void (*block_free) (VtrDevice *self, gpointer block);

  VtrStream *(*stream_new) (VtrDevice *self, GError **error);

  /* Bytes that blocks can still have where kernels reach them fast. */
  guint64 (*bytes_left) (VtrDevice *self);
};

guint64 vtr_device_get_bytes_left (VtrDevice *self);

/* Bytes in use now, and at most since vtr_device_reset_peak (). */
guint64 vtr_device_get_peak_bytes (VtrDevice *self);
void vtr_device_reset_peak (VtrDevice *self);

/* ---- arenas: memory planned first, allocated once ---- */

VtrArena *vtr_arena_new (VtrDevice *device, const char *name);
void
vtr_arena_free (VtrArena *self); /* waits for nothing: no stream may still use it; NULL is fine */

/*
 * Plans one tensor.  Fails with VTR_ERROR_OUT_OF_MEMORY, naming the tensor, if
 * it is larger than the device can bind.  Call before vtr_arena_commit ().
 */
gboolean vtr_arena_plan (VtrArena *self,
                         VtrTensor *tensor,
                         const char *name,
                         VtrDType dtype,
                         guint n_dims,
                         const guint32 *shape,
                         GError **error);

/* Bytes planned so far, padding included. */
guint64 vtr_arena_get_bytes (const VtrArena *self);

/* Allocates all that was planned; VTR_ERROR_OUT_OF_MEMORY says how much was wanted. */
gboolean vtr_arena_commit (VtrArena *self, GError **error);

/* Instead of that, takes the memory of @other, what is in it included.  FALSE, and nothing done,
 * unless the blocks of both are of the same sizes. */
gboolean vtr_arena_take_over (VtrArena *self, VtrArena *other);

VtrDevice *vtr_arena_get_device (const VtrArena *self);
gpointer vtr_arena_get_block (const VtrArena *self, guint block);

/* ---- streams: kernels in order; not thread-safe, each session has its own ---- */

typedef struct
{
  void (*free) (VtrStream *self);
  gboolean (*dispatch) (VtrStream *self,
                        VtrKernel kernel,
                        const VtrTensor *const *tensors,
                        guint n_tensors,
                        gconstpointer params,
                        gsize params_size,
                        GError **error);
  gboolean (*write) (VtrStream *self,
                     const VtrTensor *dst,
                     gsize offset,
                     gconstpointer data,
                     gsize n_bytes,
                     GError **error);
  gboolean (*read_later) (VtrStream *self,
                          const VtrTensor *src,
                          gsize offset,
                          gpointer data,
                          gsize n_bytes,
                          GError **error);
  gboolean (*copy) (VtrStream *self, const VtrTensor *src, const VtrTensor *dst, GError **error);
  gboolean (*flush) (VtrStream *self, GError **error);
  gboolean (*wait) (VtrStream *self, GError **error);
} VtrStreamClass;

/* Time of the kernels since the stream was made or last asked, if timing is on. */
typedef struct
{
  guint64 calls[VTR_N_KERNELS];
  double seconds[VTR_N_KERNELS];
  double flops[VTR_N_KERNELS];
} VtrTimings;

struct _VtrStream
{
  const VtrStreamClass *klass;
  VtrDevice *device;  /* owned reference */
  gboolean timing;    /* whether dispatches are timed; may be set between submissions */
  double flops;       /* recorded since the last submission, with which it begins at 0 again */
  VtrTimings timings; /* complete after vtr_stream_wait () */
};

VtrStream *vtr_stream_new (VtrDevice *device, GError **error);
void vtr_stream_free (VtrStream *self); /* waits for its work; NULL is fine */

/*
 * Records one kernel.  Which of @tensors it reads and writes stands in the kernel
 * table (kernels.c); barriers follow from that.  @flops is added to the timings.
 */
gboolean vtr_stream_dispatch (VtrStream *self,
                              VtrKernel kernel,
                              const VtrTensor *const *tensors,
                              guint n_tensors,
                              gconstpointer params,
                              gsize params_size,
                              double flops,
                              GError **error);

/* Copies @n_bytes into @dst from byte @offset on, in order with the kernels; @data may be reused at
 * once. */
gboolean vtr_stream_write (VtrStream *self,
                           const VtrTensor *dst,
                           gsize offset,
                           gconstpointer data,
                           gsize n_bytes,
                           GError **error);

/*
 * Copies out of @src, in order with the kernels.  @data has it after the next
 * vtr_stream_wait () and must stay until then, also if anything fails in between.
 */
gboolean vtr_stream_read_later (VtrStream *self,
                                const VtrTensor *src,
                                gsize offset,
                                gpointer data,
                                gsize n_bytes,
                                GError **error);

/* The same, and waits. */
gboolean vtr_stream_read (VtrStream *self,
                          const VtrTensor *src,
                          gsize offset,
                          gpointer data,
                          gsize n_bytes,
                          GError **error);

/* Copies all of @src to @dst, another tensor of as many bytes, in order with the kernels. */
gboolean
vtr_stream_copy (VtrStream *self, const VtrTensor *src, const VtrTensor *dst, GError **error);

/* Submits what was recorded and returns. */
gboolean vtr_stream_flush (VtrStream *self, GError **error);

/*
 * To be called where work may be cut: submits what was recorded once it is enough to be worth it.
 * What is under way is bounded, so this and all else that records may wait: while one submission is
 * recorded, one of any size goes on, and others before it as long as all are no more work than
 * VtrDevice's flops_ahead.  So a fast device never runs dry, and a slow one stops soon.
 */
gboolean vtr_stream_advance (VtrStream *self, GError **error);

/* Submits what was recorded and waits for all that was submitted. */
gboolean vtr_stream_wait (VtrStream *self, GError **error);

void vtr_stream_reset_timings (VtrStream *self);
