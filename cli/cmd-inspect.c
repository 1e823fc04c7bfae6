/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "common.h"

#include <stdio.h>
#include <string.h>

/* Labels of a thousand classes help nobody on a terminal. */
#define MAX_SHOWN 8

#define INDENT 2

static void print_members (JsonObject *object, guint depth);

static char *
scalar_to_text (JsonNode *node)
{
  if (JSON_NODE_HOLDS_NULL (node))
    return g_strdup ("none");
  if (json_node_get_value_type (node) == G_TYPE_STRING)
    return g_strdup (*json_node_get_string (node) != '\0' ? json_node_get_string (node) : "none");
  if (json_node_get_value_type (node) == G_TYPE_BOOLEAN)
    return g_strdup (json_node_get_boolean (node) ? "yes" : "no");
  if (json_node_get_value_type (node) == G_TYPE_INT64)
    return g_strdup_printf ("%" G_GINT64_FORMAT, json_node_get_int (node));
  return g_strdup_printf ("%g", json_node_get_double (node));
}

static char *
array_to_text (JsonArray *array)
{
  const guint n = json_array_get_length (array);
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < MIN (n, MAX_SHOWN); i++)
    {
      JsonNode *node = json_array_get_element (array, i);
      g_autofree char *item =
          JSON_NODE_HOLDS_VALUE (node) ? scalar_to_text (node) : json_to_string (node, FALSE);
      g_string_append_printf (text, "%s%s", i > 0 ? ", " : "", item);
    }
  if (n > MAX_SHOWN)
    g_string_append_printf (text, ", … (%u in all)", n);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* "n_layers" → "n layers" */
static char *
member_to_text (const char *name)
{
  return g_strdelimit (g_strdup (name), "_", ' ');
}

static void
print_member (JsonObject *object, const char *name, JsonNode *node, gpointer depth_pointer)
{
  const guint depth = GPOINTER_TO_UINT (depth_pointer);
  g_autofree char *title = member_to_text (name);
  g_autofree char *text = NULL;

  (void) object;
  if (JSON_NODE_HOLDS_OBJECT (node))
    {
      printf ("%*s%s:\n", (int) (depth * INDENT), "", title);
      print_members (json_node_get_object (node), depth + 1);
      return;
    }
  text = JSON_NODE_HOLDS_ARRAY (node) ? array_to_text (json_node_get_array (node))
                                      : scalar_to_text (node);
  printf ("%*s%s: %s\n", (int) (depth * INDENT), "", title, text);
}

static void
print_members (JsonObject *object, guint depth)
{
  json_object_foreach_member (object, print_member, GUINT_TO_POINTER (depth));
}

CliExit
cli_inspect (int argc, char **argv)
{
  gboolean json = FALSE;
  g_autofree char *head = NULL;
  const GOptionEntry entries[] = {
    { "head", 0, 0, G_OPTION_ARG_FILENAME, &head,
      "A classifier head that “vitreous head train” wrote, to be looked at with the model.",
      "FILE" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Answer with one JSON document.", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) arguments = cli_parse (argc, argv, entries, 0, 1, &error);
  g_autoptr (VtrModel) model =
      arguments == NULL ? NULL : cli_open_model (arguments[0], head, &error);
  if (model == NULL)
    return cli_fail (error);

  g_autofree char *description = vtr_model_describe (model);
  g_autoptr (JsonNode) root = json_from_string (description, &error);
  g_return_val_if_fail (root != NULL && JSON_NODE_HOLDS_OBJECT (root), CLI_EXIT_FAILED);
  if (json)
    {
      g_autofree char *text = json_to_string (root, TRUE);
      puts (text);
    }
  else
    print_members (json_node_get_object (root), 0);
  return CLI_EXIT_DONE;
}
