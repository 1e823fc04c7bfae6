/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "run.h"
#include "dialog.h"
#include "engine.h"
#include "i18n.h"
#include "mask.h"

#include <json-glib/json-glib.h>
#include <signal.h>
#include <string.h>

static const VgpProcedureInfo procedures[] = {
  { .name = VGP_HEATMAPS_NAME,
    .menu_label = N_ ("_Heatmaps..."),
    .summary = N_ ("Show where a Vision Transformer looks, as layers"),
    .help =
        N_ ("Runs a Vision Transformer on the layer and adds a group of heatmaps: the attention "
            "of its layers and heads, or what speaks for one class rather than another."),
    .icon = "vitreous-heatmaps.svg",
    .fields = VGP_HEATMAPS,
    .returns_group = TRUE },
  { .name = VGP_SELECT_NAME,
    .menu_label = N_ ("_Select by Attention..."),
    .summary = N_ ("Select what a Vision Transformer looks at"),
    .help =
        N_ ("Runs a Vision Transformer on the layer and makes a selection, a channel or a layer "
            "mask of the pixels that hold its attention."),
    .icon = "vitreous-select.svg",
    .fields = VGP_SELECT },
  { .name = VGP_REDO_NAME,
    .menu_label = N_ ("_Redo with..."),
    .summary = N_ ("Make heatmaps again, beginning with the settings of those there are"),
    .help = N_ ("Opens the dialog of Heatmaps with the settings that the chosen group of heatmaps "
                "was made with, for the same layer of the picture, and adds another group."),
    .icon = "vitreous-redo.svg",
    .fields = VGP_HEATMAPS,
    .returns_group = TRUE },
};

const VgpProcedureInfo *
vgp_procedures_get (guint *n_procedures)
{
  *n_procedures = G_N_ELEMENTS (procedures);
  return procedures;
}

const VgpProcedureInfo *
vgp_procedures_find (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (procedures); i++)
    if (strcmp (procedures[i].name, name) == 0)
      return &procedures[i];
  return NULL;
}

/* ---------------------------------------------------------------- the group's parasite */

/* The settings with the number of the drawable and the version of the program. */
static char *
make_parasite (VgpHost *host, VgpSettings *settings)
{
  g_autofree char *text = vgp_settings_to_json (settings);
  g_autoptr (JsonNode) root = json_from_string (text, NULL);
  JsonObject *object = json_node_get_object (root);

  json_object_set_int_member (object, "source", vgp_host_get_source (host));
  json_object_set_string_member (object, "version", VTR_VERSION);
  return json_to_string (root, FALSE);
}

static gboolean
read_source (const char *parasite, guint *source)
{
  g_autoptr (JsonNode) root = json_from_string (parasite, NULL);
  JsonNode *member = NULL;

  if (root != NULL && JSON_NODE_HOLDS_OBJECT (root))
    member = json_object_get_member (json_node_get_object (root), "source");
  if (member == NULL || json_node_get_value_type (member) != G_TYPE_INT64)
    return FALSE;
  *source = (guint) json_node_get_int (member);
  return TRUE;
}

/* Takes over settings and drawable of the heatmaps that are chosen. */
static gboolean
begin_again (VgpHost *host, VgpSettings *settings, GError **error)
{
  g_autofree char *parasite = vgp_host_read_parasite (host);
  guint source;

  if (parasite == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   _ ("There are no heatmaps of Vitreous here: choose a group that Heatmaps made, "
                      "or the layer below it."));
      return FALSE;
    }
  if (!vgp_settings_read_json (settings, parasite, error))
    return FALSE;
  if (read_source (parasite, &source) && vgp_host_set_source (host, source))
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               _ ("The layer that these heatmaps were made of is gone: choose another layer and "
                  "use Heatmaps."));
  return FALSE;
}

void
vgp_host_set_no_selection_error (GError **error)
{
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               _ ("Nothing of the layer is selected: select a part of it, or leave "
                  "“selection-only” "
                  "off."));
}

/* ---------------------------------------------------------------- a call */

typedef struct
{
  VgpHost *host;
  VgpSettings *settings;
  VgpEngine *engine;
} Call;

static VgpPicture *
read_picture (gboolean selection_only, gpointer user_data, GError **error)
{
  const Call *call = user_data;
  VgpRect rect;

  if (!vgp_host_get_rect (call->host, selection_only, &rect, error))
    return NULL;
  return vgp_host_read_picture (call->host, &rect, error);
}

static GtkWidget *
make_content (gpointer user_data)
{
  Call *call = user_data;

  return vgp_dialog_new_content (call->settings, call->engine, read_picture, call);
}

static void
show_progress (double done, const char *what, gpointer user_data)
{
  const Call *call = user_data;

  vgp_host_show_progress (call->host, done, what);
}

static gboolean
add_heatmaps (Call *call, VtrExplanation *explanation, VgpPicture *picture, GError **error)
{
  g_autoptr (VgpLayers) layers = vgp_layers_new (explanation, picture, call->settings);
  g_autofree char *parasite = make_parasite (call->host, call->settings);

  return vgp_host_add_layers (call->host, layers, parasite, error);
}

static gboolean
select_attention (Call *call, VtrExplanation *explanation, VgpPicture *picture, GError **error)
{
  g_autofree float *values = vgp_mask_new (explanation, call->settings, error);

  return values != NULL &&
         vgp_host_apply_mask (call->host, &picture->rect, values, _ ("Attention"),
                              vgp_settings_get (call->settings, "result"),
                              vgp_settings_get (call->settings, "operation"), error);
}

static gboolean
compute_and_add (Call *call, GError **error)
{
  const gboolean selection_only = vgp_settings_get_switch (call->settings, "selection-only");
  g_autoptr (VgpPicture) picture = read_picture (selection_only, call, error);
  g_autoptr (VtrExplanation) explanation = NULL;

  if (picture == NULL)
    return FALSE;
  explanation =
      vgp_engine_explain (call->engine, picture, call->settings, show_progress, call, NULL, error);
  if (explanation == NULL)
    return FALSE;
  return vgp_settings_get_procedure (call->settings) == VGP_SELECT
             ? select_attention (call, explanation, picture, error)
             : add_heatmaps (call, explanation, picture, error);
}

/* The label of the menu without what belongs to the menu: "Heatmaps", also of "热图(_H)...". */
static char *
make_title (const VgpProcedureInfo *procedure)
{
  g_autoptr (GRegex) marks = g_regex_new ("\\(_.\\)|_|\\.\\.\\.$", 0, 0, NULL);

  return g_regex_replace_literal (marks, _ (procedure->menu_label), -1, 0, "", 0, NULL);
}

/*
 * Lets a crash end the program at once, which GIMP sees and tells.  libgimp's handlers end it by
 * exit (): with a driver that crashed inside the Vulkan loader the loader waits there for its own
 * lock, and GIMP for the plug-in.
 */
static void
die_of_crashes (void)
{
  static const int signals[] = { SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV };

  for (guint i = 0; i < G_N_ELEMENTS (signals); i++)
    signal (signals[i], SIG_DFL);
}

/* The sentences of the library, of GLib and of drivers come without the full stop. */
static void
end_sentence (GError *error)
{
  const gsize length = strlen (error->message);

  if (length == 0 || strchr (".!?", error->message[length - 1]) != NULL)
    return;
  g_autofree char *bare = error->message;
  error->message = g_strconcat (bare, ".", NULL);
}

static VgpOutcome
run_call (const VgpProcedureInfo *procedure, Call *call, gboolean interactive, GError **error)
{
  g_autofree char *title = make_title (procedure);

  if (strcmp (procedure->name, VGP_REDO_NAME) == 0 &&
      !begin_again (call->host, call->settings, error))
    return VGP_OUTCOME_FAILED;
  if (interactive && !vgp_host_run_dialog (call->host, title, call->settings, make_content, call))
    return VGP_OUTCOME_CANCELLED;
  return compute_and_add (call, error) ? VGP_OUTCOME_DONE : VGP_OUTCOME_FAILED;
}

VgpOutcome
vgp_run (const VgpProcedureInfo *procedure,
         VgpHost *host,
         VgpSettings *settings,
         gboolean interactive,
         GError **error)
{
  g_autoptr (VgpEngine) engine = vgp_engine_new ();
  Call call = { host, settings, engine };
  GError *problem = NULL;

  die_of_crashes ();
  const VgpOutcome outcome = run_call (procedure, &call, interactive, &problem);
  if (problem != NULL)
    {
      end_sentence (problem);
      g_propagate_error (error, problem);
    }
  return outcome;
}
