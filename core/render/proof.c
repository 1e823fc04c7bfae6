/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* The patches of a proof on the pixels of the picture. */
#include "render/render.h"

/* Of the layer, where the patches are not: the photo stays recognisable below it. */
#define DARKNESS 191 /* of 255 */

const VtrProof *
vtr_proof_get_flipped (const VtrExplanation *explanation)
{
  const VtrProof *proof = vtr_explanation_get_proof (explanation);

  return proof != NULL && proof->outcome == VTR_PROOF_FLIPPED ? proof : NULL;
}

/* Whether each patch is in the proof, [n_all]. */
static gboolean *
mark_patches (const VtrProof *proof)
{
  gboolean *marked = g_new0 (gboolean, proof->n_all);

  for (guint i = 0; i < proof->n_patches; i++)
    marked[proof->patches[i]] = TRUE;
  return marked;
}

/* [height][width] of the picture: 255 where a patch of the proof covers the middle of the pixel,
 * else 0. */
static guint8 *
make_mask (const VtrProof *proof, const VtrInput *input, GError **error)
{
  const VtrImage *image = vtr_input_get_image (input);
  const guint width = vtr_image_get_width (image);
  const guint height = vtr_image_get_height (image);
  const guint n_columns = vtr_input_get_n_columns (input);
  g_autofree gboolean *marked = mark_patches (proof);
  guint8 *mask = g_try_malloc ((gsize) width * height);

  if (mask == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY,
                   "There is not enough memory for a mask of %u × %u pixels; use a smaller "
                   "picture.",
                   width, height);
      return NULL;
    }
  for (guint y = 0; y < height; y++)
    for (guint x = 0; x < width; x++)
      {
        guint row, column;
        const gboolean is_covered = vtr_input_get_patch_at (input, x + 0.5, y + 0.5, &row, &column);

        mask[(gsize) y * width + x] = is_covered && marked[row * n_columns + column] ? 255 : 0;
      }
  return mask;
}

GBytes *
vtr_proof_encode_mask (const VtrExplanation *explanation,
                       const VtrExportOptions *options,
                       GError **error)
{
  const VtrInput *input = vtr_explanation_get_input (explanation);
  const VtrImage *image = vtr_input_get_image (input);
  /* Not that of the map, whose range would read as that of the mask. */
  g_autoptr (GArray) text = vtr_metadata_new (explanation, NULL, options);
  g_autofree guint8 *mask = make_mask (vtr_proof_get_flipped (explanation), input, error);

  if (mask == NULL)
    return NULL;
  return vtr_png_encode_grey8 (mask, vtr_image_get_width (image), vtr_image_get_height (image),
                               (const VtrPngText *) text->data, text->len, error);
}

VtrImage *
vtr_proof_make_layer (const VtrExplanation *explanation, GError **error)
{
  const VtrInput *input = vtr_explanation_get_input (explanation);
  const VtrImage *image = vtr_input_get_image (input);
  const guint width = vtr_image_get_width (image);
  const guint height = vtr_image_get_height (image);
  g_autofree guint8 *mask = make_mask (vtr_proof_get_flipped (explanation), input, error);

  if (mask == NULL)
    return NULL;
  guint8 *rgba = g_try_malloc0_n ((gsize) width * height, 4);
  if (rgba == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY,
                   "There is not enough memory for a layer of %u × %u pixels; use a smaller "
                   "picture.",
                   width, height);
      return NULL;
    }
  for (gsize i = 0; i < (gsize) width * height; i++)
    rgba[4 * i + 3] = mask[i] != 0 ? 0 : DARKNESS;
  return vtr_image_take (width, height, rgba, 1, NULL);
}
