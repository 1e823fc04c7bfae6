/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* Protocol buffers, field by field, over memory that is not copied. */
#include "base/base.h"

typedef struct
{
  const guint8 *at;
  const guint8 *end;
} VtrWire;

typedef struct
{
  guint32 number;
  guint32 type;
  guint64 value; /* of a varint */
  VtrWire bytes; /* of a length-delimited field */
} VtrWireField;

enum
{
  VTR_WIRE_VARINT = 0,
  VTR_WIRE_FIXED64 = 1,
  VTR_WIRE_BYTES = 2,
  VTR_WIRE_FIXED32 = 5,
};

gboolean vtr_wire_read_varint (VtrWire *self, guint64 *out);

/* FALSE at the end, or where the bytes are broken: then @self is not at its end. */
gboolean vtr_wire_next (VtrWire *self, VtrWireField *out);

/* Whether vtr_wire_next () stopped for broken bytes; sets @error if so. */
gboolean vtr_wire_is_broken (const VtrWire *self, const char *label, GError **error);

/* The text of a field; NULL where it is not UTF-8. */
char *vtr_wire_dup_text (const VtrWire *self);
