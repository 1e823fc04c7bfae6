/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model-chooser.h"
#include "i18n.h"

#include <string.h>
#include <vitreous/vitreous.h>

enum
{
  COLUMN_LABEL, /* NULL: a line between others */
  COLUMN_TEXT,  /* NULL where there is something to ask first */
  COLUMN_ACTION,
  N_COLUMNS,
};

typedef struct
{
  GtkWidget *combo;
  GtkListStore *store;
  char *text;
  VgpModelChosenFunc chosen;
  gpointer user_data;
} ModelChooser;

static const char *const chooser_key = "vgp-model-chooser";
static const char *const patterns[] = { "*.safetensors", "*.npz", "*.onnx", NULL };

static void
model_chooser_free (gpointer data)
{
  ModelChooser *self = data;

  g_object_unref (self->store);
  g_free (self->text);
  g_free (self);
}

char *
vgp_model_chooser_ask_path (GtkWidget *widget,
                            GtkFileChooserAction action,
                            const char *const *globs)
{
  GtkWidget *window = gtk_widget_get_toplevel (widget);
  GtkWidget *dialog =
      gtk_file_chooser_dialog_new (action == GTK_FILE_CHOOSER_ACTION_OPEN ? _ ("Choose a File")
                                                                          : _ ("Choose a Folder"),
                                   GTK_IS_WINDOW (window) ? GTK_WINDOW (window) : NULL, action,
                                   _ ("_Cancel"), GTK_RESPONSE_CANCEL, _ ("_Open"),
                                   GTK_RESPONSE_ACCEPT, NULL);
  char *path = NULL;

  if (globs != NULL)
    {
      GtkFileFilter *filter = gtk_file_filter_new ();

      for (guint i = 0; globs[i] != NULL; i++)
        gtk_file_filter_add_pattern (filter, globs[i]);
      gtk_file_chooser_set_filter (GTK_FILE_CHOOSER (dialog), filter);
    }
  if (gtk_dialog_run (GTK_DIALOG (dialog)) == GTK_RESPONSE_ACCEPT)
    path = gtk_file_chooser_get_filename (GTK_FILE_CHOOSER (dialog));
  gtk_widget_destroy (dialog);
  return path;
}

static void
add_row (ModelChooser *self, const char *label, const char *text, int action)
{
  gtk_list_store_insert_with_values (self->store, NULL, -1, COLUMN_LABEL, label, COLUMN_TEXT, text,
                                     COLUMN_ACTION, action, -1);
}

static void
add_default (ModelChooser *self)
{
  g_autofree char *path = vtr_model_find (NULL, NULL);
  g_autofree char *name = path != NULL ? g_path_get_basename (path) : NULL;
  /* TRANSLATORS: the model that is taken where none is named */
  g_autofree char *label =
      name != NULL ? g_strdup_printf (_ ("Default (%s)"), name) : g_strdup (_ ("Default"));

  add_row (self, label, "", 0);
}

static void
fill (ModelChooser *self)
{
  g_auto (GStrv) names = vtr_models_list ();

  add_default (self);
  for (guint i = 0; names[i] != NULL; i++)
    add_row (self, names[i], names[i], 0);
  add_row (self, NULL, NULL, 0);
  add_row (self, _ ("From a file…"), NULL, GTK_FILE_CHOOSER_ACTION_OPEN);
  add_row (self, _ ("From a folder…"), NULL, GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER);
}

static gboolean
find_text (ModelChooser *self, const char *text, GtkTreeIter *iter)
{
  GtkTreeModel *model = GTK_TREE_MODEL (self->store);

  for (gboolean more = gtk_tree_model_get_iter_first (model, iter); more;
       more = gtk_tree_model_iter_next (model, iter))
    {
      g_autofree char *known = NULL;

      gtk_tree_model_get (model, iter, COLUMN_TEXT, &known, -1);
      if (g_strcmp0 (known, text) == 0)
        return TRUE;
    }
  return FALSE;
}

void
vgp_model_chooser_set_text (GtkWidget *widget, const char *text)
{
  ModelChooser *self = g_object_get_data (G_OBJECT (widget), chooser_key);
  GtkTreeIter iter;

  if (!find_text (self, text, &iter))
    {
      g_autofree char *name = g_path_get_basename (text);
      gtk_list_store_insert_with_values (self->store, &iter, 1, COLUMN_LABEL, name, COLUMN_TEXT,
                                         text, -1);
    }
  gtk_combo_box_set_active_iter (GTK_COMBO_BOX (widget), &iter);
}

static void
ask (ModelChooser *self, GtkFileChooserAction action)
{
  const gboolean is_file = action == GTK_FILE_CHOOSER_ACTION_OPEN;
  g_autofree char *path =
      vgp_model_chooser_ask_path (self->combo, action, is_file ? patterns : NULL);

  if (path != NULL)
    vgp_model_chooser_set_text (self->combo, path);
}

static void
on_changed (GtkComboBox *combo, ModelChooser *self)
{
  GtkTreeIter iter;
  g_autofree char *text = NULL;
  int action;

  if (!gtk_combo_box_get_active_iter (combo, &iter))
    return;
  gtk_tree_model_get (GTK_TREE_MODEL (self->store), &iter, COLUMN_TEXT, &text, COLUMN_ACTION,
                      &action, -1);
  if (text != NULL)
    {
      g_free (self->text);
      self->text = g_strdup (text);
      self->chosen (text, self->user_data);
      return;
    }
  /* The list shows what is chosen, not how: back to where it was. */
  vgp_model_chooser_set_text (self->combo, self->text);
  ask (self, (GtkFileChooserAction) action);
}

static gboolean
is_line (GtkTreeModel *model, GtkTreeIter *iter, gpointer data)
{
  g_autofree char *label = NULL;

  (void) data;
  gtk_tree_model_get (model, iter, COLUMN_LABEL, &label, -1);
  return label == NULL;
}

GtkWidget *
vgp_model_chooser_new (VgpModelChosenFunc chosen, gpointer user_data)
{
  ModelChooser *self = g_new0 (ModelChooser, 1);
  GtkCellRenderer *cell = gtk_cell_renderer_text_new ();

  self->store = gtk_list_store_new (N_COLUMNS, G_TYPE_STRING, G_TYPE_STRING, G_TYPE_INT);
  self->text = g_strdup ("");
  self->chosen = chosen;
  self->user_data = user_data;
  fill (self);
  self->combo = gtk_combo_box_new_with_model (GTK_TREE_MODEL (self->store));
  gtk_cell_layout_pack_start (GTK_CELL_LAYOUT (self->combo), cell, TRUE);
  gtk_cell_layout_add_attribute (GTK_CELL_LAYOUT (self->combo), cell, "text", COLUMN_LABEL);
  gtk_combo_box_set_row_separator_func (GTK_COMBO_BOX (self->combo), is_line, NULL, NULL);
  g_object_set_data_full (G_OBJECT (self->combo), chooser_key, self, model_chooser_free);
  g_signal_connect (self->combo, "changed", G_CALLBACK (on_changed), self);
  return self->combo;
}
