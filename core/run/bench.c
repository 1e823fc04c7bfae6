/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Timing a session: the forward pass, op by op. */
#include "run/run.h"

/* Pixels in -1..1, the range normalised pictures have; the same at every run. */
static gboolean
write_noise (VtrStream *stream, const VtrPlan *plan, GError **error)
{
  const gsize n_values = vtr_tensor_n_values (&plan->pixels);
  g_autofree float *pixels = g_new (float, n_values);
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);

  for (gsize i = 0; i < n_values; i++)
    pixels[i] = (float) g_rand_double_range (rand, -1.0, 1.0);
  return vtr_stream_write (stream, &plan->pixels, 0, pixels, n_values * sizeof (float), error);
}

/* One forward pass from start to end; its wall time in seconds, or a negative number with @error
 * set. */
static double
time_forward (VtrSession *self,
              VtrStream *stream,
              const VtrPlan *plan,
              const VtrProgress *progress,
              GError **error)
{
  const gint64 start = g_get_monotonic_time ();

  if (!vtr_forward (stream, self->model, self->weights, plan, 1.0, progress, error) ||
      !vtr_stream_wait (stream, error))
    return -1.0;
  return (double) (g_get_monotonic_time () - start) * 1e-6;
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  const double x = *(const double *) a;
  const double y = *(const double *) b;

  return (x > y) - (x < y);
}

static void
summarise_runs (VtrBenchmark *benchmark)
{
  const guint n_runs = benchmark->n_runs;
  g_autofree double *sorted = g_memdup2 (benchmark->run_seconds, n_runs * sizeof *sorted);

  qsort (sorted, n_runs, sizeof *sorted, compare_doubles);
  benchmark->seconds = (sorted[n_runs / 2] + sorted[(n_runs - 1) / 2]) / 2;
  benchmark->min_seconds = sorted[0];
}

static VtrOpTiming *
collect_timings (const VtrTimings *timings, guint *n_ops)
{
  VtrOpTiming *ops = g_new0 (VtrOpTiming, VTR_N_KERNELS);

  *n_ops = 0;
  for (guint kernel = 0; kernel < VTR_N_KERNELS; kernel++)
    {
      if (timings->calls[kernel] == 0)
        continue;
      ops[(*n_ops)++] = (VtrOpTiming){
        .name = vtr_kernel_get_info (kernel)->name,
        .calls = timings->calls[kernel],
        .seconds = timings->seconds[kernel],
        .flops = timings->flops[kernel],
      };
    }
  return ops;
}

/* A run not counted, the counted ones, and one more with every kernel timed. */
static gboolean
measure (VtrSession *self,
         VtrStream *stream,
         const VtrPlan *plan,
         guint n_runs,
         const VtrProgress *progress,
         VtrBenchmark *benchmark,
         GError **error)
{
  const double share = 1.0 / (n_runs + 2);
  VtrProgress part = vtr_progress_part (progress, 0.0, share);

  if (time_forward (self, stream, plan, &part, error) < 0)
    return FALSE;
  benchmark->n_runs = n_runs;
  benchmark->run_seconds = g_new0 (double, n_runs);
  for (guint run = 0; run < n_runs; run++)
    {
      part = vtr_progress_part (progress, (run + 1) * share, (run + 2) * share);
      benchmark->run_seconds[run] = time_forward (self, stream, plan, &part, error);
      if (benchmark->run_seconds[run] < 0)
        return FALSE;
    }
  summarise_runs (benchmark);

  part = vtr_progress_part (progress, 1.0 - share, 1.0);
  stream->timing = TRUE;
  vtr_stream_reset_timings (stream);
  const gboolean timed = time_forward (self, stream, plan, &part, error) >= 0;
  stream->timing = FALSE;
  if (timed)
    benchmark->ops = collect_timings (&stream->timings, &benchmark->n_ops);
  return timed;
}

VtrBenchmark *
vtr_session_benchmark (VtrSession *self,
                       guint n_rows,
                       guint n_columns,
                       guint batch,
                       guint n_runs,
                       gboolean capture,
                       VtrProgressFunc progress,
                       gpointer progress_data,
                       GCancellable *cancellable,
                       GError **error)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (n_rows > 0 && n_columns > 0 && n_runs > 0, NULL);
  g_return_val_if_fail (batch >= 1 && batch <= VTR_MAX_BATCH, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  const VtrArch *arch = vtr_model_get_arch (self->model);
  const VtrProgress whole = vtr_progress_whole (progress, progress_data, cancellable);
  g_autofree gboolean *keep = g_new (gboolean, arch->n_layers);
  g_autoptr (VtrBenchmark) benchmark = g_new0 (VtrBenchmark, 1);

  for (guint layer = 0; layer < arch->n_layers; layer++)
    keep[layer] = capture;

  VtrPlan *plan = vtr_plan_new (self->device, self->model, self->precision, n_rows, n_columns,
                                batch, keep, error);
  if (plan == NULL)
    return NULL;

  VtrSlot *slot = vtr_slots_take_alone (&self->slots);
  const gboolean ok = vtr_slot_begin (&self->slots, slot, plan, self->model, error) &&
                      write_noise (slot->stream, plan, error) &&
                      measure (self, slot->stream, plan, n_runs, &whole, benchmark, error);

  benchmark->flops = vtr_forward_flops (arch, n_rows * n_columns, batch);
  benchmark->planned_bytes = vtr_arena_get_bytes (plan->arena);
  benchmark->peak_bytes = vtr_device_get_peak_bytes (self->device);
  /* What a failed run left in the stream must not outlive the plan. */
  vtr_stream_wait (slot->stream, NULL);
  vtr_slot_end (&self->slots, slot, plan, FALSE);
  vtr_slots_give (&self->slots, slot);
  return ok ? g_steal_pointer (&benchmark) : NULL;
}

void
vtr_benchmark_free (VtrBenchmark *self)
{
  if (self == NULL)
    return;
  g_free (self->run_seconds);
  g_free (self->ops);
  g_free (self);
}
