/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* The dialog's contents as a user sees them, without GIMP: fields, preview, classes, errors. */
#include "class-entry.h"
#include "dialog-harness.h"

#include <glib/gstdio.h>
#include <string.h>

/* ---------------------------------------------------------------- the preview */

static void
test_preview (void)
{
  g_autoptr (Dialog) dialog = dialog_open (VGP_HEATMAPS, "method=raw");
  guint hash;

  dialog_settle (dialog);
  g_assert_cmpstr (dialog_get_message (dialog), ==, "");
  hash = dialog_hash_pixels (dialog);
  g_assert_cmpuint (hash, !=, 0);

  dialog_set (dialog, "method", "relevance");
  dialog_settle (dialog);
  g_assert_cmpuint (dialog_hash_pixels (dialog), !=, hash);

  /* The same question has the same answer. */
  dialog_set (dialog, "method", "raw");
  dialog_settle (dialog);
  g_assert_cmpuint (dialog_hash_pixels (dialog), ==, hash);
  dialog_set (dialog, "layers", "0");
  dialog_settle (dialog);
  g_assert_cmpuint (dialog_hash_pixels (dialog), !=, hash);
  g_assert_cmpuint (dialog->n_reads, ==, 1);
}

/* Colours, opacity, style and mode are of the map that there is. */
static void
test_looks (void)
{
  static const struct
  {
    const char *name;
    const char *text;
  } looks[] = {
    { "colormap", "viridis" }, { "opacity", "30" },    { "style", "alpha" },  { "style", "grey" },
    { "mode", "screen" },      { "mode", "multiply" }, { "mode", "overlay" },
  };
  g_autoptr (Dialog) dialog = dialog_open (VGP_HEATMAPS, "method=raw");
  guint hash;
  guint n_explained;

  dialog_settle (dialog);
  hash = dialog_hash_pixels (dialog);
  n_explained = dialog_get_n_explained ();
  for (guint i = 0; i < G_N_ELEMENTS (looks); i++)
    {
      dialog_set (dialog, looks[i].name, looks[i].text);
      dialog_settle (dialog);
      g_assert_cmpuint (dialog_hash_pixels (dialog), !=, hash);
      hash = dialog_hash_pixels (dialog);
    }
  dialog_set (dialog, "score", "yes");
  dialog_settle (dialog);
  g_assert_cmpuint (dialog_get_n_explained (), ==, n_explained);
}

/* Of nothing the photo remains. */
static void
test_opacity (void)
{
  g_autoptr (Dialog) dialog = dialog_open (VGP_HEATMAPS, "method=raw; opacity=0");
  guint photo;

  dialog_settle (dialog);
  photo = dialog_hash_pixels (dialog);
  dialog_set (dialog, "colormap", "jet");
  dialog_settle (dialog);
  g_assert_cmpuint (dialog_hash_pixels (dialog), ==, photo);
  dialog_set (dialog, "opacity", "100");
  dialog_settle (dialog);
  g_assert_cmpuint (dialog_hash_pixels (dialog), !=, photo);
}

static void
test_maps (void)
{
  g_autoptr (Dialog) dialog = dialog_open (VGP_HEATMAPS, "method=raw; show=heads; layers=all");
  GtkComboBox *maps = GTK_COMBO_BOX (dialog_find (dialog, "map-shown"));
  guint hash;

  dialog_settle (dialog);
  /* Four layers with four heads each, and the summary. */
  g_assert_cmpint (gtk_tree_model_iter_n_children (gtk_combo_box_get_model (maps), NULL), ==, 17);
  hash = dialog_hash_pixels (dialog);
  gtk_combo_box_set_active (maps, 3);
  dialog_settle (dialog);
  g_assert_cmpuint (dialog_hash_pixels (dialog), !=, hash);
  dialog_set (dialog, "temperature", "0.5");
  dialog_settle (dialog);
  g_assert_cmpint (gtk_combo_box_get_active (maps), ==, 3);
  dialog_set (dialog, "show", "fused");
  dialog_settle (dialog);
  g_assert_cmpint (gtk_combo_box_get_active (maps), ==, 0);
}

/* Many changes at once are one question, or a few. */
static void
test_newest_wins (void)
{
  g_autoptr (Dialog) dialog = dialog_open (VGP_HEATMAPS, "method=raw; temperature=2");
  guint hash;
  guint n_explained;

  dialog_settle (dialog);
  hash = dialog_hash_pixels (dialog);
  n_explained = dialog_get_n_explained ();
  for (guint i = 0; i < 20; i++)
    {
      g_autofree char *text = g_strdup_printf ("0.%02u", 30 + i);
      dialog_set (dialog, "temperature", text);
      dialog_idle (10);
    }
  dialog_set (dialog, "temperature", "2");
  dialog_settle (dialog);
  g_assert_cmpuint (dialog_get_n_explained () - n_explained, <=, 2);
  g_assert_cmpuint (dialog_hash_pixels (dialog), ==, hash);
}

static gboolean
is_held (gpointer data)
{
  (void) data;
  return dialog_is_held ();
}

/* What is being computed gives way to what is asked next. */
static void
test_cancelled_by_next (void)
{
  g_autoptr (Dialog) dialog = dialog_open (VGP_HEATMAPS, "method=raw");
  guint hash;

  dialog_settle (dialog);
  hash = dialog_hash_pixels (dialog);
  dialog_hold_engine (TRUE);
  dialog_set (dialog, "method", "rollout");
  dialog_wait (is_held, NULL);
  dialog_idle (400);
  g_assert_nonnull (strstr (dialog_get_message (dialog), "%"));
  dialog_hold_engine (FALSE);
  dialog_set (dialog, "method", "raw");
  dialog_settle (dialog);
  g_assert_cmpuint (dialog_hash_pixels (dialog), ==, hash);
  g_assert_cmpstr (dialog_get_message (dialog), ==, "");
}

static void
test_closed_while_computing (void)
{
  g_autoptr (Dialog) dialog = dialog_open (VGP_HEATMAPS, "method=raw");
  gint64 start;

  dialog_hold_engine (TRUE);
  dialog_wait (is_held, NULL);
  start = g_get_monotonic_time ();
  dialog_close (dialog);
  g_assert_cmpint (g_get_monotonic_time () - start, <, G_TIME_SPAN_SECOND);
  dialog_hold_engine (FALSE);
  /* Nothing of it is left to run or to listen. */
  dialog_set (dialog, "method", "relevance");
  dialog_idle (300);
}

static void
test_selection_only (void)
{
  g_autoptr (Dialog) dialog = dialog_open (VGP_HEATMAPS, "method=raw");
  guint hash;

  dialog_settle (dialog);
  hash = dialog_hash_pixels (dialog);
  dialog_set (dialog, "selection-only", "yes");
  dialog_settle (dialog);
  g_assert_cmpuint (dialog_hash_pixels (dialog), !=, hash);
  dialog_set (dialog, "selection-only", "no");
  dialog_settle (dialog);
  g_assert_cmpuint (dialog_hash_pixels (dialog), ==, hash);
  g_assert_cmpuint (dialog->n_reads, ==, 2);
}

static void
test_mask (void)
{
  g_autoptr (Dialog) dialog = dialog_open (VGP_SELECT, "method=raw; amount=50");
  guint hash;
  guint n_explained;

  dialog_settle (dialog);
  hash = dialog_hash_pixels (dialog);
  n_explained = dialog_get_n_explained ();
  dialog_set (dialog, "amount", "90");
  dialog_settle (dialog);
  g_assert_cmpuint (dialog_hash_pixels (dialog), !=, hash);
  hash = dialog_hash_pixels (dialog);
  dialog_set (dialog, "keep", "value");
  dialog_settle (dialog);
  g_assert_cmpuint (dialog_hash_pixels (dialog), !=, hash);
  g_assert_cmpuint (dialog_get_n_explained (), ==, n_explained);
}

/* ---------------------------------------------------------------- errors */

static void
assert_sentence (Dialog *dialog, const char *about)
{
  const char *message = dialog_get_message (dialog);

  g_assert_nonnull (strstr (message, about));
  g_assert_null (strchr (message, '\n'));
}

static void
test_error (void)
{
  g_autoptr (Dialog) dialog = dialog_open (VGP_HEATMAPS, "method=relevance; opacity=0");
  guint photo;

  dialog_settle (dialog);
  photo = dialog_hash_pixels (dialog);
  dialog_set (dialog, "opacity", "80");
  dialog_set (dialog, "target", "zebra crossing");
  dialog_settle (dialog);
  assert_sentence (dialog, "zebra crossing");
  /* A map of another question would be no answer. */
  g_assert_cmpuint (dialog_hash_pixels (dialog), ==, photo);
  dialog_set (dialog, "target", "star");
  dialog_settle (dialog);
  g_assert_cmpstr (dialog_get_message (dialog), ==, "");
  g_assert_cmpuint (dialog_hash_pixels (dialog), !=, photo);
}

static void
test_read_error (void)
{
  g_autoptr (Dialog) dialog = dialog_open (VGP_HEATMAPS, "method=raw");
  guint hash;

  dialog_settle (dialog);
  hash = dialog_hash_pixels (dialog);
  dialog->read_fails = TRUE;
  dialog_set (dialog, "selection-only", "yes");
  dialog_settle (dialog);
  assert_sentence (dialog, "Nothing is selected");
  g_assert_cmpuint (dialog_hash_pixels (dialog), ==, 0);
  dialog_set (dialog, "selection-only", "no");
  dialog_settle (dialog);
  g_assert_cmpstr (dialog_get_message (dialog), ==, "");
  g_assert_cmpuint (dialog_hash_pixels (dialog), ==, hash);
}

static void
test_no_model (void)
{
  g_autoptr (Dialog) dialog = dialog_open (VGP_HEATMAPS, "model=/nowhere/model");

  dialog_settle (dialog);
  assert_sentence (dialog, "/nowhere/model");
}

/* ---------------------------------------------------------------- fields */

static const char *
get_entry_text (GtkWidget *control)
{
  GtkWidget *entry = GTK_IS_ENTRY (control) ? control : gtk_bin_get_child (GTK_BIN (control));

  return gtk_entry_get_text (GTK_ENTRY (entry));
}

static void
set_entry_text (GtkWidget *control, const char *text)
{
  GtkWidget *entry = GTK_IS_ENTRY (control) ? control : gtk_bin_get_child (GTK_BIN (control));

  gtk_entry_set_text (GTK_ENTRY (entry), text);
}

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
  g_assert_cmpstr (get_entry_text (control), ==, "something");
  set_entry_text (control, "something else");
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
  set_entry_text (control, field->n_digits > 1 ? "0.75" : "35");
  assert_set (dialog, field, field->n_digits > 1 ? "0.75" : "35");
  set_entry_text (control, "-1");
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
  g_assert_cmpstr (get_entry_text (dialog_find (dialog, "layers")), ==, "");
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
      Keys keys = { .owners = { ['o'] = "OK", ['c'] = "Cancel", ['r'] = "Reset", ['h'] = "Help" } };

      dialog_set (dialog, "method", methods[i]);
      collect_keys (dialog->window, &keys);
    }
}

/* ---------------------------------------------------------------- classes */

static void
collect_labels (GtkWidget *widget, gpointer data)
{
  if (GTK_IS_LABEL (widget))
    g_ptr_array_add (data, (gpointer) gtk_label_get_text (GTK_LABEL (widget)));
  else if (GTK_IS_CONTAINER (widget))
    gtk_container_forall (GTK_CONTAINER (widget), collect_labels, data);
}

static void
test_predictions (void)
{
  g_autoptr (Dialog) dialog = dialog_open (VGP_HEATMAPS, "method=relevance");
  GtkWidget *second = dialog_find (dialog, "prediction-1");
  g_autoptr (GPtrArray) texts = g_ptr_array_new ();
  guint hash;

  g_assert_false (gtk_widget_get_sensitive (second));
  dialog_settle (dialog);
  g_assert_true (gtk_widget_is_sensitive (second));
  collect_labels (second, texts);
  g_assert_cmpuint (texts->len, ==, 2);
  g_assert_cmpstr (g_ptr_array_index (texts, 0), ==, "star");
  g_assert_true (g_str_has_suffix (g_ptr_array_index (texts, 1), " %"));

  hash = dialog_hash_pixels (dialog);
  gtk_button_clicked (GTK_BUTTON (second));
  g_assert_cmpstr (vgp_settings_get (dialog->settings, "target"), ==, "star");
  g_assert_cmpstr (get_entry_text (dialog_find (dialog, "target")), ==, "star");
  dialog_settle (dialog);
  g_assert_cmpuint (dialog_hash_pixels (dialog), !=, hash);

  /* Also in the lists of both classes; “rest” is before them. */
  gtk_combo_box_set_active (GTK_COMBO_BOX (dialog_find (dialog, "contrast")), 1);
  g_assert_cmpstr (vgp_settings_get (dialog->settings, "contrast"), ==, "circle");
}

/* What is offered for what is in the entry, with " | " between. */
static char *
join_matches (GtkEntry *entry)
{
  GtkTreeModel *model = gtk_entry_completion_get_model (gtk_entry_get_completion (entry));
  g_autoptr (GString) joined = g_string_new ("");
  GtkTreeIter iter;

  for (gboolean more = gtk_tree_model_get_iter_first (model, &iter); more;
       more = gtk_tree_model_iter_next (model, &iter))
    {
      g_autofree char *text = NULL;

      gtk_tree_model_get (model, &iter, 0, &text, -1);
      g_string_append_printf (joined, "%s%s", joined->len > 0 ? " | " : "", text);
    }
  return g_string_free (g_steal_pointer (&joined), FALSE);
}

static void
test_type_ahead (void)
{
  static const struct
  {
    const char *typed;
    const char *matches;
  } cases[] = {
    { "r", "ring | circle | square | triangle | star | cross | heart" },
    { "RI", "ring | triangle" },
    { "ar", "square | star | heart" },
    { "moon", "moon" },
    { "x", "" },
    { "", "" },
  };
  g_autoptr (Dialog) dialog = dialog_open (VGP_HEATMAPS, "method=relevance");
  GtkEntry *entry = vgp_class_entry_get_entry (dialog_find (dialog, "target"));

  dialog_settle (dialog);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      gtk_entry_set_text (entry, cases[i].typed);
      g_autofree char *matches = join_matches (entry);
      g_assert_cmpstr (matches, ==, cases[i].matches);
    }
}

#define N_MANY 22000
#define N_FEATURES 96

/* A head that tells 22,000 classes apart, two of which share a label; as a file. */
static char *
write_large_head (void)
{
  g_autoptr (GString) labels = g_string_new ("[\\\"crane\\\",\\\"crane\\\"");
  const gsize weight_size = sizeof (float) * N_MANY * N_FEATURES;
  const gsize bias_size = sizeof (float) * N_MANY;
  char *path = g_build_filename (g_get_tmp_dir (), "test-dialog-head.safetensors", NULL);

  for (guint i = 2; i < N_MANY; i++)
    g_string_append_printf (labels, ",\\\"Thing %u of some kind, thingum %u\\\"", i, i * 7);
  g_autofree char *header = g_strdup_printf (
      "{\"__metadata__\":{\"labels\":\"%s]\"},\"weight\":{\"dtype\":\"F32\",\"shape\":[%d,%d],"
      "\"data_offsets\":[0,%" G_GSIZE_FORMAT "]},\"bias\":{\"dtype\":\"F32\",\"shape\":[%d],"
      "\"data_offsets\":[%" G_GSIZE_FORMAT ",%" G_GSIZE_FORMAT "]}}",
      labels->str, N_MANY, N_FEATURES, weight_size, N_MANY, weight_size, weight_size + bias_size);
  const guint64 length = GUINT64_TO_LE (strlen (header));
  g_autoptr (GByteArray) file = g_byte_array_new ();
  g_byte_array_append (file, (const guint8 *) &length, sizeof length);
  g_byte_array_append (file, (const guint8 *) header, (guint) strlen (header));
  const guint n_before = file->len;
  g_byte_array_set_size (file, n_before + (guint) (weight_size + bias_size));
  memset (file->data + n_before, 0, weight_size + bias_size);
  g_assert_true (g_file_set_contents (path, (const char *) file->data, file->len, NULL));
  return path;
}

/* A keystroke must not be felt. */
static void
test_many_classes (void)
{
  g_autofree char *path = write_large_head ();
  g_autofree char *pairs = g_strdup_printf ("method=relevance; target=0; head=%s", path);
  g_autoptr (Dialog) dialog = dialog_open (VGP_HEATMAPS, pairs);
  GtkWidget *control = dialog_find (dialog, "target");
  GtkEntry *entry = vgp_class_entry_get_entry (control);
  gint64 start;

  dialog_settle (dialog);
  g_assert_cmpstr (dialog_get_message (dialog), ==, "");
  start = g_get_monotonic_time ();
  for (guint i = 0; i < 10; i++)
    {
      gtk_entry_set_text (entry, "ing 219");
      gtk_entry_set_text (entry, "t");
    }
  g_test_message ("a keystroke takes %.2f ms", (g_get_monotonic_time () - start) / 20e3);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 20 * 30000);
  gtk_entry_set_text (entry, "THING 21999 OF");
  g_autofree char *matches = join_matches (entry);
  g_assert_cmpstr (matches, ==, "Thing 21999 of some kind, thingum 153993");

  /* Where a label is not enough, an index is. */
  gtk_entry_set_text (entry, "crane");
  g_autofree char *cranes = join_matches (entry);
  g_assert_cmpstr (cranes, ==, "0 | 1");
  g_autofree char *text = vgp_class_entry_get_text_for (control, 2);
  g_assert_cmpstr (text, ==, "Thing 2 of some kind, thingum 14");
  g_remove (path);
}

int
main (int argc, char **argv)
{
  static const VgpProcedures heatmaps = VGP_HEATMAPS;
  static const VgpProcedures select = VGP_SELECT;

  gtk_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dialog/preview", test_preview);
  g_test_add_func ("/dialog/looks", test_looks);
  g_test_add_func ("/dialog/opacity", test_opacity);
  g_test_add_func ("/dialog/maps", test_maps);
  g_test_add_func ("/dialog/newest-wins", test_newest_wins);
  g_test_add_func ("/dialog/cancelled-by-next", test_cancelled_by_next);
  g_test_add_func ("/dialog/closed-while-computing", test_closed_while_computing);
  g_test_add_func ("/dialog/selection-only", test_selection_only);
  g_test_add_func ("/dialog/mask", test_mask);
  g_test_add_func ("/dialog/error", test_error);
  g_test_add_func ("/dialog/read-error", test_read_error);
  g_test_add_func ("/dialog/no-model", test_no_model);
  g_test_add_data_func ("/dialog/fields/heatmaps", &heatmaps, test_fields);
  g_test_add_data_func ("/dialog/fields/select", &select, test_fields);
  g_test_add_func ("/dialog/applies", test_applies);
  g_test_add_func ("/dialog/fits-screen", test_fits_screen);
  g_test_add_data_func ("/dialog/keys/heatmaps", &heatmaps, test_keys);
  g_test_add_data_func ("/dialog/keys/select", &select, test_keys);
  g_test_add_func ("/dialog/predictions", test_predictions);
  g_test_add_func ("/dialog/type-ahead", test_type_ahead);
  g_test_add_func ("/dialog/many-classes", test_many_classes);
  return g_test_run ();
}
