/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "method-options.h"

#include <string.h>

#define DEFAULT_METHOD "raw"
#define DEFAULT_METHOD_OF_TARGET "relevance"

/* More than all methods have; one too many would stop the program at once. */
#define MAX_PARAMS 32

/* The parameters of all methods, each once, and what the user gave for them. */
static struct
{
  const VtrMethodParam *params[MAX_PARAMS];
  char *given[MAX_PARAMS];
  guint n;
} param_table;

static char *given_method;

static void
collect_params (void)
{
  const char *const *methods = vtr_method_list ();

  for (guint m = 0; methods[m] != NULL; m++)
    {
      guint n;
      const VtrMethodParam *const *params = vtr_method_get_params (methods[m], &n);

      for (guint i = 0; i < n; i++)
        {
          guint known = 0;
          while (known < param_table.n &&
                 strcmp (param_table.params[known]->name, params[i]->name) != 0)
            known++;
          if (known < param_table.n)
            continue;
          g_assert (param_table.n < MAX_PARAMS);
          param_table.params[param_table.n++] = params[i];
        }
    }
}

/* "raw, rollout": the methods that have a parameter, or NULL if all have it. */
static char *
methods_with (const char *param)
{
  const char *const *methods = vtr_method_list ();
  g_autoptr (GPtrArray) having = g_ptr_array_new ();
  guint n_methods = 0;

  for (; methods[n_methods] != NULL; n_methods++)
    {
      guint n;
      const VtrMethodParam *const *params = vtr_method_get_params (methods[n_methods], &n);
      for (guint i = 0; i < n; i++)
        if (strcmp (params[i]->name, param) == 0)
          g_ptr_array_add (having, (gpointer) methods[n_methods]);
    }
  if (having->len == n_methods)
    return NULL;
  g_ptr_array_add (having, NULL);
  return g_strjoinv (", ", (char **) having->pdata);
}

static GOptionEntry
param_entry (guint index)
{
  const VtrMethodParam *param = param_table.params[index];
  g_autofree char *methods = methods_with (param->name);
  g_autoptr (GString) text = g_string_new (param->summary);
  const gboolean is_number = param->min < param->max;

  if (is_number)
    g_string_append_printf (text, " From %g to %g.", param->min, param->max);
  if (methods != NULL)
    g_string_append_printf (text, " Only for %s.", methods);
  g_string_append_printf (text, " Default: %s.", param->default_text);
  return (GOptionEntry){
    .long_name = param->name,
    .arg = G_OPTION_ARG_STRING,
    .arg_data = &param_table.given[index],
    .description = g_string_free (g_steal_pointer (&text), FALSE),
    .arg_description = is_number ? "NUMBER" : param->syntax,
  };
}

static char *
describe_methods (void)
{
  const char *const *methods = vtr_method_list ();
  g_autoptr (GString) text =
      g_string_new ("How maps are made of attention. Default: " DEFAULT_METHOD
                    ", with --target " DEFAULT_METHOD_OF_TARGET ".");

  for (guint i = 0; methods[i] != NULL; i++)
    g_string_append_printf (text, "\n%s: %s", methods[i], vtr_method_get_summary (methods[i]));
  return g_string_free (g_steal_pointer (&text), FALSE);
}

void
cli_method_options_add (GArray *entries)
{
  const GOptionEntry method = {
    .long_name = "method",
    .arg = G_OPTION_ARG_STRING,
    .arg_data = &given_method,
    .description = describe_methods (),
    .arg_description = g_strjoinv ("|", (char **) vtr_method_list ()),
  };

  collect_params ();
  g_array_append_val (entries, method);
  for (guint i = 0; i < param_table.n; i++)
    {
      const GOptionEntry param = param_entry (i);
      g_array_append_val (entries, param);
    }
}

/* "grad-rollout, relevance" */
static char *
methods_with_target (void)
{
  const char *const *methods = vtr_method_list ();
  g_autoptr (GPtrArray) having = g_ptr_array_new ();

  for (guint i = 0; methods[i] != NULL; i++)
    if (vtr_method_takes_target (methods[i]))
      g_ptr_array_add (having, (gpointer) methods[i]);
  g_ptr_array_add (having, NULL);
  return g_strjoinv (", ", (char **) having->pdata);
}

static VtrMethod *
make_named (gboolean has_target, gboolean scores, GError **error)
{
  const char *unnamed = has_target ? DEFAULT_METHOD_OF_TARGET : DEFAULT_METHOD;
  VtrMethod *method = vtr_method_new (given_method == NULL ? unnamed : given_method, error);

  /* What explains nothing can be scored by a target all the same. */
  if (method == NULL || !has_target || scores ||
      vtr_method_takes_target (vtr_method_get_name (method)))
    return method;

  g_autofree char *methods = methods_with_target ();
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "The method “%s” shows attention whatever is asked, so it has no --target; it "
               "belongs "
               "to: %s.",
               given_method, methods);
  g_object_unref (method);
  return NULL;
}

VtrMethod *
cli_method_options_make (gboolean has_target, gboolean scores, GError **error)
{
  g_autoptr (VtrMethod) method = make_named (has_target, scores, error);

  if (method == NULL)
    return NULL;
  for (guint i = 0; i < param_table.n; i++)
    {
      const char *name = param_table.params[i]->name;
      g_autofree char *methods = NULL;

      if (param_table.given[i] == NULL)
        continue;
      if (vtr_method_get (method, name) == NULL)
        {
          methods = methods_with (name);
          g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                       "The method “%s” has no --%s; it belongs to: %s.",
                       vtr_method_get_name (method), name, methods);
          return NULL;
        }
      if (!vtr_method_set (method, name, param_table.given[i], error))
        return NULL;
    }
  return g_steal_pointer (&method);
}

/* Where what is said of @name goes; NULL where there is no such option. */
static char **
find_place (const char *name)
{
  if (strcmp (name, "method") == 0)
    return &given_method;
  for (guint i = 0; i < param_table.n; i++)
    if (strcmp (name, param_table.params[i]->name) == 0)
      return &param_table.given[i];
  return NULL;
}

gboolean
cli_method_options_set (const char *name, char *value)
{
  char **place = find_place (name);

  if (place == NULL)
    return FALSE;
  *place = value;
  return TRUE;
}

char *
cli_method_options_list (void)
{
  g_autoptr (GString) names = g_string_new ("method");

  for (guint i = 0; i < param_table.n; i++)
    g_string_append_printf (names, ", %s", param_table.params[i]->name);
  return g_string_free (g_steal_pointer (&names), FALSE);
}

char **
cli_method_options_keep (void)
{
  char **kept = g_new (char *, MAX_PARAMS + 1);

  memcpy (kept, param_table.given, sizeof param_table.given);
  kept[MAX_PARAMS] = given_method;
  return kept;
}

void
cli_method_options_restore (char **kept)
{
  memcpy (param_table.given, kept, sizeof param_table.given);
  given_method = kept[MAX_PARAMS];
  g_free (kept);
}
