/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "cpu/kernels.h"
#include "cpu/simd.h"

const VtrCpuVariant VTR_CPU (variant) = {
  .name = VTR_CPU_TITLE,
  .n_lanes = VTR_LANES,
  .kernels = {
    [VTR_KERNEL_PATCHIFY] = VTR_CPU (patchify),
    [VTR_KERNEL_EMBED_TOKENS] = VTR_CPU (embed_tokens),
    [VTR_KERNEL_GATHER_TOKENS] = VTR_CPU (gather_tokens),
    [VTR_KERNEL_LAYER_NORM] = VTR_CPU (layer_norm),
    [VTR_KERNEL_MATMUL] = VTR_CPU (matmul),
    [VTR_KERNEL_SWIGLU] = VTR_CPU (swiglu),
    [VTR_KERNEL_ROPE] = VTR_CPU (rope),
    [VTR_KERNEL_ATTENTION] = VTR_CPU (attention),
    [VTR_KERNEL_POOL] = VTR_CPU (pool),
    [VTR_KERNEL_ATTENTION_ROWS] = VTR_CPU (attention_rows),
    [VTR_KERNEL_ATTENTION_APPLY] = VTR_CPU (attention_apply),
    [VTR_KERNEL_ATTENTION_STATISTICS] = VTR_CPU (attention_statistics),
    [VTR_KERNEL_ROLLOUT_ROW_SUMS] = VTR_CPU (rollout_row_sums),
    [VTR_KERNEL_ROLLOUT_HISTOGRAM] = VTR_CPU (rollout_histogram),
    [VTR_KERNEL_ROLLOUT_SELECT] = VTR_CPU (rollout_select),
    [VTR_KERNEL_ROLLOUT_WEIGHTS] = VTR_CPU (rollout_weights),
    [VTR_KERNEL_ROLLOUT_STEP] = VTR_CPU (rollout_step),
    [VTR_KERNEL_REDUCE_PARTIALS] = VTR_CPU (reduce_partials),
    [VTR_KERNEL_LAYER_NORM_BACKWARD] = VTR_CPU (layer_norm_backward),
    [VTR_KERNEL_MATMUL_BACKWARD] = VTR_CPU (matmul_backward),
    [VTR_KERNEL_ACTIVATION_BACKWARD] = VTR_CPU (activation_backward),
    [VTR_KERNEL_SWIGLU_BACKWARD] = VTR_CPU (swiglu_backward),
    [VTR_KERNEL_ATTENTION_BACKWARD_ROWS] = VTR_CPU (attention_backward_rows),
    [VTR_KERNEL_ATTENTION_BACKWARD] = VTR_CPU (attention_backward),
    [VTR_KERNEL_POOL_BACKWARD] = VTR_CPU (pool_backward),
  },
  .matmul_f16 = VTR_CPU (matmul_f16),
  .matmul_backward_f16 = VTR_CPU (matmul_backward_f16),
};
