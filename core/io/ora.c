/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "io/io.h"

#include <string.h>

/* OpenRaster: https://www.openraster.org/baseline/ */
#define MIMETYPE "image/openraster"

/* Bytes that XML 1.0 cannot hold, even escaped, become spaces. */
static char *
escape (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  for (char *c = valid; *c != '\0'; c++)
    if ((guchar) *c < 0x20)
      *c = ' ';
  return g_markup_escape_text (valid, -1);
}

/* Writes <stack> and <layer> elements to @xml and the layers' pictures to @members. */
static void
add_nodes (GString *xml, GArray *members, guint *n_layers, const VtrOraNode *nodes, guint n_nodes)
{
  for (guint i = 0; i < n_nodes; i++)
    {
      const VtrOraNode *node = &nodes[i];
      const char *visibility = node->visible ? "visible" : "hidden";
      g_autofree char *name = escape (node->name);
      char opacity[G_ASCII_DTOSTR_BUF_SIZE];

      g_ascii_formatd (opacity, sizeof opacity, "%.4f", CLAMP (node->opacity, 0.0, 1.0));
      if (node->png == NULL)
        {
          g_string_append_printf (xml,
                                  "<stack name=\"%s\" opacity=\"%s\" visibility=\"%s\" "
                                  "composite-op=\"svg:src-over\" isolation=\"isolate\">\n",
                                  name, opacity, visibility);
          add_nodes (xml, members, n_layers, node->children, node->n_children);
          g_string_append (xml, "</stack>\n");
          continue;
        }
      g_autofree char *source = g_strdup_printf ("data/layer%03u.png", (*n_layers)++);
      g_string_append_printf (xml,
                              "<layer name=\"%s\" src=\"%s\" x=\"0\" y=\"0\" opacity=\"%s\" "
                              "visibility=\"%s\" composite-op=\"svg:src-over\"/>\n",
                              name, source, opacity, visibility);
      vtr_zip_members_add (members, source, g_bytes_ref (node->png), TRUE);
    }
}

static char *
make_stack_xml (GArray *members, const VtrOra *ora)
{
  GString *xml = g_string_new ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
  guint n_layers = 0;

  g_string_append_printf (xml, "<image version=\"0.0.3\" w=\"%u\" h=\"%u\">\n<stack>\n", ora->width,
                          ora->height);
  add_nodes (xml, members, &n_layers, ora->nodes, ora->n_nodes);
  g_string_append (xml, "</stack>\n</image>\n");
  return g_string_free (xml, FALSE);
}

GBytes *
vtr_ora_encode (const VtrOra *ora, GError **error)
{
  g_autoptr (GArray) layers = vtr_zip_members_new ();
  g_autoptr (GArray) members = vtr_zip_members_new ();
  char *xml = make_stack_xml (layers, ora);

  vtr_zip_members_add (members, "mimetype", g_bytes_new_static (MIMETYPE, strlen (MIMETYPE)), TRUE);
  vtr_zip_members_add (members, "stack.xml", g_bytes_new_take (xml, strlen (xml)), FALSE);
  for (guint i = 0; i < layers->len; i++)
    {
      const VtrZipMember *layer = &g_array_index (layers, VtrZipMember, i);
      vtr_zip_members_add (members, layer->name, g_bytes_ref (layer->bytes), TRUE);
    }
  vtr_zip_members_add (members, "mergedimage.png", g_bytes_ref (ora->merged_png), TRUE);
  vtr_zip_members_add (members, "Thumbnails/thumbnail.png", g_bytes_ref (ora->thumbnail_png), TRUE);
  if (ora->metadata != NULL)
    vtr_zip_members_add (members, "metadata.json",
                         g_bytes_new_static (ora->metadata, strlen (ora->metadata)), FALSE);
  return vtr_zip_encode (members, error);
}
