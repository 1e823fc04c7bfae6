/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "preview-worker.h"
#include "mask.h"

typedef struct
{
  VgpPicture *picture;
  VgpSettings *settings;
  char *key; /* what the explanation depends on */
  GCancellable *cancellable;
} Question;

struct _VgpWorker
{
  int ref_count; /* atomic; one for the owner and one for each answer under way */
  VgpEngine *engine;
  VgpAnswerFunc answered;
  gpointer user_data;
  gboolean is_closed; /* of the main thread */
  GThread *thread;

  GMutex mutex;
  GCond asked;
  Question *next;        /* not taken up yet, or NULL */
  GCancellable *current; /* of what is being computed, or NULL */
  guint n_asked;
  gboolean ends;
  int progress; /* in thousandths, atomic */

  /* Of the thread. */
  VtrExplanation *explanation; /* the last one, or NULL */
  VgpPicture *picture;         /* which it is of */
  char *key;
};

/* On its way from the thread to the main thread. */
typedef struct
{
  VgpWorker *worker;
  guint number; /* of the question */
  VgpAnswer answer;
} Message;

static const char *const looks[] = { "style", "colormap", "opacity",   "mode",   "score",
                                     "keep",  "amount",   "operation", "result", NULL };

gboolean
vgp_worker_is_look (const char *name)
{
  return g_strv_contains (looks, name);
}

/* Those of @settings that an explanation depends on, as they are; all others at their default. */
static VgpSettings *
copy_without_looks (VgpSettings *settings)
{
  VgpSettings *copy = vgp_settings_copy (settings);

  for (guint i = 0; looks[i] != NULL; i++)
    if (vgp_settings_has (copy, looks[i]))
      vgp_settings_set (copy, looks[i], vgp_fields_find (looks[i])->default_text, NULL);
  return copy;
}

static void
question_free (Question *self)
{
  g_object_unref (self->settings);
  g_object_unref (self->cancellable);
  g_free (self->key);
  g_free (self);
}

static void
worker_unref (VgpWorker *self)
{
  if (!g_atomic_int_dec_and_test (&self->ref_count))
    return;
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->asked);
  g_free (self);
}

/* ---------------------------------------------------------------- the thread */

static void
message_free (gpointer data)
{
  Message *message = data;

  g_clear_object (&message->answer.model);
  g_clear_pointer (&message->answer.explanation, vtr_explanation_unref);
  g_free (message->answer.mask);
  g_clear_error (&message->answer.error);
  worker_unref (message->worker);
  g_free (message);
}

static gboolean
tell (gpointer data)
{
  Message *message = data;
  VgpWorker *self = message->worker;
  gboolean is_newest;

  g_mutex_lock (&self->mutex);
  is_newest = message->number == self->n_asked;
  g_mutex_unlock (&self->mutex);
  if (!self->is_closed && is_newest)
    self->answered (&message->answer, self->user_data);
  return G_SOURCE_REMOVE;
}

static void
note_progress (double done, const char *what, gpointer data)
{
  VgpWorker *self = data;

  (void) what;
  g_atomic_int_set (&self->progress, (int) (done * 1000.0));
}

/* Anew, or what there is where the question is the same. */
static gboolean
explain (VgpWorker *self, const Question *question, GError **error)
{
  g_autoptr (VgpSettings) settings = NULL;

  if (self->explanation != NULL && self->picture == question->picture &&
      g_str_equal (self->key, question->key))
    return TRUE;
  g_clear_pointer (&self->explanation, vtr_explanation_unref);
  settings = copy_without_looks (question->settings);
  self->explanation = vgp_engine_explain (self->engine, question->picture, settings, note_progress,
                                          self, question->cancellable, error);
  self->picture = question->picture;
  g_free (self->key);
  self->key = g_strdup (question->key);
  return self->explanation != NULL;
}

static void
answer_question (VgpWorker *self, const Question *question, VgpAnswer *answer)
{
  VtrModel *model = vgp_engine_open_model (self->engine, question->settings, &answer->error);

  if (model == NULL)
    return;
  answer->model = g_object_ref (model);
  if (!explain (self, question, &answer->error))
    return;
  if (vgp_settings_get_procedure (question->settings) == VGP_SELECT)
    {
      answer->mask = vgp_mask_new (self->explanation, question->settings, &answer->error);
      if (answer->mask == NULL)
        return;
    }
  answer->explanation = vtr_explanation_ref (self->explanation);
}

static void
work_on (VgpWorker *self, const Question *question, guint number)
{
  Message *message = g_new0 (Message, 1);

  g_atomic_int_set (&self->progress, 0);
  answer_question (self, question, &message->answer);
  g_atomic_int_inc (&self->ref_count);
  message->worker = self;
  message->number = number;
  g_idle_add_full (G_PRIORITY_DEFAULT, tell, message, message_free);
}

static gpointer
work (gpointer data)
{
  VgpWorker *self = data;

  g_mutex_lock (&self->mutex);
  while (!self->ends)
    {
      Question *question = g_steal_pointer (&self->next);
      const guint number = self->n_asked;

      if (question == NULL)
        {
          g_cond_wait (&self->asked, &self->mutex);
          continue;
        }
      self->current = question->cancellable;
      g_mutex_unlock (&self->mutex);
      work_on (self, question, number);
      g_mutex_lock (&self->mutex);
      self->current = NULL;
      question_free (question);
    }
  g_mutex_unlock (&self->mutex);
  g_clear_pointer (&self->explanation, vtr_explanation_unref);
  g_clear_pointer (&self->key, g_free);
  return NULL;
}

/* ---------------------------------------------------------------- the main thread */

VgpWorker *
vgp_worker_new (VgpEngine *engine, VgpAnswerFunc answered, gpointer user_data)
{
  VgpWorker *self = g_new0 (VgpWorker, 1);

  self->ref_count = 1;
  self->engine = engine;
  self->answered = answered;
  self->user_data = user_data;
  g_mutex_init (&self->mutex);
  g_cond_init (&self->asked);
  self->thread = g_thread_new ("vitreous-preview", work, self);
  return self;
}

/* With the mutex held: no question before now is of interest any more. */
static void
forget_questions (VgpWorker *self)
{
  g_clear_pointer (&self->next, question_free);
  self->n_asked++;
  if (self->current != NULL)
    g_cancellable_cancel (self->current);
}

void
vgp_worker_cancel (VgpWorker *self)
{
  g_mutex_lock (&self->mutex);
  forget_questions (self);
  g_mutex_unlock (&self->mutex);
}

void
vgp_worker_ask (VgpWorker *self, VgpPicture *picture, VgpSettings *settings)
{
  Question *question = g_new0 (Question, 1);
  g_autoptr (VgpSettings) bare = copy_without_looks (settings);

  question->picture = picture;
  question->settings = vgp_settings_copy (settings);
  question->key = vgp_settings_to_json (bare);
  question->cancellable = g_cancellable_new ();
  g_mutex_lock (&self->mutex);
  forget_questions (self);
  self->next = question;
  g_cond_signal (&self->asked);
  g_mutex_unlock (&self->mutex);
}

double
vgp_worker_get_progress (VgpWorker *self)
{
  return g_atomic_int_get (&self->progress) / 1000.0;
}

void
vgp_worker_free (VgpWorker *self)
{
  if (self == NULL)
    return;
  self->is_closed = TRUE;
  g_mutex_lock (&self->mutex);
  self->ends = TRUE;
  forget_questions (self);
  g_cond_signal (&self->asked);
  g_mutex_unlock (&self->mutex);
  g_thread_join (self->thread);
  worker_unref (self);
}
