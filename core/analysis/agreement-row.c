/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* One picture of a sheet: the photo, both maps over it, and how they differ. */
#include "analysis/agreement.h"

#include <math.h>

/* Where nothing differs the photo is grey and this much darker, so that colours stand out. */
#define DIMMING 0.4f

/* Of full colour over the photo; small differences are to be seen, too. */
#define OPACITY 0.92f
#define GAMMA 0.6f

static gboolean
draw_maps (VtrAgreementRow *self,
           const VtrExplanation *const *sides,
           const VtrAgreementLooks *looks,
           GError **error)
{
  guint8 colors[VTR_N_COLORS][3];

  if (!vtr_colormap_fill (looks->colormap, colors, error))
    return FALSE;
  for (guint i = 0; i < 2; i++)
    {
      self->panels[1 + i] = vtr_map_draw_over (vtr_explanation_get_summary (sides[i]),
                                               vtr_explanation_get_input (sides[i]),
                                               self->panels[0], colors, looks->opacity, error);
      if (self->panels[1 + i] == NULL)
        return FALSE;
    }
  return TRUE;
}

/* ---- the difference ---- */

static double
add_positive (const VtrMapPair *pair, guint side)
{
  double sum = 0.0;

  for (guint i = 0; i < pair->n_covered; i++)
    sum += MAX (pair->covered[side][i], 0.0f);
  return sum;
}

/* What A gives to each patch less what B does, as shares of all they give; NaN where not both cover
 * it.  A map without anything above 0 gives nothing. */
static VtrMap *
subtract (const VtrMapPair *pair)
{
  const gsize n = (gsize) pair->n_rows * pair->n_columns;
  const double sum_a = add_positive (pair, 0), sum_b = add_positive (pair, 1);
  g_autofree float *values = g_new (float, n);

  for (gsize i = 0; i < n; i++)
    {
      const float a = pair->values[0][i], b = pair->values[1][i];

      values[i] = isnan (a) ? NAN
                            : (float) ((sum_a > 0.0 ? MAX (a, 0.0f) / sum_a : 0.0) -
                                       (sum_b > 0.0 ? MAX (b, 0.0f) / sum_b : 0.0));
    }
  return vtr_map_new (pair->n_rows, pair->n_columns, values, VTR_FUSED, VTR_FUSED, "difference");
}

static float
find_greatest (const VtrMap *difference)
{
  const gsize n = (gsize) vtr_map_get_n_rows (difference) * vtr_map_get_n_columns (difference);
  const float *values = vtr_map_get_values (difference);
  float greatest = 0.0f;

  for (gsize i = 0; i < n; i++)
    if (!isnan (values[i]))
      greatest = MAX (greatest, fabsf (values[i]));
  return greatest;
}

/* @share: −1 (B's colour) to 1 (A's) */
static void
tint (guint8 *pixel, float share)
{
  const guint32 color = share > 0.0f ? VTR_COLOR_A : VTR_COLOR_B;
  const float opacity = OPACITY * powf (MIN (fabsf (share), 1.0f), GAMMA);
  const float grey = DIMMING * (0.299f * pixel[0] + 0.587f * pixel[1] + 0.114f * pixel[2]);

  for (guint i = 0; i < 3; i++)
    {
      const float to = (color >> (16 - 8 * i)) & 0xff;
      pixel[i] = (guint8) (grey + (to - grey) * opacity + 0.5f);
    }
}

static VtrImage *
draw_difference (const VtrMap *difference,
                 const VtrInput *input,
                 const VtrImage *photo,
                 float greatest)
{
  const guint width = vtr_image_get_width (photo), height = vtr_image_get_height (photo);
  const gsize n = (gsize) width * height;
  g_autofree float *values = g_new (float, n);
  guint8 *rgba = g_memdup2 (vtr_image_get_rgba (photo), n * 4);

  vtr_map_sample (difference, input, width, height, values);
  for (gsize i = 0; i < n; i++)
    tint (rgba + 4 * i, greatest > 0.0f && !isnan (values[i]) ? values[i] / greatest : 0.0f);
  return vtr_image_take (width, height, rgba, 1, NULL);
}

static gboolean
add_difference (VtrAgreementRow *self,
                const VtrExplanation *a,
                const VtrExplanation *b,
                GError **error)
{
  VtrMapPair pair;
  const gboolean ok = vtr_map_pair_init (&pair, a, b, error);

  if (ok)
    {
      g_autoptr (VtrMap) difference = subtract (&pair);
      const float greatest = find_greatest (difference);

      self->difference = greatest;
      self->panels[3] = draw_difference (difference, pair.input, self->panels[0], greatest);
    }
  vtr_map_pair_clear (&pair);
  return ok;
}

/* ---- the row ---- */

static VtrImage *
draw_photo (const VtrImage *image, GError **error)
{
  guint width, height;

  vtr_image_fit (image, VTR_ROW_EDGE, &width, &height);
  return vtr_image_scale (image, width, height, error);
}

/* "17" where the class has no label. */
static char *
name_class (VtrModel *model, int class_index)
{
  if (class_index == VTR_NO_CLASS)
    return NULL;
  const char *label = vtr_model_get_label (model, (guint) class_index);
  return label != NULL ? g_strdup (label) : g_strdup_printf ("%d", class_index);
}

VtrAgreementRow *
vtr_agreement_row_new (const VtrExplanation *a,
                       const VtrExplanation *b,
                       const VtrAgreement *agreement,
                       const char *name,
                       const VtrAgreementLooks *looks,
                       GError **error)
{
  g_return_val_if_fail (a != NULL && b != NULL && agreement != NULL && looks != NULL, NULL);
  g_return_val_if_fail (looks->opacity >= 0.0 && looks->opacity <= 1.0, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  const VtrExplanation *sides[] = { a, b };
  g_autoptr (VtrAgreementRow) self = g_new0 (VtrAgreementRow, 1);

  self->agreement = *agreement;
  self->name = g_strdup (name != NULL ? name : "");
  for (guint i = 0; i < 2; i++)
    self->labels[i] = name_class (vtr_explanation_get_model (sides[i]), agreement->classes[i]);
  self->panels[0] = draw_photo (vtr_input_get_image (vtr_explanation_get_input (a)), error);
  if (self->panels[0] == NULL || !draw_maps (self, sides, looks, error) ||
      !add_difference (self, a, b, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
vtr_agreement_row_free (VtrAgreementRow *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < VTR_ROW_N_PANELS; i++)
    g_clear_pointer (&self->panels[i], vtr_image_unref);
  for (guint i = 0; i < 2; i++)
    g_free (self->labels[i]);
  g_free (self->name);
  g_free (self);
}
