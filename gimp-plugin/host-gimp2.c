/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* GIMP 2.10: the plug-in's procedures, and what run.c asks of an image. */
#include "host-gimp2-buffer.h"
#include "host-enums.h"
#include "i18n.h"
#include "mask.h"
#include "pixels.h"
#include "run.h"

#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>
#include <string.h>

#define BINARY "vitreous"

struct _VgpHost
{
  gint32 image;
  gint32 drawable;
  gint32 group;     /* what was added, or −1 */
  const char *step; /* what the progress is of; NULL before it began */
};

/* Where the plug-in lies, with its catalogues, icons and help. */
static char *plug_in_folder;

/* ---------------------------------------------------------------- reading */

gboolean
vgp_host_get_rect (VgpHost *self, gboolean selection_only, VgpRect *rect, GError **error)
{
  gboolean is_selected;
  int x, y, right, bottom;

  gimp_drawable_offsets (self->drawable, &x, &y);
  *rect = (VgpRect){ x, y, (guint) gimp_drawable_width (self->drawable),
                     (guint) gimp_drawable_height (self->drawable) };
  if (!selection_only)
    return TRUE;
  gimp_selection_bounds (self->image, &is_selected, &x, &y, &right, &bottom);
  const VgpRect bounds = { x, y, (guint) (right - x), (guint) (bottom - y) };
  if (is_selected && vgp_rect_intersect (rect, &bounds, rect))
    return TRUE;
  vgp_host_set_no_selection_error (error);
  return FALSE;
}

/* @rect of the canvas as the same pixels of an item's buffer. */
static VgpRect
to_buffer (gint32 drawable, const VgpRect *rect)
{
  VgpRect moved = *rect;
  int x, y;

  gimp_drawable_offsets (drawable, &x, &y);
  moved.x -= x;
  moved.y -= y;
  return moved;
}

VgpPicture *
vgp_host_read_picture (VgpHost *self, const VgpRect *rect, GError **error)
{
  g_autoptr (GeglBuffer) buffer = vgp_gimp2_open_buffer (self->image, self->drawable);
  const VgpRect part = to_buffer (self->drawable, rect);
  g_autoptr (VtrImage) image = vgp_pixels_read (buffer, &part, error);
  float *selection = NULL;

  if (image == NULL)
    return NULL;
  if (!gimp_selection_is_empty (self->image))
    {
      g_autoptr (GeglBuffer) mask =
          gimp_drawable_get_buffer (gimp_image_get_selection (self->image));

      selection = vgp_pixels_read_mask (mask, rect, error);
      if (selection == NULL)
        return NULL;
    }
  return vgp_picture_new (g_steal_pointer (&image), rect, selection);
}

/* What the item or a group it is in keeps under that name; NULL for nothing. */
static char *
find_parasite (gint32 item)
{
  for (; item != -1; item = gimp_item_get_parent (item))
    {
      GimpParasite *parasite = gimp_item_get_parasite (item, VGP_PARASITE_GROUP);

      if (parasite != NULL)
        {
          char *text =
              g_strndup (gimp_parasite_data (parasite), (gsize) gimp_parasite_data_size (parasite));

          gimp_parasite_free (parasite);
          return text;
        }
    }
  return NULL;
}

/* The layers that the drawable lies among, from the top; transfer full. */
static gint32 *
list_siblings (VgpHost *self, int *n_siblings)
{
  const gint32 parent = gimp_item_get_parent (self->drawable);

  return parent != -1 ? gimp_item_get_children (parent, n_siblings)
                      : gimp_image_get_layers (self->image, n_siblings);
}

char *
vgp_host_read_parasite (VgpHost *self)
{
  char *text = find_parasite (self->drawable);
  int n_siblings;

  if (text != NULL)
    return text;
  g_autofree gint32 *siblings = list_siblings (self, &n_siblings);
  for (int i = 0; text == NULL && i < n_siblings; i++)
    text = find_parasite (siblings[i]);
  return text;
}

guint
vgp_host_get_source (VgpHost *self)
{
  return (guint) gimp_item_get_tattoo (self->drawable);
}

gboolean
vgp_host_set_source (VgpHost *self, guint source)
{
  const gint32 layer = gimp_image_get_layer_by_tattoo (self->image, (int) source);

  if (layer != -1)
    self->drawable = layer;
  return layer != -1;
}

/* ---------------------------------------------------------------- layers */

static void
attach (gint32 item, const char *name, const char *text)
{
  GimpParasite *parasite =
      gimp_parasite_new (name, GIMP_PARASITE_PERSISTENT | GIMP_PARASITE_UNDOABLE,
                         (guint32) strlen (text), text);

  gimp_item_attach_parasite (item, parasite);
  gimp_parasite_free (parasite);
}

static gboolean
add_layer (VgpHost *self, const VgpLayers *layers, guint index, GError **error)
{
  const VgpLayer *layer = &layers->layers[index];
  const gboolean is_grey = gimp_image_base_type (self->image) == GIMP_GRAY;
  const int width = (int) layers->rect.width;
  const int height = (int) layers->rect.height;
  const gint32 added = gimp_layer_new (self->image, layer->name, width, height,
                                       is_grey ? GIMP_GRAYA_IMAGE : GIMP_RGBA_IMAGE,
                                       layers->opacity * 100.0, vgp_find_mode (layers->mode));

  gimp_image_insert_layer (self->image, added, self->group, (int) index);
  gimp_layer_set_offsets (added, layers->rect.x, layers->rect.y);
  g_autoptr (GeglBuffer) buffer = vgp_gimp2_open_buffer (self->image, added);
  if (!vgp_pixels_write_layer (buffer, layers, index, error))
    return FALSE;
  g_clear_object (&buffer); /* sends what was written to GIMP */
  gimp_drawable_update (added, 0, 0, width, height);
  gimp_item_set_visible (added, index == 0);
  attach (added, VGP_PARASITE_LAYER, layer->parasite);
  return TRUE;
}

/* Above the drawable, and above what heatmaps lie on it already. */
static int
find_place (VgpHost *self)
{
  int n_siblings;
  g_autofree gint32 *siblings = list_siblings (self, &n_siblings);
  int place = gimp_image_get_item_position (self->image, self->drawable);

  while (place > 0)
    {
      g_autofree char *heatmaps = find_parasite (siblings[place - 1]);

      if (heatmaps == NULL)
        break;
      place--;
    }
  return place;
}

static gint32
add_group (VgpHost *self, const char *name)
{
  const gboolean is_layer = gimp_item_is_layer (self->drawable);
  const gint32 group = gimp_layer_group_new (self->image);
  const gint32 parent = is_layer ? gimp_item_get_parent (self->drawable) : -1;

  gimp_item_set_name (group, name);
  gimp_image_insert_layer (self->image, group, parent == -1 ? 0 : parent,
                           is_layer ? find_place (self) : 0);
  return group;
}

static gboolean
fill_group (VgpHost *self, const VgpLayers *layers, const char *parasite, GError **error)
{
  for (guint i = 0; i < layers->n_layers; i++)
    if (!add_layer (self, layers, i, error))
      {
        gimp_image_remove_layer (self->image, self->group);
        self->group = -1;
        return FALSE;
      }
  attach (self->group, VGP_PARASITE_GROUP, parasite);
  return TRUE;
}

gboolean
vgp_host_add_layers (VgpHost *self, const VgpLayers *layers, const char *parasite, GError **error)
{
  const GimpImageBaseType type = gimp_image_base_type (self->image);
  const gboolean fits =
      type == GIMP_RGB || (type == GIMP_GRAY && layers->pixels == VGP_PIXELS_GREY);
  const gint32 selected = gimp_image_get_active_layer (self->image);

  gimp_image_undo_group_start (self->image);
  if (!fits)
    gimp_image_convert_rgb (self->image);
  self->group = add_group (self, layers->name);
  const gboolean ok = fill_group (self, layers, parasite, error);
  if (selected != -1)
    gimp_image_set_active_layer (self->image, selected);
  gimp_image_undo_group_end (self->image);
  return ok;
}

/* ---------------------------------------------------------------- masks */

/* A channel of the canvas's size with the values. */
static gint32
add_channel (VgpHost *self, const VgpRect *rect, const float *values, const char *name)
{
  const int width = gimp_image_width (self->image);
  const int height = gimp_image_height (self->image);
  const GimpRGB color = { 1.0, 0.0, 0.0, 1.0 };
  const gint32 channel = gimp_channel_new (self->image, name, width, height, 50.0, &color);

  gimp_image_insert_channel (self->image, channel, -1, 0);
  /* A new channel has whatever memory held. */
  g_autoptr (GeglBuffer) buffer = gimp_drawable_get_buffer (channel);
  gegl_buffer_clear (buffer, NULL);
  vgp_pixels_write_mask (buffer, rect, values);
  g_clear_object (&buffer);
  gimp_drawable_update (channel, 0, 0, width, height);
  return channel;
}

static void
apply_to_selection (VgpHost *self,
                    const VgpRect *rect,
                    const float *values,
                    const char *name,
                    const char *operation)
{
  const gint32 channel = add_channel (self, rect, values, name);

  gimp_image_select_item (self->image, vgp_find_operation (operation), channel);
  gimp_image_remove_channel (self->image, channel);
}

/* Into the channel of that name, or as a new one. */
static void
apply_to_channel (VgpHost *self,
                  const VgpRect *rect,
                  const float *values,
                  const char *name,
                  const char *operation)
{
  const gint32 there = gimp_image_get_channel_by_name (self->image, name);
  const gint32 channel = add_channel (self, rect, values, name);

  if (there == -1)
    return;
  gimp_channel_combine_masks (there, channel, vgp_find_operation (operation), 0, 0);
  gimp_image_remove_channel (self->image, channel);
}

static gboolean
apply_to_layer (VgpHost *self,
                const VgpRect *rect,
                const float *values,
                const char *operation,
                GError **error)
{
  if (!gimp_item_is_layer (self->drawable))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   _ ("Only a layer can have a layer mask: choose a layer."));
      return FALSE;
    }
  gint32 mask = gimp_layer_get_mask (self->drawable);
  if (mask == -1)
    {
      mask = gimp_layer_create_mask (self->drawable, GIMP_ADD_MASK_WHITE);
      gimp_layer_add_mask (self->drawable, mask);
    }

  const VgpRect whole = { 0, 0, (guint) gimp_drawable_width (self->drawable),
                          (guint) gimp_drawable_height (self->drawable) };
  const VgpRect part = to_buffer (self->drawable, rect);
  g_autoptr (GeglBuffer) buffer = gimp_drawable_get_buffer (mask);
  g_autofree float *combined = vgp_pixels_read_mask (buffer, &whole, error);
  if (combined == NULL)
    return FALSE;
  vgp_mask_combine (combined, &whole, values, &part, operation);
  vgp_pixels_write_mask (buffer, &whole, combined);
  g_clear_object (&buffer);
  gimp_drawable_update (mask, 0, 0, (int) whole.width, (int) whole.height);
  return TRUE;
}

gboolean
vgp_host_apply_mask (VgpHost *self,
                     const VgpRect *rect,
                     const float *values,
                     const char *name,
                     const char *result,
                     const char *operation,
                     GError **error)
{
  gboolean ok = TRUE;

  gimp_image_undo_group_start (self->image);
  if (strcmp (result, "layer-mask") == 0)
    ok = apply_to_layer (self, rect, values, operation, error);
  else if (strcmp (result, "channel") == 0)
    apply_to_channel (self, rect, values, name, operation);
  else
    apply_to_selection (self, rect, values, name, operation);
  gimp_image_undo_group_end (self->image);
  return ok;
}

/* ---------------------------------------------------------------- asking and telling */

#define RESPONSE_RESET 1

static void
on_response (GtkDialog *dialog, int response, gpointer user_data)
{
  if (response != RESPONSE_RESET)
    return;
  vgp_settings_reset (user_data);
  /* Or gimp_dialog_run () would end with it. */
  g_signal_stop_emission_by_name (dialog, "response");
}

gboolean
vgp_host_run_dialog (VgpHost *self,
                     const char *title,
                     VgpSettings *settings,
                     GtkWidget *(*make_content) (gpointer user_data),
                     gpointer user_data)
{
  (void) self;
  gimp_ui_init (BINARY, FALSE);

  const gboolean selects = vgp_settings_get_procedure (settings) == VGP_SELECT;
  GtkWidget *dialog =
      gimp_dialog_new (title, BINARY, NULL, 0, gimp_standard_help_func,
                       selects ? VGP_SELECT_NAME : VGP_HEATMAPS_NAME, _ ("_Reset"), RESPONSE_RESET,
                       _ ("_Cancel"), GTK_RESPONSE_CANCEL, _ ("_OK"), GTK_RESPONSE_OK, NULL);
  GtkWidget *content = make_content (user_data);

  g_signal_connect (dialog, "response", G_CALLBACK (on_response), settings);
  gtk_dialog_set_default_response (GTK_DIALOG (dialog), GTK_RESPONSE_OK);
  gimp_window_set_transient (GTK_WINDOW (dialog));
  gtk_box_pack_start (GTK_BOX (gtk_dialog_get_content_area (GTK_DIALOG (dialog))), content, TRUE,
                      TRUE, 0);
  gtk_widget_show (content);
  gtk_widget_show (dialog);
  const gboolean ok = gimp_dialog_run (GIMP_DIALOG (dialog)) == GTK_RESPONSE_OK;
  gtk_widget_destroy (dialog);
  return ok;
}

void
vgp_host_show_progress (VgpHost *self, double done, const char *what)
{
  /* A step is told hundreds of times. */
  if (g_strcmp0 (self->step, what) != 0)
    gimp_progress_set_text (what);
  self->step = g_intern_string (what);
  gimp_progress_update (done);
}

/* ---------------------------------------------------------------- settings of the last run */

/* As JSON, with the 0 at its end; GIMP keeps it while it runs. */
static void
save_last (const char *name, VgpSettings *settings)
{
  g_autofree char *json = vgp_settings_to_json (settings);

  gimp_set_data (name, json, (guint32) strlen (json) + 1);
}

static void
load_last (const char *name, VgpSettings *settings)
{
  const int size = gimp_get_data_size (name);

  if (size <= 0)
    return;
  g_autofree char *json = g_malloc0 ((gsize) size + 1);
  if (gimp_get_data (name, json))
    vgp_settings_read_json (settings, json, NULL);
}

/* ---------------------------------------------------------------- the plug-in */

enum
{
  ARG_RUN_MODE,
  ARG_IMAGE,
  ARG_DRAWABLE,
  ARG_SETTINGS,
  N_ARGS,
};

static const GimpParamDef args[N_ARGS] = {
  { GIMP_PDB_INT32, (char *) "run-mode",
    (char *) "The run mode { RUN-INTERACTIVE (0), RUN-NONINTERACTIVE (1), RUN-WITH-LAST-VALS (2) "
             "}" },
  { GIMP_PDB_IMAGE, (char *) "image", (char *) "The image" },
  { GIMP_PDB_DRAWABLE, (char *) "drawable", (char *) "What to explain" },
  { GIMP_PDB_STRING, (char *) "settings",
    (char *) "What differs from the defaults: \"method=rollout; opacity=70\"" },
};

static const GimpParamDef returned[] = {
  { GIMP_PDB_LAYER, (char *) "group", (char *) "The group of heatmaps" },
};

static void
install (const VgpProcedureInfo *info)
{
  g_autoptr (GString) help = g_string_new (info->help);
  guint n_fields;
  const VgpField *fields = vgp_fields_get (&n_fields);

  g_string_append (help, " Settings:");
  for (guint i = 0; i < n_fields; i++)
    if (fields[i].procedures & info->fields)
      g_string_append_printf (help, "\n%s (%s): %s", fields[i].name, fields[i].default_text,
                              fields[i].summary);
  gimp_install_procedure (info->name, info->summary, help->str, "Vitreous", "Vitreous", "2026",
                          info->menu_label, "*", GIMP_PLUGIN, N_ARGS, info->returns_group ? 1 : 0,
                          args, info->returns_group ? returned : NULL);
  gimp_plugin_menu_register (info->name, VGP_MENU_PATH);

  g_autofree char *icon = g_build_filename (plug_in_folder, "icons", info->icon, NULL);
  if (g_file_test (icon, G_FILE_TEST_EXISTS))
    gimp_plugin_icon_register (info->name, GIMP_ICON_TYPE_IMAGE_FILE, (const guint8 *) icon);
}

/* GIMP itself translates menu entries. */
static void
query (void)
{
  g_autofree char *locale = g_build_filename (plug_in_folder, "locale", NULL);
  g_autofree char *help = g_build_filename (plug_in_folder, "help", NULL);
  g_autofree char *help_uri = g_filename_to_uri (help, NULL, NULL);
  guint n_procedures;
  const VgpProcedureInfo *infos = vgp_procedures_get (&n_procedures);

  gimp_plugin_domain_register (GETTEXT_PACKAGE, locale);
  if (help_uri != NULL)
    gimp_plugin_help_register (VGP_HELP_DOMAIN, help_uri);
  for (guint i = 0; i < n_procedures; i++)
    install (&infos[i]);
}

/* The settings to begin with, from what was run before or what the caller says. */
static gboolean
begin_settings (const VgpProcedureInfo *info,
                GimpRunMode mode,
                const GimpParam *params,
                int n_params,
                VgpSettings *settings,
                GError **error)
{
  if (mode != GIMP_RUN_NONINTERACTIVE)
    {
      load_last (info->name, settings);
      return TRUE;
    }
  return n_params < N_ARGS ||
         vgp_settings_read_pairs (settings, params[ARG_SETTINGS].data.d_string, error);
}

static VgpOutcome
run_host (VgpHost *host,
          const VgpProcedureInfo *info,
          const GimpParam *params,
          int n_params,
          GError **error)
{
  const GimpRunMode mode = (GimpRunMode) params[ARG_RUN_MODE].data.d_int32;
  g_autoptr (VgpSettings) settings = vgp_settings_new (info->fields);

  if (!begin_settings (info, mode, params, n_params, settings, error))
    return VGP_OUTCOME_FAILED;
  gimp_progress_init (_ (info->summary));
  const VgpOutcome outcome = vgp_run (info, host, settings, mode == GIMP_RUN_INTERACTIVE, error);
  gimp_progress_end ();
  /* What a script chose is not what the user chose; GIMP 3 sees it so, too. */
  if (outcome == VGP_OUTCOME_DONE && mode != GIMP_RUN_NONINTERACTIVE)
    save_last (info->name, settings);
  if (mode != GIMP_RUN_NONINTERACTIVE)
    gimp_displays_flush ();
  return outcome;
}

/* What is returned lives until the next call. */
static void
run (const char *name, int n_params, const GimpParam *params, int *n_values, GimpParam **values)
{
  static GimpParam result[2];
  static char *message;
  const VgpProcedureInfo *info = vgp_procedures_find (name);
  g_autofree char *locale = g_build_filename (plug_in_folder, "locale", NULL);
  g_autoptr (GError) error = NULL;

  vgp_i18n_init (locale);
  gegl_init (NULL, NULL);
  *values = result;
  *n_values = 1;
  result[0].type = GIMP_PDB_STATUS;
  result[0].data.d_status = GIMP_PDB_CALLING_ERROR;
  if (info == NULL || n_params <= ARG_DRAWABLE)
    return;

  VgpHost host = {
    .image = params[ARG_IMAGE].data.d_image,
    .drawable = params[ARG_DRAWABLE].data.d_drawable,
    .group = -1,
  };
  switch (run_host (&host, info, params, n_params, &error))
    {
    case VGP_OUTCOME_DONE:
      result[0].data.d_status = GIMP_PDB_SUCCESS;
      result[1].type = GIMP_PDB_LAYER;
      result[1].data.d_layer = host.group;
      *n_values = info->returns_group ? 2 : 1;
      break;
    case VGP_OUTCOME_CANCELLED:
      result[0].data.d_status = GIMP_PDB_CANCEL;
      break;
    case VGP_OUTCOME_FAILED:
    default:
      g_free (message);
      message = g_strdup (error->message);
      result[0].data.d_status = GIMP_PDB_EXECUTION_ERROR;
      result[1].type = GIMP_PDB_STRING;
      result[1].data.d_string = message;
      *n_values = 2;
      break;
    }
}

const GimpPlugInInfo PLUG_IN_INFO = { NULL, NULL, query, run };

int
main (int argc, char **argv)
{
  plug_in_folder = g_path_get_dirname (argv[0]);
  return gimp_main (&PLUG_IN_INFO, argc, argv);
}
