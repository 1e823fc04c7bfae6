/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * Attention rollout (Abnar & Zuidema 2020) without any n×n matrix: Ā is computed
 * again by tiles wherever its entries are needed.
 *
 * A step, r·Â:
 *   rollout-row-sums   the sums of the rows of Ā after discarding (known to be 1 without
 *                      discarding under the mean, and then left out)
 *   rollout-weights    r[q] / (1 + sum) for each row
 *   rollout-step       Σ_q weight[q]·(Ā[q][k] + I[q][k]) over chunks of the queries
 *   reduce-partials    the chunks' sum
 *
 * The cutoff is a radix select: Ā ≥ 0, so its entries are ordered like their bits
 * as integers.  Three passes find 11, 11 and 10 of the 32 bits; each counts the
 * entries that share the bits found so far (rollout-histogram) and picks the bin
 * of the entry looked for (rollout-select).  Counts have 64 bits.
 *
 * With gradients the kernels take the fused A ⊙ ∂y/∂A for Ā.  They then read d_context beside qkv,
 * and no device need have a fifth buffer: log-sum-exp, weights and cutoff lie in one, `rows`.
 *
 * The step of the relevance is r + r·Ē, so nothing is divided; the sensitivity of a layer is the
 * sum of the columns without weights or identity.
 *
 * Scratch:
 *   cutoff       per image: bits found so far, at the end those of the cutoff; rank of
 *                the entry among those that share them, low and high word; 0
 *   histogram    per image: low words of the 2048 counts, then the high words
 *   row_weights  per row: bits of its weight (f32), bits of the cutoff
 */
#include "ops/ops.h"
#include "ops/partials.h"
#include "ops/shapes.h"

#define N_BINS 2048
#define MAX_HEADS 64

/* Every device takes a buffer from there on: 256 bytes. */
#define SECTION_ALIGNMENT 64 /* values */

/* A part of `rows`, [b][..][..] or [b][..], that begins @start values into it; @start is moved on.
 */
static VtrTensor
make_section (const VtrTensor *rows,
              const char *name,
              VtrDType dtype,
              guint n_dims,
              const guint32 *shape,
              gsize *start)
{
  VtrTensor section = *rows;

  g_strlcpy (section.name, name, sizeof section.name);
  section.dtype = dtype;
  section.n_dims = n_dims;
  section.offset += *start * sizeof (guint32);
  for (guint i = 0; i < n_dims; i++)
    section.shape[i] = shape[i];
  *start += (vtr_tensor_n_values (&section) + SECTION_ALIGNMENT - 1) / SECTION_ALIGNMENT *
            SECTION_ALIGNMENT;
  return section;
}

/* The sections of @rows, which may be of no size yet; how many values they are together. */
static gsize
make_sections (VtrRolloutScratch *self, guint b, guint h, guint n)
{
  gsize n_values = 0;

  self->lse = (VtrTensor){ .n_dims = 0 };
  if (h > 0)
    self->lse = make_section (&self->rows, "rollout.lse", VTR_DTYPE_F32, 3, (guint32[]){ b, h, n },
                              &n_values);
  self->row_weights = make_section (&self->rows, "rollout.row-weights", VTR_DTYPE_U32, 3,
                                    (guint32[]){ b, n, 2 }, &n_values);
  self->cutoff = make_section (&self->rows, "rollout.cutoff", VTR_DTYPE_U32, 2, (guint32[]){ b, 4 },
                               &n_values);
  return n_values;
}

gboolean
vtr_rollout_scratch_plan (VtrRolloutScratch *self,
                          VtrArena *arena,
                          guint b,
                          guint h,
                          guint n,
                          GError **error)
{
  self->rows = (VtrTensor){ 0 };
  /* What does not fit into 32 bits no device has memory for. */
  const guint32 rows[] = { (guint32) MIN (make_sections (self, b, h, n), G_MAXUINT32) };
  const guint32 histogram[] = { b, 2, N_BINS };

  if (!vtr_arena_plan (arena, &self->rows, "rollout.rows", VTR_DTYPE_U32, G_N_ELEMENTS (rows), rows,
                       error))
    return FALSE;
  make_sections (self, b, h, n);
  return vtr_arena_plan (arena, &self->histogram, "rollout.histogram", VTR_DTYPE_U32,
                         G_N_ELEMENTS (histogram), histogram, error) &&
         vtr_partials_plan (&self->partials, arena, "rollout.partials", b, 1, n, error);
}

/* Where the log-sum-exp of a layer goes, which may have fewer heads than there is room for. */
static VtrTensor
find_lse (const VtrRolloutLayer *layer, const VtrRolloutScratch *scratch)
{
  VtrTensor lse = scratch->lse;

  if (lse.n_dims == 3 && layer->qkv->shape[3] < lse.shape[1])
    lse.shape[1] = layer->qkv->shape[3];
  return lse;
}

/* Whether the tensors fit each other; @r and @next may be NULL. */
static gboolean
check_shapes (const VtrRolloutLayer *layer,
              const VtrRolloutScratch *scratch,
              const VtrTensor *r,
              const VtrTensor *next)
{
  const VtrTensor *qkv = layer->qkv;
  const VtrTensor *partials = &scratch->partials;

  if (qkv->n_dims != 5 || partials->n_dims != 4)
    return FALSE;

  const guint32 b = qkv->shape[0], n = qkv->shape[1], h = qkv->shape[3];
  const VtrTensor lse = find_lse (layer, scratch);
  return vtr_tensor_is_activation (qkv, 5, b, n, 3, h, qkv->shape[4]) &&
         (layer->d_context == NULL ||
          (qkv->dtype == VTR_DTYPE_F32 &&
           vtr_tensor_is_f32 (layer->d_context, 3, b, n, h * qkv->shape[4]) &&
           vtr_tensor_is_f32 (&lse, 3, b, h, n))) &&
         vtr_tensor_is_f32 (layer->lse, 3, b, h, n) &&
         vtr_tensor_is_u32 (&scratch->row_weights, 3, b, n, 2) &&
         vtr_tensor_is_u32 (&scratch->cutoff, 2, b, 4) &&
         vtr_tensor_is_u32 (&scratch->histogram, 3, b, 2, N_BINS) &&
         vtr_tensor_is_f32 (partials, 4, b, 1, partials->shape[2], n) &&
         (r == NULL || vtr_tensor_is_f32 (r, 2, b, n)) &&
         (next == NULL || vtr_tensor_is_f32 (next, 2, b, n));
}

static gboolean
check_layer (const VtrRolloutLayer *layer,
             const VtrRolloutScratch *scratch,
             const VtrTensor *r,
             const VtrTensor *next,
             GError **error)
{
  const VtrTensor *tensors[] = {
    layer->qkv, layer->lse, layer->d_context, r, next, &scratch->partials,
  };

  if (!check_shapes (layer, scratch, r, next))
    return vtr_fail_shapes ("rollout", tensors, G_N_ELEMENTS (tensors), error);

  const guint32 n_heads = layer->qkv->shape[3];
  const guint64 present =
      n_heads < MAX_HEADS ? (G_GUINT64_CONSTANT (1) << n_heads) - 1 : ~(guint64) 0;
  if (n_heads > MAX_HEADS || layer->head_mask == 0 || (layer->head_mask & ~present) != 0)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_FAILED,
                   "A rollout of “%s” needs heads among the %u of the layer, which may be %d at "
                   "most; it was given the mask %#" G_GINT64_MODIFIER "x.",
                   layer->qkv->name, n_heads, MAX_HEADS, layer->head_mask);
      return FALSE;
    }
  return TRUE;
}

/* As above, and the gradient must be there. */
static gboolean
check_gradient (const VtrRolloutLayer *layer,
                const VtrRolloutScratch *scratch,
                const VtrTensor *r,
                const VtrTensor *next,
                GError **error)
{
  if (layer->d_context != NULL)
    return check_layer (layer, scratch, r, next, error);
  g_set_error (error, VTR_ERROR, VTR_ERROR_FAILED,
               "The relevance of “%s” needs the gradient of what its heads gave.",
               layer->qkv->name);
  return FALSE;
}

static guint
count_heads (guint64 head_mask)
{
  guint n_heads = 0;

  for (; head_mask != 0; head_mask &= head_mask - 1)
    n_heads++;
  return n_heads;
}

/* In 32-bit values. */
static guint32
find_section (const VtrRolloutScratch *scratch, const VtrTensor *section)
{
  return (guint32) ((section->offset - scratch->rows.offset) / sizeof (guint32));
}

static VtrRolloutParams
make_params (const VtrRolloutLayer *layer, const VtrRolloutScratch *scratch, VtrFusion fusion)
{
  const guint32 n_tokens = layer->qkv->shape[1];
  const guint32 n_chunks = scratch->partials.shape[2];

  return (VtrRolloutParams){
    .n_images = layer->qkv->shape[0],
    .n_tokens = n_tokens,
    .n_heads = layer->qkv->shape[3],
    .head_width = layer->qkv->shape[4],
    .n_chunks = n_chunks,
    .chunk_size = vtr_partials_chunk_size (n_tokens, n_chunks),
    .head_mask = { (guint32) layer->head_mask, (guint32) (layer->head_mask >> 32) },
    .head_weight = 1.0f / count_heads (layer->head_mask),
    .scale = layer->scale,
    .fusion = fusion,
    .has_cutoff = layer->discard,
    .weights_start = find_section (scratch, &scratch->row_weights),
    .cutoff_start = find_section (scratch, &scratch->cutoff),
  };
}

/* What a rollout fuses. */
static VtrFusion
choose_fusion (const VtrRolloutLayer *layer)
{
  return layer->d_context != NULL ? VTR_FUSION_GRADIENT : layer->fusion;
}

/* With gradients the log-sum-exp goes where the kernels look for all they know of rows. */
static gboolean
gather_rows (VtrStream *stream,
             const VtrRolloutLayer *layer,
             const VtrRolloutScratch *scratch,
             GError **error)
{
  const VtrTensor lse = find_lse (layer, scratch);

  return layer->d_context == NULL || vtr_stream_copy (stream, layer->lse, &lse, error);
}

/* One of the kernels that compute Ā: @third and @fourth are what it has besides qkv and lse, @third
 * a part of the rows. */
static gboolean
dispatch_fused (VtrStream *stream,
                VtrKernel kernel,
                const VtrRolloutLayer *layer,
                const VtrRolloutScratch *scratch,
                const VtrRolloutParams *params,
                const VtrTensor *third,
                const VtrTensor *fourth,
                GError **error)
{
  const gboolean gradient = layer->d_context != NULL;
  const VtrTensor *tensors[] = { layer->qkv, gradient ? &scratch->rows : layer->lse,
                                 gradient ? layer->d_context : third, fourth };
  const double n_entries = (double) params->n_images * params->n_tokens * params->n_tokens *
                           count_heads (layer->head_mask);
  const guint n_products = gradient && params->fusion != VTR_FUSION_SENSITIVITY ? 2 : 1;

  return vtr_stream_dispatch (stream, kernel, tensors, G_N_ELEMENTS (tensors), params,
                              sizeof *params, 2.0 * n_products * n_entries * params->head_width,
                              error);
}

static gboolean
dispatch_select (VtrStream *stream,
                 const VtrRolloutScratch *scratch,
                 const VtrRolloutSelectParams *params,
                 GError **error)
{
  const VtrTensor *tensors[] = { &scratch->histogram, &scratch->cutoff };

  return vtr_stream_dispatch (stream, VTR_KERNEL_ROLLOUT_SELECT, tensors, G_N_ELEMENTS (tensors),
                              params, sizeof *params, 0.0, error);
}

gboolean
vtr_op_rollout_cutoff (VtrStream *stream,
                       const VtrRolloutLayer *layer,
                       guint64 n_drop,
                       const VtrRolloutScratch *scratch,
                       GError **error)
{
  /* Shift of the bits each pass finds, and the bits found before. */
  static const struct
  {
    guint32 shift;
    guint32 prefix_mask;
  } passes[] = { { 21, 0 }, { 10, 0xffe00000 }, { 0, 0xfffffc00 } };

  if (!check_layer (layer, scratch, NULL, NULL, error))
    return FALSE;

  const guint64 n = layer->qkv->shape[1];
  VtrRolloutParams params = make_params (layer, scratch, choose_fusion (layer));
  VtrRolloutSelectParams select = {
    .n_drop = { (guint32) n_drop, (guint32) (n_drop >> 32) },
    .begin = 1,
    .n_images = params.n_images,
  };
  if (n_drop > n * n)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_FAILED,
                   "A rollout of “%s” cannot drop %" G_GUINT64_FORMAT " entries of %u × %u.",
                   layer->qkv->name, n_drop, params.n_tokens, params.n_tokens);
      return FALSE;
    }

  gboolean ok = gather_rows (stream, layer, scratch, error) &&
                dispatch_select (stream, scratch, &select, error);
  select.begin = 0;
  /* Where nothing is to be dropped, the cutoff stays as it began, 0. */
  for (guint i = 0; ok && n_drop > 0 && i < G_N_ELEMENTS (passes); i++)
    {
      params.shift = select.shift = passes[i].shift;
      params.prefix_mask = passes[i].prefix_mask;
      ok = dispatch_fused (stream, VTR_KERNEL_ROLLOUT_HISTOGRAM, layer, scratch, &params,
                           &scratch->cutoff, &scratch->histogram, error) &&
           dispatch_select (stream, scratch, &select, error);
    }
  return ok;
}

/* How the weights of the rows come about. */
typedef enum
{
  WEIGHTS_OF_R,      /* as r is */
  WEIGHTS_OF_HALF_R, /* rows of Ā + I that sum to 2 */
  WEIGHTS_OF_SUMS,   /* by the sums of the rows in the partials */
} Weights;

static gboolean
dispatch_weights (VtrStream *stream,
                  const VtrRolloutParams *layer_params,
                  Weights weights,
                  const VtrTensor *r,
                  const VtrRolloutScratch *scratch,
                  GError **error)
{
  const VtrTensor *tensors[] = { &scratch->partials, r, &scratch->cutoff, &scratch->row_weights };
  const VtrRolloutWeightsParams params = {
    .n_values = vtr_tensor_n_values (r),
    .n_tokens = layer_params->n_tokens,
    .n_chunks = weights == WEIGHTS_OF_SUMS ? layer_params->n_chunks : 0,
    .has_cutoff = layer_params->has_cutoff,
    .divide = weights != WEIGHTS_OF_R,
  };

  return vtr_stream_dispatch (stream, VTR_KERNEL_ROLLOUT_WEIGHTS, tensors, G_N_ELEMENTS (tensors),
                              &params, sizeof params, 0.0, error);
}

/* The sum over the rows, weighted. */
static gboolean
dispatch_step (VtrStream *stream,
               const VtrRolloutLayer *layer,
               const VtrRolloutParams *params,
               const VtrRolloutScratch *scratch,
               const VtrTensor *sum,
               GError **error)
{
  return dispatch_fused (stream, VTR_KERNEL_ROLLOUT_STEP, layer, scratch, params,
                         &scratch->row_weights, &scratch->partials, error) &&
         vtr_partials_reduce (stream, &scratch->partials, sum, error);
}

gboolean
vtr_op_rollout_step (VtrStream *stream,
                     const VtrRolloutLayer *layer,
                     const VtrTensor *r,
                     const VtrRolloutScratch *scratch,
                     const VtrTensor *next,
                     GError **error)
{
  if (!check_layer (layer, scratch, r, next, error))
    return FALSE;

  const VtrRolloutParams params = make_params (layer, scratch, choose_fusion (layer));
  const gboolean sums_known = params.fusion == VTR_FUSION_MEAN && !layer->discard;
  return gather_rows (stream, layer, scratch, error) &&
         (sums_known || dispatch_fused (stream, VTR_KERNEL_ROLLOUT_ROW_SUMS, layer, scratch,
                                        &params, &scratch->cutoff, &scratch->partials, error)) &&
         dispatch_weights (stream, &params, sums_known ? WEIGHTS_OF_HALF_R : WEIGHTS_OF_SUMS, r,
                           scratch, error) &&
         dispatch_step (stream, layer, &params, scratch, next, error);
}

gboolean
vtr_op_relevance_step (VtrStream *stream,
                       const VtrRolloutLayer *layer,
                       const VtrTensor *r,
                       const VtrRolloutScratch *scratch,
                       const VtrTensor *next,
                       GError **error)
{
  if (!check_gradient (layer, scratch, r, next, error))
    return FALSE;

  VtrRolloutParams params = make_params (layer, scratch, VTR_FUSION_RELEVANCE);
  params.has_cutoff = 0;
  return gather_rows (stream, layer, scratch, error) &&
         dispatch_weights (stream, &params, WEIGHTS_OF_R, r, scratch, error) &&
         dispatch_step (stream, layer, &params, scratch, next, error);
}

gboolean
vtr_op_attention_sensitivity (VtrStream *stream,
                              const VtrRolloutLayer *layer,
                              const VtrRolloutScratch *scratch,
                              const VtrTensor *columns,
                              GError **error)
{
  if (!check_gradient (layer, scratch, NULL, columns, error))
    return FALSE;

  VtrRolloutParams params = make_params (layer, scratch, VTR_FUSION_SENSITIVITY);
  params.has_cutoff = 0;
  params.head_weight /= (float) params.n_tokens;
  return dispatch_step (stream, layer, &params, scratch, columns, error);
}
