/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * vtr_session_observe: one forward pass, looked at block by block.  The device makes sums of rows,
 * means of rows and a few whole rows; all else is made of them while it waits for the next block.
 */
#include "analysis/observe.h"
#include "run/variants.h"

/* Logarithms that similarities may cost a picture; fewer rows are compared where it would be more,
 * this many at least. */
#define MAX_LOGARITHMS 5e7
#define MIN_ROWS 2

/* ---- what is sampled ---- */

static guint
count_compared_rows (const VtrObserving *run)
{
  const double n_heads = run->first_head[run->arch->n_layers];
  const double a_row = n_heads * (n_heads - 1) / 2 * run->grid.n_tokens;

  return (guint) CLAMP (MAX_LOGARITHMS / MAX (a_row, 1.0), MIN_ROWS, VTR_OBSERVE_MAX_ROWS);
}

static void
choose_sample (VtrObserving *run)
{
  VtrObservedRows *sample = &run->sample;
  const VtrTokenGrid *grid = &run->grid;
  const guint n_cls = grid->has_cls ? 1 : 0;
  const guint n_compared = count_compared_rows (run);
  guint32 patches[VTR_OBSERVE_MAX_ROWS];

  *sample = (VtrObservedRows){ .compare_cls = grid->has_cls };
  sample->n_patches = vtr_token_grid_sample (grid, VTR_OBSERVE_MAX_ROWS - n_cls, sample->patches);
  sample->n = n_cls; /* token 0 */
  for (guint i = 0; i < sample->n_patches; i++)
    sample->tokens[sample->n++] = grid->n_prefix + sample->patches[i];

  sample->first_compared = n_cls;
  sample->n_compared = n_cls + sample->n_patches;
  if (n_compared < VTR_OBSERVE_MAX_ROWS)
    {
      const guint n = vtr_token_grid_sample (grid, n_compared - n_cls, patches);

      sample->first_compared = sample->n;
      sample->n_compared = n_cls + n;
      for (guint i = 0; i < n; i++)
        sample->tokens[sample->n++] = grid->n_prefix + patches[i];
    }
  run->n_vectors = vtr_token_grid_sample (grid, VTR_OBSERVE_MAX_VECTORS, run->vectors);
}

/* ---- memory ---- */

static gboolean
plan_scratch (VtrObserving *run, VtrArena *arena, guint32 h, GError **error)
{
  VtrObserveScratch *scratch = &run->scratch;
  const guint32 n = run->grid.n_tokens, n_rows = run->sample.n;
  const guint32 of_columns[] = { 1, h, n };

  *scratch = (VtrObserveScratch){ 0 };
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
  return run->grid.has_cls || run->grid.n_prefix == 0 ||
         (vtr_arena_plan (arena, &scratch->patch_weights, "observe.patch-weights", VTR_DTYPE_F32, 2,
                          (guint32[]){ 1, n }, error) &&
          vtr_arena_plan (arena, &scratch->patch_columns, "observe.patch-columns", VTR_DTYPE_F32, 3,
                          of_columns, error));
}

static VtrPlan *
make_plan (VtrObserving *run, GError **error)
{
  const VtrSession *session = run->session;
  g_autofree gboolean *keep = g_new0 (gboolean, run->arch->n_layers);
  VtrPlan *plan = vtr_plan_new (session->device, session->model, session->precision,
                                run->grid.n_rows, run->grid.n_columns, 1, keep, error);

  if (plan != NULL && !plan_scratch (run, plan->arena, run->observation->n_heads, error))
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
allocate_all (VtrObserving *run, GError **error)
{
  VtrObservedBlock *block = &run->block;
  const gsize n = run->grid.n_tokens, d = run->arch->hidden_size;
  const gsize h = run->observation->n_heads, all = run->first_head[run->arch->n_layers];
  const gsize n_compared = run->sample.n_compared;

  g_free (run->compared_sums);
  run->compared_sums = g_new0 (double, all *n_compared);
  return allocate ((float **) &block->context, n, h, run->arch->head_size, error) &&
         allocate (&block->probs, h, run->sample.n, n, error) &&
         allocate (&block->sums, h, n, VTR_N_ROW_SUMS, error) &&
         allocate (&block->columns, h, n, 1, error) &&
         allocate (&block->patch_columns, h, n, 1, error) &&
         allocate (&block->tokens, n, d, 1, error) && allocate (&run->before, n, d, 1, error) &&
         allocate (&run->compared, all, n_compared, n, error) &&
         allocate (&run->grams, all, MAX (run->n_vectors, 1) - 1, run->n_vectors, error) &&
         allocate (&run->columns, all, n, 1, error) &&
         allocate (&run->cls_rows, all, n, 1, error) &&
         allocate (&run->mean_rows, n_compared, n, 1, error);
}

static void
observing_clear (VtrObserving *run)
{
  g_free (run->first_head);
  g_free (run->block.context);
  g_free (run->block.probs);
  g_free (run->block.sums);
  g_free (run->block.columns);
  g_free (run->block.patch_columns);
  g_free (run->block.tokens);
  g_free (run->before);
  g_free (run->compared);
  g_free (run->compared_sums);
  g_free (run->grams);
  g_free (run->columns);
  g_free (run->cls_rows);
  g_free (run->mean_rows);
  g_clear_pointer (&run->observation, vtr_observation_unref);
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
read_later (const VtrObserving *run, const VtrTensor *tensor, gpointer values, GError **error)
{
  return vtr_stream_read_later (run->stream, tensor, 0, values, vtr_tensor_n_bytes (tensor), error);
}

static gboolean
apply (const VtrObserving *run,
       const VtrForwardBlock *block,
       const VtrTensor *weights,
       const VtrTensor *columns,
       float *values,
       GError **error)
{
  const guint32 h = block->qkv->shape[3];
  const VtrTensor partials = of_heads (&run->scratch.partials, h);
  const VtrTensor of_layer = of_heads (columns, h);

  return vtr_op_attention_apply (run->stream, block->qkv, block->lse, block->scale, weights,
                                 &partials, &of_layer, error) &&
         read_later (run, &of_layer, values, error);
}

static gboolean
record_attention (VtrObserving *run, const VtrForwardBlock *block, GError **error)
{
  const VtrObserveScratch *scratch = &run->scratch;
  const guint32 h = block->qkv->shape[3];
  const VtrTensor probs = of_heads (&scratch->probs, h), sums = of_heads (&scratch->sums, h);
  VtrObservedBlock *read = &run->block;

  read->n_heads = h;
  read->head_size = block->qkv->shape[4];
  read->context_type = block->context->dtype;
  return vtr_op_attention_statistics (run->stream, block->qkv, block->lse, block->scale,
                                      run->grid.n_prefix, run->grid.n_columns, &sums, error) &&
         vtr_op_attention_rows (run->stream, block->qkv, block->lse, block->scale, &scratch->rows,
                                &probs, error) &&
         read_later (run, &sums, read->sums, error) &&
         read_later (run, &probs, read->probs, error) &&
         apply (run, block, &scratch->weights, &scratch->columns, read->columns, error) &&
         (!vtr_tensor_exists (&scratch->patch_columns) ||
          apply (run, block, &scratch->patch_weights, &scratch->patch_columns, read->patch_columns,
                 error)) &&
         read_later (run, block->context, read->context, error);
}

static gboolean
look_at_block (const VtrForwardBlock *block, gpointer user_data, GError **error)
{
  VtrObserving *run = user_data;

  if (block->stage == VTR_FORWARD_ATTENDED)
    return record_attention (run, block, error);
  return read_later (run, block->tokens, run->block.tokens, error) &&
         vtr_stream_wait (run->stream, error) &&
         vtr_observing_take_block (run, block->layer, error);
}

/* ---- the forward pass ---- */

static gboolean
write_scratch (const VtrObserving *run, GError **error)
{
  const VtrObserveScratch *scratch = &run->scratch;
  const guint n = run->grid.n_tokens, n_prefix = run->grid.n_prefix;
  g_autofree float *weights = g_new0 (float, n);

  for (guint i = 0; i < n; i++)
    weights[i] = 1.0f / (float) n;
  if (!vtr_stream_write (run->stream, &scratch->rows, 0, run->sample.tokens,
                         vtr_tensor_n_bytes (&scratch->rows), error) ||
      !vtr_stream_write (run->stream, &scratch->weights, 0, weights, n * sizeof *weights, error))
    return FALSE;
  if (!vtr_tensor_exists (&scratch->patch_weights))
    return TRUE;
  for (guint i = 0; i < n; i++)
    weights[i] = i < n_prefix ? 0.0f : 1.0f / (float) (n - n_prefix);
  return vtr_stream_write (run->stream, &scratch->patch_weights, 0, weights, n * sizeof *weights,
                           error);
}

/* All of a tensor [1][n]; TRUE also where there is none. */
static gboolean
read_output (const VtrObserving *run,
             const VtrTensor *tensor,
             float **values,
             guint *n,
             GError **error)
{
  if (!vtr_tensor_exists (tensor))
    return TRUE;
  *n = (guint) vtr_tensor_n_values (tensor);
  *values = g_new (float, *n);
  return read_later (run, tensor, *values, error);
}

static gboolean
read_outputs (VtrObserving *run, GError **error)
{
  const VtrPlan *plan = run->plan;
  VtrObservation *observation = run->observation;
  g_autofree float *of_distillation = NULL;
  guint n = 0;

  const gboolean recorded =
      read_output (run, vtr_plan_get_embedding (plan), &observation->embedding,
                   &observation->n_values, error) &&
      read_output (run, &plan->logits, &observation->logits, &observation->n_classes, error) &&
      read_output (run, &plan->logits_distillation, &of_distillation, &n, error);
  /* Also after a failure: what is read is freed here. */
  if (!vtr_stream_wait (run->stream, recorded ? error : NULL) || !recorded)
    return FALSE;
  if (of_distillation != NULL)
    vtr_average_logits (observation->logits, of_distillation, n);
  return vtr_check_finite (run->session->model, run->session->precision, observation->embedding,
                           observation->n_values, error) &&
         vtr_check_finite (run->session->model, run->session->precision, observation->logits,
                           observation->n_classes, error);
}

static gboolean
compute (VtrObserving *run, GError **error)
{
  const VtrSession *session = run->session;
  const VtrPlan *plan = run->plan;
  const VtrProgress part = vtr_progress_part (&run->progress, 0.0, VTR_OBSERVE_FORWARD_SHARE);

  return vtr_stream_write (run->stream, &plan->pixels, 0,
                           vtr_input_get_pixels (run->input, NULL, NULL),
                           vtr_tensor_n_bytes (&plan->pixels), error) &&
         write_scratch (run, error) &&
         vtr_forward_embed (run->stream, session->model, session->weights, plan, error) &&
         read_later (run, &plan->tokens, run->before, error) &&
         vtr_forward_blocks_watched (run->stream, session->model, session->weights, plan,
                                     run->temperature, look_at_block, run, &part, error) &&
         read_outputs (run, error);
}

/* May come again, alone. */
static gboolean
observe_in_slot (VtrSlot *slot, gpointer user_data, GError **error)
{
  VtrObserving *run = user_data;
  VtrSlots *slots = &run->session->slots;

  g_clear_pointer (&run->observation, vtr_observation_unref);
  run->observation =
      vtr_observation_new (run->input, &run->grid, run->arch->n_layers, run->first_head, error);
  if (run->observation == NULL || !allocate_all (run, error))
    return FALSE;

  VtrPlan *plan = make_plan (run, error);
  if (plan == NULL)
    return FALSE;
  run->stream = slot->stream;
  run->plan = plan;

  const gboolean ok =
      vtr_slot_begin (slots, slot, plan, run->session->model, error) && compute (run, error);
  /* Also after a failure: what was recorded must not outlive the plan. */
  const gboolean waited = vtr_stream_wait (slot->stream, ok ? error : NULL);
  vtr_slot_end (slots, slot, plan, ok && waited);
  return ok && waited;
}

static void
observing_init (VtrObserving *run)
{
  const guint n_layers = run->arch->n_layers;

  run->grid = (VtrTokenGrid){
    .n_prefix = vtr_arch_n_prefix (run->arch),
    .has_cls = run->arch->has_cls,
    .n_rows = vtr_input_get_n_rows (run->input),
    .n_columns = vtr_input_get_n_columns (run->input),
  };
  run->grid.n_tokens = run->grid.n_prefix + run->grid.n_rows * run->grid.n_columns;
  run->first_head = g_new0 (guint, n_layers + 1);
  for (guint layer = 0; layer < n_layers; layer++)
    run->first_head[layer + 1] = run->first_head[layer] + vtr_arch_n_heads (run->arch, layer);
  choose_sample (run);
}

VtrObservation *
vtr_observe (VtrSession *self,
             VtrInput *input,
             double temperature,
             gboolean compares_heads,
             const VtrProgress *progress,
             GError **error)
{
  if (!vtr_explain_check_input (self, input, error))
    return NULL;

  VtrObserving run = {
    .session = self,
    .input = input,
    .arch = vtr_model_get_arch (self->model),
    .temperature = temperature,
    .progress = *progress,
  };
  VtrObservation *observation = NULL;

  observing_init (&run);
  if (vtr_slots_run (&self->slots, observe_in_slot, &run, error))
    {
      vtr_observing_take_artifacts (&run);
      if (!compares_heads || vtr_observing_compare_heads (&run, error))
        observation = g_steal_pointer (&run.observation);
    }
  observing_clear (&run);
  return observation;
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

  const VtrProgress whole = vtr_progress_whole (progress, progress_data, cancellable);
  return vtr_observe (self, input, temperature, TRUE, &whole, error);
}
