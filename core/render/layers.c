/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * STEM.ora, from the top:
 *
 *   proof: 9 of 256 patches darkness around the patches that a decision hangs on, where they are
 *                           known; hidden
 *   raw                     the method
 *     layer 11, mean        the summary, where it is not one of the maps; shown
 *     layer 11              a group per layer, the last one on top
 *       layer 11, head 0    a map each, hidden unless it is the summary
 *       ...
 *   photo
 */
#include "render/render.h"

#define THUMBNAIL_EDGE 256 /* pixels, of OpenRaster */

typedef struct
{
  const VtrExplanation *explanation;
  const VtrExportOptions *options;
  GPtrArray *pictures; /* of GBytes, of the layers below */
  GPtrArray *names;    /* of char, of those that are not the maps' labels */
  GArray *maps;        /* of VtrOraNode: a layer per map, in the order of the maps */
  GArray *children;    /* of VtrOraNode: of the method's group */
} Stack;

static GBytes *
encode_image (const VtrImage *image, const GArray *text, GError **error)
{
  return vtr_png_encode_rgba (vtr_image_get_rgba (image), vtr_image_get_width (image),
                              vtr_image_get_height (image),
                              text != NULL ? (const VtrPngText *) text->data : NULL,
                              text != NULL ? text->len : 0, error);
}

/* The map's label; of the summary with what it is worth, where that is known. */
static const char *
make_name (Stack *stack, const VtrMap *map, gboolean summary)
{
  const VtrScore *score = vtr_explanation_get_score (stack->explanation);

  if (!summary || score == NULL)
    return vtr_map_get_label (map);
  g_autofree char *worth = vtr_score_describe (score);
  char *name = g_strdup_printf ("%s  %s", vtr_map_get_label (map), worth);
  g_ptr_array_add (stack->names, name);
  return name;
}

/* A layer of @map; @stack owns its PNG.  The summary is visible. */
static gboolean
make_map_node (Stack *stack, const VtrMap *map, gboolean visible, VtrOraNode *node, GError **error)
{
  const VtrInput *input = vtr_explanation_get_input (stack->explanation);
  g_autoptr (GArray) text = vtr_metadata_new (stack->explanation, map, stack->options);
  g_autoptr (VtrImage) image = vtr_map_colorize (map, input, stack->options->colormap, error);

  if (image == NULL)
    return FALSE;
  GBytes *png = encode_image (image, text, error);
  if (png == NULL)
    return FALSE;
  g_ptr_array_add (stack->pictures, png);
  *node = (VtrOraNode){
    .name = make_name (stack, map, visible),
    .png = png,
    .opacity = stack->options->opacity,
    .visible = visible,
  };
  return TRUE;
}

static gboolean
make_map_nodes (Stack *stack, GError **error)
{
  const guint n_maps = vtr_explanation_get_n_maps (stack->explanation);
  gboolean has_summary = FALSE;
  VtrOraNode node;

  for (guint i = 0; i < n_maps; i++)
    {
      const VtrMap *map = vtr_explanation_get_map (stack->explanation, i);
      const gboolean visible = vtr_metadata_is_summary (stack->explanation, map);
      if (!make_map_node (stack, map, visible, &node, error))
        return FALSE;
      g_array_append_val (stack->maps, node);
      has_summary = has_summary || visible;
    }
  if (has_summary)
    return TRUE;
  if (!make_map_node (stack, vtr_explanation_get_summary (stack->explanation), TRUE, &node, error))
    return FALSE;
  g_array_append_val (stack->children, node);
  return TRUE;
}

/* Groups the maps by layer, the last layer on top. */
static void
add_layer_groups (Stack *stack)
{
  guint end = stack->maps->len;

  while (end > 0)
    {
      const int layer = vtr_map_get_layer (vtr_explanation_get_map (stack->explanation, end - 1));
      guint start = end - 1;
      while (start > 0 &&
             vtr_map_get_layer (vtr_explanation_get_map (stack->explanation, start - 1)) == layer)
        start--;

      char *name =
          layer == VTR_FUSED ? g_strdup ("all layers") : g_strdup_printf ("layer %d", layer);
      const VtrOraNode group = {
        .name = name,
        .opacity = 1.0,
        .visible = TRUE,
        .children = &g_array_index (stack->maps, VtrOraNode, start),
        .n_children = end - start,
      };
      g_ptr_array_add (stack->names, name);
      g_array_append_val (stack->children, group);
      end = start;
    }
}

/* The layer that shows the proof, where there is one that flips; else @node stays as it is. */
static gboolean
make_proof_node (Stack *stack, VtrOraNode *node, GError **error)
{
  const VtrProof *proof = vtr_proof_get_flipped (stack->explanation);

  if (proof == NULL)
    return TRUE;
  g_autoptr (GArray) text = vtr_metadata_new (stack->explanation, NULL, stack->options);
  g_autoptr (VtrImage) image = vtr_proof_make_layer (stack->explanation, error);
  GBytes *png = image != NULL ? encode_image (image, text, error) : NULL;
  if (png == NULL)
    return FALSE;
  g_ptr_array_add (stack->pictures, png);
  char *name = g_strdup_printf ("proof: %u of %u patches", proof->n_patches, proof->n_all);
  g_ptr_array_add (stack->names, name);
  *node = (VtrOraNode){ .name = name, .png = png, .opacity = 1.0, .visible = FALSE };
  return TRUE;
}

/* The PNGs every OpenRaster file has: the photo, the whole, the whole made small. */
static gboolean
make_pictures (const Stack *stack, GBytes **photo, VtrOra *ora, GError **error)
{
  const VtrInput *input = vtr_explanation_get_input (stack->explanation);
  const VtrImage *image = vtr_input_get_image (input);
  const VtrMap *summary = vtr_explanation_get_summary (stack->explanation);
  g_autoptr (GArray) text = vtr_metadata_new (stack->explanation, summary, stack->options);
  guint width = ora->width;
  guint height = ora->height;

  *photo = encode_image (image, NULL, error);
  if (*photo == NULL)
    return FALSE;
  g_autoptr (VtrImage) merged =
      vtr_map_overlay (summary, input, stack->options->colormap, stack->options->opacity, error);
  if (merged == NULL)
    return FALSE;
  ora->merged_png = encode_image (merged, text, error);
  if (ora->merged_png == NULL)
    return FALSE;
  if (MAX (width, height) > THUMBNAIL_EDGE)
    vtr_image_fit (image, THUMBNAIL_EDGE, &width, &height);
  g_autoptr (VtrImage) thumbnail = vtr_image_scale (merged, width, height, error);
  if (thumbnail != NULL)
    ora->thumbnail_png = encode_image (thumbnail, NULL, error);
  return ora->thumbnail_png != NULL;
}

GBytes *
vtr_layers_encode (const VtrExplanation *explanation,
                   const VtrExportOptions *options,
                   GError **error)
{
  const VtrImage *image = vtr_input_get_image (vtr_explanation_get_input (explanation));
  g_autoptr (GPtrArray) pictures = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GArray) maps = g_array_new (FALSE, FALSE, sizeof (VtrOraNode));
  g_autoptr (GArray) children = g_array_new (FALSE, FALSE, sizeof (VtrOraNode));
  g_autofree char *metadata = vtr_json_new (explanation, options, NULL);
  Stack stack = { explanation, options, pictures, names, maps, children };
  VtrOra ora = {
    .width = vtr_image_get_width (image),
    .height = vtr_image_get_height (image),
    .metadata = metadata,
  };
  VtrOraNode proof = { NULL };
  g_autoptr (GBytes) photo = NULL;
  GBytes *bytes = NULL;

  if (make_map_nodes (&stack, error) && make_proof_node (&stack, &proof, error) &&
      make_pictures (&stack, &photo, &ora, error))
    {
      add_layer_groups (&stack);
      const VtrOraNode nodes[] = {
        proof,
        { .name = vtr_method_get_name (vtr_explanation_get_method (explanation)),
          .opacity = 1.0,
          .visible = TRUE,
          .children = (const VtrOraNode *) children->data,
          .n_children = children->len },
        { .name = "photo", .png = photo, .opacity = 1.0, .visible = TRUE },
      };
      /* Without a proof the list begins at the method. */
      ora.nodes = proof.png != NULL ? nodes : nodes + 1;
      ora.n_nodes = proof.png != NULL ? 3 : 2;
      bytes = vtr_ora_encode (&ora, error);
    }
  g_clear_pointer (&ora.merged_png, g_bytes_unref);
  g_clear_pointer (&ora.thumbnail_png, g_bytes_unref);
  return bytes;
}
