/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "common.h"
#include "explain-options.h"
#include "inputs.h"
#include "interrupt.h"
#include "pipeline.h"
#include "recipe.h"

#include <stdio.h>

static const char *const status_names[] = {
  [CLI_PICTURE_OPEN] = "open",
  [CLI_PICTURE_DONE] = "done",
  [CLI_PICTURE_SKIPPED] = "skipped",
  [CLI_PICTURE_FAILED] = "failed",
};

static char **
write_files (const CliPicture *picture, VtrExplanation *explanation, gpointer data, GError **error)
{
  const CliExplainOptions *options = data;
  g_autofree char *folder = g_path_get_dirname (picture->stem);
  g_auto (GStrv) command =
      cli_recipe_new (options, vtr_explanation_get_model (explanation), picture->path);
  g_autofree char *command_text = cli_recipe_to_text (command);
  const VtrExportOptions export_options = {
    .colormap = options->colormap,
    .opacity = options->opacity,
    .command = command_text,
  };

  if (!cli_make_folder (folder, error))
    return NULL;
  return vtr_export (explanation, picture->stem, options->write, &export_options, error);
}

/* The files of a picture, what its map is worth, and what the decision hangs on. */
static void
print_picture (const CliPicture *picture, gpointer data)
{
  const CliExplainOptions *options = data;

  if (options->json || options->quiet || picture->status != CLI_PICTURE_DONE)
    return;
  for (guint i = 0; picture->files[i] != NULL; i++)
    puts (picture->files[i]);
  if (picture->score.text != NULL)
    {
      g_autofree char *path = cli_name_to_text (picture->path);
      printf ("%s: score %s%s\n", path, picture->score.text,
              picture->score.better ? ", better than random" : "");
    }
  if (picture->proof.text != NULL)
    {
      g_autofree char *path = cli_name_to_text (picture->path);
      printf ("%s: %s\n", path, picture->proof.text);
    }
  fflush (stdout);
}

static void
add_score (JsonBuilder *builder, const CliScore *score)
{
  if (score->text == NULL)
    return;
  json_builder_set_member_name (builder, "score");
  json_builder_begin_object (builder);
  cli_json_number (builder, "score", score->score);
  cli_json_boolean (builder, "better", score->better);
  cli_json_string (builder, "quantity", score->quantity);
  cli_json_number (builder, "random_mean", score->random_mean);
  cli_json_number (builder, "random_low", score->random_low);
  cli_json_number (builder, "random_high", score->random_high);
  json_builder_end_object (builder);
}

static void
add_proof (JsonBuilder *builder, const CliProof *proof)
{
  if (proof->text == NULL)
    return;
  json_builder_set_member_name (builder, "proof");
  json_builder_begin_object (builder);
  cli_json_string (builder, "outcome", proof->outcome);
  cli_json_string (builder, "text", proof->text);
  cli_json_number (builder, "y_before", proof->y_before);
  cli_json_number (builder, "y_after", proof->y_after);
  cli_json_integer (builder, "n_all", proof->n_all);
  cli_json_integer (builder, "n_greedy", proof->n_greedy);
  cli_json_integer (builder, "n_patches", proof->n_patches);
  cli_json_integer (builder, "n_passes", proof->n_passes);
  json_builder_end_object (builder);
}

static void
add_json (JsonBuilder *builder,
          const CliPicture *picture,
          const CliExplainOptions *options,
          VtrDevice *device,
          VtrModel *model)
{
  const gboolean computed = picture->n_rows > 0;
  g_autofree char *path = cli_name_to_text (picture->path);

  json_builder_begin_object (builder);
  cli_json_string (builder, "picture", path);
  cli_json_string (builder, "status", status_names[picture->status]);
  cli_json_string (builder, "error", picture->error == NULL ? NULL : picture->error->message);
  json_builder_set_member_name (builder, "files");
  json_builder_begin_array (builder);
  for (guint i = 0; picture->files != NULL && picture->files[i] != NULL; i++)
    {
      g_autofree char *file = cli_name_to_text (picture->files[i]);
      json_builder_add_string_value (builder, file);
    }
  json_builder_end_array (builder);
  cli_json_string (builder, "model", vtr_model_get_name (model));
  cli_json_string (builder, "device", vtr_device_get_info (device)->name);
  cli_json_string (builder, "precision", vtr_precision_get_name (options->precision));
  if (computed)
    {
      cli_json_integer (builder, "rows", picture->n_rows);
      cli_json_integer (builder, "columns", picture->n_columns);
      cli_json_integer (builder, "planned_bytes", picture->planned_bytes);
      cli_json_integer (builder, "peak_bytes", picture->peak_bytes);
      add_score (builder, &picture->score);
      add_proof (builder, &picture->proof);
    }
  json_builder_end_object (builder);
}

static void
print_json (GPtrArray *pictures,
            const CliExplainOptions *options,
            VtrDevice *device,
            VtrModel *model)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_array (builder);
  for (guint i = 0; i < pictures->len; i++)
    add_json (builder, g_ptr_array_index (pictures, i), options, device, model);
  json_builder_end_array (builder);
  cli_print_json (builder);
}

/* What the pipeline made of it, in words and as the code to end with. */
static CliExit
conclude (const CliExplainOptions *options, GPtrArray *pictures, const GError *error)
{
  const guint n_finished = cli_inputs_count (pictures, CLI_PICTURE_DONE) +
                           cli_inputs_count (pictures, CLI_PICTURE_SKIPPED);
  const guint n_failed = cli_inputs_count (pictures, CLI_PICTURE_FAILED);

  cli_inputs_list_failures (pictures);
  if (error == NULL)
    return n_failed > 0 ? CLI_EXIT_FAILED : CLI_EXIT_DONE;
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      cli_say ("Stopped: %u of %u pictures are done; --resume goes on from here.", n_finished,
               pictures->len);
      return CLI_EXIT_CANCELLED;
    }
  const CliExit code = cli_fail (error);
  if (n_finished > 0 && !options->quiet)
    cli_say ("%u of %u pictures are done.", n_finished, pictures->len);
  return code;
}

CliExit
cli_explain (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CliExplainOptions) options = cli_explain_options_new (argc, argv, &error);
  if (options == NULL)
    return cli_fail (error);

  g_autoptr (GCancellable) cancellable = cli_interrupt_watch ();
  const gboolean silent = options->quiet || options->json;
  g_autoptr (VtrModel) model = cli_explain_options_open_model (options, &error);
  if (model == NULL)
    return cli_fail (error);
  g_autoptr (VtrDevice) device = cli_open_device (options->device, silent, &error);
  if (device == NULL || !cli_make_folder (options->output, &error))
    return cli_fail (error);

  g_autoptr (CliProgress) progress = cli_progress_new (options->quiet);
  g_autoptr (GPtrArray) pictures =
      cli_inputs_collect (options->inputs, options->recursive, options->output);
  const CliPipelineJob job = {
    .options = options,
    .pictures = pictures,
    .device = device,
    .model = model,
    .write = write_files,
    .finished = print_picture,
    .data = options,
    .progress = progress,
    .cancellable = cancellable,
  };

  cli_pipeline_run (&job, &error);
  const CliExit code = conclude (options, pictures, error);
  if (options->json)
    print_json (pictures, options, device, model);
  return code;
}
