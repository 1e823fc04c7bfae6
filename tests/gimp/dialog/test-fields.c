/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* The fields: a widget and a setting for each that say the same. */
#include "dialog-harness.h"

/* ---------------------------------------------------------------- fields */

static void
assert_set (Dialog *dialog, const VgpField *field, const char *text)
{
  g_assert_cmpstr (vgp_settings_get (dialog->settings, field->name), ==, text);
}

static void
check_choice (Dialog *dialog, const VgpField *field, GtkWidget *control)
{
  GtkComboBox *combo = GTK_COMBO_BOX (control);

  for (int i = 0; field->choices[i] != NULL; i++)
    {
      dialog_set (dialog, field->name, field->choices[i]);
      g_assert_cmpint (gtk_combo_box_get_active (combo), ==, i);
    }
  gtk_combo_box_set_active (combo, 1);
  assert_set (dialog, field, field->choices[1]);
}

static void
check_text (Dialog *dialog, const VgpField *field, GtkWidget *control)
{
  dialog_set (dialog, field->name, "something");
  g_assert_cmpstr (dialog_get_entry_text (control), ==, "something");
  dialog_set_entry_text (control, "something else");
  assert_set (dialog, field, "something else");
  if (field->choices == NULL)
    return;
  gtk_combo_box_set_active (GTK_COMBO_BOX (control), 0);
  assert_set (dialog, field, field->choices[0]);
}

static void
check_number (Dialog *dialog, const VgpField *field, GtkWidget *control)
{
  GtkSpinButton *spin = GTK_SPIN_BUTTON (control);

  dialog_set (dialog, field->name, "0.25");
  if (field->n_digits > 1)
    g_assert_cmpfloat (gtk_spin_button_get_value (spin), ==, 0.25);
  gtk_spin_button_set_value (spin, field->n_digits > 1 ? 0.5 : 20.0);
  assert_set (dialog, field, field->n_digits > 1 ? "0.5" : "20");
  /* Typed, and the focus has not left it. */
  dialog_set_entry_text (control, field->n_digits > 1 ? "0.75" : "35");
  assert_set (dialog, field, field->n_digits > 1 ? "0.75" : "35");
  dialog_set_entry_text (control, "-1");
  assert_set (dialog, field, field->n_digits > 1 ? "0.75" : "35");
}

static void
check_switch (Dialog *dialog, const VgpField *field, GtkWidget *control)
{
  GtkToggleButton *button = GTK_TOGGLE_BUTTON (control);

  dialog_set (dialog, field->name, "yes");
  g_assert_true (gtk_toggle_button_get_active (button));
  gtk_toggle_button_set_active (button, FALSE);
  assert_set (dialog, field, "no");
}

/* A path is one more choice. */
static void
check_model (Dialog *dialog, const VgpField *field, GtkWidget *control)
{
  GtkComboBox *combo = GTK_COMBO_BOX (control);
  const int shapes = gtk_combo_box_get_active (combo);
  g_autofree char *path = g_strdup (vgp_settings_get (dialog->settings, field->name));

  dialog_set (dialog, field->name, "");
  g_assert_cmpint (gtk_combo_box_get_active (combo), !=, shapes);
  gtk_combo_box_set_active (combo, shapes);
  assert_set (dialog, field, path);
  gtk_combo_box_set_active (combo, 0);
  assert_set (dialog, field, "");
}

static void
test_fields (gconstpointer data)
{
  static void (*const checks[]) (Dialog *, const VgpField *, GtkWidget *) = {
    [VGP_FIELD_CHOICE] = check_choice, [VGP_FIELD_TEXT] = check_text,
    [VGP_FIELD_CLASS] = check_text,    [VGP_FIELD_FILE] = check_text,
    [VGP_FIELD_MODEL] = check_model,   [VGP_FIELD_NUMBER] = check_number,
    [VGP_FIELD_SWITCH] = check_switch,
  };
  const VgpProcedures procedure = *(const VgpProcedures *) data;
  g_autoptr (Dialog) dialog = dialog_open (procedure, "");
  guint n_fields;
  const VgpField *fields = vgp_fields_get (&n_fields);

  for (guint i = 0; i < n_fields; i++)
    if (fields[i].procedures & procedure)
      {
        g_test_message ("%s", fields[i].name);
        checks[fields[i].kind](dialog, &fields[i], dialog_find (dialog, fields[i].name));
      }
  vgp_settings_reset (dialog->settings);
  g_assert_cmpstr (dialog_get_entry_text (dialog_find (dialog, "layers")), ==, "");
}

static void
test_applies (void)
{
  g_autoptr (Dialog) dialog = dialog_open (VGP_HEATMAPS, "method=raw");
  const char *const *methods = vtr_method_list ();
  guint n_fields;
  const VgpField *fields = vgp_fields_get (&n_fields);

  for (guint k = 0; methods[k] != NULL; k++)
    {
      dialog_set (dialog, "method", methods[k]);
      for (guint i = 0; i < n_fields; i++)
        if (fields[i].procedures & VGP_HEATMAPS)
          g_assert_cmpint (dialog_shows (dialog, fields[i].name), ==,
                           vgp_settings_applies (dialog->settings, &fields[i]));
    }
  g_assert_true (dialog_shows (dialog, "target"));
  dialog_set (dialog, "method", "raw");
  g_assert_false (dialog_shows (dialog, "target"));
}

/* ---------------------------------------------------------------- size and keys */

static void
test_fits_screen (void)
{
  g_autoptr (Dialog) dialog = dialog_open (VGP_HEATMAPS, "method=relevance");
  GtkAllocation allocation;

  dialog_settle (dialog);
  gtk_widget_get_allocation (dialog->window, &allocation);
  g_assert_cmpint (allocation.width, <=, 1280 - 20);
  /* Less the title, the buttons below and a panel. */
  g_assert_cmpint (allocation.height, <=, 800 - 140);
}

typedef struct
{
  const char *owners[128]; /* by the key */
} Keys;

static void
note_key (Keys *keys, guint key, const char *owner)
{
  if (key >= G_N_ELEMENTS (keys->owners))
    return;
  if (keys->owners[key] != NULL)
    g_error ("alt+%c is for “%s” and for “%s”", (char) key, keys->owners[key], owner);
  keys->owners[key] = owner;
}

static void
collect_keys (GtkWidget *widget, gpointer data)
{
  if (!gtk_widget_get_visible (widget))
    return;
  if (GTK_IS_LABEL (widget))
    note_key (data, gtk_label_get_mnemonic_keyval (GTK_LABEL (widget)),
              gtk_label_get_text (GTK_LABEL (widget)));
  if (GTK_IS_CONTAINER (widget))
    gtk_container_forall (GTK_CONTAINER (widget), collect_keys, data);
}

/* No two labels have the same key, nor one that GIMP's own buttons have: OK, Cancel, Reset, Help.
 */
static void
test_keys (gconstpointer data)
{
  const VgpProcedures procedure = *(const VgpProcedures *) data;
  g_autoptr (Dialog) dialog = dialog_open (procedure, "");
  const char *const *methods = vtr_method_list ();

  for (guint i = 0; methods[i] != NULL; i++)
    {
      Keys keys = { { ['o'] = "OK", ['c'] = "Cancel", ['r'] = "Reset" } };

      dialog_set (dialog, "method", methods[i]);
      collect_keys (dialog->window, &keys);
    }
}

int
main (int argc, char **argv)
{
  static const VgpProcedures heatmaps = VGP_HEATMAPS;
  static const VgpProcedures select = VGP_SELECT;

  gtk_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/dialog/fields/heatmaps", &heatmaps, test_fields);
  g_test_add_data_func ("/dialog/fields/select", &select, test_fields);
  g_test_add_func ("/dialog/applies", test_applies);
  g_test_add_func ("/dialog/fits-screen", test_fits_screen);
  g_test_add_data_func ("/dialog/keys/heatmaps", &heatmaps, test_keys);
  g_test_add_data_func ("/dialog/keys/select", &select, test_keys);
  return g_test_run ();
}
