/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "class-entry.h"
#include "gtk-compat.h"
#include "i18n.h"

#include <string.h>

/* As many labels as a list can show; whoever wants another one types a letter more. */
#define MAX_MATCHES 40

/* Where in a label the text was found, best first. */
typedef enum
{
  MATCH_START,
  MATCH_WORD,
  MATCH_INSIDE,
  N_MATCH_KINDS,
} MatchKind;

/* Columns of both lists. */
enum
{
  COLUMN_TEXT, /* what comes into the entry */
  COLUMN_NOTE, /* its probability, or the label of an index */
  N_COLUMNS,
};

typedef struct
{
  char *text;   /* what to write for it */
  char *note;   /* "" unless @text is an index */
  char *folded; /* the label, without case */
} ClassLabel;

typedef struct
{
  const char *const *choices;
  VtrModel *model;
  GArray *labels; /* ClassLabel, by class */
  GtkListStore *matches;
  GtkListStore *suggestions;
} ClassEntry;

static const char *const class_entry_key = "vgp-class-entry";

static ClassEntry *
get_private (GtkWidget *widget)
{
  return g_object_get_data (G_OBJECT (widget), class_entry_key);
}

static void
clear_label (gpointer data)
{
  ClassLabel *label = data;

  g_free (label->text);
  g_free (label->note);
  g_free (label->folded);
}

static void
class_entry_free (gpointer data)
{
  ClassEntry *self = data;

  g_clear_object (&self->model);
  g_array_unref (self->labels);
  g_object_unref (self->matches);
  g_object_unref (self->suggestions);
  g_free (self);
}

static gboolean
begins_word (const char *text, const char *at)
{
  return at == text || strchr (" ,-(", at[-1]) != NULL;
}

/* FALSE where @label has no @text in it; both without case. */
static gboolean
find_in_label (const char *label, const char *text, MatchKind *kind)
{
  const char *at = strstr (label, text);

  if (at == NULL)
    return FALSE;
  *kind = at == label ? MATCH_START : begins_word (label, at) ? MATCH_WORD : MATCH_INSIDE;
  for (; *kind == MATCH_INSIDE && at != NULL; at = strstr (at + 1, text))
    if (begins_word (label, at))
      *kind = MATCH_WORD;
  return TRUE;
}

static void
add_row (GtkListStore *store, const char *text, const char *note)
{
  gtk_list_store_insert_with_values (store, NULL, -1, COLUMN_TEXT, text, COLUMN_NOTE, note, -1);
}

/* One pass over all labels, since a list of thousands of rows that GTK filters itself takes longer
 * than one types. */
static void
find_matches (ClassEntry *self, const char *typed)
{
  g_autofree char *folded = g_utf8_casefold (typed, -1);
  guint found[N_MATCH_KINDS][MAX_MATCHES];
  guint n_found[N_MATCH_KINDS] = { 0 };
  guint n_shown = 0;

  gtk_list_store_clear (self->matches);
  if (*folded == '\0')
    return;
  for (guint i = 0; i < self->labels->len && n_found[MATCH_START] < MAX_MATCHES; i++)
    {
      MatchKind kind;

      if (find_in_label (g_array_index (self->labels, ClassLabel, i).folded, folded, &kind) &&
          n_found[kind] < MAX_MATCHES)
        found[kind][n_found[kind]++] = i;
    }
  for (guint kind = 0; kind < N_MATCH_KINDS; kind++)
    for (guint i = 0; i < n_found[kind] && n_shown < MAX_MATCHES; i++, n_shown++)
      {
        const ClassLabel *label = &g_array_index (self->labels, ClassLabel, found[kind][i]);
        add_row (self->matches, label->text, label->note);
      }
}

static void
on_entry_changed (GtkEntry *entry, ClassEntry *self)
{
  find_matches (self, gtk_entry_get_text (entry));
}

/* They have been chosen already. */
static gboolean
match_always (GtkEntryCompletion *completion, const char *key, GtkTreeIter *iter, gpointer data)
{
  (void) completion;
  (void) key;
  (void) iter;
  (void) data;
  return TRUE;
}

static void
add_note_cell (GtkCellLayout *layout)
{
  GtkCellRenderer *note = gtk_cell_renderer_text_new ();

  g_object_set (note, "xalign", 1.0, "xpad", 6, "sensitive", FALSE, NULL);
  gtk_cell_layout_pack_end (layout, note, FALSE);
  gtk_cell_layout_add_attribute (layout, note, "text", COLUMN_NOTE);
}

static void
add_completion (GtkEntry *entry, ClassEntry *self)
{
  g_autoptr (GObject) object = G_OBJECT (gtk_entry_completion_new ());
  GtkEntryCompletion *completion = GTK_ENTRY_COMPLETION (object);

  /* Before GTK hears of a change, so that it finds the list made. */
  g_signal_connect (entry, "changed", G_CALLBACK (on_entry_changed), self);
  gtk_entry_completion_set_model (completion, GTK_TREE_MODEL (self->matches));
  gtk_entry_completion_set_text_column (completion, COLUMN_TEXT);
  gtk_entry_completion_set_match_func (completion, match_always, NULL, NULL);
  gtk_entry_completion_set_popup_set_width (completion, FALSE);
  add_note_cell (GTK_CELL_LAYOUT (completion));
  gtk_entry_set_completion (entry, completion);
}

static void
add_choices (ClassEntry *self)
{
  for (guint i = 0; self->choices != NULL && self->choices[i] != NULL; i++)
    add_row (self->suggestions, self->choices[i], "");
}

GtkWidget *
vgp_class_entry_new (const char *const *choices)
{
  GtkWidget *widget = gtk_combo_box_new_with_entry ();
  ClassEntry *self = g_new0 (ClassEntry, 1);

  self->choices = choices;
  self->labels = g_array_new (FALSE, TRUE, sizeof (ClassLabel));
  g_array_set_clear_func (self->labels, clear_label);
  self->matches = gtk_list_store_new (N_COLUMNS, G_TYPE_STRING, G_TYPE_STRING);
  self->suggestions = gtk_list_store_new (N_COLUMNS, G_TYPE_STRING, G_TYPE_STRING);
  add_choices (self);
  g_object_set_data_full (G_OBJECT (widget), class_entry_key, self, class_entry_free);
  gtk_combo_box_set_model (GTK_COMBO_BOX (widget), GTK_TREE_MODEL (self->suggestions));
  gtk_combo_box_set_entry_text_column (GTK_COMBO_BOX (widget), COLUMN_TEXT);
  add_note_cell (GTK_CELL_LAYOUT (widget));
  add_completion (vgp_class_entry_get_entry (widget), self);
  return widget;
}

GtkEntry *
vgp_class_entry_get_entry (GtkWidget *self)
{
  return GTK_ENTRY (gtk_bin_get_child (GTK_BIN (self)));
}

/* How many classes have a label, by the label without case. */
static GHashTable *
count_labels (const GArray *labels)
{
  GHashTable *counts = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < labels->len; i++)
    {
      char *folded = g_array_index (labels, ClassLabel, i).folded;
      const guint count = GPOINTER_TO_UINT (g_hash_table_lookup (counts, folded));
      g_hash_table_insert (counts, folded, GUINT_TO_POINTER (count + 1));
    }
  return counts;
}

/* Where a label stands for one class only it is what one writes, else the index. */
static void
name_labels (GArray *labels, VtrModel *model)
{
  g_autoptr (GHashTable) counts = count_labels (labels);

  for (guint i = 0; i < labels->len; i++)
    {
      ClassLabel *label = &g_array_index (labels, ClassLabel, i);
      const char *text = vtr_model_get_label (model, i);
      const guint count = GPOINTER_TO_UINT (g_hash_table_lookup (counts, label->folded));
      const gboolean unique = text != NULL && count == 1;

      label->text = unique ? g_strdup (text) : g_strdup_printf ("%u", i);
      label->note = g_strdup (unique || text == NULL ? "" : text);
    }
}

void
vgp_class_entry_set_model (GtkWidget *widget, VtrModel *model)
{
  ClassEntry *self = get_private (widget);
  const guint n_classes = vtr_model_get_n_classes (model);

  if (!g_set_object (&self->model, model))
    return;
  g_array_set_size (self->labels, 0);
  g_array_set_size (self->labels, n_classes);
  for (guint i = 0; i < n_classes; i++)
    {
      const char *text = vtr_model_get_label (model, i);
      g_array_index (self->labels, ClassLabel, i).folded =
          g_utf8_casefold (text != NULL ? text : "", -1);
    }
  name_labels (self->labels, model);
  find_matches (self, gtk_entry_get_text (vgp_class_entry_get_entry (widget)));
}

char *
vgp_class_entry_get_text_for (GtkWidget *widget, guint index)
{
  const ClassEntry *self = get_private (widget);

  return index < self->labels->len ? g_strdup (g_array_index (self->labels, ClassLabel, index).text)
                                   : g_strdup_printf ("%u", index);
}

char *
vgp_class_entry_format_probability (double probability)
{
  /* TRANSLATORS: a probability: 42.0 % */
  return g_strdup_printf (_ ("%.1f %%"), 100.0 * probability);
}

void
vgp_class_entry_set_predictions (GtkWidget *widget,
                                 const VgpPrediction *predictions,
                                 guint n_predictions)
{
  ClassEntry *self = get_private (widget);

  gtk_list_store_clear (self->suggestions);
  add_choices (self);
  for (guint i = 0; i < n_predictions; i++)
    {
      g_autofree char *text = vgp_class_entry_get_text_for (widget, predictions[i].index);
      g_autofree char *note = vgp_class_entry_format_probability (predictions[i].probability);
      add_row (self->suggestions, text, note);
    }
}
