/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/store.h"

#include <string.h>
#include <zip.h>

/*
 * npz: a zip of .npy files.  Each starts with "\x93NUMPY", a version, a header length and a Python
 * dictionary { 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }.  Members are read when
 * they are asked for.
 */
#define MAX_NPY_HEADER 65536 /* bytes */
#define MAX_INFLATION 1100   /* deflate cannot do more than 1032 times */

typedef struct
{
  GBytes *bytes;
  zip_t *zip;
  char *label;
} Archive;

static void
archive_free (gpointer data)
{
  Archive *self = data;

  if (self->zip != NULL)
    zip_discard (self->zip);
  g_bytes_unref (self->bytes);
  g_free (self->label);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Archive, archive_free)

static Archive *
archive_open (GBytes *bytes, const char *label, GError **error)
{
  g_autoptr (Archive) self = g_new0 (Archive, 1);
  gsize size;
  gconstpointer data = g_bytes_get_data (bytes, &size);
  zip_error_t zip_error;

  self->bytes = g_bytes_ref (bytes);
  self->label = g_strdup (label);
  zip_error_init (&zip_error);
  zip_source_t *source = zip_source_buffer_create (data, size, 0, &zip_error);
  if (source != NULL)
    self->zip = zip_open_from_source (source, ZIP_RDONLY, &zip_error);
  if (self->zip == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
                   "%s: this is no readable zip archive (%s); it is cut off or broken.", label,
                   zip_error_strerror (&zip_error));
      zip_source_free (source);
    }
  zip_error_fini (&zip_error);
  return self->zip == NULL ? NULL : g_steal_pointer (&self);
}

/* Exactly @n bytes. */
static gboolean
read_all (zip_file_t *file, gpointer out, gsize n)
{
  guint8 *at = out;

  while (n > 0)
    {
      const zip_int64_t got = zip_fread (file, at, n);
      if (got <= 0)
        return FALSE;
      at += got;
      n -= (gsize) got;
    }
  return TRUE;
}

/* The dictionary as text, and how long magic, length and dictionary are; NULL if it is no npy. */
static char *
read_npy_header (zip_file_t *file, gsize *n_header)
{
  guint8 fixed[12];
  gsize n_text;

  if (!read_all (file, fixed, 10) || memcmp (fixed, "\x93NUMPY", 6) != 0)
    return NULL;
  if (fixed[6] == 1)
    {
      n_text = fixed[8] | (gsize) fixed[9] << 8;
      *n_header = 10 + n_text;
    }
  else
    {
      if (fixed[6] > 3 || !read_all (file, fixed + 10, 2))
        return NULL;
      n_text = fixed[8] | (gsize) fixed[9] << 8 | (gsize) fixed[10] << 16 | (gsize) fixed[11] << 24;
      *n_header = 12 + n_text;
    }
  if (n_text > MAX_NPY_HEADER)
    return NULL;

  g_autofree char *text = g_malloc0 (n_text + 1);
  return read_all (file, text, n_text) ? g_steal_pointer (&text) : NULL;
}

/* What comes after 'key': in the dictionary. */
static const char *
find_value (const char *header, const char *key)
{
  g_autofree char *quoted = g_strdup_printf ("'%s':", key);
  const char *found = strstr (header, quoted);

  if (found == NULL)
    return NULL;
  found += strlen (quoted);
  while (*found == ' ')
    found++;
  return found;
}

static VtrDType
dtype_of (const char *descr)
{
  static const struct
  {
    const char *descr;
    VtrDType dtype;
  } known[] = {
    { "<f4", VTR_DTYPE_F32 },  { "<f2", VTR_DTYPE_F16 }, { "<f8", VTR_DTYPE_F64 },
    { "|V2", VTR_DTYPE_BF16 }, /* numpy has no bfloat16: JAX's goes out as two opaque bytes */
    { "<i8", VTR_DTYPE_I64 },  { "<u4", VTR_DTYPE_U32 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    if (strcmp (descr, known[i].descr) == 0)
      return known[i].dtype;
  return VTR_DTYPE_OTHER;
}

static gboolean
parse_shape (const char *text, VtrStored *stored)
{
  if (*text++ != '(')
    return FALSE;
  while (*text != ')')
    {
      char *end;
      if (!g_ascii_isdigit (*text) || stored->n_dims == VTR_STORE_MAX_DIMS)
        return FALSE;
      stored->shape[stored->n_dims++] = g_ascii_strtoull (text, &end, 10);
      for (text = end; *text == ' ' || *text == ','; text++)
        ;
    }
  return TRUE;
}

/* Fills in all of @stored but its name; @descr gets the type as numpy writes it. */
static gboolean
parse_header (const char *header, VtrStored *stored, char descr[16])
{
  const char *type = find_value (header, "descr");
  const char *order = find_value (header, "fortran_order");
  const char *shape = find_value (header, "shape");

  if (type == NULL || order == NULL || shape == NULL)
    return FALSE;
  if (*type == '\'')
    {
      const char *end = strchr (type + 1, '\'');
      if (end == NULL || end - type > 15)
        return FALSE;
      g_strlcpy (descr, type + 1, (gsize) (end - type));
      if (!g_str_is_ascii (descr))
        return FALSE;
    }
  else
    g_strlcpy (descr, "structured", 16);
  stored->dtype = dtype_of (descr);
  stored->dtype_name = descr;
  stored->fortran = g_str_has_prefix (order, "True");
  if (!stored->fortran && !g_str_has_prefix (order, "False"))
    return FALSE;
  return parse_shape (shape, stored);
}

/* The bytes that the member claims must be what its shape needs, and not more than deflate can
 * pack: so a small file cannot ask for all memory. */
static gboolean
check_member (const zip_stat_t *stat, const VtrStored *stored, gsize n_header)
{
  gsize n_bytes;

  if (stored->dtype == VTR_DTYPE_OTHER)
    return TRUE;
  return (stat->valid & ZIP_STAT_SIZE) && (stat->valid & ZIP_STAT_COMP_SIZE) &&
         vtr_size_of_shape (stored->shape, stored->n_dims, vtr_dtype_size (stored->dtype),
                            &n_bytes) &&
         vtr_size_add (n_bytes, n_header, &n_bytes) && stat->size == n_bytes &&
         stat->size / MAX_INFLATION <= stat->comp_size;
}

static gboolean
add_member (VtrStore *store, Archive *archive, guint64 index, GError **error)
{
  zip_stat_t stat;
  char descr[16];
  gsize n_header = 0;
  VtrStored stored = { .member = index };

  zip_stat_init (&stat);
  if (zip_stat_index (archive->zip, index, 0, &stat) != 0 || !(stat.valid & ZIP_STAT_NAME) ||
      !g_utf8_validate (stat.name, -1, NULL))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
                   "%s: member %" G_GUINT64_FORMAT " of the archive has no readable name.",
                   archive->label, index);
      return FALSE;
    }
  if (!g_str_has_suffix (stat.name, ".npy"))
    return TRUE;

  zip_file_t *file = zip_fopen_index (archive->zip, index, 0);
  g_autofree char *header = file != NULL ? read_npy_header (file, &n_header) : NULL;
  if (file != NULL)
    zip_fclose (file);
  if (header == NULL || !parse_header (header, &stored, descr) ||
      !check_member (&stat, &stored, n_header))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
                   "%s: the header of %s is broken or its shape does not fit its size.",
                   archive->label, stat.name);
      return FALSE;
    }

  g_autofree char *name = g_strndup (stat.name, strlen (stat.name) - strlen (".npy"));
  stored.name = name;
  return vtr_store_add (store, &stored, error);
}

static GBytes *
read_member (gpointer data, const VtrStored *stored, GError **error)
{
  Archive *archive = data;
  const gsize n_bytes = stored->n_values * vtr_dtype_size (stored->dtype);
  gsize n_header;
  g_autofree guint8 *values = g_try_malloc (MAX (n_bytes, 1));
  zip_file_t *file = zip_fopen_index (archive->zip, stored->member, 0);
  g_autofree char *header = file != NULL ? read_npy_header (file, &n_header) : NULL;
  const gboolean done = values != NULL && header != NULL && read_all (file, values, n_bytes);

  if (file != NULL)
    zip_fclose (file);
  if (!done)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
                   "%s: %s cannot be unpacked; the archive is broken, so download it again.",
                   archive->label, stored->name);
      return NULL;
    }
  return g_bytes_new_take (g_steal_pointer (&values), n_bytes);
}

VtrStore *
vtr_store_from_npz (GBytes *bytes, const char *label, GError **error)
{
  g_autoptr (Archive) archive = archive_open (bytes, label, error);
  if (archive == NULL)
    return NULL;

  g_autoptr (VtrStore) store = vtr_store_new ("npz", label);
  const zip_int64_t n_members = zip_get_num_entries (archive->zip, 0);
  for (zip_int64_t i = 0; i < n_members; i++)
    if (!add_member (store, archive, (guint64) i, error))
      return NULL;
  vtr_store_set_archive (store, g_steal_pointer (&archive), read_member, archive_free);
  return g_steal_pointer (&store);
}
