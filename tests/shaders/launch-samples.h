/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * Params that lead to every variant of every kernel: what kernels*.c in core/gpu
 * makes of them on a device is all that a device may be asked to compile.
 */
#include "gpu/gpu.h"

typedef struct
{
  VtrKernel kernel;
  guint8 f16; /* bit i: tensor i is f16 */
  union
  {
    VtrPatchifyParams patchify;
    VtrEmbedTokensParams embed_tokens;
    VtrGatherTokensParams gather_tokens;
    VtrLayerNormParams layer_norm;
    VtrMatmulParams matmul;
    VtrSwigluParams swiglu;
    VtrRopeParams rope;
    VtrAttentionParams attention;
    VtrPoolParams pool;
    VtrAttentionRowsParams attention_rows;
    VtrAttentionApplyParams attention_apply;
    VtrAttentionStatisticsParams attention_statistics;
    VtrRolloutParams rollout;
    VtrRolloutSelectParams rollout_select;
    VtrRolloutWeightsParams rollout_weights;
    VtrReducePartialsParams reduce_partials;
    VtrLayerNormBackwardParams layer_norm_backward;
    VtrMatmulBackwardParams matmul_backward;
    VtrActivationBackwardParams activation_backward;
    VtrSwigluBackwardParams swiglu_backward;
    VtrAttentionBackwardRowsParams attention_backward_rows;
    VtrAttentionBackwardParams attention_backward;
    VtrPoolBackwardParams pool_backward;
  } params;
} LaunchSample;

extern const LaunchSample launch_samples[];
extern const guint n_launch_samples;

/* What a device of these @limits would run; aborts if it could not. */
VtrLaunch launch_sample_choose (const LaunchSample *self, const VtrGpuLimits *limits);
