/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "preview.h"
#include "gtk-compat.h"
#include "i18n.h"
#include "preview-paint.h"
#include "preview-worker.h"

#include <string.h>

/* Pixels. */
#define EDGE 352

/* Milliseconds: so long after a keystroke one may type on; so long may something take before it is
 * said that it takes long, and so often then. */
#define TYPING_PAUSE 150
#define PATIENCE 250
#define PROGRESS_INTERVAL 100

/* In place of the index of a map. */
#define SUMMARY (-1)

struct _VgpPreview
{
  VgpSettings *settings;
  VgpReadPictureFunc read;
  gpointer read_data;
  VgpExplainedFunc explained;
  gpointer explained_data;
  VgpWorker *worker;

  GtkWidget *widget;
  GtkWidget *image;
  GtkWidget *maps; /* which map is shown; NULL where masks are */
  GtkWidget *spinner;
  GtkWidget *message;
  gboolean is_listing; /* the maps, which is no choice of the user */

  VgpPicture *pictures[2];     /* all, the selection; NULL until read */
  GdkPixbuf *photo;            /* of the picture asked about last */
  VtrExplanation *explanation; /* NULL where the last question failed */
  float *mask;
  int map; /* or SUMMARY */

  guint ask_source;
  guint paint_source;
  guint progress_source;
  gint64 asked_at; /* µs */
};

static const char *const preview_key = "vgp-preview";

/* ---------------------------------------------------------------- painting */

static GdkPixbuf *
paint (VgpPreview *self, GError **error)
{
  VtrInput *input = vtr_explanation_get_input (self->explanation);
  const VtrImage *image = vtr_input_get_image (input);

  if (self->mask != NULL)
    return vgp_paint_mask (self->photo, self->mask, vtr_image_get_width (image),
                           vtr_image_get_height (image));
  const VtrMap *map = self->map == SUMMARY
                          ? vtr_explanation_get_summary (self->explanation)
                          : vtr_explanation_get_map (self->explanation, (guint) self->map);
  return vgp_paint_map (self->photo, map, input, self->settings, error);
}

static void
show_message (VgpPreview *self, const char *message)
{
  gtk_label_set_text (GTK_LABEL (self->message), message);
}

static gboolean
paint_now (gpointer data)
{
  VgpPreview *self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GdkPixbuf) painted = NULL;

  self->paint_source = 0;
  if (self->photo == NULL)
    return G_SOURCE_REMOVE;
  if (self->explanation != NULL && (painted = paint (self, &error)) == NULL)
    show_message (self, error->message);
  gtk_image_set_from_pixbuf (GTK_IMAGE (self->image), painted != NULL ? painted : self->photo);
  return G_SOURCE_REMOVE;
}

/* Once for all changes of one turn of the main loop. */
static void
repaint (VgpPreview *self)
{
  if (self->paint_source == 0)
    self->paint_source = g_idle_add_full (G_PRIORITY_HIGH_IDLE, paint_now, self, NULL);
}

/* ---------------------------------------------------------------- which map */

static char *
describe_map (const VtrMap *map)
{
  const int layer = vtr_map_get_layer (map);
  const int head = vtr_map_get_head (map);

  if (layer == VTR_FUSED)
    return g_strdup (_ ("All layers"));
  if (head == VTR_FUSED)
    return g_strdup_printf (_ ("Layer %d"), layer);
  return g_strdup_printf (_ ("Layer %d, head %d"), layer, head);
}

static void
clear_list (VgpPreview *self)
{
  gtk_list_store_clear (GTK_LIST_STORE (gtk_combo_box_get_model (GTK_COMBO_BOX (self->maps))));
}

/* The one shown stays, if there are as many as before. */
static void
list_maps (VgpPreview *self)
{
  const guint n_maps = vtr_explanation_get_n_maps (self->explanation);
  GtkComboBoxText *combo = GTK_COMBO_BOX_TEXT (self->maps);
  const int n_before =
      gtk_tree_model_iter_n_children (gtk_combo_box_get_model (GTK_COMBO_BOX (self->maps)), NULL);

  if (n_before != (int) n_maps + 1)
    self->map = SUMMARY;
  self->is_listing = TRUE;
  clear_list (self);
  gtk_combo_box_text_append_text (combo, _ ("Summary"));
  for (guint i = 0; i < n_maps; i++)
    {
      g_autofree char *text = describe_map (vtr_explanation_get_map (self->explanation, i));
      gtk_combo_box_text_append_text (combo, text);
    }
  gtk_combo_box_set_active (GTK_COMBO_BOX (self->maps), self->map + 1);
  gtk_widget_set_sensitive (self->maps, n_maps > 1);
  self->is_listing = FALSE;
}

static void
on_map_chosen (GtkComboBox *combo, VgpPreview *self)
{
  if (self->is_listing)
    return;
  self->map = gtk_combo_box_get_active (combo) - 1;
  repaint (self);
}

/* ---------------------------------------------------------------- progress */

static gboolean
show_progress (gpointer data)
{
  VgpPreview *self = data;
  const int percent = (int) (100.0 * vgp_worker_get_progress (self->worker));

  if (g_get_monotonic_time () - self->asked_at < PATIENCE * 1000)
    return G_SOURCE_CONTINUE;
  if (!gtk_widget_get_visible (self->spinner))
    {
      gtk_widget_show (self->spinner);
      gtk_spinner_start (GTK_SPINNER (self->spinner));
    }
  /* TRANSLATORS: how much of the preview is computed, in percent */
  g_autofree char *message = g_strdup_printf (_ ("Computing… %d %%"), percent);
  show_message (self, message);
  return G_SOURCE_CONTINUE;
}

static void
start_progress (VgpPreview *self)
{
  self->asked_at = g_get_monotonic_time ();
  if (self->progress_source == 0)
    self->progress_source = g_timeout_add (PROGRESS_INTERVAL, show_progress, self);
}

static void
end_progress (VgpPreview *self)
{
  if (self->progress_source != 0)
    g_source_remove (self->progress_source);
  self->progress_source = 0;
  gtk_spinner_stop (GTK_SPINNER (self->spinner));
  gtk_widget_hide (self->spinner);
}

/* ---------------------------------------------------------------- asking and answers */

static void
forget_answer (VgpPreview *self)
{
  g_clear_pointer (&self->explanation, vtr_explanation_unref);
  g_clear_pointer (&self->mask, g_free);
}

static void
on_answer (VgpAnswer *answer, gpointer data)
{
  VgpPreview *self = data;

  end_progress (self);
  forget_answer (self);
  show_message (self, answer->error != NULL ? answer->error->message : "");
  if (answer->explanation != NULL)
    {
      self->explanation = vtr_explanation_ref (answer->explanation);
      self->mask = g_steal_pointer (&answer->mask);
      if (self->maps != NULL)
        list_maps (self);
    }
  repaint (self);
  if (answer->model != NULL && self->explained != NULL)
    self->explained (answer->model, answer->explanation, self->explained_data);
}

/* Pictures stay until the end: the thread may be at one, and neither changes as long as a dialog is
 * open. */
static VgpPicture *
get_picture (VgpPreview *self, GError **error)
{
  const gboolean selection_only = vgp_settings_get_switch (self->settings, "selection-only");
  VgpPicture **picture = &self->pictures[selection_only];

  if (*picture == NULL)
    *picture = self->read (selection_only, self->read_data, error);
  return *picture;
}

static void
show_picture (VgpPreview *self, const VgpPicture *picture)
{
  forget_answer (self);
  self->photo = vgp_paint_photo (picture->image, EDGE);
  gtk_image_set_from_pixbuf (GTK_IMAGE (self->image), self->photo);
}

static gboolean
ask_now (gpointer data)
{
  VgpPreview *self = data;
  g_autoptr (GError) error = NULL;
  VgpPicture *picture = get_picture (self, &error);

  self->ask_source = 0;
  if (picture == NULL)
    {
      vgp_worker_cancel (self->worker);
      end_progress (self);
      forget_answer (self);
      show_message (self, error->message);
      gtk_image_clear (GTK_IMAGE (self->image));
      return G_SOURCE_REMOVE;
    }
  if (self->photo == NULL)
    show_picture (self, picture);
  vgp_worker_ask (self->worker, picture, self->settings);
  start_progress (self);
  return G_SOURCE_REMOVE;
}

static void
ask_after (VgpPreview *self, guint milliseconds)
{
  if (self->ask_source != 0)
    g_source_remove (self->ask_source);
  self->ask_source = g_timeout_add (milliseconds, ask_now, self);
}

/* Whether one types it or drags it, so that it changes several times before one means it. */
static gboolean
changes_gradually (const VgpField *field)
{
  return field->kind != VGP_FIELD_CHOICE && field->kind != VGP_FIELD_SWITCH &&
         field->kind != VGP_FIELD_MODEL;
}

static void
on_setting_changed (VgpSettings *settings, const char *name, VgpPreview *self)
{
  const gboolean selects = vgp_settings_get_procedure (settings) == VGP_SELECT;
  const gboolean masks = selects && (strcmp (name, "keep") == 0 || strcmp (name, "amount") == 0);

  if (strcmp (name, "selection-only") == 0)
    g_clear_object (&self->photo);
  if (!vgp_worker_is_look (name) || masks)
    ask_after (self, changes_gradually (vgp_fields_find (name)) ? TYPING_PAUSE : 0);
  else
    repaint (self);
}

/* ---------------------------------------------------------------- widgets */

static void
remove_source (guint *source)
{
  if (*source != 0)
    g_source_remove (*source);
  *source = 0;
}

static void
on_destroy (GtkWidget *widget, VgpPreview *self)
{
  (void) widget;
  g_signal_handlers_disconnect_by_data (self->settings, self);
  remove_source (&self->ask_source);
  remove_source (&self->paint_source);
  remove_source (&self->progress_source);
  g_clear_pointer (&self->worker, vgp_worker_free);
}

static void
preview_free (gpointer data)
{
  VgpPreview *self = data;

  forget_answer (self);
  g_clear_object (&self->photo);
  vgp_picture_free (self->pictures[FALSE]);
  vgp_picture_free (self->pictures[TRUE]);
  g_object_unref (self->settings);
  g_free (self);
}

static GtkWidget *
make_frame (VgpPreview *self)
{
  GtkWidget *frame = gtk_frame_new (NULL);

  self->image = gtk_image_new ();
  gtk_widget_set_name (self->image, "picture");
  gtk_widget_set_size_request (self->image, EDGE, EDGE);
  gtk_frame_set_shadow_type (GTK_FRAME (frame), GTK_SHADOW_IN);
  gtk_container_add (GTK_CONTAINER (frame), self->image);
  return frame;
}

static GtkWidget *
make_map_row (VgpPreview *self)
{
  GtkWidget *row = vgp_box_new (GTK_ORIENTATION_HORIZONTAL, VGP_SPACE_LABEL);
  GtkWidget *label = gtk_label_new (_ ("Map shown"));

  self->maps = gtk_combo_box_text_new ();
  gtk_widget_set_name (self->maps, "map-shown");
  gtk_widget_set_tooltip_text (self->maps, _ ("Which of the maps is shown here."));
  gtk_combo_box_text_append_text (GTK_COMBO_BOX_TEXT (self->maps), _ ("Summary"));
  gtk_combo_box_set_active (GTK_COMBO_BOX (self->maps), 0);
  gtk_widget_set_sensitive (self->maps, FALSE);
  g_signal_connect (self->maps, "changed", G_CALLBACK (on_map_chosen), self);
  gtk_box_pack_start (GTK_BOX (row), label, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (row), self->maps, TRUE, TRUE, 0);
  return row;
}

/* Room for a sentence of some lines, so that nothing moves when there is one. */
static GtkWidget *
make_message_row (VgpPreview *self)
{
  GtkWidget *row = vgp_box_new (GTK_ORIENTATION_HORIZONTAL, VGP_SPACE_ROW);

  self->spinner = gtk_spinner_new ();
  gtk_widget_set_no_show_all (self->spinner, TRUE);
  self->message = gtk_label_new (NULL);
  gtk_widget_set_name (self->message, "message");
  gtk_label_set_selectable (GTK_LABEL (self->message), TRUE);
  gtk_widget_set_can_focus (self->message, FALSE);
  vgp_label_align (self->message, 0.0f, 0.0f);
  vgp_label_set_wrap_width (self->message, EDGE - 24);
  gtk_widget_set_size_request (row, EDGE, 54);
  gtk_box_pack_start (GTK_BOX (row), self->spinner, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (row), self->message, TRUE, TRUE, 0);
  return row;
}

VgpPreview *
vgp_preview_new (VgpSettings *settings,
                 VgpEngine *engine,
                 VgpReadPictureFunc read,
                 gpointer read_data)
{
  VgpPreview *self = g_new0 (VgpPreview, 1);

  self->settings = g_object_ref (settings);
  self->read = read;
  self->read_data = read_data;
  self->map = SUMMARY;
  self->widget = vgp_box_new (GTK_ORIENTATION_VERTICAL, VGP_SPACE_ROW);
  gtk_widget_set_name (self->widget, "preview");
  gtk_box_pack_start (GTK_BOX (self->widget), make_frame (self), FALSE, FALSE, 0);
  if (vgp_settings_get_procedure (settings) == VGP_HEATMAPS)
    gtk_box_pack_start (GTK_BOX (self->widget), make_map_row (self), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (self->widget), make_message_row (self), FALSE, FALSE, 0);
  self->worker = vgp_worker_new (engine, on_answer, self);
  g_object_set_data_full (G_OBJECT (self->widget), preview_key, self, preview_free);
  g_signal_connect (self->widget, "destroy", G_CALLBACK (on_destroy), self);
  g_signal_connect (settings, "changed", G_CALLBACK (on_setting_changed), self);
  ask_after (self, 0);
  return self;
}

gboolean
vgp_preview_is_busy (GtkWidget *widget)
{
  const VgpPreview *self = g_object_get_data (G_OBJECT (widget), preview_key);

  return self->ask_source != 0 || self->progress_source != 0 || self->paint_source != 0;
}

GtkWidget *
vgp_preview_get_widget (VgpPreview *self)
{
  return self->widget;
}

void
vgp_preview_set_explained_func (VgpPreview *self, VgpExplainedFunc explained, gpointer user_data)
{
  self->explained = explained;
  self->explained_data = user_data;
}
