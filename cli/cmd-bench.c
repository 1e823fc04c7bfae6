/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "common.h"
#include "interrupt.h"
#include "progress.h"
#include "table.h"

#include <stdio.h>

#define DEFAULT_RUNS 5
#define MAX_RUNS 10000
#define MAX_GRID 4096

typedef struct
{
  char *model;
  char *head; /* NULL for the model's own */
  char *device;
  char *precision_text; /* NULL for f32 */
  VtrPrecision precision;
  int size;
  int n_rows;
  int n_columns;
  int batch;
  int n_runs;
  gboolean capture;
  gboolean json;
} BenchOptions;

static gboolean
parse (BenchOptions *self, int argc, char **argv, GError **error)
{
  /* clang-format off */
  const GOptionEntry entries[] = {
    { "model", 'm', 0, G_OPTION_ARG_FILENAME, &self->model, "Which model, as for explain.", "MODEL" },
    { "head", 0, 0, G_OPTION_ARG_FILENAME, &self->head, "Which head, as for explain.", "FILE" },
    { "device", 0, 0, G_OPTION_ARG_STRING, &self->device, "Which device, as for explain.", "DEVICE" },
    { "precision", 0, 0, G_OPTION_ARG_STRING, &self->precision_text,
      "What numbers are stored as, as for explain.", "f32|f16" },
    { "size", 0, 0, G_OPTION_ARG_INT, &self->size,
      "Both edges of the picture that the model sees. Default: the trained size.", "PX" },
    { "rows", 0, 0, G_OPTION_ARG_INT, &self->n_rows, "Rows of patches, instead of --size.", "N" },
    { "columns", 0, 0, G_OPTION_ARG_INT, &self->n_columns,
      "Columns of patches. Default: as many as rows.", "N" },
    { "batch", 0, 0, G_OPTION_ARG_INT, &self->batch,
      "How many pictures are computed together, 1 to 32. Default: 1.", "N" },
    { "runs", 0, 0, G_OPTION_ARG_INT, &self->n_runs,
      "How often it is timed; the median counts. Default: 5.", "N" },
    { "capture", 0, 0, G_OPTION_ARG_NONE, &self->capture,
      "Keep of every layer what explaining needs.", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &self->json, "Answer with one JSON document.", NULL },
    G_OPTION_ENTRY_NULL,
  };
  /* clang-format on */
  g_auto (GStrv) rest = cli_parse (argc, argv, entries, 0, 0, error);

  if (rest == NULL ||
      (self->precision_text != NULL &&
       !vtr_precision_parse (self->precision_text, &self->precision, error)) ||
      !cli_check_range ("size", self->size, 0, 65536, error) ||
      !cli_check_range ("rows", self->n_rows, 0, MAX_GRID, error) ||
      !cli_check_range ("columns", self->n_columns, 0, MAX_GRID, error) ||
      !cli_check_range ("batch", self->batch, 1, VTR_MAX_BATCH, error) ||
      !cli_check_range ("runs", self->n_runs, 1, MAX_RUNS, error))
    return FALSE;
  if (self->n_rows > 0 && self->size > 0)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "--size and --rows are two ways to say the same.");
      return FALSE;
    }
  if (self->n_columns > 0 && self->n_rows == 0)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE, "--columns needs --rows.");
      return FALSE;
    }
  return TRUE;
}

/* The grid a square picture gets, by the same rules as any picture. */
static gboolean
choose_grid (BenchOptions *self, VtrModel *model, GError **error)
{
  const guint8 pixel[4] = { 0 };

  if (self->n_rows > 0)
    {
      if (self->n_columns == 0)
        self->n_columns = self->n_rows;
      return TRUE;
    }
  g_autoptr (VtrImage) image = vtr_image_new (1, 1, pixel, sizeof pixel);
  g_autoptr (VtrInput) input =
      vtr_input_new (model, image, VTR_FIT_STRETCH, (guint) self->size, error);
  if (input == NULL)
    return FALSE;
  self->n_rows = (int) vtr_input_get_n_rows (input);
  self->n_columns = (int) vtr_input_get_n_columns (input);
  return TRUE;
}

/* 0 where nothing was measured: some drivers have no timestamps. */
static double
giga_per_second (double flops, double seconds)
{
  return seconds > 0.0 ? flops / seconds / 1e9 : 0.0;
}

static double
device_seconds (const VtrBenchmark *result)
{
  double seconds = 0.0;

  for (guint i = 0; i < result->n_ops; i++)
    seconds += result->ops[i].seconds;
  return seconds;
}

/* One number for each run, in order. */
static void
add_runs (JsonBuilder *builder, const BenchOptions *options, const VtrBenchmark *result)
{
  json_builder_set_member_name (builder, "runs_ms_per_image");
  json_builder_begin_array (builder);
  for (guint i = 0; i < result->n_runs; i++)
    json_builder_add_double_value (builder, result->run_seconds[i] * 1e3 / options->batch);
  json_builder_end_array (builder);
}

static void
print_json (const BenchOptions *options, VtrSession *session, const VtrBenchmark *result)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  const VtrDeviceInfo *info = vtr_device_get_info (vtr_session_get_device (session));
  const double total = device_seconds (result);

  json_builder_begin_object (builder);
  cli_json_string (builder, "model", vtr_model_get_name (vtr_session_get_model (session)));
  cli_json_string (builder, "device", info->name);
  cli_json_string (builder, "driver", info->driver);
  cli_json_string (builder, "precision", vtr_precision_get_name (options->precision));
  cli_json_integer (builder, "rows", (guint64) options->n_rows);
  cli_json_integer (builder, "columns", (guint64) options->n_columns);
  cli_json_integer (builder, "batch", (guint64) options->batch);
  cli_json_integer (builder, "runs", (guint64) options->n_runs);
  cli_json_boolean (builder, "capture", options->capture);
  cli_json_number (builder, "ms_per_image", result->seconds * 1e3 / options->batch);
  cli_json_number (builder, "min_ms_per_image", result->min_seconds * 1e3 / options->batch);
  add_runs (builder, options, result);
  cli_json_number (builder, "gflops", giga_per_second (result->flops, result->seconds));
  cli_json_number (builder, "flops", result->flops);
  cli_json_integer (builder, "planned_bytes", result->planned_bytes);
  cli_json_integer (builder, "peak_bytes", result->peak_bytes);
  json_builder_set_member_name (builder, "ops");
  json_builder_begin_array (builder);
  for (guint i = 0; i < result->n_ops; i++)
    {
      const VtrOpTiming *op = &result->ops[i];
      json_builder_begin_object (builder);
      cli_json_string (builder, "name", op->name);
      cli_json_integer (builder, "calls", op->calls);
      cli_json_number (builder, "ms", op->seconds * 1e3);
      cli_json_number (builder, "gflops", giga_per_second (op->flops, op->seconds));
      cli_json_number (builder, "share", total > 0.0 ? op->seconds / total : 0.0);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  cli_print_json (builder);
}

static void
print_text (const BenchOptions *options, VtrSession *session, const VtrBenchmark *result)
{
  const char *const headings[] = { "KERNEL", ">CALLS", ">MS", ">GFLOP/S", ">SHARE", NULL };
  g_autoptr (CliTable) table = cli_table_new (headings);
  const VtrDeviceInfo *info = vtr_device_get_info (vtr_session_get_device (session));
  g_autofree char *planned = cli_bytes_to_text (result->planned_bytes);
  g_autofree char *peak = cli_bytes_to_text (result->peak_bytes);
  const double total = device_seconds (result);

  printf ("%s on %s, %s, %d×%d patches, batch of %d\n",
          vtr_model_get_name (vtr_session_get_model (session)), info->name,
          vtr_precision_get_name (options->precision), options->n_rows, options->n_columns,
          options->batch);
  printf ("%.2f ms per image (at best %.2f), %.2f GFLOP/s, %s planned, %s at most with the weights"
          "\n\n",
          result->seconds * 1e3 / options->batch, result->min_seconds * 1e3 / options->batch,
          giga_per_second (result->flops, result->seconds), planned, peak);
  for (guint i = 0; i < result->n_ops; i++)
    {
      const VtrOpTiming *op = &result->ops[i];
      g_autofree char *calls = g_strdup_printf ("%" G_GUINT64_FORMAT, op->calls);
      g_autofree char *ms = g_strdup_printf ("%.3f", op->seconds * 1e3);
      g_autofree char *rate = g_strdup_printf ("%.2f", giga_per_second (op->flops, op->seconds));
      g_autofree char *share =
          g_strdup_printf ("%.1f %%", total > 0.0 ? 100.0 * op->seconds / total : 0.0);
      cli_table_add (table, op->name, calls, ms, rate, share);
    }
  cli_table_print (table);
}

static gboolean
measure (BenchOptions *options, GError **error)
{
  g_autoptr (GCancellable) cancellable = cli_interrupt_watch ();
  g_autoptr (CliProgress) progress = cli_progress_new (options->json);
  g_autoptr (VtrModel) model = cli_open_model (options->model, options->head, error);
  if (model == NULL || !choose_grid (options, model, error))
    return FALSE;

  g_autoptr (VtrDevice) device = cli_open_device (options->device, options->json, error);
  if (device == NULL)
    return FALSE;
  g_autoptr (VtrSession) session =
      vtr_session_new (device, model, options->precision, cli_progress_show, progress, cancellable,
                       error);
  if (session == NULL)
    return FALSE;

  g_autoptr (VtrBenchmark) result =
      vtr_session_benchmark (session, (guint) options->n_rows, (guint) options->n_columns,
                             (guint) options->batch, (guint) options->n_runs, options->capture,
                             cli_progress_show, progress, cancellable, error);
  cli_progress_clear (progress);
  if (result == NULL)
    return FALSE;
  if (options->json)
    print_json (options, session, result);
  else
    print_text (options, session, result);
  return TRUE;
}

CliExit
cli_bench (int argc, char **argv)
{
  BenchOptions options = { .batch = 1, .n_runs = DEFAULT_RUNS };
  g_autoptr (GError) error = NULL;
  const gboolean ok = parse (&options, argc, argv, &error) && measure (&options, &error);

  g_free (options.model);
  g_free (options.head);
  g_free (options.device);
  g_free (options.precision_text);
  return ok ? CLI_EXIT_DONE : cli_fail (error);
}
