/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * vtr_session_observe: one forward pass, looked at block by block.  The device makes sums of rows,
 * means of rows and a few whole rows; all else is made of them here while it waits for the next.
 */
#include "analysis/observation.h"
#include "run/blocks.h"
#include "run/variants.h"

#include <math.h>
#include <string.h>

/* Rows of each head that are taken whole, and patches whose context is compared. */
#define MAX_ROWS 32
#define MAX_VECTORS 64

/* Logarithms that similarities may cost a picture; fewer rows are compared where it would be more,
 * this many at least. */
#define MAX_LOGARITHMS 5e7
#define MIN_ROWS 2

/* Share of the progress for the forward pass. */
#define FORWARD_SHARE 0.9

/* Tensors beside those of the forward pass; those of heads have room for the most of any layer. */
typedef struct
{
  VtrTensor rows;          /* [1][n_rows] u32 */
  VtrTensor probs;         /* [1][h][n_rows][n] */
  VtrTensor sums;          /* [1][h][n][VTR_N_ROW_SUMS] */
  VtrTensor weights;       /* [1][n]: 1/n */
  VtrTensor partials;      /* of vtr_op_attention_apply () */
  VtrTensor columns;       /* [1][h][n]: mean of all rows */
  VtrTensor patch_weights; /* [1][n]: 1/p of patches; n_dims 0 unless their mean is wanted */
  VtrTensor patch_columns; /* [1][h][n]: mean of the patches' rows; likewise */
} Scratch;

/* Which rows are taken: CLS where there is one, patches for their positions, and others for
 * similarities, all as tokens. */
typedef struct
{
  guint32 tokens[2 * MAX_ROWS];
  guint n;
  guint32 patches[MAX_ROWS]; /* whose rows follow that of CLS, as patches */
  guint n_patches;
  guint first_compared; /* the rows from here on are compared, */
  guint n_compared;
  gboolean compare_cls; /* and that of CLS */
} Sample;

/* What has been read of a block; [h] are its heads. */
typedef struct
{
  gpointer context; /* [n][h·hd], as it is stored */
  VtrDType context_type;
  guint n_heads;
  guint head_size;
  float *probs;         /* [h][n_rows][n] */
  float *sums;          /* [h][n][VTR_N_ROW_SUMS] */
  float *columns;       /* [h][n] */
  float *patch_columns; /* [h][n]; NULL without */
  float *tokens;        /* [n][d] */
} Block;

typedef struct
{
  VtrSession *session;
  VtrInput *input;
  const VtrArch *arch;
  double temperature;
  VtrProgress progress;
  VtrTokenGrid grid;
  guint *first_head; /* [n_layers + 1] */
  Sample sample;
  guint32 vectors[MAX_VECTORS]; /* patches */
  guint n_vectors;

  VtrStream *stream;
  const VtrPlan *plan;
  Scratch scratch;
  Block block;
  float *before; /* [n][d]: what the block was given */
  VtrObservation *observation;
  float *compared;       /* [all heads][n_compared][n] */
  double *compared_sums; /* [all heads][n_compared]: Σ p log₂ p */
  float *grams;          /* [all heads][vtr_gram_size (n_vectors)] */
  float *columns;        /* [all heads][n] */
  float *cls_rows;       /* [all heads][n]; NULL without CLS */
  float *mean_rows;      /* [n_compared][n]: mean of the heads, of the layer before */
} Job;

/* ---- what is sampled ---- */

static guint
count_compared_rows (const Job *job)
{
  const double n_heads = job->first_head[job->arch->n_layers];
  const double a_row = n_heads * (n_heads - 1) / 2 * job->grid.n_tokens;

  return (guint) CLAMP (MAX_LOGARITHMS / MAX (a_row, 1.0), MIN_ROWS, MAX_ROWS);
}

static void
choose_sample (Job *job)
{
  Sample *sample = &job->sample;
  const VtrTokenGrid *grid = &job->grid;
  const guint n_cls = grid->has_cls ? 1 : 0;
  const guint n_compared = count_compared_rows (job);
  guint32 patches[MAX_ROWS];

  *sample = (Sample){ .compare_cls = grid->has_cls };
  sample->n_patches = vtr_token_grid_sample (grid, MAX_ROWS - n_cls, sample->patches);
  sample->n = n_cls; /* token 0 */
  for (guint i = 0; i < sample->n_patches; i++)
    sample->tokens[sample->n++] = grid->n_prefix + sample->patches[i];

  sample->first_compared = n_cls;
  sample->n_compared = n_cls + sample->n_patches;
  if (n_compared < MAX_ROWS)
    {
      const guint n = vtr_token_grid_sample (grid, n_compared - n_cls, patches);

      sample->first_compared = sample->n;
      sample->n_compared = n_cls + n;
      for (guint i = 0; i < n; i++)
        sample->tokens[sample->n++] = grid->n_prefix + patches[i];
    }
  job->n_vectors = vtr_token_grid_sample (grid, MAX_VECTORS, job->vectors);
}

/* The @i-th row that is compared, of those of a head. */
static const float *
compared_row (const Job *job, const float *rows, guint i)
{
  const Sample *sample = &job->sample;
  const guint n_cls = sample->compare_cls ? 1 : 0;

  return rows + (gsize) (i < n_cls ? 0 : sample->first_compared + i - n_cls) * job->grid.n_tokens;
}

/* ---- memory ---- */

static gboolean
plan_scratch (Job *job, VtrArena *arena, guint32 h, GError **error)
{
  Scratch *scratch = &job->scratch;
  const guint32 n = job->grid.n_tokens, n_rows = job->sample.n;
  const guint32 of_columns[] = { 1, h, n };

  *scratch = (Scratch){ 0 };
  if (!vtr_arena_plan (arena, &scratch->rows, "observe.rows", VTR_DTYPE_U32, 2,
                       (guint32[]){ 1, n_rows }, error) ||
      !vtr_arena_plan (arena, &scratch->probs, "observe.probs", VTR_DTYPE_F32, 4,
                       (guint32[]){ 1, h, n_rows, n }, error) ||
      !vtr_arena_plan (arena, &scratch->sums, "observe.sums", VTR_DTYPE_F32, 4,
                       (guint32[]){ 1, h, n, VTR_N_ROW_SUMS }, error) ||
      !vtr_arena_plan (arena, &scratch->weights, "observe.weights", VTR_DTYPE_F32, 2,
                       (guint32[]){ 1, n }, error) ||
      !vtr_attention_apply_scratch_plan (&scratch->partials, arena, 1, h, n, error) ||
      !vtr_arena_plan (arena, &scratch->columns, "observe.columns", VTR_DTYPE_F32, 3, of_columns,
                       error))
    return FALSE;
  /* Only then is the mean of the patches' rows another one, and wanted. */
  return job->grid.has_cls || job->grid.n_prefix == 0 ||
         (vtr_arena_plan (arena, &scratch->patch_weights, "observe.patch-weights", VTR_DTYPE_F32, 2,
                          (guint32[]){ 1, n }, error) &&
          vtr_arena_plan (arena, &scratch->patch_columns, "observe.patch-columns", VTR_DTYPE_F32, 3,
                          of_columns, error));
}

static VtrPlan *
make_plan (Job *job, GError **error)
{
  const VtrSession *session = job->session;
  g_autofree gboolean *keep = g_new0 (gboolean, job->arch->n_layers);
  VtrPlan *plan = vtr_plan_new (session->device, session->model, session->precision,
                                job->grid.n_rows, job->grid.n_columns, 1, keep, error);

  if (plan != NULL && !plan_scratch (job, plan->arena, job->observation->n_heads, error))
    g_clear_pointer (&plan, vtr_plan_free);
  return plan;
}

/* @a·@b·@c floats. */
static gboolean
allocate (float **values, gsize a, gsize b, gsize c, GError **error)
{
  const guint64 shape[] = { a, b, c };
  gsize n_bytes;

  g_clear_pointer (values, g_free);
  if (vtr_size_of_shape (shape, G_N_ELEMENTS (shape), sizeof (float), &n_bytes))
    *values = g_try_malloc0 (MAX (n_bytes, 1));
  if (*values == NULL)
    g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY,
                 "There is too little memory on the host for statistics of %" G_GSIZE_FORMAT
                 " × %" G_GSIZE_FORMAT " × %" G_GSIZE_FORMAT " numbers: use a smaller picture.",
                 a, b, c);
  return *values != NULL;
}

static gboolean
allocate_all (Job *job, GError **error)
{
  Block *block = &job->block;
  const gsize n = job->grid.n_tokens, d = job->arch->hidden_size;
  const gsize h = job->observation->n_heads, all = job->first_head[job->arch->n_layers];
  const gsize n_compared = job->sample.n_compared;

  g_free (job->compared_sums);
  job->compared_sums = g_new0 (double, all *n_compared);
  return allocate ((float **) &block->context, n, h, job->arch->head_size, error) &&
         allocate (&block->probs, h, job->sample.n, n, error) &&
         allocate (&block->sums, h, n, VTR_N_ROW_SUMS, error) &&
         allocate (&block->columns, h, n, 1, error) &&
         allocate (&block->patch_columns, h, n, 1, error) &&
         allocate (&block->tokens, n, d, 1, error) && allocate (&job->before, n, d, 1, error) &&
         allocate (&job->compared, all, n_compared, n, error) &&
         allocate (&job->grams, all, MAX (job->n_vectors, 1) - 1, job->n_vectors, error) &&
         allocate (&job->columns, all, n, 1, error) &&
         allocate (&job->cls_rows, all, n, 1, error) &&
         allocate (&job->mean_rows, n_compared, n, 1, error);
}

static void
job_clear (Job *job)
{
  g_free (job->first_head);
  g_free (job->block.context);
  g_free (job->block.probs);
  g_free (job->block.sums);
  g_free (job->block.columns);
  g_free (job->block.patch_columns);
  g_free (job->block.tokens);
  g_free (job->before);
  g_free (job->compared);
  g_free (job->compared_sums);
  g_free (job->grams);
  g_free (job->columns);
  g_free (job->cls_rows);
  g_free (job->mean_rows);
  g_clear_pointer (&job->observation, vtr_observation_unref);
}

/* ---- a block, on the device ---- */

/* The scratch of layers with @n_heads heads. */
static VtrTensor
of_heads (const VtrTensor *tensor, guint32 n_heads)
{
  VtrTensor view = *tensor;

  view.shape[1] = n_heads;
  return view;
}

/* All values of @tensor. */
static gboolean
read_later (const Job *job, const VtrTensor *tensor, gpointer values, GError **error)
{
  return vtr_stream_read_later (job->stream, tensor, 0, values, vtr_tensor_n_bytes (tensor), error);
}

static gboolean
apply (const Job *job,
       const VtrForwardBlock *block,
       const VtrTensor *weights,
       const VtrTensor *columns,
       float *values,
       GError **error)
{
  const guint32 h = block->qkv->shape[3];
  const VtrTensor partials = of_heads (&job->scratch.partials, h);
  const VtrTensor of_layer = of_heads (columns, h);

  return vtr_op_attention_apply (job->stream, block->qkv, block->lse, block->scale, weights,
                                 &partials, &of_layer, error) &&
         read_later (job, &of_layer, values, error);
}

static gboolean
record_attention (Job *job, const VtrForwardBlock *block, GError **error)
{
  const Scratch *scratch = &job->scratch;
  const guint32 h = block->qkv->shape[3];
  const VtrTensor probs = of_heads (&scratch->probs, h), sums = of_heads (&scratch->sums, h);
  Block *read = &job->block;

  read->n_heads = h;
  read->head_size = block->qkv->shape[4];
  read->context_type = block->context->dtype;
  return vtr_op_attention_statistics (job->stream, block->qkv, block->lse, block->scale,
                                      job->grid.n_prefix, job->grid.n_columns, &sums, error) &&
         vtr_op_attention_rows (job->stream, block->qkv, block->lse, block->scale, &scratch->rows,
                                &probs, error) &&
         read_later (job, &sums, read->sums, error) &&
         read_later (job, &probs, read->probs, error) &&
         apply (job, block, &scratch->weights, &scratch->columns, read->columns, error) &&
         (!vtr_tensor_exists (&scratch->patch_columns) ||
          apply (job, block, &scratch->patch_weights, &scratch->patch_columns, read->patch_columns,
                 error)) &&
         read_later (job, block->context, read->context, error);
}

/* ---- a block, on the host ---- */

/* The Gram matrix of what a head gave to the sampled patches. */
static void
take_context (Job *job, guint head, guint place)
{
  const Block *block = &job->block;
  const gsize size = block->head_size, width = block->n_heads * size;
  const gsize value = vtr_dtype_size (block->context_type);
  g_autofree float *vectors = g_new (float, job->n_vectors *size);

  for (guint i = 0; i < job->n_vectors; i++)
    {
      const gsize token = job->grid.n_prefix + job->vectors[i];
      const guint8 *from = (const guint8 *) block->context + (token * width + head * size) * value;

      vtr_floats_from (block->context_type, from, size, vectors + i * size);
    }
  if (job->n_vectors >= 4)
    vtr_gram_init (job->grams + place * vtr_gram_size (job->n_vectors), vectors, size,
                   job->n_vectors, (guint) size);
}

/* Head @head of the block, which is @place of all. */
static void
take_head (Job *job, guint head, guint place)
{
  const VtrTokenGrid *grid = &job->grid;
  const gsize n = grid->n_tokens;
  const Block *block = &job->block;
  const float *rows = block->probs + head * job->sample.n * n;
  const float *columns = block->columns + head * n;
  VtrHeadStatistics *statistics = &job->observation->heads[place];

  vtr_head_statistics_take_sums (statistics, grid, job->arch->patch_size,
                                 block->sums + head * n * VTR_N_ROW_SUMS);
  vtr_head_statistics_take_columns (statistics, grid, columns);
  memcpy (job->columns + place * n, columns, n * sizeof *columns);
  if (grid->has_cls)
    {
      vtr_head_statistics_take_cls (statistics, grid, rows);
      memcpy (job->cls_rows + place * n, rows, n * sizeof *rows);
    }
  statistics->values[VTR_STATISTIC_POSITIONAL][VTR_READING_ALL_PATCHES] =
      vtr_positional (grid, rows + (grid->has_cls ? n : 0), job->sample.patches,
                      job->sample.n_patches);
  for (guint i = 0; i < job->sample.n_compared; i++)
    {
      const gsize row = (gsize) place * job->sample.n_compared + i;

      memcpy (job->compared + row * n, compared_row (job, rows, i), n * sizeof *rows);
      job->compared_sums[row] = vtr_sum_p_log2_p (job->compared + row * n, (guint) n);
    }
  take_context (job, head, place);
}

/* Mean over heads of @values, a row [n] @stride values from the next. */
static void
average (const float *values, gsize stride, guint n_heads, guint n, float *mean)
{
  for (guint i = 0; i < n; i++)
    {
      double sum = 0.0;

      for (guint head = 0; head < n_heads; head++)
        sum += values[head * stride + i];
      mean[i] = (float) (sum / n_heads);
    }
}

/* How far the mean attention is from that of the layer before, which it replaces. */
static double
take_change (Job *job, guint layer)
{
  const guint n = job->grid.n_tokens, n_rows = job->sample.n_compared;
  const gsize stride = (gsize) n_rows * n;
  const float *rows = job->compared + job->first_head[layer] * stride;
  g_autofree float *mean = g_new (float, n);
  double sum = 0.0;

  for (guint i = 0; i < n_rows; i++)
    {
      float *before = job->mean_rows + (gsize) i * n;

      average (rows + (gsize) i * n, stride, job->block.n_heads, n, mean);
      sum += vtr_divergence (mean, vtr_sum_p_log2_p (mean, n), before, vtr_sum_p_log2_p (before, n),
                             n);
      memcpy (before, mean, n * sizeof *mean);
    }
  return layer > 0 ? sum / n_rows : NAN;
}

static void
take_map (Job *job, guint layer)
{
  const VtrTokenGrid *grid = &job->grid;
  const Block *block = &job->block;
  const guint n = vtr_token_grid_n_patches (grid);
  float *map = job->observation->maps + (gsize) layer * n;
  const float *rows = grid->has_cls        ? block->probs
                      : grid->n_prefix > 0 ? block->patch_columns
                                           : block->columns;

  average (rows + grid->n_prefix, (grid->has_cls ? job->sample.n : 1) * (gsize) grid->n_tokens,
           block->n_heads, n, map);
}

static gboolean
take_block (Job *job, guint layer, GError **error)
{
  const VtrTokenGrid *grid = &job->grid;
  const Block *block = &job->block;
  const guint width = job->arch->hidden_size;
  VtrObservation *observation = job->observation;
  float *norms = observation->norms + (gsize) layer * grid->n_tokens;

  if (!vtr_check_finite (job->session->model, job->session->precision, block->tokens,
                         (gsize) grid->n_tokens * width, error) ||
      !vtr_check_finite (job->session->model, job->session->precision, block->sums,
                         (gsize) block->n_heads * grid->n_tokens * VTR_N_ROW_SUMS, error))
    return FALSE;
  for (guint head = 0; head < block->n_heads; head++)
    take_head (job, head, job->first_head[layer] + head);
  take_map (job, layer);
  vtr_token_norms (block->tokens, grid->n_tokens, width, norms);
  vtr_token_statistics (grid, block->tokens, job->before, norms, width, observation->tokens[layer]);
  observation->tokens[layer][VTR_TOKEN_CHANGE] = take_change (job, layer);
  memcpy (job->before, block->tokens, (gsize) grid->n_tokens * width * sizeof (float));
  return TRUE;
}

static gboolean
look_at_block (const VtrForwardBlock *block, gpointer user_data, GError **error)
{
  Job *job = user_data;

  if (block->stage == VTR_FORWARD_ATTENDED)
    return record_attention (job, block, error);
  return read_later (job, block->tokens, job->block.tokens, error) &&
         vtr_stream_wait (job->stream, error) && take_block (job, block->layer, error);
}

/* ---- the forward pass ---- */

static gboolean
write_scratch (const Job *job, GError **error)
{
  const Scratch *scratch = &job->scratch;
  const guint n = job->grid.n_tokens, n_prefix = job->grid.n_prefix;
  g_autofree float *weights = g_new0 (float, n);

  for (guint i = 0; i < n; i++)
    weights[i] = 1.0f / (float) n;
  if (!vtr_stream_write (job->stream, &scratch->rows, 0, job->sample.tokens,
                         vtr_tensor_n_bytes (&scratch->rows), error) ||
      !vtr_stream_write (job->stream, &scratch->weights, 0, weights, n * sizeof *weights, error))
    return FALSE;
  if (!vtr_tensor_exists (&scratch->patch_weights))
    return TRUE;
  for (guint i = 0; i < n; i++)
    weights[i] = i < n_prefix ? 0.0f : 1.0f / (float) (n - n_prefix);
  return vtr_stream_write (job->stream, &scratch->patch_weights, 0, weights, n * sizeof *weights,
                           error);
}

/* All of a tensor [1][n]; TRUE also where there is none. */
static gboolean
read_output (const Job *job, const VtrTensor *tensor, float **values, guint *n, GError **error)
{
  if (!vtr_tensor_exists (tensor))
    return TRUE;
  *n = (guint) vtr_tensor_n_values (tensor);
  *values = g_new (float, *n);
  return read_later (job, tensor, *values, error);
}

static gboolean
read_outputs (Job *job, GError **error)
{
  const VtrPlan *plan = job->plan;
  VtrObservation *observation = job->observation;
  g_autofree float *of_distillation = NULL;
  guint n = 0;

  const gboolean recorded =
      read_output (job, vtr_plan_get_embedding (plan), &observation->embedding,
                   &observation->n_values, error) &&
      read_output (job, &plan->logits, &observation->logits, &observation->n_classes, error) &&
      read_output (job, &plan->logits_distillation, &of_distillation, &n, error);
  /* Also after a failure: what is read is freed here. */
  if (!vtr_stream_wait (job->stream, recorded ? error : NULL) || !recorded)
    return FALSE;
  if (of_distillation != NULL)
    vtr_average_logits (observation->logits, of_distillation, n);
  return vtr_check_finite (job->session->model, job->session->precision, observation->embedding,
                           observation->n_values, error) &&
         vtr_check_finite (job->session->model, job->session->precision, observation->logits,
                           observation->n_classes, error);
}

static gboolean
compute (Job *job, GError **error)
{
  const VtrSession *session = job->session;
  const VtrPlan *plan = job->plan;
  const VtrProgress part = vtr_progress_part (&job->progress, 0.0, FORWARD_SHARE);

  return vtr_stream_write (job->stream, &plan->pixels, 0,
                           vtr_input_get_pixels (job->input, NULL, NULL),
                           vtr_tensor_n_bytes (&plan->pixels), error) &&
         write_scratch (job, error) &&
         vtr_forward_embed (job->stream, session->model, session->weights, plan, error) &&
         read_later (job, &plan->tokens, job->before, error) &&
         vtr_forward_blocks_watched (job->stream, session->model, session->weights, plan,
                                     job->temperature, look_at_block, job, &part, error) &&
         read_outputs (job, error);
}

/* May come again, alone. */
static gboolean
observe_in_slot (VtrSlot *slot, gpointer user_data, GError **error)
{
  Job *job = user_data;
  VtrSlots *slots = &job->session->slots;

  g_clear_pointer (&job->observation, vtr_observation_unref);
  job->observation =
      vtr_observation_new (job->input, &job->grid, job->arch->n_layers, job->first_head, error);
  if (job->observation == NULL || !allocate_all (job, error))
    return FALSE;

  VtrPlan *plan = make_plan (job, error);
  if (plan == NULL)
    return FALSE;
  job->stream = slot->stream;
  job->plan = plan;

  const gboolean ok =
      vtr_slot_begin (slots, slot, plan, job->session->model, error) && compute (job, error);
  /* Also after a failure: what was recorded must not outlive the plan. */
  const gboolean waited = vtr_stream_wait (slot->stream, ok ? error : NULL);
  vtr_slot_end (slots, slot, plan, ok && waited);
  return ok && waited;
}

/* ---- once all blocks are known ---- */

static void
take_artifacts (Job *job)
{
  VtrObservation *observation = job->observation;
  const guint last = job->arch->n_layers - 1;
  const gsize n = job->grid.n_tokens;

  observation->threshold =
      vtr_find_artifacts (observation->norms + last * n + job->grid.n_prefix,
                          vtr_token_grid_n_patches (&job->grid), observation->artifacts);
  for (guint i = 0; i < vtr_observation_n_all_heads (observation); i++)
    vtr_head_statistics_take_artifacts (&observation->heads[i], &job->grid, observation->artifacts,
                                        job->columns + i * n,
                                        job->grid.has_cls ? job->cls_rows + i * n : NULL);
}

static double
compare_rows (const Job *job, gsize a, gsize b)
{
  const gsize n = job->grid.n_tokens, n_rows = job->sample.n_compared;
  double sum = 0.0;

  for (gsize i = 0; i < n_rows; i++)
    sum += vtr_divergence (job->compared + (a * n_rows + i) * n, job->compared_sums[a * n_rows + i],
                           job->compared + (b * n_rows + i) * n, job->compared_sums[b * n_rows + i],
                           (guint) n);
  return sum / n_rows;
}

static gboolean
compare_heads (Job *job, GError **error)
{
  VtrObservation *observation = job->observation;
  const VtrProgress progress = vtr_progress_part (&job->progress, FORWARD_SHARE, 1.0);
  const gsize n_heads = vtr_observation_n_all_heads (observation);
  const gsize size = vtr_gram_size (job->n_vectors);

  for (gsize b = 1; b < n_heads; b++)
    {
      for (gsize a = 0; a < b; a++)
        {
          const gsize pair = vtr_observation_pair (a, b);

          observation->divergences[pair] = (float) compare_rows (job, a, b);
          if (job->n_vectors >= 4)
            observation->ckas[pair] =
                (float) vtr_gram_product (job->grams + a * size, job->grams + b * size, size);
        }
      if (!vtr_progress_step (&progress, (double) b * b / (double) (n_heads * n_heads),
                              "comparing heads", error))
        return FALSE;
    }
  return vtr_progress_step (&progress, 1.0, "comparing heads", error);
}

static void
job_init (Job *job)
{
  const guint n_layers = job->arch->n_layers;

  job->grid = (VtrTokenGrid){
    .n_prefix = vtr_arch_n_prefix (job->arch),
    .has_cls = job->arch->has_cls,
    .n_rows = vtr_input_get_n_rows (job->input),
    .n_columns = vtr_input_get_n_columns (job->input),
  };
  job->grid.n_tokens = job->grid.n_prefix + job->grid.n_rows * job->grid.n_columns;
  job->first_head = g_new0 (guint, n_layers + 1);
  for (guint layer = 0; layer < n_layers; layer++)
    job->first_head[layer + 1] = job->first_head[layer] + job->arch->n_heads;
  choose_sample (job);
}

VtrObservation *
vtr_session_observe (VtrSession *self,
                     VtrInput *input,
                     double temperature,
                     VtrProgressFunc progress,
                     gpointer progress_data,
                     GCancellable *cancellable,
                     GError **error)
{
  g_return_val_if_fail (self != NULL && input != NULL, NULL);
  g_return_val_if_fail (temperature > 0.0, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (!vtr_explain_check_input (self, input, error))
    return NULL;

  Job job = {
    .session = self,
    .input = input,
    .arch = vtr_model_get_arch (self->model),
    .temperature = temperature,
    .progress = vtr_progress_whole (progress, progress_data, cancellable),
  };
  VtrObservation *observation = NULL;

  job_init (&job);
  if (vtr_slots_run (&self->slots, observe_in_slot, &job, error))
    {
      take_artifacts (&job);
      if (compare_heads (&job, error))
        observation = g_steal_pointer (&job.observation);
    }
  job_clear (&job);
  return observation;
}
