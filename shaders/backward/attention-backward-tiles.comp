// SPDX-License-Identifier: LGPL-3.0-or-later
// attention-backward-tiles.comp: the gradient of the attention, for GPUs.
//
// Tensors and formulas: see lib/attention-backward-interface.glsl, VECTOR is float.
//
// Grid: (tiles of own tokens, n_heads, n_images), 16 × 8 invocations a workgroup, TILE own tokens
// each.  The others come TILE at a time: products of the tile, by slices of both tokens' vectors in
// shared memory; from them A and d_s; the sums over the others, by slices again.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require

layout (constant_id = 1) const uint SUM_SLICES = 2; // head_width / SUM_SLICE, rounded up
layout (local_size_x = 16, local_size_y = 8) in;

#include "attention-backward-interface.glsl"

const uint N_INVOCATIONS = 128;
const uint TILE = 32;
const uint SLICE = 16;     // columns of two vectors that are multiplied
const uint SUM_SLICE = 32; // columns of what is summed
const uint OWN = 4;        // tokens of an invocation: y, y + 8, ...
const uint OTHERS = 2;     // of an invocation: x, x + 16
const uint COLUMNS = 2;    // of a slice of sums, of an invocation: x, x + 16
const uint STRIDE = TILE + 1; // keeps a column's values in different banks
const uint OTHER_START = SLICE * STRIDE;
const uint N_SUMS = SUM_SLICES * COLUMNS * OWN;

shared float slices[SUM_SLICE * STRIDE]; // [column][own], then [column][other]; or others' to sum
shared float probs[TILE * STRIDE];       // [own][other]: A; not used for queries
shared float gradients[TILE * STRIDE];   // [own][other]: d_s
shared vec2 query_rows[TILE];

// Loads columns of what TILE tokens have; zeros past the head, the last token past the end.
void
load_slice (uint to, uint first_token, uint which, uint first_column, uint n_columns)
{
  for (uint i = gl_LocalInvocationIndex; i < TILE * n_columns; i += N_INVOCATIONS)
    {
      const uint column = first_column + i % n_columns;
      const uint token = min (first_token + i / n_columns, params.n_tokens - 1);
      slices[to + i % n_columns * STRIDE + i / n_columns]
          = column < params.head_width ? load (token, which, column) : 0.0;
    }
}

void
load_rows (uint first_query)
{
  if (gl_LocalInvocationIndex < TILE)
    query_rows[gl_LocalInvocationIndex]
        = load_row (min (first_query + gl_LocalInvocationIndex, params.n_tokens - 1));
}

void
multiply_tile (uint first_own, uint own, uint first_other, uint other, out float products[OWN * OTHERS])
{
  [[unroll]] for (uint i = 0; i < OWN * OTHERS; i++)
    products[i] = 0.0;

  for (uint column = 0; column < params.head_width; column += SLICE)
    {
      load_slice (0, first_own, own, column, SLICE);
      load_slice (OTHER_START, first_other, other, column, SLICE);
      barrier ();
      [[unroll]] for (uint d = 0; d < SLICE; d++)
        [[unroll]] for (uint i = 0; i < OWN; i++)
          [[unroll]] for (uint j = 0; j < OTHERS; j++)
            products[i * OTHERS + j]
                += slices[d * STRIDE + gl_LocalInvocationID.y + i * 8]
                   * slices[OTHER_START + d * STRIDE + gl_LocalInvocationID.x + j * 16];
      barrier (); // before the next slices overwrite these
    }
}

// Puts A and d_s of the tile into shared memory; zeros past the last other token.
void
weigh_tile (uint first_own, uint first_other)
{
  float dots[OWN * OTHERS];
  float d_probs[OWN * OTHERS];

  multiply_tile (first_own, OWN_FIRST, first_other, OTHER_FIRST, dots);
  multiply_tile (first_own, OWN_SECOND, first_other, OTHER_SECOND, d_probs);
  [[unroll]] for (uint i = 0; i < OWN; i++)
    [[unroll]] for (uint j = 0; j < OTHERS; j++)
      {
        const uint own = gl_LocalInvocationID.y + i * 8;
        const uint other = gl_LocalInvocationID.x + j * 16;
        const vec2 row = query_rows[OF_KEYS ? other : own];
        const bool exists = first_other + other < params.n_tokens;
        const float prob = exists ? probability (dots[i * OTHERS + j], row) : 0.0;
        if (OF_KEYS)
          probs[own * STRIDE + other] = prob;
        gradients[own * STRIDE + other] = prob * (d_probs[i * OTHERS + j] - row.y);
      }
  barrier ();
}

// Where the sum of a column of a slice and an own token stands.
uint
sum_index (uint slice, uint column, uint own)
{
  return (slice * COLUMNS + column) * OWN + own;
}

void
main ()
{
  const uint first_own = gl_WorkGroupID.x * TILE;
  float first_sums[N_SUMS];
  float second_sums[N_SUMS]; // of keys
  [[unroll]] for (uint i = 0; i < N_SUMS; i++)
    {
      first_sums[i] = 0.0;
      second_sums[i] = 0.0;
    }

  if (!OF_KEYS)
    load_rows (first_own);
  for (uint first_other = 0; first_other < params.n_tokens; first_other += TILE)
    {
      if (OF_KEYS)
        load_rows (first_other);
      weigh_tile (first_own, first_other); // its barriers come before it reads the rows
      [[unroll]] for (uint slice = 0; slice < SUM_SLICES; slice++)
        {
          load_slice (0, first_other, OTHER_FIRST, slice * SUM_SLICE, SUM_SLICE);
          barrier ();
          for (uint other = 0; other < TILE; other++)
            [[unroll]] for (uint j = 0; j < COLUMNS; j++)
              {
                const float value = slices[(gl_LocalInvocationID.x + j * 16) * STRIDE + other];
                [[unroll]] for (uint i = 0; i < OWN; i++)
                  first_sums[sum_index (slice, j, i)]
                      += gradients[(gl_LocalInvocationID.y + i * 8) * STRIDE + other] * value;
              }
          barrier (); // before the next slice overwrites it
        }
      if (!OF_KEYS)
        continue;
      [[unroll]] for (uint slice = 0; slice < SUM_SLICES; slice++)
        {
          load_slice (0, first_other, OTHER_SECOND, slice * SUM_SLICE, SUM_SLICE);
          barrier ();
          for (uint other = 0; other < TILE; other++)
            [[unroll]] for (uint j = 0; j < COLUMNS; j++)
              {
                const float value = slices[(gl_LocalInvocationID.x + j * 16) * STRIDE + other];
                [[unroll]] for (uint i = 0; i < OWN; i++)
                  second_sums[sum_index (slice, j, i)]
                      += probs[(gl_LocalInvocationID.y + i * 8) * STRIDE + other] * value;
              }
          barrier ();
        }
    }

  [[unroll]] for (uint i = 0; i < OWN; i++)
    {
      const uint token = first_own + gl_LocalInvocationID.y + i * 8;
      if (token >= params.n_tokens)
        break;
      [[unroll]] for (uint j = 0; j < SUM_SLICES * COLUMNS; j++)
        {
          const uint column = gl_LocalInvocationID.x + j * 16;
          if (column >= params.head_width)
            break;
          d_qkv[start_of (token, OWN_FIRST) + column] = first_sums[j * OWN + i] * params.scale;
          if (OF_KEYS)
            d_qkv[start_of (token, VALUE) + column] = second_sums[j * OWN + i];
        }
    }
}
