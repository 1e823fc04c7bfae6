/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ops/kernels.h"

/* Bit i stands for the tensor bound at i. */
#define T0 (1 << 0)
#define T1 (1 << 1)
#define T2 (1 << 2)
#define T3 (1 << 3)

static const VtrKernelInfo kernels[VTR_N_KERNELS] = {
  [VTR_KERNEL_PATCHIFY] = { "patchify", 2, T0, T1, sizeof (VtrPatchifyParams) },
  [VTR_KERNEL_EMBED_TOKENS] = { "embed-tokens", 4, T0 | T1 | T2, T3,
                                sizeof (VtrEmbedTokensParams) },
  [VTR_KERNEL_GATHER_TOKENS] = { "gather-tokens", 3, T0 | T1, T2, sizeof (VtrGatherTokensParams) },
  [VTR_KERNEL_LAYER_NORM] = { "layer-norm", 3, T0 | T1, T2, sizeof (VtrLayerNormParams) },
  [VTR_KERNEL_MATMUL] = { "matmul", 4, T0 | T1 | T2 | T3, T3, sizeof (VtrMatmulParams) },
  [VTR_KERNEL_SWIGLU] = { "swiglu", 2, T0, T1, sizeof (VtrSwigluParams) },
  [VTR_KERNEL_ROPE] = { "rope", 2, T0 | T1, T0, sizeof (VtrRopeParams) },
  [VTR_KERNEL_ATTENTION] = { "attention", 3, T0, T1 | T2, sizeof (VtrAttentionParams) },
  [VTR_KERNEL_POOL] = { "pool", 2, T0, T1, sizeof (VtrPoolParams) },
  [VTR_KERNEL_ATTENTION_ROWS] = { "attention-rows", 4, T0 | T1 | T2, T3,
                                  sizeof (VtrAttentionRowsParams) },
  [VTR_KERNEL_ATTENTION_APPLY] = { "attention-apply", 4, T0 | T1 | T2, T3,
                                   sizeof (VtrAttentionApplyParams) },
  [VTR_KERNEL_ATTENTION_STATISTICS] = { "attention-statistics", 3, T0 | T1, T2,
                                        sizeof (VtrAttentionStatisticsParams) },
  [VTR_KERNEL_ROLLOUT_ROW_SUMS] = { "rollout-row-sums", 4, T0 | T1 | T2, T3,
                                    sizeof (VtrRolloutParams) },
  [VTR_KERNEL_ROLLOUT_HISTOGRAM] = { "rollout-histogram", 4, T0 | T1 | T2 | T3, T3,
                                     sizeof (VtrRolloutParams) },
  [VTR_KERNEL_ROLLOUT_SELECT] = { "rollout-select", 2, T0 | T1, T0 | T1,
                                  sizeof (VtrRolloutSelectParams) },
  [VTR_KERNEL_ROLLOUT_WEIGHTS] = { "rollout-weights", 4, T0 | T1 | T2, T3,
                                   sizeof (VtrRolloutWeightsParams) },
  [VTR_KERNEL_ROLLOUT_STEP] = { "rollout-step", 4, T0 | T1 | T2, T3, sizeof (VtrRolloutParams) },
  [VTR_KERNEL_REDUCE_PARTIALS] = { "reduce-partials", 2, T0, T1, sizeof (VtrReducePartialsParams) },
  [VTR_KERNEL_LAYER_NORM_BACKWARD] = { "layer-norm-backward", 4, T0 | T1 | T2 | T3, T3,
                                       sizeof (VtrLayerNormBackwardParams) },
  [VTR_KERNEL_MATMUL_BACKWARD] = { "matmul-backward", 3, T0 | T1, T2,
                                   sizeof (VtrMatmulBackwardParams) },
  [VTR_KERNEL_ACTIVATION_BACKWARD] = { "activation-backward", 4, T0 | T1 | T2, T3,
                                       sizeof (VtrActivationBackwardParams) },
  [VTR_KERNEL_SWIGLU_BACKWARD] = { "swiglu-backward", 3, T0 | T1, T2,
                                   sizeof (VtrSwigluBackwardParams) },
  [VTR_KERNEL_ATTENTION_BACKWARD_ROWS] = { "attention-backward-rows", 4, T0 | T1 | T2, T3,
                                           sizeof (VtrAttentionBackwardRowsParams) },
  [VTR_KERNEL_ATTENTION_BACKWARD] = { "attention-backward", 4, T0 | T1 | T2, T3,
                                      sizeof (VtrAttentionBackwardParams) },
  [VTR_KERNEL_POOL_BACKWARD] = { "pool-backward", 2, T0 | T1, T1, sizeof (VtrPoolBackwardParams) },
};

const VtrKernelInfo *
vtr_kernel_get_info (VtrKernel kernel)
{
  g_return_val_if_fail ((guint) kernel < VTR_N_KERNELS, NULL);

  return &kernels[kernel];
}
