/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "cases.h"

#include "gpu/gpu.h"

typedef struct
{
  const char *name;
  guint b, m, n, k; /* x [b][m][k], w [n][k] */
  VtrMatmulFlags flags;
  VtrActivation activation;
  float range; /* of x and w */
} MatmulCase;

#define NO_FLAGS 0
#define BIAS VTR_MATMUL_BIAS
#define SCALE VTR_MATMUL_SCALE
#define ACCUMULATE VTR_MATMUL_ACCUMULATE

static const MatmulCase cases[] = {
  { "one-value", 1, 1, 1, 1, NO_FLAGS, VTR_ACTIVATION_NONE, 1 },
  { "one-row", 1, 1, 10, 16, BIAS, VTR_ACTIVATION_NONE, 1 },
  { "one-column", 1, 9, 1, 12, BIAS, VTR_ACTIVATION_NONE, 1 },
  { "depth-1", 1, 6, 5, 1, NO_FLAGS, VTR_ACTIVATION_NONE, 1 },
  { "odd", 1, 7, 13, 19, NO_FLAGS, VTR_ACTIVATION_NONE, 1 },
  { "odd-depth", 1, 16, 32, 33, BIAS, VTR_ACTIVATION_NONE, 1 },
  { "odd-rows", 3, 5, 64, 64, BIAS, VTR_ACTIVATION_NONE, 1 },
  { "odd-columns", 1, 64, 71, 64, BIAS, VTR_ACTIVATION_NONE, 1 },
  { "scale", 1, 11, 12, 16, SCALE, VTR_ACTIVATION_NONE, 1 },
  { "accumulate", 1, 11, 12, 16, ACCUMULATE, VTR_ACTIVATION_NONE, 1 },
  { "accumulate-odd-depth", 1, 11, 12, 19, ACCUMULATE, VTR_ACTIVATION_NONE, 1 },
  { "bias-scale-accumulate", 2, 17, 20, 36, BIAS | SCALE | ACCUMULATE, VTR_ACTIVATION_NONE, 1 },
  { "gelu-erf", 1, 10, 24, 20, BIAS, VTR_ACTIVATION_GELU_ERF, 1 },
  { "gelu-tanh", 1, 10, 24, 20, BIAS, VTR_ACTIVATION_GELU_TANH, 1 },
  { "gelu-quick", 1, 10, 24, 20, BIAS, VTR_ACTIVATION_GELU_QUICK, 1 },
  { "tanh", 1, 10, 24, 20, BIAS, VTR_ACTIVATION_TANH, 1 },
  { "gelu-erf-saturated", 1, 10, 24, 20, BIAS, VTR_ACTIVATION_GELU_ERF, 8 },
  { "gelu-tanh-saturated", 1, 10, 24, 20, BIAS, VTR_ACTIVATION_GELU_TANH, 8 },
  { "gelu-quick-saturated", 1, 10, 24, 20, BIAS, VTR_ACTIVATION_GELU_QUICK, 8 },
  { "tanh-saturated", 1, 10, 24, 20, BIAS, VTR_ACTIVATION_TANH, 8 },
  { "gelu-scale-accumulate", 1, 9, 8, 8, BIAS | SCALE | ACCUMULATE, VTR_ACTIVATION_GELU_ERF, 1 },
  { "many-rows", 1, 67, 36, 36, BIAS | SCALE | ACCUMULATE, VTR_ACTIVATION_GELU_ERF, 1 },
  { "many-rows-odd-depth", 1, 67, 13, 19, BIAS, VTR_ACTIVATION_NONE, 1 },
  { "batch-of-32", 32, 3, 24, 28, BIAS, VTR_ACTIVATION_NONE, 1 },
  { "tiles-exactly", 1, 128, 128, 128, NO_FLAGS, VTR_ACTIVATION_NONE, 1 },
  { "tiles-and-one", 1, 129, 129, 129, BIAS, VTR_ACTIVATION_NONE, 1 },
  { "tiles-and-a-vector", 1, 133, 139, 136, BIAS, VTR_ACTIVATION_NONE, 1 },
  { "tiles-and-half-a-vector", 1, 133, 139, 132, BIAS | ACCUMULATE, VTR_ACTIVATION_NONE, 1 },
  { "many-tiles", 1, 1030, 516, 40, BIAS, VTR_ACTIVATION_NONE, 1 },
  { "patches-14", 1, 37, 48, 588, BIAS, VTR_ACTIVATION_NONE, 1 },
  { "long-depth", 1, 5, 12, 1536, BIAS, VTR_ACTIVATION_NONE, 1 },
  { "vit-small-qkv", 1, 257, 1152, 384, BIAS, VTR_ACTIVATION_NONE, 1 },
};

static void
test_matmul (Harness *harness, gconstpointer data)
{
  const MatmulCase *test = data;
  const guint b = test->b, m = test->m, n = test->n, k = test->k;
  HarnessTensor *x = harness_activation (harness, -test->range, test->range, 3, b, m, k);
  HarnessTensor *w = harness_weights (harness, -test->range, test->range, 2, n, k);
  HarnessTensor *epilogue = harness_input (harness, -1, 1, 2, 2, n);
  HarnessTensor *y;
  g_autofree double *expected = g_new (double, b *m *n);
  GError *error = NULL;

  if (test->flags & ACCUMULATE)
    {
      harness_guard (harness);
      y = harness_input (harness, -1, 1, 3, b, m, n);
      harness_set_in_out (y);
      for (guint i = 0; i < b * m * n; i++)
        expected[i] = y->values[i];
    }
  else
    y = harness_output_activation (harness, 3, b, m, n);
  reference_matmul (x->values, w->values, epilogue->values, test->flags, test->activation, b * m, n,
                    k, expected);

  harness_begin (harness);
  vtr_op_matmul (harness->stream, &x->tensor, &w->tensor, &epilogue->tensor, test->flags,
                 test->activation, &y->tensor, &error);
  g_assert_no_error (error);
  harness_finish (harness);
  harness_assert_close (y, expected);
}

/* That the cases in f16 go to the kernel they are run for. */
static void
test_cooperative (Harness *harness, G_GNUC_UNUSED gconstpointer data)
{
  const VtrTensor half = { .name = "half", .dtype = VTR_DTYPE_F16 };
  const VtrTensor *tensors[] = { &half, &half, &half, &half };
  const VtrMatmulParams params = { .n_rows = 67, .n_cols = 36, .depth = 36 };
  VtrLaunch launch;
  GError *error = NULL;

  if (vtr_device_get_info (harness->device)->kind == VTR_DEVICE_CPU)
    return; /* what Vulkan's results are compared with has no launches */
  vtr_kernel_choose_launch (VTR_KERNEL_MATMUL, vtr_vulkan_get_limits (harness->device), tensors,
                            &params, &launch, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (launch.subgroup_size, >, 0);
}

void
add_matmul_cases (void)
{
  if (vtr_debug_flags () & VTR_DEBUG_COOPERATIVE)
    harness_add ("matmul/f16", "cooperative", test_cooperative, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      harness_add ("matmul", cases[i].name, test_matmul, &cases[i]);
      harness_add_f16 ("matmul", cases[i].name, VTR_F16_WEIGHTS, test_matmul, &cases[i]);
    }
}
