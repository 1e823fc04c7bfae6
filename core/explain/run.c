/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* vtr_session_explain: pictures of one grid at a time, what is added to each, and how many go. */
#include "explain/proof.h"
#include "explain/score.h"

/* Share of the progress for making them where they are scored or proven, too. */
#define EXPLAIN_SHARE 0.03

/* One call of vtr_session_explain. */
typedef struct
{
  VtrSession *session;
  VtrMethod *method; /* a copy, its query resolved; owned */
  VtrSettings settings;
  VtrExplainFlags flags;
  VtrInput *const *inputs;
  guint n_inputs;
  VtrExplanation **explanations; /* [n_inputs]; those made so far */
  guint n_done;
  VtrProgress progress;
} Job;

/* What is to be computed, of no pictures yet. */
static VtrExplainBatch
make_batch (const Job *job)
{
  return (VtrExplainBatch){
    .session = job->session,
    .method = job->method,
    .settings = &job->settings,
    .flags = job->flags,
  };
}

static gboolean
is_out_of_memory (const GError *error)
{
  return g_error_matches (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY);
}

/* Whether a picture of that many patches could be explained: allocates, computes nothing. */
static gboolean
would_fit (Job *job, guint n_rows, guint n_columns)
{
  const VtrExplainBatch batch = make_batch (job);
  VtrPlan *plan = vtr_explain_plan_batch (&batch, n_rows, n_columns, 1);
  const gboolean fits = plan != NULL && vtr_arena_commit (plan->arena, NULL);

  vtr_plan_free (plan);
  return fits;
}

/* Adds to an out-of-memory error what would fit: the largest short edge, found by trying. */
static void
advise_size (Job *job, VtrInput *input, GError *error)
{
  const guint n_rows = vtr_input_get_n_rows (input);
  const guint n_columns = vtr_input_get_n_columns (input);
  const guint patch = vtr_model_get_patch_size (job->session->model);
  const guint n_short = MIN (n_rows, n_columns);
  g_autofree char *message = g_steal_pointer (&error->message);

  if (g_str_has_suffix (message, "."))
    message[strlen (message) - 1] = '\0';
  for (guint n = n_short * 9 / 10; n > 0; n = n * 9 / 10)
    if (would_fit (job, MAX (n_rows * n / n_short, 1), MAX (n_columns * n / n_short, 1)))
      {
        error->message = g_strdup_printf ("%s; --size %u would fit.", message, n * patch);
        return;
      }
  error->message =
      g_strdup_printf ("%s; no size of this picture would fit, so use another device.", message);
}

/* Explains pictures of one grid, in halves where the device has too little memory for all. */
static gboolean
explain_group (Job *job,
               VtrInput *const *inputs,
               guint n_inputs,
               VtrExplanation **explanations,
               GError **error)
{
  VtrExplainBatch batch = make_batch (job);
  g_autoptr (GError) local_error = NULL;

  batch.inputs = inputs;
  batch.n_inputs = n_inputs;
  batch.explanations = explanations;
  batch.progress = vtr_progress_part (&job->progress, (double) job->n_done / job->n_inputs,
                                      (double) (job->n_done + n_inputs) / job->n_inputs);
  if (vtr_explain_batch (&batch, &local_error))
    {
      job->n_done += n_inputs;
      return TRUE;
    }
  if (!is_out_of_memory (local_error) || n_inputs == 1)
    {
      if (is_out_of_memory (local_error))
        advise_size (job, inputs[0], local_error);
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }

  const guint half = n_inputs / 2;
  g_info ("A batch of %u does not fit, trying %u: %s", n_inputs, n_inputs - half,
          local_error->message);
  return explain_group (job, inputs, n_inputs - half, explanations, error) &&
         explain_group (job, inputs + n_inputs - half, half, explanations + n_inputs - half, error);
}

static gboolean
same_grid (const VtrInput *a, const VtrInput *b)
{
  return vtr_input_get_n_rows (a) == vtr_input_get_n_rows (b) &&
         vtr_input_get_n_columns (a) == vtr_input_get_n_columns (b);
}

/* Gathers the pictures of each grid, wherever they stand, and explains them together. */
static gboolean
explain_all (Job *job, GError **error)
{
  VtrInput *group[VTR_MAX_BATCH];
  VtrExplanation *made[VTR_MAX_BATCH] = { NULL };
  guint places[VTR_MAX_BATCH];

  for (guint first = 0; first < job->n_inputs; first++)
    {
      guint n_group = 0;

      if (job->explanations[first] != NULL)
        continue;
      for (guint i = first; i < job->n_inputs; i++)
        if (job->explanations[i] == NULL && same_grid (job->inputs[first], job->inputs[i]))
          {
            group[n_group] = job->inputs[i];
            places[n_group++] = i;
          }

      const gboolean ok = explain_group (job, group, n_group, made, error);
      for (guint i = 0; i < n_group; i++)
        job->explanations[places[i]] = g_steal_pointer (&made[i]);
      if (!ok)
        return FALSE;
    }
  return TRUE;
}

/* What an explanation gets once it is made, by its flag. */
static const struct
{
  VtrExplainFlags flag;
  gboolean (*add) (VtrSession *, VtrExplanation *, const VtrProgress *, GError **);
} extras[] = {
  { VTR_EXPLAIN_SCORE, vtr_score_explanation },
  { VTR_EXPLAIN_PROOF, vtr_prove_explanation },
};

static gboolean
add_extras (const Job *job, const VtrProgress *whole, GError **error)
{
  VtrProgress left = vtr_progress_part (whole, EXPLAIN_SHARE, 1.0);
  guint n_left = 0;

  for (guint k = 0; k < G_N_ELEMENTS (extras); k++)
    n_left += job->flags & extras[k].flag ? job->n_inputs : 0;
  for (guint i = 0; i < job->n_inputs; i++)
    for (guint k = 0; k < G_N_ELEMENTS (extras); k++)
      if (job->flags & extras[k].flag)
        {
          const VtrProgress part = vtr_progress_part (&left, 0.0, 1.0 / n_left);

          left = vtr_progress_part (&left, 1.0 / n_left--, 1.0);
          if (!extras[k].add (job->session, job->explanations[i], &part, error))
            return FALSE;
        }
  return TRUE;
}

gboolean
vtr_explain_check_input (VtrSession *session, VtrInput *input, GError **error)
{
  if (vtr_input_get_model (input) == session->model)
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "A picture was prepared for another model than “%s”",
               vtr_model_get_name (session->model));
  return FALSE;
}

static gboolean
check_inputs (VtrSession *session, VtrInput *const *inputs, guint n_inputs, GError **error)
{
  for (guint i = 0; i < n_inputs; i++)
    if (!vtr_explain_check_input (session, inputs[i], error))
      return FALSE;
  return TRUE;
}

/* Whether the model can answer the method's target; without one, the first class is meant; for the
 * importance of heads to a model without classes, its embedding. */
static gboolean
check_target (VtrSession *session, VtrMethod *method, VtrExplainFlags flags, GError **error)
{
  VtrTarget *target = vtr_method_get_target (method);
  const char *name = vtr_method_get_name (method);

  if (!vtr_method_get_kind (method)->has_target && !(flags & VTR_EXPLAIN_IMPORTANCE))
    return TRUE;
  if (target != NULL)
    return vtr_target_check (target, session->model, error);

  if (vtr_model_get_n_classes (session->model) == 0 && !vtr_method_get_kind (method)->has_target)
    {
      g_autoptr (VtrTarget) length = vtr_target_new_length ();
      vtr_method_set_target (method, length);
      return TRUE;
    }
  if (vtr_model_get_n_classes (session->model) == 0)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "The method “%s” explains an answer, and the model “%s” has no classifier to "
                   "give one: ask with --target image:FILE or --target patch:X,Y, or give it a "
                   "head "
                   "(vitreous head train)",
                   name, vtr_model_get_name (session->model));
      return FALSE;
    }
  g_autoptr (VtrTarget) first = vtr_target_parse ("top1", session->model, error);
  if (first != NULL)
    vtr_method_set_target (method, first);
  return first != NULL;
}

/* The method's copy tells who was asked, not that it was left open. */
static gboolean
resolve_query (Job *job, GError **error)
{
  g_autofree char *query = vtr_settings_format_query (&job->settings);

  return vtr_method_get (job->method, "query") == NULL ||
         vtr_method_set (job->method, "query", query, error);
}

GPtrArray *
vtr_session_explain (VtrSession *self,
                     VtrMethod *method,
                     VtrInput *const *inputs,
                     guint n_inputs,
                     VtrExplainFlags flags,
                     VtrProgressFunc progress,
                     gpointer progress_data,
                     GCancellable *cancellable,
                     GError **error)
{
  g_return_val_if_fail (self != NULL && method != NULL, NULL);
  g_return_val_if_fail (n_inputs >= 1 && n_inputs <= VTR_MAX_BATCH, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  g_autoptr (VtrMethod) copy = vtr_method_copy (method);
  g_autoptr (GPtrArray) results =
      g_ptr_array_new_with_free_func ((GDestroyNotify) vtr_explanation_unref);
  VtrExplanation *explanations[VTR_MAX_BATCH] = { NULL };
  const VtrProgress whole = vtr_progress_whole (progress, progress_data, cancellable);
  const gboolean more = flags & (VTR_EXPLAIN_SCORE | VTR_EXPLAIN_PROOF);
  Job job = {
    .session = self,
    .method = copy,
    .flags = flags,
    .inputs = inputs,
    .n_inputs = n_inputs,
    .explanations = explanations,
    .progress = vtr_progress_part (&whole, 0.0, more ? EXPLAIN_SHARE : 1.0),
  };
  gboolean ok = check_inputs (self, inputs, n_inputs, error) &&
                check_target (self, copy, flags, error) &&
                (!(flags & VTR_EXPLAIN_PROOF) ||
                 vtr_proof_check (vtr_method_get_target (copy), self->model, error)) &&
                vtr_settings_init (&job.settings, copy, self->model, error);

  ok = ok && resolve_query (&job, error) && explain_all (&job, error) &&
       (!more || add_extras (&job, &whole, error));
  for (guint i = 0; i < n_inputs; i++)
    if (explanations[i] != NULL)
      g_ptr_array_add (results, explanations[i]);
  vtr_settings_clear (&job.settings);
  return ok ? g_steal_pointer (&results) : NULL;
}

/* Bytes of all that @n_inputs pictures of a grid take; the most there can be if it cannot be. */
static guint64
count_bytes (Job *job, guint n_rows, guint n_columns, guint n_inputs)
{
  const VtrExplainBatch batch = make_batch (job);
  VtrPlan *plan = vtr_explain_plan_batch (&batch, n_rows, n_columns, n_inputs);
  const guint64 n_bytes = plan != NULL ? vtr_arena_get_bytes (plan->arena) : G_MAXUINT64;

  vtr_plan_free (plan);
  return n_bytes;
}

guint
vtr_session_suggest_batch (VtrSession *self,
                           VtrMethod *method,
                           guint n_rows,
                           guint n_columns,
                           VtrExplainFlags flags)
{
  g_return_val_if_fail (self != NULL && method != NULL, 1);
  g_return_val_if_fail (n_rows > 0 && n_columns > 0, 1);

  const guint64 n_tokens =
      vtr_arch_n_prefix (vtr_model_get_arch (self->model)) + (guint64) n_rows * n_columns;
  Job job = { .session = self, .method = method, .flags = flags };
  guint batch = (guint) CLAMP (self->device->batch_tokens / n_tokens, 1, VTR_MAX_BATCH);

  /* What is wrong with the method is told by vtr_session_explain (). */
  if (batch > 1 && vtr_settings_init (&job.settings, method, self->model, NULL))
    {
      const guint64 left =
          vtr_device_get_bytes_left (self->device) + vtr_slots_get_bytes (&self->slots);

      while (batch > 1 && count_bytes (&job, n_rows, n_columns, batch) > left / self->slots.n_slots)
        batch = (batch + 1) / 2;
    }
  vtr_settings_clear (&job.settings);
  return batch;
}
