/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Runs of a session side by side: a stream each, and what is kept for the next: the plan of the
 * last run, a forward pass. */
#include "run/run.h"

/* With timings or dumps asked for, what is logged of one run must not be mixed with another's. */
static guint
choose_n_slots (VtrDevice *device)
{
  if (vtr_debug_flags () & (VTR_DEBUG_TIMING | VTR_DEBUG_DUMP))
    return 1;
  if (vtr_debug_flags () & VTR_DEBUG_OVERLAP)
    return VTR_MAX_SLOTS;
  return MIN (device->n_runs, VTR_MAX_SLOTS);
}

gboolean
vtr_slots_init (VtrSlots *self, VtrDevice *device, GError **error)
{
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  self->n_slots = choose_n_slots (device);
  for (guint i = 0; i < self->n_slots; i++)
    {
      self->slots[i].stream = vtr_stream_new (device, error);
      if (self->slots[i].stream == NULL)
        return FALSE;
    }
  return TRUE;
}

static void
pass_clear (VtrPass *self)
{
  g_clear_pointer (&self->plan, vtr_plan_free);
  g_clear_pointer (&self->input, vtr_input_unref);
}

void
vtr_slots_finish (VtrSlots *self)
{
  for (guint i = 0; i < self->n_slots; i++)
    {
      /* The stream waits for its work, which may still use the plan. */
      vtr_stream_free (self->slots[i].stream);
      vtr_plan_free (self->slots[i].kept);
    }
  pass_clear (&self->pass);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
}

/* In the place of what was kept before; NULL for nothing. */
static void
set_pass (VtrSlots *self, VtrPlan *plan, VtrInput *input, double temperature)
{
  VtrPass pass = { plan, input != NULL ? vtr_input_ref (input) : NULL, temperature };
  VtrPass old;

  g_mutex_lock (&self->lock);
  old = self->pass;
  self->pass = pass;
  g_mutex_unlock (&self->lock);
  pass_clear (&old);
}

/* ---- taking turns ---- */

/* The first that is free, so that no more of them than needed hold memory.  With the lock held. */
static VtrSlot *
find_free (VtrSlots *self)
{
  for (guint i = 0; i < self->n_slots && self->n_waiting_alone == 0; i++)
    if (!self->slots[i].busy)
      return &self->slots[i];
  return NULL;
}

VtrSlot *
vtr_slots_take (VtrSlots *self)
{
  VtrSlot *slot;

  g_mutex_lock (&self->lock);
  while ((slot = find_free (self)) == NULL)
    g_cond_wait (&self->changed, &self->lock);
  slot->busy = TRUE;
  slot->alone = self->n_slots == 1 && self->pass.plan == NULL;
  g_mutex_unlock (&self->lock);
  return slot;
}

/* With the lock held. */
static gboolean
any_is_busy (const VtrSlots *self)
{
  for (guint i = 0; i < self->n_slots; i++)
    if (self->slots[i].busy)
      return TRUE;
  return FALSE;
}

VtrSlot *
vtr_slots_take_alone (VtrSlots *self)
{
  g_mutex_lock (&self->lock);
  self->n_waiting_alone++;
  while (any_is_busy (self))
    g_cond_wait (&self->changed, &self->lock);
  self->n_waiting_alone--;
  for (guint i = 0; i < self->n_slots; i++)
    self->slots[i].busy = TRUE;
  self->slots[0].alone = TRUE;
  g_mutex_unlock (&self->lock);

  for (guint i = 0; i < self->n_slots; i++)
    vtr_slot_drop (self, &self->slots[i]);
  set_pass (self, NULL, NULL, 0.0);
  return &self->slots[0];
}

void
vtr_slots_give (VtrSlots *self, VtrSlot *slot)
{
  g_mutex_lock (&self->lock);
  for (guint i = 0; i < self->n_slots; i++)
    if (slot->alone || slot == &self->slots[i])
      self->slots[i].busy = FALSE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

guint64
vtr_slots_get_bytes (VtrSlots *self)
{
  guint64 sum = 0;

  g_mutex_lock (&self->lock);
  for (guint i = 0; i < self->n_slots; i++)
    sum += self->slots[i].n_bytes;
  if (self->pass.plan != NULL)
    sum += vtr_arena_get_bytes (self->pass.plan->arena);
  g_mutex_unlock (&self->lock);
  return sum;
}

/* ---- memory of a run ---- */

static void
set_plan (VtrSlots *self, VtrSlot *slot, VtrPlan *kept, guint64 n_bytes)
{
  g_mutex_lock (&self->lock);
  slot->kept = kept;
  slot->n_bytes = n_bytes;
  g_mutex_unlock (&self->lock);
}

void
vtr_slot_drop (VtrSlots *self, VtrSlot *slot)
{
  vtr_plan_free (slot->kept);
  set_plan (self, slot, NULL, 0);
}

/*
 * Where other runs may go on beside this one, its memory must fit into what they leave of the
 * device's own: an arena would go into memory of the host, and then the work is faster in turns.
 */
static gboolean
check_room (const VtrSlot *slot, const VtrArena *arena, GError **error)
{
  VtrDevice *device = vtr_arena_get_device (arena);

  if (slot->alone || vtr_arena_get_bytes (arena) <= vtr_device_get_bytes_left (device))
    return TRUE;
  g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY,
               "%s has too little memory for several runs at once", device->info->name);
  return FALSE;
}

gboolean
vtr_slot_commit (const VtrSlot *slot, VtrArena *arena, GError **error)
{
  return check_room (slot, arena, error) && vtr_arena_commit (arena, error);
}

gboolean
vtr_slot_begin (VtrSlots *self, VtrSlot *slot, VtrPlan *plan, VtrModel *model, GError **error)
{
  const gboolean reused = slot->kept != NULL && vtr_plan_take_over (plan, slot->kept);
  const guint64 n_bytes = vtr_arena_get_bytes (plan->arena);

  /* The old memory goes first, so that the device never has to hold both. */
  vtr_slot_drop (self, slot);
  vtr_device_reset_peak (vtr_arena_get_device (plan->arena));
  g_debug ("Plan for %u × %u patches, batch %u: %.1f MiB%s", plan->n_rows, plan->n_columns,
           plan->batch, (double) n_bytes / (1 << 20), reused ? " of the last run" : "");
  if (!reused && !vtr_slot_commit (slot, plan->arena, error))
    return FALSE;

  set_plan (self, slot, NULL, n_bytes);
  return reused || vtr_plan_upload (plan, slot->stream, model, error);
}

void
vtr_slot_end (VtrSlots *self, VtrSlot *slot, VtrPlan *plan, gboolean keep)
{
  vtr_slot_drop (self, slot);
  if (keep)
    set_plan (self, slot, plan, vtr_arena_get_bytes (plan->arena));
  else
    vtr_plan_free (plan);
}

/* ---- a kept forward pass ---- */

VtrPlan *
vtr_slot_take_pass (VtrSlots *self, VtrSlot *slot, VtrInput *input, double temperature)
{
  VtrPass pass;

  g_mutex_lock (&self->lock);
  pass = self->pass;
  self->pass = (VtrPass){ 0 };
  g_mutex_unlock (&self->lock);
  if (pass.plan == NULL)
    return NULL;

  const gboolean found = pass.input == input && pass.temperature == temperature;
  vtr_slot_drop (self, slot);
  set_plan (self, slot, found ? NULL : pass.plan, vtr_arena_get_bytes (pass.plan->arena));
  if (found)
    vtr_device_reset_peak (vtr_arena_get_device (pass.plan->arena));
  vtr_input_unref (pass.input);
  return found ? pass.plan : NULL;
}

void
vtr_slot_keep_pass (VtrSlots *self,
                    VtrSlot *slot,
                    VtrPlan *plan,
                    VtrInput *input,
                    double temperature)
{
  vtr_slot_drop (self, slot);
  set_pass (self, plan, input, temperature);
}

/* ---- beside others, or alone ---- */

gboolean
vtr_slots_run (VtrSlots *self, VtrSlotFunc func, gpointer user_data, GError **error)
{
  VtrSlot *slot = vtr_slots_take (self);
  const gboolean crowded = !slot->alone;
  g_autoptr (GError) local_error = NULL;
  gboolean ok = func (slot, user_data, &local_error);

  vtr_slots_give (self, slot);
  if (crowded && g_error_matches (local_error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY))
    {
      g_info ("A run goes on alone: %s", local_error->message);
      g_clear_error (&local_error);
      slot = vtr_slots_take_alone (self);
      ok = func (slot, user_data, &local_error);
      vtr_slots_give (self, slot);
    }
  if (!ok)
    g_propagate_error (error, g_steal_pointer (&local_error));
  return ok;
}
