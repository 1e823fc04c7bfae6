// SPDX-License-Identifier: LGPL-3.0-or-later
// rollout-tile.glsl: what the kernels of the rollout share: their parameters, and a tile of Ā, the
// attention fused over the chosen heads, or with GRADIENT the attention times its gradient.
//
// With GRADIENT, binding 1 has all that is known of the rows: lse, then from weights_start and
// cutoff_start on what the attention alone has in buffers of its own; binding 2 has d_context.
//
// Wants OWN_IS_QUERY: whether an invocation's own token is the query, and the others keys, or the
// other way round.  Every invocation of the workgroup must take part.

layout (constant_id = 3) const uint FUSION = 0; // VtrFusion
const uint FUSION_MEAN = 0;
const uint FUSION_MAX = 1;
const uint FUSION_GRADIENT = 3;
const uint FUSION_SENSITIVITY = 5;

layout (push_constant) uniform Params // VtrRolloutParams in core/ops/kernels.h
{
  uint n_images;
  uint n_tokens;
  uint n_heads;
  uint head_width;
  uint n_chunks;     // of the other tokens
  uint chunk_size;   // tokens of a chunk
  uvec2 head_mask;   // bit i of the low word: head i takes part; then the high word
  float head_weight; // 1 / heads that take part
  float scale;       // of q·k
  uint fusion;       // VtrFusion; the constant FUSION
  uint has_cutoff;   // 0 or 1
  uint shift;        // of the bits that select a bin (rollout-histogram)
  uint prefix_mask;  // the bits above them
  uint weights_start; // in binding 1, in 32-bit values; with GRADIENT only
  uint cutoff_start;
} params;

#include "attention-tile.glsl"

layout (std430, binding = 1) readonly buffer Lse { float lse[]; };
#ifdef GRADIENT
layout (std430, binding = 1) readonly buffer Rows { uint rows[]; };
#endif

shared float other_lse[TILE]; // not used where OWN_IS_QUERY

float fused[TILE];

// Tokens past the last are like the last; the kernels leave them out.
uint
clamp_token (uint token)
{
  return min (token, params.n_tokens - 1);
}

uint
other_start (uint image, uint first, uint i, uint head)
{
  const uint token = clamp_token (first + i);
#ifdef GRADIENT
  if (of_gradient)
    return OWN_IS_QUERY ? vector_start (image, token, VALUE, head)
                        : d_context_start (image, token, head);
#endif
  return vector_start (image, token, OWN_IS_QUERY ? KEY : QUERY, head);
}

uint
lse_index (uint image, uint head, uint query)
{
  return (image * params.n_heads + head) * params.n_tokens + query;
}

void
load_other_lse (uint image, uint first, uint head)
{
  barrier (); // all are done with the head before
  for (uint i = gl_LocalInvocationID.x; i < TILE; i += LOCAL_SIZE)
    other_lse[i] = lse[lse_index (image, head, clamp_token (first + i))];
  barrier ();
}

// A[q][k] of the product dots[i], as its logarithm.
float
log_probability (uint i, float own_lse)
{
  const float row_lse = OWN_IS_QUERY ? own_lse : other_lse[i];
  precise const float log_prob = fma (params.scale, dots[i], -row_lse);
  return log_prob;
}

#ifdef GRADIENT

// Takes a head into `fused`: ∂y/∂A, of which `dots` become the products, times A.
void
fuse_head (uint image, uint own, uint first, uint head, float own_lse)
{
  float probs[TILE];
  if (FUSION != FUSION_SENSITIVITY)
    {
      of_gradient = false;
      compute_dots (vector_start (image, own, OWN_IS_QUERY ? QUERY : KEY, head), image, first, head);
      [[unroll]] for (uint i = 0; i < TILE; i++)
        probs[i] = exp (log_probability (i, own_lse));
    }

  of_gradient = true;
  compute_dots (OWN_IS_QUERY ? d_context_start (image, own, head)
                             : vector_start (image, own, VALUE, head),
                image, first, head);
  [[unroll]] for (uint i = 0; i < TILE; i++)
    {
      precise const float product = FUSION == FUSION_SENSITIVITY ? dots[i] : dots[i] * probs[i];
      precise const float sum
          = fused[i] + (FUSION == FUSION_GRADIENT || product > 0.0 ? product : 0.0);
      fused[i] = sum;
    }
}

// Zero and not -0, whose bits are large.
float
finish_fused (float sum)
{
  precise const float mean = sum * params.head_weight;
  return mean > 0.0 ? mean : 0.0;
}

const float FUSED_START = 0.0;

#else

// Takes a head into `fused`.  exp () grows with its argument, so the largest and smallest are found
// before it.
void
fuse_head (uint image, uint own, uint first, uint head, float own_lse)
{
  compute_dots (vector_start (image, own, OWN_IS_QUERY ? QUERY : KEY, head), image, first, head);
  [[unroll]] for (uint i = 0; i < TILE; i++)
    {
      const float log_prob = log_probability (i, own_lse);
      precise const float sum = fused[i] + exp (log_prob);
      if (FUSION == FUSION_MEAN)
        fused[i] = sum;
      else if (FUSION == FUSION_MAX)
        fused[i] = max (fused[i], log_prob);
      else
        fused[i] = min (fused[i], log_prob);
    }
}

float
finish_fused (float sum)
{
  precise const float mean = sum * params.head_weight;
  return FUSION == FUSION_MEAN ? mean : exp (sum);
}

const float FUSED_START = FUSION == FUSION_MEAN ? 0.0 : FUSION == FUSION_MAX ? -3.0e38 : 3.0e38;

#endif

// fused[i] = Ā of the own token and the token first + i.
void
compute_fused (uint image, uint own, uint first)
{
  [[unroll]] for (uint i = 0; i < TILE; i++)
    fused[i] = FUSED_START;

  for (uint head = 0; head < params.n_heads; head++)
    {
      if ((params.head_mask[head / 32] >> (head % 32) & 1) == 0)
        continue;
      if (!OWN_IS_QUERY)
        load_other_lse (image, first, head);
      fuse_head (image, own, first, head,
                 OWN_IS_QUERY ? lse[lse_index (image, head, own)] : 0.0);
    }

  [[unroll]] for (uint i = 0; i < TILE; i++)
    fused[i] = finish_fused (fused[i]);
}

// Whether an entry outlives the discarding.  Its bits are compared, not its value: they order
// floats ≥ 0 like the values, and do not depend on how the device treats denormals.  The place 0, 0
// is kept of the attention alone.
bool
is_kept (uint query, uint key, float value, uint cutoff_bits)
{
#ifdef GRADIENT
  return floatBitsToUint (value) > cutoff_bits;
#else
  return floatBitsToUint (value) > cutoff_bits || (query == 0 && key == 0);
#endif
}
