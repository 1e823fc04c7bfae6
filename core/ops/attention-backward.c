/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ops/ops.h"
#include "ops/shapes.h"

/* Products of n_tokens² by head_width: q·k and d_context·v for d_q and again for d_k and d_v, and
 * the three sums. */
#define N_PRODUCTS_OF_QUERIES 3
#define N_PRODUCTS_OF_KEYS 4

gboolean
vtr_attention_backward_scratch_plan (VtrTensor *rows,
                                     VtrArena *arena,
                                     guint b,
                                     guint h,
                                     guint n,
                                     GError **error)
{
  const guint32 shape[] = { b, h, n, 2 };

  return vtr_arena_plan (arena, rows, "attention-backward.rows", VTR_DTYPE_F32,
                         G_N_ELEMENTS (shape), shape, error);
}

/* rows [b][h][n][2]: lse, and Σ d_context·context = Σ_k A[q][k]·d_A[q][k] */
static gboolean
gather_rows (VtrStream *stream,
             const VtrTensor *lse,
             const VtrTensor *context,
             const VtrTensor *d_context,
             const VtrTensor *rows,
             guint32 head_width,
             GError **error)
{
  const VtrTensor *tensors[] = { context, d_context, lse, rows };
  const VtrAttentionBackwardRowsParams params = {
    .n_images = lse->shape[0],
    .n_tokens = lse->shape[2],
    .n_heads = lse->shape[1],
    .head_width = head_width,
    .n_values = vtr_tensor_n_values (lse),
  };

  return vtr_stream_dispatch (stream, VTR_KERNEL_ATTENTION_BACKWARD_ROWS, tensors,
                              G_N_ELEMENTS (tensors), &params, sizeof params,
                              2.0 * vtr_tensor_n_values (context), error);
}

gboolean
vtr_op_head_products (VtrStream *stream,
                      const VtrTensor *a,
                      const VtrTensor *b,
                      const VtrTensor *lse,
                      const VtrTensor *rows,
                      GError **error)
{
  const VtrTensor *shaped[] = { a, b, lse, rows };

  if (lse->n_dims != 3 || a->n_dims != 3)
    return vtr_fail_shapes ("head-products", shaped, G_N_ELEMENTS (shaped), error);

  const guint32 n_images = lse->shape[0], h = lse->shape[1], n = lse->shape[2];
  const guint32 width = a->shape[2];
  if (width % h != 0 || !vtr_tensor_is_f32 (a, 3, n_images, n, width) ||
      !vtr_tensor_is_f32 (b, 3, n_images, n, width) ||
      !vtr_tensor_is_f32 (lse, 3, n_images, h, n) ||
      !vtr_tensor_is_f32 (rows, 4, n_images, h, n, 2))
    return vtr_fail_shapes ("head-products", shaped, G_N_ELEMENTS (shaped), error);
  return gather_rows (stream, lse, a, b, rows, width / h, error);
}

gboolean
vtr_op_attention_backward (VtrStream *stream,
                           const VtrTensor *qkv,
                           const VtrTensor *lse,
                           float scale,
                           const VtrTensor *context,
                           const VtrTensor *d_context,
                           const VtrTensor *rows,
                           const VtrTensor *d_qkv,
                           GError **error)
{
  const VtrTensor *shaped[] = { qkv, lse, context, d_context, rows, d_qkv };

  if (qkv->n_dims != 5)
    return vtr_fail_shapes ("attention-backward", shaped, G_N_ELEMENTS (shaped), error);

  VtrAttentionBackwardParams params = {
    .n_images = qkv->shape[0],
    .n_tokens = qkv->shape[1],
    .n_heads = qkv->shape[3],
    .head_width = qkv->shape[4],
    .scale = scale,
  };
  const guint32 b = params.n_images, n = params.n_tokens, h = params.n_heads,
                hd = params.head_width;
  if (!vtr_tensor_is_f32 (qkv, 5, b, n, 3, h, hd) || !vtr_tensor_is_f32 (lse, 3, b, h, n) ||
      !vtr_tensor_is_f32 (context, 3, b, n, h * hd) ||
      !vtr_tensor_is_f32 (d_context, 3, b, n, h * hd) || !vtr_tensor_is_f32 (rows, 4, b, h, n, 2) ||
      !vtr_tensor_is_f32 (d_qkv, 5, b, n, 3, h, hd))
    return vtr_fail_shapes ("attention-backward", shaped, G_N_ELEMENTS (shaped), error);

  if (!gather_rows (stream, lse, context, d_context, rows, hd, error))
    return FALSE;

  const VtrTensor *tensors[] = { qkv, d_context, rows, d_qkv };
  const double product = 2.0 * vtr_tensor_n_values (lse) * n * hd;
  if (!vtr_stream_dispatch (stream, VTR_KERNEL_ATTENTION_BACKWARD, tensors, G_N_ELEMENTS (tensors),
                            &params, sizeof params, N_PRODUCTS_OF_QUERIES * product, error))
    return FALSE;
  params.of_keys = 1;
  return vtr_stream_dispatch (stream, VTR_KERNEL_ATTENTION_BACKWARD, tensors,
                              G_N_ELEMENTS (tensors), &params, sizeof params,
                              N_PRODUCTS_OF_KEYS * product, error);
}
