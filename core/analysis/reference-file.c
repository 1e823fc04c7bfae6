/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* A reference as JSON.  Ranges are lists [layers][heads][5] of percentiles, one after the other. */
#include "analysis/diagnosis.h"
#include "model/config.h"

#include <math.h>
#include <string.h>

#define FORMAT "vitreous-reference"
#define VERSION 1

/* What no model has more of. */
#define MAX_LAYERS 1024
#define MAX_HEADS_IN_ALL 65536
#define MAX_WIDTH (1 << 20)
#define MAX_EDGE 1024 /* of a patch or a position table */

#define N_PERCENTILES G_N_ELEMENTS (((VtrRange *) NULL)->percentiles)

G_STATIC_ASSERT (sizeof (VtrRange) == N_PERCENTILES * sizeof (double));
G_STATIC_ASSERT (sizeof (VtrMoments) == 2 * sizeof (double));

/* "entropy/all" */
static char *
format_trait (guint trait)
{
  return g_strdup_printf ("%s/%s", vtr_statistic_get_info (vtr_head_traits[trait].statistic)->name,
                          vtr_reading_get_name (vtr_head_traits[trait].reading));
}

/* ---- writing: json-glib would write 17 digits of each number ---- */

static void
append_number (GString *json, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  if (isfinite (value))
    g_string_append (json, g_ascii_formatd (text, sizeof text, "%.6g", value));
  else
    g_string_append (json, "null");
}

static void
append_key (GString *json, const char *key, const char *indent)
{
  g_string_append_printf (json, "%s%s\"%s\": ", g_str_has_suffix (json->str, "{") ? "\n" : ",\n",
                          indent, key);
}

static void
append_text (GString *json, const char *key, const char *text)
{
  g_autoptr (JsonNode) node = json_node_init_string (json_node_alloc (), text);
  g_autofree char *quoted = json_to_string (node, FALSE);

  append_key (json, key, "  ");
  g_string_append (json, quoted);
}

static void
append_integer (GString *json, const char *key, const char *indent, guint value)
{
  append_key (json, key, indent);
  g_string_append_printf (json, "%u", value);
}

static void
append_table (GString *json, const char *key, const char *indent, const double *values, gsize n)
{
  append_key (json, key, indent);
  g_string_append_c (json, '[');
  for (gsize i = 0; i < n; i++)
    {
      if (i > 0)
        g_string_append_c (json, ',');
      append_number (json, values[i]);
    }
  g_string_append_c (json, ']');
}

static void
append_ranges (GString *json, const char *key, const VtrRange *ranges, gsize n)
{
  append_table (json, key, "    ", ranges->percentiles, n * N_PERCENTILES);
}

static void
begin_object (GString *json, const char *key)
{
  append_key (json, key, "  ");
  g_string_append_c (json, '{');
}

static void
end_object (GString *json)
{
  g_string_append (json, "\n  }");
}

static void
append_shape (GString *json, const VtrModelShape *shape)
{
  begin_object (json, "shape");
  append_integer (json, "layers", "    ", shape->n_layers);
  append_integer (json, "heads", "    ", shape->n_heads);
  append_integer (json, "all_heads", "    ", shape->n_all_heads);
  append_integer (json, "hidden_size", "    ", shape->hidden_size);
  append_integer (json, "patch_size", "    ", shape->patch_size);
  append_integer (json, "prefix_tokens", "    ", shape->n_prefix);
  append_integer (json, "embedding_size", "    ", shape->n_embedding);
  end_object (json);
}

static void
append_input (GString *json, const VtrReference *self)
{
  begin_object (json, "input");
  append_integer (json, "rows", "    ", self->input.n_rows);
  append_integer (json, "columns", "    ", self->input.n_columns);
  append_key (json, "rescale", "    ");
  append_number (json, self->input.rescale);
  append_table (json, "mean", "    ", self->input.mean, 3);
  append_table (json, "std", "    ", self->input.std, 3);
  append_ranges (json, "pixel_mean", self->pixel_mean, 3);
  append_ranges (json, "pixel_deviation", self->pixel_deviation, 3);
  end_object (json);
}

static void
append_sketch (GString *json, const VtrSketch *self)
{
  if (self->kernel == NULL)
    return;
  begin_object (json, "sketch");
  append_integer (json, "rows", "    ", self->n_rows);
  append_integer (json, "columns", "    ", self->n_columns);
  append_table (json, "kernel", "    ", self->kernel, 3 * self->patch_size * self->patch_size);
  append_table (json, "positions", "    ", self->positions, self->n_rows * self->n_columns);
  end_object (json);
}

char *
vtr_reference_to_json (const VtrReference *self)
{
  const VtrModelShape *shape = &self->shape;
  const gsize n_heads = (gsize) shape->n_layers * shape->n_heads;
  GString *json = g_string_new ("{");

  append_text (json, "format", FORMAT);
  append_integer (json, "version", "  ", VERSION);
  append_text (json, "name", self->name);
  append_text (json, "family", self->family);
  append_text (json, "model_hash", self->model_hash);
  append_integer (json, "pictures", "  ", self->n_pictures);
  append_shape (json, shape);
  append_input (json, self);
  begin_object (json, "heads");
  for (guint trait = 0; trait < VTR_N_HEAD_TRAITS; trait++)
    {
      g_autofree char *key = format_trait (trait);
      append_ranges (json, key, self->heads + trait * n_heads, n_heads);
    }
  end_object (json);
  begin_object (json, "tokens");
  for (guint statistic = 0; statistic < VTR_N_TOKEN_STATISTICS; statistic++)
    append_ranges (json, vtr_token_statistic_get_info ((VtrTokenStatistic) statistic)->name,
                   self->tokens + (gsize) statistic * shape->n_layers, shape->n_layers);
  end_object (json);
  begin_object (json, "outputs");
  append_table (json, "embedding", "    ", &self->embedding->mean, 2 * (gsize) shape->n_embedding);
  append_table (json, "confidence", "    ", &self->confidence.mean, 2);
  append_ranges (json, "distance", &self->distance, 1);
  end_object (json);
  append_sketch (json, &self->sketch);
  g_string_append (json, "\n}\n");
  return g_string_free (json, FALSE);
}

gboolean
vtr_reference_save (const VtrReference *self, const char *path, GError **error)
{
  g_return_val_if_fail (self != NULL && path != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  char *json = vtr_reference_to_json (self);
  g_autoptr (GBytes) bytes = g_bytes_new_take (json, strlen (json));
  return vtr_write_atomically (path, bytes, error);
}

/* ---- reading ---- */

static gboolean
fail (VtrConfig *config, const char *why, GError **error)
{
  g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT, "%s: this is no reference of a model: %s.",
               vtr_config_get_label (config), why);
  return FALSE;
}

static gboolean
check_format (VtrConfig *config, GError **error)
{
  const char *format = NULL;
  guint version = 0;

  if (!vtr_config_get_string (config, "format", &format, error) ||
      !vtr_config_get_uint (config, "version", &version, error))
    return FALSE;
  if (g_strcmp0 (format, FORMAT) != 0)
    return fail (config, "its “format” is not “" FORMAT "”", error);
  if (version != VERSION)
    return fail (config, "its “version” is not one that this program reads; make it again", error);
  return TRUE;
}

/* An object that must be there. */
static VtrConfig *
get_object (VtrConfig *config, const char *key, GError **error)
{
  GError *problem = NULL;
  VtrConfig *child = vtr_config_get_child (config, key, &problem);

  if (problem != NULL)
    g_propagate_error (error, problem);
  else if (child == NULL)
    {
      g_autofree char *why = g_strdup_printf ("it has no “%s”", key);
      fail (config, why, error);
    }
  return child;
}

static gboolean
read_shape (VtrModelShape *self, VtrConfig *config, GError **error)
{
  g_autoptr (VtrConfig) shape = get_object (config, "shape", error);

  if (shape == NULL || !vtr_config_get_uint (shape, "layers", &self->n_layers, error) ||
      !vtr_config_get_uint (shape, "heads", &self->n_heads, error) ||
      !vtr_config_get_uint (shape, "hidden_size", &self->hidden_size, error) ||
      !vtr_config_get_uint (shape, "patch_size", &self->patch_size, error) ||
      !vtr_config_get_uint (shape, "prefix_tokens", &self->n_prefix, error) ||
      !vtr_config_get_uint (shape, "embedding_size", &self->n_embedding, error))
    return FALSE;
  if (self->n_layers < 1 || self->n_layers > MAX_LAYERS || self->n_heads < 1 ||
      self->n_heads > MAX_HEADS_IN_ALL / self->n_layers || self->hidden_size > MAX_WIDTH ||
      self->patch_size < 1 || self->patch_size > MAX_EDGE || self->n_embedding < 1 ||
      self->n_embedding > MAX_WIDTH)
    return fail (shape, "no model has such a shape", error);
  self->n_all_heads = self->n_layers * self->n_heads;
  return vtr_config_get_uint (shape, "all_heads", &self->n_all_heads, error);
}

/* Percentiles that ascend, or none. */
static gboolean
read_ranges (VtrConfig *config, const char *key, VtrRange *ranges, gsize n, GError **error)
{
  if (!vtr_config_get_table (config, key, ranges->percentiles, n * N_PERCENTILES, error))
    return FALSE;
  for (gsize i = 0; i < n; i++)
    {
      const double *p = ranges[i].percentiles;
      const gboolean none =
          isnan (p[0]) && isnan (p[1]) && isnan (p[2]) && isnan (p[3]) && isnan (p[4]);
      if (!none && !(p[0] <= p[1] && p[1] <= p[2] && p[2] <= p[3] && p[3] <= p[4]))
        {
          g_autofree char *why = g_strdup_printf ("percentiles of “%s” do not ascend", key);
          return fail (config, why, error);
        }
    }
  return TRUE;
}

static gboolean
read_moments (VtrConfig *config, const char *key, VtrMoments *moments, gsize n, GError **error)
{
  if (!vtr_config_get_table (config, key, &moments->mean, 2 * n, error))
    return FALSE;
  for (gsize i = 0; i < n; i++)
    if (moments[i].deviation < 0.0)
      return fail (config, "a standard deviation is negative", error);
  return TRUE;
}

static gboolean
read_input (VtrReference *self, VtrConfig *config, GError **error)
{
  VtrReferenceInput *input = &self->input;
  g_autoptr (VtrConfig) object = get_object (config, "input", error);

  if (object == NULL || !vtr_config_get_uint (object, "rows", &input->n_rows, error) ||
      !vtr_config_get_uint (object, "columns", &input->n_columns, error) ||
      !vtr_config_get_double (object, "rescale", &input->rescale, error) ||
      !vtr_config_get_table (object, "mean", input->mean, 3, error) ||
      !vtr_config_get_table (object, "std", input->std, 3, error) ||
      !read_ranges (object, "pixel_mean", self->pixel_mean, 3, error) ||
      !read_ranges (object, "pixel_deviation", self->pixel_deviation, 3, error))
    return FALSE;
  if (input->n_rows < 1 || input->n_columns < 1 || input->n_rows > 1 << 14 ||
      input->n_columns > 1 << 14 || !(input->rescale > 0.0))
    return fail (object, "no pictures are prepared so", error);
  for (guint i = 0; i < 3; i++)
    if (isnan (input->mean[i]) || !(input->std[i] > 0.0))
      return fail (object, "no pixels are normalised so", error);
  return TRUE;
}

static gboolean
read_statistics (VtrReference *self, VtrConfig *config, GError **error)
{
  const VtrModelShape *shape = &self->shape;
  const gsize n_heads = (gsize) shape->n_layers * shape->n_heads;
  g_autoptr (VtrConfig) heads = get_object (config, "heads", error);
  g_autoptr (VtrConfig) tokens = heads == NULL ? NULL : get_object (config, "tokens", error);
  g_autoptr (VtrConfig) outputs = tokens == NULL ? NULL : get_object (config, "outputs", error);

  if (outputs == NULL)
    return FALSE;
  for (guint trait = 0; trait < VTR_N_HEAD_TRAITS; trait++)
    {
      g_autofree char *key = format_trait (trait);
      if (!read_ranges (heads, key, self->heads + trait * n_heads, n_heads, error))
        return FALSE;
    }
  for (guint statistic = 0; statistic < VTR_N_TOKEN_STATISTICS; statistic++)
    if (!read_ranges (tokens, vtr_token_statistic_get_info ((VtrTokenStatistic) statistic)->name,
                      self->tokens + (gsize) statistic * shape->n_layers, shape->n_layers, error))
      return FALSE;
  return read_moments (outputs, "embedding", self->embedding, shape->n_embedding, error) &&
         read_moments (outputs, "confidence", &self->confidence, 1, error) &&
         read_ranges (outputs, "distance", &self->distance, 1, error);
}

/* May be left out. */
static gboolean
read_sketch (VtrReference *self, VtrConfig *config, GError **error)
{
  VtrSketch *sketch = &self->sketch;
  GError *problem = NULL;
  g_autoptr (VtrConfig) object = vtr_config_get_child (config, "sketch", &problem);

  if (object == NULL)
    {
      if (problem != NULL)
        g_propagate_error (error, problem);
      return problem == NULL;
    }
  if (!vtr_config_get_uint (object, "rows", &sketch->n_rows, error) ||
      !vtr_config_get_uint (object, "columns", &sketch->n_columns, error))
    return FALSE;
  if (sketch->n_rows > MAX_EDGE || sketch->n_columns > MAX_EDGE)
    return fail (object, "no model has such a grid", error);
  sketch->patch_size = self->shape.patch_size;
  sketch->kernel = g_new (double, 3 * sketch->patch_size * sketch->patch_size + 1);
  sketch->positions = g_new (double, sketch->n_rows * sketch->n_columns + 1);
  return vtr_config_get_table (object, "kernel", sketch->kernel,
                               3 * sketch->patch_size * sketch->patch_size, error) &&
         vtr_config_get_table (object, "positions", sketch->positions,
                               sketch->n_rows * sketch->n_columns, error);
}

static gboolean
read_names (VtrReference *self, VtrConfig *config, GError **error)
{
  const char *name = NULL, *family = NULL, *hash = NULL;

  if (!vtr_config_get_string (config, "name", &name, error) ||
      !vtr_config_get_string (config, "family", &family, error) ||
      !vtr_config_get_string (config, "model_hash", &hash, error) ||
      !vtr_config_get_uint (config, "pictures", &self->n_pictures, error))
    return FALSE;
  if (name == NULL || family == NULL || hash == NULL)
    return fail (config, "it does not say what it was made of", error);
  self->name = g_strdup (name);
  self->family = g_strdup (family);
  self->model_hash = g_strdup (hash);
  return TRUE;
}

VtrReference *
vtr_reference_parse (GBytes *bytes, const char *label, GError **error)
{
  g_autoptr (VtrConfig) config = vtr_config_parse (bytes, label, error);
  VtrModelShape shape = { 0 };

  if (config == NULL || !check_format (config, error) || !read_shape (&shape, config, error))
    return NULL;
  g_autoptr (VtrReference) self = vtr_reference_new_empty (&shape);
  if (!read_names (self, config, error) || !read_input (self, config, error) ||
      !read_statistics (self, config, error) || !read_sketch (self, config, error))
    return NULL;
  return g_steal_pointer (&self);
}

VtrReference *
vtr_reference_load (const char *path, GError **error)
{
  g_autoptr (GError) why = NULL;

  g_return_val_if_fail (path != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, &why);
  if (file == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_IO, "%s cannot be read: %s.", path, why->message);
      return NULL;
    }
  g_autoptr (GBytes) bytes = g_mapped_file_get_bytes (file);
  return vtr_reference_parse (bytes, path, error);
}
