/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "dialog.h"
#include "class-entry.h"
#include "field-widget.h"
#include "gtk-compat.h"
#include "i18n.h"
#include "predictions.h"
#include "preview.h"

#include <string.h>

/* Pixels: with the title, the dialog's buttons and a panel it fits 800. */
#define MAX_HEIGHT 620

/* Fields that methods have or not stand in the first column, so that the dialog stays as high as it
 * is when some of them go. */
static const VgpFieldGroup columns[][VGP_N_GROUPS] = {
  { VGP_GROUP_MODEL, VGP_GROUP_METHOD },
  { VGP_GROUP_TARGET, VGP_GROUP_PICTURE, VGP_GROUP_RESULT },
};
static const guint n_groups_of[] = { 2, 3 };

typedef struct
{
  const VgpField *field;
  GtkWidget *widget;
} Row;

typedef struct
{
  VgpSettings *settings;
  GArray *rows;                    /* Row */
  GtkWidget *groups[VGP_N_GROUPS]; /* a title and rows each; NULL where there are none */
  VgpPreview *preview;
  GtkWidget *predictions;
  VgpPrediction likeliest[VGP_N_PREDICTIONS];
  guint n_likeliest;
  VtrModel *model; /* which owns the labels of those */
} Content;

static void
content_free (gpointer data)
{
  Content *self = data;

  g_signal_handlers_disconnect_by_data (self->settings, self);
  g_object_unref (self->settings);
  g_clear_object (&self->model);
  g_array_unref (self->rows);
  g_free (self);
}

/* ---------------------------------------------------------------- groups of fields */

static GtkWidget *
make_title (const char *text)
{
  GtkWidget *label = gtk_label_new (text);
  PangoAttrList *attributes = pango_attr_list_new ();

  pango_attr_list_insert (attributes, pango_attr_weight_new (PANGO_WEIGHT_BOLD));
  gtk_label_set_attributes (GTK_LABEL (label), attributes);
  pango_attr_list_unref (attributes);
  vgp_label_align (label, 0.0f, 0.5f);
  return label;
}

/* @child, moved to the right as rows are under a title. */
static GtkWidget *
indent (GtkWidget *child)
{
  GtkWidget *alignment = vgp_box_new (GTK_ORIENTATION_HORIZONTAL, 0);

  gtk_box_pack_start (GTK_BOX (alignment), child, TRUE, TRUE, VGP_SPACE_LABEL);
  return alignment;
}

/* NULL where the procedure has no field of the group. */
static GtkWidget *
make_group (Content *self, VgpFieldGroup group, GtkSizeGroup *labels)
{
  GtkWidget *box = vgp_box_new (GTK_ORIENTATION_VERTICAL, VGP_SPACE_ROW);
  guint n_fields;
  const VgpField *fields = vgp_fields_get (&n_fields);
  const guint n_before = self->rows->len;

  gtk_box_pack_start (GTK_BOX (box), make_title (_ (vgp_fields_get_group_label (group))), FALSE,
                      FALSE, 0);
  for (guint i = 0; i < n_fields; i++)
    if (fields[i].group == group && vgp_settings_has (self->settings, fields[i].name))
      {
        const Row row = { &fields[i], vgp_field_widget_new (&fields[i], self->settings, labels) };

        gtk_box_pack_start (GTK_BOX (box), indent (row.widget), FALSE, FALSE, 0);
        g_array_append_val (self->rows, row);
      }
  if (self->rows->len > n_before)
    return box;
  g_object_ref_sink (box);
  g_object_unref (box);
  return NULL;
}

static GtkWidget *
make_column (Content *self, const VgpFieldGroup *groups, guint n_groups)
{
  GtkWidget *column = vgp_box_new (GTK_ORIENTATION_VERTICAL, VGP_SPACE_GROUP);
  g_autoptr (GObject) labels = G_OBJECT (gtk_size_group_new (GTK_SIZE_GROUP_HORIZONTAL));

  for (guint i = 0; i < n_groups; i++)
    {
      GtkWidget *group = make_group (self, groups[i], GTK_SIZE_GROUP (labels));

      self->groups[groups[i]] = group;
      if (group != NULL)
        gtk_box_pack_start (GTK_BOX (column), group, FALSE, FALSE, 0);
    }
  return column;
}

static GtkWidget *
make_columns (Content *self)
{
  GtkWidget *box = vgp_box_new (GTK_ORIENTATION_HORIZONTAL, VGP_SPACE_GROUP);

  for (guint i = 0; i < G_N_ELEMENTS (columns); i++)
    gtk_box_pack_start (GTK_BOX (box), make_column (self, columns[i], n_groups_of[i]), TRUE, TRUE,
                        0);
  return vgp_scrolled_new (box, MAX_HEIGHT);
}

/* What the method takes where its parameter is left empty. */
static void
show_defaults (Content *self)
{
  guint n_params;
  const VtrMethodParam *const *params =
      vtr_method_get_params (vgp_settings_get (self->settings, "method"), &n_params);

  for (guint i = 0; i < self->rows->len; i++)
    for (guint k = 0; k < n_params; k++)
      {
        const Row *row = &g_array_index (self->rows, Row, i);

        if (row->field->of_method && strcmp (row->field->name, params[k]->name) == 0)
          vgp_field_widget_set_hint (row->widget, params[k]->default_text);
      }
}

/* Rows of what the method has; titles of groups that have a row. */
static void
show_what_applies (Content *self)
{
  gboolean has_row[VGP_N_GROUPS] = { FALSE };

  for (guint i = 0; i < self->rows->len; i++)
    {
      const Row *row = &g_array_index (self->rows, Row, i);
      const gboolean applies = vgp_settings_applies (self->settings, row->field);

      gtk_widget_set_visible (gtk_widget_get_parent (row->widget), applies);
      has_row[row->field->group] |= applies;
    }
  for (guint group = 0; group < VGP_N_GROUPS; group++)
    if (self->groups[group] != NULL)
      gtk_widget_set_visible (self->groups[group], has_row[group]);
  gtk_widget_set_sensitive (self->predictions,
                            vgp_settings_applies (self->settings, vgp_fields_find ("target")));
  show_defaults (self);
}

static void
on_setting_changed (VgpSettings *settings, const char *name, Content *self)
{
  (void) settings;
  if (strcmp (name, "method") == 0 || strcmp (name, "score") == 0)
    show_what_applies (self);
}

/* ---------------------------------------------------------------- classes */

static GtkWidget *
find_control (const Content *self, const char *name)
{
  for (guint i = 0; i < self->rows->len; i++)
    if (strcmp (g_array_index (self->rows, Row, i).field->name, name) == 0)
      return vgp_field_widget_get_control (g_array_index (self->rows, Row, i).widget);
  return NULL;
}

static void
on_prediction_chosen (guint number, gpointer data)
{
  Content *self = data;
  g_autofree char *text =
      vgp_class_entry_get_text_for (find_control (self, "target"), self->likeliest[number].index);

  vgp_settings_set (self->settings, "target", text, NULL);
}

/* Of another model the old ones say nothing. */
static void
update_likeliest (Content *self, VtrModel *model, VtrExplanation *explanation)
{
  if (explanation != NULL)
    self->n_likeliest = vgp_engine_predict (explanation, self->likeliest, VGP_N_PREDICTIONS);
  else if (model != self->model)
    self->n_likeliest = 0;
  g_set_object (&self->model, model);
  if (vtr_model_get_n_classes (model) == 0)
    vgp_predictions_set_note (self->predictions, _ ("The model has no classifier."));
  else
    vgp_predictions_set (self->predictions, self->likeliest, self->n_likeliest);
}

static void
on_explained (VtrModel *model, VtrExplanation *explanation, gpointer data)
{
  Content *self = data;

  update_likeliest (self, model, explanation);
  for (guint i = 0; i < self->rows->len; i++)
    {
      const Row *row = &g_array_index (self->rows, Row, i);

      if (row->field->kind != VGP_FIELD_CLASS)
        continue;
      GtkWidget *entry = vgp_field_widget_get_control (row->widget);
      vgp_class_entry_set_model (entry, model);
      vgp_class_entry_set_predictions (entry, self->likeliest, self->n_likeliest);
    }
}

static GtkWidget *
make_predictions (Content *self)
{
  GtkWidget *box = vgp_box_new (GTK_ORIENTATION_VERTICAL, 0);

  self->predictions = vgp_predictions_new (on_prediction_chosen, self);
  gtk_box_pack_start (GTK_BOX (box), make_title (_ ("Likeliest classes")), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), self->predictions, FALSE, FALSE, 0);
  return box;
}

/* ---------------------------------------------------------------- all of it */

GtkWidget *
vgp_dialog_new_content (VgpSettings *settings,
                        VgpEngine *engine,
                        VgpReadPictureFunc read,
                        gpointer read_data)
{
  GtkWidget *box = vgp_box_new (GTK_ORIENTATION_HORIZONTAL, VGP_SPACE_GROUP);
  GtkWidget *left = vgp_box_new (GTK_ORIENTATION_VERTICAL, VGP_SPACE_ROW);
  Content *self = g_new0 (Content, 1);

  self->settings = g_object_ref (settings);
  self->rows = g_array_new (FALSE, FALSE, sizeof (Row));
  self->preview = vgp_preview_new (settings, engine, read, read_data);
  vgp_preview_set_explained_func (self->preview, on_explained, self);
  gtk_box_pack_start (GTK_BOX (left), vgp_preview_get_widget (self->preview), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (left), make_predictions (self), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), left, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), make_columns (self), TRUE, TRUE, 0);
  gtk_container_set_border_width (GTK_CONTAINER (box), VGP_SPACE_LABEL);
  g_object_set_data_full (G_OBJECT (box), "vgp-dialog", self, content_free);
  g_signal_connect (settings, "changed", G_CALLBACK (on_setting_changed), self);
  gtk_widget_show_all (box);
  show_what_applies (self);
  return box;
}
