/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* matmul and matmul-backward, with weights in f32 and f16: what each is as a product. */
#include "cpu/product.h"
#include "ops/ops.h"

/* @w or @halves is NULL; all else is f32.  Likewise below. */
static void
multiply_and_finish (const VtrMatmulParams *params,
                     const float *w,
                     const guint16 *halves,
                     float *const *tensors)
{
  const VtrProduct product = {
    .params = params,
    .x = tensors[0],
    .w = w,
    .halves = halves,
    .bias = params->flags & VTR_MATMUL_BIAS ? tensors[2] : NULL,
    .scale = params->flags & VTR_MATMUL_SCALE ? tensors[2] + params->n_cols : NULL,
    .add = (params->flags & VTR_MATMUL_ACCUMULATE) != 0,
    .y = tensors[3],
  };

  VTR_CPU (multiply) (&product);
}

static void
multiply_backward (const VtrMatmulBackwardParams *backward,
                   const float *w,
                   const guint16 *halves,
                   float *const *tensors)
{
  const VtrMatmulParams params = {
    .n_rows = backward->n_rows,
    .n_cols = backward->n_cols,
    .depth = backward->depth,
  };
  const VtrProduct product = {
    .params = &params,
    .x = tensors[0],
    .w = w,
    .halves = halves,
    .w_by_depth = TRUE,
    .y = tensors[2],
  };

  VTR_CPU (multiply) (&product);
}

void
VTR_CPU (matmul) (gconstpointer params, float *const *tensors)
{
  multiply_and_finish (params, tensors[1], NULL, tensors);
}

void
VTR_CPU (matmul_f16) (gconstpointer params, float *const *tensors)
{
  multiply_and_finish (params, NULL, (const guint16 *) tensors[1], tensors);
}

void
VTR_CPU (matmul_backward) (gconstpointer params, float *const *tensors)
{
  multiply_backward (params, tensors[1], NULL, tensors);
}

void
VTR_CPU (matmul_backward_f16) (gconstpointer params, float *const *tensors)
{
  multiply_backward (params, NULL, (const guint16 *) tensors[1], tensors);
}
