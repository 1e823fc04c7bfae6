/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * Launches of the kernels that recompute attention for an explanation.  All but
 * the select share lib/attention-tile.glsl, its first constants and its three
 * variants: shared memory, which runs everywhere, the same for f16, and shuffles
 * for software devices.
 */
#include "gpu/launch.h"
#include "ops/ops.h"

/* Other tokens an invocation holds products with at once: enough to outweigh the loads of its own,
 * few enough for the registers of every GPU.  By shuffles the shader takes two a lane. */
#define TILE_SIZE 16

/* Of a workgroup: the widest subgroup a GPU has; on software devices little, because lanes past the
 * last token compute in vain. */
#define LOCAL_SIZE 64
#define LOCAL_SIZE_BY_SHUFFLES 16

typedef struct
{
  VtrShader shared, shared_f16, shuffle;
} Variants;

/* Those with gradients, of which qkv is f32, take the place of the others. */
#define WITH_GRADIENT(shader)                                                                      \
  {                                                                                                \
    shader##_GRADIENT, shader##_GRADIENT, shader##_GRADIENT_SHUFFLE                                \
  }
#define OF_ATTENTION(shader)                                                                       \
  {                                                                                                \
    shader, shader##_F16, shader##_SHUFFLE                                                         \
  }

static gboolean
use_shuffles (const VtrGpuLimits *limits, const VtrTensor *qkv)
{
  return vtr_launch_use_shuffles (limits) && !vtr_launch_is_f16 (qkv);
}

/* Chooses the variant and adds the constants that all have; @tile_size is that of the ones in
 * shared memory. */
static void
choose_variant (VtrLaunch *launch,
                const VtrGpuLimits *limits,
                const Variants *variants,
                const VtrTensor *qkv,
                guint32 local_size,
                guint32 tile_size,
                guint32 head_width)
{
  const gboolean shuffles = use_shuffles (limits, qkv);

  launch->shader = shuffles                  ? variants->shuffle
                   : vtr_launch_is_f16 (qkv) ? variants->shared_f16
                                             : variants->shared;
  vtr_launch_add_constant (launch, local_size);
  vtr_launch_add_constant (launch, shuffles ? limits->subgroup_size : tile_size);
  vtr_launch_add_constant (launch, head_width % 4 == 0);
}

static guint32
local_size_for (const VtrGpuLimits *limits, const VtrTensor *qkv)
{
  return use_shuffles (limits, qkv) ? LOCAL_SIZE_BY_SHUFFLES : LOCAL_SIZE;
}

void
vtr_launch_choose_attention_rows (const VtrGpuLimits *limits,
                                  const VtrTensor *const *tensors,
                                  gconstpointer params,
                                  VtrLaunch *launch)
{
  const VtrAttentionRowsParams *rows = params;
  const Variants variants = { VTR_SHADER_ATTENTION_ROWS, VTR_SHADER_ATTENTION_ROWS_F16,
                              VTR_SHADER_ATTENTION_ROWS_SHUFFLE };
  const guint32 local_size = local_size_for (limits, tensors[0]);
  /* One row (CLS) is by far the most frequent. */
  const guint32 shared_tile = rows->n_rows == 1 ? 1 : rows->n_rows <= 4 ? 4 : TILE_SIZE;
  const guint32 tile_size =
      use_shuffles (limits, tensors[0]) ? 2 * limits->subgroup_size : shared_tile;

  choose_variant (launch, limits, &variants, tensors[0], local_size, shared_tile, rows->head_width);
  launch->groups[0] = vtr_launch_n_tiles (rows->n_tokens, local_size);
  launch->groups[1] = rows->n_heads * vtr_launch_n_tiles (rows->n_rows, tile_size);
  launch->groups[2] = rows->n_images;
}

void
vtr_launch_choose_attention_apply (const VtrGpuLimits *limits,
                                   const VtrTensor *const *tensors,
                                   gconstpointer params,
                                   VtrLaunch *launch)
{
  const VtrAttentionApplyParams *apply = params;
  const Variants variants = { VTR_SHADER_ATTENTION_APPLY, VTR_SHADER_ATTENTION_APPLY_F16,
                              VTR_SHADER_ATTENTION_APPLY_SHUFFLE };
  const guint32 local_size = local_size_for (limits, tensors[0]);

  choose_variant (launch, limits, &variants, tensors[0], local_size, TILE_SIZE, apply->head_width);
  launch->groups[0] = vtr_launch_n_tiles (apply->n_tokens, local_size);
  launch->groups[1] = apply->n_heads * apply->n_chunks;
  launch->groups[2] = apply->n_images;
}

void
vtr_launch_choose_attention_statistics (const VtrGpuLimits *limits,
                                        const VtrTensor *const *tensors,
                                        gconstpointer params,
                                        VtrLaunch *launch)
{
  const VtrAttentionStatisticsParams *statistics = params;
  const Variants variants = OF_ATTENTION (VTR_SHADER_ATTENTION_STATISTICS);
  const guint32 local_size = local_size_for (limits, tensors[0]);

  choose_variant (launch, limits, &variants, tensors[0], local_size, TILE_SIZE,
                  statistics->head_width);
  launch->groups[0] = vtr_launch_n_tiles (statistics->n_tokens, local_size);
  launch->groups[1] = statistics->n_heads;
  launch->groups[2] = statistics->n_images;
}

/* @variants: of attention alone, then with gradients. */
static void
choose_rollout (VtrLaunch *launch,
                const VtrGpuLimits *limits,
                const Variants *variants,
                const VtrTensor *qkv,
                guint32 local_size,
                const VtrRolloutParams *params)
{
  if (params->fusion >= VTR_FUSION_GRADIENT)
    variants++;
  choose_variant (launch, limits, variants, qkv, local_size, TILE_SIZE, params->head_width);
  vtr_launch_add_constant (launch, params->fusion);
  launch->groups[0] = vtr_launch_n_tiles (params->n_tokens, local_size);
  launch->groups[1] = params->n_chunks;
  launch->groups[2] = params->n_images;
}

void
vtr_launch_choose_rollout_row_sums (const VtrGpuLimits *limits,
                                    const VtrTensor *const *tensors,
                                    gconstpointer params,
                                    VtrLaunch *launch)
{
  const Variants variants[] = { OF_ATTENTION (VTR_SHADER_ROLLOUT_ROW_SUMS),
                                WITH_GRADIENT (VTR_SHADER_ROLLOUT_ROW_SUMS) };

  choose_rollout (launch, limits, variants, tensors[0], local_size_for (limits, tensors[0]),
                  params);
}

void
vtr_launch_choose_rollout_histogram (const VtrGpuLimits *limits,
                                     const VtrTensor *const *tensors,
                                     gconstpointer params,
                                     VtrLaunch *launch)
{
  const Variants variants[] = { OF_ATTENTION (VTR_SHADER_ROLLOUT_HISTOGRAM),
                                WITH_GRADIENT (VTR_SHADER_ROLLOUT_HISTOGRAM) };

  /* Every workgroup clears and adds up a whole histogram, so it should be a large one. */
  choose_rollout (launch, limits, variants, tensors[0], 128, params);
}

void
vtr_launch_choose_rollout_select (const VtrGpuLimits *limits G_GNUC_UNUSED,
                                  const VtrTensor *const *tensors G_GNUC_UNUSED,
                                  gconstpointer params,
                                  VtrLaunch *launch)
{
  const VtrRolloutSelectParams *select = params;

  launch->shader = VTR_SHADER_ROLLOUT_SELECT;
  vtr_launch_add_constant (launch, LOCAL_SIZE);
  launch->groups[0] = select->n_images;
  launch->groups[1] = 1;
  launch->groups[2] = 1;
}

void
vtr_launch_choose_rollout_step (const VtrGpuLimits *limits,
                                const VtrTensor *const *tensors,
                                gconstpointer params,
                                VtrLaunch *launch)
{
  const Variants variants[] = { OF_ATTENTION (VTR_SHADER_ROLLOUT_STEP),
                                WITH_GRADIENT (VTR_SHADER_ROLLOUT_STEP) };

  choose_rollout (launch, limits, variants, tensors[0], local_size_for (limits, tensors[0]),
                  params);
}
