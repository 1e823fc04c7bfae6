/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "recipe.h"
#include "common.h"

#include <string.h>

/* A relative path or a name as it is; of an absolute path the last part. */
static char *
without_folders (const char *path)
{
  g_autofree char *shown = g_path_is_absolute (path) ? g_path_get_basename (path) : g_strdup (path);

  return cli_name_to_text (shown);
}

static void
add_option (GStrvBuilder *recipe, const char *name, const char *value)
{
  g_autofree char *option = g_strconcat ("--", name, NULL);

  g_strv_builder_add_many (recipe, option, value, NULL);
}

/* Nothing where there is none; of a picture's absolute path the last part. */
static void
add_target (GStrvBuilder *recipe, const char *target)
{
  if (target != NULL && g_str_has_prefix (target, "image:"))
    {
      g_autofree char *picture = without_folders (target + strlen ("image:"));
      g_autofree char *shown = g_strconcat ("image:", picture, NULL);
      add_option (recipe, "target", shown);
    }
  else if (target != NULL)
    add_option (recipe, "target", target);
}

char **
cli_recipe_new (const CliExplainOptions *options, VtrModel *model, const char *path)
{
  g_autoptr (GStrvBuilder) recipe = g_strv_builder_new ();
  g_autofree char *model_name =
      without_folders (options->model == NULL ? vtr_model_get_name (model) : options->model);
  g_autofree char *picture = without_folders (path);
  char opacity[G_ASCII_DTOSTR_BUF_SIZE];
  guint n_params;
  const VtrMethodParam *const *params =
      vtr_method_get_params (vtr_method_get_name (options->method), &n_params);

  g_strv_builder_add_many (recipe, "vitreous", "explain", NULL);
  add_option (recipe, "model", model_name);
  if (options->head != NULL)
    {
      g_autofree char *head = without_folders (options->head);
      add_option (recipe, "head", head);
    }
  add_option (recipe, "method", vtr_method_get_name (options->method));
  for (guint i = 0; i < n_params; i++)
    add_option (recipe, params[i]->name, vtr_method_get (options->method, params[i]->name));
  add_target (recipe, options->target);
  add_option (recipe, "fit", vtr_fit_get_name (options->fit));
  if (options->size > 0)
    {
      g_autofree char *size = g_strdup_printf ("%u", options->size);
      add_option (recipe, "size", size);
    }
  add_option (recipe, "precision", vtr_precision_get_name (options->precision));
  add_option (recipe, "colormap", options->colormap);
  add_option (recipe, "opacity", g_ascii_formatd (opacity, sizeof opacity, "%g", options->opacity));
  add_option (recipe, "write", options->write_text);
  if (options->keep & VTR_EXPLAIN_MATRIX)
    g_strv_builder_add (recipe, "--save-matrix");
  if (options->keep & VTR_EXPLAIN_SCORE)
    g_strv_builder_add (recipe, "--score");
  if (options->keep & VTR_EXPLAIN_PROOF)
    g_strv_builder_add (recipe, "--prove");
  if (picture[0] == '-')
    g_strv_builder_add (recipe, "--");
  g_strv_builder_add (recipe, picture);
  return g_strv_builder_end (recipe);
}

char *
cli_recipe_to_text (char **recipe)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; recipe[i] != NULL; i++)
    {
      const gboolean plain =
          recipe[i][0] != '\0' &&
          recipe[i][strspn (recipe[i], G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_-./,:=@+")] ==
              '\0';
      g_autofree char *quoted = plain ? g_strdup (recipe[i]) : g_shell_quote (recipe[i]);
      g_string_append_printf (text, "%s%s", i > 0 ? " " : "", quoted);
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}
