/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * Which shader runs a kernel on this device, with which constants and grid: a
 * row of the table below per kernel.  What a kernel is told beyond that (its
 * params) is the same on every device.
 */
#include "gpu/launch.h"

/* Invocations of a workgroup that share nothing: every device has as many. */
#define LINE_LOCAL_SIZE 64

void
vtr_launch_add_constant (VtrLaunch *launch, guint32 value)
{
  g_return_if_fail (launch->n_constants < VTR_MAX_CONSTANTS);

  launch->constants[launch->n_constants++] = value;
}

void
vtr_launch_set_line (VtrLaunch *launch, const VtrGpuLimits *limits, guint64 n_groups)
{
  const guint64 width = MIN (n_groups, limits->max_groups[0]);
  const guint64 n_lines = (n_groups + width - 1) / width;
  const guint64 height = MIN (n_lines, limits->max_groups[1]);

  launch->groups[0] = width;
  launch->groups[1] = height;
  launch->groups[2] = (n_lines + height - 1) / height;
}

gboolean
vtr_launch_use_shuffles (const VtrGpuLimits *limits)
{
  const guint32 size = limits->subgroup_size;

  return limits->software && limits->subgroup_shuffle && size >= 4 && size <= 16 &&
         (size & (size - 1)) == 0;
}

guint32
vtr_launch_n_tiles (guint32 n_values, guint32 tile_size)
{
  return n_values / tile_size + (n_values % tile_size != 0);
}

/* Either @choose, or one invocation for each of the params' count at @count_offset. */
typedef struct
{
  VtrShader shader;
  VtrShader shader_f16; /* where tensor @activation is f16 */
  guint activation;
  gsize count_offset;
  void (*choose) (const VtrGpuLimits *limits,
                  const VtrTensor *const *tensors,
                  gconstpointer params,
                  VtrLaunch *launch);
} Choice;

#define PER_VALUE_F16(shader, shader_f16, activation, Params, count)                               \
  {                                                                                                \
    shader, shader_f16, activation, G_STRUCT_OFFSET (Params, count), NULL                          \
  }

#define PER_VALUE(shader, Params, count) PER_VALUE_F16 (shader, shader, 0, Params, count)

#define CHOSEN_BY(function)                                                                        \
  {                                                                                                \
    VTR_N_SHADERS, VTR_N_SHADERS, 0, 0, function                                                   \
  }

static const Choice choices[VTR_N_KERNELS] = {
  [VTR_KERNEL_PATCHIFY] =
      PER_VALUE_F16 (VTR_SHADER_PATCHIFY, VTR_SHADER_PATCHIFY_F16, 1, VtrPatchifyParams, n_values),
  [VTR_KERNEL_EMBED_TOKENS] = PER_VALUE (VTR_SHADER_EMBED_TOKENS, VtrEmbedTokensParams, n_values),
  [VTR_KERNEL_GATHER_TOKENS] =
      PER_VALUE (VTR_SHADER_GATHER_TOKENS, VtrGatherTokensParams, n_values),
  [VTR_KERNEL_LAYER_NORM] = CHOSEN_BY (vtr_launch_choose_layer_norm),
  [VTR_KERNEL_MATMUL] = CHOSEN_BY (vtr_launch_choose_matmul),
  [VTR_KERNEL_SWIGLU] =
      PER_VALUE_F16 (VTR_SHADER_SWIGLU, VTR_SHADER_SWIGLU_F16, 0, VtrSwigluParams, n_values),
  [VTR_KERNEL_ROPE] =
      PER_VALUE_F16 (VTR_SHADER_ROPE, VTR_SHADER_ROPE_F16, 0, VtrRopeParams, n_pairs),
  [VTR_KERNEL_ATTENTION] = CHOSEN_BY (vtr_launch_choose_attention),
  [VTR_KERNEL_POOL] =
      PER_VALUE_F16 (VTR_SHADER_POOL, VTR_SHADER_POOL_F16, 0, VtrPoolParams, n_values),
  [VTR_KERNEL_ATTENTION_ROWS] = CHOSEN_BY (vtr_launch_choose_attention_rows),
  [VTR_KERNEL_ATTENTION_APPLY] = CHOSEN_BY (vtr_launch_choose_attention_apply),
  [VTR_KERNEL_ATTENTION_STATISTICS] = CHOSEN_BY (vtr_launch_choose_attention_statistics),
  [VTR_KERNEL_ROLLOUT_ROW_SUMS] = CHOSEN_BY (vtr_launch_choose_rollout_row_sums),
  [VTR_KERNEL_ROLLOUT_HISTOGRAM] = CHOSEN_BY (vtr_launch_choose_rollout_histogram),
  [VTR_KERNEL_ROLLOUT_SELECT] = CHOSEN_BY (vtr_launch_choose_rollout_select),
  [VTR_KERNEL_ROLLOUT_WEIGHTS] =
      PER_VALUE (VTR_SHADER_ROLLOUT_WEIGHTS, VtrRolloutWeightsParams, n_values),
  [VTR_KERNEL_ROLLOUT_STEP] = CHOSEN_BY (vtr_launch_choose_rollout_step),
  [VTR_KERNEL_REDUCE_PARTIALS] =
      PER_VALUE (VTR_SHADER_REDUCE_PARTIALS, VtrReducePartialsParams, n_values),
  [VTR_KERNEL_LAYER_NORM_BACKWARD] = CHOSEN_BY (vtr_launch_choose_layer_norm_backward),
  [VTR_KERNEL_MATMUL_BACKWARD] = CHOSEN_BY (vtr_launch_choose_matmul_backward),
  [VTR_KERNEL_ACTIVATION_BACKWARD] =
      PER_VALUE (VTR_SHADER_ACTIVATION_BACKWARD, VtrActivationBackwardParams, n_values),
  [VTR_KERNEL_SWIGLU_BACKWARD] =
      PER_VALUE (VTR_SHADER_SWIGLU_BACKWARD, VtrSwigluBackwardParams, n_values),
  [VTR_KERNEL_ATTENTION_BACKWARD_ROWS] =
      PER_VALUE (VTR_SHADER_ATTENTION_BACKWARD_ROWS, VtrAttentionBackwardRowsParams, n_values),
  [VTR_KERNEL_ATTENTION_BACKWARD] = CHOSEN_BY (vtr_launch_choose_attention_backward),
  [VTR_KERNEL_POOL_BACKWARD] =
      PER_VALUE (VTR_SHADER_POOL_BACKWARD, VtrPoolBackwardParams, n_values),
};

static void
choose_per_value (const Choice *choice,
                  const VtrGpuLimits *limits,
                  const VtrTensor *const *tensors,
                  gconstpointer params,
                  VtrLaunch *launch)
{
  const guint64 n_values = G_STRUCT_MEMBER (guint32, params, choice->count_offset);

  launch->shader =
      vtr_launch_is_f16 (tensors[choice->activation]) ? choice->shader_f16 : choice->shader;
  vtr_launch_add_constant (launch, LINE_LOCAL_SIZE);
  vtr_launch_set_line (launch, limits, (n_values + LINE_LOCAL_SIZE - 1) / LINE_LOCAL_SIZE);
}

gboolean
vtr_kernel_choose_launch (VtrKernel kernel,
                          const VtrGpuLimits *limits,
                          const VtrTensor *const *tensors,
                          gconstpointer params,
                          VtrLaunch *launch,
                          GError **error)
{
  g_return_val_if_fail ((guint) kernel < VTR_N_KERNELS, FALSE);

  const Choice *choice = &choices[kernel];
  *launch = (VtrLaunch){ 0 };
  if (choice->choose != NULL)
    choice->choose (limits, tensors, params, launch);
  else
    choose_per_value (choice, limits, tensors, params, launch);

  for (guint axis = 0; axis < 3; axis++)
    if (launch->groups[axis] == 0 || launch->groups[axis] > limits->max_groups[axis])
      {
        g_set_error (error, VTR_ERROR, VTR_ERROR_FAILED,
                     "The operation %s on “%s” needs %u × %u × %u workgroups, which this device "
                     "cannot start at once: use a smaller batch or a smaller picture.",
                     vtr_kernel_get_info (kernel)->name, tensors[0]->name, launch->groups[0],
                     launch->groups[1], launch->groups[2]);
        return FALSE;
      }
  return TRUE;
}
