/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * bench-kernels [--json] cpu|vulkan: the parts of a block of a ViT against plain products of the
 * same sizes by CBLAS, each pair measured in turns, the minimum of each counting.  Prints time,
 * rate and ratio; fails where a ratio is below the floor of its row.
 *
 * The floors are some two thirds of what was measured when they were set, of a software driver
 * less: they let noise pass, not a kernel that has lost its vectors or its threads.
 */
#include "cpu/cpu.h"
#include "gpu/gpu.h"
#include "ops/ops.h"

#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#define N_ROUNDS 5
#define RUNS_PER_ROUND 3         /* one more is not counted */
#define PAUSE_US 30000           /* in which the other's threads stop spinning */
#define TRIAD_FLOATS (32u << 20) /* of each of three arrays: far more than caches hold */
#define SKIPPED 77

/* OpenBLAS of threads of its own is told how many; others split the work among OpenMP's. */
extern int openblas_get_parallel (void) __attribute__ ((weak));
extern void openblas_set_num_threads (int n_threads) __attribute__ ((weak));
#define OPENBLAS_WITH_PTHREADS 1

typedef struct
{
  const char *name;
  guint n, d, h, f; /* tokens, width, heads, hidden width of the MLP */
} Shape;

static const Shape shapes[] = {
  { "ViT-S/14 224 px", 257, 384, 6, 1536 },
  { "ViT-S/14 518 px", 1370, 384, 6, 1536 },
  { "ViT-B/16 224 px", 197, 768, 12, 3072 },
};

/* One block: what it computes with, on the device and, for CBLAS, here. */
typedef struct
{
  const Shape *shape;
  VtrArena *arena;
  VtrStream *stream;
  VtrTensor tokens;          /* [1][n][d] */
  VtrTensor normed;          /* [1][n][d] */
  VtrTensor qkv;             /* [1][n][3][h][hd] */
  VtrTensor lse;             /* [1][h][n] */
  VtrTensor hidden;          /* [1][n][f] */
  VtrTensor norm;            /* [2][d] */
  VtrTensor w_qkv, e_qkv;    /* [3d][d], [2][3d] */
  VtrTensor w_proj, e_proj;  /* [d][d], [2][d] */
  VtrTensor w_fc1, e_fc1;    /* [f][d], [2][f] */
  VtrTensor w_fc2, e_fc2;    /* [d][f], [2][d] */
  float *x, *w, *y, *scores; /* of CBLAS: as large as the largest; scores [n][n] */
  double flops;              /* of its products since this was set to 0 */
} Block;

static void
check (const GError *error)
{
  if (error != NULL)
    g_error ("%s", error->message);
}

/* ---- making a block ---- */

static void
plan (Block *self, VtrTensor *tensor, const char *name, guint n_dims, const guint32 *sizes)
{
  GError *error = NULL;

  vtr_arena_plan (self->arena, tensor, name, VTR_DTYPE_F32, n_dims, sizes, &error);
  check (error);
}

static void
plan_linear (Block *self, VtrTensor *w, VtrTensor *epilogue, guint32 n_out, guint32 n_in)
{
  plan (self, w, "weight", 2, (guint32[]){ n_out, n_in });
  plan (self, epilogue, "epilogue", 2, (guint32[]){ 2, n_out });
}

static float *
make_noise (gsize n_values)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  float *values = g_new (float, n_values);

  for (gsize i = 0; i < n_values; i++)
    values[i] = (float) g_rand_double_range (rand, -0.05, 0.05);
  return values;
}

static void
upload_noise (Block *self, const VtrTensor *tensor)
{
  g_autofree float *noise = make_noise (vtr_tensor_n_values (tensor));
  GError *error = NULL;

  vtr_stream_write (self->stream, tensor, 0, noise, vtr_tensor_n_bytes (tensor), &error);
  check (error);
}

static void
block_init (Block *self, VtrDevice *device, const Shape *shape)
{
  const guint32 n = shape->n, d = shape->d, h = shape->h, f = shape->f;
  GError *error = NULL;

  *self = (Block){ .shape = shape, .arena = vtr_arena_new (device, "block") };
  plan (self, &self->tokens, "tokens", 3, (guint32[]){ 1, n, d });
  plan (self, &self->normed, "normed", 3, (guint32[]){ 1, n, d });
  plan (self, &self->qkv, "qkv", 5, (guint32[]){ 1, n, 3, h, d / h });
  plan (self, &self->lse, "lse", 3, (guint32[]){ 1, h, n });
  plan (self, &self->hidden, "hidden", 3, (guint32[]){ 1, n, f });
  plan (self, &self->norm, "norm", 2, (guint32[]){ 2, d });
  plan_linear (self, &self->w_qkv, &self->e_qkv, 3 * d, d);
  plan_linear (self, &self->w_proj, &self->e_proj, d, d);
  plan_linear (self, &self->w_fc1, &self->e_fc1, f, d);
  plan_linear (self, &self->w_fc2, &self->e_fc2, d, f);
  vtr_arena_commit (self->arena, &error);
  check (error);
  self->stream = vtr_stream_new (device, &error);
  check (error);

  const VtrTensor *inputs[] = { &self->tokens, &self->normed, &self->qkv,   &self->hidden,
                                &self->norm,   &self->w_qkv,  &self->e_qkv, &self->w_proj,
                                &self->e_proj, &self->w_fc1,  &self->e_fc1, &self->w_fc2,
                                &self->e_fc2 };
  for (guint i = 0; i < G_N_ELEMENTS (inputs); i++)
    upload_noise (self, inputs[i]);
  self->x = make_noise ((gsize) n * MAX (f, 3 * d));
  self->w = make_noise ((gsize) d * MAX (f, 3 * d));
  self->y = make_noise ((gsize) n * MAX (f, 3 * d));
  self->scores = make_noise ((gsize) n * n);
}

static void
block_finish (Block *self)
{
  vtr_stream_free (self->stream);
  vtr_arena_free (self->arena);
  g_free (self->x);
  g_free (self->w);
  g_free (self->y);
  g_free (self->scores);
}

/* ---- its parts, on the device and by CBLAS ---- */

/* [..][3][h][hd] as [..][3d], which is what the product writes. */
static VtrTensor
flatten_qkv (const Block *self)
{
  VtrTensor flat = self->qkv;

  flat.n_dims = 3;
  flat.shape[2] = 3 * self->shape->d;
  return flat;
}

static void
run_qkv (Block *self, GError **error)
{
  const VtrTensor flat = flatten_qkv (self);

  vtr_op_matmul (self->stream, &self->normed, &self->w_qkv, &self->e_qkv, VTR_MATMUL_BIAS,
                 VTR_ACTIVATION_NONE, &flat, error);
}

static void
run_attention (Block *self, GError **error)
{
  const float head_size = (float) self->shape->d / self->shape->h;

  vtr_op_attention (self->stream, &self->qkv, 1.0f / sqrtf (head_size), &self->normed, &self->lse,
                    error);
}

static void
run_proj (Block *self, GError **error)
{
  vtr_op_matmul (self->stream, &self->normed, &self->w_proj, &self->e_proj,
                 VTR_MATMUL_BIAS | VTR_MATMUL_SCALE | VTR_MATMUL_ACCUMULATE, VTR_ACTIVATION_NONE,
                 &self->tokens, error);
}

static void
run_fc1 (Block *self, GError **error)
{
  vtr_op_matmul (self->stream, &self->normed, &self->w_fc1, &self->e_fc1, VTR_MATMUL_BIAS,
                 VTR_ACTIVATION_GELU_ERF, &self->hidden, error);
}

static void
run_fc2 (Block *self, GError **error)
{
  vtr_op_matmul (self->stream, &self->hidden, &self->w_fc2, &self->e_fc2,
                 VTR_MATMUL_BIAS | VTR_MATMUL_SCALE | VTR_MATMUL_ACCUMULATE, VTR_ACTIVATION_NONE,
                 &self->tokens, error);
}

static void
run_norm (Block *self, GError **error)
{
  vtr_op_layer_norm (self->stream, &self->tokens, &self->norm, 1e-6f, &self->normed, error);
}

/* As core/run/forward.c has it. */
static void
run_block (Block *self, GError **error)
{
  void (*const parts[]) (Block *, GError **) = {
    run_norm, run_qkv, run_attention, run_proj, run_norm, run_fc1, run_fc2,
  };

  for (guint i = 0; i < G_N_ELEMENTS (parts) && *error == NULL; i++)
    parts[i](self, error);
}

static int
count_threads (void)
{
#ifdef _OPENMP
  return omp_get_max_threads ();
#else
  return (int) g_get_num_processors ();
#endif
}

typedef struct
{
  const float *values;
  guint stride; /* from row to row */
} Matrix;

/*
 * y [n][n_cols] = x [n][depth]·w, or ·wᵀ where @w_order says so: an even share of the longer edge
 * of y for each thread of OpenMP.  CBLAS's own threads would wait for those of OpenMP to stop
 * spinning.
 */
static void
multiply (Block *self,
          guint n_cols,
          guint depth,
          Matrix x,
          CBLAS_TRANSPOSE w_order,
          Matrix w,
          float *y,
          guint y_stride)
{
  const guint n = self->shape->n, n_shares = (guint) count_threads ();
  const gboolean by_rows = n >= n_cols;
  const guint edge = by_rows ? n : n_cols;
  const guint w_step = w_order == CblasTrans ? w.stride : 1;

#pragma omp parallel for schedule(static, 1)
  for (guint share = 0; share < n_shares; share++)
    {
      const guint first = edge * share / n_shares;
      const guint count = edge * (share + 1) / n_shares - first;
      const guint row = by_rows ? first : 0, col = by_rows ? 0 : first;

      cblas_sgemm (CblasRowMajor, CblasNoTrans, w_order, (int) (by_rows ? count : n),
                   (int) (by_rows ? n_cols : count), (int) depth, 1.0f,
                   x.values + (gsize) row * x.stride, (int) x.stride,
                   w.values + (gsize) col * w_step, (int) w.stride, 0.0f,
                   y + (gsize) row * y_stride + col, (int) y_stride);
    }
  self->flops += 2.0 * n * n_cols * depth;
}

static void
multiply_linear (Block *self, guint n_cols, guint depth)
{
  multiply (self, n_cols, depth, (Matrix){ self->x, depth }, CblasTrans, (Matrix){ self->w, depth },
            self->y, n_cols);
}

static void
multiply_qkv (Block *self)
{
  multiply_linear (self, 3 * self->shape->d, self->shape->d);
}

static void
multiply_proj (Block *self)
{
  multiply_linear (self, self->shape->d, self->shape->d);
}

static void
multiply_fc1 (Block *self)
{
  multiply_linear (self, self->shape->f, self->shape->d);
}

static void
multiply_fc2 (Block *self)
{
  multiply_linear (self, self->shape->d, self->shape->f);
}

/* The two products of each head and no softmax between them; x is taken for [n][3][h][hd]. */
static void
multiply_heads (Block *self)
{
  const guint n = self->shape->n, d = self->shape->d, hd = d / self->shape->h;

  for (guint head = 0; head < self->shape->h; head++)
    {
      const float *q = self->x + head * hd;
      multiply (self, n, hd, (Matrix){ q, 3 * d }, CblasTrans, (Matrix){ q + d, 3 * d },
                self->scores, n);
      multiply (self, hd, n, (Matrix){ self->scores, n }, CblasNoTrans,
                (Matrix){ q + 2 * d, 3 * d }, self->y + head * hd, d);
    }
}

static void
multiply_block (Block *self)
{
  multiply_qkv (self);
  multiply_heads (self);
  multiply_proj (self);
  multiply_fc1 (self);
  multiply_fc2 (self);
}

/* ---- measuring ---- */

typedef enum
{
  ON_CPU,
  ON_LAVAPIPE,
} Floor;

/* A part, and the least share of CBLAS's rate that it must reach on any shape. */
static const struct
{
  const char *name;
  void (*run) (Block *self, GError **error);
  void (*multiply) (Block *self);
  double floors[2]; /* by Floor */
} parts[] = {
  { "qkv", run_qkv, multiply_qkv, { 0.7, 0.05 } },
  { "attention", run_attention, multiply_heads, { 0.7, 0.05 } },
  { "proj", run_proj, multiply_proj, { 0.7, 0.05 } },
  { "fc1", run_fc1, multiply_fc1, { 0.7, 0.05 } },
  { "fc2", run_fc2, multiply_fc2, { 0.7, 0.05 } },
  { "block", run_block, multiply_block, { 0.7, 0.05 } },
};

typedef struct
{
  const char *shape, *part;
  double flops;
  double seconds, plain_seconds;
  double ratio, floor;
} Figure;

static double
now (void)
{
  return (double) g_get_monotonic_time () * 1e-6;
}

/* Whoever calls CBLAS here is one of several threads already. */
static void
use_one_blas_thread (void)
{
  if (openblas_get_parallel != NULL && openblas_set_num_threads != NULL &&
      openblas_get_parallel () == OPENBLAS_WITH_PTHREADS)
    openblas_set_num_threads (1);
}

static double
time_part (Block *self, guint part)
{
  GError *error = NULL;
  const double start = now ();

  parts[part].run (self, &error);
  check (error);
  vtr_stream_wait (self->stream, &error);
  check (error);
  return now () - start;
}

static double
time_plain (Block *self, guint part)
{
  const double start = now ();

  self->flops = 0;
  parts[part].multiply (self);
  return now () - start;
}

/* The least of some runs, after one that is not counted. */
static double
time_least (double (*time_one) (Block *self, guint part), Block *self, guint part)
{
  double least = INFINITY;

  g_usleep (PAUSE_US);
  time_one (self, part);
  for (guint run = 0; run < RUNS_PER_ROUND; run++)
    least = MIN (least, time_one (self, part));
  return least;
}

static Figure
measure_part (Block *self, guint part, Floor floor)
{
  Figure figure = {
    .shape = self->shape->name,
    .part = parts[part].name,
    .seconds = INFINITY,
    .plain_seconds = INFINITY,
    .floor = parts[part].floors[floor],
  };

  for (guint round = 0; round < N_ROUNDS; round++)
    {
      figure.seconds = MIN (figure.seconds, time_least (time_part, self, part));
      figure.plain_seconds = MIN (figure.plain_seconds, time_least (time_plain, self, part));
    }
  figure.flops = self->flops;
  figure.ratio = figure.plain_seconds / figure.seconds;
  return figure;
}

/* Bytes a second of a[i] = b[i] + s·c[i], the triad of STREAM: what memory gives and takes. */
static double
measure_memory (void)
{
  g_autofree float *a = g_new0 (float, TRIAD_FLOATS);
  g_autofree float *b = make_noise (TRIAD_FLOATS);
  g_autofree float *c = make_noise (TRIAD_FLOATS);
  double least = INFINITY;

  for (guint run = 0; run < N_ROUNDS; run++)
    {
      const double start = now ();
#ifdef _OPENMP
#pragma omp parallel for simd
#endif
      for (gsize i = 0; i < TRIAD_FLOATS; i++)
        a[i] = b[i] + 0.5f * c[i];
      least = MIN (least, now () - start);
    }
  return 3.0 * TRIAD_FLOATS * sizeof (float) / least;
}

/* ---- telling ---- */

static void
print_figure (const Figure *self, gboolean json, gboolean first)
{
  const char *format =
      json ? "%s{\"shape\": \"%s\", \"part\": \"%s\", \"gflop\": %.3f, \"ms\": %.4f, "
             "\"gflops\": %.2f, \"plain_gflops\": %.2f, \"ratio\": %.3f, \"floor\": %.3f}\n"
           : "%s%-16s  %-9s  %7.3f  %8.3f  %8.1f  %8.1f  %5.2f  %5.2f";

  printf (format, json && !first ? ", " : "", self->shape, self->part, self->flops * 1e-9,
          self->seconds * 1e3, self->flops / self->seconds * 1e-9,
          self->flops / self->plain_seconds * 1e-9, self->ratio, self->floor);
  if (!json)
    printf ("%s\n", self->ratio < self->floor ? "  BELOW ITS FLOOR" : "");
  fflush (stdout);
}

static void
print_head (const VtrDevice *device, gboolean json)
{
  const double memory = measure_memory () * 1e-9;

  if (json)
    printf ("{\"threads\": %d, \"memory_gb_per_s\": %.2f, \"figures\": [\n", count_threads (),
            memory);
  else
    printf ("%s, %s; %d threads, memory %.1f GB/s\n\n%-16s  %-9s  %7s  %8s  %8s  %8s  %5s  %5s\n",
            device->info->name, device->info->driver, count_threads (), memory, "shape", "part",
            "GFLOP", "ms", "GFLOP/s", "sgemm", "ratio", "floor");
}

/* How many parts are too slow. */
static guint
measure_all (VtrDevice *device, Floor floor, gboolean json)
{
  guint n_below = 0;

  print_head (device, json);
  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
    {
      Block block;
      block_init (&block, device, &shapes[i]);
      for (guint part = 0; part < G_N_ELEMENTS (parts); part++)
        {
          const Figure figure = measure_part (&block, part, floor);
          print_figure (&figure, json, i == 0 && part == 0);
          n_below += figure.ratio < figure.floor;
        }
      block_finish (&block);
    }
  if (json)
    printf ("]}\n");
  return n_below;
}

int
main (int argc, char **argv)
{
  const gboolean json = argc == 3 && g_str_equal (argv[1], "--json");
  const char *where = argc > 1 ? argv[argc - 1] : "";
  const gboolean cpu = g_str_equal (where, "cpu");
  g_autoptr (GError) error = NULL;

  if (argc != (json ? 3 : 2) || (!cpu && !g_str_equal (where, "vulkan")))
    {
      fprintf (stderr, "usage: bench-kernels [--json] cpu|vulkan\n");
      return 2;
    }
  g_autoptr (VtrDevice) device = cpu ? vtr_cpu_open (&error) : vtr_vulkan_open (0, &error);
  if (device == NULL)
    {
      printf ("%s\n", error->message);
      return SKIPPED;
    }
  use_one_blas_thread ();
  const guint n_below = measure_all (device, cpu ? ON_CPU : ON_LAVAPIPE, json);
  return n_below > 0 && !json ? 1 : 0;
}
