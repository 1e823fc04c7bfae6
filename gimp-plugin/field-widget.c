/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "field-widget.h"
#include "class-entry.h"
#include "gtk-compat.h"
#include "i18n.h"
#include "model-chooser.h"

#include <math.h>
#include <string.h>

/* Pixels; longer choices are cut with "…" while their list is closed. */
#define CONTROL_WIDTH 236

typedef struct
{
  const VgpField *field;
  VgpSettings *settings;
  GtkWidget *control;
  gboolean is_showing; /* a change comes from the settings, not from the user */
} Binding;

static const char *const control_key = "vgp-field-control";

static void
binding_free (gpointer data)
{
  Binding *self = data;

  g_object_unref (self->settings);
  g_free (self);
}

static void
take_text (Binding *self, const char *text)
{
  g_autoptr (GError) error = NULL;

  if (!self->is_showing && !vgp_settings_set (self->settings, self->field->name, text, &error))
    g_warning ("%s", error->message);
}

/* ---- choice ---- */

static void
show_choice (Binding *self, const char *text)
{
  for (int i = 0; self->field->choices[i] != NULL; i++)
    if (strcmp (self->field->choices[i], text) == 0)
      gtk_combo_box_set_active (GTK_COMBO_BOX (self->control), i);
}

static void
on_choice_changed (GtkComboBox *combo, Binding *self)
{
  const int active = gtk_combo_box_get_active (combo);

  if (active >= 0)
    take_text (self, self->field->choices[active]);
}

/* So that one long choice does not make the dialog wider. */
static void
cut_long_texts (GtkWidget *combo)
{
  GList *cells = gtk_cell_layout_get_cells (GTK_CELL_LAYOUT (combo));

  for (GList *at = cells; at != NULL; at = at->next)
    g_object_set (at->data, "ellipsize", PANGO_ELLIPSIZE_END, NULL);
  g_list_free (cells);
}

static void
make_choice (Binding *self)
{
  const VgpField *field = self->field;

  self->control = gtk_combo_box_text_new ();
  for (guint i = 0; field->choices[i] != NULL; i++)
    gtk_combo_box_text_append_text (GTK_COMBO_BOX_TEXT (self->control),
                                    field->choice_labels != NULL ? _ (field->choice_labels[i])
                                                                 : field->choices[i]);
  cut_long_texts (self->control);
  g_signal_connect (self->control, "changed", G_CALLBACK (on_choice_changed), self);
}

/* ---- text, class and file ---- */

/* The entry itself or the one of a combo box. */
static GtkEntry *
get_entry (Binding *self)
{
  return GTK_ENTRY (GTK_IS_ENTRY (self->control) ? self->control
                                                 : gtk_bin_get_child (GTK_BIN (self->control)));
}

static void
show_text (Binding *self, const char *text)
{
  if (strcmp (gtk_entry_get_text (get_entry (self)), text) != 0)
    gtk_entry_set_text (get_entry (self), text);
}

static void
on_text_changed (GtkEntry *entry, Binding *self)
{
  take_text (self, gtk_entry_get_text (entry));
}

static void
make_text (Binding *self)
{
  const VgpField *field = self->field;

  if (field->choices == NULL)
    self->control = gtk_entry_new ();
  else
    {
      self->control = gtk_combo_box_text_new_with_entry ();
      for (guint i = 0; field->choices[i] != NULL; i++)
        gtk_combo_box_text_append_text (GTK_COMBO_BOX_TEXT (self->control), field->choices[i]);
    }
}

static void
make_class (Binding *self)
{
  self->control = vgp_class_entry_new (self->field->choices);
}

static void
connect_entry (Binding *self)
{
  vgp_entry_set_narrow (get_entry (self));
  gtk_entry_set_activates_default (get_entry (self), TRUE);
  g_signal_connect (get_entry (self), "changed", G_CALLBACK (on_text_changed), self);
}

static void
on_browse_clicked (GtkButton *button, Binding *self)
{
  g_autofree char *path =
      vgp_model_chooser_ask_path (GTK_WIDGET (button), GTK_FILE_CHOOSER_ACTION_OPEN, NULL);

  if (path != NULL)
    gtk_entry_set_text (get_entry (self), path);
}

static GtkWidget *
make_browse_button (Binding *self)
{
  GtkWidget *button = gtk_button_new ();

  gtk_container_add (GTK_CONTAINER (button),
                     gtk_image_new_from_icon_name ("document-open", GTK_ICON_SIZE_MENU));
  gtk_widget_set_tooltip_text (button, _ ("Choose a file"));
  g_signal_connect (button, "clicked", G_CALLBACK (on_browse_clicked), self);
  return button;
}

/* ---- number ---- */

/* Of what is typed, whether or not GTK has taken it up yet. */
static gboolean
read_typed (Binding *self, double *number)
{
  const char *text = gtk_entry_get_text (GTK_ENTRY (self->control));
  char *end;

  *number = g_strtod (text, &end);
  return end != text && *end == '\0' && *number >= self->field->min && *number <= self->field->max;
}

/* Not while just that number is being typed, perhaps as "50." on the way to "50.5". */
static void
show_number (Binding *self, const char *text)
{
  const double number = g_ascii_strtod (text, NULL);
  double typed;

  if (!read_typed (self, &typed) || typed != number)
    gtk_spin_button_set_value (GTK_SPIN_BUTTON (self->control), number);
}

/* As one would write it: "0.5", not "0.500". */
static char *
format_number (double number, guint n_digits)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *format = g_strdup_printf ("%%.%uf", n_digits);

  g_ascii_formatd (buffer, sizeof buffer, format, number);
  if (strchr (buffer, '.') != NULL)
    {
      gsize length = strlen (buffer);

      while (buffer[length - 1] == '0')
        buffer[--length] = '\0';
      if (buffer[length - 1] == '.')
        buffer[--length] = '\0';
    }
  return g_strdup (buffer);
}

static void
on_number_changed (GtkSpinButton *spin, Binding *self)
{
  g_autofree char *text = format_number (gtk_spin_button_get_value (spin), self->field->n_digits);

  take_text (self, text);
}

/* GTK takes a typed number up when the focus leaves, which pressing OK by its mnemonic does not
 * make it do. */
static void
on_number_typed (Binding *self)
{
  double number;

  if (!read_typed (self, &number))
    return;
  g_autofree char *text = format_number (number, self->field->n_digits);
  take_text (self, text);
}

static void
make_number (Binding *self)
{
  const VgpField *field = self->field;
  const double step = field->n_digits > 0 ? pow (10.0, 1.0 - field->n_digits) : 1.0;
  GtkAdjustment *adjustment = vgp_adjustment_new (field->min, field->max, step);

  self->control = gtk_spin_button_new (adjustment, step, field->n_digits);
  gtk_spin_button_set_numeric (GTK_SPIN_BUTTON (self->control), TRUE);
  gtk_entry_set_activates_default (GTK_ENTRY (self->control), TRUE);
  g_signal_connect_swapped (self->control, "changed", G_CALLBACK (on_number_typed), self);
  g_signal_connect (self->control, "value-changed", G_CALLBACK (on_number_changed), self);
}

/* From nothing to all of something: one moves it rather than types it. */
static gboolean
is_share (const VgpField *field)
{
  return field->min <= 0.0 && field->max <= 100.0;
}

static GtkWidget *
make_slider (Binding *self)
{
  GtkWidget *scale =
      vgp_scale_new (gtk_spin_button_get_adjustment (GTK_SPIN_BUTTON (self->control)));

  gtk_scale_set_draw_value (GTK_SCALE (scale), FALSE);
  return scale;
}

/* ---- switch ---- */

static void
show_switch (Binding *self, const char *text)
{
  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (self->control), strcmp (text, "yes") == 0);
}

static void
on_switch_toggled (GtkToggleButton *button, Binding *self)
{
  take_text (self, gtk_toggle_button_get_active (button) ? "yes" : "no");
}

static void
make_switch (Binding *self)
{
  self->control = gtk_check_button_new_with_mnemonic (_ (self->field->label));
  g_signal_connect (self->control, "toggled", G_CALLBACK (on_switch_toggled), self);
}

/* ---- model ---- */

static void
show_model (Binding *self, const char *text)
{
  vgp_model_chooser_set_text (self->control, text);
}

static void
on_model_chosen (const char *text, gpointer user_data)
{
  take_text (user_data, text);
}

static void
make_model (Binding *self)
{
  self->control = vgp_model_chooser_new (on_model_chosen, self);
  cut_long_texts (self->control);
}

/* ---- all of them ---- */

static const struct
{
  void (*make) (Binding *self); /* sets self->control */
  void (*show) (Binding *self, const char *text);
} kinds[] = {
  [VGP_FIELD_CHOICE] = { make_choice, show_choice },
  [VGP_FIELD_TEXT] = { make_text, show_text },
  [VGP_FIELD_CLASS] = { make_class, show_text },
  [VGP_FIELD_FILE] = { make_text, show_text },
  [VGP_FIELD_MODEL] = { make_model, show_model },
  [VGP_FIELD_NUMBER] = { make_number, show_number },
  [VGP_FIELD_SWITCH] = { make_switch, show_switch },
};

static void
show_setting (Binding *self)
{
  self->is_showing = TRUE;
  kinds[self->field->kind].show (self, vgp_settings_get (self->settings, self->field->name));
  self->is_showing = FALSE;
}

static void
on_setting_changed (VgpSettings *settings, const char *name, GtkWidget *control)
{
  (void) settings;
  (void) name;
  show_setting (g_object_get_data (G_OBJECT (control), control_key));
}

static Binding *
bind_field (const VgpField *field, VgpSettings *settings)
{
  Binding *self = g_new0 (Binding, 1);
  g_autofree char *signal = g_strconcat ("changed::", field->name, NULL);

  self->field = field;
  self->settings = g_object_ref (settings);
  kinds[field->kind].make (self);
  if (field->kind == VGP_FIELD_TEXT || field->kind == VGP_FIELD_FILE ||
      field->kind == VGP_FIELD_CLASS)
    connect_entry (self);
  gtk_widget_set_name (self->control, field->name);
  g_object_set_data_full (G_OBJECT (self->control), control_key, self, binding_free);
  show_setting (self);
  g_signal_connect_object (settings, signal, G_CALLBACK (on_setting_changed), self->control, 0);
  return self;
}

static GtkWidget *
make_label (const Binding *self, GtkSizeGroup *labels)
{
  GtkWidget *label = gtk_label_new_with_mnemonic (_ (self->field->label));

  vgp_label_align (label, 0.0f, 0.5f);
  gtk_label_set_mnemonic_widget (GTK_LABEL (label), self->control);
  gtk_size_group_add_widget (labels, label);
  return label;
}

/* What stands beside the label. */
static void
pack_control (GtkBox *row, Binding *self)
{
  const VgpFieldKind kind = self->field->kind;
  GtkWidget *box;

  if (kind != VGP_FIELD_FILE && !(kind == VGP_FIELD_NUMBER && is_share (self->field)))
    {
      gtk_widget_set_size_request (self->control, CONTROL_WIDTH, -1);
      gtk_box_pack_start (row, self->control, TRUE, TRUE, 0);
      return;
    }
  box = vgp_box_new (GTK_ORIENTATION_HORIZONTAL, VGP_SPACE_ROW);
  gtk_widget_set_size_request (box, CONTROL_WIDTH, -1);
  if (kind == VGP_FIELD_FILE)
    {
      gtk_box_pack_start (GTK_BOX (box), self->control, TRUE, TRUE, 0);
      gtk_box_pack_start (GTK_BOX (box), make_browse_button (self), FALSE, FALSE, 0);
    }
  else
    {
      gtk_box_pack_start (GTK_BOX (box), make_slider (self), TRUE, TRUE, 0);
      gtk_box_pack_start (GTK_BOX (box), self->control, FALSE, FALSE, 0);
    }
  gtk_box_pack_start (row, box, TRUE, TRUE, 0);
}

GtkWidget *
vgp_field_widget_new (const VgpField *field, VgpSettings *settings, GtkSizeGroup *labels)
{
  Binding *self = bind_field (field, settings);
  GtkWidget *row = vgp_box_new (GTK_ORIENTATION_HORIZONTAL, VGP_SPACE_LABEL);

  g_object_set_data (G_OBJECT (row), control_key, self->control);
  gtk_widget_set_tooltip_text (row, _ (field->summary));
  if (field->kind == VGP_FIELD_SWITCH)
    {
      gtk_box_pack_start (GTK_BOX (row), self->control, TRUE, TRUE, 0);
      return row;
    }
  gtk_box_pack_start (GTK_BOX (row), make_label (self, labels), FALSE, FALSE, 0);
  pack_control (GTK_BOX (row), self);
  return row;
}

void
vgp_field_widget_set_hint (GtkWidget *self, const char *hint)
{
  Binding *binding =
      g_object_get_data (G_OBJECT (vgp_field_widget_get_control (self)), control_key);

  if (binding->field->kind == VGP_FIELD_TEXT)
    vgp_entry_set_hint (get_entry (binding), hint);
}

GtkWidget *
vgp_field_widget_get_control (GtkWidget *self)
{
  return g_object_get_data (G_OBJECT (self), control_key);
}
