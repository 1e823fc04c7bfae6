/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* GIMP 3: the plug-in's procedures, and what run.c asks of an image. */
#include "host-enums.h"
#include "i18n.h"
#include "mask.h"
#include "pixels.h"
#include "properties.h"
#include "run.h"

#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>
#include <string.h>

#define BINARY "vitreous"

struct _VgpHost
{
  GimpImage *image;
  GimpDrawable *drawable;
  GimpProcedure *procedure;
  GimpProcedureConfig *config;
  GimpLayer *group; /* what was added, or NULL */
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

  gimp_drawable_get_offsets (self->drawable, &x, &y);
  *rect = (VgpRect){ x, y, (guint) gimp_drawable_get_width (self->drawable),
                     (guint) gimp_drawable_get_height (self->drawable) };
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
to_buffer (GimpDrawable *drawable, const VgpRect *rect)
{
  VgpRect moved = *rect;
  int x, y;

  gimp_drawable_get_offsets (drawable, &x, &y);
  moved.x -= x;
  moved.y -= y;
  return moved;
}

VgpPicture *
vgp_host_read_picture (VgpHost *self, const VgpRect *rect, GError **error)
{
  g_autoptr (GeglBuffer) buffer = gimp_drawable_get_buffer (self->drawable);
  const VgpRect part = to_buffer (self->drawable, rect);
  g_autoptr (VtrImage) image = vgp_pixels_read (buffer, &part, error);
  float *selection = NULL;

  if (image == NULL)
    return NULL;
  if (!gimp_selection_is_empty (self->image))
    {
      GimpSelection *channel = gimp_image_get_selection (self->image);
      g_autoptr (GeglBuffer) mask = gimp_drawable_get_buffer (GIMP_DRAWABLE (channel));

      selection = vgp_pixels_read_mask (mask, rect, error);
      if (selection == NULL)
        return NULL;
    }
  return vgp_picture_new (g_steal_pointer (&image), rect, selection);
}

/* What the item or a group it is in keeps under that name; NULL for nothing. */
static char *
find_parasite (GimpItem *item)
{
  for (; item != NULL; item = gimp_item_get_parent (item))
    {
      GimpParasite *parasite = gimp_item_get_parasite (item, VGP_PARASITE_GROUP);

      if (parasite != NULL)
        {
          guint32 size;
          const char *data = gimp_parasite_get_data (parasite, &size);
          char *text = g_strndup (data, size);

          gimp_parasite_free (parasite);
          return text;
        }
    }
  return NULL;
}

/* The layers that the drawable lies among, from the top; NULL-terminated, transfer container. */
static GimpItem **
list_siblings (VgpHost *self)
{
  GimpItem *parent = gimp_item_get_parent (GIMP_ITEM (self->drawable));

  return parent != NULL ? gimp_item_get_children (parent)
                        : (GimpItem **) gimp_image_get_layers (self->image);
}

char *
vgp_host_read_parasite (VgpHost *self)
{
  char *text = find_parasite (GIMP_ITEM (self->drawable));

  if (text != NULL)
    return text;
  g_autofree GimpItem **siblings = list_siblings (self);
  for (guint i = 0; text == NULL && siblings[i] != NULL; i++)
    text = find_parasite (siblings[i]);
  return text;
}

guint
vgp_host_get_source (VgpHost *self)
{
  return gimp_item_get_tattoo (GIMP_ITEM (self->drawable));
}

gboolean
vgp_host_set_source (VgpHost *self, guint source)
{
  GimpLayer *layer = gimp_image_get_layer_by_tattoo (self->image, source);

  if (layer != NULL)
    self->drawable = GIMP_DRAWABLE (layer);
  return layer != NULL;
}

/* ---------------------------------------------------------------- layers */

static void
attach (GimpItem *item, const char *name, const char *text)
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
  const gboolean is_grey = gimp_image_get_base_type (self->image) == GIMP_GRAY;
  const int width = (int) layers->rect.width;
  const int height = (int) layers->rect.height;
  GimpLayer *added = gimp_layer_new (self->image, layer->name, width, height,
                                     is_grey ? GIMP_GRAYA_IMAGE : GIMP_RGBA_IMAGE,
                                     layers->opacity * 100.0, vgp_find_mode (layers->mode));

  gimp_image_insert_layer (self->image, added, self->group, (int) index);
  gimp_layer_set_offsets (added, layers->rect.x, layers->rect.y);
  g_autoptr (GeglBuffer) buffer = gimp_drawable_get_buffer (GIMP_DRAWABLE (added));
  if (!vgp_pixels_write_layer (buffer, layers, index, error))
    return FALSE;
  g_clear_object (&buffer); /* sends what was written to GIMP */
  gimp_drawable_update (GIMP_DRAWABLE (added), 0, 0, width, height);
  gimp_item_set_visible (GIMP_ITEM (added), index == 0);
  attach (GIMP_ITEM (added), VGP_PARASITE_LAYER, layer->parasite);
  return TRUE;
}

/* Above the drawable, and above what heatmaps lie on it already. */
static int
find_place (VgpHost *self)
{
  g_autofree GimpItem **siblings = list_siblings (self);
  int place = gimp_image_get_item_position (self->image, GIMP_ITEM (self->drawable));

  while (place > 0)
    {
      g_autofree char *heatmaps = find_parasite (siblings[place - 1]);

      if (heatmaps == NULL)
        break;
      place--;
    }
  return place;
}

static GimpLayer *
add_group (VgpHost *self, const char *name)
{
  GimpItem *item = GIMP_ITEM (self->drawable);
  const gboolean is_layer = gimp_item_is_layer (item);
  GimpLayer *group = GIMP_LAYER (gimp_group_layer_new (self->image, name));
  GimpLayer *parent = is_layer ? GIMP_LAYER (gimp_item_get_parent (item)) : NULL;

  gimp_image_insert_layer (self->image, group, parent, is_layer ? find_place (self) : 0);
  return group;
}

static gboolean
fill_group (VgpHost *self, const VgpLayers *layers, const char *parasite, GError **error)
{
  for (guint i = 0; i < layers->n_layers; i++)
    if (!add_layer (self, layers, i, error))
      {
        gimp_image_remove_layer (self->image, self->group);
        self->group = NULL;
        return FALSE;
      }
  attach (GIMP_ITEM (self->group), VGP_PARASITE_GROUP, parasite);
  return TRUE;
}

gboolean
vgp_host_add_layers (VgpHost *self, const VgpLayers *layers, const char *parasite, GError **error)
{
  const GimpImageBaseType type = gimp_image_get_base_type (self->image);
  const gboolean fits =
      type == GIMP_RGB || (type == GIMP_GRAY && layers->pixels == VGP_PIXELS_GREY);
  g_autofree GimpLayer **selected = gimp_image_get_selected_layers (self->image);

  gimp_image_undo_group_start (self->image);
  if (!fits)
    gimp_image_convert_rgb (self->image);
  self->group = add_group (self, layers->name);
  const gboolean ok = fill_group (self, layers, parasite, error);
  gimp_image_set_selected_layers (self->image, (const GimpLayer **) selected);
  gimp_image_undo_group_end (self->image);
  return ok;
}

/* ---------------------------------------------------------------- masks */

/* A channel of the canvas's size with the values, as the last child of the image's channels. */
static GimpChannel *
add_channel (VgpHost *self, const VgpRect *rect, const float *values, const char *name)
{
  const int width = gimp_image_get_width (self->image);
  const int height = gimp_image_get_height (self->image);
  GeglColor *color = gegl_color_new ("red");
  GimpChannel *channel = gimp_channel_new (self->image, name, width, height, 50.0, color);

  g_object_unref (color);
  gimp_image_insert_channel (self->image, channel, NULL, 0);
  /* A new channel has whatever memory held. */
  g_autoptr (GeglBuffer) buffer = gimp_drawable_get_buffer (GIMP_DRAWABLE (channel));
  gegl_buffer_clear (buffer, NULL);
  vgp_pixels_write_mask (buffer, rect, values);
  g_clear_object (&buffer);
  gimp_drawable_update (GIMP_DRAWABLE (channel), 0, 0, width, height);
  return channel;
}

static void
apply_to_selection (VgpHost *self,
                    const VgpRect *rect,
                    const float *values,
                    const char *name,
                    const char *operation)
{
  GimpChannel *channel = add_channel (self, rect, values, name);

  gimp_image_select_item (self->image, vgp_find_operation (operation), GIMP_ITEM (channel));
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
  GimpChannel *there = gimp_image_get_channel_by_name (self->image, name);
  GimpChannel *channel = add_channel (self, rect, values, name);

  if (there == NULL)
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
  if (!gimp_item_is_layer (GIMP_ITEM (self->drawable)))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
                   _ ("Only a layer can have a layer mask: choose a layer."));
      return FALSE;
    }
  GimpLayer *layer = GIMP_LAYER (self->drawable);
  GimpLayerMask *mask = gimp_layer_get_mask (layer);
  if (mask == NULL)
    {
      mask = gimp_layer_create_mask (layer, GIMP_ADD_MASK_WHITE);
      gimp_layer_add_mask (layer, mask);
    }

  const VgpRect whole = { 0, 0, (guint) gimp_drawable_get_width (self->drawable),
                          (guint) gimp_drawable_get_height (self->drawable) };
  const VgpRect part = to_buffer (self->drawable, rect);
  g_autoptr (GeglBuffer) buffer = gimp_drawable_get_buffer (GIMP_DRAWABLE (mask));
  g_autofree float *combined = vgp_pixels_read_mask (buffer, &whole, error);
  if (combined == NULL)
    return FALSE;
  vgp_mask_combine (combined, &whole, values, &part, operation);
  vgp_pixels_write_mask (buffer, &whole, combined);
  g_clear_object (&buffer);
  gimp_drawable_update (GIMP_DRAWABLE (mask), 0, 0, (int) whole.width, (int) whole.height);
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

gboolean
vgp_host_run_dialog (VgpHost *self,
                     const char *title,
                     VgpSettings *settings,
                     GtkWidget *(*make_content) (gpointer user_data),
                     gpointer user_data)
{
  gimp_ui_init (BINARY);

  GtkWidget *dialog = gimp_procedure_dialog_new (self->procedure, self->config, title);
  GtkWidget *content = make_content (user_data);

  /* Reset and Load of GIMP's dialog change the configuration. */
  vgp_properties_follow (settings, G_OBJECT (self->config));
  gtk_box_pack_start (GTK_BOX (gtk_dialog_get_content_area (GTK_DIALOG (dialog))), content, TRUE,
                      TRUE, 0);
  gtk_widget_show (content);
  const gboolean ok = gimp_procedure_dialog_run (GIMP_PROCEDURE_DIALOG (dialog));
  vgp_properties_unfollow (settings, G_OBJECT (self->config));
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

/* ---------------------------------------------------------------- the plug-in */

typedef struct
{
  GimpPlugIn parent_instance;
} VgpPlugIn;

typedef struct
{
  GimpPlugInClass parent_class;
} VgpPlugInClass;

static GType vgp_plug_in_get_type (void);
G_DEFINE_FINAL_TYPE (VgpPlugIn, vgp_plug_in, GIMP_TYPE_PLUG_IN)

static GimpPDBStatusType
run_host (VgpHost *host, const char *name, GimpRunMode mode, GError **error)
{
  const VgpProcedureInfo *info = vgp_procedures_find (name);
  g_autoptr (VgpSettings) settings = vgp_settings_new (info->fields);

  gegl_init (NULL, NULL);
  vgp_properties_read (settings, G_OBJECT (host->config));
  gimp_progress_init (_ (info->summary));
  const VgpOutcome outcome = vgp_run (info, host, settings, mode == GIMP_RUN_INTERACTIVE, error);
  gimp_progress_end ();
  if (mode != GIMP_RUN_NONINTERACTIVE)
    gimp_displays_flush ();
  switch (outcome)
    {
    case VGP_OUTCOME_DONE:
      return GIMP_PDB_SUCCESS;
    case VGP_OUTCOME_CANCELLED:
      return GIMP_PDB_CANCEL;
    case VGP_OUTCOME_FAILED:
    default:
      return GIMP_PDB_EXECUTION_ERROR;
    }
}

static GimpValueArray *
run_procedure (GimpProcedure *procedure,
               GimpRunMode mode,
               GimpImage *image,
               GimpDrawable **drawables,
               GimpProcedureConfig *config,
               gpointer run_data)
{
  const char *name = gimp_procedure_get_name (procedure);
  g_autoptr (GError) error = NULL;

  (void) run_data;
  if (drawables == NULL || drawables[0] == NULL || drawables[1] != NULL)
    {
      g_set_error (&error, GIMP_PLUG_IN_ERROR, 0,
                   _ ("Choose one layer; more or none cannot be "
                      "explained at once."));
      return gimp_procedure_new_return_values (procedure, GIMP_PDB_CALLING_ERROR,
                                               g_steal_pointer (&error));
    }
  VgpHost host = {
    .image = image,
    .drawable = drawables[0],
    .procedure = procedure,
    .config = config,
  };
  const GimpPDBStatusType status = run_host (&host, name, mode, &error);
  GimpValueArray *values =
      gimp_procedure_new_return_values (procedure, status, g_steal_pointer (&error));
  if (status == GIMP_PDB_SUCCESS && vgp_procedures_find (name)->returns_group)
    g_value_set_object (gimp_value_array_index (values, 1), host.group);
  return values;
}

static GimpChoice *
make_choice (const VgpField *field)
{
  GimpChoice *choice = gimp_choice_new ();

  for (guint i = 0; field->choices[i] != NULL; i++)
    gimp_choice_add (choice, field->choices[i], (int) i,
                     field->choice_labels != NULL ? _ (field->choice_labels[i]) : field->choices[i],
                     NULL);
  return choice;
}

static void
add_argument (GimpProcedure *procedure, const VgpField *field)
{
  const char *label = _ (field->label);
  const char *summary = _ (field->summary);

  switch (field->kind)
    {
    case VGP_FIELD_CHOICE:
      gimp_procedure_add_choice_argument (procedure, field->name, label, summary,
                                          make_choice (field), field->default_text,
                                          G_PARAM_READWRITE);
      break;
    case VGP_FIELD_NUMBER:
      gimp_procedure_add_double_argument (procedure, field->name, label, summary, field->min,
                                          field->max, g_ascii_strtod (field->default_text, NULL),
                                          G_PARAM_READWRITE);
      break;
    case VGP_FIELD_SWITCH:
      gimp_procedure_add_boolean_argument (procedure, field->name, label, summary,
                                           strcmp (field->default_text, "yes") == 0,
                                           G_PARAM_READWRITE);
      break;
    default:
      gimp_procedure_add_string_argument (procedure, field->name, label, summary,
                                          field->default_text, G_PARAM_READWRITE);
      break;
    }
}

/* What lies there with the program. */
static GFile *
find_beside (const char *folder, const char *name)
{
  return g_file_new_build_filename (plug_in_folder, folder, name, NULL);
}

static void
set_icon (GimpProcedure *procedure, const VgpProcedureInfo *info)
{
  g_autoptr (GFile) icon = find_beside ("icons", info->icon);

  if (g_file_query_exists (icon, NULL))
    gimp_procedure_set_icon_file (procedure, icon);
}

static GimpProcedure *
create_procedure (GimpPlugIn *plug_in, const char *name)
{
  const VgpProcedureInfo *info = vgp_procedures_find (name);
  guint n_fields;
  const VgpField *fields = vgp_fields_get (&n_fields);

  if (info == NULL)
    return NULL;
  GimpProcedure *procedure = gimp_image_procedure_new (plug_in, name, GIMP_PDB_PROC_TYPE_PLUGIN,
                                                       run_procedure, NULL, NULL);
  gimp_procedure_set_image_types (procedure, "*");
  gimp_procedure_set_sensitivity_mask (procedure, GIMP_PROCEDURE_SENSITIVE_DRAWABLE);
  gimp_procedure_set_menu_label (procedure, _ (info->menu_label));
  gimp_procedure_add_menu_path (procedure, _ (VGP_MENU_PATH));
  gimp_procedure_set_documentation (procedure, _ (info->summary), _ (info->help), name);
  gimp_procedure_set_attribution (procedure, "Vitreous", "Vitreous", "2026");
  set_icon (procedure, info);
  for (guint i = 0; i < n_fields; i++)
    if (fields[i].procedures & info->fields)
      add_argument (procedure, &fields[i]);
  if (info->returns_group)
    gimp_procedure_add_layer_return_value (procedure, "group", "Group", _ ("The group of heatmaps"),
                                           TRUE, G_PARAM_READWRITE);
  return procedure;
}

static GList *
query_procedures (GimpPlugIn *plug_in)
{
  guint n_procedures;
  const VgpProcedureInfo *infos = vgp_procedures_get (&n_procedures);
  g_autoptr (GFile) help = find_beside ("help", NULL);
  GList *names = NULL;

  gimp_plug_in_set_help_domain (plug_in, VGP_HELP_DOMAIN, help);
  for (guint i = 0; i < n_procedures; i++)
    names = g_list_append (names, g_strdup (infos[i].name));
  return names;
}

static void
vgp_plug_in_class_init (VgpPlugInClass *klass)
{
  GimpPlugInClass *plug_in_class = GIMP_PLUG_IN_CLASS (klass);

  plug_in_class->query_procedures = query_procedures;
  plug_in_class->create_procedure = create_procedure;
}

static void
vgp_plug_in_init (VgpPlugIn *self)
{
  (void) self;
}

int
main (int argc, char **argv)
{
  plug_in_folder = g_path_get_dirname (argv[0]);
  return gimp_main (vgp_plug_in_get_type (), argc, argv);
}
