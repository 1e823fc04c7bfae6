// SPDX-License-Identifier: LGPL-3.0-or-later
// matmul-cooperative.comp: y = act (x·wᵀ + bias)·scale (+ y) by the GPU's matrix units.
//
// Tensors: see lib/matmul-interface.glsl; x and w are f16, VECTOR_WIDTH of them in a VECTOR of uint.
//
// Grid: (column tiles, row tiles, 1).  A workgroup is DOWN × ACROSS subgroups of LANES invocations.
// A tile's slices of x and w, SLICE deep, go through shared memory; a subgroup sums ROWS × COLS
// cooperative matrices of the tile.  While it multiplies a slice, the next one is on its way from
// the buffers to registers.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require

layout (constant_id = 2) const uint LANES = 32;
layout (constant_id = 3) const uint ACROSS = 2;
layout (constant_id = 4) const uint DOWN = 2;
layout (constant_id = 5) const uint MATRIX_ROWS = 16;
layout (constant_id = 6) const uint MATRIX_COLS = 16;
layout (constant_id = 7) const uint MATRIX_DEPTH = 16;
layout (constant_id = 8) const uint ROWS = 2; // matrices
layout (constant_id = 9) const uint COLS = 2;
layout (local_size_x_id = 2, local_size_y_id = 3, local_size_z_id = 4) in;

#include "matmul-interface.glsl"

const uint SLICE = 32; // values of depth; a multiple of MATRIX_DEPTH
const uint EIGHTS = SLICE / 8;
// 16 bytes more than a line has: lines next to each other lie in different banks.
const uint SLICE_STRIDE = EIGHTS + 1;
const uint N_INVOCATIONS = LANES * ACROSS * DOWN;
const uint SUBGROUP_ROWS = ROWS * MATRIX_ROWS;
const uint SUBGROUP_COLS = COLS * MATRIX_COLS;
const uint TILE_ROWS = DOWN * SUBGROUP_ROWS;
const uint TILE_COLS = ACROSS * SUBGROUP_COLS;
const uint X_EIGHTS = TILE_ROWS * EIGHTS;
const uint W_EIGHTS = TILE_COLS * EIGHTS;
const uint X_FETCHES = (X_EIGHTS + N_INVOCATIONS - 1) / N_INVOCATIONS;
const uint W_FETCHES = (W_EIGHTS + N_INVOCATIONS - 1) / N_INVOCATIONS;
const uint SLICES_VECTORS = (TILE_ROWS + TILE_COLS) * SLICE_STRIDE;
// Of a row of a subgroup's matrices.
const uint SUMS_STRIDE = SUBGROUP_COLS / 4;
const uint SUMS_VECTORS = MATRIX_ROWS * SUMS_STRIDE;
const uint ALL_SUMS_VECTORS = DOWN * ACROSS * SUMS_VECTORS;

// The slices, rows of x and then rows of w; at the end sums, a row of matrices a subgroup.  Vectors,
// because matrices are loaded and stored at multiples of 16 bytes.
shared uvec4 staged[SLICES_VECTORS > ALL_SUMS_VECTORS ? SLICES_VECTORS : ALL_SUMS_VECTORS];

#include "cooperative-matrix.glsl"

// Eight halves of a row, zero past the depth.
#define FETCH_VECTOR(tensor, row, vector)                                                          \
  ((vector) < n_vectors ? tensor[(row) * n_vectors + (vector)] : VECTOR (0))
#if VECTOR_WIDTH == 8
#define FETCH(tensor, row, eight) FETCH_VECTOR (tensor, row, eight)
#else
#define FETCH(tensor, row, eight)                                                                  \
  uvec4 (FETCH_VECTOR (tensor, row, 2 * (eight)), FETCH_VECTOR (tensor, row, 2 * (eight) + 1))
#endif

// An invocation's part of the next slices.
struct Fetched
{
  uvec4 x[X_FETCHES];
  uvec4 w[W_FETCHES];
};

// Rows past the end repeat the last one; their sums go nowhere.
void
fetch_slices (out Fetched fetched, uint first_row, uint first_col, uint first_eight)
{
  const uint n_vectors = params.depth / VECTOR_WIDTH;

  [[unroll]] for (uint i = 0; i < X_FETCHES; i++)
    {
      const uint at = i * N_INVOCATIONS + gl_LocalInvocationIndex;
      const uint row = min (first_row + at / EIGHTS, params.n_rows - 1);
      fetched.x[i] = FETCH (x, row, first_eight + at % EIGHTS);
    }
  [[unroll]] for (uint i = 0; i < W_FETCHES; i++)
    {
      const uint at = i * N_INVOCATIONS + gl_LocalInvocationIndex;
      const uint col = min (first_col + at / EIGHTS, params.n_cols - 1);
      fetched.w[i] = FETCH (w, col, first_eight + at % EIGHTS);
    }
}

void
put_slices (Fetched fetched)
{
  [[unroll]] for (uint i = 0; i < X_FETCHES; i++)
    {
      const uint at = i * N_INVOCATIONS + gl_LocalInvocationIndex;
      if (X_EIGHTS % N_INVOCATIONS == 0 || at < X_EIGHTS)
        staged[at / EIGHTS * SLICE_STRIDE + at % EIGHTS] = fetched.x[i];
    }
  [[unroll]] for (uint i = 0; i < W_FETCHES; i++)
    {
      const uint at = i * N_INVOCATIONS + gl_LocalInvocationIndex;
      if (W_EIGHTS % N_INVOCATIONS == 0 || at < W_EIGHTS)
        staged[(TILE_ROWS + at / EIGHTS) * SLICE_STRIDE + at % EIGHTS] = fetched.w[i];
    }
}

// Puts the epilogue to a row of matrices of sums, which begins at that vector of the shared memory,
// and stores it.
void
store_matrices (uint first, uint first_row, uint first_col)
{
  for (uint i = gl_SubgroupInvocationID; i < MATRIX_ROWS * SUBGROUP_COLS; i += LANES)
    {
      const uint row = first_row + i / SUBGROUP_COLS;
      const uint col = first_col + i % SUBGROUP_COLS;
      if (row < params.n_rows && col < params.n_cols)
        store (row, col, uintBitsToFloat (staged[first + i / 4][i % 4]), column_bias (col),
               column_scale (col));
    }
}

void
main ()
{
  const uint first_row = gl_WorkGroupID.y * TILE_ROWS;
  const uint first_col = gl_WorkGroupID.x * TILE_COLS;
  const uint n_eights = (params.depth + 7) / 8;
  // Of the subgroup in the tile; its lines in the slices.
  const uint subgroup_row = gl_SubgroupID / ACROSS * SUBGROUP_ROWS;
  const uint subgroup_col = gl_SubgroupID % ACROSS * SUBGROUP_COLS;
  const uint x_line = subgroup_row;
  const uint w_line = TILE_ROWS + subgroup_col;

  MatrixSums sums[ROWS * COLS];
  [[unroll]] for (uint i = 0; i < ROWS * COLS; i++)
    clear_sums (sums[i]);

  Fetched fetched;
  fetch_slices (fetched, first_row, first_col, 0);
  for (uint next = EIGHTS;; next += EIGHTS)
    {
      put_slices (fetched);
      barrier ();
      if (next < n_eights)
        fetch_slices (fetched, first_row, first_col, next);
      [[unroll]] for (uint k = 0; k < SLICE; k += MATRIX_DEPTH)
        {
          MatrixX from_x[ROWS];
          [[unroll]] for (uint i = 0; i < ROWS; i++)
            load_matrix_x (from_x[i], (x_line + i * MATRIX_ROWS) * SLICE_STRIDE + k / 8);
          [[unroll]] for (uint j = 0; j < COLS; j++)
            {
              MatrixW from_w;
              load_matrix_w (from_w, (w_line + j * MATRIX_COLS) * SLICE_STRIDE + k / 8);
              [[unroll]] for (uint i = 0; i < ROWS; i++)
                add_product (sums[i * COLS + j], from_x[i], from_w);
            }
        }
      barrier (); // before anything overwrites these
      if (next >= n_eights)
        break;
    }

  const uint first = gl_SubgroupID * SUMS_VECTORS;
  [[unroll]] for (uint i = 0; i < ROWS; i++)
    {
      [[unroll]] for (uint j = 0; j < COLS; j++)
        store_sums (sums[i * COLS + j], first + j * MATRIX_COLS / 4);
      barrier ();
      store_matrices (first, first_row + subgroup_row + i * MATRIX_ROWS, first_col + subgroup_col);
      barrier ();
    }
}
