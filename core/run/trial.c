/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* VtrTrial: a case of an op on one device. */
#include "run/verify.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#define N_SENTINELS 64

VtrTrial *
vtr_trial_new (VtrDevice *device, guint32 seed, VtrPrecision precision)
{
  const gboolean halves = precision == VTR_PRECISION_F16 && device->f16 == VTR_F16_ACTIVATIONS;
  VtrTrial *self = g_new0 (VtrTrial, 1);

  self->arena = vtr_arena_new (device, "verification");
  self->rand = g_rand_new_with_seed (seed);
  self->tensors = g_ptr_array_new ();
  self->precision = precision;
  self->activation = halves ? VTR_DTYPE_F16 : VTR_DTYPE_F32;
  return self;
}

void
vtr_trial_free (VtrTrial *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < self->tensors->len; i++)
    {
      VtrTrialTensor *tensor = g_ptr_array_index (self->tensors, i);
      g_free (tensor->values);
      g_free (tensor->before);
      g_free (tensor->floats);
      g_free (tensor);
    }
  vtr_stream_free (self->stream); /* waits for its work, which uses the arena */
  vtr_arena_free (self->arena);
  g_ptr_array_unref (self->tensors);
  g_rand_free (self->rand);
  g_clear_error (&self->error);
  g_free (self);
}

/* ---- planning ---- */

/* The whole range of a tensor, sentinels included. */
static VtrTensor
padded_tensor (const VtrTrialTensor *self)
{
  VtrTensor padded = self->tensor;

  padded.n_dims = 1;
  padded.shape[0] = (guint32) vtr_tensor_n_values (&self->tensor) + N_SENTINELS;
  return padded;
}

/* A NaN whatever the size of a float. */
static void
fill_sentinels (gpointer values, gsize n_bytes)
{
  memset (values, 0xff, n_bytes);
}

/* The sentinels are planned as a part of the tensor, so that they follow its last value at once. */
static VtrTrialTensor *
add_tensor (VtrTrial *self, const char *name, VtrDType dtype, guint n_dims, const guint32 *shape)
{
  VtrTrialTensor *added = g_new0 (VtrTrialTensor, 1);

  added->tensor = (VtrTensor){ .dtype = dtype, .n_dims = n_dims };
  memcpy (added->tensor.shape, shape, n_dims * sizeof *shape);

  VtrTensor padded = padded_tensor (added);
  const guint32 n_padded = padded.shape[0];
  added->values = g_malloc_n (n_padded, vtr_dtype_size (dtype));
  fill_sentinels (added->values, vtr_tensor_n_bytes (&padded));
  g_ptr_array_add (self->tensors, added);

  if (self->error == NULL &&
      vtr_arena_plan (self->arena, &padded, name, dtype, 1, &n_padded, &self->error))
    {
      padded.n_dims = n_dims;
      memcpy (padded.shape, shape, n_dims * sizeof *shape);
      added->tensor = padded;
    }
  return added;
}

static void
read_shape (guint n_dims, va_list sizes, guint32 *shape)
{
  for (guint axis = 0; axis < n_dims; axis++)
    shape[axis] = va_arg (sizes, guint32);
}

/* @rounded: to what f16 can hold, whatever the values are stored as. */
static VtrTrialTensor *
add_input (VtrTrial *self,
           const char *name,
           VtrDType dtype,
           gboolean rounded,
           float low,
           float high,
           guint n_dims,
           va_list sizes)
{
  guint32 shape[VTR_MAX_DIMS];

  read_shape (n_dims, sizes, shape);
  VtrTrialTensor *tensor = add_tensor (self, name, dtype, n_dims, shape);
  const gsize n_values = vtr_tensor_n_values (&tensor->tensor);
  tensor->floats = g_new (float, n_values);
  for (gsize i = 0; i < n_values; i++)
    {
      const float value = (float) g_rand_double_range (self->rand, low, high);
      const guint16 half = vtr_half_from_float (value);

      tensor->floats[i] = rounded ? vtr_half_to_float (half) : value;
      if (dtype == VTR_DTYPE_F16)
        ((guint16 *) tensor->values)[i] = half;
      else
        ((float *) tensor->values)[i] = tensor->floats[i];
    }
  /* Where it becomes an output. */
  tensor->max_nmse = dtype == VTR_DTYPE_F16 ? VTR_TRIAL_MAX_NMSE_F16 : VTR_TRIAL_MAX_NMSE;
  return tensor;
}

VtrTrialTensor *
vtr_trial_input (VtrTrial *self, const char *name, float low, float high, guint n_dims, ...)
{
  va_list sizes;

  va_start (sizes, n_dims);
  VtrTrialTensor *tensor = add_input (self, name, VTR_DTYPE_F32, FALSE, low, high, n_dims, sizes);
  va_end (sizes);
  return tensor;
}

VtrTrialTensor *
vtr_trial_activation (VtrTrial *self, const char *name, float low, float high, guint n_dims, ...)
{
  va_list sizes;

  va_start (sizes, n_dims);
  VtrTrialTensor *tensor =
      add_input (self, name, self->activation, self->precision == VTR_PRECISION_F16, low, high,
                 n_dims, sizes);
  va_end (sizes);
  return tensor;
}

VtrTrialTensor *
vtr_trial_zeros (VtrTrial *self, const char *name, VtrDType dtype, guint n_dims, ...)
{
  guint32 shape[VTR_MAX_DIMS];
  va_list sizes;

  va_start (sizes, n_dims);
  read_shape (n_dims, sizes, shape);
  va_end (sizes);
  VtrTrialTensor *tensor = add_tensor (self, name, dtype, n_dims, shape);
  memset (tensor->values, 0, vtr_tensor_n_bytes (&tensor->tensor));
  return tensor;
}

void
vtr_trial_guard (VtrTrial *self)
{
  const guint32 none = 0;

  add_tensor (self, "guard", VTR_DTYPE_F32, 1, &none);
}

static VtrTrialTensor *
add_output (VtrTrial *self, const char *name, VtrDType dtype, guint n_dims, va_list sizes)
{
  guint32 shape[VTR_MAX_DIMS];

  read_shape (n_dims, sizes, shape);
  vtr_trial_guard (self); /* the sentinels in front */
  VtrTrialTensor *tensor = add_tensor (self, name, dtype, n_dims, shape);
  tensor->is_output = TRUE;
  tensor->max_nmse = dtype == VTR_DTYPE_F16 ? VTR_TRIAL_MAX_NMSE_F16 : VTR_TRIAL_MAX_NMSE;
  return tensor;
}

VtrTrialTensor *
vtr_trial_output (VtrTrial *self, const char *name, guint n_dims, ...)
{
  va_list sizes;

  va_start (sizes, n_dims);
  VtrTrialTensor *tensor = add_output (self, name, VTR_DTYPE_F32, n_dims, sizes);
  va_end (sizes);
  return tensor;
}

VtrTrialTensor *
vtr_trial_output_activation (VtrTrial *self, const char *name, guint n_dims, ...)
{
  va_list sizes;

  va_start (sizes, n_dims);
  VtrTrialTensor *tensor = add_output (self, name, self->activation, n_dims, sizes);
  va_end (sizes);
  return tensor;
}

/* ---- running ---- */

static gboolean
upload (VtrTrial *self, VtrTrialTensor *tensor, GError **error)
{
  const VtrTensor padded = padded_tensor (tensor);
  const gsize n_bytes = vtr_tensor_n_bytes (&padded);

  tensor->before = g_memdup2 (tensor->values, n_bytes);
  return vtr_stream_write (self->stream, &padded, 0, tensor->values, n_bytes, error);
}

gboolean
vtr_trial_begin (VtrTrial *self, GError **error)
{
  vtr_trial_guard (self);
  if (self->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&self->error));
      return FALSE;
    }
  if (!vtr_arena_commit (self->arena, error))
    return FALSE;
  self->stream = vtr_stream_new (vtr_arena_get_device (self->arena), error);

  gboolean ok = self->stream != NULL;
  for (guint i = 0; ok && i < self->tensors->len; i++)
    ok = upload (self, g_ptr_array_index (self->tensors, i), error);
  return ok;
}

gboolean
vtr_trial_finish (VtrTrial *self, GError **error)
{
  gboolean ok = TRUE;

  for (guint i = 0; ok && i < self->tensors->len; i++)
    {
      VtrTrialTensor *tensor = g_ptr_array_index (self->tensors, i);
      const VtrTensor padded = padded_tensor (tensor);
      ok = vtr_stream_read (self->stream, &padded, 0, tensor->values, vtr_tensor_n_bytes (&padded),
                            error);
    }
  return ok;
}

/* ---- judging ---- */

char *
vtr_trial_find_stray (const VtrTrial *self)
{
  for (guint i = 0; i < self->tensors->len; i++)
    {
      const VtrTrialTensor *tensor = g_ptr_array_index (self->tensors, i);
      const VtrTensor padded = padded_tensor (tensor);
      const gsize n_values = vtr_tensor_n_values (&tensor->tensor);
      const gsize size = vtr_dtype_size (tensor->tensor.dtype);
      const char *now = tensor->values, *before = tensor->before;

      for (gsize v = tensor->is_output ? n_values : 0; v < padded.shape[0]; v++)
        if (memcmp (now + v * size, before + v * size, size) != 0)
          return v < n_values ? g_strdup_printf ("value %" G_GSIZE_FORMAT " of its input “%s”", v,
                                                 tensor->tensor.name)
                              : g_strdup_printf ("value %" G_GSIZE_FORMAT " behind the end of “%s”",
                                                 v - n_values, tensor->tensor.name);
    }
  return NULL;
}

/* As doubles, which hold any u32 exactly. */
static double *
values_of (const VtrTrialTensor *self)
{
  const gsize n_values = vtr_tensor_n_values (&self->tensor);
  double *values = g_new (double, n_values);

  if (self->tensor.dtype == VTR_DTYPE_U32)
    {
      for (gsize i = 0; i < n_values; i++)
        values[i] = ((const guint32 *) self->values)[i];
      return values;
    }
  g_autofree float *floats = g_new (float, n_values);
  vtr_floats_from (self->tensor.dtype, self->values, n_values, floats);
  for (gsize i = 0; i < n_values; i++)
    values[i] = floats[i];
  return values;
}

VtrTrialError
vtr_trial_compare (const VtrTrialTensor *actual, const VtrTrialTensor *expected)
{
  const gsize n_values = vtr_tensor_n_values (&actual->tensor);
  g_autofree double *x = values_of (actual);
  g_autofree double *y = values_of (expected);
  VtrTrialError found = { .nmse = 0.0 };
  double error = 0.0, power = 0.0;

  for (gsize i = 0; i < n_values; i++)
    {
      const double difference = fabs (x[i] - y[i]);
      if (!isfinite (difference))
        return (VtrTrialError){ INFINITY, INFINITY, i };
      error += difference * difference;
      power += y[i] * y[i];
      if (difference > found.max_error)
        found = (VtrTrialError){ .max_error = difference, .worst = i };
    }
  found.nmse = error == 0.0 ? 0.0 : error / power; /* infinite where zeros were expected */
  return found;
}
