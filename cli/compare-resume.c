/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "compare.h"
#include "common.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

/* ---- reading ---- */

static JsonObject *
load (const char *path, JsonParser *parser)
{
  if (!json_parser_load_from_file (parser, path, NULL))
    return NULL;
  JsonNode *root = json_parser_get_root (parser);
  return root != NULL && JSON_NODE_HOLDS_OBJECT (root) ? json_node_get_object (root) : NULL;
}

/* NaN where there is none. */
static double
read_number (JsonObject *object, const char *member)
{
  JsonNode *node = json_object_get_member (object, member);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_double (node) : NAN;
}

static guint
read_count (JsonObject *object, const char *member)
{
  const double number = read_number (object, member);

  return number >= 0.0 && number <= G_MAXINT ? (guint) number : 0;
}

static gboolean
read_agreement (JsonObject *object, VtrAgreement *agreement)
{
  JsonNode *changed = json_object_get_member (object, "changed");

  *agreement = (VtrAgreement){
    .n_rows = read_count (object, "rows"),
    .n_columns = read_count (object, "columns"),
    .n_patches = read_count (object, "patches"),
    .comparable = changed != NULL && JSON_NODE_HOLDS_VALUE (changed),
  };
  agreement->changed = agreement->comparable && json_node_get_boolean (changed);
  for (guint i = 0; i < VTR_N_AGREEMENT_MEASURES; i++)
    agreement->values[i] = read_number (object, vtr_agreement_measure_get_name (i));
  for (guint side = 0; side < CLI_N_SIDES; side++)
    {
      JsonNode *node = json_object_get_member (object, side == 0 ? "a" : "b");
      const gboolean has_class = node != NULL && JSON_NODE_HOLDS_OBJECT (node);

      agreement->classes[side] =
          has_class ? (int) read_count (json_node_get_object (node), "class") : VTR_NO_CLASS;
      agreement->probabilities[side] =
          has_class ? read_number (json_node_get_object (node), "probability") : NAN;
    }
  return agreement->n_patches > 0;
}

/* ---- what may be taken over ---- */

/* Whether the earlier run had the same side. */
static gboolean
is_same_side (const CliSide *side, JsonObject *earlier, const char *member)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  cli_side_add_json (side, builder, member);
  json_builder_end_object (builder);
  g_autoptr (JsonNode) now = json_builder_get_root (builder);
  JsonNode *then = json_object_get_member (earlier, member);
  return then != NULL &&
         json_node_equal (json_object_get_member (json_node_get_object (now), member), then);
}

/* Whether the earlier run is younger than the picture that a target is. */
static gboolean
is_after_target (const CliSide *side, const GStatBuf *run)
{
  const char *target = side->options->target;
  GStatBuf picture;

  return target == NULL || !g_str_has_prefix (target, "image:") ||
         (g_stat (target + strlen ("image:"), &picture) == 0 && picture.st_mtime <= run->st_mtime);
}

/* By path; NULL unless @each is an array of objects. */
static GHashTable *
index_pictures (JsonNode *each)
{
  if (each == NULL || !JSON_NODE_HOLDS_ARRAY (each))
    return NULL;
  GHashTable *pictures = g_hash_table_new (g_str_hash, g_str_equal);
  JsonArray *array = json_node_get_array (each);

  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      JsonNode *node = json_array_get_element (array, i);
      JsonNode *path = JSON_NODE_HOLDS_OBJECT (node)
                           ? json_object_get_member (json_node_get_object (node), "picture")
                           : NULL;

      if (path != NULL && json_node_get_value_type (path) == G_TYPE_STRING)
        g_hash_table_insert (pictures, (gpointer) json_node_get_string (path),
                             json_node_get_object (node));
    }
  return pictures;
}

static void
take_over (CliComparison *self, CliPicture *picture, GHashTable *found, const GStatBuf *run)
{
  g_autofree char *path = cli_name_to_text (picture->path);
  JsonObject *object = g_hash_table_lookup (found, path);
  GStatBuf file;

  if (picture->status != CLI_PICTURE_OPEN || object == NULL || g_stat (picture->path, &file) != 0 ||
      file.st_mtime > run->st_mtime || !read_agreement (object, &self->agreements[picture->index]))
    return;
  picture->status = CLI_PICTURE_SKIPPED;
  cli_comparison_note (self, picture->index);
}

void
cli_comparison_resume (CliComparison *self)
{
  g_autofree char *path = g_build_filename (self->output, "compare.json", NULL);
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonObject *earlier = load (path, parser);
  GStatBuf run;

  if (earlier == NULL || g_stat (path, &run) != 0)
    return;
  JsonNode *version = json_object_get_member (earlier, "vitreous");
  if (version == NULL || json_node_get_value_type (version) != G_TYPE_STRING ||
      strcmp (json_node_get_string (version), VTR_VERSION) != 0)
    return;
  for (guint i = 0; i < CLI_N_SIDES; i++)
    if (!is_same_side (&self->sides[i], earlier, i == 0 ? "a" : "b") ||
        !is_after_target (&self->sides[i], &run))
      return;

  g_autoptr (GHashTable) found = index_pictures (json_object_get_member (earlier, "each"));
  for (guint i = 0; found != NULL && i < self->pictures->len; i++)
    take_over (self, g_ptr_array_index (self->pictures, i), found, &run);
}
