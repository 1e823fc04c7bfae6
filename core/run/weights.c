/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* A model's weights on a device: planned, allocated and uploaded once. */
#include "run/run.h"

/* Widths a weight can have; see ops/ops.h for the letters. */
typedef enum
{
  WIDTH_D,
  WIDTH_CONTEXT, /* of the layer's heads: h·hd */
  WIDTH_QKV,     /* 3·h·hd */
  WIDTH_F,       /* into fc2 */
  WIDTH_FC1,     /* out of fc1: f, or 2f for SwiGLU */
  WIDTH_PATCH,   /* 3·patch² */
  WIDTH_FEATURES,
  WIDTH_CLASSES,
  WIDTH_PROJECTION,
} Width;

static guint32
width_of (const VtrArch *arch, Width width, guint layer)
{
  const guint32 d = arch->hidden_size;

  switch (width)
    {
    case WIDTH_D:
      return d;
    case WIDTH_CONTEXT:
      return vtr_arch_context_size (arch, layer);
    case WIDTH_QKV:
      return 3 * vtr_arch_context_size (arch, layer);
    case WIDTH_F:
      return arch->mlp_size;
    case WIDTH_FC1:
      return arch->act == VTR_ACT_SWIGLU ? 2 * arch->mlp_size : arch->mlp_size;
    case WIDTH_PATCH:
      return 3 * arch->patch_size * arch->patch_size;
    case WIDTH_FEATURES:
      return vtr_arch_n_features (arch);
    case WIDTH_CLASSES:
      return arch->n_classes;
    case WIDTH_PROJECTION:
      return arch->projection_size;
    }
  g_return_val_if_reached (0);
}

#define NO_WEIGHT VTR_N_WEIGHTS

/* One VtrLinear: where it lies in its struct, which weights fill it. */
typedef struct
{
  const char *name;
  gsize offset;
  VtrWeight weight;
  VtrWeight bias;
  VtrWeight scale;
  Width out;
  Width in;
  gboolean in_trunk; /* every token goes through it */
} LinearRow;

/* One norm, [2][d]. */
typedef struct
{
  const char *name;
  gsize offset;
  VtrWeight weight;
} NormRow;

#define BLOCK(member) G_STRUCT_OFFSET (VtrBlockWeights, member)
#define MODEL(member) G_STRUCT_OFFSET (VtrDeviceWeights, member)

static const LinearRow block_linears[] = {
  { "qkv", BLOCK (qkv), VTR_WEIGHT_QKV, VTR_WEIGHT_QKV_BIAS, NO_WEIGHT, WIDTH_QKV, WIDTH_D, TRUE },
  { "proj", BLOCK (proj), VTR_WEIGHT_PROJ, VTR_WEIGHT_PROJ_BIAS, VTR_WEIGHT_SCALE1, WIDTH_D,
    WIDTH_CONTEXT, TRUE },
  { "fc1", BLOCK (fc1), VTR_WEIGHT_FC1, VTR_WEIGHT_FC1_BIAS, NO_WEIGHT, WIDTH_FC1, WIDTH_D, TRUE },
  { "fc2", BLOCK (fc2), VTR_WEIGHT_FC2, VTR_WEIGHT_FC2_BIAS, VTR_WEIGHT_SCALE2, WIDTH_D, WIDTH_F,
    TRUE },
};

static const NormRow block_norms[] = {
  { "norm1", BLOCK (norm1), VTR_WEIGHT_NORM1 },
  { "norm2", BLOCK (norm2), VTR_WEIGHT_NORM2 },
};

static const LinearRow model_linears[] = {
  { "patch", MODEL (patch), VTR_WEIGHT_PATCH, VTR_WEIGHT_PATCH_BIAS, NO_WEIGHT, WIDTH_D,
    WIDTH_PATCH, TRUE },
  { "pre_logits", MODEL (pre_logits), VTR_WEIGHT_PRE_LOGITS, VTR_WEIGHT_PRE_LOGITS_BIAS, NO_WEIGHT,
    WIDTH_D, WIDTH_D, FALSE },
  { "head", MODEL (head), VTR_WEIGHT_HEAD, VTR_WEIGHT_HEAD_BIAS, NO_WEIGHT, WIDTH_CLASSES,
    WIDTH_FEATURES, FALSE },
  { "head_distillation", MODEL (head_distillation), VTR_WEIGHT_HEAD_DISTILLATION,
    VTR_WEIGHT_HEAD_DISTILLATION_BIAS, NO_WEIGHT, WIDTH_CLASSES, WIDTH_D, FALSE },
  { "projection", MODEL (projection), VTR_WEIGHT_PROJECTION, NO_WEIGHT, NO_WEIGHT, WIDTH_PROJECTION,
    WIDTH_D, FALSE },
};

static const NormRow model_norms[] = {
  { "pre_norm", MODEL (pre_norm), VTR_WEIGHT_PRE_NORM },
  { "final_norm", MODEL (final_norm), VTR_WEIGHT_FINAL_NORM },
};

/*
 * Upload: visits every tensor twice, first to plan it, then to fill it, so that
 * both passes walk the same tables.
 */
typedef struct
{
  VtrStream *stream;
  VtrModel *model;
  const VtrArch *arch;
  VtrArena *arena;
  VtrPrecision precision;
  const VtrProgress *progress;
  gboolean filling; /* FALSE: planning */
  guint64 bytes_done;
  float *values; /* grows to the largest weight; owned */
  gsize n_values;
} Upload;

static float *
upload_buffer (Upload *self, gsize n_values, GError **error)
{
  if (n_values > self->n_values)
    {
      float *larger = g_try_realloc_n (self->values, n_values, sizeof (float));
      if (larger == NULL)
        {
          g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY,
                       "There is not enough memory to read a weight of %" G_GSIZE_FORMAT " numbers",
                       n_values);
          return NULL;
        }
      self->values = larger;
      self->n_values = n_values;
    }
  return self->values;
}

/* Values that are converted at a time: large enough for the device, small for the host. */
#define CONVERTED_VALUES ((gsize) 1 << 20)

static gboolean
write_halves (Upload *self,
              const VtrTensor *tensor,
              gsize first,
              const float *values,
              gsize n_values,
              GError **error)
{
  g_autofree guint16 *halves = g_new (guint16, MIN (n_values, CONVERTED_VALUES));

  for (gsize i = 0; i < n_values; i += CONVERTED_VALUES)
    {
      const gsize n = MIN (CONVERTED_VALUES, n_values - i);
      const gsize bad = vtr_halves_from_floats (values + i, n, halves);

      if (bad < n)
        {
          g_set_error (error, VTR_ERROR, VTR_ERROR_BAD_VALUES,
                       "The weight “%s” of the model “%s” has the value %g, and f16 holds none "
                       "beyond 65504: use --precision f32.",
                       tensor->name, vtr_model_get_name (self->model), values[i + bad]);
          return FALSE;
        }
      if (!vtr_stream_write (self->stream, tensor, (first + i) * sizeof *halves, halves,
                             n * sizeof *halves, error))
        return FALSE;
    }
  return TRUE;
}

/* Puts the values of @weight into @tensor, from value @first on. */
static gboolean
upload_weight (Upload *self,
               VtrTensor *tensor,
               gsize first,
               VtrWeight weight,
               guint layer,
               GError **error)
{
  const gsize n_values = vtr_model_get_weight_size (self->model, weight, layer);
  float *values = upload_buffer (self, n_values, error);

  if (values == NULL)
    return FALSE;
  if (!vtr_model_read_weight (self->model, weight, layer, values, error))
    return FALSE;
  const gboolean ok = tensor->dtype == VTR_DTYPE_F16
                          ? write_halves (self, tensor, first, values, n_values, error)
                          : vtr_stream_write (self->stream, tensor, first * sizeof (float), values,
                                              n_values * sizeof (float), error);
  if (!ok)
    return FALSE;

  self->bytes_done += n_values * vtr_dtype_size (tensor->dtype);
  return vtr_progress_step (self->progress,
                            (double) self->bytes_done / (double) vtr_arena_get_bytes (self->arena),
                            "uploading weights", error);
}

static gboolean
visit_norm (Upload *self,
            const NormRow *row,
            gpointer owner,
            const char *prefix,
            guint layer,
            GError **error)
{
  VtrTensor *tensor = (VtrTensor *) ((guint8 *) owner + row->offset);
  g_autofree char *name = g_strconcat (prefix, row->name, NULL);

  if (!vtr_model_has_weight (self->model, row->weight))
    return TRUE;
  if (self->filling)
    return upload_weight (self, tensor, 0, row->weight, layer, error);
  return vtr_arena_plan (self->arena, tensor, name, VTR_DTYPE_F32, 2,
                         (guint32[]){ 2, self->arch->hidden_size }, error);
}

static gboolean
plan_linear (Upload *self,
             const LinearRow *row,
             VtrLinear *linear,
             const char *prefix,
             guint layer,
             GError **error)
{
  const guint32 out = width_of (self->arch, row->out, layer);
  const guint32 in = width_of (self->arch, row->in, layer);
  const gboolean halves = row->in_trunk && self->precision == VTR_PRECISION_F16;
  g_autofree char *name = g_strconcat (prefix, row->name, NULL);
  g_autofree char *epilogue_name = g_strconcat (name, ".epilogue", NULL);

  return vtr_arena_plan (self->arena, &linear->weight, name, halves ? VTR_DTYPE_F16 : VTR_DTYPE_F32,
                         2, (guint32[]){ out, in }, error) &&
         vtr_arena_plan (self->arena, &linear->epilogue, epilogue_name, VTR_DTYPE_F32, 2,
                         (guint32[]){ 2, out }, error);
}

/* The rows of the epilogue that no weight fills stay unread: forward.c says which are used. */
static gboolean
fill_linear (Upload *self, const LinearRow *row, VtrLinear *linear, guint layer, GError **error)
{
  const gsize first_scale = linear->epilogue.shape[1];

  if (!upload_weight (self, &linear->weight, 0, row->weight, layer, error))
    return FALSE;
  if (row->bias != NO_WEIGHT &&
      !upload_weight (self, &linear->epilogue, 0, row->bias, layer, error))
    return FALSE;
  return row->scale == NO_WEIGHT ||
         upload_weight (self, &linear->epilogue, first_scale, row->scale, layer, error);
}

static gboolean
visit_linear (Upload *self,
              const LinearRow *row,
              gpointer owner,
              const char *prefix,
              guint layer,
              GError **error)
{
  VtrLinear *linear = (VtrLinear *) ((guint8 *) owner + row->offset);

  if (!vtr_model_has_weight (self->model, row->weight))
    return TRUE;
  if (self->filling)
    return fill_linear (self, row, linear, layer, error);
  return plan_linear (self, row, linear, prefix, layer, error);
}

/* CLS, distillation and registers with their positions: made on the host. */
static gboolean
visit_prefix (Upload *self, VtrTensor *tensor, GError **error)
{
  const guint32 n_prefix = vtr_arch_n_prefix (self->arch);

  if (n_prefix == 0)
    return TRUE;
  if (!self->filling)
    return vtr_arena_plan (self->arena, tensor, "prefix", VTR_DTYPE_F32, 2,
                           (guint32[]){ n_prefix, self->arch->hidden_size }, error);

  g_autofree float *prefix = vtr_model_make_prefix (self->model, error);
  return prefix != NULL &&
         vtr_stream_write (self->stream, tensor, 0, prefix, vtr_tensor_n_bytes (tensor), error);
}

static gboolean
visit_all (Upload *self, VtrDeviceWeights *weights, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (model_norms); i++)
    if (!visit_norm (self, &model_norms[i], weights, "", 0, error))
      return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (model_linears); i++)
    if (!visit_linear (self, &model_linears[i], weights, "", 0, error))
      return FALSE;
  if (!visit_prefix (self, &weights->prefix, error))
    return FALSE;

  for (guint layer = 0; layer < self->arch->n_layers; layer++)
    {
      VtrBlockWeights *block = &weights->blocks[layer];
      g_autofree char *prefix = g_strdup_printf ("layer%02u.", layer);

      for (guint i = 0; i < G_N_ELEMENTS (block_norms); i++)
        if (!visit_norm (self, &block_norms[i], block, prefix, layer, error))
          return FALSE;
      for (guint i = 0; i < G_N_ELEMENTS (block_linears); i++)
        if (!visit_linear (self, &block_linears[i], block, prefix, layer, error))
          return FALSE;
    }
  return TRUE;
}

VtrDeviceWeights *
vtr_device_weights_new (VtrStream *stream,
                        VtrModel *model,
                        VtrPrecision precision,
                        const VtrProgress *progress,
                        GError **error)
{
  const VtrArch *arch = vtr_model_get_arch (model);
  VtrDeviceWeights *self = g_new0 (VtrDeviceWeights, 1);
  Upload upload = {
    .stream = stream,
    .model = model,
    .arch = arch,
    .precision = precision,
    .progress = progress,
  };

  self->arena = upload.arena = vtr_arena_new (stream->device, "weights");
  self->blocks = g_new0 (VtrBlockWeights, arch->n_layers);

  gboolean ok = visit_all (&upload, self, error) && vtr_arena_commit (self->arena, error);
  upload.filling = TRUE;
  ok = ok && visit_all (&upload, self, error);
  /* Even on failure: what was recorded must not outlive the arena. */
  ok = vtr_stream_wait (stream, ok ? error : NULL) && ok;
  g_free (upload.values);

  if (!ok)
    {
      vtr_device_weights_free (self);
      return NULL;
    }
  return self;
}

void
vtr_device_weights_free (VtrDeviceWeights *self)
{
  if (self == NULL)
    return;
  vtr_arena_free (self->arena);
  g_free (self->blocks);
  g_free (self);
}
