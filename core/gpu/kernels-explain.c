/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * Launches of the kernels that recompute attention for an explanation.  All but
 * the select share lib/attention-tile.glsl and its first constants.
 */
#include "gpu/launch.h"

/* Other tokens an invocation holds products with at once: enough to outweigh the loads of its own,
 * few enough for the registers of every GPU. */
#define TILE_SIZE 16

/* On a GPU a workgroup fills the widest subgroup there is; a software device loses the lanes that
 * stick out past the last token. */
static guint32
line_size (const VtrGpuLimits *limits)
{
  return limits->software ? 16 : 64;
}

static void
add_tile_constants (VtrLaunch *launch, guint32 local_size, guint32 tile_size, guint32 head_width)
{
  vtr_launch_add_constant (launch, local_size);
  vtr_launch_add_constant (launch, tile_size);
  vtr_launch_add_constant (launch, head_width % 4 == 0);
}

static guint32
n_groups_of (guint32 n_values, guint32 local_size)
{
  return n_values / local_size + (n_values % local_size != 0);
}

void
vtr_launch_choose_attention_rows (const VtrGpuLimits *limits,
                                  gconstpointer params,
                                  VtrLaunch *launch)
{
  const VtrAttentionRowsParams *rows = params;
  /* One row (CLS) is by far the most frequent. */
  const guint32 tile_size = rows->n_rows == 1 ? 1 : rows->n_rows <= 4 ? 4 : TILE_SIZE;

  launch->shader = VTR_SHADER_ATTENTION_ROWS;
  add_tile_constants (launch, line_size (limits), tile_size, rows->head_width);
  launch->groups[0] = n_groups_of (rows->n_tokens, line_size (limits));
  launch->groups[1] = rows->n_heads * n_groups_of (rows->n_rows, tile_size);
  launch->groups[2] = rows->n_images;
}

void
vtr_launch_choose_attention_apply (const VtrGpuLimits *limits,
                                   gconstpointer params,
                                   VtrLaunch *launch)
{
  const VtrAttentionApplyParams *apply = params;

  launch->shader = VTR_SHADER_ATTENTION_APPLY;
  add_tile_constants (launch, line_size (limits), TILE_SIZE, apply->head_width);
  launch->groups[0] = n_groups_of (apply->n_tokens, line_size (limits));
  launch->groups[1] = apply->n_heads * apply->n_chunks;
  launch->groups[2] = apply->n_images;
}

static void
choose_rollout (VtrShader shader,
                guint32 local_size,
                const VtrRolloutParams *params,
                VtrLaunch *launch)
{
  launch->shader = shader;
  add_tile_constants (launch, local_size, TILE_SIZE, params->head_width);
  vtr_launch_add_constant (launch, params->fusion);
  launch->groups[0] = n_groups_of (params->n_tokens, local_size);
  launch->groups[1] = params->n_chunks;
  launch->groups[2] = params->n_images;
}

void
vtr_launch_choose_rollout_row_sums (const VtrGpuLimits *limits,
                                    gconstpointer params,
                                    VtrLaunch *launch)
{
  choose_rollout (VTR_SHADER_ROLLOUT_ROW_SUMS, line_size (limits), params, launch);
}

void
vtr_launch_choose_rollout_histogram (const VtrGpuLimits *limits,
                                     gconstpointer params,
                                     VtrLaunch *launch)
{
  /* Every workgroup clears and adds up a whole histogram, so it should be a large one. */
  choose_rollout (VTR_SHADER_ROLLOUT_HISTOGRAM, MIN (limits->max_invocations, 128), params, launch);
}

void
vtr_launch_choose_rollout_select (const VtrGpuLimits *limits G_GNUC_UNUSED,
                                  gconstpointer params,
                                  VtrLaunch *launch)
{
  const VtrRolloutSelectParams *select = params;

  launch->shader = VTR_SHADER_ROLLOUT_SELECT;
  vtr_launch_add_constant (launch, 64);
  launch->groups[0] = select->n_images;
  launch->groups[1] = 1;
  launch->groups[2] = 1;
}

void
vtr_launch_choose_rollout_step (const VtrGpuLimits *limits, gconstpointer params, VtrLaunch *launch)
{
  choose_rollout (VTR_SHADER_ROLLOUT_STEP, line_size (limits), params, launch);
}
