/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* One picture many times: with patches left out, with other pixels. */
#include "run/variants.h"

#include <string.h>

/* One call; either @subsets or @pixels. */
typedef struct
{
  VtrSession *session;
  const VtrArch *arch;
  const VtrVariants *all;
  const VtrSubsets *subsets;
  const VtrPixels *pixels;
  const guint *order; /* [n]: the variants in the order they are computed in; NULL: as they are */
  guint batch;        /* as many whole pictures at once */
  VtrProgress progress;
  VtrAnswers *answers;    /* in that order */
  float *of_distillation; /* [n][n_classes]; DeiT only */
} Job;

guint
vtr_min_patches (const VtrArch *arch)
{
  return arch->head_pool == VTR_HEAD_POOL_MEAN || arch->head_pool == VTR_HEAD_POOL_CLS_AND_MEAN;
}

void
vtr_average_logits (float *logits, const float *of_distillation, gsize n_values)
{
  for (gsize i = 0; i < n_values; i++)
    logits[i] = (logits[i] + of_distillation[i]) / 2;
}

gboolean
vtr_check_finite (VtrModel *model,
                  VtrPrecision precision,
                  const float *values,
                  gsize n_values,
                  GError **error)
{
  if (vtr_floats_find_bad (values, n_values) == n_values)
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_BAD_VALUES,
               "The model “%s” computed values that are not numbers: %s",
               vtr_model_get_name (model),
               precision == VTR_PRECISION_F16
                   ? "f16 may be too small for it, so use --precision f32"
                   : "its weights may be damaged");
  return FALSE;
}

/* ---- answers ---- */

void
vtr_answers_free (VtrAnswers *self)
{
  if (self == NULL)
    return;
  g_free (self->features);
  g_free (self->logits);
  g_free (self->tokens);
  g_free (self);
}

static VtrAnswers *
answers_new (const VtrArch *arch, const VtrVariants *all)
{
  VtrAnswers *self = g_new0 (VtrAnswers, 1);

  self->n = all->n;
  self->n_features = vtr_arch_n_features (arch);
  self->n_classes = arch->n_classes;
  self->width = arch->hidden_size;
  self->features = g_new (float, (gsize) self->n * self->n_features);
  if (self->n_classes > 0)
    self->logits = g_new (float, (gsize) self->n * self->n_classes);
  if (all->patch != VTR_NO_PATCH)
    self->tokens = g_new (float, (gsize) self->n * self->width);
  return self;
}

/* Has @count rows of a tensor [b][..] read into those of @values from @first on; TRUE also where
 * there is no such tensor. */
static gboolean
read_rows (VtrStream *stream,
           const VtrTensor *tensor,
           guint first,
           guint count,
           float *values,
           GError **error)
{
  if (!vtr_tensor_exists (tensor) || values == NULL)
    return TRUE;

  const gsize width = vtr_tensor_n_values (tensor) / tensor->shape[0];
  return vtr_stream_read_later (stream, tensor, 0, values + first * width,
                                count * width * sizeof *values, error);
}

static gboolean
read_answers (const Job *job,
              VtrStream *stream,
              const VtrPlan *plan,
              guint first,
              guint count,
              GError **error)
{
  VtrAnswers *answers = job->answers;

  return read_rows (stream, vtr_plan_get_embedding (plan), first, count, answers->features,
                    error) &&
         read_rows (stream, &plan->logits, first, count, answers->logits, error) &&
         read_rows (stream, &plan->logits_distillation, first, count, job->of_distillation, error);
}

/* Puts rows [n][width] where @order says. */
static void
reorder (float *values, guint n, guint width, const guint *order)
{
  if (values == NULL)
    return;

  g_autofree float *sorted = g_memdup2 (values, (gsize) n * width * sizeof *values);
  for (guint i = 0; i < n; i++)
    memcpy (values + (gsize) order[i] * width, sorted + (gsize) i * width, width * sizeof *values);
}

/* Once all has been read. */
static gboolean
finish_answers (const Job *job, GError **error)
{
  VtrAnswers *answers = job->answers;
  const guint n = answers->n;

  if (job->of_distillation != NULL)
    vtr_average_logits (answers->logits, job->of_distillation, (gsize) n * answers->n_classes);
  if (job->order != NULL)
    {
      reorder (answers->features, n, answers->n_features, job->order);
      reorder (answers->logits, n, answers->n_classes, job->order);
      reorder (answers->tokens, n, answers->width, job->order);
    }
  return vtr_check_finite (job->session->model, job->session->precision, answers->features,
                           (gsize) n * answers->n_features, error);
}

/* ---- subsets ---- */

/* Has @n patches of each of the @b subsets turned as where they were in the picture. */
static gboolean
take_rotations (const Job *job, VtrStream *stream, const VtrPlan *plan, guint first, GError **error)
{
  const VtrSubsetPlan *subsets = plan->subsets;
  const guint32 p = plan->n_rows * plan->n_columns;
  const guint b = plan->batch;
  const guint m = job->subsets->n_kept[job->order[first]];
  g_autofree guint32 *turned = g_new (guint32, (gsize) b * 2 * m);
  VtrTensor table = subsets->rope, rope = plan->rope;

  for (guint i = 0; i < b; i++)
    for (guint k = 0; k < m; k++)
      {
        const guint32 patch = job->subsets->kept[job->order[first + i]][k];
        turned[(gsize) i * 2 * m + k] = patch;         /* its cosines */
        turned[(gsize) i * 2 * m + m + k] = p + patch; /* its sines */
      }

  /* [2][p][hd] are 2p tokens to the op, [b][2][m][hd] 2m of each image. */
  table.shape[0] = 1;
  table.shape[1] = 2 * p;
  rope.n_dims = 3;
  rope.shape[1] = 2 * m;
  rope.shape[2] = plan->rope.shape[3];
  return vtr_stream_write (stream, &subsets->turned, 0, turned,
                           vtr_tensor_n_bytes (&subsets->turned), error) &&
         vtr_op_gather_tokens (stream, &table, &subsets->turned, &rope, error);
}

/* Prefix tokens and kept patches, [b][n_prefix + m]. */
static gboolean
take_tokens (const Job *job, VtrStream *stream, const VtrPlan *plan, guint first, GError **error)
{
  const VtrSubsetPlan *subsets = plan->subsets;
  const guint n_prefix = vtr_arch_n_prefix (job->arch);
  const guint m = plan->n_tokens - n_prefix;
  g_autofree guint32 *taken = g_new (guint32, (gsize) plan->batch * plan->n_tokens);
  guint32 *next = taken;

  for (guint i = 0; i < plan->batch; i++)
    {
      for (guint32 token = 0; token < n_prefix; token++)
        *next++ = token;
      for (guint k = 0; k < m; k++)
        *next++ = n_prefix + job->subsets->kept[job->order[first + i]][k];
    }

  return vtr_stream_write (stream, &subsets->taken, 0, taken, vtr_tensor_n_bytes (&subsets->taken),
                           error) &&
         vtr_op_gather_tokens (stream, &subsets->whole, &subsets->taken, &plan->tokens, error) &&
         (!vtr_tensor_exists (&plan->rope) || m == 0 ||
          take_rotations (job, stream, plan, first, error));
}

/* The token of the asked patch, wherever it is in each subset. */
static gboolean
take_asked (const Job *job, VtrStream *stream, const VtrPlan *plan, guint first, GError **error)
{
  const VtrSubsetPlan *subsets = plan->subsets;
  const guint n_prefix = vtr_arch_n_prefix (job->arch);
  g_autofree guint32 *place = g_new0 (guint32, plan->batch);

  for (guint i = 0; i < plan->batch; i++)
    {
      const guint32 *kept = job->subsets->kept[job->order[first + i]];
      while (n_prefix + place[i] < plan->n_tokens && kept[place[i]] != (guint32) job->all->patch)
        place[i]++;
      g_return_val_if_fail (n_prefix + place[i] < plan->n_tokens, FALSE);
      place[i] += n_prefix;
    }
  return vtr_stream_write (stream, &subsets->place, 0, place, vtr_tensor_n_bytes (&subsets->place),
                           error) &&
         vtr_op_gather_tokens (stream, &plan->tokens, &subsets->place, &subsets->token, error) &&
         read_rows (stream, &subsets->token, first, plan->batch, job->answers->tokens, error);
}

/* As many subsets from @first on, in order, as are of one size and fit. */
static guint
count_together (const Job *job, const VtrPlan *plan, guint first)
{
  const guint *n_kept = job->subsets->n_kept;
  const guint m = n_kept[job->order[first]];
  const guint most = MIN (plan->subsets->max_subsets,
                          plan->subsets->max_tokens / (vtr_arch_n_prefix (job->arch) + m));
  guint n = 1;

  while (n < most && first + n < job->all->n && n_kept[job->order[first + n]] == m)
    n++;
  return n;
}

static gboolean
compute_subsets (const Job *job, VtrStream *stream, VtrPlan *plan, GError **error)
{
  VtrSession *session = job->session;
  const guint n = job->all->n;

  if (!vtr_stream_write (stream, &plan->pixels, 0, job->subsets->pixels,
                         vtr_tensor_n_bytes (&plan->pixels), error) ||
      !vtr_forward_embed (stream, session->model, session->weights, plan, error))
    return FALSE;

  for (guint first = 0, count; first < n; first += count)
    {
      count = count_together (job, plan, first);
      const VtrProgress part =
          vtr_progress_part (&job->progress, (double) first / n, (double) (first + count) / n);

      vtr_plan_set_subsets (plan, job->arch, count, job->subsets->n_kept[job->order[first]]);
      if (!take_tokens (job, stream, plan, first, error) ||
          !vtr_forward_blocks (stream, session->model, session->weights, plan,
                               job->all->temperature, &part, error) ||
          !read_answers (job, stream, plan, first, count, error) ||
          (job->all->patch != VTR_NO_PATCH && !take_asked (job, stream, plan, first, error)))
        return FALSE;
    }
  return TRUE;
}

static VtrPlan *
plan_subsets (const Job *job, GError **error)
{
  const VtrSession *session = job->session;
  const VtrVariants *all = job->all;
  const guint n_tokens = vtr_arch_n_prefix (job->arch) + all->n_rows * all->n_columns;

  return vtr_plan_new_subsets (session->device, session->model, session->precision, all->n_rows,
                               all->n_columns, MIN (all->n, VTR_MAX_BATCH), job->batch * n_tokens,
                               error);
}

/* ---- pixels ---- */

/* @count pictures; the plan may have room for more: what is there from before is computed again,
 * and not read. */
static gboolean
write_pixels (const Job *job,
              VtrStream *stream,
              const VtrPlan *plan,
              guint first,
              guint count,
              GError **error)
{
  const gsize n_bytes = vtr_tensor_n_bytes (&plan->pixels) / plan->batch;
  g_autofree float *pixels = g_malloc (n_bytes);

  for (guint i = 0; i < count; i++)
    {
      job->pixels->make (first + i, pixels, job->pixels->user_data);
      if (!vtr_stream_write (stream, &plan->pixels, i * n_bytes, pixels, n_bytes, error))
        return FALSE;
    }
  return TRUE;
}

/* The token of the asked patch in each picture. */
static gboolean
read_asked (const Job *job,
            VtrStream *stream,
            const VtrPlan *plan,
            guint first,
            guint count,
            GError **error)
{
  const gsize width = job->answers->width;
  const gsize token = vtr_arch_n_prefix (job->arch) + (guint) job->all->patch;

  for (guint i = 0; i < count; i++)
    if (!vtr_stream_read_later (stream, &plan->tokens,
                                (i * (gsize) plan->n_tokens + token) * width * sizeof (float),
                                job->answers->tokens + (first + i) * width, width * sizeof (float),
                                error))
      return FALSE;
  return TRUE;
}

static gboolean
compute_pixels (const Job *job, VtrStream *stream, VtrPlan *plan, GError **error)
{
  VtrSession *session = job->session;
  const guint n = job->all->n;

  for (guint first = 0; first < n; first += plan->batch)
    {
      const guint count = MIN (plan->batch, n - first);
      const VtrProgress part =
          vtr_progress_part (&job->progress, (double) first / n, (double) (first + count) / n);

      if (!write_pixels (job, stream, plan, first, count, error) ||
          !vtr_forward (stream, session->model, session->weights, plan, job->all->temperature,
                        &part, error) ||
          !read_answers (job, stream, plan, first, count, error) ||
          (job->all->patch != VTR_NO_PATCH && !read_asked (job, stream, plan, first, count, error)))
        return FALSE;
    }
  return TRUE;
}

static VtrPlan *
plan_pixels (const Job *job, GError **error)
{
  const VtrSession *session = job->session;
  const VtrVariants *all = job->all;
  const guint n_batches = (all->n + job->batch - 1) / job->batch;
  g_autofree gboolean *keep = g_new0 (gboolean, job->arch->n_layers);

  return vtr_plan_new (session->device, session->model, session->precision, all->n_rows,
                       all->n_columns, (all->n + n_batches - 1) / n_batches, keep, error);
}

/* ---- either ---- */

static gboolean
answer_in_slot (VtrSlot *slot, gpointer user_data, GError **error)
{
  const Job *job = user_data;
  VtrSlots *slots = &job->session->slots;
  VtrPlan *plan = job->subsets != NULL ? plan_subsets (job, error) : plan_pixels (job, error);

  if (plan == NULL)
    return FALSE;

  const gboolean ok = vtr_slot_begin (slots, slot, plan, job->session->model, error) &&
                      (job->subsets != NULL ? compute_subsets (job, slot->stream, plan, error)
                                            : compute_pixels (job, slot->stream, plan, error));
  /* Also after a failure: what was recorded must not outlive the plan. */
  const gboolean waited = vtr_stream_wait (slot->stream, ok ? error : NULL);
  vtr_slot_end (slots, slot, plan, ok && waited);
  return ok && waited;
}

/* In smaller batches until there is memory for one. */
static gboolean
answer_in_batches (Job *job, GError **error)
{
  VtrSession *session = job->session;
  const guint n_tokens = vtr_arch_n_prefix (job->arch) + job->all->n_rows * job->all->n_columns;

  job->batch = CLAMP (session->device->batch_tokens / n_tokens, 1, VTR_MAX_BATCH);
  for (;; job->batch = (job->batch + 1) / 2)
    {
      g_autoptr (GError) local_error = NULL;

      if (vtr_slots_run (&session->slots, answer_in_slot, job, &local_error))
        return TRUE;
      if (job->batch == 1 || !g_error_matches (local_error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY))
        {
          g_propagate_error (error, g_steal_pointer (&local_error));
          return FALSE;
        }
      g_info ("Batches of %u pictures do not fit, trying half: %s", job->batch,
              local_error->message);
    }
}

static VtrAnswers *
answer (Job *job, const VtrProgress *progress, GError **error)
{
  const VtrProgress whole = vtr_progress_whole (NULL, NULL, NULL);

  job->arch = vtr_model_get_arch (job->session->model);
  job->progress = progress != NULL ? *progress : whole;
  job->answers = answers_new (job->arch, job->all);
  if (job->arch->head_pool == VTR_HEAD_POOL_CLS_AND_DISTILLATION && job->answers->logits != NULL)
    job->of_distillation = g_new (float, (gsize) job->all->n * job->answers->n_classes);

  const gboolean ok = answer_in_batches (job, error) && finish_answers (job, error);
  g_clear_pointer (&job->of_distillation, g_free);
  if (!ok)
    g_clear_pointer (&job->answers, vtr_answers_free);
  return job->answers;
}

static int
compare_sizes (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const guint i = *(const guint *) a, k = *(const guint *) b;
  const guint *n_kept = user_data;

  if (n_kept[i] != n_kept[k])
    return n_kept[i] < n_kept[k] ? -1 : 1;
  return (i > k) - (i < k);
}

VtrAnswers *
vtr_session_answer_subsets (VtrSession *self,
                            const VtrSubsets *subsets,
                            const VtrProgress *progress,
                            GError **error)
{
  const guint n = subsets->all.n;
  g_autofree guint *order = g_new (guint, n);
  Job job = {
    .session = self,
    .all = &subsets->all,
    .subsets = subsets,
    .order = order,
  };

  for (guint i = 0; i < n; i++)
    order[i] = i;
  /* Those of one size are computed together. */
  g_qsort_with_data (order, (gint) n, sizeof *order, compare_sizes, (gpointer) subsets->n_kept);
  return answer (&job, progress, error);
}

VtrAnswers *
vtr_session_answer_pixels (VtrSession *self,
                           const VtrPixels *pixels,
                           const VtrProgress *progress,
                           GError **error)
{
  Job job = {
    .session = self,
    .all = &pixels->all,
    .pixels = pixels,
  };

  return answer (&job, progress, error);
}
