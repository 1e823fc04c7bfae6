/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "cases.h"

static void
add_cases (void)
{
  add_patchify_cases ();
  add_embed_tokens_cases ();
  add_gather_tokens_cases ();
  add_layer_norm_cases ();
  add_matmul_cases ();
  add_swiglu_cases ();
  add_rope_cases ();
  add_attention_cases ();
  add_pool_cases ();
  add_attention_rows_cases ();
  add_attention_apply_cases ();
  add_attention_statistics_cases ();
  add_rollout_cases ();
  add_rollout_select_cases ();
  add_rollout_gradient_cases ();
  add_copy_cases ();
  add_layer_norm_backward_cases ();
  add_matmul_backward_cases ();
  add_activation_backward_cases ();
  add_swiglu_backward_cases ();
  add_attention_backward_cases ();
  add_pool_backward_cases ();
}

int
main (int argc, char **argv)
{
  return harness_run (argc, argv, add_cases);
}
