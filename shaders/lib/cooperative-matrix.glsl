// SPDX-License-Identifier: LGPL-3.0-or-later
// cooperative-matrix.glsl: small matrices that the lanes of a subgroup hold together and multiply
// by the GPU's matrix units: sums += x·w, where
//
//   x     MATRIX_ROWS × MATRIX_DEPTH  f16
//   w     MATRIX_DEPTH × MATRIX_COLS  f16
//   sums  MATRIX_ROWS × MATRIX_COLS   f32
//
// Which lane holds what is the driver's affair, so all values come from and go to shared memory.
// The shader has LANES, the sizes above and, as it needs them,
//
//   shared uvec4 staged[]  rows of x and columns of w, SLICE_STRIDE vectors from one to the next;
//                          rows of sums, as bits, SUMS_STRIDE vectors from one to the next
//
// and says at which vector a matrix begins.
//
// All lanes of a subgroup must come here together.
//
// The compilers we build with do not know GL_KHR_cooperative_matrix.  They know NVIDIA's older
// extension of the same functions, and shaders/cooperative-khr.py makes one of the other.
#ifndef EMULATED

#extension GL_NV_cooperative_matrix : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require

#define MatrixX fcoopmatNV<16, gl_ScopeSubgroup, MATRIX_ROWS, MATRIX_DEPTH>
#define MatrixW fcoopmatNV<16, gl_ScopeSubgroup, MATRIX_DEPTH, MATRIX_COLS>
#define MatrixSums fcoopmatNV<32, gl_ScopeSubgroup, MATRIX_ROWS, MATRIX_COLS>

#define clear_sums(sums) sums = MatrixSums (0.0)
#define load_matrix_x(x, first) coopMatLoadNV (x, staged, first, SLICE_STRIDE, false)
#define load_matrix_w(w, first) coopMatLoadNV (w, staged, first, SLICE_STRIDE, true)
#define add_product(sums, x, w) sums = coopMatMulAddNV (x, w, sums)
#define store_sums(sums, first) coopMatStoreNV (sums, staged, first, SUMS_STRIDE, false)

#else

// The same for devices without, so that tests reach everything around it.  A lane holds every
// LANES-th column of a matrix; LANES divides MATRIX_DEPTH and MATRIX_COLS.
#extension GL_KHR_shader_subgroup_shuffle : require

const uint DEPTHS_PER_LANE = MATRIX_DEPTH / LANES;
const uint COLS_PER_LANE = MATRIX_COLS / LANES;
const uint X_PER_LANE = MATRIX_ROWS * DEPTHS_PER_LANE;
const uint W_PER_LANE = MATRIX_DEPTH * COLS_PER_LANE;
const uint SUMS_PER_LANE = MATRIX_ROWS * COLS_PER_LANE;

#define MatrixX float[X_PER_LANE]
#define MatrixW float[W_PER_LANE]
#define MatrixSums float[SUMS_PER_LANE]

// The half at that place of a line.
float
slice_half (uint first, uint line, uint place)
{
  const uvec4 eight = staged[first + line * SLICE_STRIDE + place / 8];

  return unpackHalf2x16 (eight[place % 8 / 2])[place % 2];
}

void
clear_sums (out MatrixSums sums)
{
  for (uint i = 0; i < SUMS_PER_LANE; i++)
    sums[i] = 0.0;
}

void
load_matrix_x (out MatrixX x, uint first)
{
  for (uint i = 0; i < X_PER_LANE; i++)
    x[i] = slice_half (first, i / DEPTHS_PER_LANE,
                       i % DEPTHS_PER_LANE * LANES + gl_SubgroupInvocationID);
}

void
load_matrix_w (out MatrixW w, uint first)
{
  for (uint i = 0; i < W_PER_LANE; i++)
    w[i] = slice_half (first, i % COLS_PER_LANE * LANES + gl_SubgroupInvocationID,
                       i / COLS_PER_LANE);
}

void
add_product (inout MatrixSums sums, MatrixX x, MatrixW w)
{
  for (uint i = 0; i < MATRIX_ROWS * MATRIX_DEPTH; i++)
    {
      const uint row = i / MATRIX_DEPTH;
      const uint depth = i % MATRIX_DEPTH;
      const float from_x =
        subgroupShuffle (x[row * DEPTHS_PER_LANE + depth / LANES], depth % LANES);

      for (uint j = 0; j < COLS_PER_LANE; j++)
        sums[row * COLS_PER_LANE + j] += from_x * w[depth * COLS_PER_LANE + j];
    }
}

void
store_sums (MatrixSums sums, uint first)
{
  for (uint i = 0; i < SUMS_PER_LANE; i++)
    {
      const uint col = i % COLS_PER_LANE * LANES + gl_SubgroupInvocationID;
      staged[first + i / COLS_PER_LANE * SUMS_STRIDE + col / 4][col % 4] = floatBitsToUint (sums[i]);
    }
}

#endif
