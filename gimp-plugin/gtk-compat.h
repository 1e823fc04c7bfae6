/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* The calls that GTK 2.24 and GTK 3 do not have in common. */
#include <gtk/gtk.h>

/* Between a label and what it names, between rows, between groups; pixels. */
#define VGP_SPACE_LABEL 12
#define VGP_SPACE_ROW 6
#define VGP_SPACE_GROUP 18

static inline GtkWidget *
vgp_box_new (GtkOrientation orientation, int spacing)
{
#if GTK_CHECK_VERSION(3, 0, 0)
  return gtk_box_new (orientation, spacing);
#else
  return orientation == GTK_ORIENTATION_HORIZONTAL ? gtk_hbox_new (FALSE, spacing)
                                                   : gtk_vbox_new (FALSE, spacing);
#endif
}

static inline GtkWidget *
vgp_scale_new (GtkAdjustment *adjustment)
{
#if GTK_CHECK_VERSION(3, 0, 0)
  return gtk_scale_new (GTK_ORIENTATION_HORIZONTAL, adjustment);
#else
  return gtk_hscale_new (adjustment);
#endif
}

static inline GtkAdjustment *
vgp_adjustment_new (double min, double max, double step)
{
  return GTK_ADJUSTMENT (gtk_adjustment_new (min, min, max, step, 10.0 * step, 0.0));
}

/* @x, @y: 0 at the left and the top, 1 at the right and the bottom. */
static inline void
vgp_label_align (GtkWidget *label, float x, float y)
{
#if GTK_CHECK_VERSION(3, 16, 0)
  gtk_label_set_xalign (GTK_LABEL (label), x);
  gtk_label_set_yalign (GTK_LABEL (label), y);
#else
  gtk_misc_set_alignment (GTK_MISC (label), x, y);
#endif
}

/* What stands in an entry as long as it is empty; GTK 2 has no such thing. */
static inline void
vgp_entry_set_hint (GtkEntry *entry, const char *hint)
{
#if GTK_CHECK_VERSION(3, 2, 0)
  gtk_entry_set_placeholder_text (entry, hint);
#else
  (void) entry;
  (void) hint;
#endif
}

/* Lines of @label break at @width pixels. */
static inline void
vgp_label_set_wrap_width (GtkWidget *label, int width)
{
  gtk_label_set_line_wrap (GTK_LABEL (label), TRUE);
  gtk_widget_set_size_request (label, width, -1);
#if GTK_CHECK_VERSION(3, 0, 0)
  /* Or GTK 3 would have all of it on one line. */
  gtk_label_set_max_width_chars (GTK_LABEL (label), 1);
#endif
}

/* Under GTK 2 an entry cannot be narrower than it wishes to be. */
static inline void
vgp_entry_set_narrow (GtkEntry *entry)
{
  gtk_entry_set_width_chars (entry, 8);
}

static inline void
vgp_container_add_scrolled (GtkScrolledWindow *window, GtkWidget *child)
{
#if GTK_CHECK_VERSION(3, 8, 0)
  gtk_container_add (GTK_CONTAINER (window), child);
#else
  gtk_scrolled_window_add_with_viewport (window, child);
#endif
}

#if !GTK_CHECK_VERSION(3, 22, 0)
/* Asks for what the child asks for, up to @max_height. */
static inline void
vgp_scrolled_ask_size (GtkWidget *window, GtkRequisition *requisition, gpointer max_height)
{
  GtkWidget *viewport = gtk_bin_get_child (GTK_BIN (window));
  GtkRequisition child;

  gtk_widget_size_request (gtk_bin_get_child (GTK_BIN (viewport)), &child);
  requisition->width = child.width;
  requisition->height = MIN (child.height, GPOINTER_TO_INT (max_height));
  if (child.height > requisition->height)
    requisition->width += 24; /* the scroll bar and its distance */
}
#endif

/* Of a list of buttons none needs to be as high as one that stands alone. */
static inline void
vgp_button_set_low (GtkWidget *button)
{
#if GTK_CHECK_VERSION(3, 0, 0)
  static const char css[] = "button { padding: 1px 6px; min-height: 0; }";
  GtkCssProvider *provider = gtk_css_provider_new ();

  gtk_css_provider_load_from_data (provider, css, -1, NULL);
  gtk_style_context_add_provider (gtk_widget_get_style_context (button),
                                  GTK_STYLE_PROVIDER (provider),
                                  GTK_STYLE_PROVIDER_PRIORITY_APPLICATION);
  g_object_unref (provider);
#else
  (void) button;
#endif
}

/* Around @child without a frame: as large as it, but no higher than @max_height, whence it
 * scrolls. */
static inline GtkWidget *
vgp_scrolled_new (GtkWidget *child, int max_height)
{
  GtkWidget *window = gtk_scrolled_window_new (NULL, NULL);

  gtk_scrolled_window_set_shadow_type (GTK_SCROLLED_WINDOW (window), GTK_SHADOW_NONE);
  vgp_container_add_scrolled (GTK_SCROLLED_WINDOW (window), child);
  gtk_viewport_set_shadow_type (GTK_VIEWPORT (gtk_bin_get_child (GTK_BIN (window))),
                                GTK_SHADOW_NONE);
#if GTK_CHECK_VERSION(3, 22, 0)
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (window), GTK_POLICY_NEVER,
                                  GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_propagate_natural_height (GTK_SCROLLED_WINDOW (window), TRUE);
  gtk_scrolled_window_set_max_content_height (GTK_SCROLLED_WINDOW (window), max_height);
  gtk_scrolled_window_set_overlay_scrolling (GTK_SCROLLED_WINDOW (window), FALSE);
#else
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (window), GTK_POLICY_AUTOMATIC,
                                  GTK_POLICY_AUTOMATIC);
  g_signal_connect (window, "size-request", G_CALLBACK (vgp_scrolled_ask_size),
                    GINT_TO_POINTER (max_height));
#endif
  return window;
}
