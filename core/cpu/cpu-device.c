/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* VtrCpuDevice: memory of the host, and streams that carry out each kernel at once. */
#include "cpu/cpu.h"
#include "cpu/variants.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Bytes: a line of the cache, and the widest vector. */
#define ALIGNMENT 64
/* Bytes of a huge page, in which large blocks lie where the system has any to give: fewer faults
 * when they are first written, fewer misses when they are read. */
#define HUGE_PAGE ((gsize) 2 << 20)

/* Implementations of CBLAS tell their names by functions of their own, if at all. */
extern char *openblas_get_config (void) __attribute__ ((weak));
extern int openblas_get_parallel (void) __attribute__ ((weak));
extern void openblas_set_num_threads (int n_threads) __attribute__ ((weak));

#define OPENBLAS_WITH_PTHREADS 1

typedef struct
{
  VtrDevice parent_instance;
  const VtrCpuVariant *variant;
} VtrCpuDevice;

typedef VtrDeviceClass VtrCpuDeviceClass;
static GType vtr_cpu_device_get_type (void);
G_DEFINE_FINAL_TYPE (VtrCpuDevice, vtr_cpu_device, VTR_TYPE_DEVICE)

/* ---- streams ---- */

static void
stream_free (VtrStream *self)
{
  g_free (self);
}

static float *
tensor_data (const VtrTensor *tensor, gsize offset)
{
  guint8 *block = vtr_arena_get_block (tensor->arena, tensor->block);

  return (float *) (block + tensor->offset + offset);
}

static VtrCpuKernel
choose_kernel (const VtrCpuVariant *variant, VtrKernel kernel, const VtrTensor *const *tensors)
{
  if (kernel == VTR_KERNEL_MATMUL && tensors[1]->dtype == VTR_DTYPE_F16)
    return variant->matmul_f16;
  if (kernel == VTR_KERNEL_MATMUL_BACKWARD && tensors[1]->dtype == VTR_DTYPE_F16)
    return variant->matmul_backward_f16;
  return variant->kernels[kernel];
}

static gboolean
stream_dispatch (VtrStream *self,
                 VtrKernel kernel,
                 const VtrTensor *const *tensors,
                 guint n_tensors,
                 gconstpointer params,
                 G_GNUC_UNUSED gsize params_size,
                 G_GNUC_UNUSED GError **error)
{
  const VtrCpuDevice *device = (VtrCpuDevice *) self->device;
  float *data[VTR_MAX_KERNEL_TENSORS] = { NULL };

  for (guint i = 0; i < n_tensors; i++)
    data[i] = tensor_data (tensors[i], 0);
  const gint64 start = g_get_monotonic_time ();
  choose_kernel (device->variant, kernel, tensors) (params, data);
  if (self->timing)
    self->timings.seconds[kernel] += (double) (g_get_monotonic_time () - start) * 1e-6;
  return TRUE;
}

static gboolean
stream_write (G_GNUC_UNUSED VtrStream *self,
              const VtrTensor *dst,
              gsize offset,
              gconstpointer data,
              gsize n_bytes,
              G_GNUC_UNUSED GError **error)
{
  memcpy (tensor_data (dst, offset), data, n_bytes);
  return TRUE;
}

static gboolean
stream_read_later (G_GNUC_UNUSED VtrStream *self,
                   const VtrTensor *src,
                   gsize offset,
                   gpointer data,
                   gsize n_bytes,
                   G_GNUC_UNUSED GError **error)
{
  memcpy (data, tensor_data (src, offset), n_bytes);
  return TRUE;
}

static gboolean
stream_copy (G_GNUC_UNUSED VtrStream *self,
             const VtrTensor *src,
             const VtrTensor *dst,
             G_GNUC_UNUSED GError **error)
{
  memcpy (tensor_data (dst, 0), tensor_data (src, 0), vtr_tensor_n_bytes (src));
  return TRUE;
}

/* Nothing is ever under way. */
static gboolean
stream_wait (VtrStream *self, G_GNUC_UNUSED GError **error)
{
  self->flops = 0.0;
  return TRUE;
}

static const VtrStreamClass stream_class = {
  .free = stream_free,
  .dispatch = stream_dispatch,
  .write = stream_write,
  .read_later = stream_read_later,
  .copy = stream_copy,
  .flush = stream_wait,
  .wait = stream_wait,
};

static VtrStream *
vtr_cpu_device_stream_new (G_GNUC_UNUSED VtrDevice *device, G_GNUC_UNUSED GError **error)
{
  VtrStream *self = g_new0 (VtrStream, 1);

  self->klass = &stream_class;
  return self;
}

/* ---- memory ---- */

static guint64
physical_bytes (void)
{
  return (guint64) sysconf (_SC_PHYS_PAGES) * (guint64) sysconf (_SC_PAGESIZE);
}

/* Bytes that can be had without swapping; all there are where the system does not tell. */
static guint64
available_bytes (void)
{
  g_autofree char *text = NULL;

  if (!g_file_get_contents ("/proc/meminfo", &text, NULL, NULL))
    return physical_bytes ();
  const char *line = strstr (text, "MemAvailable:");
  return line == NULL ? physical_bytes ()
                      : g_ascii_strtoull (line + strlen ("MemAvailable:"), NULL, 10) * 1024;
}

static gpointer
allocate (gsize n_bytes)
{
  const gboolean is_large = n_bytes >= 2 * HUGE_PAGE;
  gpointer block = NULL;

  if (posix_memalign (&block, is_large ? HUGE_PAGE : ALIGNMENT, MAX (n_bytes, 1)) != 0)
    return NULL;
  if (is_large)
    madvise (block, n_bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
  return block;
}

/* Asked of the system first: malloc () itself promises more than there is. */
static gpointer
vtr_cpu_device_block_new (VtrDevice *device, gsize n_bytes, const char *name, GError **error)
{
  const guint64 left = available_bytes ();
  gpointer block = n_bytes <= left ? allocate (n_bytes) : NULL;

  if (block != NULL)
    return block;

  g_autofree char *wanted = g_format_size_full (n_bytes, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *there = g_format_size_full (left, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *all = g_format_size_full (device->info->memory, G_FORMAT_SIZE_IEC_UNITS);
  g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY,
               "This computer has too little memory for %s: %s wanted, %s of %s left.  Choose a "
               "smaller size or fewer images in a batch, or close other programs.",
               name, wanted, there, all);
  return NULL;
}

static void
vtr_cpu_device_block_free (G_GNUC_UNUSED VtrDevice *device, gpointer block)
{
  free (block);
}

static guint64
vtr_cpu_device_bytes_left (G_GNUC_UNUSED VtrDevice *device)
{
  return available_bytes ();
}

/* ---- the class ---- */

static void
vtr_cpu_device_class_init (VtrCpuDeviceClass *klass)
{
  klass->block_new = vtr_cpu_device_block_new;
  klass->block_free = vtr_cpu_device_block_free;
  klass->stream_new = vtr_cpu_device_stream_new;
  klass->bytes_left = vtr_cpu_device_bytes_left;
}

static void
vtr_cpu_device_init (VtrCpuDevice *self)
{
  VtrDevice *device = &self->parent_instance;

  self->variant = vtr_cpu_choose_variant ();
  device->info = vtr_cpu_describe ();
  device->tensor_alignment = ALIGNMENT;
  device->f16 = VTR_F16_WEIGHTS;
  /* Kernels count values in 32 bits. */
  device->max_tensor_bytes = (gsize) MIN ((guint64) G_MAXUINT32 * sizeof (float), G_MAXSSIZE);
  device->max_block_bytes = G_MAXSSIZE;
}

/* "AMD EPYC 9654", as the system tells it. */
static char *
processor_name (void)
{
  g_autofree char *text = NULL;
  g_autoptr (GMatchInfo) match = NULL;
  g_autoptr (GRegex) pattern =
      g_regex_new ("^model name\\s*:\\s*(.+)$", G_REGEX_MULTILINE, 0, NULL);

  if (g_file_get_contents ("/proc/cpuinfo", &text, NULL, NULL) &&
      g_regex_match (pattern, text, 0, &match))
    return g_match_info_fetch (match, 1);
  return g_strdup ("processor");
}

/* "OpenBLAS 0.3.21", "CBLAS" where it does not say; NULL without any. */
static char *
blas_name (void)
{
#ifdef VTR_CPU_HAS_BLAS
  if (openblas_get_config == NULL)
    return g_strdup ("CBLAS");
  g_auto (GStrv) words = g_strsplit (openblas_get_config (), " ", 3);
  return g_strv_length (words) >= 2 ? g_strdup_printf ("%s %s", words[0], words[1])
                                    : g_strdup ("OpenBLAS");
#else
  return NULL;
#endif
}

VtrDeviceInfo *
vtr_cpu_describe (void)
{
  const VtrCpuVariant *variant = vtr_cpu_choose_variant ();
  g_autofree char *blas = blas_name ();
  VtrDeviceInfo *info = g_new0 (VtrDeviceInfo, 1);

  info->id = g_strdup ("cpu");
  info->name = processor_name ();
  info->driver =
      blas != NULL ? g_strdup_printf ("%s, %s", blas, variant->name) : g_strdup (variant->name);
  info->kind = VTR_DEVICE_CPU;
  info->api = g_strdup_printf ("%u threads", g_get_num_processors ());
  info->memory = physical_bytes ();
  info->usable = TRUE;
  return info;
}

VtrDevice *
vtr_cpu_open (G_GNUC_UNUSED GError **error)
{
  /* The kernels split the work themselves.  OpenBLAS built with OpenMP knows when it is called
   * from a thread of it; setting its number there would set OpenMP's. */
  if (openblas_get_parallel != NULL && openblas_set_num_threads != NULL &&
      openblas_get_parallel () == OPENBLAS_WITH_PTHREADS)
    openblas_set_num_threads (1);

  VtrDevice *device = g_object_new (vtr_cpu_device_get_type (), NULL);
  g_info ("opened %s: %s, %s", device->info->id, device->info->name, device->info->driver);
  return device;
}
