/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "launch-samples.h"

#include "ops/ops.h"

#define SAMPLE_F16(KERNEL, tensors, member, ...)                                                   \
  {                                                                                                \
    .kernel = VTR_KERNEL_##KERNEL, .f16 = tensors, .params.member = { __VA_ARGS__ }                \
  }
#define SAMPLE(KERNEL, member, ...) SAMPLE_F16 (KERNEL, 0, member, __VA_ARGS__)

/* Bit i stands for the tensor bound at i. */
#define T0 (1 << 0)
#define T1 (1 << 1)
#define T2 (1 << 2)
#define T3 (1 << 3)

/* Small products take small tiles, odd depths no vectors. */
#define MATMUL(f16, rows, cols, depth_, flags_, act)                                               \
  SAMPLE_F16 (MATMUL, f16, matmul, .n_rows = rows, .n_cols = cols, .depth = depth_,                \
              .flags = flags_, .activation = act)
#define MATMULS_F16(f16, flags, act)                                                               \
  MATMUL (f16, 5, 24, 384, flags, act), MATMUL (f16, 5, 24, 27, flags, act),                       \
      MATMUL (f16, 4000, 3072, 768, flags, act), MATMUL (f16, 4000, 3072, 27, flags, act)
#define MATMULS(flags, act) MATMULS_F16 (0, flags, act)

#define MATMUL_BACKWARD(rows, cols, depth_)                                                        \
  SAMPLE (MATMUL_BACKWARD, matmul_backward, .n_rows = rows, .n_cols = cols, .depth = depth_)

#define OF_HEAD(hd) .n_images = 1, .n_tokens = 257, .n_heads = 6, .head_width = hd
#define EXPLAIN_HEAD_AS(qkv, context, hd)                                                          \
  SAMPLE_F16 (ATTENTION, qkv | context, attention, OF_HEAD (hd)),                                  \
      SAMPLE_F16 (ATTENTION_ROWS, qkv, attention_rows, OF_HEAD (hd), .n_rows = 1),                 \
      SAMPLE_F16 (ATTENTION_ROWS, qkv, attention_rows, OF_HEAD (hd), .n_rows = 3),                 \
      SAMPLE_F16 (ATTENTION_ROWS, qkv, attention_rows, OF_HEAD (hd), .n_rows = 257),               \
      SAMPLE_F16 (ATTENTION_APPLY, qkv, attention_apply, OF_HEAD (hd), .n_chunks = 9,              \
                  .chunk_size = 32),                                                               \
      SAMPLE_F16 (ATTENTION_STATISTICS, qkv, attention_statistics, OF_HEAD (hd), .n_prefix = 1,    \
                  .n_columns = 16)
#define EXPLAIN_HEAD(hd)                                                                           \
  EXPLAIN_HEAD_AS (0, 0, hd), EXPLAIN_HEAD_AS (T0, T1, hd),                                        \
      SAMPLE (ATTENTION_BACKWARD, attention_backward, OF_HEAD (hd), .of_keys = 0),                 \
      SAMPLE (ATTENTION_BACKWARD, attention_backward, OF_HEAD (hd), .of_keys = 1)
#define ROLLOUT(hd, how)                                                                           \
  OF_HEAD (hd), .n_chunks = 9, .chunk_size = 32, .head_mask = { 63, 0 }, .fusion = how
#define ROLLOUTS_AS(qkv, hd, how)                                                                  \
  SAMPLE_F16 (ROLLOUT_ROW_SUMS, qkv, rollout, ROLLOUT (hd, how)),                                  \
      SAMPLE_F16 (ROLLOUT_HISTOGRAM, qkv, rollout, ROLLOUT (hd, how)),                             \
      SAMPLE_F16 (ROLLOUT_STEP, qkv, rollout, ROLLOUT (hd, how))
#define ROLLOUTS(hd, how) ROLLOUTS_AS (0, hd, how), ROLLOUTS_AS (T0, hd, how)
#define GRADIENTS(hd)                                                                              \
  ROLLOUTS_AS (0, hd, VTR_FUSION_GRADIENT),                                                        \
      SAMPLE (ROLLOUT_STEP, rollout, ROLLOUT (hd, VTR_FUSION_RELEVANCE)),                          \
      SAMPLE (ROLLOUT_STEP, rollout, ROLLOUT (hd, VTR_FUSION_SENSITIVITY))

const LaunchSample launch_samples[] = {
  SAMPLE (PATCHIFY, patchify, .n_values = 150528),
  SAMPLE_F16 (PATCHIFY, T1, patchify, .n_values = 150528),
  SAMPLE (EMBED_TOKENS, embed_tokens, .n_values = 98688),
  SAMPLE (GATHER_TOKENS, gather_tokens, .n_values = 98688),
  SAMPLE (LAYER_NORM, layer_norm, .n_rows = 257, .width = 384),
  SAMPLE (LAYER_NORM, layer_norm, .n_rows = 257, .width = 381),
  SAMPLE_F16 (LAYER_NORM, T2, layer_norm, .n_rows = 257, .width = 384),
  MATMULS (0, VTR_ACTIVATION_NONE),
  MATMULS (VTR_MATMUL_BIAS, VTR_ACTIVATION_NONE),
  MATMULS (VTR_MATMUL_BIAS, VTR_ACTIVATION_GELU_ERF),
  MATMULS (VTR_MATMUL_BIAS, VTR_ACTIVATION_GELU_TANH),
  MATMULS (VTR_MATMUL_BIAS, VTR_ACTIVATION_GELU_QUICK),
  MATMULS (VTR_MATMUL_BIAS, VTR_ACTIVATION_TANH),
  MATMULS (VTR_MATMUL_BIAS | VTR_MATMUL_ACCUMULATE, VTR_ACTIVATION_NONE),
  MATMULS (VTR_MATMUL_BIAS | VTR_MATMUL_SCALE | VTR_MATMUL_ACCUMULATE, VTR_ACTIVATION_NONE),
  MATMULS_F16 (T0 | T1, VTR_MATMUL_BIAS, VTR_ACTIVATION_NONE),
  MATMULS_F16 (T0 | T1, VTR_MATMUL_BIAS | VTR_MATMUL_ACCUMULATE, VTR_ACTIVATION_NONE),
  MATMULS_F16 (T0 | T1,
               VTR_MATMUL_BIAS | VTR_MATMUL_SCALE | VTR_MATMUL_ACCUMULATE,
               VTR_ACTIVATION_NONE),
  MATMULS_F16 (T0 | T1 | T3, VTR_MATMUL_BIAS, VTR_ACTIVATION_NONE),
  /* Cooperative matrices in smaller tiles, and in vectors of four. */
  MATMUL (T0 | T1 | T3, 1369, 1024, 1024, VTR_MATMUL_BIAS, VTR_ACTIVATION_NONE),
  MATMUL (T0 | T1 | T3, 257, 3072, 768, VTR_MATMUL_BIAS, VTR_ACTIVATION_GELU_ERF),
  MATMUL (T0 | T1 | T3, 257, 384, 384, VTR_MATMUL_BIAS, VTR_ACTIVATION_NONE),
  MATMUL (T0 | T1, 4000, 3072, 588, VTR_MATMUL_BIAS, VTR_ACTIVATION_NONE),
  MATMUL (T0 | T1 | T3, 4000, 3072, 588, VTR_MATMUL_BIAS, VTR_ACTIVATION_NONE),
  MATMULS_F16 (T0 | T1 | T3, VTR_MATMUL_BIAS, VTR_ACTIVATION_GELU_ERF),
  MATMULS_F16 (T0 | T1 | T3, VTR_MATMUL_BIAS, VTR_ACTIVATION_GELU_TANH),
  MATMULS_F16 (T0 | T1 | T3, VTR_MATMUL_BIAS, VTR_ACTIVATION_GELU_QUICK),
  SAMPLE (SWIGLU, swiglu, .n_values = 1000),
  SAMPLE_F16 (SWIGLU, T0 | T1, swiglu, .n_values = 1000),
  SAMPLE (ROPE, rope, .n_pairs = 1000),
  SAMPLE_F16 (ROPE, T0, rope, .n_pairs = 1000),
  SAMPLE (POOL, pool, .n_values = 768),
  SAMPLE_F16 (POOL, T0, pool, .n_values = 768),
  EXPLAIN_HEAD (5),
  EXPLAIN_HEAD (32),
  EXPLAIN_HEAD (64),
  EXPLAIN_HEAD (80),
  EXPLAIN_HEAD (88),
  EXPLAIN_HEAD (128),
  ROLLOUTS (5, VTR_FUSION_MEAN),
  ROLLOUTS (64, VTR_FUSION_MEAN),
  ROLLOUTS (64, VTR_FUSION_MAX),
  ROLLOUTS (64, VTR_FUSION_MIN),
  ROLLOUTS (128, VTR_FUSION_MEAN),
  GRADIENTS (5),
  GRADIENTS (64),
  GRADIENTS (128),
  SAMPLE (ROLLOUT_SELECT, rollout_select, .n_images = 1),
  SAMPLE (ROLLOUT_WEIGHTS, rollout_weights, .n_values = 257),
  SAMPLE (REDUCE_PARTIALS, reduce_partials, .n_values = 257),
  SAMPLE (LAYER_NORM_BACKWARD, layer_norm_backward, .n_rows = 257, .width = 384),
  MATMUL_BACKWARD (5, 384, 24),
  MATMUL_BACKWARD (5, 27, 24),
  MATMUL_BACKWARD (4000, 768, 3072),
  MATMUL_BACKWARD (4000, 27, 3072),
  SAMPLE (ACTIVATION_BACKWARD, activation_backward, .n_values = 1000),
  SAMPLE (SWIGLU_BACKWARD, swiglu_backward, .n_values = 1000),
  SAMPLE (ATTENTION_BACKWARD_ROWS, attention_backward_rows, .n_values = 257),
  SAMPLE (POOL_BACKWARD, pool_backward, .n_values = 768),
};

const guint n_launch_samples = G_N_ELEMENTS (launch_samples);

VtrLaunch
launch_sample_choose (const LaunchSample *self, const VtrGpuLimits *limits)
{
  VtrTensor samples[VTR_MAX_KERNEL_TENSORS];
  const VtrTensor *tensors[VTR_MAX_KERNEL_TENSORS];
  VtrLaunch launch;
  GError *error = NULL;

  for (guint i = 0; i < VTR_MAX_KERNEL_TENSORS; i++)
    {
      const VtrDType dtype = self->f16 >> i & 1 ? VTR_DTYPE_F16 : VTR_DTYPE_F32;
      samples[i] = (VtrTensor){ .name = "sample", .dtype = dtype };
      tensors[i] = &samples[i];
    }
  vtr_kernel_choose_launch (self->kernel, limits, tensors, &self->params, &launch, &error);
  g_assert_no_error (error);
  return launch;
}
