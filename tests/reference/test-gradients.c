/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * The gradients of the reference against differences of its forward functions: the slope of
 * Σ d_y·f (x) along each x, from f a little before and after it.
 */
#include "reference.h"

#include <math.h>

/* Small, so that f is nearly straight, but many roundings of an x near 1. */
#define STEP 1e-3
#define MAX_NMSE 1e-9

/* A function and a place: rows of two, few columns, so that every index counts. */
typedef struct
{
  void (*forward) (const float *x, double *y, gconstpointer data);
  gconstpointer data; /* given to it */
  guint n_x, n_y;
  float *x;   /* [n_x] */
  float *d_y; /* [n_y] */
} Place;

static float *
make_random (guint n, guint seed)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  float *values = g_new (float, n);

  for (guint i = 0; i < n; i++)
    values[i] = g_rand_double_range (rand, -1.5, 1.5);
  return values;
}

static void
place_init (Place *self)
{
  self->x = make_random (self->n_x, 1);
  self->d_y = make_random (self->n_y, 2);
}

/* Σ d_y·f (x) */
static double
target (const Place *self)
{
  g_autofree double *y = g_new0 (double, self->n_y);
  double sum = 0.0;

  self->forward (self->x, y, self->data);
  for (guint i = 0; i < self->n_y; i++)
    sum += self->d_y[i] * y[i];
  return sum;
}

/* Checks the gradient @d_x at the place, and leaves it. */
static void
place_check (Place *self, const double *d_x)
{
  double error = 0.0, power = 0.0;

  for (guint i = 0; i < self->n_x; i++)
    {
      const float x = self->x[i], before = x - (float) STEP, after = x + (float) STEP;
      self->x[i] = after;
      double slope = target (self);
      self->x[i] = before;
      slope = (slope - target (self)) / ((double) after - before);
      self->x[i] = x;
      error += (d_x[i] - slope) * (d_x[i] - slope);
      power += slope * slope;
    }
  if (!(error <= MAX_NMSE * power)) /* NaN must fail */
    g_error ("NMSE %g", error / power);
  g_free (self->x);
  g_free (self->d_y);
}

/* ---- layer norm ---- */

#define ROWS 2
#define COLS 6

static void
norm (const float *x, double *y, gconstpointer affine)
{
  reference_layer_norm (x, affine, 1e-2f, ROWS, COLS, y);
}

static void
test_layer_norm (void)
{
  g_autofree float *affine = make_random (2 * COLS, 3);
  Place place = { norm, affine, ROWS * COLS, ROWS * COLS, NULL, NULL };
  double d_x[ROWS * COLS];

  place_init (&place);
  reference_layer_norm_backward (place.x, affine, 1e-2f, place.d_y, ROWS, COLS, d_x);
  place_check (&place, d_x);
}

/* ---- matmul: the product, and what follows it ---- */

#define OUTPUTS 5

static void
multiply (const float *x, double *y, gconstpointer w)
{
  reference_matmul (x, w, NULL, 0, VTR_ACTIVATION_NONE, ROWS, OUTPUTS, COLS, y);
}

static void
test_matmul (void)
{
  g_autofree float *w = make_random (OUTPUTS * COLS, 3);
  Place place = { multiply, w, ROWS * COLS, ROWS * OUTPUTS, NULL, NULL };
  double d_x[ROWS * COLS];

  place_init (&place);
  reference_matmul_backward (place.d_y, w, ROWS, OUTPUTS, COLS, d_x);
  place_check (&place, d_x);
}

typedef struct
{
  const char *name;
  VtrActivation activation;
  const float *epilogue; /* [2][COLS] */
} Activation;

static void
activate (const float *z, double *y, gconstpointer data)
{
  const Activation *self = data;
  static const float one = 1.0f;

  for (guint i = 0; i < ROWS * COLS; i++) /* each a product of depth 1 */
    {
      const float epilogue[] = { 0.0f, self->epilogue[COLS + i % COLS] };
      reference_matmul (z + i, &one, epilogue, VTR_MATMUL_SCALE, self->activation, 1, 1, 1, y + i);
    }
}

static void
test_activation (gconstpointer data)
{
  g_autofree float *epilogue = make_random (2 * COLS, 3);
  const Activation activation = { NULL, ((const Activation *) data)->activation, epilogue };
  Place place = { activate, &activation, ROWS * COLS, ROWS * COLS, NULL, NULL };
  double d_z[ROWS * COLS];

  place_init (&place);
  reference_activation_backward (place.x, epilogue + COLS, activation.activation, place.d_y, ROWS,
                                 COLS, d_z);
  place_check (&place, d_z);
}

/* ---- swiglu ---- */

static void
gate (const float *gate_up, double *hidden, G_GNUC_UNUSED gconstpointer data)
{
  reference_swiglu (gate_up, ROWS, COLS, hidden);
}

static void
test_swiglu (void)
{
  Place place = { gate, NULL, ROWS * 2 * COLS, ROWS * COLS, NULL, NULL };
  double d_gate_up[ROWS * 2 * COLS];

  place_init (&place);
  reference_swiglu_backward (place.x, place.d_y, ROWS, COLS, d_gate_up);
  place_check (&place, d_gate_up);
}

/* ---- rope, attention ---- */

#define IMAGES 2
#define TOKENS 5
#define PATCHES 4
#define HEADS 2
#define HEAD_WIDTH 4
#define N_QKV (IMAGES * TOKENS * 3 * HEADS * HEAD_WIDTH)
#define N_CONTEXT (IMAGES * TOKENS * HEADS * HEAD_WIDTH)

static void
rotate (const float *qkv, double *rotated, gconstpointer table)
{
  for (guint i = 0; i < N_QKV; i++)
    rotated[i] = qkv[i];
  reference_rope (rotated, table, IMAGES, TOKENS, PATCHES, HEADS, HEAD_WIDTH);
}

static void
test_rope (void)
{
  g_autofree float *table = make_random (2 * PATCHES * HEAD_WIDTH, 3);
  Place place = { rotate, table, N_QKV, N_QKV, NULL, NULL };
  double d_qkv[N_QKV];

  place_init (&place);
  for (guint i = 0; i < N_QKV; i++)
    d_qkv[i] = place.d_y[i];
  reference_rope_backward (d_qkv, table, IMAGES, TOKENS, PATCHES, HEADS, HEAD_WIDTH);
  place_check (&place, d_qkv);
}

static ReferenceAttention
attention_of (const float *qkv)
{
  return (ReferenceAttention){ qkv, IMAGES, TOKENS, HEADS, HEAD_WIDTH, 0.6f };
}

static void
attend (const float *qkv, double *context, G_GNUC_UNUSED gconstpointer data)
{
  const ReferenceAttention self = attention_of (qkv);
  double probs[IMAGES * HEADS * TOKENS * TOKENS], lse[IMAGES * HEADS * TOKENS];

  reference_attention_probs (&self, probs, lse);
  reference_attention_context (&self, probs, context);
}

static void
test_attention (void)
{
  Place place = { attend, NULL, N_QKV, N_CONTEXT, NULL, NULL };
  double probs[IMAGES * HEADS * TOKENS * TOKENS], lse[IMAGES * HEADS * TOKENS], d_qkv[N_QKV];

  place_init (&place);
  const ReferenceAttention self = attention_of (place.x);
  reference_attention_probs (&self, probs, lse);
  reference_attention_backward (&self, probs, place.d_y, d_qkv);
  place_check (&place, d_qkv);
}

/* ---- pool ---- */

static const VtrPool pools[] = {
  VTR_POOL_CLS, VTR_POOL_MEAN, VTR_POOL_CLS_AND_MEAN, VTR_POOL_DISTILLATION, VTR_POOL_MEAN_ALL,
};

static void
pool (const float *tokens, double *pooled, gconstpointer data)
{
  reference_pool (tokens, IMAGES, TOKENS, COLS, TOKENS - PATCHES, *(const VtrPool *) data, pooled);
}

static void
test_pool (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (pools); i++)
    {
      const guint width = pools[i] == VTR_POOL_CLS_AND_MEAN ? 2 * COLS : COLS;
      Place place = { pool, &pools[i], IMAGES * TOKENS * COLS, IMAGES * width, NULL, NULL };
      double d_tokens[IMAGES * TOKENS * COLS];

      place_init (&place);
      reference_pool_backward (place.d_y, IMAGES, TOKENS, COLS, TOKENS - PATCHES, pools[i],
                               d_tokens);
      place_check (&place, d_tokens);
    }
}

int
main (int argc, char **argv)
{
  static const Activation activations[] = {
    { "/gradients/activation/none", VTR_ACTIVATION_NONE, NULL },
    { "/gradients/activation/gelu-erf", VTR_ACTIVATION_GELU_ERF, NULL },
    { "/gradients/activation/gelu-tanh", VTR_ACTIVATION_GELU_TANH, NULL },
    { "/gradients/activation/gelu-quick", VTR_ACTIVATION_GELU_QUICK, NULL },
    { "/gradients/activation/tanh", VTR_ACTIVATION_TANH, NULL },
  };

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gradients/layer-norm", test_layer_norm);
  g_test_add_func ("/gradients/matmul", test_matmul);
  for (guint i = 0; i < G_N_ELEMENTS (activations); i++)
    g_test_add_data_func (activations[i].name, &activations[i], test_activation);
  g_test_add_func ("/gradients/swiglu", test_swiglu);
  g_test_add_func ("/gradients/rope", test_rope);
  g_test_add_func ("/gradients/attention", test_attention);
  g_test_add_func ("/gradients/pool", test_pool);
  return g_test_run ();
}
