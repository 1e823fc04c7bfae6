/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * manifest.jsonl, a line of JSON for each picture that was made, and manifest.csv.  Both are
 * written under temporary names, picture by picture, and get theirs when all is done or stopped.
 */
#include "augment.h"
#include "recipe.h"
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define JSON_NAME "manifest.jsonl"
#define CSV_NAME "manifest.csv"

typedef struct
{
  const char *name;
  char *temporary;
  FILE *stream;
} Output;

struct _CliManifest
{
  CliAugmentation *augmentation;
  char *recipe;        /* what pictures are made by */
  char *paste_recipe;  /* the same, and among which */
  GHashTable *earlier; /* file, below the folder → line; NULL unless --resume */
  Output json;
  Output csv;
};

/* ---- recipes ---- */

/* All that a picture depends on but other pictures. */
static char *
make_recipe (const CliAugmentation *self)
{
  const CliAugmentOptions *how = self->how;
  VtrHead *head = vtr_model_get_head (self->model);
  g_auto (GStrv) command = cli_recipe_new (self->options, self->model, how->folder);
  g_autoptr (GString) text = g_string_new (VTR_VERSION);

  /* Model, head, method and scale as for explain, without the name of its command and the folder.
   */
  for (guint i = 2; i + 1 < g_strv_length (command); i++)
    g_string_append_printf (text, " %s", command[i]);
  g_string_append_printf (text, " hash %s", vtr_model_get_hash (self->model));
  if (head != NULL)
    g_string_append_printf (text, " head %s", vtr_head_get_hash (head));
  for (guint i = 0; i < VTR_N_AUGMENT_KINDS; i++)
    g_string_append_printf (text, " %s %.17g", vtr_augment_kind_get_name (i), how->shares[i]);
  g_string_append_printf (text, " jitter %.17g least %.17g fill %s seed %u quality %u", how->jitter,
                          how->least, vtr_fill_get_name (how->fill), how->seed, how->quality);
  return g_compute_checksum_for_string (G_CHECKSUM_SHA256, text->str, -1);
}

/* Which pictures are pasted into which also depends on which there are. */
static char *
make_paste_recipe (const CliAugmentation *self, const char *recipe)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);

  g_checksum_update (sum, (const guchar *) recipe, -1);
  for (guint i = 0; i < self->pictures->len; i++)
    {
      const char *name = cli_augmentation_get_name (self, i);
      g_checksum_update (sum, (const guchar *) name, (gssize) strlen (name) + 1);
    }
  return g_strdup (g_checksum_get_string (sum));
}

static const char *
get_recipe (const CliManifest *self, VtrAugmentKind kind)
{
  return kind == VTR_AUGMENT_PASTE ? self->paste_recipe : self->recipe;
}

/* Where a file lies below the folder that is written to. */
static char *
get_relative (const CliAugmentation *self, guint index, VtrAugmentKind kind, guint variant)
{
  g_autofree char *path = cli_augmentation_get_file (self, index, kind, variant);
  const char *below = path + strlen (self->how->output);

  return cli_name_to_text (below + strspn (below, G_DIR_SEPARATOR_S));
}

static const char *
get_label (const CliAugmentation *self, guint index)
{
  const CliPicture *picture = g_ptr_array_index (self->pictures, index);

  return self->labels == NULL ? NULL : g_ptr_array_index (self->labels, picture->class_index);
}

/* ---- an earlier run ---- */

static JsonObject *
parse_line (JsonParser *parser, const char *line)
{
  if (!json_parser_load_from_data (parser, line, -1, NULL))
    return NULL;
  JsonNode *root = json_parser_get_root (parser);
  return root != NULL && JSON_NODE_HOLDS_OBJECT (root) ? json_node_get_object (root) : NULL;
}

static const char *
look_up (JsonObject *object, const char *member)
{
  JsonNode *node = json_object_get_member (object, member);

  return node != NULL && json_node_get_value_type (node) == G_TYPE_STRING
             ? json_node_get_string (node)
             : NULL;
}

static void
note_earlier (CliManifest *self, const char *line)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonObject *object = parse_line (parser, line);
  const char *file = object == NULL ? NULL : look_up (object, "file");

  if (file != NULL)
    g_hash_table_insert (self->earlier, g_strdup (file), g_strdup (line));
}

static void
read_earlier (CliManifest *self)
{
  g_autofree char *path = g_build_filename (self->augmentation->how->output, JSON_NAME, NULL);
  g_autofree char *text = NULL;

  self->earlier = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  if (!g_file_get_contents (path, &text, NULL, NULL))
    return;
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    note_earlier (self, lines[i]);
}

/* Whether no picture that a file was made of is younger; @object: its line. */
static gboolean
is_up_to_date (const CliAugmentation *self, JsonObject *object, const char *path)
{
  JsonNode *node = json_object_get_member (object, "sources");
  GStatBuf file, source;

  if (node == NULL || !JSON_NODE_HOLDS_ARRAY (node) || g_stat (path, &file) != 0)
    return FALSE;
  JsonArray *sources = json_node_get_array (node);
  for (guint i = 0; i < json_array_get_length (sources); i++)
    {
      JsonNode *element = json_array_get_element (sources, i);
      const char *name = JSON_NODE_HOLDS_OBJECT (element)
                             ? look_up (json_node_get_object (element), "picture")
                             : NULL;
      g_autofree char *from =
          name == NULL ? NULL : g_build_filename (self->how->folder, name, NULL);

      if (from == NULL || g_stat (from, &source) != 0 || source.st_mtime > file.st_mtime)
        return FALSE;
    }
  return TRUE;
}

const char *
cli_manifest_find (const CliManifest *self, guint index, VtrAugmentKind kind, guint variant)
{
  if (self->earlier == NULL)
    return NULL;
  g_autofree char *file = get_relative (self->augmentation, index, kind, variant);
  g_autofree char *path = cli_augmentation_get_file (self->augmentation, index, kind, variant);
  g_autoptr (JsonParser) parser = json_parser_new ();
  const char *line = g_hash_table_lookup (self->earlier, file);
  JsonObject *object = line == NULL ? NULL : parse_line (parser, line);

  return object != NULL && g_strcmp0 (look_up (object, "recipe"), get_recipe (self, kind)) == 0 &&
                 is_up_to_date (self->augmentation, object, path)
             ? line
             : NULL;
}

/* ---- JSON ---- */

static void
add_source (JsonBuilder *builder, const CliAugmentation *self, const CliSource *source)
{
  g_autofree char *name = cli_name_to_text (cli_augmentation_get_name (self, source->picture));
  const double box[] = { source->box.x, source->box.y, source->box.width, source->box.height };

  json_builder_begin_object (builder);
  cli_json_string (builder, "picture", name);
  json_builder_set_member_name (builder, "box");
  if (source->box.width > 0)
    {
      json_builder_begin_array (builder);
      for (guint i = 0; i < G_N_ELEMENTS (box); i++)
        json_builder_add_int_value (builder, (gint64) box[i]);
      json_builder_end_array (builder);
    }
  else
    json_builder_add_null_value (builder);
  cli_json_number (builder, "mass", source->mass);
  cli_json_number (builder, "weight", source->weight);
  json_builder_end_object (builder);
}

static gboolean
has_one_label (const CliAugmentation *self, const CliMade *made)
{
  return made->n_sources == 1 || g_strcmp0 (get_label (self, made->sources[0].picture),
                                            get_label (self, made->sources[1].picture)) == 0;
}

static void
add_labels (JsonBuilder *builder, const CliAugmentation *self, const CliMade *made)
{
  const gboolean has_one = has_one_label (self, made);

  cli_json_begin_array (builder, "labels");
  for (guint i = 0; self->labels != NULL && i < (has_one ? 1 : made->n_sources); i++)
    {
      json_builder_begin_object (builder);
      cli_json_string (builder, "label", get_label (self, made->sources[i].picture));
      cli_json_number (builder, "weight", has_one ? 1.0 : made->sources[i].weight);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

static char *
make_line (const CliManifest *self, guint index, const CliMade *made)
{
  const CliAugmentation *augmentation = self->augmentation;
  const CliAugmentOptions *how = augmentation->how;
  VtrMethod *method = augmentation->options->method;
  g_autofree char *file = get_relative (augmentation, index, made->kind, made->variant);
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  cli_json_string (builder, "file", file);
  cli_json_string (builder, "kind", vtr_augment_kind_get_name (made->kind));
  cli_json_integer (builder, "variant", made->variant + 1);
  cli_json_integer (builder, "width", made->width);
  cli_json_integer (builder, "height", made->height);
  cli_json_number (builder, "share", made->share);
  cli_json_string (builder, "fill",
                   made->kind == VTR_AUGMENT_ERASE ? vtr_fill_get_name (how->fill) : NULL);
  cli_json_begin_array (builder, "sources");
  for (guint i = 0; i < made->n_sources; i++)
    add_source (builder, augmentation, &made->sources[i]);
  json_builder_end_array (builder);
  add_labels (builder, augmentation, made);
  cli_json_string (builder, "method", vtr_method_get_name (method));
  cli_json_parameters (builder, method);
  cli_json_string (builder, "target", augmentation->options->target);
  cli_json_integer (builder, "seed", how->seed);
  cli_json_string (builder, "model", vtr_model_get_name (augmentation->model));
  cli_json_string (builder, "model_hash", vtr_model_get_hash (augmentation->model));
  cli_json_string (builder, "recipe", get_recipe (self, made->kind));
  json_builder_end_object (builder);
  g_autoptr (JsonNode) root = json_builder_get_root (builder);
  return json_to_string (root, FALSE);
}

/* ---- CSV, of the line, so that lines of an earlier run come out alike ---- */

static const char *const csv_titles =
    "file,kind,variant,share,picture_1,x_1,y_1,width_1,height_1,mass_1,weight_1,label_1,picture_2,"
    "x_2,y_2,width_2,height_2,mass_2,weight_2,label_2,method,seed,model_hash";

/* A text or number as a field. */
static void
append_field (GString *csv, JsonObject *object, const char *member)
{
  JsonNode *node = object == NULL ? NULL : json_object_get_member (object, member);
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node))
    return;
  if (json_node_get_value_type (node) == G_TYPE_STRING)
    cli_csv_append (csv, json_node_get_string (node));
  else if (json_node_get_value_type (node) == G_TYPE_INT64)
    g_string_append_printf (csv, "%" G_GINT64_FORMAT, json_node_get_int (node));
  else
    g_string_append (csv, g_ascii_dtostr (text, sizeof text, json_node_get_double (node)));
}

static JsonObject *
get_element (JsonObject *object, const char *member, guint index)
{
  JsonArray *array = json_object_get_array_member (object, member);

  return index < json_array_get_length (array) ? json_array_get_object_element (array, index)
                                               : NULL;
}

static void
append_source (GString *csv, JsonObject *line, guint index)
{
  JsonObject *source = get_element (line, "sources", index);
  JsonNode *box = source == NULL ? NULL : json_object_get_member (source, "box");
  const gboolean has_box = box != NULL && JSON_NODE_HOLDS_ARRAY (box);

  append_field (csv, source, "picture");
  for (guint i = 0; i < 4; i++)
    {
      g_string_append_c (csv, ',');
      if (has_box)
        g_string_append_printf (csv, "%" G_GINT64_FORMAT,
                                json_array_get_int_element (json_node_get_array (box), i));
    }
  g_string_append_c (csv, ',');
  append_field (csv, source, "mass");
  g_string_append_c (csv, ',');
  append_field (csv, source, "weight");
  g_string_append_c (csv, ',');
  append_field (csv, get_element (line, "labels", index), "label");
}

static char *
make_csv (JsonObject *line)
{
  static const char *const before[] = { "file", "kind", "variant", "share" };
  static const char *const after[] = { "method", "seed", "model_hash" };
  GString *csv = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (before); i++)
    {
      append_field (csv, line, before[i]);
      g_string_append_c (csv, ',');
    }
  for (guint i = 0; i < 2; i++)
    {
      append_source (csv, line, i);
      g_string_append_c (csv, ',');
    }
  for (guint i = 0; i < G_N_ELEMENTS (after); i++)
    {
      append_field (csv, line, after[i]);
      if (i + 1 < G_N_ELEMENTS (after))
        g_string_append_c (csv, ',');
    }
  return g_string_free (csv, FALSE);
}

void
cli_manifest_add (CliManifest *self, guint index, const CliMade *made)
{
  g_autofree char *line =
      made->line != NULL ? g_strdup (made->line) : make_line (self, index, made);
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonObject *object = parse_line (parser, line);

  fprintf (self->json.stream, "%s\n", line);
  if (object != NULL)
    {
      g_autofree char *csv = make_csv (object);
      fprintf (self->csv.stream, "%s\n", csv);
    }
}

/* ---- files ---- */

static gboolean
fail (const char *path, int problem, GError **error)
{
  g_set_error (error, VTR_ERROR, VTR_ERROR_IO, "The file “%s” cannot be written: %s.", path,
               g_strerror (problem));
  return FALSE;
}

static gboolean
output_open (Output *self, const char *folder, const char *name, GError **error)
{
  self->name = name;
  self->temporary = g_build_filename (folder, ".vitreous-XXXXXX", NULL);
  const int fd = g_mkstemp_full (self->temporary, O_WRONLY | O_CLOEXEC, 0666);
  const int problem = errno;

  if (fd < 0)
    {
      g_clear_pointer (&self->temporary, g_free);
      g_autofree char *path = g_build_filename (folder, name, NULL);
      return fail (path, problem, error);
    }
  self->stream = fdopen (fd, "w");
  return self->stream != NULL || fail (self->temporary, errno, error);
}

static gboolean
output_finish (Output *self, const char *folder, GError **error)
{
  g_autofree char *path = g_build_filename (folder, self->name, NULL);
  FILE *stream = g_steal_pointer (&self->stream);
  gboolean ok = fflush (stream) == 0 && !ferror (stream) && fsync (fileno (stream)) == 0;

  ok = fclose (stream) == 0 && ok && g_rename (self->temporary, path) == 0;
  if (!ok)
    return fail (path, errno, error);
  g_clear_pointer (&self->temporary, g_free);
  return TRUE;
}

static void
output_clear (Output *self)
{
  if (self->stream != NULL)
    fclose (self->stream);
  if (self->temporary != NULL)
    g_unlink (self->temporary);
  g_free (self->temporary);
}

CliManifest *
cli_manifest_new (CliAugmentation *augmentation, GError **error)
{
  CliManifest *self = g_new0 (CliManifest, 1);
  const char *folder = augmentation->how->output;

  self->augmentation = augmentation;
  self->recipe = make_recipe (augmentation);
  self->paste_recipe = make_paste_recipe (augmentation, self->recipe);
  if (augmentation->how->resume)
    read_earlier (self);
  if (!output_open (&self->json, folder, JSON_NAME, error) ||
      !output_open (&self->csv, folder, CSV_NAME, error))
    {
      cli_manifest_free (self);
      return NULL;
    }
  fprintf (self->csv.stream, "%s\n", csv_titles);
  return self;
}

gboolean
cli_manifest_finish (CliManifest *self, GError **error)
{
  const char *folder = self->augmentation->how->output;

  return output_finish (&self->csv, folder, error) && output_finish (&self->json, folder, error);
}

void
cli_manifest_free (CliManifest *self)
{
  if (self == NULL)
    return;
  output_clear (&self->json);
  output_clear (&self->csv);
  g_clear_pointer (&self->earlier, g_hash_table_unref);
  g_free (self->recipe);
  g_free (self->paste_recipe);
  g_free (self);
}
