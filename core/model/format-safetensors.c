/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/store.h"

#include <string.h>

/*
 * safetensors: u64 header length (little-endian), a JSON header
 *
 *   { "__metadata__": { string: string… },
 *     name: { "dtype": string, "shape": [n…], "data_offsets": [begin, end] }… }
 *
 * then the bytes, which the tensors cover without gaps or overlaps.  The header is read by a small
 * scanner of its own: its grammar has no recursion, and a name given twice must not pass.
 */
#define MAX_HEADER_SIZE 100000000 /* bytes; the format's own limit */

typedef struct
{
  const char *label;
  const char *at;
  const char *end;
  const char *start;
} Scanner;

static gboolean
fail (const Scanner *self, GError **error, const char *expected)
{
  g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
               "%s: the safetensors header is broken at byte %" G_GSIZE_FORMAT ": expected %s.",
               self->label, (gsize) (self->at - self->start) + 8, expected);
  return FALSE;
}

static void
skip_space (Scanner *self)
{
  while (self->at < self->end && strchr (" \t\r\n", *self->at) != NULL && *self->at != '\0')
    self->at++;
}

/* Whether the next token is @c; takes it if so. */
static gboolean
take (Scanner *self, char c)
{
  skip_space (self);
  if (self->at == self->end || *self->at != c)
    return FALSE;
  self->at++;
  return TRUE;
}

static gboolean
expect (Scanner *self, char c, GError **error)
{
  const char expected[] = { '\'', c, '\'', '\0' };

  return take (self, c) || fail (self, error, expected);
}

static gboolean
read_hex (Scanner *self, guint n_digits, gunichar *out)
{
  *out = 0;
  for (guint i = 0; i < n_digits; i++, self->at++)
    {
      if (self->at == self->end || !g_ascii_isxdigit (*self->at))
        return FALSE;
      *out = *out * 16 + g_ascii_xdigit_value (*self->at);
    }
  return TRUE;
}

/* What follows a backslash. */
static gboolean
read_escape (Scanner *self, GString *out)
{
  static const char from[] = "\"\\/bfnrt";
  static const char to[] = "\"\\/\b\f\n\r\t";
  const char *found;
  gunichar unit, low;

  if (self->at == self->end)
    return FALSE;
  const char c = *self->at++;
  if (c != '\0' && (found = strchr (from, c)) != NULL)
    {
      g_string_append_c (out, to[found - from]);
      return TRUE;
    }
  if (c != 'u' || !read_hex (self, 4, &unit) || unit == 0)
    return FALSE;
  if (unit >= 0xd800 && unit < 0xdc00)
    {
      if (self->end - self->at < 6 || self->at[0] != '\\' || self->at[1] != 'u')
        return FALSE;
      self->at += 2;
      if (!read_hex (self, 4, &low) || low < 0xdc00 || low > 0xdfff)
        return FALSE;
      unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }
  if (!g_unichar_validate (unit))
    return FALSE;
  g_string_append_unichar (out, unit);
  return TRUE;
}

static gboolean
read_string (Scanner *self, GString *out, GError **error)
{
  g_string_truncate (out, 0);
  if (!take (self, '"'))
    return fail (self, error, "a string");
  while (self->at < self->end && *self->at != '"')
    {
      const char c = *self->at;
      if ((guchar) c < 0x20)
        return fail (self, error, "a string without control characters");
      self->at++;
      if (c != '\\')
        g_string_append_c (out, c);
      else if (!read_escape (self, out))
        return fail (self, error, "an escape sequence of JSON");
    }
  if (!g_utf8_validate (out->str, out->len, NULL))
    return fail (self, error, "UTF-8 in the string before");
  return take (self, '"') || fail (self, error, "the end of a string");
}

static gboolean
read_number (Scanner *self, guint64 *out, GError **error)
{
  guint64 value = 0;

  skip_space (self);
  if (self->at == self->end || !g_ascii_isdigit (*self->at))
    return fail (self, error, "a whole number");
  for (; self->at < self->end && g_ascii_isdigit (*self->at); self->at++)
    if (!g_uint64_checked_mul (&value, value, 10) ||
        !g_uint64_checked_add (&value, value, (guint64) (*self->at - '0')))
      return fail (self, error, "a number below 2^64");
  *out = value;
  return TRUE;
}

/* [n, n, …]: at most @max of them. */
static gboolean
read_numbers (Scanner *self, guint64 *out, guint max, guint *n, GError **error)
{
  *n = 0;
  if (!expect (self, '[', error))
    return FALSE;
  if (take (self, ']'))
    return TRUE;
  do
    {
      if (*n == max)
        return fail (self, error, "fewer numbers in the list");
      if (!read_number (self, &out[(*n)++], error))
        return FALSE;
    }
  while (take (self, ','));
  return expect (self, ']', error);
}

static gboolean
read_metadata (Scanner *self, VtrStore *store, GError **error)
{
  g_autoptr (GString) key = g_string_new (NULL);
  g_autoptr (GString) value = g_string_new (NULL);

  if (!expect (self, '{', error))
    return FALSE;
  if (take (self, '}'))
    return TRUE;
  do
    {
      if (!read_string (self, key, error) || !expect (self, ':', error) ||
          !read_string (self, value, error))
        return FALSE;
      vtr_store_set_note (store, key->str, value->str);
    }
  while (take (self, ','));
  return expect (self, '}', error);
}

typedef struct
{
  char *name;
  char dtype[16];
  guint n_dims;
  guint64 shape[VTR_STORE_MAX_DIMS];
  guint64 offsets[2]; /* from the end of the header */
} Entry;

static void
entry_clear (gpointer data)
{
  g_free (((Entry *) data)->name);
}

enum
{
  HAS_DTYPE = 1 << 0,
  HAS_SHAPE = 1 << 1,
  HAS_OFFSETS = 1 << 2,
  HAS_ALL = (1 << 3) - 1,
};

static gboolean
read_field (Scanner *self, Entry *entry, guint *seen, GString *text, GError **error)
{
  guint n, field;

  if (!read_string (self, text, error) || !expect (self, ':', error))
    return FALSE;
  if (strcmp (text->str, "dtype") == 0)
    {
      field = HAS_DTYPE;
      if (!read_string (self, text, error))
        return FALSE;
      g_strlcpy (entry->dtype, text->str, sizeof entry->dtype);
    }
  else if (strcmp (text->str, "shape") == 0)
    {
      field = HAS_SHAPE;
      if (!read_numbers (self, entry->shape, VTR_STORE_MAX_DIMS, &entry->n_dims, error))
        return FALSE;
    }
  else if (strcmp (text->str, "data_offsets") == 0)
    {
      field = HAS_OFFSETS;
      if (!read_numbers (self, entry->offsets, 2, &n, error))
        return FALSE;
      if (n != 2)
        return fail (self, error, "two data_offsets");
    }
  else
    return fail (self, error, "dtype, shape or data_offsets");
  if (*seen & field)
    return fail (self, error, "dtype, shape and data_offsets once each");
  *seen |= field;
  return TRUE;
}

static gboolean
read_entry (Scanner *self, Entry *entry, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  guint seen = 0;

  if (!expect (self, '{', error))
    return FALSE;
  do
    if (!read_field (self, entry, &seen, text, error))
      return FALSE;
  while (take (self, ','));
  if (!expect (self, '}', error))
    return FALSE;
  return seen == HAS_ALL || fail (self, error, "dtype, shape and data_offsets before this");
}

static gboolean
read_header (Scanner *self, VtrStore *store, GArray *entries, GError **error)
{
  g_autoptr (GString) name = g_string_new (NULL);

  if (!expect (self, '{', error))
    return FALSE;
  if (!take (self, '}'))
    {
      do
        {
          Entry entry = { 0 };
          if (!read_string (self, name, error) || !expect (self, ':', error))
            return FALSE;
          if (strcmp (name->str, "__metadata__") == 0)
            {
              if (!read_metadata (self, store, error))
                return FALSE;
              continue;
            }
          if (!read_entry (self, &entry, error))
            return FALSE;
          entry.name = g_strdup (name->str);
          g_array_append_val (entries, entry);
        }
      while (take (self, ','));
      if (!expect (self, '}', error))
        return FALSE;
    }
  skip_space (self);
  return self->at == self->end || fail (self, error, "the end of the header");
}

static int
compare_offsets (gconstpointer a, gconstpointer b)
{
  const Entry *left = a, *right = b;

  if (left->offsets[0] != right->offsets[0])
    return left->offsets[0] < right->offsets[0] ? -1 : 1;
  return (left->offsets[1] > right->offsets[1]) - (left->offsets[1] < right->offsets[1]);
}

/* As the format demands: one tensor after the other, from the first byte to the last. */
static gboolean
check_offsets (GArray *entries, gsize n_data, const char *label, GError **error)
{
  guint64 expected = 0;

  g_array_sort (entries, compare_offsets);
  for (guint i = 0; i < entries->len; i++)
    {
      const Entry *entry = &g_array_index (entries, Entry, i);
      const guint64 begin = entry->offsets[0], end = entry->offsets[1];

      if (begin > end || end > n_data)
        g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
                     "%s: tensor %s lies at bytes %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT
                     ", but the file has %" G_GSIZE_FORMAT
                     " bytes of tensors; it is cut off or broken, so download it again.",
                     label, entry->name, begin, end, n_data);
      else if (begin < expected)
        g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
                     "%s: tensor %s overlaps the one before it.", label, entry->name);
      else if (begin > expected)
        g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
                     "%s: there is a gap of %" G_GUINT64_FORMAT
                     " bytes before tensor %s, which safetensors does not allow.",
                     label, begin - expected, entry->name);
      else
        {
          expected = end;
          continue;
        }
      return FALSE;
    }
  if (expected != n_data)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
                   "%s: the header speaks of %" G_GUINT64_FORMAT
                   " bytes of tensors, but the file has %" G_GSIZE_FORMAT ".",
                   label, expected, n_data);
      return FALSE;
    }
  return TRUE;
}

static VtrDType
dtype_of (const char *name)
{
  static const VtrDType known[] = { VTR_DTYPE_F32, VTR_DTYPE_F16, VTR_DTYPE_BF16,
                                    VTR_DTYPE_F64, VTR_DTYPE_U32, VTR_DTYPE_I64 };

  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    if (strcmp (name, vtr_dtype_name (known[i])) == 0)
      return known[i];
  return VTR_DTYPE_OTHER;
}

static gboolean
add_entries (VtrStore *store, GArray *entries, GBytes *bytes, gsize data_start, GError **error)
{
  for (guint i = 0; i < entries->len; i++)
    {
      const Entry *entry = &g_array_index (entries, Entry, i);
      g_autoptr (GBytes) slice = g_bytes_new_from_bytes (bytes, data_start + entry->offsets[0],
                                                         entry->offsets[1] - entry->offsets[0]);
      VtrStored stored = {
        .name = entry->name,
        .dtype = dtype_of (entry->dtype),
        .dtype_name = entry->dtype,
        .n_dims = entry->n_dims,
        .bytes = slice,
      };
      memcpy (stored.shape, entry->shape, sizeof stored.shape);
      if (!vtr_store_add (store, &stored, error))
        return FALSE;
    }
  return TRUE;
}

VtrStore *
vtr_store_from_safetensors (GBytes *bytes, const char *label, GError **error)
{
  gsize size;
  const char *data = g_bytes_get_data (bytes, &size);
  guint64 n_header;

  if (size < 8)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
                   "%s: the file has %" G_GSIZE_FORMAT
                   " bytes, too few for a safetensors file; download it again.",
                   label, size);
      return NULL;
    }
  memcpy (&n_header, data, sizeof n_header);
  n_header = GUINT64_FROM_LE (n_header);
  if (n_header > MAX_HEADER_SIZE || n_header > size - 8)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
                   "%s: the file says its header has %" G_GUINT64_FORMAT
                   " bytes, but the whole file has %" G_GSIZE_FORMAT
                   " (and %u is the most a safetensors header may have); it is cut off or no "
                   "safetensors file.",
                   label, n_header, size, (guint) MAX_HEADER_SIZE);
      return NULL;
    }

  const char *header = data + 8;
  Scanner scanner = { .label = label, .at = header, .end = header + n_header, .start = header };
  g_autoptr (VtrStore) store = vtr_store_new ("safetensors", label);
  g_autoptr (GArray) entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  g_array_set_clear_func (entries, entry_clear);
  if (!read_header (&scanner, store, entries, error) ||
      !check_offsets (entries, size - 8 - n_header, label, error) ||
      !add_entries (store, entries, bytes, 8 + n_header, error))
    return NULL;
  return g_steal_pointer (&store);
}
