/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* `advise`: what could be done about a model, each piece of advice with what it does when tried. */
#include "advise-report.h"
#include "common.h"
#include "interrupt.h"
#include "observe-run.h"
#include "report.h"

#include <math.h>
#include <stdio.h>

/* What may be said as for explain. */
static const char *const shared_options[] = { "model",     "head",   "target", "fit",
                                              "size",      "device", "batch",  "jobs",
                                              "recursive", "json",   "quiet",  NULL };

#define DEFAULT_LIMIT 32

/* Shares of the heads that are tried, in percent; numbers of layers. */
static const guint head_shares[] = { 5, 10, 20, 30 };
static const guint layer_counts[] = { 1, 2 };

/* What counts as little change. */
#define SAFE_COSINE 0.98
#define SAFE_TOP1 0.98

typedef struct
{
  int limit;
  char *output; /* NULL: nothing is written */
  CliExplainOptions *explain;
} AdviseOptions;

static gboolean
parse (AdviseOptions *self, int argc, char **argv, GError **error)
{
  /* clang-format off */
  const GOptionEntry entries[] = {
    { "limit", 0, 0, G_OPTION_ARG_INT, &self->limit,
      "At most so many pictures, spread evenly over all there are; each is run some ten times. "
      "Default: 32.", "N" },
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &self->output,
      "A folder to write advice.json, regularization.json and regularization.py to, made if need be. "
      "Default: no files.", "DIR" },
    G_OPTION_ENTRY_NULL,
  };
  /* clang-format on */

  self->explain = cli_explain_options_new_for (argc, argv, entries, shared_options, error);
  if (self->explain == NULL)
    return FALSE;
  if (self->explain->inputs[0] == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "advise needs IMAGE|DIR…: “vitreous advise --help” says more.");
      return FALSE;
    }
  return cli_check_range ("limit", self->limit, 1, G_MAXINT, error);
}

/* ---- trials ---- */

void
cli_trial_free (CliTrial *self)
{
  g_free (self->name);
  g_free (self->option);
  g_free (self);
}

/* NaN where the model has no classes. */
static gboolean
is_safe (const CliAgreement *agreement)
{
  return agreement->n_pictures > 0 && agreement->cosine >= SAFE_COSINE &&
         !(agreement->top1 < SAFE_TOP1);
}

static void
count_removed (const VtrPruning *pruning, VtrModel *model, CliTrial *trial)
{
  for (guint layer = 0; layer < vtr_model_get_n_layers (model); layer++)
    {
      const guint n_heads = vtr_model_get_layer_heads (model, layer);

      trial->n_heads += n_heads - vtr_pruning_count_heads (pruning, layer);
      trial->n_layers += !vtr_pruning_keeps_layer (pruning, layer);
    }
}

/* Turns off what @pruning names and sees what changes.  Takes @name and @option. */
static gboolean
try_pruning (CliAdvice *self,
             VtrPruning *pruning,
             char *name,
             char *option,
             const CliAsking *asking,
             const CliAnswer *answers,
             GError **error)
{
  CliTrial *trial = g_new0 (CliTrial, 1);
  g_autoptr (VtrModel) without = vtr_model_without (self->model, pruning);
  CliAnswer *others = cli_ask_pictures (asking, without, FALSE, FALSE, error);

  trial->name = name;
  trial->option = option;
  count_removed (pruning, self->model, trial);
  g_ptr_array_add (self->trials, trial);
  if (others == NULL)
    return FALSE;
  trial->agreement = cli_compare_answers (answers, others, self->pictures->len);
  trial->safe = is_safe (&trial->agreement);
  cli_answers_free (others, self->pictures->len);
  return TRUE;
}

static guint
count_heads (VtrModel *model)
{
  guint n = 0;

  for (guint layer = 0; layer < vtr_model_get_n_layers (model); layer++)
    n += vtr_model_get_layer_heads (model, layer);
  return n;
}

/* The heads that count least, ever more of them, as `prune --heads N%` takes them out. */
static gboolean
try_heads (CliAdvice *self, const CliAsking *asking, const CliAnswer *answers, GError **error)
{
  const guint n_all = count_heads (self->model);
  guint n_before = 0;

  for (guint i = 0; i < G_N_ELEMENTS (head_shares); i++)
    {
      const guint n = (guint) floor (head_shares[i] / 100.0 * n_all + 0.5);
      g_autoptr (VtrPruning) pruning = vtr_pruning_new (self->model);

      /* Small models have not so many heads that all shares differ, nor may a layer lose its last.
       */
      if (n == n_before ||
          !vtr_pruning_remove_least_heads (pruning, self->importance, n, FALSE, NULL))
        continue;
      n_before = n;
      if (!try_pruning (self, pruning,
                        g_strdup_printf ("the %u heads that count least (%u %%)", n,
                                         head_shares[i]),
                        g_strdup_printf ("--heads %u%%", head_shares[i]), asking, answers, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
try_layers (CliAdvice *self, const CliAsking *asking, const CliAnswer *answers, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (layer_counts); i++)
    {
      const guint n = layer_counts[i];
      g_autoptr (VtrPruning) pruning = vtr_pruning_new (self->model);

      if (!vtr_pruning_remove_alike_layers (pruning, self->likeness, n, NULL))
        continue;
      if (!try_pruning (self, pruning,
                        g_strdup_printf ("the %s that change%s tokens least",
                                         n == 1 ? "layer" : "2 layers", n == 1 ? "s" : ""),
                        g_strdup_printf ("--layers %u", n), asking, answers, error))
        return FALSE;
    }
  return TRUE;
}

/* The member of a group that counts most. */
static guint
find_most_important (const CliAdvice *self, const VtrHeadGroup *group)
{
  const guint h = vtr_model_get_n_heads (self->model);
  guint most = 0;

  for (guint i = 1; i < group->n; i++)
    if (self->importance[group->layers[i] * h + group->heads[i]] >
        self->importance[group->layers[most] * h + group->heads[most]])
      most = i;
  return most;
}

/* Of heads that do the same all but one. */
static gboolean
try_groups (CliAdvice *self, const CliAsking *asking, const CliAnswer *answers, GError **error)
{
  g_autoptr (VtrPruning) pruning = vtr_pruning_new (self->model);
  g_autoptr (GString) list = g_string_new ("--heads ");
  guint n = 0;

  for (guint g = 0; g < self->groups->len; g++)
    {
      const VtrHeadGroup *group = g_ptr_array_index (self->groups, g);
      const guint most = find_most_important (self, group);

      for (guint i = 0; i < group->n; i++)
        if (i != most && vtr_pruning_remove_head (pruning, group->layers[i], group->heads[i], NULL))
          g_string_append_printf (list, "%s%u:%u", n++ > 0 ? "," : "", group->layers[i],
                                  group->heads[i]);
    }
  return n == 0 ||
         try_pruning (self, pruning,
                      g_strdup_printf ("%u head%s that repeat others", n, n == 1 ? "" : "s"),
                      g_strdup (list->str), asking, answers, error);
}

/* ---- the run ---- */

static gboolean
weigh (CliAdvice *self, const CliAsking *asking, GError **error)
{
  CliAnswer *answers = cli_ask_pictures (asking, self->model, FALSE, TRUE, error);

  if (answers == NULL)
    return FALSE;
  const gboolean ok = cli_average_importance (answers, self->pictures->len, self->model,
                                              &self->importance, &self->likeness, error) &&
                      try_groups (self, asking, answers, error) &&
                      try_heads (self, asking, answers, error) &&
                      try_layers (self, asking, answers, error);
  cli_answers_free (answers, self->pictures->len);
  return ok;
}

static gboolean
observe (CliAdvice *self, VtrAnalysis *analysis, const CliAsking *asking, GError **error)
{
  g_autoptr (VtrSession) session =
      vtr_session_new (self->device, self->model, self->options->precision, cli_progress_show,
                       asking->progress, asking->cancellable, error);
  if (session == NULL)
    return FALSE;
  const CliObserving observing = {
    .options = self->options,
    .pictures = self->pictures,
    .session = session,
    .analysis = analysis,
    .progress = asking->progress,
    .cancellable = asking->cancellable,
  };

  if (!cli_observe_pictures (&observing, error))
    return FALSE;
  if (vtr_analysis_get_n_pictures (analysis) == 0)
    {
      cli_inputs_list_failures (self->pictures);
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "There is no picture to advise by: name some that can be read.");
      return FALSE;
    }
  self->groups = vtr_analysis_find_groups (analysis, VTR_ALIKE_DIVERGENCE, VTR_ALIKE_CKA);
  g_autofree double *healthy =
      self->reference != NULL ? vtr_reference_get_entropies (self->reference) : NULL;
  self->regularization = vtr_regularization_new (analysis, healthy);
  return TRUE;
}

static gboolean
report (const CliAdvice *self, const char *output, GError **error)
{
  if (self->options->json)
    {
      g_autofree char *json = cli_advice_to_json (self);
      puts (json);
    }
  else if (!self->options->quiet)
    cli_advice_print (self);
  return output == NULL || cli_advice_write (self, output, error);
}

static void
advice_clear (CliAdvice *self)
{
  g_free (self->importance);
  g_free (self->likeness);
  g_clear_pointer (&self->groups, g_ptr_array_unref);
  g_clear_pointer (&self->trials, g_ptr_array_unref);
  g_clear_pointer (&self->regularization, vtr_regularization_free);
  g_clear_pointer (&self->reference, vtr_reference_free);
}

static CliExit
advise_on (const AdviseOptions *options,
           VtrModel *model,
           VtrDevice *device,
           GCancellable *cancellable)
{
  const CliExplainOptions *explain = options->explain;
  g_autoptr (GError) error = NULL;
  g_autoptr (CliProgress) progress = cli_progress_new (explain->quiet);
  g_autoptr (GPtrArray) pictures =
      cli_inputs_collect (explain->inputs, explain->recursive, options->output);
  g_autoptr (VtrAnalysis) analysis = vtr_analysis_new (model, 1.0);
  CliAdvice advice = {
    .options = explain,
    .model = model,
    .device = device,
    .pictures = pictures,
    .target = explain->target,
    .analysis = analysis,
    .trials = g_ptr_array_new_with_free_func ((GDestroyNotify) cli_trial_free),
  };
  const CliAsking asking = {
    .options = explain,
    .pictures = pictures,
    .device = device,
    .progress = progress,
    .cancellable = cancellable,
  };

  cli_inputs_thin_out (pictures, (guint) options->limit);
  advice.reference = vtr_reference_find (model, &error);
  gboolean ok = error == NULL && observe (&advice, analysis, &asking, &error) &&
                weigh (&advice, &asking, &error);
  cli_progress_clear (progress);
  ok = ok && report (&advice, options->output, &error);
  const CliExit code = ok ? cli_conclude (pictures, NULL, "") : cli_fail (error);
  advice_clear (&advice);
  return code;
}

static CliExit
advise (const AdviseOptions *self)
{
  CliExplainOptions *explain = self->explain;
  g_autoptr (GError) error = NULL;
  g_autoptr (GCancellable) cancellable = cli_interrupt_watch ();
  g_autoptr (VtrModel) model = cli_explain_options_open_model (explain, &error);
  if (model == NULL)
    return cli_fail (error);
  g_autoptr (VtrDevice) device =
      cli_open_device (explain->device, explain->quiet || explain->json, &error);
  if (device == NULL || (self->output != NULL && !cli_make_folder (self->output, &error)))
    return cli_fail (error);
  return advise_on (self, model, device, cancellable);
}

CliExit
cli_advise (int argc, char **argv)
{
  AdviseOptions options = { .limit = DEFAULT_LIMIT };
  g_autoptr (GError) error = NULL;
  const CliExit code = parse (&options, argc, argv, &error) ? advise (&options) : cli_fail (error);

  g_free (options.output);
  g_clear_pointer (&options.explain, cli_explain_options_free);
  return code;
}
