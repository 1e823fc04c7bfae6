/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "io/io.h"

#include <string.h>

/* The header of NumPy's format 1.0: magic, version, length, a Python dictionary, padded to 64. */
static GString *
make_header (const VtrNpzArray *array)
{
  const char order = G_BYTE_ORDER == G_LITTLE_ENDIAN ? '<' : '>';
  const char kind = array->dtype == VTR_DTYPE_U32 ? 'u' : 'f';
  GString *header = g_string_new_len ("\x93NUMPY\x01\x00\x00\x00", 10);

  g_string_append_printf (header, "{'descr': '%c%c4', 'fortran_order': False, 'shape': (", order,
                          kind);
  for (guint i = 0; i < array->n_dims; i++)
    g_string_append_printf (header, "%" G_GSIZE_FORMAT ", ", array->shape[i]);
  if (array->n_dims > 1) /* (2, 3), but (2,) */
    g_string_truncate (header, header->len - 2);
  g_string_append (header, "), }");
  while (header->len % 64 != 63)
    g_string_append_c (header, ' ');
  g_string_append_c (header, '\n');
  header->str[8] = (char) ((header->len - 10) & 0xff);
  header->str[9] = (char) ((header->len - 10) >> 8);
  return header;
}

static GBytes *
make_npy (const VtrNpzArray *array, GError **error)
{
  guint64 shape[VTR_NPZ_MAX_DIMS];
  gsize data_size;
  gsize size;

  g_return_val_if_fail (array->n_dims <= VTR_NPZ_MAX_DIMS, NULL);
  g_return_val_if_fail (array->dtype == VTR_DTYPE_F32 || array->dtype == VTR_DTYPE_U32, NULL);

  for (guint i = 0; i < array->n_dims; i++)
    shape[i] = array->shape[i];
  g_autoptr (GString) header = make_header (array);
  guint8 *bytes = NULL;
  if (vtr_size_of_shape (shape, array->n_dims, vtr_dtype_size (array->dtype), &data_size) &&
      vtr_size_add (header->len, data_size, &size))
    bytes = g_try_malloc (size);
  if (bytes == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY,
                   "There is not enough memory to write the array '%s'.", array->name);
      return NULL;
    }
  memcpy (bytes, header->str, header->len);
  memcpy (bytes + header->len, array->data, data_size);
  return g_bytes_new_take (bytes, size);
}

GBytes *
vtr_npz_encode (const VtrNpzArray *arrays, guint n_arrays, GError **error)
{
  g_autoptr (GArray) members = vtr_zip_members_new ();

  for (guint i = 0; i < n_arrays; i++)
    {
      g_autofree char *name = g_strconcat (arrays[i].name, ".npy", NULL);
      GBytes *npy = make_npy (&arrays[i], error);
      if (npy == NULL)
        return NULL;
      vtr_zip_members_add (members, name, npy, TRUE);
    }
  return vtr_zip_encode (members, error);
}
