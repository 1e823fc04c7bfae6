/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/onnx-nodes.h"

#include <string.h>

/*
 * Fields of the messages (numbers as in onnx.proto):
 *
 *   NodeProto       1 input, 2 output, 3 name, 4 op_type, 5 attribute
 *   AttributeProto  5 t
 *   TensorProto     2 data_type, 7 int64_data, 9 raw_data
 *
 * PyTorch's exporter folds transposes into the weights of linear layers and gives the result a
 * name of its own ("onnx::MatMul_1972").  The node that uses it still has the module's path
 * ("/backbone/encoder/layer.0/…/query/MatMul"), so such a tensor is also listed under the name
 * that it had in PyTorch.
 */
typedef struct
{
  char *name;
  char *op;
  char *output;
  GPtrArray *inputs;
  gint64 constant; /* of a Constant with one integer */
  gboolean has_constant;
} Node;

static void
node_clear (Node *self)
{
  g_free (self->name);
  g_free (self->op);
  g_free (self->output);
  g_clear_pointer (&self->inputs, g_ptr_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Node, node_clear)

/* The position table, cut in two by constant folding: the row of CLS goes into a Concat, the
 * patches into a Reshape before they are interpolated. */
typedef struct
{
  VtrStore *store;
  GHashTable *constants; /* output of a Constant → gint64 */
  const VtrStored *cls_position;
  const VtrStored *patch_positions;
  char *positions_module;
} Graph;

static void
graph_clear (Graph *self)
{
  g_hash_table_unref (self->constants);
  g_free (self->positions_module);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Graph, graph_clear)

/* The one integer of a TensorProto. */
static gboolean
read_integer (VtrWire tensor, gint64 *out)
{
  guint64 type = 0, value = 0;
  gboolean found = FALSE;
  VtrWireField field;

  while (vtr_wire_next (&tensor, &field))
    {
      const gsize n = field.type == VTR_WIRE_BYTES ? (gsize) (field.bytes.end - field.bytes.at) : 0;
      if (field.number == 2 && field.type == VTR_WIRE_VARINT)
        type = field.value;
      else if (field.number == 9 && n == sizeof value)
        {
          memcpy (&value, field.bytes.at, sizeof value);
          value = GUINT64_FROM_LE (value);
          found = TRUE;
        }
      else if (field.number == 7 && n > 0)
        found = vtr_wire_read_varint (&field.bytes, &value) && field.bytes.at == field.bytes.end;
    }
  *out = (gint64) value;
  return found && type == 7; /* INT64 */
}

static void
read_attribute (Node *node, VtrWire attribute)
{
  VtrWireField field;

  while (vtr_wire_next (&attribute, &field))
    if (field.number == 5 && field.type == VTR_WIRE_BYTES &&
        read_integer (field.bytes, &node->constant))
      node->has_constant = TRUE;
}

static gboolean
read_node (Node *self, VtrWire wire, const char *label, GError **error)
{
  char **const slots[] = { NULL, NULL, &self->output, &self->name, &self->op };
  VtrWireField field;

  self->inputs = g_ptr_array_new_with_free_func (g_free);
  while (vtr_wire_next (&wire, &field))
    {
      if (field.type != VTR_WIRE_BYTES)
        continue;
      if (field.number == 5)
        read_attribute (self, field.bytes);
      else if (field.number >= 1 && field.number <= 4)
        {
          char *text = vtr_wire_dup_text (&field.bytes);
          if (text == NULL || field.number == 1)
            g_ptr_array_add (self->inputs, text != NULL ? text : g_strdup (""));
          else
            {
              g_free (*slots[field.number]);
              *slots[field.number] = text;
            }
        }
    }
  return !vtr_wire_is_broken (&wire, label, error);
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

/* Adds @stored under @module.@name, unless the file has a tensor of that name. */
static gboolean
add_alias (VtrStore *store,
           const VtrStored *stored,
           const char *module,
           const char *name,
           gboolean transposed,
           GError **error)
{
  g_autofree char *full = g_strdup_printf ("%s.%s", module, name);
  VtrStored alias = *stored;

  if (vtr_store_find (store, full) != NULL)
    return TRUE;
  alias.name = full;
  alias.transposed = transposed;
  return vtr_store_add (store, &alias, error);
}

/* What the use of a tensor without a name of its own says about it. */
static gboolean
note_use (Graph *self,
          const Node *node,
          const char *module,
          const VtrStored *stored,
          GError **error)
{
  const gboolean embeds = g_str_has_suffix (module, "embeddings");

  if (strcmp (node->op, "MatMul") == 0 && stored->n_dims == 2)
    return add_alias (self->store, stored, module, "weight", TRUE, error);
  if (embeds && strcmp (node->op, "Add") == 0 && stored->n_dims == 3)
    return add_alias (self->store, stored, module, "position_embeddings", FALSE, error);
  if (embeds && strcmp (node->op, "Concat") == 0 && stored->n_dims == 3 && stored->shape[1] == 1)
    self->cls_position = stored;
  else if (embeds && strcmp (node->op, "Reshape") == 0 && stored->n_dims >= 3)
    {
      self->patch_positions = stored;
      g_free (self->positions_module);
      self->positions_module = g_strdup (module);
    }
  return TRUE;
}

/* Attention views tokens as [..][h][hd]: the last two of the Concat that makes the shape. */
static void
note_heads (Graph *self, const Node *node)
{
  const guint n = node->inputs->len;
  const gint64 *numbers[2];

  if (n < 3 || vtr_store_get_note (self->store, VTR_NOTE_N_HEADS) != NULL)
    return;
  for (guint i = 0; i < 2; i++)
    {
      numbers[i] =
          g_hash_table_lookup (self->constants, g_ptr_array_index (node->inputs, n - 2 + i));
      if (numbers[i] == NULL || *numbers[i] <= 0 || *numbers[i] > G_MAXUINT16)
        return;
    }
  g_autofree char *n_heads = g_strdup_printf ("%" G_GINT64_FORMAT, *numbers[0]);
  g_autofree char *head_size = g_strdup_printf ("%" G_GINT64_FORMAT, *numbers[1]);
  vtr_store_set_note (self->store, VTR_NOTE_N_HEADS, n_heads);
  vtr_store_set_note (self->store, VTR_NOTE_HEAD_SIZE, head_size);
}

static gboolean
note_node (Graph *self, const Node *node, GError **error)
{
  if (node->op == NULL)
    return TRUE;
  if (node->has_constant && node->output != NULL && strcmp (node->op, "Constant") == 0)
    g_hash_table_insert (self->constants, g_strdup (node->output),
                         g_memdup2 (&node->constant, sizeof node->constant));

  g_autofree char *module = node->name != NULL ? module_of_node (node->name) : NULL;
  if (module == NULL)
    return TRUE;
  if (strcmp (node->op, "Concat") == 0 && g_str_has_suffix (module, "attention"))
    note_heads (self, node);
  for (guint i = 0; i < node->inputs->len; i++)
    {
      const char *input = g_ptr_array_index (node->inputs, i);
      const VtrStored *stored =
          g_str_has_prefix (input, "onnx::") ? vtr_store_find (self->store, input) : NULL;
      if (stored != NULL && stored->dtype != VTR_DTYPE_OTHER &&
          !note_use (self, node, module, stored, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
add_positions (Graph *self, GError **error)
{
  const VtrStored *both[] = { self->cls_position, self->patch_positions };

  if (both[0] == NULL || both[1] == NULL || both[0]->dtype != both[1]->dtype)
    return TRUE;

  const guint64 width = both[0]->shape[2];
  if (width == 0 || both[1]->shape[both[1]->n_dims - 1] != width || both[1]->n_values == 0)
    return TRUE;

  gsize n_bytes[2];
  gconstpointer data[2];
  for (guint i = 0; i < 2; i++)
    data[i] = g_bytes_get_data (both[i]->bytes, &n_bytes[i]);
  guint8 *joined = g_malloc (n_bytes[0] + n_bytes[1]);
  memcpy (joined, data[0], n_bytes[0]);
  memcpy (joined + n_bytes[0], data[1], n_bytes[1]);
  g_autoptr (GBytes) bytes = g_bytes_new_take (joined, n_bytes[0] + n_bytes[1]);
  const VtrStored table = {
    .dtype = both[0]->dtype,
    .dtype_name = both[0]->dtype_name,
    .n_dims = 3,
    .shape = { 1, both[1]->n_values / width + 1, width },
    .bytes = bytes,
  };
  return add_alias (self->store, &table, self->positions_module, "position_embeddings", FALSE,
                    error);
}

gboolean
vtr_onnx_read_nodes (VtrStore *store, VtrWire graph, GError **error)
{
  g_auto (Graph) self = {
    .store = store,
    .constants = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free),
  };
  VtrWireField field;

  while (vtr_wire_next (&graph, &field))
    {
      g_auto (Node) node = { 0 };
      if (field.number == 1 && field.type == VTR_WIRE_BYTES &&
          (!read_node (&node, field.bytes, vtr_store_get_label (store), error) ||
           !note_node (&self, &node, error)))
        return FALSE;
    }
  return add_positions (&self, error);
}
