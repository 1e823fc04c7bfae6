/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "picture.h"
#include "i18n.h"

#include <string.h>

/* The share of a patch that must be selected for it to count. */
#define SELECTED_SHARE 0.5

gboolean
vgp_rect_intersect (const VgpRect *a, const VgpRect *b, VgpRect *out)
{
  const int x = MAX (a->x, b->x);
  const int y = MAX (a->y, b->y);
  const gint64 right = MIN ((gint64) a->x + a->width, (gint64) b->x + b->width);
  const gint64 bottom = MIN ((gint64) a->y + a->height, (gint64) b->y + b->height);

  if (right <= x || bottom <= y)
    return FALSE;
  *out = (VgpRect){ x, y, (guint) (right - x), (guint) (bottom - y) };
  return TRUE;
}

VgpPicture *
vgp_picture_new (VtrImage *image, const VgpRect *rect, float *selection)
{
  VgpPicture *self = g_new0 (VgpPicture, 1);

  self->image = image;
  self->rect = *rect;
  self->selection = selection;
  return self;
}

void
vgp_picture_free (VgpPicture *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->image, vtr_image_unref);
  g_free (self->selection);
  g_free (self);
}

/* The middle of what is selected, weighted, in pixels of the picture. */
static gboolean
find_middle (const VgpPicture *self, double *x, double *y)
{
  double sum = 0.0;
  double sum_x = 0.0;
  double sum_y = 0.0;

  for (guint row = 0; self->selection != NULL && row < self->rect.height; row++)
    for (guint column = 0; column < self->rect.width; column++)
      {
        const double selected = self->selection[(gsize) row * self->rect.width + column];
        sum += selected;
        sum_x += selected * (column + 0.5);
        sum_y += selected * (row + 0.5);
      }
  if (sum <= 0.0)
    return FALSE;
  *x = sum_x / sum;
  *y = sum_y / sum;
  return TRUE;
}

/* Which share of each patch is selected, [n_rows][n_columns]. */
static double *
measure_patches (const VgpPicture *self, const VtrInput *input)
{
  const guint n_columns = vtr_input_get_n_columns (input);
  const gsize n_patches = (gsize) vtr_input_get_n_rows (input) * n_columns;
  g_autofree double *n_pixels = g_new0 (double, n_patches);
  double *shares = g_new0 (double, n_patches);

  for (guint y = 0; y < self->rect.height; y++)
    for (guint x = 0; x < self->rect.width; x++)
      {
        guint row;
        guint column;

        if (!vtr_input_get_patch_at (input, x + 0.5, y + 0.5, &row, &column))
          continue;
        n_pixels[(gsize) row * n_columns + column] += 1.0;
        shares[(gsize) row * n_columns + column] +=
            self->selection[(gsize) y * self->rect.width + x];
      }
  for (gsize i = 0; i < n_patches; i++)
    shares[i] = n_pixels[i] > 0.0 ? shares[i] / n_pixels[i] : 0.0;
  return shares;
}

static void
append_place (GString *text, double x, double y)
{
  char x_text[G_ASCII_DTOSTR_BUF_SIZE];
  char y_text[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append_printf (text, "%s%s,%s", text->len > 0 ? ";" : "",
                          g_ascii_formatd (x_text, sizeof x_text, "%.2f", x),
                          g_ascii_formatd (y_text, sizeof y_text, "%.2f", y));
}

/* A point of the picture in the middle of what of the patch lies in it. */
static void
append_patch (GString *text, const VtrInput *input, guint row, guint column)
{
  const VtrImage *image = vtr_input_get_image (input);
  VtrRect rect;

  vtr_input_get_patch_rect (input, row, column, &rect);
  const double left = MAX (rect.x, 0.0);
  const double top = MAX (rect.y, 0.0);
  const double right = MIN (rect.x + rect.width, vtr_image_get_width (image));
  const double bottom = MIN (rect.y + rect.height, vtr_image_get_height (image));
  append_place (text, (left + right) / 2.0, (top + bottom) / 2.0);
}

static char *
list_selected (const VgpPicture *self, const VtrInput *input)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree double *shares = measure_patches (self, input);
  const guint n_columns = vtr_input_get_n_columns (input);
  const gsize n_patches = (gsize) vtr_input_get_n_rows (input) * n_columns;
  gsize most = 0;

  for (gsize i = 0; i < n_patches; i++)
    {
      if (shares[i] >= SELECTED_SHARE)
        append_patch (text, input, (guint) (i / n_columns), (guint) (i % n_columns));
      if (shares[i] > shares[most])
        most = i;
    }
  if (text->len == 0 && shares[most] > 0.0)
    append_patch (text, input, (guint) (most / n_columns), (guint) (most % n_columns));
  return text->len > 0 ? g_string_free (g_steal_pointer (&text), FALSE) : NULL;
}

/* Of the selection one of the two texts for it; NULL where none of it lies in the picture. */
static char *
describe_selection (const VgpPicture *self, const char *text, const VtrInput *input)
{
  double x;
  double y;

  if (!find_middle (self, &x, &y))
    return NULL;
  if (strcmp (text, "selection") == 0)
    return list_selected (self, input);
  g_autoptr (GString) place = g_string_new (NULL);
  append_place (place, x, y);
  return g_string_free (g_steal_pointer (&place), FALSE);
}

char *
vgp_picture_move_places (const VgpPicture *self, const char *text)
{
  g_autoptr (GString) moved = g_string_new (NULL);
  g_auto (GStrv) places = g_strsplit (text, ";", -1);

  for (guint i = 0; places[i] != NULL; i++)
    {
      char *after_x;
      char *after_y = NULL;
      const double x = g_ascii_strtod (places[i], &after_x);
      const double y = *after_x == ',' ? g_ascii_strtod (after_x + 1, &after_y) : 0.0;

      /* What is no place is for the library to refuse, as it stands. */
      if (after_y == NULL || *after_y != '\0' || after_x == places[i] || after_y == after_x + 1)
        return g_strdup (text);
      append_place (moved, x - self->rect.x, y - self->rect.y);
    }
  return g_string_free (g_steal_pointer (&moved), FALSE);
}

char *
vgp_picture_make_query (const VgpPicture *self,
                        const char *text,
                        const VtrInput *input,
                        GError **error)
{
  if (strcmp (text, "selection") != 0 && strcmp (text, "middle") != 0)
    return vgp_picture_move_places (self, text);

  char *query = describe_selection (self, text, input);
  if (query == NULL)
    g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                 _ ("The query is “%s”, but nothing of the layer is selected: select what shall "
                    "ask, or choose another query."),
                 text);
  return query;
}
