/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * VgpWorker: the thread in which the preview asks the engine.  Only the newest question counts:
 * asking cancels what is being computed, and answers to older ones are never told.
 */
#include "engine.h"

typedef struct _VgpWorker VgpWorker;

typedef struct
{
  VtrModel *model;             /* NULL where it could not be opened */
  VtrExplanation *explanation; /* NULL where @error is set */
  float *mask; /* as vgp_mask_new () makes it, for settings of VGP_SELECT; or NULL */
  GError *error;
} VgpAnswer;

/* Told in the main thread; @answer is the worker's, but what is in it may be taken out. */
typedef void (*VgpAnswerFunc) (VgpAnswer *answer, gpointer user_data);

VgpWorker *vgp_worker_new (VgpEngine *engine, VgpAnswerFunc answered, gpointer user_data);

/*
 * vgp_worker_ask:
 * @picture: what to explain; lives as long as the worker
 * @settings: how; copied
 *
 * Where only what vgp_worker_is_look () names has changed, what was computed last is told again.
 */
void vgp_worker_ask (VgpWorker *self, VgpPicture *picture, VgpSettings *settings);

/* Takes the newest question back. */
void vgp_worker_cancel (VgpWorker *self);

/* Whether a setting changes only what is made of an explanation, not the explanation. */
gboolean vgp_worker_is_look (const char *name);

/* 0..1 of what is being computed. */
double vgp_worker_get_progress (VgpWorker *self);

/* Cancels what is being computed and waits for that; nothing is told any more. */
void vgp_worker_free (VgpWorker *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VgpWorker, vgp_worker_free)
