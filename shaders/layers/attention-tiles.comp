// SPDX-License-Identifier: LGPL-3.0-or-later
// attention-tiles.comp: context = softmax (scale·q·kᵀ)·v with an online softmax, for GPUs.
//
// Tensors: see lib/attention-interface.glsl, VECTOR is float.
//
// Grid: (query tiles, n_heads, n_images), 16 × 8 invocations a workgroup, TILE queries each.  Keys
// come TILE at a time, in three steps: products of the tile, by slices of q and k in shared memory;
// softmax of its rows, FOLD invocations a row; the weighted sum of v, by slices again.  Milakov &
// Gimelshein 2018 for the online softmax.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_16bit_storage : require

layout (constant_id = 0) const uint VALUE_SLICES = 2; // head_width / VALUE_SLICE, rounded up
layout (local_size_x = 16, local_size_y = 8) in;

#include "attention-interface.glsl"

const uint N_INVOCATIONS = 128;
const uint TILE = 32;        // queries; keys
const uint SLICE = 16;       // columns of q and k
const uint VALUE_SLICE = 32; // columns of v
const uint QUERIES = 4;      // of an invocation: y, y + 8, ...
const uint KEYS = 2;         // of an invocation: x, x + 16
const uint COLUMNS = 2;      // of a slice of v, of an invocation: x, x + 16
const uint FOLD = N_INVOCATIONS / TILE;
const uint STRIDE = TILE + 1; // keeps a column's values in different banks
const uint K_START = SLICE * STRIDE;

shared float slices[VALUE_SLICE * STRIDE]; // [column][query], then [column][key]; or v's
shared float weights[TILE * STRIDE];       // [query][key]
shared float folds[TILE * FOLD];           // [query][fold]
shared float fades[TILE];
shared float totals[TILE];

// Loads columns of q, k or v of TILE tokens; zeros past the head, the last token past the end.
void
load_slice (uint to, uint first_token, uint which, uint first_column, uint n_columns)
{
  for (uint i = gl_LocalInvocationIndex; i < TILE * n_columns; i += N_INVOCATIONS)
    {
      const uint column = first_column + i % n_columns;
      const uint token = min (first_token + i / n_columns, params.n_tokens - 1);
      slices[to + i % n_columns * STRIDE + i / n_columns]
          = column < params.head_width ? float (qkv[start_of (token, which) + column]) : 0.0;
    }
}

// Puts scale·log2 (e)·q·k of the tile into weights[]; LOWEST past the last key.
void
multiply_tile (uint first_query, uint first_key)
{
  float products[QUERIES * KEYS];
  [[unroll]] for (uint i = 0; i < QUERIES * KEYS; i++)
    products[i] = 0.0;

  for (uint column = 0; column < params.head_width; column += SLICE)
    {
      load_slice (0, first_query, QUERY, column, SLICE);
      load_slice (K_START, first_key, KEY, column, SLICE);
      barrier ();
      [[unroll]] for (uint d = 0; d < SLICE; d++)
        [[unroll]] for (uint i = 0; i < QUERIES; i++)
          [[unroll]] for (uint j = 0; j < KEYS; j++)
            products[i * KEYS + j] += slices[d * STRIDE + gl_LocalInvocationID.y + i * 8]
                                      * slices[K_START + d * STRIDE + gl_LocalInvocationID.x + j * 16];
      barrier ();
    }

  [[unroll]] for (uint j = 0; j < KEYS; j++)
    {
      const uint key = gl_LocalInvocationID.x + j * 16;
      const bool exists = first_key + key < params.n_tokens;
      [[unroll]] for (uint i = 0; i < QUERIES; i++)
        weights[(gl_LocalInvocationID.y + i * 8) * STRIDE + key]
            = exists ? products[i * KEYS + j] * (params.scale * LOG2_E) : LOWEST;
    }
  barrier ();
}

// Turns the products in weights[] into exp2 (product − highest) and fades what came before.
// `highest` and `total` are of the row that this invocation folds, the same in all its folds.
void
soften_tile (inout float highest, inout float total)
{
  const uint query = gl_LocalInvocationIndex / FOLD;
  const uint fold = gl_LocalInvocationIndex % FOLD;

  float now_highest = highest;
  for (uint key = fold; key < TILE; key += FOLD)
    now_highest = max (now_highest, weights[query * STRIDE + key]);
  folds[gl_LocalInvocationIndex] = now_highest;
  barrier ();
  [[unroll]] for (uint i = 0; i < FOLD; i++)
    now_highest = max (now_highest, folds[query * FOLD + i]);
  barrier ();

  float sum = 0.0;
  for (uint key = fold; key < TILE; key += FOLD)
    {
      const float weight = exp2 (weights[query * STRIDE + key] - now_highest);
      weights[query * STRIDE + key] = weight;
      sum += weight;
    }
  folds[gl_LocalInvocationIndex] = sum;
  const float fade = exp2 (highest - now_highest);
  if (fold == 0)
    fades[query] = fade;
  barrier ();

  highest = now_highest;
  total *= fade;
  [[unroll]] for (uint i = 0; i < FOLD; i++)
    total += folds[query * FOLD + i];
}

void
main ()
{
  const uint first_query = gl_WorkGroupID.x * TILE;
  float highest = LOWEST;
  float total = 0.0;
  float sums[VALUE_SLICES * COLUMNS * QUERIES];
  [[unroll]] for (uint i = 0; i < VALUE_SLICES * COLUMNS * QUERIES; i++)
    sums[i] = 0.0;

  for (uint first_key = 0; first_key < params.n_tokens; first_key += TILE)
    {
      multiply_tile (first_query, first_key);
      soften_tile (highest, total);
      [[unroll]] for (uint i = 0; i < QUERIES; i++)
        {
          const float fade = fades[gl_LocalInvocationID.y + i * 8];
          [[unroll]] for (uint j = 0; j < VALUE_SLICES * COLUMNS; j++)
            sums[j * QUERIES + i] *= fade;
        }
      [[unroll]] for (uint slice = 0; slice < VALUE_SLICES; slice++)
        {
          load_slice (0, first_key, VALUE, slice * VALUE_SLICE, VALUE_SLICE);
          barrier ();
          for (uint key = 0; key < TILE; key++)
            {
              float weight[QUERIES];
              [[unroll]] for (uint i = 0; i < QUERIES; i++)
                weight[i] = weights[(gl_LocalInvocationID.y + i * 8) * STRIDE + key];
              [[unroll]] for (uint j = 0; j < COLUMNS; j++)
                {
                  const float value = slices[(gl_LocalInvocationID.x + j * 16) * STRIDE + key];
                  [[unroll]] for (uint i = 0; i < QUERIES; i++)
                    sums[(slice * COLUMNS + j) * QUERIES + i] += weight[i] * value;
                }
            }
          barrier (); // before the next slice overwrites it
        }
    }

  const uint own_query = gl_LocalInvocationIndex / FOLD;
  if (gl_LocalInvocationIndex % FOLD == 0)
    {
      totals[own_query] = total;
      if (first_query + own_query < params.n_tokens)
        store_lse (first_query + own_query, highest, total);
    }
  barrier ();

  [[unroll]] for (uint i = 0; i < QUERIES; i++)
    {
      const uint query = gl_LocalInvocationID.y + i * 8;
      if (first_query + query >= params.n_tokens)
        break;
      const uint start = context_start_of (first_query + query);
      [[unroll]] for (uint j = 0; j < VALUE_SLICES * COLUMNS; j++)
        {
          const uint column = gl_LocalInvocationID.x + j * 16;
          if (column < params.head_width)
            context[start + column] = STORED (sums[j * QUERIES + i] / totals[query]);
        }
    }
}
