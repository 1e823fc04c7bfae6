/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* VtrSession: a model on a device. */
#include "run/run.h"

struct _VtrSessionClass
{
  GObjectClass parent_class;
};

typedef struct _VtrSessionClass VtrSessionClass;

G_DEFINE_FINAL_TYPE (VtrSession, vtr_session, G_TYPE_OBJECT)

static void
vtr_session_finalize (GObject *object)
{
  VtrSession *self = (VtrSession *) object;

  /* Streams wait for their work, which may still use the weights. */
  vtr_slots_finish (&self->slots);
  vtr_device_weights_free (self->weights);
  g_clear_object (&self->model);
  g_clear_object (&self->device);

  G_OBJECT_CLASS (vtr_session_parent_class)->finalize (object);
}

static void
vtr_session_class_init (VtrSessionClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vtr_session_finalize;
}

static void
vtr_session_init (VtrSession *self)
{
  (void) self;
}

/* Walked by vtr_precision_parse (). */
static const char *const precisions[] = {
  [VTR_PRECISION_F32] = "f32",
  [VTR_PRECISION_F16] = "f16",
};

const char *
vtr_precision_get_name (VtrPrecision precision)
{
  g_return_val_if_fail ((guint) precision < G_N_ELEMENTS (precisions), NULL);

  return precisions[precision];
}

gboolean
vtr_precision_parse (const char *text, VtrPrecision *precision, GError **error)
{
  g_return_val_if_fail (text != NULL && precision != NULL, FALSE);

  for (guint i = 0; i < G_N_ELEMENTS (precisions); i++)
    if (g_str_equal (text, precisions[i]))
      {
        *precision = i;
        return TRUE;
      }
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE, "There is no precision “%s”: it is f32 or f16.",
               text);
  return FALSE;
}

static gboolean
check_precision (VtrDevice *device, VtrPrecision precision, GError **error)
{
  if (precision == VTR_PRECISION_F32 || device->f16 != VTR_F16_NOTHING)
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
               "%s (driver %s) cannot read f16 from its memory: use --precision f32, or another "
               "device.",
               device->info->name, device->info->driver);
  return FALSE;
}

VtrSession *
vtr_session_new (VtrDevice *device,
                 VtrModel *model,
                 VtrPrecision precision,
                 VtrProgressFunc progress,
                 gpointer progress_data,
                 GCancellable *cancellable,
                 GError **error)
{
  g_return_val_if_fail (device != NULL, NULL);
  g_return_val_if_fail (model != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (!check_precision (device, precision, error))
    return NULL;

  const VtrProgress upload = vtr_progress_whole (progress, progress_data, cancellable);
  g_autoptr (VtrSession) self = g_object_new (VTR_TYPE_SESSION, NULL);

  self->device = g_object_ref (device);
  self->model = g_object_ref (model);
  self->precision = precision;
  if (!vtr_slots_init (&self->slots, device, error))
    return NULL;
  self->weights =
      vtr_device_weights_new (self->slots.slots[0].stream, model, precision, &upload, error);
  if (self->weights == NULL)
    return NULL;

  g_info ("%s is on %s: %.1f MiB of weights", vtr_model_get_name (model), device->info->name,
          (double) vtr_arena_get_bytes (self->weights->arena) / (1 << 20));
  return g_steal_pointer (&self);
}

VtrModel *
vtr_session_get_model (VtrSession *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->model;
}

VtrDevice *
vtr_session_get_device (VtrSession *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->device;
}

VtrPrecision
vtr_session_get_precision (VtrSession *self)
{
  g_return_val_if_fail (self != NULL, VTR_PRECISION_F32);

  return self->precision;
}

guint
vtr_session_get_n_passes (VtrSession *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return (guint) g_atomic_int_get (&self->n_passes);
}

guint
vtr_session_get_n_runs (VtrSession *self)
{
  g_return_val_if_fail (self != NULL, 1);

  return self->slots.n_slots;
}
