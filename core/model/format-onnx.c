/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/store.h"
#include "model/onnx-nodes.h"

#include <string.h>

/*
 * ONNX: protocol buffers, read straight from the mapped file.  Of the messages only these fields
 * matter (numbers as in onnx.proto):
 *
 *   ModelProto   7 graph
 *   GraphProto   1 node (onnx-nodes.c), 5 initializer
 *   TensorProto  1 dims, 2 data_type, 4 float_data, 8 name, 9 raw_data, 14 data_location
 */
static VtrDType
dtype_of (guint64 data_type)
{
  switch (data_type)
    {
    case 1:
      return VTR_DTYPE_F32;
    case 7:
      return VTR_DTYPE_I64;
    case 10:
      return VTR_DTYPE_F16;
    case 11:
      return VTR_DTYPE_F64;
    case 12:
      return VTR_DTYPE_U32;
    case 16:
      return VTR_DTYPE_BF16;
    default:
      return VTR_DTYPE_OTHER;
    }
}

static gboolean
add_dim (VtrStored *stored, guint64 dim)
{
  if (stored->n_dims == VTR_STORE_MAX_DIMS)
    return FALSE;
  stored->shape[stored->n_dims++] = dim;
  return TRUE;
}

typedef struct
{
  VtrStored stored;
  guint64 location; /* 1: in another file */
  VtrWire data;
} Tensor;

static gboolean
read_tensor_field (Tensor *self, const VtrWireField *field, char **name)
{
  VtrWire bytes = field->bytes;
  guint64 value;

  switch (field->number)
    {
    case 1:
      if (field->type == VTR_WIRE_VARINT)
        return add_dim (&self->stored, field->value);
      while (field->type == VTR_WIRE_BYTES && bytes.at < bytes.end)
        if (!vtr_wire_read_varint (&bytes, &value) || !add_dim (&self->stored, value))
          return FALSE;
      return TRUE;
    case 2:
      self->stored.dtype = dtype_of (field->value);
      return TRUE;
    case 4: /* float_data, packed: the same bytes as raw_data */
    case 9:
      if (field->type == VTR_WIRE_BYTES)
        self->data = bytes;
      return field->type == VTR_WIRE_BYTES;
    case 8:
      g_free (*name);
      *name = field->type == VTR_WIRE_BYTES ? vtr_wire_dup_text (&bytes) : NULL;
      return *name != NULL;
    case 14:
      self->location = field->value;
      return TRUE;
    default:
      return TRUE;
    }
}

static gboolean
add_initializer (VtrStore *store, GBytes *file, VtrWire wire, GError **error)
{
  const char *label = vtr_store_get_label (store);
  g_autofree char *name = NULL;
  Tensor tensor = { .stored.dtype = VTR_DTYPE_OTHER };
  VtrWireField field;

  while (vtr_wire_next (&wire, &field))
    if (!read_tensor_field (&tensor, &field, &name))
      break;
  if (vtr_wire_is_broken (&wire, label, error))
    return FALSE;
  if (name == NULL)
    return TRUE;
  if (tensor.location == 1)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
                   "%s: the tensor %s is kept in another file (external data), which Vitreous does "
                   "not read; save the ONNX file as one piece.",
                   label, name);
      return FALSE;
    }

  const guint8 *start = g_bytes_get_data (file, NULL);
  const gsize n = (gsize) (tensor.data.end - tensor.data.at);
  g_autoptr (GBytes) bytes =
      n > 0 ? g_bytes_new_from_bytes (file, (gsize) (tensor.data.at - start), n)
            : g_bytes_new (NULL, 0);
  /* Integers may sit in fields that are not read here: they are of no use as weights. */
  if (n == 0)
    tensor.stored.dtype = VTR_DTYPE_OTHER;
  tensor.stored.name = name;
  tensor.stored.dtype_name = vtr_dtype_name (tensor.stored.dtype);
  tensor.stored.bytes = bytes;
  return vtr_store_add (store, &tensor.stored, error);
}

/* Weights first: nodes come before them in the file. */
static gboolean
read_graph (VtrStore *store, GBytes *file, VtrWire graph, GError **error)
{
  const char *label = vtr_store_get_label (store);
  VtrWireField field;

  for (VtrWire wire = graph; wire.at < wire.end;)
    {
      if (!vtr_wire_next (&wire, &field))
        return !vtr_wire_is_broken (&wire, label, error);
      if (field.number == 5 && field.type == VTR_WIRE_BYTES &&
          !add_initializer (store, file, field.bytes, error))
        return FALSE;
    }
  return vtr_onnx_read_nodes (store, graph, error);
}

VtrStore *
vtr_store_from_onnx (GBytes *bytes, const char *label, GError **error)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);
  g_autoptr (VtrStore) store = vtr_store_new ("onnx", label);
  VtrWire wire = { .at = data, .end = size > 0 ? data + size : data }; /* NULL where empty */
  VtrWireField field;
  gboolean has_graph = FALSE;

  while (vtr_wire_next (&wire, &field))
    if (field.number == 7 && field.type == VTR_WIRE_BYTES)
      {
        if (!read_graph (store, bytes, field.bytes, error))
          return NULL;
        has_graph = TRUE;
      }
  if (vtr_wire_is_broken (&wire, label, error))
    return NULL;
  if (!has_graph)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
                   "%s: this is no ONNX model, for it has no graph.", label);
      return NULL;
    }
  return g_steal_pointer (&store);
}
