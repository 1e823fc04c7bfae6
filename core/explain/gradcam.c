/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * gradcam: the last layer's attention or activations, weighted with how much the target grows with
 * them (Selvaraju et al. 2017, carried over to ViTs).
 *
 * Attention, with r the weights of the tokens that ask and A, ∂y/∂A of the last layer:
 *   w_h = mean over patches k of Σ_q r[q]·∂y/∂A_h[q][k]
 *   map[k] = (mean_h w_h · Σ_q r[q]·A_h[q][k])⁺
 * Since ∂y/∂A_h[q][k] = d_context[q][h]·v[k][h], w_h is (Σ_q r[q]·d_context[q][h])·(mean_k
 * v[k][h]).
 *
 * Activations, with F what the last block's first norm gave:
 *   a[c] = mean over patches p of ∂y/∂F[p][c]
 *   map[p] = (Σ_c a[c]·F[p][c])⁺
 */
#include "explain/explain.h"

static const VtrParam param_features = {
  { .name = "features",
    .syntax = "attention|activation",
    .default_text = "attention",
    .summary = N_ ("What is weighted: the last layer's attention, or what its first norm gives.") },
  VTR_PARAM_FEATURES,
};

static const VtrParam *const params[] = {
  &param_features, &vtr_param_heads_mean, &vtr_param_query, &vtr_param_temperature, NULL,
};

/* The gradient at the heads of what asks in one picture: [n_rows][h·hd], of which the mean counts.
 */
typedef struct
{
  float *d_context;
  guint n_rows;
} Asked;

typedef struct
{
  VtrQueryScratch query;
  VtrTensor answer;   /* of the last layer to the query: [b][h](…)[n] */
  VtrTensor means;    /* [b][3][h][hd]: the patches' mean of q, k and v; of activations [b][d]: a */
  VtrTensor features; /* [b][n][d]: F; activations only */
  VtrTensor d_mean;   /* [b][h·hd]: the patches' mean of d_context, for the mean query only */
  float *read_answer; /* what is read of them */
  float *read_means;
  float *read_features;
  Asked *asked; /* [b] */
} Scratch;

static gboolean
plan_attention (Scratch *scratch, VtrExplainRun *run, GError **error)
{
  VtrArena *arena = run->arena;
  const guint32 b = run->n_inputs;
  const guint last = run->arch->n_layers - 1;
  const guint32 d = vtr_arch_context_size (run->arch, last);

  return vtr_query_plan (&scratch->query, run, error) &&
         vtr_query_plan_answer (run, last, "gradcam.answer", &scratch->answer, error) &&
         vtr_arena_plan (arena, &scratch->means, "gradcam.means", VTR_DTYPE_F32, 2,
                         (guint32[]){ b, 3 * d }, error) &&
         vtr_arena_plan (arena, &scratch->d_mean, "gradcam.d-mean", VTR_DTYPE_F32, 2,
                         (guint32[]){ b, d }, error);
}

static gboolean
plan_activation (Scratch *scratch, VtrExplainRun *run, GError **error)
{
  VtrArena *arena = run->arena;
  const guint32 b = run->n_inputs;
  const guint32 n = run->plan->n_tokens;
  const guint32 d = run->arch->hidden_size;

  return vtr_arena_plan (arena, &scratch->means, "gradcam.means", VTR_DTYPE_F32, 2,
                         (guint32[]){ b, d }, error) &&
         vtr_arena_plan (arena, &scratch->features, "gradcam.features", VTR_DTYPE_F32, 3,
                         (guint32[]){ b, n, d }, error);
}

static gboolean
gradcam_plan (VtrExplainRun *run, GError **error)
{
  Scratch *scratch = g_malloc0 (sizeof *scratch + run->n_inputs * sizeof (Asked));

  run->scratch = scratch;
  scratch->asked = (Asked *) (scratch + 1);
  return vtr_gradient_plan (run, error) &&
         (run->settings->activation ? plan_activation (scratch, run, error)
                                    : plan_attention (scratch, run, error));
}

/* ---- attention ---- */

/* Numbers that all heads of the last layer give for a token. */
static gsize
get_width (const VtrExplainRun *run)
{
  return vtr_arch_context_size (run->arch, run->arch->n_layers - 1);
}

/* Of all patches: the mean is the device's. */
static gboolean
read_mean (VtrExplainRun *run, const VtrTensor *d_context, GError **error)
{
  Scratch *scratch = run->scratch;
  float *means;

  if (!vtr_op_pool (run->stream, d_context, vtr_arch_n_prefix (run->arch), VTR_POOL_MEAN,
                    &scratch->d_mean, error))
    return FALSE;
  means = vtr_explain_read_later (run, &scratch->d_mean, error);
  for (guint image = 0; means != NULL && image < run->n_inputs; image++)
    scratch->asked[image] = (Asked){ means + image * get_width (run), 1 };
  return means != NULL;
}

/* Of some tokens of one picture, those side by side at once. */
static gboolean
read_rows (VtrExplainRun *run, const VtrTensor *d_context, guint image, GError **error)
{
  Asked *asked = &((Scratch *) run->scratch)->asked[image];
  const gsize row_bytes = get_width (run) * sizeof (float);
  const gsize first_row = image * (gsize) run->plan->n_tokens;
  g_autofree guint32 *tokens =
      vtr_explain_find_queries (run, run->inputs[image], &asked->n_rows, error);

  if (tokens == NULL)
    return FALSE;
  asked->d_context = g_malloc (asked->n_rows * row_bytes);
  g_ptr_array_add (run->buffers, asked->d_context);
  for (guint from = 0, to; from < asked->n_rows; from = to)
    {
      for (to = from + 1; to < asked->n_rows && tokens[to] == tokens[to - 1] + 1;)
        to++;
      if (!vtr_stream_read_later (run->stream, d_context, (first_row + tokens[from]) * row_bytes,
                                  asked->d_context + from * get_width (run),
                                  (to - from) * row_bytes, error))
        return FALSE;
    }
  return TRUE;
}

/* The query's gradient at the heads. */
static gboolean
read_d_context (VtrExplainRun *run, const VtrTensor *d_context, GError **error)
{
  if (run->settings->query == VTR_QUERY_MEAN)
    return read_mean (run, d_context, error);
  for (guint image = 0; image < run->n_inputs; image++)
    if (!read_rows (run, d_context, image, error))
      return FALSE;
  return TRUE;
}

static gboolean
record_attention (const VtrBackwardBlock *block, gpointer data, GError **error)
{
  VtrExplainRun *run = data;
  Scratch *scratch = run->scratch;
  VtrTensor flat = *block->qkv; /* [b][n][3·h·hd] */

  flat.n_dims = 3;
  flat.shape[2] = 3 * (guint32) get_width (run);
  if (!vtr_query_record (&scratch->query, run, block->qkv, block->lse, &scratch->answer, error) ||
      !vtr_op_pool (run->stream, &flat, vtr_arch_n_prefix (run->arch), VTR_POOL_MEAN,
                    &scratch->means, error) ||
      !read_d_context (run, block->d_context, error))
    return FALSE;
  scratch->read_answer = vtr_explain_read_later (run, &scratch->answer, error);
  scratch->read_means = vtr_explain_read_later (run, &scratch->means, error);
  return scratch->read_answer != NULL && scratch->read_means != NULL;
}

/* w_h of one picture. */
static double
weigh_head (const VtrExplainRun *run, guint image, guint head)
{
  const Scratch *scratch = run->scratch;
  const gsize d = get_width (run);
  const gsize width = run->arch->head_size;
  const float *v = scratch->read_means + (3 * image + 2) * d + head * width;
  const Asked *asked = &scratch->asked[image];
  double sum = 0.0;

  for (guint row = 0; row < asked->n_rows; row++)
    {
      const float *d_context = asked->d_context + row * d + head * width;

      for (gsize i = 0; i < width; i++)
        sum += (double) d_context[i] * v[i];
    }
  return sum / asked->n_rows;
}

static void
weigh_attention (const VtrExplainRun *run, guint image, double *map, gsize n_patches)
{
  const Scratch *scratch = run->scratch;
  const VtrSettings *settings = run->settings;
  const gsize n_tokens = run->plan->n_tokens;
  const guint n_heads = vtr_arch_n_heads (run->arch, run->arch->n_layers - 1);
  const guint n_asked = vtr_settings_count_heads (settings, n_heads);

  for (guint i = 0; i < n_asked; i++)
    {
      const guint head = settings->heads[i];
      const double weight = weigh_head (run, image, head) / n_asked;
      const float *answer =
          scratch->read_answer + (image * n_heads + head + 1) * n_tokens - n_patches;

      for (gsize patch = 0; patch < n_patches; patch++)
        map[patch] += weight * answer[patch];
    }
}

/* ---- activations ---- */

static gboolean
record_activation (const VtrBackwardBlock *block, gpointer data, GError **error)
{
  VtrExplainRun *run = data;
  Scratch *scratch = run->scratch;

  if (!vtr_op_layer_norm (run->stream, block->input, &block->weights->norm1,
                          (float) run->arch->norm_eps, &scratch->features, error) ||
      !vtr_op_pool (run->stream, block->d_normed, vtr_arch_n_prefix (run->arch), VTR_POOL_MEAN,
                    &scratch->means, error))
    return FALSE;
  scratch->read_features = vtr_explain_read_later (run, &scratch->features, error);
  scratch->read_means = vtr_explain_read_later (run, &scratch->means, error);
  return scratch->read_features != NULL && scratch->read_means != NULL;
}

static void
weigh_activation (const VtrExplainRun *run, guint image, double *map, gsize n_patches)
{
  const Scratch *scratch = run->scratch;
  const gsize d = run->arch->hidden_size;
  const float *weights = scratch->read_means + image * d;
  const float *features =
      scratch->read_features + ((image + 1) * (gsize) run->plan->n_tokens - n_patches) * d;

  for (gsize patch = 0; patch < n_patches; patch++)
    for (gsize i = 0; i < d; i++)
      map[patch] += (double) weights[i] * features[patch * d + i];
}

static void
add_map (VtrExplainRun *run, guint image)
{
  const gsize n_patches = (gsize) run->plan->n_rows * run->plan->n_columns;
  g_autofree double *sums = g_new0 (double, n_patches);
  g_autofree float *map = g_new (float, n_patches);

  if (run->settings->activation)
    weigh_activation (run, image, sums, n_patches);
  else
    weigh_attention (run, image, sums, n_patches);
  for (gsize patch = 0; patch < n_patches; patch++)
    map[patch] = (float) MAX (sums[patch], 0.0);
  vtr_explain_add_map (run, image, map);
}

static gboolean
gradcam_explain (VtrExplainRun *run, GError **error)
{
  const guint last = run->arch->n_layers - 1;
  Scratch *scratch = run->scratch;
  const gboolean activation = run->settings->activation;

  if ((!activation && !vtr_query_write (&scratch->query, run, error)) ||
      !vtr_gradient_go_back (run, NULL, last, activation,
                             activation ? record_activation : record_attention, run, error) ||
      !vtr_stream_wait (run->stream, error))
    return FALSE;
  for (guint image = 0; image < run->n_inputs; image++)
    add_map (run, image);
  return TRUE;
}

const VtrMethodKind vtr_method_gradcam = {
  .name = "gradcam",
  .summary = N_ ("The last layer's attention or activations, weighted with the target's gradient "
                 "(Grad-CAM)."),
  .params = params,
  .has_target = TRUE,
  .plan = gradcam_plan,
  .explain = gradcam_explain,
};
