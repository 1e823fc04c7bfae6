/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "launch-samples.h"

#include "ops/ops.h"

#define SAMPLE(KERNEL, member, ...)                                                                \
  {                                                                                                \
    .kernel = VTR_KERNEL_##KERNEL, .params.member = { __VA_ARGS__ }                                \
  }

/* Small products take small tiles, odd depths no vectors. */
#define MATMUL(rows, cols, depth_, flags_, act)                                                    \
  SAMPLE (MATMUL, matmul, .n_rows = rows, .n_cols = cols, .depth = depth_, .flags = flags_,        \
          .activation = act)
#define MATMULS(flags, act)                                                                        \
  MATMUL (5, 24, 384, flags, act), MATMUL (5, 24, 27, flags, act),                                 \
      MATMUL (4000, 3072, 768, flags, act), MATMUL (4000, 3072, 27, flags, act)

#define OF_HEAD(hd) .n_images = 1, .n_tokens = 257, .n_heads = 6, .head_width = hd
#define EXPLAIN_HEAD(hd)                                                                           \
  SAMPLE (ATTENTION, attention, OF_HEAD (hd)),                                                     \
      SAMPLE (ATTENTION_ROWS, attention_rows, OF_HEAD (hd), .n_rows = 1),                          \
      SAMPLE (ATTENTION_ROWS, attention_rows, OF_HEAD (hd), .n_rows = 3),                          \
      SAMPLE (ATTENTION_ROWS, attention_rows, OF_HEAD (hd), .n_rows = 257),                        \
      SAMPLE (ATTENTION_APPLY, attention_apply, OF_HEAD (hd), .n_chunks = 9, .chunk_size = 32)
#define ROLLOUT(hd, how)                                                                           \
  OF_HEAD (hd), .n_chunks = 9, .chunk_size = 32, .head_mask = { 63, 0 }, .fusion = how
#define ROLLOUTS(hd, how)                                                                          \
  SAMPLE (ROLLOUT_ROW_SUMS, rollout, ROLLOUT (hd, how)),                                           \
      SAMPLE (ROLLOUT_HISTOGRAM, rollout, ROLLOUT (hd, how)),                                      \
      SAMPLE (ROLLOUT_STEP, rollout, ROLLOUT (hd, how))

const LaunchSample launch_samples[] = {
  SAMPLE (PATCHIFY, patchify, .n_values = 150528),
  SAMPLE (EMBED_TOKENS, embed_tokens, .n_values = 98688),
  SAMPLE (LAYER_NORM, layer_norm, .n_rows = 257, .width = 384),
  SAMPLE (LAYER_NORM, layer_norm, .n_rows = 257, .width = 381),
  MATMULS (0, VTR_ACTIVATION_NONE),
  MATMULS (VTR_MATMUL_BIAS, VTR_ACTIVATION_NONE),
  MATMULS (VTR_MATMUL_BIAS, VTR_ACTIVATION_GELU_ERF),
  MATMULS (VTR_MATMUL_BIAS, VTR_ACTIVATION_GELU_TANH),
  MATMULS (VTR_MATMUL_BIAS, VTR_ACTIVATION_GELU_QUICK),
  MATMULS (VTR_MATMUL_BIAS, VTR_ACTIVATION_TANH),
  MATMULS (VTR_MATMUL_BIAS | VTR_MATMUL_ACCUMULATE, VTR_ACTIVATION_NONE),
  MATMULS (VTR_MATMUL_BIAS | VTR_MATMUL_SCALE | VTR_MATMUL_ACCUMULATE, VTR_ACTIVATION_NONE),
  SAMPLE (SWIGLU, swiglu, .n_values = 1000),
  SAMPLE (ROPE, rope, .n_pairs = 1000),
  SAMPLE (POOL, pool, .n_values = 768),
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
  SAMPLE (ROLLOUT_SELECT, rollout_select, .n_images = 1),
  SAMPLE (ROLLOUT_WEIGHTS, rollout_weights, .n_values = 257),
  SAMPLE (REDUCE_PARTIALS, reduce_partials, .n_values = 257),
};

const guint n_launch_samples = G_N_ELEMENTS (launch_samples);

VtrLaunch
launch_sample_choose (const LaunchSample *self, const VtrGpuLimits *limits)
{
  const VtrTensor tensor = { .name = "sample" };
  const VtrTensor *tensors[VTR_MAX_KERNEL_TENSORS] = { &tensor, &tensor, &tensor, &tensor };
  VtrLaunch launch;
  GError *error = NULL;

  vtr_kernel_choose_launch (self->kernel, limits, tensors, &self->params, &launch, &error);
  g_assert_no_error (error);
  return launch;
}
