// SPDX-License-Identifier: LGPL-3.0-or-later
// storage.glsl: what activations and matrices of weights are stored as, STORED: f32, or with F16
// halves.
//
// A half is widened where it is loaded and made where a result is stored, never computed with: a
// device needs 16-bit storage and no 16-bit arithmetic.  Drivers round to the nearest then
// (tests/ops/patchify.c sees whether they do); what is too large becomes infinity.
//
// Wants GL_EXT_shader_16bit_storage.

#ifdef F16
#define STORED float16_t
#define STORED4 f16vec4
#else
#define STORED float
#define STORED4 vec4
#endif

#ifdef PACKED
#define STORED_VECTOR VECTOR // of uint, two halves in each
#elif defined VECTOR_WIDTH && VECTOR_WIDTH == 4
#define STORED_VECTOR STORED4
#else
#define STORED_VECTOR STORED
#endif
