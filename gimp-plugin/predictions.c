/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "predictions.h"
#include "class-entry.h"
#include "gtk-compat.h"
#include "i18n.h"

typedef struct
{
  GtkWidget *buttons[VGP_N_PREDICTIONS];
  GtkWidget *labels[VGP_N_PREDICTIONS];
  GtkWidget *probabilities[VGP_N_PREDICTIONS];
  void (*chosen) (guint number, gpointer user_data);
  gpointer user_data;
} Predictions;

static const char *const predictions_key = "vgp-predictions";

static void
on_clicked (GtkWidget *button, Predictions *self)
{
  for (guint i = 0; i < VGP_N_PREDICTIONS; i++)
    if (self->buttons[i] == button)
      self->chosen (i, self->user_data);
}

static GtkWidget *
make_button (Predictions *self, guint number)
{
  GtkWidget *button = gtk_button_new ();
  GtkWidget *row = vgp_box_new (GTK_ORIENTATION_HORIZONTAL, VGP_SPACE_LABEL);
  GtkWidget *label = gtk_label_new (NULL);
  g_autofree char *name = g_strdup_printf ("prediction-%u", number);

  gtk_label_set_ellipsize (GTK_LABEL (label), PANGO_ELLIPSIZE_END);
  vgp_label_align (label, 0.0f, 0.5f);
  self->buttons[number] = button;
  self->labels[number] = label;
  self->probabilities[number] = gtk_label_new (NULL);
  gtk_box_pack_start (GTK_BOX (row), label, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (row), self->probabilities[number], FALSE, FALSE, 0);
  gtk_container_add (GTK_CONTAINER (button), row);
  vgp_button_set_low (button);
  gtk_button_set_relief (GTK_BUTTON (button), GTK_RELIEF_NONE);
  gtk_widget_set_name (button, name);
  gtk_widget_set_tooltip_text (button, _ ("Explain this class"));
  g_signal_connect (button, "clicked", G_CALLBACK (on_clicked), self);
  return button;
}

GtkWidget *
vgp_predictions_new (void (*chosen) (guint number, gpointer user_data), gpointer user_data)
{
  GtkWidget *box = vgp_box_new (GTK_ORIENTATION_VERTICAL, 0);
  Predictions *self = g_new0 (Predictions, 1);

  self->chosen = chosen;
  self->user_data = user_data;
  for (guint i = 0; i < VGP_N_PREDICTIONS; i++)
    gtk_box_pack_start (GTK_BOX (box), make_button (self, i), FALSE, FALSE, 0);
  g_object_set_data_full (G_OBJECT (box), predictions_key, self, g_free);
  vgp_predictions_set (box, NULL, 0);
  return box;
}

void
vgp_predictions_set_note (GtkWidget *widget, const char *note)
{
  const Predictions *self = g_object_get_data (G_OBJECT (widget), predictions_key);

  vgp_predictions_set (widget, NULL, 0);
  gtk_label_set_text (GTK_LABEL (self->labels[0]), note);
}

void
vgp_predictions_set (GtkWidget *widget, const VgpPrediction *predictions, guint n_predictions)
{
  const Predictions *self = g_object_get_data (G_OBJECT (widget), predictions_key);

  for (guint i = 0; i < VGP_N_PREDICTIONS; i++)
    {
      const VgpPrediction *prediction = i < n_predictions ? &predictions[i] : NULL;
      g_autofree char *index = NULL;
      g_autofree char *probability = NULL;

      if (prediction != NULL)
        {
          index = g_strdup_printf ("%u", prediction->index);
          probability = vgp_class_entry_format_probability (prediction->probability);
        }
      gtk_label_set_text (GTK_LABEL (self->labels[i]), prediction == NULL ? ""
                                                       : prediction->label != NULL
                                                           ? prediction->label
                                                           : index);
      gtk_label_set_text (GTK_LABEL (self->probabilities[i]),
                          probability != NULL ? probability : "");
      gtk_widget_set_sensitive (self->buttons[i], prediction != NULL);
    }
}
