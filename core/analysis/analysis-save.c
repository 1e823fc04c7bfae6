/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * An analysis in a file, to go on with: a GVariant, little-endian, whose numbers are
 *
 *   s format, s model hash, d temperature, u layers, u heads, u pictures,
 *   a(udd) running, ad kept, a(udd) divergences, a(udd) ckas, as marked
 */
#include "analysis/analysis.h"
#include "io/io.h"

#include <math.h>
#include <string.h>

#define FORMAT "vitreous-analysis-1"
#define TYPE "(ssduuua(udd)ada(udd)a(udd)as)"

static GVariant *
make_running (const VtrRunning *running, gsize n)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(udd)"));
  for (gsize i = 0; i < n; i++)
    g_variant_builder_add (&builder, "(udd)", running[i].n, running[i].mean, running[i].squares);
  return g_variant_builder_end (&builder);
}

/* Those of the pictures there are. */
static GVariant *
make_kept (const VtrAnalysis *self)
{
  const gsize n = (gsize) MIN (self->n_pictures, VTR_ANALYSIS_N_KEPT) * self->n_cells;
  g_autofree double *values = g_new (double, n);

  for (gsize i = 0; i < n; i++)
    values[i] = self->kept[i];
  return g_variant_new_fixed_array (G_VARIANT_TYPE_DOUBLE, values, n, sizeof *values);
}

static GVariant *
make_marked (const VtrAnalysis *self)
{
  GVariantBuilder builder;
  GHashTableIter iter;
  gpointer id;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("as"));
  g_hash_table_iter_init (&iter, self->marked);
  while (g_hash_table_iter_next (&iter, &id, NULL))
    g_variant_builder_add (&builder, "s", id);
  return g_variant_builder_end (&builder);
}

/* Files are little-endian whoever writes them.  Takes @value. */
static GVariant *
to_little_endian (GVariant *value)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (value);

  return G_BYTE_ORDER == G_LITTLE_ENDIAN ? g_steal_pointer (&owned) : g_variant_byteswap (owned);
}

gboolean
vtr_analysis_save (const VtrAnalysis *self, const char *path, GError **error)
{
  g_return_val_if_fail (self != NULL && path != NULL, FALSE);

  GVariant *parts[] = {
    g_variant_new_string (FORMAT),
    g_variant_new_string (vtr_model_get_hash (self->model)),
    g_variant_new_double (self->temperature),
    g_variant_new_uint32 (self->n_layers),
    g_variant_new_uint32 (self->n_heads),
    g_variant_new_uint32 (self->n_pictures),
    make_running (self->running, self->n_cells),
    make_kept (self),
    make_running (self->divergences, self->n_pairs),
    make_running (self->ckas, self->n_pairs),
    make_marked (self),
  };
  g_autoptr (GVariant) all = to_little_endian (g_variant_new_tuple (parts, G_N_ELEMENTS (parts)));
  g_autoptr (GBytes) bytes = g_variant_get_data_as_bytes (all);

  return vtr_write_atomically (path, bytes, error);
}

/* ---- reading ---- */

static gboolean
fail (const char *path, const char *why, GError **error)
{
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "The analysis in “%s” cannot be gone on with: %s; delete it to begin anew.", path,
               why);
  return FALSE;
}

static gboolean
read_kept (VtrAnalysis *self, GVariant *all)
{
  const gsize n = (gsize) MIN (self->n_pictures, VTR_ANALYSIS_N_KEPT) * self->n_cells;
  g_autoptr (GVariant) child = g_variant_get_child_value (all, 7);
  gsize n_there;
  const double *there = g_variant_get_fixed_array (child, &n_there, sizeof *there);

  if (n_there != n)
    return FALSE;
  for (gsize i = 0; i < n; i++)
    {
      if (isinf (there[i]))
        return FALSE;
      self->kept[i] = (float) there[i];
    }
  return TRUE;
}

/* Finite numbers, or none at all: a damaged file must not become a wrong report. */
static gboolean
read_running (const VtrAnalysis *self, GVariant *all, gsize index, gsize n, VtrRunning *running)
{
  g_autoptr (GVariant) child = g_variant_get_child_value (all, index);

  if (g_variant_n_children (child) != n)
    return FALSE;
  for (gsize i = 0; i < n; i++)
    {
      g_variant_get_child (child, i, "(udd)", &running[i].n, &running[i].mean, &running[i].squares);
      if (running[i].n > self->n_pictures || !isfinite (running[i].mean) ||
          !(running[i].squares >= 0.0) || isinf (running[i].squares))
        return FALSE;
    }
  return TRUE;
}

static void
read_marked (VtrAnalysis *self, GVariant *all)
{
  g_autoptr (GVariant) child = g_variant_get_child_value (all, 10);
  GVariantIter iter;
  char *id;

  g_variant_iter_init (&iter, child);
  while (g_variant_iter_next (&iter, "s", &id))
    g_hash_table_add (self->marked, id);
}

static gboolean
read_all (VtrAnalysis *self, GVariant *all, const char *path, GError **error)
{
  const char *format, *hash;
  double temperature;
  guint n_layers, n_heads;

  g_variant_get (all, "(&s&sduuu@a(udd)@ad@a(udd)@a(udd)@as)", &format, &hash, &temperature,
                 &n_layers, &n_heads, &self->n_pictures, NULL, NULL, NULL, NULL, NULL);
  if (strcmp (format, FORMAT) != 0)
    return fail (path, "it is no analysis of this version of Vitreous", error);
  if (strcmp (hash, vtr_model_get_hash (self->model)) != 0 || n_layers != self->n_layers ||
      n_heads != self->n_heads)
    return fail (path, "it is of another model", error);
  if (temperature != self->temperature)
    return fail (path, "it is of another temperature", error);
  if (!read_running (self, all, 6, self->n_cells, self->running) || !read_kept (self, all) ||
      !read_running (self, all, 8, self->n_pairs, self->divergences) ||
      !read_running (self, all, 9, self->n_pairs, self->ckas))
    return fail (path, "it is damaged", error);
  read_marked (self, all);
  return TRUE;
}

VtrAnalysis *
vtr_analysis_load (VtrModel *model, double temperature, const char *path, GError **error)
{
  g_autoptr (GError) problem = NULL;
  char *data;
  gsize size;

  g_return_val_if_fail (model != NULL && path != NULL, NULL);

  if (!g_file_get_contents (path, &data, &size, &problem))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_IO, "The analysis “%s” cannot be read: %s.", path,
                   problem->message);
      return NULL;
    }

  g_autoptr (GBytes) bytes = g_bytes_new_take (data, size);
  g_autoptr (GVariant) all =
      to_little_endian (g_variant_new_from_bytes (G_VARIANT_TYPE (TYPE), bytes, FALSE));
  if (!g_variant_is_normal_form (all))
    {
      fail (path, "it is no analysis, or damaged", error);
      return NULL;
    }

  g_autoptr (VtrAnalysis) self = vtr_analysis_new (model, temperature);
  return read_all (self, all, path, error) ? g_steal_pointer (&self) : NULL;
}
