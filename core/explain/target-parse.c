/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Text → VtrTarget: "tabby", "281", "cat-dog", "top1-top2", "cat-rest", "patch:120,80",
 * "embedding". */
#include "explain/target.h"

#include <math.h>
#include <string.h>

/* Candidates that an ambiguous name is refused with. */
#define MAX_CANDIDATES 8

/* How well a text names a class. */
typedef enum
{
  NAMES_NOT,
  NAMES_START, /* the beginning of the label, or of a part of it between commas */
  NAMES_WHOLE, /* all of it, or all of a part */
} Naming;

static char *
fold (const char *text)
{
  g_autofree char *stripped = g_strstrip (g_strdup (text));

  return g_utf8_casefold (stripped, -1);
}

/* @folded: the text, casefolded. */
static Naming
compare_label (const char *folded, const char *label)
{
  g_auto (GStrv) parts = g_strsplit (label, ",", -1);
  g_autofree char *whole = fold (label);
  Naming best = g_str_equal (whole, folded)        ? NAMES_WHOLE
                : g_str_has_prefix (whole, folded) ? NAMES_START
                                                   : NAMES_NOT;

  for (char **part = parts; *part != NULL && best != NAMES_WHOLE; part++)
    {
      g_autofree char *name = fold (*part);
      if (g_str_equal (name, folded))
        best = NAMES_WHOLE;
      else if (g_str_has_prefix (name, folded))
        best = NAMES_START;
    }
  return best;
}

/* The classes that @text names best, in ascending order. */
static GArray *
find_labels (const char *text, VtrModel *model)
{
  g_autofree char *folded = fold (text);
  GArray *found = g_array_new (FALSE, FALSE, sizeof (guint));
  Naming best = NAMES_START;

  for (guint i = 0; folded[0] != '\0' && i < vtr_model_get_n_classes (model); i++)
    {
      const char *label = vtr_model_get_label (model, i);
      const Naming naming = label != NULL ? compare_label (folded, label) : NAMES_NOT;

      if (naming < best)
        continue;
      if (naming > best)
        g_array_set_size (found, 0);
      best = naming;
      g_array_append_val (found, i);
    }
  return found;
}

/* "top3" → rank 2 */
static gboolean
parse_rank (const char *text, guint n_classes, guint *rank)
{
  guint64 number;

  if (!g_str_has_prefix (text, "top") ||
      !g_ascii_string_to_unsigned (text + 3, 10, 1, n_classes, &number, NULL))
    return FALSE;
  *rank = (guint) number - 1;
  return TRUE;
}

/* "“tabby cat” (281), “tiger cat” (282), …" */
static char *
list_candidates (GArray *found, VtrModel *model)
{
  GString *list = g_string_new (NULL);

  for (guint i = 0; i < MIN (found->len, MAX_CANDIDATES); i++)
    {
      const guint index = g_array_index (found, guint, i);
      g_string_append_printf (list, "%s“%s” (%u)", i > 0 ? ", " : "",
                              vtr_model_get_label (model, index), index);
    }
  if (found->len > MAX_CANDIDATES)
    g_string_append_printf (list, " and %u more", found->len - MAX_CANDIDATES);
  return g_string_free (list, FALSE);
}

static gboolean
fail_unknown (const char *text, VtrModel *model, GError **error)
{
  const guint n_classes = vtr_model_get_n_classes (model);

  if (vtr_model_get_label (model, 0) != NULL)
    g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                 "No class of the model “%s” is called “%s”: “vitreous inspect --json” lists "
                 "them, "
                 "and an index from 0 to %u is understood too",
                 vtr_model_get_name (model), text, n_classes - 1);
  else
    g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                 "The model “%s” has no labels, so “%s” names no class: write an index from 0 to "
                 "%u",
                 vtr_model_get_name (model), text, n_classes - 1);
  return FALSE;
}

/* A label, an index or a rank. */
static gboolean
parse_class (const char *text, VtrModel *model, VtrTargetClass *class, GError **error)
{
  const guint n_classes = vtr_model_get_n_classes (model);
  g_autoptr (GArray) found = find_labels (text, model);
  guint64 index;

  *class = (VtrTargetClass){ .is_rank = FALSE };
  if (found->len == 1)
    {
      class->number = g_array_index (found, guint, 0);
      return TRUE;
    }
  if (g_ascii_string_to_unsigned (text, 10, 0, n_classes - 1, &index, NULL))
    {
      class->number = (guint) index;
      return TRUE;
    }
  class->is_rank = parse_rank (text, n_classes, &class->number);
  if (class->is_rank)
    return TRUE;
  if (found->len == 0)
    return fail_unknown (text, model, error);

  g_autofree char *candidates = list_candidates (found, model);
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "“%s” may mean several classes: %s; write more of it, or an index", text,
               candidates);
  return FALSE;
}

static VtrTarget *
make_rest (VtrTargetClass class, VtrModel *model, GError **error)
{
  if (vtr_model_get_n_classes (model) > 1)
    return vtr_target_new_classes (VTR_TARGET_REST, class, class);
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "The model “%s” has one class, so there is no rest: ask for the class alone",
               vtr_model_get_name (model));
  return NULL;
}

static VtrTarget *
parse_pair (const char *before, const char *after, VtrModel *model, GError **error)
{
  VtrTargetClass a, b;

  if (!parse_class (before, model, &a, error))
    return NULL;
  if (g_str_equal (after, "rest"))
    return make_rest (a, model, error);
  if (!parse_class (after, model, &b, error))
    return NULL;
  if (a.number == b.number && a.is_rank == b.is_rank)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "--target %s-%s contrasts a class with itself: name two different ones", before,
                   after);
      return NULL;
    }
  return vtr_target_new_classes (VTR_TARGET_CONTRAST, a, b);
}

/* Labels have hyphens too: every one is tried as the minus.  NULL without @error where none is. */
static VtrTarget *
parse_contrast (const char *text, VtrModel *model, GError **error)
{
  g_autoptr (VtrTarget) target = NULL;
  g_autoptr (GError) first_error = NULL;

  for (const char *minus = strchr (text, '-'); minus != NULL; minus = strchr (minus + 1, '-'))
    {
      g_autofree char *before = g_strndup (text, (gsize) (minus - text));
      g_autoptr (VtrTarget) split =
          parse_pair (before, minus + 1, model, first_error == NULL ? &first_error : NULL);

      if (split != NULL && target != NULL)
        {
          g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                       "--target %s can be read as %s and as %s: write indices", text, target->text,
                       split->text);
          return NULL;
        }
      if (split != NULL)
        target = g_steal_pointer (&split);
    }
  if (target == NULL && first_error != NULL)
    g_propagate_error (error, g_steal_pointer (&first_error));
  return g_steal_pointer (&target);
}

/* A finite number, all of @text. */
static gboolean
parse_number (const char *text, double *number)
{
  char *end;

  *number = g_ascii_strtod (text, &end);
  return end != text && *end == '\0' && isfinite (*number);
}

static VtrTarget *
parse_patch (const char *place, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (place, ",", 2);
  double x, y;

  if (parts[0] != NULL && parts[1] != NULL && parse_number (parts[0], &x) &&
      parse_number (parts[1], &y))
    return vtr_target_new_patch (x, y);
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "“patch:%s” is no place: write patch:X,Y, a pixel of the picture", place);
  return NULL;
}

VtrTarget *
vtr_target_parse (const char *text, VtrModel *model, GError **error)
{
  g_return_val_if_fail (text != NULL && model != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  g_autoptr (GError) class_error = NULL;
  VtrTargetClass class;

  if (g_str_has_prefix (text, "patch:"))
    return parse_patch (text + strlen ("patch:"), error);
  if (g_str_equal (text, VTR_TARGET_LENGTH_TEXT))
    return vtr_target_new_length ();
  if (vtr_model_get_n_classes (model) == 0)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "The model “%s” has no classifier to ask for “%s”: ask with image:FILE or "
                   "patch:X,Y, or give it a head (vitreous head train)",
                   vtr_model_get_name (model), text);
      return NULL;
    }
  if (parse_class (text, model, &class, &class_error))
    return vtr_target_new_classes (VTR_TARGET_CLASS, class, class);

  g_autoptr (GError) contrast_error = NULL;
  VtrTarget *contrast = parse_contrast (text, model, &contrast_error);
  if (contrast == NULL)
    g_propagate_error (error, contrast_error != NULL ? g_steal_pointer (&contrast_error)
                                                     : g_steal_pointer (&class_error));
  return contrast;
}
