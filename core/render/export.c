/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "render/render.h"

#include <glib/gstdio.h>
#include <string.h>

typedef GBytes *(*EncodeFunc) (const VtrExplanation *explanation,
                               const VtrExportOptions *options,
                               GError **error);

static GBytes *
encode_overlay (const VtrExplanation *explanation, const VtrExportOptions *options, GError **error)
{
  const VtrMap *map = vtr_explanation_get_summary (explanation);
  g_autoptr (GArray) text = vtr_metadata_new (explanation, map, options);
  g_autoptr (VtrImage) image = vtr_map_overlay (map, vtr_explanation_get_input (explanation),
                                                options->colormap, options->opacity, error);

  if (image == NULL)
    return NULL;
  return vtr_png_encode_rgba (vtr_image_get_rgba (image), vtr_image_get_width (image),
                              vtr_image_get_height (image), (const VtrPngText *) text->data,
                              text->len, error);
}

static GBytes *
encode_map (const VtrExplanation *explanation, const VtrExportOptions *options, GError **error)
{
  const VtrMap *map = vtr_explanation_get_summary (explanation);
  const VtrInput *input = vtr_explanation_get_input (explanation);
  const VtrImage *image = vtr_input_get_image (input);
  g_autoptr (GArray) text = vtr_metadata_new (explanation, map, options);
  g_autofree guint16 *grey = vtr_map_to_grey16 (map, input, error);

  if (grey == NULL)
    return NULL;
  return vtr_png_encode_grey16 (grey, vtr_image_get_width (image), vtr_image_get_height (image),
                                (const VtrPngText *) text->data, text->len, error);
}

static GBytes *
encode_sheet (const VtrExplanation *explanation, const VtrExportOptions *options, GError **error)
{
  g_autoptr (GArray) text = vtr_metadata_new (explanation, NULL, options);
  g_autoptr (VtrImage) image = vtr_sheet_new (explanation, options, error);

  if (image == NULL)
    return NULL;
  return vtr_png_encode_rgba (vtr_image_get_rgba (image), vtr_image_get_width (image),
                              vtr_image_get_height (image), (const VtrPngText *) text->data,
                              text->len, error);
}

/* Adds an array unless there is none. */
static void
add_array (GArray *arrays, const char *name, const float *data, guint n_dims, const guint *shape)
{
  VtrNpzArray array = { .name = name, .dtype = VTR_DTYPE_F32, .n_dims = n_dims, .data = data };

  if (data == NULL)
    return;
  for (guint i = 0; i < n_dims; i++)
    array.shape[i] = shape[i];
  g_array_append_val (arrays, array);
}

static GBytes *
encode_npz (const VtrExplanation *explanation, const VtrExportOptions *options, GError **error)
{
  const VtrMap *summary = vtr_explanation_get_summary (explanation);
  const guint rows = vtr_map_get_n_rows (summary);
  const guint columns = vtr_map_get_n_columns (summary);
  g_autoptr (GArray) arrays = g_array_new (FALSE, FALSE, sizeof (VtrNpzArray));
  guint n_layers;
  guint n_heads;
  guint n;

  (void) options;
  const float *data = vtr_explanation_get_attention (explanation, &n_layers, &n_heads);
  if (data != NULL)
    add_array (arrays, "attention", data, 4, (guint[]){ n_layers, n_heads, rows, columns });
  else
    add_array (arrays, "map", vtr_map_get_values (summary), 2, (guint[]){ rows, columns });
  data = vtr_explanation_get_matrix (explanation, &n);
  vtr_explanation_get_layers (explanation, &n_layers);
  vtr_explanation_get_heads (explanation, &n_heads);
  add_array (arrays, "matrix", data, 4, (guint[]){ n_layers, n_heads, n, n });
  data = vtr_explanation_get_logits (explanation, &n);
  add_array (arrays, "logits", data, 1, &n);
  data = vtr_explanation_get_embedding (explanation, &n);
  add_array (arrays, "embedding", data, 1, &n);
  return vtr_npz_encode ((const VtrNpzArray *) arrays->data, arrays->len, error);
}

/* In the order they are written: JSON, which names the others, comes last. */
static const struct
{
  VtrExportFlags flag;
  const char *name; /* NULL for what is not asked for by a word */
  const char *ending;
  EncodeFunc encode; /* NULL for JSON */
} kinds[] = {
  { VTR_EXPORT_OVERLAY, "overlay", ".overlay.png", encode_overlay },
  { VTR_EXPORT_MAP, "map", ".map.png", encode_map },
  { VTR_EXPORT_LAYERS, "layers", ".ora", vtr_layers_encode },
  { VTR_EXPORT_SHEET, "sheet", ".sheet.png", encode_sheet },
  { VTR_EXPORT_NPZ, "npz", ".npz", encode_npz },
  { VTR_EXPORT_PROOF, NULL, ".proof.png", vtr_proof_encode_mask },
  { VTR_EXPORT_JSON, "json", ".json", NULL },
};

gboolean
vtr_export_flags_parse (const char *text, VtrExportFlags *flags, GError **error)
{
  /* No text at all is one word that is empty, and refused as such. */
  g_auto (GStrv) words = g_strsplit (*text == '\0' ? " " : text, ",", -1);
  VtrExportFlags parsed = 0;

  g_return_val_if_fail (flags != NULL, FALSE);

  for (guint i = 0; words[i] != NULL; i++)
    {
      const char *word = g_strstrip (words[i]);
      guint kind = 0;
      while (kind < G_N_ELEMENTS (kinds) && g_strcmp0 (kinds[kind].name, word) != 0)
        kind++;
      if (kind == G_N_ELEMENTS (kinds))
        {
          g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                       "There is nothing called '%s' to write; choose from overlay, map, layers, "
                       "sheet, npz and json, with commas between them.",
                       word);
          return FALSE;
        }
      parsed |= kinds[kind].flag;
    }
  *flags = parsed;
  return TRUE;
}

/* Makes the contents of each file of @paths before any is written. */
static gboolean
encode_all (const VtrExplanation *explanation,
            VtrExportFlags flags,
            const VtrExportOptions *options,
            const GPtrArray *paths,
            GPtrArray *contents,
            GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < paths->len; i++)
    g_ptr_array_add (names, g_path_get_basename (g_ptr_array_index (paths, i)));
  g_ptr_array_add (names, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      GBytes *bytes;
      if ((flags & kinds[i].flag) == 0)
        continue;
      if (kinds[i].encode != NULL)
        bytes = kinds[i].encode (explanation, options, error);
      else
        {
          char *json = vtr_json_new (explanation, options, (const char *const *) names->pdata);
          bytes = g_bytes_new_take (json, strlen (json));
        }
      if (bytes == NULL)
        return FALSE;
      g_ptr_array_add (contents, bytes);
    }
  return TRUE;
}

/* Writes each file, or leaves none of them behind that was not there before. */
static gboolean
write_all (const GPtrArray *paths, const GPtrArray *contents, GError **error)
{
  g_autofree gboolean *is_new = g_new0 (gboolean, paths->len);

  for (guint i = 0; i < paths->len; i++)
    {
      is_new[i] = !g_file_test (g_ptr_array_index (paths, i), G_FILE_TEST_EXISTS);
      if (vtr_write_atomically (g_ptr_array_index (paths, i), g_ptr_array_index (contents, i),
                                error))
        continue;
      for (guint written = 0; written < i; written++)
        if (is_new[written])
          g_unlink (g_ptr_array_index (paths, written));
      return FALSE;
    }
  return TRUE;
}

char **
vtr_export (const VtrExplanation *explanation,
            const char *stem,
            VtrExportFlags flags,
            const VtrExportOptions *options,
            GError **error)
{
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) contents = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);

  g_return_val_if_fail (explanation != NULL && stem != NULL && options != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);
  g_return_val_if_fail (options->opacity >= 0.0 && options->opacity <= 1.0, NULL);

  if (vtr_proof_get_flipped (explanation) == NULL)
    flags &= ~(guint) VTR_EXPORT_PROOF;
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if ((flags & kinds[i].flag) != 0)
      g_ptr_array_add (paths, g_strconcat (stem, kinds[i].ending, NULL));
  if (!encode_all (explanation, flags, options, paths, contents, error) ||
      !write_all (paths, contents, error))
    return NULL;
  g_ptr_array_add (paths, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&paths), FALSE);
}
