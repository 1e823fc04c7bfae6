/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* The preview: it shows what the settings say, soon, and what went wrong. */
#include "dialog-harness.h"

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

int
main (int argc, char **argv)
{
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
  return g_test_run ();
}
