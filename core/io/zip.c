/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "io/io.h"

#include <zip.h>

static void
member_clear (gpointer data)
{
  VtrZipMember *member = data;

  g_free (member->name);
  g_bytes_unref (member->bytes);
}

GArray *
vtr_zip_members_new (void)
{
  GArray *members = g_array_new (FALSE, FALSE, sizeof (VtrZipMember));

  g_array_set_clear_func (members, member_clear);
  return members;
}

void
vtr_zip_members_add (GArray *members, const char *name, GBytes *bytes, gboolean stored)
{
  const VtrZipMember member = { g_strdup (name), bytes, stored };

  g_array_append_val (members, member);
}

static void
set_zip_error (GError **error, const char *what)
{
  g_set_error (error, VTR_ERROR, VTR_ERROR_FAILED, "A ZIP file cannot be made: %s.", what);
}

static gboolean
add_member (zip_t *zip, const VtrZipMember *member, GError **error)
{
  gsize size;
  gconstpointer data = g_bytes_get_data (member->bytes, &size);
  zip_source_t *source = zip_source_buffer (zip, data, size, 0);
  zip_int64_t index = -1;

  if (source != NULL)
    index = zip_file_add (zip, member->name, source, ZIP_FL_ENC_UTF_8);
  if (index < 0)
    {
      zip_source_free (source);
      set_zip_error (error, zip_strerror (zip));
      return FALSE;
    }
  const zip_int32_t method = member->stored ? ZIP_CM_STORE : ZIP_CM_DEFLATE;
  /* The same contents are to give the same file, so no time of now: 1980-01-01, 0:00. */
  if (zip_set_file_compression (zip, (zip_uint64_t) index, method, 0) != 0 ||
      zip_file_set_dostime (zip, (zip_uint64_t) index, 0, (1 << 5) | 1, 0) != 0)
    {
      set_zip_error (error, zip_strerror (zip));
      return FALSE;
    }
  return TRUE;
}

/* The whole of what @source holds. */
static GBytes *
read_source (zip_source_t *source, GError **error)
{
  zip_stat_t stat;

  if (zip_source_stat (source, &stat) == 0 && (stat.valid & ZIP_STAT_SIZE) != 0 &&
      zip_source_open (source) == 0)
    {
      g_autofree guint8 *data = g_try_malloc (MAX (stat.size, 1));
      zip_int64_t n_read = data != NULL ? zip_source_read (source, data, stat.size) : -1;
      zip_source_close (source);
      if (n_read >= 0 && (zip_uint64_t) n_read == stat.size)
        return g_bytes_new_take (g_steal_pointer (&data), stat.size);
    }
  set_zip_error (error, "there is not enough memory");
  return NULL;
}

GBytes *
vtr_zip_encode (const GArray *members, GError **error)
{
  zip_error_t zip_error;
  GBytes *bytes = NULL;

  zip_error_init (&zip_error);
  zip_source_t *source = zip_source_buffer_create (NULL, 0, 0, &zip_error);
  zip_t *zip = source != NULL ? zip_open_from_source (source, ZIP_TRUNCATE, &zip_error) : NULL;
  if (zip == NULL)
    {
      zip_source_free (source);
      set_zip_error (error, zip_error_strerror (&zip_error));
      zip_error_fini (&zip_error);
      return NULL;
    }
  zip_source_keep (source); /* outlives @zip */
  gboolean added = TRUE;
  for (guint i = 0; added && i < members->len; i++)
    added = add_member (zip, &g_array_index (members, VtrZipMember, i), error);
  if (added && zip_close (zip) == 0)
    bytes = read_source (source, error);
  else
    {
      if (added)
        set_zip_error (error, zip_strerror (zip));
      zip_discard (zip);
    }
  zip_source_free (source);
  zip_error_fini (&zip_error);
  return bytes;
}
