/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "dialog-harness.h"
#include "preview.h"

#include <string.h>

/* Seconds. */
#define PATIENCE 20

/* ---------------------------------------------------------------- the engine, watched */

static int n_explained; /* atomic, all three */
static int holds;
static int is_held;

VtrExplanation *__real_vgp_engine_explain (VgpEngine *self,
                                           VgpPicture *picture,
                                           VgpSettings *settings,
                                           VtrProgressFunc progress,
                                           gpointer progress_data,
                                           GCancellable *cancellable,
                                           GError **error);
VtrExplanation *__wrap_vgp_engine_explain (VgpEngine *self,
                                           VgpPicture *picture,
                                           VgpSettings *settings,
                                           VtrProgressFunc progress,
                                           gpointer progress_data,
                                           GCancellable *cancellable,
                                           GError **error);

/* The linker puts it between the preview and the engine (--wrap). */
VtrExplanation *
__wrap_vgp_engine_explain (VgpEngine *self,
                           VgpPicture *picture,
                           VgpSettings *settings,
                           VtrProgressFunc progress,
                           gpointer progress_data,
                           GCancellable *cancellable,
                           GError **error)
{
  g_atomic_int_inc (&n_explained);
  if (vgp_settings_has (settings, "score"))
    g_assert_false (vgp_settings_get_switch (settings, "score"));
  for (guint i = 0; i < 1000 && g_atomic_int_get (&holds); i++)
    {
      g_atomic_int_set (&is_held, TRUE);
      if (g_cancellable_is_cancelled (cancellable))
        break;
      g_usleep (10000);
    }
  g_atomic_int_set (&is_held, FALSE);
  return __real_vgp_engine_explain (self, picture, settings, progress, progress_data, cancellable,
                                    error);
}

guint
dialog_get_n_explained (void)
{
  return (guint) g_atomic_int_get (&n_explained);
}

void
dialog_hold_engine (gboolean wants)
{
  g_atomic_int_set (&holds, wants);
}

gboolean
dialog_is_held (void)
{
  return g_atomic_int_get (&is_held);
}

/* ---------------------------------------------------------------- the dialog */

char *
dialog_get_test_path (const char *name)
{
  return g_test_build_filename (G_TEST_DIST, name, NULL);
}

static VgpPicture *
read_picture (gboolean selection_only, gpointer data, GError **error)
{
  Dialog *self = data;
  g_autofree char *path = dialog_get_test_path ("shapes/pictures/circle-star.png");
  g_autoptr (VtrImage) image = vtr_image_load (path, error);

  g_assert_nonnull (image);
  self->n_reads++;
  if (self->read_fails)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE, "Nothing is selected.");
      return NULL;
    }
  VgpRect rect = { 0, 0, vtr_image_get_width (image), vtr_image_get_height (image) };
  if (!selection_only)
    return vgp_picture_new (g_steal_pointer (&image), &rect, NULL);
  rect.width /= 2;
  return vgp_picture_new (vtr_image_new (rect.width, rect.height, vtr_image_get_rgba (image),
                                         8 * (gsize) rect.width),
                          &rect, NULL);
}

Dialog *
dialog_open (VgpProcedures procedure, const char *pairs)
{
  Dialog *self = g_new0 (Dialog, 1);
  g_autofree char *model = dialog_get_test_path ("shapes/model");
  g_autofree char *all = g_strdup_printf ("model=%s; device=cpu; %s", model, pairs);
  g_autoptr (GError) error = NULL;

  self->settings = vgp_settings_new (procedure);
  vgp_settings_read_pairs (self->settings, all, &error);
  g_assert_no_error (error);
  self->engine = vgp_engine_new ();
  self->window = gtk_window_new (GTK_WINDOW_TOPLEVEL);
  gtk_container_add (GTK_CONTAINER (self->window),
                     vgp_dialog_new_content (self->settings, self->engine, read_picture, self));
  gtk_widget_show (self->window);
  return self;
}

void
dialog_close (Dialog *self)
{
  g_clear_pointer (&self->window, gtk_widget_destroy);
}

void
dialog_free (Dialog *self)
{
  dialog_close (self);
  vgp_engine_free (self->engine);
  g_object_unref (self->settings);
  g_free (self);
}

typedef struct
{
  const char *name;
  GtkWidget *found;
} Search;

static void
search (GtkWidget *widget, gpointer data)
{
  Search *wanted = data;

  if (wanted->found == NULL && strcmp (gtk_widget_get_name (widget), wanted->name) == 0)
    wanted->found = widget;
  if (wanted->found == NULL && GTK_IS_CONTAINER (widget))
    gtk_container_forall (GTK_CONTAINER (widget), search, data);
}

GtkWidget *
dialog_find (Dialog *self, const char *name)
{
  Search wanted = { name, NULL };

  search (self->window, &wanted);
  if (wanted.found == NULL)
    g_error ("the dialog has no “%s”", name);
  return wanted.found;
}

gboolean
dialog_shows (Dialog *self, const char *name)
{
  for (GtkWidget *at = dialog_find (self, name); at != NULL; at = gtk_widget_get_parent (at))
    if (!gtk_widget_get_visible (at))
      return FALSE;
  return TRUE;
}

/* ---------------------------------------------------------------- waiting */

static gboolean
wake (gpointer data)
{
  (void) data;
  return G_SOURCE_CONTINUE;
}

void
dialog_wait (gboolean (*met) (gpointer data), gpointer data)
{
  const gint64 end = g_get_monotonic_time () + PATIENCE * G_TIME_SPAN_SECOND;
  const guint source = g_timeout_add (20, wake, NULL);

  while (!met (data))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, end);
      g_main_context_iteration (NULL, TRUE);
    }
  g_source_remove (source);
}

static gboolean
is_past (gpointer data)
{
  return g_get_monotonic_time () > *(gint64 *) data;
}

void
dialog_idle (guint milliseconds)
{
  gint64 end = g_get_monotonic_time () + milliseconds * (gint64) 1000;

  dialog_wait (is_past, &end);
}

static gboolean
is_settled (gpointer data)
{
  return !vgp_preview_is_busy (data);
}

void
dialog_settle (Dialog *self)
{
  dialog_wait (is_settled, dialog_find (self, "preview"));
}

/* ---------------------------------------------------------------- looking */

guint
dialog_hash_pixels (Dialog *self)
{
  GdkPixbuf *pixbuf = gtk_image_get_pixbuf (GTK_IMAGE (dialog_find (self, "picture")));
  guint hash = 5381;

  if (pixbuf == NULL)
    return 0;
  const guint8 *pixels = gdk_pixbuf_read_pixels (pixbuf);
  for (gsize i = 0; i < gdk_pixbuf_get_byte_length (pixbuf); i++)
    hash = hash * 33 + pixels[i];
  return hash;
}

const char *
dialog_get_message (Dialog *self)
{
  return gtk_label_get_text (GTK_LABEL (dialog_find (self, "message")));
}

void
dialog_set (Dialog *self, const char *name, const char *text)
{
  g_autoptr (GError) error = NULL;

  vgp_settings_set (self->settings, name, text, &error);
  g_assert_no_error (error);
}

const char *
dialog_get_entry_text (GtkWidget *control)
{
  GtkWidget *entry = GTK_IS_ENTRY (control) ? control : gtk_bin_get_child (GTK_BIN (control));

  return gtk_entry_get_text (GTK_ENTRY (entry));
}

void
dialog_set_entry_text (GtkWidget *control, const char *text)
{
  GtkWidget *entry = GTK_IS_ENTRY (control) ? control : gtk_bin_get_child (GTK_BIN (control));

  gtk_entry_set_text (GTK_ENTRY (entry), text);
}
