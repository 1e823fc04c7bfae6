/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "properties.h"

static void
read_property (VgpSettings *settings, const VgpField *field, GObject *object)
{
  g_autofree char *text = NULL;
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  gboolean is_on;
  double value;

  switch (field->kind)
    {
    case VGP_FIELD_NUMBER:
      g_object_get (object, field->name, &value, NULL);
      text = g_strdup (g_ascii_formatd (number, sizeof number, "%.10g", value));
      break;
    case VGP_FIELD_SWITCH:
      g_object_get (object, field->name, &is_on, NULL);
      text = g_strdup (is_on ? "yes" : "no");
      break;
    default:
      g_object_get (object, field->name, &text, NULL);
      break;
    }
  /* The object keeps to the choices and ranges that it was told. */
  vgp_settings_set (settings, field->name, text != NULL ? text : "", NULL);
}

void
vgp_properties_read (VgpSettings *settings, GObject *object)
{
  guint n_fields;
  const VgpField *fields = vgp_fields_get (&n_fields);

  for (guint i = 0; i < n_fields; i++)
    if (vgp_settings_has (settings, fields[i].name))
      read_property (settings, &fields[i], object);
}

static void
write_property (VgpSettings *settings, const char *name, GObject *object)
{
  const VgpField *field = vgp_fields_find (name);

  switch (field->kind)
    {
    case VGP_FIELD_NUMBER:
      g_object_set (object, name, vgp_settings_get_number (settings, name), NULL);
      break;
    case VGP_FIELD_SWITCH:
      g_object_set (object, name, vgp_settings_get_switch (settings, name), NULL);
      break;
    default:
      g_object_set (object, name, vgp_settings_get (settings, name), NULL);
      break;
    }
}

static void
write_all (VgpSettings *settings, GObject *object)
{
  guint n_fields;
  const VgpField *fields = vgp_fields_get (&n_fields);

  for (guint i = 0; i < n_fields; i++)
    if (vgp_settings_has (settings, fields[i].name))
      write_property (settings, fields[i].name, object);
}

static void
on_settings_changed (VgpSettings *settings, const char *name, gpointer user_data)
{
  write_property (settings, name, user_data);
}

static void
on_property_changed (GObject *object, GParamSpec *spec, gpointer user_data)
{
  VgpSettings *settings = user_data;

  if (vgp_settings_has (settings, spec->name))
    read_property (settings, vgp_fields_find (spec->name), object);
}

void
vgp_properties_follow (VgpSettings *settings, GObject *object)
{
  write_all (settings, object);
  g_signal_connect (settings, "changed", G_CALLBACK (on_settings_changed), object);
  g_signal_connect (object, "notify", G_CALLBACK (on_property_changed), settings);
}

void
vgp_properties_unfollow (VgpSettings *settings, GObject *object)
{
  g_signal_handlers_disconnect_by_data (settings, object);
  g_signal_handlers_disconnect_by_data (object, settings);
}
