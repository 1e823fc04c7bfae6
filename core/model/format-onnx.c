/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/store.h"

#include <string.h>

/*
 * ONNX: protocol buffers, read straight from the mapped file.  Of the messages only these fields
 * matter (numbers as in onnx.proto):
 *
 *   ModelProto   7 graph, 14 metadata_props (StringStringEntryProto: 1 key, 2 value)
 *   GraphProto   1 node, 5 initializer
 *   NodeProto    1 input, 3 name, 4 op_type
 *   TensorProto  1 dims, 2 data_type, 4 float_data, 8 name, 9 raw_data, 14 data_location
 *
 * PyTorch's exporter folds transposes into the weights of linear layers and gives the result a
 * name of its own ("onnx::MatMul_1972").  The node that uses it still has the module's path
 * ("/backbone/encoder/layer.0/…/query/MatMul"), so such a tensor is also listed under the name
 * that it had in PyTorch.
 */
typedef struct
{
  const guint8 *at;
  const guint8 *end;
} Wire;

typedef struct
{
  guint32 number;
  guint32 type;
  guint64 value; /* of a varint */
  Wire bytes;    /* of a length-delimited field */
} Field;

enum
{
  WIRE_VARINT = 0,
  WIRE_FIXED64 = 1,
  WIRE_BYTES = 2,
  WIRE_FIXED32 = 5,
};

static gboolean
wire_read_varint (Wire *self, guint64 *out)
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
wire_skip (Wire *self, guint64 n)
{
  if (n > (guint64) (self->end - self->at))
    return FALSE;
  self->at += n;
  return TRUE;
}

/* FALSE at the end, or where the bytes are broken: then @self is not at its end. */
static gboolean
wire_next (Wire *self, Field *out)
{
  const guint8 *start = self->at;
  guint64 key, length;
  gboolean read = FALSE;

  if (self->at == self->end)
    return FALSE;
  if (wire_read_varint (self, &key) && key >> 3 <= G_MAXUINT32)
    {
      out->number = (guint32) (key >> 3);
      out->type = key & 7;
      if (out->type == WIRE_VARINT)
        read = wire_read_varint (self, &out->value);
      else if (out->type == WIRE_FIXED64)
        read = wire_skip (self, 8);
      else if (out->type == WIRE_FIXED32)
        read = wire_skip (self, 4);
      else if (out->type == WIRE_BYTES && wire_read_varint (self, &length))
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

static gboolean
wire_broken (const Wire *self, const char *label, GError **error)
{
  if (self->at == self->end)
    return FALSE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
               "%s: the ONNX file is cut off or broken; download it again.", label);
  return TRUE;
}

/* The text of a field; NULL where it is not UTF-8. */
static char *
wire_dup_text (const Wire *self)
{
  const gsize n = (gsize) (self->end - self->at);

  return g_utf8_validate ((const char *) self->at, (gssize) n, NULL)
             ? g_strndup ((const char *) self->at, n)
             : NULL;
}

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
  Wire data;
} Tensor;

static gboolean
read_tensor_field (Tensor *self, const Field *field, char **name)
{
  Wire bytes = field->bytes;
  guint64 value;

  switch (field->number)
    {
    case 1:
      if (field->type == WIRE_VARINT)
        return add_dim (&self->stored, field->value);
      while (field->type == WIRE_BYTES && bytes.at < bytes.end)
        if (!wire_read_varint (&bytes, &value) || !add_dim (&self->stored, value))
          return FALSE;
      return TRUE;
    case 2:
      self->stored.dtype = dtype_of (field->value);
      return TRUE;
    case 4: /* float_data, packed: the same bytes as raw_data */
    case 9:
      if (field->type == WIRE_BYTES)
        self->data = bytes;
      return field->type == WIRE_BYTES;
    case 8:
      g_free (*name);
      *name = field->type == WIRE_BYTES ? wire_dup_text (&bytes) : NULL;
      return *name != NULL;
    case 14:
      self->location = field->value;
      return TRUE;
    default:
      return TRUE;
    }
}

static gboolean
add_initializer (VtrStore *store, GBytes *file, Wire wire, GError **error)
{
  const char *label = vtr_store_get_label (store);
  g_autofree char *name = NULL;
  Tensor tensor = { .stored.dtype = VTR_DTYPE_OTHER };
  Field field;

  while (wire_next (&wire, &field))
    if (!read_tensor_field (&tensor, &field, &name))
      break;
  if (wire_broken (&wire, label, error))
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

/* Adds @stored under another @name, unless the file has a tensor of that name. */
static gboolean
add_alias (VtrStore *store,
           const VtrStored *stored,
           const char *name,
           gboolean transposed,
           GError **error)
{
  VtrStored alias = *stored;

  if (vtr_store_find (store, name) != NULL)
    return TRUE;
  alias.name = name;
  alias.transposed = transposed;
  return vtr_store_add (store, &alias, error);
}

/* The position table, cut in two by constant folding: the row of CLS goes into a Concat, the
 * patches into a Reshape before they are interpolated. */
typedef struct
{
  const VtrStored *cls;
  const VtrStored *patches;
  char *module;
} Positions;

static gboolean
add_positions (VtrStore *store, const Positions *self, GError **error)
{
  const VtrStored *cls = self->cls, *patches = self->patches;

  if (cls == NULL || patches == NULL || self->module == NULL || cls->dtype != patches->dtype)
    return TRUE;

  const guint64 width = cls->shape[2];
  const guint64 n = width > 0 ? patches->n_values / width : 0;
  if (patches->shape[patches->n_dims - 1] != width || n == 0)
    return TRUE;

  GByteArray *joined = g_byte_array_new ();
  const VtrStored *both[] = { cls, patches };
  for (guint i = 0; i < 2; i++)
    {
      gsize size;
      const guint8 *data = g_bytes_get_data (both[i]->bytes, &size);
      g_byte_array_append (joined, data, (guint) size);
    }
  g_autoptr (GBytes) bytes = g_byte_array_free_to_bytes (joined);
  g_autofree char *name = g_strconcat (self->module, ".position_embeddings", NULL);
  const VtrStored table = {
    .name = name,
    .dtype = cls->dtype,
    .dtype_name = cls->dtype_name,
    .n_dims = 3,
    .shape = { 1, n + 1, width },
    .bytes = bytes,
  };
  return vtr_store_find (store, name) != NULL || vtr_store_add (store, &table, error);
}

/* "/backbone/embeddings/Concat_6" → "backbone.embeddings" */
static char *
module_of_node (const char *node)
{
  const char *start = *node == '/' ? node + 1 : node;
  const char *end = strrchr (start, '/');

  if (end == NULL)
    return NULL;
  char *module = g_strndup (start, (gsize) (end - start));
  return g_strdelimit (module, "/", '.');
}

static gboolean
is_nameless (const char *initializer)
{
  return g_str_has_prefix (initializer, "onnx::");
}

/* What the use of a nameless tensor in a node says about it. */
static gboolean
note_use (VtrStore *store,
          const char *node,
          const char *op,
          const char *input,
          Positions *positions,
          GError **error)
{
  const VtrStored *stored = is_nameless (input) ? vtr_store_find (store, input) : NULL;
  g_autofree char *module = module_of_node (node);

  if (stored == NULL || module == NULL || stored->dtype == VTR_DTYPE_OTHER)
    return TRUE;
  if (strcmp (op, "MatMul") == 0 && stored->n_dims == 2)
    {
      g_autofree char *name = g_strconcat (module, ".weight", NULL);
      return add_alias (store, stored, name, TRUE, error);
    }
  if (!g_str_has_suffix (module, "embeddings") || stored->n_dims < 3)
    return TRUE;
  if (strcmp (op, "Add") == 0 && stored->n_dims == 3)
    {
      g_autofree char *name = g_strconcat (module, ".position_embeddings", NULL);
      return add_alias (store, stored, name, FALSE, error);
    }
  if (strcmp (op, "Concat") == 0 && stored->n_dims == 3 && stored->shape[1] == 1)
    positions->cls = stored;
  else if (strcmp (op, "Reshape") == 0)
    {
      positions->patches = stored;
      g_free (positions->module);
      positions->module = g_steal_pointer (&module);
    }
  return TRUE;
}

static gboolean
read_node (VtrStore *store, Wire wire, Positions *positions, GError **error)
{
  g_autoptr (GPtrArray) inputs = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *name = NULL;
  g_autofree char *op = NULL;
  Field field;

  while (wire_next (&wire, &field))
    {
      if (field.type != WIRE_BYTES || field.number > 4 || field.number == 2)
        continue;
      char *text = wire_dup_text (&field.bytes);
      if (text == NULL)
        continue;
      if (field.number == 1)
        g_ptr_array_add (inputs, text);
      else
        {
          char **slot = field.number == 3 ? &name : &op;
          g_free (*slot);
          *slot = text;
        }
    }
  if (wire_broken (&wire, vtr_store_get_label (store), error))
    return FALSE;
  for (guint i = 0; name != NULL && op != NULL && i < inputs->len; i++)
    if (!note_use (store, name, op, g_ptr_array_index (inputs, i), positions, error))
      return FALSE;
  return TRUE;
}

/* Weights first: nodes come before them in the file. */
static gboolean
read_graph (VtrStore *store, GBytes *file, Wire graph, GError **error)
{
  const char *label = vtr_store_get_label (store);
  Positions positions = { 0 };
  gboolean read = TRUE;
  Field field;

  for (Wire wire = graph; read && wire.at < wire.end;)
    {
      if (!wire_next (&wire, &field))
        read = !wire_broken (&wire, label, error);
      else if (field.number == 5 && field.type == WIRE_BYTES)
        read = add_initializer (store, file, field.bytes, error);
    }
  for (Wire wire = graph; read && wire_next (&wire, &field);)
    if (field.number == 1 && field.type == WIRE_BYTES)
      read = read_node (store, field.bytes, &positions, error);
  read = read && add_positions (store, &positions, error);
  g_free (positions.module);
  return read;
}

VtrStore *
vtr_store_from_onnx (GBytes *bytes, const char *label, GError **error)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);
  g_autoptr (VtrStore) store = vtr_store_new ("onnx", label);
  Wire wire = { .at = data, .end = data + size };
  Field field;
  gboolean has_graph = FALSE;

  while (wire_next (&wire, &field))
    if (field.number == 7 && field.type == WIRE_BYTES)
      {
        if (!read_graph (store, bytes, field.bytes, error))
          return NULL;
        has_graph = TRUE;
      }
  if (wire_broken (&wire, label, error))
    return NULL;
  if (!has_graph)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
                   "%s: this is no ONNX model, for it has no graph.", label);
      return NULL;
    }
  return g_steal_pointer (&store);
}
