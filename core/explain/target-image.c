/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* The target that another picture is: what makes these two alike. */
#include "explain/explain.h"

#include <string.h>

#define PREFIX "image:"

/* The picture's embedding as a direction. */
static VtrTarget *
embed (VtrSession *session,
       const char *name,
       VtrInput *input,
       VtrProgressFunc progress,
       gpointer progress_data,
       GCancellable *cancellable,
       GError **error)
{
  g_autoptr (VtrMethod) method = vtr_method_new ("raw", error);
  g_autoptr (GPtrArray) explanations = NULL;
  guint n_values;

  if (method != NULL)
    explanations = vtr_session_explain (session, method, &input, 1, VTR_EXPLAIN_DEFAULT, progress,
                                        progress_data, cancellable, error);
  if (explanations == NULL)
    return NULL;
  const float *embedding = vtr_explanation_get_embedding (explanations->pdata[0], &n_values);
  return vtr_target_new_embedding (session->model, embedding, n_values, name, error);
}

/* One that cannot be read makes a target without a meaning, not a picture that fails. */
static VtrImage *
load (const char *path, GError **error)
{
  g_autoptr (GError) problem = NULL;
  VtrImage *image = vtr_image_load (path, &problem);

  if (image == NULL)
    g_set_error_literal (error, VTR_ERROR, VTR_ERROR_USAGE, problem->message);
  return image;
}

VtrTarget *
vtr_session_new_target (VtrSession *self,
                        const char *text,
                        VtrFit fit,
                        guint size,
                        VtrProgressFunc progress,
                        gpointer progress_data,
                        GCancellable *cancellable,
                        GError **error)
{
  g_return_val_if_fail (self != NULL && text != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (!g_str_has_prefix (text, PREFIX))
    return vtr_target_parse (text, self->model, error);

  g_autoptr (VtrImage) image = load (text + strlen (PREFIX), error);
  g_autoptr (VtrInput) input =
      image != NULL ? vtr_input_new (self->model, image, fit, size, error) : NULL;
  if (input == NULL)
    return NULL;
  return embed (self, text, input, progress, progress_data, cancellable, error);
}
