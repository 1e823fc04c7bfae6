// SPDX-License-Identifier: LGPL-3.0-or-later
// attention-tile.glsl: products of an invocation's own token with TILE other tokens, which are the
// same for the whole workgroup.  Neither registers nor shared memory grow with the head, so that any
// head fits any device.
//
// On a GPU the workgroup loads the others into shared memory, a slice of their columns at a time,
// and reads them back as broadcasts.  With SHUFFLES, for software devices, each subgroup loads the
// others for itself and passes them around (why: see layers/matmul-shuffle.comp).
//
// Two kernels that recompute the same A[q][k] get the same bits, whichever of q and k is their own:
// the order of the sum is fixed (`precise`, products commute).  The rollout's cutoff relies on it.
//
// With GRADIENT there are two products, q·k and d_context·v, chosen by `of_gradient`; which of them
// is the invocation's own, OWN_IS_QUERY says.
//
// Wants `params` with n_tokens, n_heads and head_width, and LOCAL_SIZE; every invocation of the
// workgroup must take part, with SHUFFLES in whole subgroups.

#ifdef SHUFFLES
layout (constant_id = 1) const uint LANES = 8; // subgroup size
const uint TILE = 2 * LANES;
#else
layout (constant_id = 1) const uint TILE = 16;
#endif
layout (constant_id = 2) const bool BY_FOUR = true; // whether head_width is a multiple of 4

#include "storage.glsl"

// The same memory twice: qkv [n_images][n_tokens][3][n_heads][head_width]
layout (std430, binding = 0) readonly buffer Qkv { STORED qkv[]; };
layout (std430, binding = 0) readonly buffer Qkv4 { STORED4 qkv4[]; };

#ifdef GRADIENT
// Likewise: [n_images][n_tokens][n_heads][head_width]  f32
layout (std430, binding = 2) readonly buffer DContext { float d_context[]; };
layout (std430, binding = 2) readonly buffer DContext4 { vec4 d_context4[]; };

bool of_gradient = false; // a constant wherever it is read, once all is inlined
#endif

const uint QUERY = 0;
const uint KEY = 1;
const uint VALUE = 2;

float dots[TILE];

// Where a token's query or key lies in `qkv`.
uint
vector_start (uint image, uint token, uint slot, uint head)
{
  return (((image * params.n_tokens + token) * 3 + slot) * params.n_heads + head)
         * params.head_width;
}

// Four columns of the query or key at `start`; zeros past the last.
vec4
load_columns (uint start, uint column)
{
  if (BY_FOUR)
    return vec4 (qkv4[(start + column) / 4]);

  vec4 columns = vec4 (0.0);
  [[unroll]] for (uint i = 0; i < 4; i++)
    if (column + i < params.head_width)
      columns[i] = float (qkv[start + column + i]);
  return columns;
}

#ifdef GRADIENT

// Where the gradient of what a token's head gave lies in `d_context`.
uint
d_context_start (uint image, uint token, uint head)
{
  return ((image * params.n_tokens + token) * params.n_heads + head) * params.head_width;
}

vec4
load_d_context (uint start, uint column)
{
  if (BY_FOUR)
    return d_context4[(start + column) / 4];

  vec4 columns = vec4 (0.0);
  [[unroll]] for (uint i = 0; i < 4; i++)
    if (column + i < params.head_width)
      columns[i] = d_context[start + column + i];
  return columns;
}

vec4
load_own (uint start, uint column)
{
  return of_gradient && OWN_IS_QUERY ? load_d_context (start, column)
                                     : load_columns (start, column);
}

vec4
load_other (uint start, uint column)
{
  return of_gradient && !OWN_IS_QUERY ? load_d_context (start, column)
                                      : load_columns (start, column);
}

#else
#define load_own load_columns
#define load_other load_columns
#endif

// Where the i-th other token's vector lies, defined by the kernel.
uint other_start (uint image, uint first, uint i, uint head);

// Adds the products of four columns to dots[i].
void
add_products (uint i, vec4 own, vec4 other)
{
  precise float sum = fma (own.x, other.x, dots[i]);
  sum = fma (own.y, other.y, sum);
  sum = fma (own.z, other.z, sum);
  sum = fma (own.w, other.w, sum);
  dots[i] = sum;
}

#ifdef SHUFFLES

// Adds the products of all columns to the dots.
void
add_columns (uint own_start, uint image, uint first, uint head)
{
  uint starts[TILE / LANES];
  [[unroll]] for (uint i = 0; i < TILE / LANES; i++)
    starts[i] = other_start (image, first, i * LANES + gl_SubgroupInvocationID, head);

  for (uint column = 0; column < params.head_width; column += 4)
    {
      const vec4 own = load_own (own_start, column);
      [[unroll]] for (uint i = 0; i < TILE / LANES; i++)
        {
          const vec4 loaded = load_other (starts[i], column);
          [[unroll]] for (uint lane = 0; lane < LANES; lane++)
            add_products (i * LANES + lane, own, subgroupShuffle (loaded, lane));
        }
    }
}

#else

const uint SLICE = 16; // vectors of 4 columns; divides LOCAL_SIZE

shared vec4 other_slices[TILE * SLICE];

// Adds the products of all columns to the dots.
void
add_columns (uint own_start, uint image, uint first, uint head)
{
  const uint n_vectors = (params.head_width + 3) / 4;
  const uint lane = gl_LocalInvocationID.x % SLICE;
  for (uint slice = 0; slice < n_vectors; slice += SLICE)
    {
      const uint width = min (SLICE, n_vectors - slice);

      barrier (); // all are done with the slice before
      if (lane < width)
        for (uint i = gl_LocalInvocationID.x / SLICE; i < TILE; i += LOCAL_SIZE / SLICE)
          other_slices[i * SLICE + lane]
              = load_other (other_start (image, first, i, head), (slice + lane) * 4);
      barrier ();

      for (uint vector = 0; vector < width; vector++)
        {
          const vec4 own = load_own (own_start, (slice + vector) * 4);
          [[unroll]] for (uint i = 0; i < TILE; i++)
            add_products (i, own, other_slices[i * SLICE + vector]);
        }
    }
}

#endif

// dots[i] = (what lies at own_start) · (what lies at other_start (i))
void
compute_dots (uint own_start, uint image, uint first, uint head)
{
  [[unroll]] for (uint i = 0; i < TILE; i++)
    dots[i] = 0.0;
  add_columns (own_start, image, first, head);
}
