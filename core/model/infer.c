/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/detect.h"

#include <math.h>
#include <string.h>

#define MAX_LAYERS 1024
#define MAX_HIDDEN_SIZE 65536
#define MAX_PATCH_SIZE 1024

static gboolean
has (const VtrDetection *self, VtrPart part)
{
  return (part < VTR_FIRST_LAYER_PART || self->parts->n_layers > 0) &&
         vtr_parts_get (self->parts, part, 0)->weight != NULL;
}

/* What configuration states must be what the shape of a tensor says. */
static gboolean
settle (VtrDetection *self,
        const VtrStatement *statement,
        VtrStated stated,
        const char *what,
        guint *value,
        guint64 measured,
        const VtrStored *tensor,
        GError **error)
{
  if (measured == *value)
    return TRUE;
  if (!(statement->stated & stated) && measured <= G_MAXINT)
    {
      *value = (guint) measured;
      return TRUE;
    }
  g_autofree char *shape = vtr_stored_format_shape (tensor);
  g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
               "%s: the configuration says that %s is %u, but tensor %s with shape %s makes it "
               "%" G_GUINT64_FORMAT ".",
               vtr_store_get_label (self->parts->store), what, *value, tensor->name, shape,
               measured);
  return FALSE;
}

static gboolean
infer_patch (VtrDetection *self, const VtrStatement *statement, GError **error)
{
  VtrArch *arch = &self->arch;
  const VtrStored *patch = vtr_parts_get (self->parts, VTR_PART_PATCH, 0)->weight;
  guint64 n_out, n_in;

  if (patch == NULL) /* vtr_detection_check () says so */
    return TRUE;
  vtr_parts_get_shape (self->parts, VTR_PART_PATCH, patch, &n_out, &n_in);

  const guint64 side = (guint64) floor (sqrt ((double) n_in / 3.0) + 0.5);
  if (patch->n_dims != 4 || n_out == 0 || side == 0 || side > MAX_PATCH_SIZE ||
      n_in != 3 * side * side || n_out > MAX_HIDDEN_SIZE)
    {
      g_autofree char *shape = vtr_stored_format_shape (patch);
      g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
                   "%s: the patch embedding %s has shape %s; Vitreous takes square patches of up "
                   "to %u pixels in three channels.",
                   vtr_store_get_label (self->parts->store), patch->name, shape,
                   (guint) MAX_PATCH_SIZE);
      return FALSE;
    }
  return settle (self, statement, VTR_STATED_HIDDEN_SIZE, "hidden_size", &arch->hidden_size, n_out,
                 patch, error) &&
         settle (self, statement, VTR_STATED_PATCH_SIZE, "patch_size", &arch->patch_size, side,
                 patch, error);
}

static gboolean
infer_layers (VtrDetection *self, const VtrStatement *statement, GError **error)
{
  VtrArch *arch = &self->arch;
  const guint n_found = self->parts->n_layers;

  if (!(statement->stated & VTR_STATED_N_LAYERS))
    arch->n_layers = n_found;
  if (arch->n_layers == 0 || arch->n_layers > MAX_LAYERS || n_found < arch->n_layers)
    {
      g_autofree char *names = vtr_parts_format_names (self->parts, VTR_PART_NORM1, n_found, FALSE);
      g_set_error (error, VTR_ERROR, VTR_ERROR_MISSING_TENSOR,
                   "%s: the model should have %u layers, but there is no %s of layer %u (tried: "
                   "%s).",
                   vtr_store_get_label (self->parts->store), arch->n_layers,
                   vtr_part_get_title (VTR_PART_NORM1), n_found, names);
      return FALSE;
    }
  return TRUE;
}

/* Gate and up in one matrix of twice the width that the second layer takes (timm's packed SwiGLU)
 * look like a first layer. */
static gboolean
infer_mlp (VtrDetection *self, const VtrStatement *statement, GError **error)
{
  VtrArch *arch = &self->arch;
  const VtrStored *fc2 = vtr_parts_get (self->parts, VTR_PART_FC2, 0)->weight;
  const VtrStored *fc1 = vtr_parts_get (self->parts, VTR_PART_FC1, 0)->weight;
  guint64 n_out, n_in, f;

  if (fc2 == NULL)
    return TRUE;
  vtr_parts_get_shape (self->parts, VTR_PART_FC2, fc2, &n_out, &f);
  if (!settle (self, statement, VTR_STATED_MLP_SIZE, "the width of the MLP", &arch->mlp_size, f,
               fc2, error))
    return FALSE;

  gboolean gated = has (self, VTR_PART_GATE) || has (self, VTR_PART_GATE_UP);
  if (!gated && fc1 != NULL)
    {
      vtr_parts_get_shape (self->parts, VTR_PART_FC1, fc1, &n_out, &n_in);
      gated = self->parts->naming == &vtr_naming_timm && n_out == 2 * f;
    }
  if ((statement->stated & VTR_STATED_GATED) && gated != (arch->act == VTR_ACT_SWIGLU))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
                   "%s: the configuration says that the MLP is%s gated, but the tensors say that "
                   "it is%s.",
                   vtr_store_get_label (self->parts->store), gated ? " not" : "",
                   gated ? "" : " not");
      return FALSE;
    }
  if (gated)
    arch->act = VTR_ACT_SWIGLU;
  return TRUE;
}

static gboolean
infer_registers (VtrDetection *self, const VtrStatement *statement, GError **error)
{
  VtrArch *arch = &self->arch;
  const VtrStored *registers = vtr_parts_get (self->parts, VTR_PART_REGISTERS, 0)->weight;

  if (registers == NULL)
    {
      if (!(statement->stated & VTR_STATED_N_REGISTERS))
        arch->n_registers = 0;
      return TRUE;
    }
  return settle (self, statement, VTR_STATED_N_REGISTERS, "the number of registers",
                 &arch->n_registers, registers->n_values / arch->hidden_size, registers, error);
}

/* What an ONNX graph does with its tokens. */
static gboolean
infer_heads_of_graph (VtrDetection *self)
{
  const char *n_heads = vtr_store_get_note (self->parts->store, VTR_NOTE_N_HEADS);
  const char *head_size = vtr_store_get_note (self->parts->store, VTR_NOTE_HEAD_SIZE);

  if (n_heads == NULL || head_size == NULL ||
      g_ascii_strtoull (n_heads, NULL, 10) * g_ascii_strtoull (head_size, NULL, 10) !=
          self->arch.hidden_size)
    return FALSE;
  self->arch.n_heads = (guint) g_ascii_strtoull (n_heads, NULL, 10);
  vtr_detection_add_reason (self, "number of heads %u by the graph's attention",
                            self->arch.n_heads);
  return TRUE;
}

/* Shapes do not tell: but the known models of a width have the same heads. */
static gboolean
assume_heads (VtrDetection *self, GError **error)
{
  static const struct
  {
    guint hidden_size;
    guint head_size;
  } wide[] = { { 1152, 72 }, { 1280, 80 }, { 1408, 88 }, { 1664, 104 } };
  VtrArch *arch = &self->arch;
  guint head_size = 64;

  for (guint i = 0; i < G_N_ELEMENTS (wide); i++)
    if (wide[i].hidden_size == arch->hidden_size)
      head_size = wide[i].head_size;
  if (arch->hidden_size % head_size != 0)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_NOT_FOUND,
                   "%s: shapes do not tell how many heads share a width of %u: put a config.json "
                   "with num_attention_heads (timm: model_args.num_heads) beside it.",
                   vtr_store_get_label (self->parts->store), arch->hidden_size);
      return FALSE;
    }
  arch->n_heads = arch->hidden_size / head_size;
  vtr_detection_add_reason (self,
                            "number of heads assumed to be %u: models %u wide have heads of %u, "
                            "and nothing in the "
                            "checkpoint states their number",
                            arch->n_heads, arch->hidden_size, head_size);
  return TRUE;
}

/* Layers that heads were taken out of: as it is stated; whether the tensors are so is checked
 * later, with all shapes. */
static gboolean
take_layer_heads (VtrDetection *self, const VtrStatement *statement, GError **error)
{
  VtrArch *arch = &self->arch;
  const char *label = vtr_store_get_label (self->parts->store);
  gboolean whole = TRUE;

  if (statement->layer_heads == NULL)
    return TRUE;
  if (statement->n_layer_heads != arch->n_layers)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
                   "%s: config.json states the heads of %u layers (" VTR_CONFIG_OWN
                   ".heads), but the model has %u.",
                   label, statement->n_layer_heads, arch->n_layers);
      return FALSE;
    }
  for (guint layer = 0; layer < arch->n_layers; layer++)
    {
      const guint n = statement->layer_heads[layer];

      if (n == 0 || n > arch->n_heads)
        {
          g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
                       "%s: config.json states %u heads of layer %u (" VTR_CONFIG_OWN
                       ".heads); a layer of this model has 1 to %u.",
                       label, n, layer, arch->n_heads);
          return FALSE;
        }
      whole = whole && n == arch->n_heads;
    }
  if (whole)
    return TRUE;
  self->layer_heads = g_memdup2 (statement->layer_heads, arch->n_layers * sizeof (guint));
  arch->layer_heads = self->layer_heads;
  vtr_detection_add_reason (self, "layers that heads were taken out of, by “" VTR_CONFIG_OWN
                                  ".heads” in config.json");
  return TRUE;
}

static gboolean
infer_heads (VtrDetection *self, const VtrStatement *statement, GError **error)
{
  VtrArch *arch = &self->arch;
  const VtrStored *query = vtr_parts_get (self->parts, VTR_PART_Q, 0)->weight;
  /* An architecture's number holds for its own width, or where another one is stated on purpose. */
  const gboolean is_stated =
      (statement->stated & VTR_STATED_N_HEADS) &&
      (statement->natural_width == 0 || statement->natural_width == arch->hidden_size ||
       (statement->stated & VTR_STATED_HIDDEN_SIZE));

  if (self->parts->naming->is_jax && query != NULL && query->n_dims == 3 && query->shape[2] > 0 &&
      query->shape[2] <= arch->hidden_size)
    arch->n_heads = arch->hidden_size / (guint) query->shape[2]; /* [d][h][hd] */
  else if (!is_stated && !infer_heads_of_graph (self) && !assume_heads (self, error))
    return FALSE;
  if (arch->n_heads == 0 || arch->hidden_size % arch->n_heads != 0)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT, "%s: %u heads cannot share a width of %u.",
                   vtr_store_get_label (self->parts->store), arch->n_heads, arch->hidden_size);
      return FALSE;
    }
  arch->head_size = arch->hidden_size / arch->n_heads;
  return take_layer_heads (self, statement, error);
}

static gboolean
fits_grid (guint64 n, guint rows, guint columns)
{
  return rows > 0 && columns > 0 && n == (guint64) rows * columns;
}

/* A square of @n, if it is one. */
static guint
square_side (guint64 n)
{
  const guint64 side = (guint64) floor (sqrt ((double) n) + 0.5);

  return side <= G_MAXINT && side * side == n ? (guint) side : 0;
}

/* How many rows of the position table are of the prefix: with or without registers, or none. */
static gboolean
split_positions (VtrDetection *self, const VtrStatement *statement, guint64 n_rows, guint64 *n_grid)
{
  VtrArch *arch = &self->arch;
  const guint n_special = arch->has_cls + arch->has_distillation;
  const guint candidates[] = { n_special, n_special + arch->n_registers, 0 };
  const gboolean any_grid = statement->image_height == 0;

  for (guint pass = 0; pass < 2; pass++) /* first the stated grid, then any square */
    for (guint i = 0; i < G_N_ELEMENTS (candidates); i++)
      {
        const guint n = candidates[i];
        if (n > n_rows || (n == 0 && n_special > 0 && self->parts->naming != &vtr_naming_timm) ||
            ((statement->stated & VTR_STATED_NO_EMBED_CLASS) &&
             statement->no_embed_class != (n == 0)))
          continue;
        *n_grid = n_rows - n;
        if (pass == 0 ? !any_grid && fits_grid (*n_grid, arch->grid_rows, arch->grid_columns)
                      : square_side (*n_grid) > 0)
          {
            arch->prefix_has_positions = n > 0;
            arch->registers_have_positions = n > n_special;
            return TRUE;
          }
      }
  return FALSE;
}

static gboolean
infer_grid (VtrDetection *self, const VtrStatement *statement, GError **error)
{
  VtrArch *arch = &self->arch;
  const VtrStored *table = vtr_parts_get (self->parts, VTR_PART_POSITIONS, 0)->weight;
  guint64 n_grid;

  arch->grid_rows = statement->image_height / arch->patch_size;
  arch->grid_columns = statement->image_width / arch->patch_size;
  if (table == NULL)
    {
      if (arch->grid_rows == 0 || arch->grid_columns == 0)
        arch->grid_rows = arch->grid_columns = MAX (224 / arch->patch_size, 1);
      return TRUE;
    }

  const guint64 n_rows = table->n_values / arch->hidden_size;
  if (n_rows > G_MAXINT || n_rows * arch->hidden_size != table->n_values ||
      !split_positions (self, statement, n_rows, &n_grid) || n_grid == 0)
    {
      g_autofree char *shape = vtr_stored_format_shape (table);
      g_set_error (error, VTR_ERROR, VTR_ERROR_CORRUPT,
                   "%s: the position table %s with shape %s fits neither the image_size that is "
                   "stated nor any square grid of patches.",
                   vtr_store_get_label (self->parts->store), table->name, shape);
      return FALSE;
    }
  if (!fits_grid (n_grid, arch->grid_rows, arch->grid_columns))
    {
      if (statement->image_height > 0)
        vtr_detection_add_reason (self,
                                  "positions for a square of %u patches a side, though the "
                                  "configuration states pictures of %u × %u",
                                  square_side (n_grid), statement->image_width,
                                  statement->image_height);
      arch->grid_rows = arch->grid_columns = square_side (n_grid);
    }
  return TRUE;
}

static gboolean
infer_head (VtrDetection *self, const VtrStatement *statement, GError **error)
{
  VtrArch *arch = &self->arch;
  const VtrStored *head = vtr_parts_get (self->parts, VTR_PART_HEAD, 0)->weight;
  const VtrStored *projection = vtr_parts_get (self->parts, VTR_PART_PROJECTION, 0)->weight;
  guint64 n_in, n_out;

  if (projection != NULL)
    {
      vtr_parts_get_shape (self->parts, VTR_PART_PROJECTION, projection, &n_out, &n_in);
      arch->projection_size = n_out <= MAX_HIDDEN_SIZE ? (guint) n_out : 0;
    }
  arch->n_classes = 0;
  if (head == NULL)
    {
      /* What transformers calls the pooler output; the mean is the classifier's business. */
      if (arch->head_pool == VTR_HEAD_POOL_CLS_AND_MEAN)
        arch->head_pool = VTR_HEAD_POOL_CLS;
      return TRUE;
    }
  vtr_parts_get_shape (self->parts, VTR_PART_HEAD, head, &n_out, &n_in);
  if (n_out == 0 || n_out > G_MAXINT)
    return TRUE; /* vtr_detection_check () says what is wrong with it */
  if (statement->labels != NULL)
    arch->n_classes = statement->labels->len;
  if (!settle (self, statement, VTR_STATED_LABELS, "the number of labels", &arch->n_classes, n_out,
               head, error))
    return FALSE;

  const VtrFound *second = vtr_parts_get (self->parts, VTR_PART_HEAD_DISTILLATION, 0);
  if (second->weight != NULL && arch->has_distillation)
    arch->head_pool = VTR_HEAD_POOL_CLS_AND_DISTILLATION;
  return TRUE;
}

/* CLIP's classifier takes the mean of patches that post_layernorm has not touched. */
static void
adapt_clip_head (VtrDetection *self)
{
  if (strcmp (self->family->name, "clip") != 0 || self->arch.n_classes == 0)
    return;
  self->arch.head_pool = VTR_HEAD_POOL_MEAN;
  self->arch.final_norm = FALSE;
  vtr_detection_add_reason (self, "CLIP's classifier: mean of the patches, without the last norm");
}

/* What timm and vit_jax leave to the shapes: which tokens there are, how they are pooled. */
static void
infer_tokens (VtrDetection *self, const VtrStatement *statement)
{
  VtrArch *arch = &self->arch;

  if (self->parts->naming == &vtr_naming_timm || self->parts->naming->is_jax)
    {
      arch->has_cls = has (self, VTR_PART_CLS);
      arch->has_distillation = has (self, VTR_PART_DISTILLATION);
      arch->layer_scale = has (self, VTR_PART_SCALE1);
      arch->pre_norm = has (self, VTR_PART_PRE_NORM);
      arch->final_norm_after_pool = has (self, VTR_PART_POOL_NORM);
      arch->head_pool = g_strcmp0 (statement->pool, "avg") == 0 || !arch->has_cls ||
                                (statement->pool == NULL && arch->final_norm_after_pool)
                            ? VTR_HEAD_POOL_MEAN
                            : VTR_HEAD_POOL_CLS;
    }
  arch->pre_logits = has (self, VTR_PART_PRE_LOGITS);
}

/* timm's default_cfgs: CLIP's towers, DINOv2 and DeiT III are not cropped into; they and DeiT were
 * trained with the means of their papers, the rest with 0.5. */
static void
assume_timm_preprocess (VtrDetection *self, guint width, guint height)
{
  VtrPreprocess *preprocess = &self->arch.preprocess;
  const char *like = self->arch.pre_norm                                     ? "clip"
                     : self->arch.layer_scale || self->arch.has_distillation ? "dinov2"
                                                                             : "vit";
  const VtrPreprocess *known = &vtr_family_find (like)->defaults.preprocess;
  const double crop_share = self->arch.pre_norm || self->arch.layer_scale ? 1.0 : 0.9;

  memcpy (preprocess->mean, known->mean, sizeof preprocess->mean);
  memcpy (preprocess->std, known->std, sizeof preprocess->std);
  preprocess->resize = width == height ? VTR_RESIZE_SHORT_EDGE : VTR_RESIZE_COVER;
  preprocess->resize_height = (guint) floor (height / crop_share);
  preprocess->resize_width = (guint) floor (width / crop_share);
  preprocess->crop_height = height;
  preprocess->crop_width = width;
  vtr_detection_add_reason (self,
                            "preprocessing assumed, for there is no config.json: as timm has it by "
                            "default for such models (crop_pct %g, bicubic, mean %g %g %g)",
                            crop_share, preprocess->mean[0], preprocess->mean[1],
                            preprocess->mean[2]);
}

/* Without any word about preprocessing, pictures have the size that the positions are for. */
static void
infer_picture_size (VtrDetection *self, const VtrStatement *statement)
{
  VtrPreprocess *preprocess = &self->arch.preprocess;
  const guint height = self->arch.grid_rows * self->arch.patch_size;
  const guint width = self->arch.grid_columns * self->arch.patch_size;

  if (self->parts->naming->is_jax)
    {
      preprocess->resize_height = height;
      preprocess->resize_width = width;
      vtr_detection_add_reason (self, "pictures of %u × %u, the size that the positions are for",
                                width, height);
    }
  else if (self->parts->naming == &vtr_naming_timm && statement->image_height == 0)
    assume_timm_preprocess (self, width, height);
}

gboolean
vtr_detection_infer (VtrDetection *self, const VtrStatement *statement, GError **error)
{
  infer_tokens (self, statement);
  if (!infer_patch (self, statement, error) || !infer_layers (self, statement, error) ||
      !infer_registers (self, statement, error) || !infer_mlp (self, statement, error) ||
      !infer_heads (self, statement, error) || !infer_grid (self, statement, error) ||
      !infer_head (self, statement, error))
    return FALSE;
  adapt_clip_head (self);
  infer_picture_size (self, statement);
  return TRUE;
}
