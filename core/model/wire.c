/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/wire.h"

gboolean
vtr_wire_read_varint (VtrWire *self, guint64 *out)
{
  guint64 value = 0;

  for (guint shift = 0; shift < 64; shift += 7)
    {
      if (self->at == self->end)
        return FALSE;
      const guint8 byte = *self->at++;
      value |= (guint64) (byte & 0x7f) << shift;
      if (!(byte & 0x80))
        {
          *out = value;
          return TRUE;
        }
    }
  return FALSE;
}

static gboolean
wire_skip (VtrWire *self, guint64 n)
{
  if (n > (guint64) (self->end - self->at))
    return FALSE;
  self->at += n;
  return TRUE;
}

gboolean
vtr_wire_next (VtrWire *self, VtrWireField *out)
{
  const guint8 *start = self->at;
  guint64 key, length;
  gboolean read = FALSE;

  if (self->at == self->end)
    return FALSE;
  if (vtr_wire_read_varint (self, &key) && key >> 3 <= G_MAXUINT32)
    {
      out->number = (guint32) (key >> 3);
      out->type = key & 7;
      if (out->type == VTR_WIRE_VARINT)
        read = vtr_wire_read_varint (self, &out->value);
      else if (out->type == VTR_WIRE_FIXED64)
        read = wire_skip (self, 8);
      else if (out->type == VTR_WIRE_FIXED32)
        read = wire_skip (self, 4);
      else if (out->type == VTR_WIRE_BYTES && vtr_wire_read_varint (self, &length))
        {
          out->bytes.at = self->at;
          read = wire_skip (self, length);
          out->bytes.end = self->at;
        }
    }
  if (!read)
    self->at = start;
  return read;
}

gboolean
vtr_wire_is_broken (const VtrWire *self, const char *label, GError **error)
{
  if (self->at == self->end)
    return FALSE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
               "%s: the ONNX file is cut off or broken; download it again.", label);
  return TRUE;
}

char *
vtr_wire_dup_text (const VtrWire *self)
{
  const gsize n = (gsize) (self->end - self->at);

  return g_utf8_validate ((const char *) self->at, (gssize) n, NULL)
             ? g_strndup ((const char *) self->at, n)
             : NULL;
}
