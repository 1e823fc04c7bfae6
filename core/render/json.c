/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* STEM.json; docs/formats.md has the schema. */
#include "base/json.h"
#include "model/head.h"
#include "render/render.h"

#include <math.h>

#define N_TOP 5

static void
begin (JsonBuilder *json, const char *name)
{
  json_builder_set_member_name (json, name);
  json_builder_begin_object (json);
}

static void
add_image (JsonBuilder *json, const VtrImage *image)
{
  begin (json, "image");
  vtr_json_add_text (json, "path", vtr_image_get_path (image));
  vtr_json_add_int (json, "width", vtr_image_get_width (image));
  vtr_json_add_int (json, "height", vtr_image_get_height (image));
  vtr_json_add_int (json, "orientation", vtr_image_get_orientation (image));
  json_builder_end_object (json);
}

static void
add_model (JsonBuilder *json, VtrModel *model)
{
  const VtrArch *arch = vtr_model_get_arch (model);

  begin (json, "model");
  vtr_json_add_text (json, "name", vtr_model_get_name (model));
  vtr_json_add_text (json, "path", vtr_model_get_path (model));
  vtr_json_add_text (json, "family", vtr_model_get_family (model));
  vtr_json_add_text (json, "hash", vtr_model_get_hash (model));
  vtr_json_add_int (json, "n_layers", vtr_model_get_n_layers (model));
  vtr_json_add_int (json, "n_heads", vtr_model_get_n_heads (model));
  if (arch->layer_heads != NULL)
    vtr_json_add_uints (json, "layer_heads", arch->layer_heads, arch->n_layers);
  vtr_json_add_int (json, "n_prefix_tokens", vtr_model_get_n_prefix_tokens (model));
  vtr_json_add_int (json, "patch_size", vtr_model_get_patch_size (model));
  vtr_head_describe (json, model);
  json_builder_end_object (json);
}

static void
add_method (JsonBuilder *json, VtrMethod *method)
{
  guint n_params;
  const VtrMethodParam *const *params =
      vtr_method_get_params (vtr_method_get_name (method), &n_params);

  begin (json, "method");
  vtr_json_add_text (json, "name", vtr_method_get_name (method));
  begin (json, "params");
  for (guint i = 0; i < n_params; i++)
    vtr_json_add_text (json, params[i]->name, vtr_method_get (method, params[i]->name));
  json_builder_end_object (json);
  json_builder_end_object (json);
}

static void
add_target (JsonBuilder *json, const VtrExplanation *explanation)
{
  static const char *const kinds[] = {
    [VTR_TARGET_CLASS] = "class",         [VTR_TARGET_CONTRAST] = "contrast",
    [VTR_TARGET_REST] = "rest",           [VTR_TARGET_PATCH] = "patch",
    [VTR_TARGET_EMBEDDING] = "embedding", [VTR_TARGET_LENGTH] = "length",
  };
  double value;
  const VtrTarget *target = vtr_explanation_get_target (explanation, &value);

  if (target == NULL)
    return;
  g_autofree char *described =
      vtr_target_describe (target, vtr_explanation_get_model (explanation));
  begin (json, "target");
  vtr_json_add_text (json, "text", vtr_target_get_text (target));
  vtr_json_add_text (json, "kind", kinds[vtr_target_get_kind (target)]);
  vtr_json_add_text (json, "description", described);
  vtr_json_add_double (json, "value", value);
  json_builder_end_object (json);
}

static void
add_curve (JsonBuilder *json, const char *name, const VtrCurve *curve)
{
  begin (json, name);
  vtr_json_add_double (json, "area", curve->area);
  vtr_json_add_doubles (json, "shares", curve->shares, curve->n);
  vtr_json_add_doubles (json, "values", curve->values, curve->n);
  json_builder_end_object (json);
}

/* Of the summary. */
static void
add_score (JsonBuilder *json, const VtrExplanation *explanation)
{
  const VtrScore *score = vtr_explanation_get_score (explanation);

  if (score == NULL)
    return;
  begin (json, "score");
  vtr_json_add_double (json, "score", score->score);
  vtr_json_add_boolean (json, "better", score->better);
  vtr_json_add_text (json, "quantity", vtr_quantity_get_name (score->quantity));
  vtr_json_add_text (json, "target",
                     score->target != NULL ? vtr_target_get_text (score->target) : NULL);
  add_curve (json, "insertion", score->insertion);
  add_curve (json, "deletion", score->deletion);
  begin (json, "random");
  vtr_json_add_double (json, "mean", score->random_mean);
  vtr_json_add_double (json, "low", score->random_low);
  vtr_json_add_double (json, "high", score->random_high);
  vtr_json_add_doubles (json, "scores", score->random, VTR_SCORE_N_ORDERS);
  json_builder_end_object (json);
  json_builder_end_object (json);
}

/* One of the two classes of a proof. */
static void
add_side (JsonBuilder *json,
          const char *name,
          VtrModel *model,
          guint class,
          double before,
          double after)
{
  begin (json, name);
  vtr_json_add_int (json, "class", class);
  vtr_json_add_text (json, "label", vtr_model_get_label (model, class));
  vtr_json_add_double (json, "before", before);
  vtr_json_add_double (json, "after", after);
  json_builder_end_object (json);
}

static void
add_proof (JsonBuilder *json, const VtrExplanation *explanation)
{
  const VtrProof *proof = vtr_explanation_get_proof (explanation);
  VtrModel *model = vtr_explanation_get_model (explanation);

  if (proof == NULL)
    return;
  g_autofree char *text = vtr_proof_describe (proof, model);
  begin (json, "proof");
  vtr_json_add_text (json, "outcome", vtr_proof_outcome_get_name (proof->outcome));
  vtr_json_add_text (json, "text", text);
  vtr_json_add_text (json, "target", vtr_target_get_text (proof->target));
  add_side (json, "a", model, proof->a, proof->a_before, proof->a_after);
  add_side (json, "b", model, proof->b, proof->b_before, proof->b_after);
  vtr_json_add_double (json, "y_before", proof->y_before);
  vtr_json_add_double (json, "y_after", proof->y_after);
  vtr_json_add_int (json, "n_all", proof->n_all);
  vtr_json_add_int (json, "n_greedy", proof->n_greedy);
  vtr_json_add_int (json, "n_patches", proof->n_patches);
  vtr_json_add_uints (json, "patches", proof->patches, proof->n_patches);
  vtr_json_add_int (json, "n_passes", proof->n_passes);
  json_builder_end_object (json);
}

static void
add_geometry (JsonBuilder *json, const VtrInput *input)
{
  const VtrGeometry *geometry = vtr_input_get_geometry (input);
  VtrRect region;

  vtr_input_get_region (input, &region);
  begin (json, "geometry");
  vtr_json_add_int (json, "resized_width", geometry->resized_width);
  vtr_json_add_int (json, "resized_height", geometry->resized_height);
  begin (json, "cut");
  json_builder_set_member_name (json, "left");
  json_builder_add_int_value (json, geometry->left);
  json_builder_set_member_name (json, "top");
  json_builder_add_int_value (json, geometry->top);
  vtr_json_add_int (json, "width", geometry->width);
  vtr_json_add_int (json, "height", geometry->height);
  json_builder_end_object (json);
  vtr_json_add_int (json, "n_rows", geometry->n_rows);
  vtr_json_add_int (json, "n_columns", geometry->n_columns);
  begin (json, "region");
  vtr_json_add_double (json, "x", region.x);
  vtr_json_add_double (json, "y", region.y);
  vtr_json_add_double (json, "width", region.width);
  vtr_json_add_double (json, "height", region.height);
  json_builder_end_object (json);
  json_builder_end_object (json);
}

static void
add_device (JsonBuilder *json, const VtrDeviceInfo *device)
{
  static const char *const kinds[] = {
    [VTR_DEVICE_GPU] = "gpu",
    [VTR_DEVICE_INTEGRATED_GPU] = "integrated-gpu",
    [VTR_DEVICE_VIRTUAL_GPU] = "virtual-gpu",
    [VTR_DEVICE_SOFTWARE] = "software",
    [VTR_DEVICE_CPU] = "cpu",
  };

  begin (json, "device");
  vtr_json_add_text (json, "id", device->id);
  vtr_json_add_text (json, "name", device->name);
  vtr_json_add_text (json, "driver", device->driver);
  vtr_json_add_text (json, "kind", kinds[device->kind]);
  vtr_json_add_text (json, "api", device->api);
  json_builder_end_object (json);
}

static void
add_greatest (JsonBuilder *json, const VtrInput *input, guint row, guint column)
{
  VtrRect rect;

  vtr_input_get_patch_rect (input, row, column, &rect);
  begin (json, "argmax");
  vtr_json_add_int (json, "row", row);
  vtr_json_add_int (json, "column", column);
  vtr_json_add_double (json, "x", rect.x + rect.width / 2);
  vtr_json_add_double (json, "y", rect.y + rect.height / 2);
  json_builder_end_object (json);
}

static void
add_map (JsonBuilder *json, const VtrInput *input, const VtrMap *map)
{
  const guint n_columns = vtr_map_get_n_columns (map);
  const gsize n_values = (gsize) vtr_map_get_n_rows (map) * n_columns;
  const float *values = vtr_map_get_values (map);
  gsize greatest = 0;
  double sum = 0.0;
  float min;
  float max;

  for (gsize i = 0; i < n_values; i++)
    {
      sum += values[i];
      if (values[i] > values[greatest])
        greatest = i;
    }
  vtr_map_get_range (map, &min, &max);
  json_builder_begin_object (json);
  vtr_json_add_text (json, "label", vtr_map_get_label (map));
  json_builder_set_member_name (json, "layer");
  if (vtr_map_get_layer (map) == VTR_FUSED)
    json_builder_add_null_value (json);
  else
    json_builder_add_int_value (json, vtr_map_get_layer (map));
  json_builder_set_member_name (json, "head");
  if (vtr_map_get_head (map) == VTR_FUSED)
    json_builder_add_null_value (json);
  else
    json_builder_add_int_value (json, vtr_map_get_head (map));
  vtr_json_add_double (json, "min", min);
  vtr_json_add_double (json, "max", max);
  vtr_json_add_double (json, "mean", sum / (double) n_values);
  add_greatest (json, input, (guint) (greatest / n_columns), (guint) (greatest % n_columns));
  json_builder_end_object (json);
}

static void
add_maps (JsonBuilder *json, const VtrExplanation *explanation)
{
  const VtrInput *input = vtr_explanation_get_input (explanation);
  const guint n_maps = vtr_explanation_get_n_maps (explanation);

  json_builder_set_member_name (json, "maps");
  json_builder_begin_array (json);
  for (guint i = 0; i < n_maps; i++)
    add_map (json, input, vtr_explanation_get_map (explanation, i));
  json_builder_end_array (json);
  json_builder_set_member_name (json, "summary");
  add_map (json, input, vtr_explanation_get_summary (explanation));
}

/* Index of the greatest logit below what was taken before, ties by index; @n if none is left. */
static guint
find_next_best (const float *logits, guint n, const guint *taken, guint n_taken)
{
  guint best = n;

  for (guint i = 0; i < n; i++)
    {
      gboolean is_taken = FALSE;
      for (guint k = 0; k < n_taken; k++)
        is_taken = is_taken || taken[k] == i;
      if (!is_taken && (best == n || logits[i] > logits[best]))
        best = i;
    }
  return best;
}

static void
add_class (JsonBuilder *json, VtrModel *model, const float *logits, guint n_classes, guint index)
{
  double sum = 0.0;

  for (guint i = 0; i < n_classes; i++)
    sum += exp ((double) logits[i] - logits[index]);
  json_builder_begin_object (json);
  vtr_json_add_int (json, "class", index);
  vtr_json_add_text (json, "label", vtr_model_get_label (model, index));
  vtr_json_add_double (json, "logit", logits[index]);
  vtr_json_add_double (json, "softmax", 1.0 / sum);
  json_builder_end_object (json);
}

static void
add_logits (JsonBuilder *json, const VtrExplanation *explanation)
{
  guint n_classes;
  const float *logits = vtr_explanation_get_logits (explanation, &n_classes);
  guint taken[N_TOP];

  if (logits == NULL)
    return;
  json_builder_set_member_name (json, "top");
  json_builder_begin_array (json);
  for (guint i = 0; i < MIN (n_classes, N_TOP); i++)
    {
      taken[i] = find_next_best (logits, n_classes, taken, i);
      add_class (json, vtr_explanation_get_model (explanation), logits, n_classes, taken[i]);
    }
  json_builder_end_array (json);
}

static void
add_how (JsonBuilder *json, const VtrExplanation *explanation, const VtrExportOptions *options)
{
  const VtrInput *input = vtr_explanation_get_input (explanation);
  g_autofree char *query = vtr_metadata_format_query (explanation);
  guint n;
  const guint *numbers;

  vtr_json_add_text (json, "version", VTR_VERSION);
  vtr_json_add_text (json, "command", options->command);
  add_image (json, vtr_input_get_image (input));
  add_model (json, vtr_explanation_get_model (explanation));
  add_method (json, vtr_explanation_get_method (explanation));
  add_target (json, explanation);
  numbers = vtr_explanation_get_layers (explanation, &n);
  vtr_json_add_uints (json, "layers", numbers, n);
  numbers = vtr_explanation_get_heads (explanation, &n);
  vtr_json_add_uints (json, "heads", numbers, n);
  vtr_json_add_text (json, "query", query);
  vtr_json_add_text (json, "fit", vtr_fit_get_name (vtr_input_get_fit (input)));
  json_builder_set_member_name (json, "size");
  if (vtr_input_get_size (input) > 0)
    json_builder_add_int_value (json, vtr_input_get_size (input));
  else
    json_builder_add_null_value (json);
  add_geometry (json, input);
}

char *
vtr_json_new (const VtrExplanation *explanation,
              const VtrExportOptions *options,
              const char *const *files)
{
  g_autoptr (JsonBuilder) json = json_builder_new ();

  json_builder_begin_object (json);
  add_how (json, explanation, options);
  add_device (json, vtr_explanation_get_device_info (explanation));
  vtr_json_add_text (json, "precision",
                     vtr_precision_get_name (vtr_explanation_get_precision (explanation)));
  vtr_json_add_int (json, "planned_bytes", vtr_explanation_get_planned_bytes (explanation));
  vtr_json_add_int (json, "peak_bytes", vtr_explanation_get_peak_bytes (explanation));
  add_maps (json, explanation);
  add_score (json, explanation);
  add_proof (json, explanation);
  add_logits (json, explanation);
  if (files != NULL)
    {
      json_builder_set_member_name (json, "files");
      json_builder_begin_array (json);
      for (guint i = 0; files[i] != NULL; i++)
        json_builder_add_string_value (json, files[i]);
      json_builder_end_array (json);
    }
  json_builder_end_object (json);

  g_autoptr (JsonNode) root = json_builder_get_root (json);
  return json_to_string (root, TRUE);
}

char *
vtr_explanation_to_json (const VtrExplanation *explanation, const VtrExportOptions *options)
{
  g_return_val_if_fail (explanation != NULL && options != NULL, NULL);

  return vtr_json_new (explanation, options, NULL);
}
