/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * Runs test cases of kernels on every Vulkan device, or on the processor.
 *
 * Each tensor of a case lies between sentinels: values in front of it and right
 * behind its last one that no kernel may touch.  They are NaNs, so that a result
 * made of what lies outside a tensor is seen too.  Outputs begin as NaNs.  After
 * a case, inputs and sentinels must be as before, and the driver's validation
 * layers must have kept silent.  What a Vulkan device computed is compared with the
 * case's reference, and with what the processor computes.
 *
 * Cases that know f16 run once more where the device does: inputs are rounded to
 * it before, so that the reference sees the same values.
 *
 * VTR_TEST_DEVICES chooses Vulkan devices by number ("0,2"), all of them by default;
 * "cpu" stands for the processor alone.
 */
#include "ops/ops.h"

typedef struct
{
  VtrTensor tensor;
  float *values;  /* owned; what the device gets, then what it answers; u32 as their bits */
  guint8 *before; /* owned; the bytes the device got, sentinels included */
  gboolean is_output;
} HarnessTensor;

typedef struct
{
  VtrDevice *device;
  VtrArena *arena;
  VtrStream *stream;
  GRand *rand;
  GPtrArray *tensors;  /* of HarnessTensor, owned */
  VtrF16Use f16;       /* which values are rounded to f16 */
  VtrDType activation; /* type of the case's activations, see ops/ops.h */
  VtrDType weight;     /* and of its matrices of weights */
} Harness;

typedef void (*HarnessFunc) (Harness *harness, gconstpointer data);

/* Registers the case “/@op/@name” for all devices. */
void harness_add (const char *op, const char *name, HarnessFunc func, gconstpointer data);

/* And once more in f16, for the devices that take @least so. */
void harness_add_f16 (const char *op,
                      const char *name,
                      VtrF16Use least,
                      HarnessFunc func,
                      gconstpointer data);

/* Finds the devices, lets @add_cases register, runs; the exit status of a TAP program. */
int harness_run (int argc, char **argv, void (*add_cases) (void));

/* ---- within a case: first plan ... ---- */

/* An input of random values in @low .. @high. */
HarnessTensor *harness_input (Harness *self, float low, float high, guint n_dims, ...);
HarnessTensor *harness_activation (Harness *self, float low, float high, guint n_dims, ...);
HarnessTensor *harness_weights (Harness *self, float low, float high, guint n_dims, ...);

/* An input of zeros, for the case to fill through `values` before harness_begin (). */
HarnessTensor *harness_zeros (Harness *self, VtrDType dtype, guint n_dims, ...);

HarnessTensor *harness_output (Harness *self, guint n_dims, ...);
HarnessTensor *harness_output_activation (Harness *self, guint n_dims, ...);

/* Makes an input one that the kernels change. */
void harness_set_in_out (HarnessTensor *tensor);

/* Sentinels next to scratch that an op plans itself: call before and after. */
void harness_guard (Harness *self);

/* ... then upload and record ... */
void harness_begin (Harness *self);

/* ... then run, fetch all `values`, and check what must not have changed. */
void harness_finish (Harness *self);

/* Normalised mean squared error of an output against @expected: at most 1e-7, in f16 what rounding
 * to it may come to. */
void harness_assert_close (const HarnessTensor *tensor, const double *expected);
