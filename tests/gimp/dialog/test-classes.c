/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Classes: the likeliest ones, and those that are offered as one types. */
#include "class-entry.h"
#include "dialog-harness.h"

#include <glib/gstdio.h>
#include <string.h>

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
  g_assert_cmpstr (dialog_get_entry_text (dialog_find (dialog, "target")), ==, "star");
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
  char *path = NULL;
  const int fd = g_file_open_tmp ("test-classes-XXXXXX.safetensors", &path, NULL);

  g_assert_cmpint (fd, >=, 0);
  g_close (fd, NULL);
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
  gtk_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dialog/predictions", test_predictions);
  g_test_add_func ("/dialog/type-ahead", test_type_ahead);
  g_test_add_func ("/dialog/many-classes", test_many_classes);
  return g_test_run ();
}
