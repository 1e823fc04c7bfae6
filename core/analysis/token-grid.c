/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "analysis/observation.h"

#include <math.h>

/* The middle of cell @i of @n, of @size patches. */
static guint
middle (guint i, guint n, guint size)
{
  return (guint) (((guint64) 2 * i + 1) * size / (2 * (guint64) n));
}

guint
vtr_token_grid_sample (const VtrTokenGrid *self, guint n_most, guint32 *patches)
{
  const guint rows = self->n_rows, columns = self->n_columns;
  guint n_down = rows, n_across = columns;
  guint n = 0;

  if (n_most == 0)
    return 0;
  if ((guint64) rows * columns > n_most)
    {
      /* Cells as nearly square as can be. */
      const guint wanted = (guint) lround (sqrt ((double) n_most * columns / rows));
      n_across = CLAMP (wanted, 1, MIN (columns, n_most));
      n_down = MIN (rows, n_most / n_across);
      n_across = MIN (columns, n_most / n_down);
    }
  for (guint i = 0; i < n_down; i++)
    for (guint k = 0; k < n_across; k++)
      patches[n++] = middle (i, n_down, rows) * columns + middle (k, n_across, columns);
  return n;
}
