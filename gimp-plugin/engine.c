/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "engine.h"
#include "i18n.h"

#include <math.h>
#include <string.h>

struct _VgpEngine
{
  char *device_name; /* as the settings say it */
  VtrDevice *device;
  char *model_name;
  char *head_name;
  VtrModel *model;
  VtrPrecision precision;
  VtrSession *session; /* of device, model and precision */
  VtrFit fit;
  guint size;
  VtrInput *input; /* of model, fit and size */
};

VgpEngine *
vgp_engine_new (void)
{
  return g_new0 (VgpEngine, 1);
}

void
vgp_engine_free (VgpEngine *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->input, vtr_input_unref);
  g_clear_object (&self->session);
  g_clear_object (&self->model);
  g_clear_object (&self->device);
  g_free (self->device_name);
  g_free (self->model_name);
  g_free (self->head_name);
  g_free (self);
}

/* ---------------------------------------------------------------- model, device, session */

/* What a name stands for: as on the command line, the environment goes before the default. */
static char *
find_model (const char *name, GError **error)
{
  if (*name == '\0')
    name = g_getenv ("VITREOUS_MODEL");
  if (name == NULL || *name == '\0')
    {
      g_auto (GStrv) installed = vtr_models_list ();

      name = NULL;
      if (installed[0] == NULL)
        {
          g_set_error (error, VTR_ERROR, VTR_ERROR_NOT_FOUND,
                       _ ("No model is installed: choose a checkpoint's folder or file as the "
                          "model, or install one with “vitreous import FILE”."));
          return NULL;
        }
    }
  return vtr_model_find (name, error);
}

static VtrModel *
load_model (const char *name, const char *head_name, GError **error)
{
  g_autofree char *path = find_model (name, error);
  g_autoptr (VtrModel) model = path != NULL ? vtr_model_open (path, error) : NULL;

  if (model == NULL || *head_name == '\0')
    return g_steal_pointer (&model);
  g_autoptr (VtrHead) head = vtr_head_load (head_name, error);
  return head != NULL ? vtr_model_with_head (model, head, error) : NULL;
}

VtrModel *
vgp_engine_open_model (VgpEngine *self, VgpSettings *settings, GError **error)
{
  const char *name = vgp_settings_get (settings, "model");
  const char *head_name = vgp_settings_get (settings, "head");

  if (self->model != NULL && g_strcmp0 (self->model_name, name) == 0 &&
      g_strcmp0 (self->head_name, head_name) == 0)
    return self->model;

  VtrModel *model = load_model (name, head_name, error);
  if (model == NULL)
    return NULL;
  g_clear_pointer (&self->input, vtr_input_unref);
  g_clear_object (&self->session);
  g_clear_object (&self->model);
  g_free (self->model_name);
  g_free (self->head_name);
  self->model = model;
  self->model_name = g_strdup (name);
  self->head_name = g_strdup (head_name);
  return model;
}

static gboolean
open_device (VgpEngine *self, VgpSettings *settings, GError **error)
{
  const char *name = vgp_settings_get (settings, "device");

  if (self->device != NULL && strcmp (self->device_name, name) == 0)
    return TRUE;
  VtrDevice *device = vtr_device_open (name, error);
  if (device == NULL)
    return FALSE;
  g_clear_object (&self->session);
  g_clear_object (&self->device);
  g_free (self->device_name);
  self->device = device;
  self->device_name = g_strdup (name);
  return TRUE;
}

/* Where a device was lost its session is of no use any more. */
static void
forget_device (VgpEngine *self)
{
  g_clear_object (&self->session);
  g_clear_object (&self->device);
  g_clear_pointer (&self->device_name, g_free);
}

static gboolean
open_session (VgpEngine *self,
              VgpSettings *settings,
              VtrProgressFunc progress,
              gpointer progress_data,
              GCancellable *cancellable,
              GError **error)
{
  VtrPrecision precision;

  if (vgp_engine_open_model (self, settings, error) == NULL ||
      !open_device (self, settings, error) ||
      !vtr_precision_parse (vgp_settings_get (settings, "precision"), &precision, error))
    return FALSE;
  if (self->session != NULL && precision == self->precision)
    return TRUE;
  g_clear_object (&self->session);
  self->precision = precision;
  self->session = vtr_session_new (self->device, self->model, precision, progress, progress_data,
                                   cancellable, error);
  return self->session != NULL;
}

/* ---------------------------------------------------------------- input */

/* Where the user leaves the size open, a head knows best at which one it was trained. */
static guint
find_size (VgpEngine *self, VgpSettings *settings)
{
  const guint size = (guint) vgp_settings_get_number (settings, "size");
  VtrHead *head = vtr_model_get_head (self->model);

  return size == 0 && head != NULL ? vtr_head_get_size (head) : size;
}

static gboolean
prepare_input (VgpEngine *self, VgpPicture *picture, VgpSettings *settings, GError **error)
{
  const guint size = find_size (self, settings);
  VtrFit fit;

  if (!vtr_fit_parse (vgp_settings_get (settings, "fit"), &fit, error))
    return FALSE;
  if (self->input != NULL && vtr_input_get_image (self->input) == picture->image &&
      self->fit == fit && self->size == size)
    return TRUE;
  g_clear_pointer (&self->input, vtr_input_unref);
  self->fit = fit;
  self->size = size;
  self->input = vtr_input_new (self->model, picture->image, fit, size, error);
  return self->input != NULL;
}

/* ---------------------------------------------------------------- method */

static gboolean
wants_score (VgpSettings *settings)
{
  return vgp_settings_has (settings, "score") && vgp_settings_get_switch (settings, "score");
}

/* What the parameter “heads” has to be so that there are the maps to show; NULL with an error. */
static const char *
find_heads (VgpSettings *settings, GError **error)
{
  const char *heads = vgp_settings_get (settings, "heads");
  const char *show =
      vgp_settings_has (settings, "show") ? vgp_settings_get (settings, "show") : "fused";
  const gboolean is_list = g_ascii_isdigit (*heads);

  if (strcmp (show, "heads") == 0 && !is_list)
    return "all";
  if (strcmp (show, "layers") != 0 || (!is_list && strcmp (heads, "all") != 0))
    return heads;
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               _ ("A map for each layer needs its heads fused: set the heads to mean, max or min, "
                  "or show each head."));
  return NULL;
}

static gboolean
set_param (VgpEngine *self,
           VtrMethod *method,
           const char *name,
           VgpPicture *picture,
           VgpSettings *settings,
           GError **error)
{
  const char *text = vgp_settings_get (settings, name);
  g_autofree char *query = NULL;

  if (strcmp (name, "heads") == 0 && strcmp (vtr_method_get_name (method), "raw") == 0)
    text = find_heads (settings, error);
  else if (strcmp (name, "query") == 0 && *text != '\0')
    text = query = vgp_picture_make_query (picture, text, self->input, error);
  if (text == NULL)
    return FALSE;
  return *text == '\0' || vtr_method_set (method, name, text, error);
}

static VtrMethod *
make_method (VgpEngine *self, VgpPicture *picture, VgpSettings *settings, GError **error)
{
  const char *name = vgp_settings_get (settings, "method");
  g_autoptr (VtrMethod) method = vtr_method_new (name, error);
  guint n_params;

  if (method == NULL)
    return NULL;
  const VtrMethodParam *const *params = vtr_method_get_params (name, &n_params);
  for (guint i = 0; i < n_params; i++)
    if (!set_param (self, method, params[i]->name, picture, settings, error))
      return NULL;
  return g_steal_pointer (&method);
}

/* ---------------------------------------------------------------- target */

/* "281" for what a text says of a class, "top1" where it is that. */
static char *
parse_class (VgpEngine *self, const char *text, GError **error)
{
  g_autoptr (VtrTarget) target = vtr_target_parse (text, self->model, error);

  if (target == NULL)
    return NULL;
  if (vtr_target_get_kind (target) == VTR_TARGET_CLASS)
    return g_strdup (vtr_target_get_text (target));
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               _ ("“%s” is not one class, so it cannot be one side of a contrast."), text);
  return NULL;
}

/* "281-207", "281-rest" */
static char *
join_contrast (VgpEngine *self, const char *target, const char *contrast, GError **error)
{
  g_autofree char *a = parse_class (self, *target != '\0' ? target : "top1", error);

  if (a == NULL)
    return NULL;
  if (strcmp (contrast, "rest") == 0)
    return g_strconcat (a, "-rest", NULL);
  g_autofree char *b = parse_class (self, contrast, error);
  if (b == NULL)
    return NULL;
  if (strcmp (a, b) != 0)
    return g_strconcat (a, "-", b, NULL);
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               _ ("“%s” and “%s” are the same class: name two different ones."),
               *target != '\0' ? target : "top1", contrast);
  return NULL;
}

/* What the library's text for a target is: places are the canvas's here, the picture's there. */
static char *
make_target_text (VgpEngine *self, VgpPicture *picture, VgpSettings *settings, GError **error)
{
  static const char patch[] = "patch:";
  g_autofree char *target = g_strstrip (g_strdup (vgp_settings_get (settings, "target")));
  g_autofree char *contrast = g_strstrip (g_strdup (vgp_settings_get (settings, "contrast")));

  if (*contrast != '\0')
    return join_contrast (self, target, contrast, error);
  if (!g_str_has_prefix (target, patch))
    return g_strdup (*target != '\0' ? target : "top1");
  g_autofree char *place = vgp_picture_move_places (picture, target + strlen (patch));
  return g_strconcat (patch, place, NULL);
}

/* Says so where a model has no answer that could be explained. */
static gboolean
check_answer (VgpEngine *self, VgpSettings *settings, GError **error)
{
  if (vtr_model_get_n_classes (self->model) > 0 || *vgp_settings_get (settings, "target") != '\0')
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               _ ("The model “%s” has no classifier, so “%s” has no answer to explain: set the "
                  "target to image:FILE or patch:X,Y, choose a classifier head, or the method raw "
                  "or rollout."),
               vtr_model_get_name (self->model), vgp_settings_get (settings, "method"));
  return FALSE;
}

static gboolean
set_target (VgpEngine *self,
            VtrMethod *method,
            VgpPicture *picture,
            VgpSettings *settings,
            GCancellable *cancellable,
            GError **error)
{
  const gboolean takes_target = vtr_method_takes_target (vtr_method_get_name (method));

  if (!takes_target && !(wants_score (settings) && *vgp_settings_get (settings, "target") != '\0'))
    return TRUE;
  if (!check_answer (self, settings, error))
    return FALSE;
  g_autofree char *text = make_target_text (self, picture, settings, error);
  if (text == NULL)
    return FALSE;
  g_autoptr (VtrTarget) target = vtr_session_new_target (self->session, text, self->fit, self->size,
                                                         NULL, NULL, cancellable, error);
  if (target != NULL)
    vtr_method_set_target (method, target);
  return target != NULL;
}

/* ---------------------------------------------------------------- explaining */

VtrExplanation *
vgp_engine_explain (VgpEngine *self,
                    VgpPicture *picture,
                    VgpSettings *settings,
                    VtrProgressFunc progress,
                    gpointer progress_data,
                    GCancellable *cancellable,
                    GError **error)
{
  const VtrExplainFlags flags =
      VTR_EXPLAIN_KEEP | (wants_score (settings) ? VTR_EXPLAIN_SCORE : VTR_EXPLAIN_DEFAULT);
  g_autoptr (GError) local_error = NULL;

  if (!open_session (self, settings, progress, progress_data, cancellable, error) ||
      !prepare_input (self, picture, settings, error))
    return NULL;
  g_autoptr (VtrMethod) method = make_method (self, picture, settings, error);
  if (method == NULL || !set_target (self, method, picture, settings, cancellable, error))
    return NULL;

  g_autoptr (GPtrArray) explanations =
      vtr_session_explain (self->session, method, &self->input, 1, flags, progress, progress_data,
                           cancellable, &local_error);
  if (explanations != NULL)
    return vtr_explanation_ref (g_ptr_array_index (explanations, 0));
  if (g_error_matches (local_error, VTR_ERROR, VTR_ERROR_DEVICE_LOST))
    forget_device (self);
  g_propagate_error (error, g_steal_pointer (&local_error));
  return NULL;
}

/* ---------------------------------------------------------------- predictions */

/* Puts class @index at its place among the likeliest so far; all hold logits yet. */
static guint
insert_prediction (VgpPrediction *predictions, guint n, guint n_max, guint index, double logit)
{
  guint place = n;

  while (place > 0 && predictions[place - 1].probability < logit)
    place--;
  if (place == n_max)
    return n;
  const guint n_after = MIN (n + 1, n_max);
  memmove (predictions + place + 1, predictions + place,
           (n_after - place - 1) * sizeof *predictions);
  predictions[place] = (VgpPrediction){ .index = index, .probability = logit };
  return n_after;
}

guint
vgp_engine_predict (const VtrExplanation *explanation, VgpPrediction *predictions, guint n_max)
{
  VtrModel *model = vtr_explanation_get_model (explanation);
  guint n_classes = 0;
  guint n = 0;
  double sum = 0.0;
  const float *logits = vtr_explanation_get_logits (explanation, &n_classes);

  for (guint i = 0; logits != NULL && i < n_classes; i++)
    n = insert_prediction (predictions, n, n_max, i, logits[i]);
  if (n == 0)
    return 0;
  const double greatest = predictions[0].probability;
  for (guint i = 0; i < n_classes; i++)
    sum += exp (logits[i] - greatest);
  for (guint i = 0; i < n; i++)
    {
      predictions[i].label = vtr_model_get_label (model, predictions[i].index);
      predictions[i].probability = exp (predictions[i].probability - greatest) / sum;
    }
  return n;
}
