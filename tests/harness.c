/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "harness.h"
#include "cpu/cpu.h"
#include "gpu/gpu.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define N_SENTINELS 64
#define SENTINEL_BITS 0x7fc5e417u /* a NaN */
#define SENTINEL_HALF 0x7e5a      /* another */
#define MAX_NMSE 1e-7
#define MAX_F16_NMSE 2.5e-7 /* of a single number: half a unit in the last of 11 places */

typedef struct
{
  VtrDevice *device;
  HarnessFunc func;
  gconstpointer data;
  VtrF16Use f16;
  guint32 seed;
} Case;

static GPtrArray *devices; /* of VtrDevice */
static GPtrArray *cases;   /* of Case */
static VtrDevice *cpu;     /* what Vulkan devices are compared with; NULL if the build has none */

/* ---- tensors ---- */

static void
harness_tensor_free (gpointer data)
{
  HarnessTensor *self = data;

  g_free (self->values);
  g_free (self->before);
  g_free (self);
}

static void
fill_sentinels (float *values, gsize n_values)
{
  const guint32 bits = SENTINEL_BITS;

  for (gsize i = 0; i < n_values; i++)
    memcpy (&values[i], &bits, sizeof bits);
}

static gsize
padded_size (const HarnessTensor *tensor)
{
  return vtr_tensor_n_values (&tensor->tensor) + N_SENTINELS;
}

/* Plans a tensor with the sentinels behind it inside the same range, so that they follow its last
 * value at once. */
static HarnessTensor *
add_tensor (Harness *self, VtrDType dtype, guint n_dims, const guint32 *shape)
{
  HarnessTensor *added = g_new0 (HarnessTensor, 1);
  g_autofree char *name = g_strdup_printf ("tensor-%u", self->tensors->len);
  guint32 n_values = 1;
  GError *error = NULL;

  for (guint axis = 0; axis < n_dims; axis++)
    n_values *= shape[axis];
  const guint32 padded = n_values + N_SENTINELS;
  vtr_arena_plan (self->arena, &added->tensor, name, dtype, 1, &padded, &error);
  g_assert_no_error (error);
  added->tensor.n_dims = n_dims;
  memcpy (added->tensor.shape, shape, n_dims * sizeof *shape);

  added->values = g_new (float, padded);
  fill_sentinels (added->values, padded);
  g_ptr_array_add (self->tensors, added);
  return added;
}

void
harness_guard (Harness *self)
{
  const guint32 none = 0;

  add_tensor (self, VTR_DTYPE_F32, 1, &none);
}

static void
read_shape (guint n_dims, va_list sizes, guint32 *shape)
{
  for (guint axis = 0; axis < n_dims; axis++)
    shape[axis] = va_arg (sizes, guint32);
}

HarnessTensor *
harness_zeros (Harness *self, VtrDType dtype, guint n_dims, ...)
{
  guint32 shape[VTR_MAX_DIMS];
  va_list sizes;

  va_start (sizes, n_dims);
  read_shape (n_dims, sizes, shape);
  va_end (sizes);
  HarnessTensor *tensor = add_tensor (self, dtype, n_dims, shape);
  memset (tensor->values, 0, vtr_tensor_n_bytes (&tensor->tensor));
  return tensor;
}

static HarnessTensor *
add_input (Harness *self,
           VtrDType dtype,
           gboolean rounded,
           float low,
           float high,
           guint n_dims,
           va_list sizes)
{
  guint32 shape[VTR_MAX_DIMS];

  read_shape (n_dims, sizes, shape);
  HarnessTensor *tensor = add_tensor (self, dtype, n_dims, shape);
  const gsize n_values = vtr_tensor_n_values (&tensor->tensor);
  for (gsize i = 0; i < n_values; i++)
    {
      const float value = g_rand_double_range (self->rand, low, high);
      tensor->values[i] = rounded ? vtr_half_to_float (vtr_half_from_float (value)) : value;
    }
  return tensor;
}

HarnessTensor *
harness_input (Harness *self, float low, float high, guint n_dims, ...)
{
  va_list sizes;

  va_start (sizes, n_dims);
  HarnessTensor *tensor = add_input (self, VTR_DTYPE_F32, FALSE, low, high, n_dims, sizes);
  va_end (sizes);
  return tensor;
}

HarnessTensor *
harness_activation (Harness *self, float low, float high, guint n_dims, ...)
{
  va_list sizes;

  va_start (sizes, n_dims);
  HarnessTensor *tensor = add_input (self, self->activation, self->f16 == VTR_F16_ACTIVATIONS, low,
                                     high, n_dims, sizes);
  va_end (sizes);
  return tensor;
}

HarnessTensor *
harness_weights (Harness *self, float low, float high, guint n_dims, ...)
{
  va_list sizes;

  va_start (sizes, n_dims);
  HarnessTensor *tensor =
      add_input (self, self->weight, self->f16 != VTR_F16_NOTHING, low, high, n_dims, sizes);
  va_end (sizes);
  return tensor;
}

static HarnessTensor *
add_output (Harness *self, VtrDType dtype, guint n_dims, va_list sizes)
{
  guint32 shape[VTR_MAX_DIMS];

  read_shape (n_dims, sizes, shape);
  harness_guard (self); /* the sentinels in front */
  HarnessTensor *tensor = add_tensor (self, dtype, n_dims, shape);
  tensor->is_output = TRUE;
  return tensor;
}

HarnessTensor *
harness_output (Harness *self, guint n_dims, ...)
{
  va_list sizes;

  va_start (sizes, n_dims);
  HarnessTensor *tensor = add_output (self, VTR_DTYPE_F32, n_dims, sizes);
  va_end (sizes);
  return tensor;
}

HarnessTensor *
harness_output_activation (Harness *self, guint n_dims, ...)
{
  va_list sizes;

  va_start (sizes, n_dims);
  HarnessTensor *tensor = add_output (self, self->activation, n_dims, sizes);
  va_end (sizes);
  return tensor;
}

void
harness_set_in_out (HarnessTensor *tensor)
{
  tensor->is_output = TRUE;
}

/* ---- running ---- */

/* The whole range of a tensor, sentinels included. */
static VtrTensor
padded_tensor (const HarnessTensor *tensor)
{
  VtrTensor padded = tensor->tensor;

  padded.n_dims = 1;
  padded.shape[0] = padded_size (tensor);
  return padded;
}

/* The bytes the device gets, sentinels included. */
static guint8 *
pack (const HarnessTensor *tensor)
{
  const gsize n_values = vtr_tensor_n_values (&tensor->tensor);
  const gsize n_padded = padded_size (tensor);

  if (tensor->tensor.dtype != VTR_DTYPE_F16)
    return g_memdup2 (tensor->values, n_padded * sizeof *tensor->values);
  guint16 *halves = g_new (guint16, n_padded);
  for (gsize i = 0; i < n_padded; i++)
    halves[i] = i < n_values && !isnan (tensor->values[i]) ? vtr_half_from_float (tensor->values[i])
                                                           : SENTINEL_HALF;
  return (guint8 *) halves;
}

void
harness_begin (Harness *self)
{
  GError *error = NULL;

  harness_guard (self);
  vtr_arena_commit (self->arena, &error);
  g_assert_no_error (error);
  self->stream = vtr_stream_new (self->device, &error);
  g_assert_no_error (error);

  for (guint i = 0; i < self->tensors->len; i++)
    {
      HarnessTensor *tensor = g_ptr_array_index (self->tensors, i);
      const VtrTensor padded = padded_tensor (tensor);
      const gsize n_bytes = vtr_tensor_n_bytes (&padded);
      tensor->before = pack (tensor);
      vtr_stream_write (self->stream, &padded, 0, tensor->before, n_bytes, &error);
      g_assert_no_error (error);
    }
}

/* Checks that the device left alone what is not the kernels' to write. */
static void
check_untouched (const HarnessTensor *tensor, const guint8 *after)
{
  const gsize size = vtr_dtype_size (tensor->tensor.dtype);
  const gsize first = tensor->is_output ? vtr_tensor_n_values (&tensor->tensor) : 0;

  for (gsize i = first; i < padded_size (tensor); i++)
    if (memcmp (after + i * size, tensor->before + i * size, size) != 0)
      g_error ("%s: value %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT " became %g",
               tensor->tensor.name, i, vtr_tensor_n_values (&tensor->tensor), tensor->values[i]);
}

void
harness_finish (Harness *self)
{
  GError *error = NULL;

  for (guint i = 0; i < self->tensors->len; i++)
    {
      HarnessTensor *tensor = g_ptr_array_index (self->tensors, i);
      const VtrTensor padded = padded_tensor (tensor);
      const gsize n_bytes = vtr_tensor_n_bytes (&padded);
      g_autofree guint8 *after = g_malloc (n_bytes);
      vtr_stream_read (self->stream, &padded, 0, after, n_bytes, &error);
      g_assert_no_error (error);
      if (padded.dtype == VTR_DTYPE_F16)
        vtr_floats_from (padded.dtype, after, padded.shape[0], tensor->values);
      else
        memcpy (tensor->values, after, n_bytes);
      check_untouched (tensor, after);
    }
}

void
harness_assert_close (const HarnessTensor *tensor, const double *expected)
{
  const gsize n_values = vtr_tensor_n_values (&tensor->tensor);
  const double max_nmse = tensor->tensor.dtype == VTR_DTYPE_F16 ? MAX_F16_NMSE : MAX_NMSE;
  double error = 0.0, power = 0.0;

  for (gsize i = 0; i < n_values; i++)
    {
      const double difference = tensor->values[i] - expected[i];
      error += difference * difference;
      power += expected[i] * expected[i];
    }
  /* Not “>”: NaN must fail. */
  if (!(error <= max_nmse * power))
    g_error ("%s: NMSE %g", tensor->tensor.name, error / power);
}

/* ---- cases ---- */

/* Runs a case on @device; its tensors, with what came out. */
static GPtrArray *
run_on (VtrDevice *device, const Case *test)
{
  /* The processor gets the same numbers as floats where it takes no halves. */
  const VtrF16Use stored = MIN (test->f16, device->f16);
  Harness harness = {
    .device = device,
    .arena = vtr_arena_new (device, "test"),
    .rand = g_rand_new_with_seed (test->seed),
    .tensors = g_ptr_array_new_with_free_func (harness_tensor_free),
    .f16 = test->f16,
    .activation = stored == VTR_F16_ACTIVATIONS ? VTR_DTYPE_F16 : VTR_DTYPE_F32,
    .weight = stored == VTR_F16_NOTHING ? VTR_DTYPE_F32 : VTR_DTYPE_F16,
  };

  test->func (&harness, test->data);

  vtr_stream_free (harness.stream);
  vtr_arena_free (harness.arena);
  g_rand_free (harness.rand);
  return harness.tensors;
}

/* Integers exactly, the rest as close as to the reference. */
static void
assert_same (const HarnessTensor *actual, const HarnessTensor *expected)
{
  const gsize n_values = vtr_tensor_n_values (&actual->tensor);
  g_autofree double *values = g_new (double, n_values);

  if (actual->tensor.dtype == VTR_DTYPE_U32)
    {
      g_assert_cmpmem (actual->values, vtr_tensor_n_bytes (&actual->tensor), expected->values,
                       vtr_tensor_n_bytes (&expected->tensor));
      return;
    }
  for (gsize i = 0; i < n_values; i++)
    values[i] = expected->values[i];
  harness_assert_close (actual, values);
}

static void
run_case (gconstpointer data)
{
  const Case *test = data;
  const guint n_messages = vtr_vulkan_count_messages ();
  g_autoptr (GPtrArray) actual = run_on (test->device, test);
  g_autoptr (GPtrArray) expected = cpu != NULL ? run_on (cpu, test) : NULL;

  for (guint i = 0; expected != NULL && i < actual->len; i++)
    {
      const HarnessTensor *tensor = g_ptr_array_index (actual, i);
      if (tensor->is_output)
        assert_same (tensor, g_ptr_array_index (expected, i));
    }
  g_assert_cmpuint (vtr_vulkan_count_messages (), ==, n_messages);
}

static void
add_case (VtrDevice *device,
          VtrF16Use f16,
          const char *op,
          const char *name,
          HarnessFunc func,
          gconstpointer data)
{
  g_autofree char *path = g_strdup_printf ("/%s/%s%s/%s", device->info->id, op,
                                           f16 != VTR_F16_NOTHING ? "/f16" : "", name);
  Case *added = g_new (Case, 1);

  *added = (Case){ device, func, data, f16, g_str_hash (name) };
  g_ptr_array_add (cases, added);
  g_test_add_data_func (path, added, run_case);
}

void
harness_add (const char *op, const char *name, HarnessFunc func, gconstpointer data)
{
  for (guint i = 0; i < devices->len; i++)
    add_case (g_ptr_array_index (devices, i), VTR_F16_NOTHING, op, name, func, data);
}

void
harness_add_f16 (const char *op,
                 const char *name,
                 VtrF16Use least,
                 HarnessFunc func,
                 gconstpointer data)
{
  for (guint i = 0; i < devices->len; i++)
    {
      VtrDevice *device = g_ptr_array_index (devices, i);

      if (device->f16 >= least)
        add_case (device, device->f16, op, name, func, data);
    }
}

static gboolean
is_wanted (const char *name)
{
  const char *wanted = g_getenv ("VTR_TEST_DEVICES");

  if (wanted == NULL || *wanted == '\0' || g_str_equal (wanted, "all"))
    return TRUE;
  g_auto (GStrv) names = g_strsplit (wanted, ",", -1);
  return g_strv_contains ((const char *const *) names, name);
}

static void
take_device (VtrDevice *device)
{
  printf ("# %s: %s, %s\n", device->info->id, device->info->name, device->info->driver);
  g_ptr_array_add (devices, device);
}

static gboolean
is_cpu_alone (void)
{
  return g_strcmp0 (g_getenv ("VTR_TEST_DEVICES"), "cpu") == 0;
}

/* Opens the processor; why it cannot, or NULL. */
static char *
open_cpu (void)
{
  g_autoptr (GError) error = NULL;
  VtrDevice *device = vtr_cpu_open (&error);

  if (device == NULL)
    return g_strdup (error->message);
  take_device (device);
  return NULL;
}

/* Opens the Vulkan devices that are wanted, and what they are compared with; why there is none, or
 * NULL. */
static char *
open_vulkan (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) infos = vtr_vulkan_list (&error);

  if (infos == NULL)
    return g_strdup (error->message);
  for (guint i = 0; i < infos->len; i++)
    {
      const VtrDeviceInfo *info = g_ptr_array_index (infos, i);
      g_autofree char *number = g_strdup_printf ("%u", i);
      if (!is_wanted (number) || !info->usable)
        continue;
      VtrDevice *device = vtr_vulkan_open (i, &error);
      g_assert_no_error (error);
      take_device (device);
    }
  if (devices->len == 0)
    return g_strdup ("no usable Vulkan device");
  cpu = vtr_cpu_open (&error);
  printf ("# compared with %s\n", cpu != NULL ? cpu->info->driver : error->message);
  return NULL;
}

int
harness_run (int argc, char **argv, void (*add_cases) (void))
{
  devices = g_ptr_array_new_with_free_func (g_object_unref);
  cases = g_ptr_array_new_with_free_func (g_free);
  g_test_init (&argc, &argv, NULL);

  int status = 0;
  g_autofree char *reason = is_cpu_alone () ? open_cpu () : open_vulkan ();
  if (reason != NULL)
    printf ("1..0 # SKIP %s\n", reason);
  else
    {
      add_cases ();
      status = g_test_run ();
    }
  g_clear_object (&cpu);
  g_ptr_array_unref (cases);
  g_ptr_array_unref (devices);
  return status;
}
