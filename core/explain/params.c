/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* The text of a parameter and its meaning: "0,3-5" of a model with 12 layers. */
#include "explain/explain.h"

#include <math.h>

/* No model has more; keeps a range like 0-4000000000 from filling memory. */
#define MAX_INDEX 4095

/* As many as a large grid has patches. */
#define MAX_PLACES 65536

const VtrParam vtr_param_query = {
  { .name = "query",
    .syntax = "cls|mean|X,Y[;X,Y…]",
    .default_text = "auto",
    .summary =
        N_ ("Whose attention to show: the CLS token's, the mean of all patches', or that of the "
            "patch at a pixel, of several pixels the mean of their patches'; by default CLS "
            "where the model has it, else mean, and for a target what its number is read from.") },
  VTR_PARAM_QUERY,
};

const VtrParam vtr_param_temperature = {
  { .name = "temperature",
    .syntax = "a number from 0.01 to 100",
    .default_text = "1",
    .summary =
        N_ ("Divides the attention logits in every layer; 1 is as trained, less is sharper."),
    .min = 0.01,
    .max = 100.0 },
  VTR_PARAM_TEMPERATURE,
};

const VtrParam vtr_param_discard_ratio = {
  { .name = "discard-ratio",
    .syntax = "a number from 0 to 0.999",
    .default_text = "0",
    .summary = N_ ("The share of each layer's fused attention, lowest first, that is left out."),
    .min = 0.0,
    .max = 0.999 },
  VTR_PARAM_DISCARD_RATIO,
};

const VtrParam vtr_param_start_layer = {
  { .name = "start-layer",
    .syntax = "0|1|…|11",
    .default_text = "0",
    .summary = N_ ("The first layer that takes part, counted from 0 at the patches.") },
  VTR_PARAM_START_LAYER,
};

const VtrParam vtr_param_heads_mean = {
  { .name = "heads",
    .syntax = "mean|0,2",
    .default_text = "mean",
    .summary = N_ ("The heads that take part, fused by their mean.") },
  VTR_PARAM_HEADS_MEAN,
};

static gboolean
fail_usage (const VtrParam *param, const char *text, GError **error)
{
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE, "“%s” is no value for --%s: write %s", text,
               param->public.name, param->public.syntax);
  return FALSE;
}

/* "A" or "A-B" */
static gboolean
parse_range (const char *text, guint64 *first, guint64 *last)
{
  g_auto (GStrv) ends = g_strsplit (text, "-", 2);

  if (ends[0] == NULL || !g_ascii_string_to_unsigned (ends[0], 10, 0, MAX_INDEX, first, NULL))
    return FALSE;
  *last = *first;
  return ends[1] == NULL ||
         (g_ascii_string_to_unsigned (ends[1], 10, 0, MAX_INDEX, last, NULL) && *first <= *last);
}

/* "0,3-5" → a set of flags, one an index.  NULL if it cannot be read. */
static GArray *
parse_indices (const char *text)
{
  g_auto (GStrv) parts = g_strsplit (text, ",", -1);
  g_autoptr (GArray) chosen = g_array_new (FALSE, TRUE, sizeof (gboolean));

  if (parts[0] == NULL)
    return NULL;
  for (char **part = parts; *part != NULL; part++)
    {
      guint64 first, last;

      if (!parse_range (g_strstrip (*part), &first, &last))
        return NULL;
      if (last >= chosen->len)
        g_array_set_size (chosen, (guint) last + 1);
      for (guint64 index = first; index <= last; index++)
        g_array_index (chosen, gboolean, index) = TRUE;
    }
  return g_steal_pointer (&chosen);
}

/* The chosen indices in ascending order; fails where the model has not that many. */
static gboolean
list_indices (const VtrParam *param,
              GArray *chosen,
              guint n_available,
              guint **indices,
              guint *n_indices,
              GError **error)
{
  if (chosen->len > n_available)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "--%s asks for number %u, but this model has 0 to %u", param->public.name,
                   chosen->len - 1, n_available - 1);
      return FALSE;
    }

  *indices = g_new (guint, chosen->len);
  *n_indices = 0;
  for (guint index = 0; index < chosen->len; index++)
    if (g_array_index (chosen, gboolean, index))
      (*indices)[(*n_indices)++] = index;
  return TRUE;
}

static void
list_all (guint n_available, guint **indices, guint *n_indices)
{
  *indices = g_new (guint, n_available);
  *n_indices = n_available;
  for (guint index = 0; index < n_available; index++)
    (*indices)[index] = index;
}

static gboolean
read_layers (const VtrParam *param,
             const char *text,
             VtrModel *model,
             VtrSettings *settings,
             GError **error)
{
  const guint n_layers = model != NULL ? vtr_model_get_n_layers (model) : MAX_INDEX + 1;

  if (g_str_equal (text, "all"))
    {
      list_all (n_layers, &settings->layers, &settings->n_layers);
      return TRUE;
    }
  if (g_str_equal (text, "last"))
    {
      settings->layers = g_new (guint, 1);
      settings->layers[0] = n_layers - 1;
      settings->n_layers = 1;
      return TRUE;
    }

  g_autoptr (GArray) chosen = parse_indices (text);
  if (chosen == NULL)
    return fail_usage (param, text, error);
  return list_indices (param, chosen, n_layers, &settings->layers, &settings->n_layers, error);
}

static gboolean
read_heads (const VtrParam *param,
            const char *text,
            VtrModel *model,
            VtrSettings *settings,
            GError **error)
{
  static const struct
  {
    const char *name;
    gboolean fuse;
    VtrFusion fusion;
  } words[] = {
    { "mean", TRUE, VTR_FUSION_MEAN },
    { "max", TRUE, VTR_FUSION_MAX },
    { "min", TRUE, VTR_FUSION_MIN },
    { "all", FALSE, VTR_FUSION_MEAN },
  };
  const guint n_heads = model != NULL ? vtr_model_get_n_heads (model) : MAX_INDEX + 1;

  settings->fuse = FALSE;
  settings->fusion = VTR_FUSION_MEAN;
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (g_str_equal (text, words[i].name))
      {
        settings->fuse = words[i].fuse;
        settings->fusion = words[i].fusion;
        list_all (n_heads, &settings->heads, &settings->n_heads);
        return TRUE;
      }

  g_autoptr (GArray) chosen = parse_indices (text);
  if (chosen == NULL)
    return fail_usage (param, text, error);
  settings->heads_chosen = TRUE;
  return list_indices (param, chosen, n_heads, &settings->heads, &settings->n_heads, error);
}

static gboolean
read_start_layer (const VtrParam *param,
                  const char *text,
                  VtrModel *model,
                  VtrSettings *settings,
                  GError **error)
{
  const guint n_layers = model != NULL ? vtr_model_get_n_layers (model) : MAX_INDEX + 1;
  guint64 first;

  if (!g_ascii_string_to_unsigned (text, 10, 0, MAX_INDEX, &first, NULL))
    return fail_usage (param, text, error);
  if (first >= n_layers)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "--%s asks for layer %u, but this model has 0 to %u", param->public.name,
                   (guint) first, n_layers - 1);
      return FALSE;
    }
  settings->n_layers = n_layers - (guint) first;
  settings->layers = g_new (guint, settings->n_layers);
  for (guint i = 0; i < settings->n_layers; i++)
    settings->layers[i] = (guint) first + i;
  return TRUE;
}

static gboolean
read_heads_mean (const VtrParam *param,
                 const char *text,
                 VtrModel *model,
                 VtrSettings *settings,
                 GError **error)
{
  if (g_ascii_isalpha (text[0]) && !g_str_equal (text, "mean"))
    return fail_usage (param, text, error);
  return read_heads (param, text, model, settings, error);
}

static gboolean
read_features (const VtrParam *param, const char *text, VtrSettings *settings, GError **error)
{
  settings->activation = g_str_equal (text, "activation");
  return settings->activation || g_str_equal (text, "attention") || fail_usage (param, text, error);
}

/* A finite number, all of @text. */
static gboolean
parse_number (const char *text, double *number)
{
  char *end;

  *number = g_ascii_strtod (text, &end);
  return end != text && *end == '\0' && isfinite (*number);
}

/* "X,Y" */
static gboolean
parse_place (const char *text, VtrPlace *place)
{
  g_auto (GStrv) parts = g_strsplit (text, ",", 2);

  return parts[0] != NULL && parts[1] != NULL && parse_number (parts[0], &place->x) &&
         parse_number (parts[1], &place->y);
}

/* "X,Y;X,Y" */
static gboolean
read_places (const VtrParam *param, const char *text, VtrSettings *settings, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text, ";", MAX_PLACES + 1);
  const guint n_parts = g_strv_length (parts);

  if (n_parts == 0)
    return fail_usage (param, text, error);
  if (n_parts > MAX_PLACES)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   "--%s names more than %u places: leave out those that share a patch",
                   param->public.name, MAX_PLACES);
      return FALSE;
    }
  settings->query = VTR_QUERY_PLACES;
  settings->places = g_new (VtrPlace, n_parts);
  settings->n_places = n_parts;
  for (guint i = 0; i < n_parts; i++)
    if (!parse_place (parts[i], &settings->places[i]))
      return fail_usage (param, parts[i], error);
  return TRUE;
}

static gboolean
read_query (const VtrParam *param,
            const char *text,
            VtrModel *model,
            VtrSettings *settings,
            GError **error)
{
  const gboolean has_cls = model == NULL || vtr_model_has_cls_token (model);

  if (g_str_equal (text, "auto"))
    {
      settings->query = has_cls ? VTR_QUERY_CLS : VTR_QUERY_MEAN;
      return TRUE;
    }
  if (g_str_equal (text, "mean"))
    {
      settings->query = VTR_QUERY_MEAN;
      return TRUE;
    }
  if (g_str_equal (text, "cls"))
    {
      settings->query = VTR_QUERY_CLS;
      if (!has_cls)
        g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                     "The model “%s” has no CLS token to ask: use --query mean or a pixel X,Y",
                     vtr_model_get_name (model));
      return has_cls;
    }
  return read_places (param, text, settings, error);
}

static gboolean
read_number (const VtrParam *param, const char *text, double *number, GError **error)
{
  if (!parse_number (text, number) || *number < param->public.min || *number > param->public.max)
    return fail_usage (param, text, error);
  return TRUE;
}

/* With no model, only what needs none is checked. */
static gboolean
read_param (const VtrParam *param,
            const char *text,
            VtrModel *model,
            VtrSettings *settings,
            GError **error)
{
  switch (param->kind)
    {
    case VTR_PARAM_LAYERS:
      return read_layers (param, text, model, settings, error);
    case VTR_PARAM_HEADS:
      return read_heads (param, text, model, settings, error);
    case VTR_PARAM_QUERY:
      return read_query (param, text, model, settings, error);
    case VTR_PARAM_TEMPERATURE:
      return read_number (param, text, &settings->temperature, error);
    case VTR_PARAM_DISCARD_RATIO:
      return read_number (param, text, &settings->discard_ratio, error);
    case VTR_PARAM_START_LAYER:
      return read_start_layer (param, text, model, settings, error);
    case VTR_PARAM_HEADS_MEAN:
      return read_heads_mean (param, text, model, settings, error);
    case VTR_PARAM_FEATURES:
      return read_features (param, text, settings, error);
    }
  g_return_val_if_reached (FALSE);
}

gboolean
vtr_param_check (const VtrParam *param, const char *text, GError **error)
{
  VtrSettings settings = { 0 };
  const gboolean ok = read_param (param, text, NULL, &settings, error);

  vtr_settings_clear (&settings);
  return ok;
}

/* Attention is followed from the tokens that the target's number is read from. */
static void
ask_what_is_read (VtrSettings *self, const VtrTarget *target, const VtrArch *arch)
{
  if (target != NULL && target->kind == VTR_TARGET_PATCH)
    {
      self->query = VTR_QUERY_PLACES;
      self->places = g_new (VtrPlace, 1);
      self->places[0] = (VtrPlace){ target->x, target->y };
      self->n_places = 1;
    }
  else if (arch->head_pool == VTR_HEAD_POOL_MEAN)
    self->query = VTR_QUERY_MEAN;
}

/* Layers that heads were taken out of have not all of them: heads that no asked layer has are left
 * out, but heads chosen by their numbers must be in each. */
static gboolean
fit_heads (VtrSettings *self, const VtrArch *arch, GError **error)
{
  const guint last = self->n_heads > 0 ? self->heads[self->n_heads - 1] : 0;
  guint most = 1;

  for (guint i = 0; i < self->n_layers; i++)
    {
      const guint n_heads = vtr_arch_n_heads (arch, self->layers[i]);

      if (self->heads_chosen && last >= n_heads)
        {
          g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                       "--heads asks for number %u, but layer %u of this model has 0 to %u", last,
                       self->layers[i], n_heads - 1);
          return FALSE;
        }
      most = MAX (most, n_heads);
    }
  self->n_heads = vtr_settings_count_heads (self, most);
  return TRUE;
}

gboolean
vtr_settings_init (VtrSettings *self, VtrMethod *method, VtrModel *model, GError **error)
{
  const VtrMethodKind *kind = vtr_method_get_kind (method);

  *self = (VtrSettings){ .temperature = 1.0 };
  for (guint i = 0; kind->params[i] != NULL; i++)
    if (!read_param (kind->params[i], vtr_method_get (method, kind->params[i]->public.name), model,
                     self, error))
      return FALSE;
  if (self->layers == NULL) /* no parameter names any: the last */
    {
      self->layers = g_new (guint, 1);
      self->layers[0] = vtr_model_get_n_layers (model) - 1;
      self->n_layers = 1;
    }
  if (kind->has_target && g_strcmp0 (vtr_method_get (method, "query"), "auto") == 0)
    ask_what_is_read (self, vtr_method_get_target (method), vtr_model_get_arch (model));
  return fit_heads (self, vtr_model_get_arch (model), error);
}

void
vtr_settings_clear (VtrSettings *self)
{
  g_clear_pointer (&self->layers, g_free);
  g_clear_pointer (&self->heads, g_free);
  g_clear_pointer (&self->places, g_free);
}

static char *
format_places (const VtrSettings *self)
{
  GString *text = g_string_new (NULL);
  char x[G_ASCII_DTOSTR_BUF_SIZE];
  char y[G_ASCII_DTOSTR_BUF_SIZE];

  for (guint i = 0; i < self->n_places; i++)
    g_string_append_printf (text, "%s%s,%s", i > 0 ? ";" : "",
                            g_ascii_dtostr (x, sizeof x, self->places[i].x),
                            g_ascii_dtostr (y, sizeof y, self->places[i].y));
  return g_string_free (text, FALSE);
}

char *
vtr_settings_format_query (const VtrSettings *self)
{
  switch (self->query)
    {
    case VTR_QUERY_CLS:
      return g_strdup ("cls");
    case VTR_QUERY_MEAN:
      return g_strdup ("mean");
    case VTR_QUERY_PLACES:
      return format_places (self);
    }
  g_return_val_if_reached (NULL);
}

gboolean
vtr_settings_ask_one (const VtrSettings *self)
{
  return self->query == VTR_QUERY_CLS || (self->query == VTR_QUERY_PLACES && self->n_places == 1);
}

gboolean
vtr_settings_get_head_mask (const VtrSettings *self, guint64 *mask, GError **error)
{
  *mask = 0;
  for (guint i = 0; i < self->n_heads; i++)
    {
      if (self->heads[i] >= 64)
        {
          g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
                       "This method takes the first 64 heads of a layer, not head %u: choose with "
                       "--heads",
                       self->heads[i]);
          return FALSE;
        }
      *mask |= G_GUINT64_CONSTANT (1) << self->heads[i];
    }
  return TRUE;
}

guint
vtr_settings_count_heads (const VtrSettings *self, guint n_heads)
{
  guint n = 0;

  while (n < self->n_heads && self->heads[n] < n_heads)
    n++;
  return n;
}

guint64
vtr_head_mask_of_layer (guint64 mask, const VtrTensor *qkv)
{
  const guint32 n_heads = qkv->shape[VTR_AXIS_QKV_HEADS];

  return n_heads >= 64 ? mask : mask & ((G_GUINT64_CONSTANT (1) << n_heads) - 1);
}
