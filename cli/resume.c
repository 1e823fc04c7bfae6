/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "resume.h"
#include "recipe.h"
#include "common.h"

#include <glib/gstdio.h>
#include <string.h>

/* Whether all files are there and none is older than the picture. */
static gboolean
are_there (char **files, const char *picture)
{
  GStatBuf picture_stat;

  if (g_stat (picture, &picture_stat) != 0)
    return FALSE;
  for (guint i = 0; files[i] != NULL; i++)
    {
      GStatBuf file_stat;
      if (g_stat (files[i], &file_stat) != 0 || file_stat.st_mtime < picture_stat.st_mtime)
        return FALSE;
    }
  return TRUE;
}

/* Where in a command the value of --write is; @n where it has none. */
static guint
find_write (char **command, guint n)
{
  for (guint i = 1; i < n; i++)
    if (strcmp (command[i - 1], "--write") == 0)
      return i;
  return n;
}

/* Whether two command lines differ at most in that the earlier one wrote more. */
static gboolean
covers (char **earlier, char **now, VtrExportFlags asked)
{
  const guint n = g_strv_length (now);
  const guint write = find_write (now, n);
  VtrExportFlags written;

  if (g_strv_length (earlier) != n || write == n || find_write (earlier, n) != write)
    return FALSE;
  for (guint i = 0; i < n; i++)
    if (i != write && strcmp (earlier[i], now[i]) != 0)
      return FALSE;
  if (!vtr_export_flags_parse (earlier[write], &written, NULL))
    return FALSE;
  /* Which writes the .npz unasked; both have it, or they would differ. */
  if (g_strv_contains ((const char *const *) now, "--save-matrix"))
    asked &= ~VTR_EXPORT_NPZ;
  /* Nor is the mask of --prove, which both have or have not. */
  return (asked & ~written & ~(guint) VTR_EXPORT_PROOF) == 0;
}

/* The object at a member; NULL where it holds none. */
static JsonObject *
look_up_object (JsonObject *object, const char *member)
{
  JsonNode *node = object == NULL ? NULL : json_object_get_member (object, member);

  return node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

/* The string at a member; NULL where it holds none. */
static const char *
look_up (JsonObject *object, const char *member)
{
  JsonNode *node = object == NULL ? NULL : json_object_get_member (object, member);

  return node != NULL && json_node_get_value_type (node) == G_TYPE_STRING
             ? json_node_get_string (node)
             : NULL;
}

/* Whether a target that is a picture is the one of the record, and not newer than it. */
static gboolean
has_same_target_picture (JsonObject *record, const char *file, const char *target)
{
  GStatBuf file_stat, target_stat;

  if (target == NULL || !g_str_has_prefix (target, "image:"))
    return TRUE;
  return g_strcmp0 (look_up (look_up_object (record, "target"), "text"), target) == 0 &&
         g_stat (file, &file_stat) == 0 && g_stat (target + strlen ("image:"), &target_stat) == 0 &&
         file_stat.st_mtime >= target_stat.st_mtime;
}

/* Whether STEM.json tells of the same program, model, head, target and parameters; @files: those
 * asked for, less the mask of a proof where it tells that there was none to write. */
static gboolean
tells_the_same (const CliPicture *picture,
                const CliExplainOptions *options,
                VtrModel *model,
                VtrExportFlags *files)
{
  g_auto (GStrv) file = cli_files_of (picture->stem, VTR_EXPORT_JSON);
  g_auto (GStrv) now = cli_recipe_new (options, model, picture->path);
  g_auto (GStrv) earlier = NULL;
  g_autoptr (JsonParser) parser = json_parser_new ();

  if (!json_parser_load_from_file (parser, file[0], NULL))
    return FALSE;
  JsonNode *root = json_parser_get_root (parser);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    return FALSE;

  JsonObject *record = json_node_get_object (root);
  JsonObject *earlier_model = look_up_object (record, "model");
  VtrHead *head = vtr_model_get_head (model);
  const char *version = look_up (record, "version");
  const char *hash = look_up (earlier_model, "hash");
  const char *head_hash = look_up (look_up_object (earlier_model, "head"), "hash");
  const char *command = look_up (record, "command");
  const char *outcome = look_up (look_up_object (record, "proof"), "outcome");

  if (g_strcmp0 (outcome, vtr_proof_outcome_get_name (VTR_PROOF_FLIPPED)) != 0)
    *files &= ~(guint) VTR_EXPORT_PROOF;
  return g_strcmp0 (version, VTR_VERSION) == 0 &&
         g_strcmp0 (hash, vtr_model_get_hash (model)) == 0 &&
         g_strcmp0 (head_hash, head == NULL ? NULL : vtr_head_get_hash (head)) == 0 &&
         command != NULL && g_shell_parse_argv (command, NULL, &earlier, NULL) &&
         covers (earlier, now, options->write) &&
         has_same_target_picture (record, file[0], options->target);
}

gboolean
cli_is_finished (CliPicture *picture, const CliExplainOptions *options, VtrModel *model)
{
  VtrExportFlags asked = options->write;

  if ((asked & VTR_EXPORT_JSON) != 0 && !tells_the_same (picture, options, model, &asked))
    return FALSE;

  g_auto (GStrv) files = cli_files_of (picture->stem, asked);
  if (!are_there (files, picture->path))
    return FALSE;
  picture->files = g_steal_pointer (&files);
  return TRUE;
}
