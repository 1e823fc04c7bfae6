/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vtr-input.h>
#include <vitreous/vtr-types.h>

G_BEGIN_DECLS

#define VTR_TYPE_SESSION (vtr_session_get_type ())

/* The most pictures one run computes together. */
#define VTR_MAX_BATCH 32

/**
 * VtrSession:
 *
 * A model on a device: its weights are uploaded once, then pictures are run.
 * A session may be used from several threads; as many runs as vtr_session_get_n_runs() says
 * then go on at once, more take turns.
 */
VTR_AVAILABLE_IN_0_1
GType vtr_session_get_type (void);

/* "f32", "f16" */
VTR_AVAILABLE_IN_0_1
const char *vtr_precision_get_name (VtrPrecision precision);

/**
 * vtr_precision_parse:
 * @text: a name
 * @precision: (out): which it is
 * @error: return location
 *
 * Fails with %VTR_ERROR_USAGE where there is none of that name.
 *
 * Returns: whether there is
 */
VTR_AVAILABLE_IN_0_1
gboolean vtr_precision_parse (const char *text, VtrPrecision *precision, GError **error);

/**
 * vtr_session_new:
 * @device: where to compute
 * @model: what to compute
 * @precision: what to store numbers as
 * @progress: (nullable) (scope call): told of the upload
 * @progress_data: its data
 * @cancellable: (nullable): stops it
 * @error: return location
 *
 * Uploads the weights, checking each for NaN and infinity.  Fails with
 * %VTR_ERROR_UNSUPPORTED where @device cannot store numbers as @precision, with
 * %VTR_ERROR_BAD_VALUES where a weight is too large for it.
 *
 * Returns: (transfer full): the session
 */
VTR_AVAILABLE_IN_0_1
VtrSession *vtr_session_new (VtrDevice *device,
                             VtrModel *model,
                             VtrPrecision precision,
                             VtrProgressFunc progress,
                             gpointer progress_data,
                             GCancellable *cancellable,
                             GError **error);

/**
 * vtr_session_new_target:
 * @self: a session
 * @text: what vtr_target_parse() takes, or "image:FILE"
 * @fit: how the picture FILE is brought to the model's scale
 * @size: and to which, as for vtr_input_new()
 * @progress: (nullable) (scope call): told of progress
 * @progress_data: its data
 * @cancellable: (nullable): stops it
 * @error: return location
 *
 * Makes a target; for "image:FILE" runs the model once to see what the picture's embedding is.
 *
 * Fails with %VTR_ERROR_USAGE for all that vtr_target_parse() fails for, and where
 * FILE cannot be read.
 *
 * Returns: (transfer full): the target
 */
VTR_AVAILABLE_IN_0_1
VtrTarget *vtr_session_new_target (VtrSession *self,
                                   const char *text,
                                   VtrFit fit,
                                   guint size,
                                   VtrProgressFunc progress,
                                   gpointer progress_data,
                                   GCancellable *cancellable,
                                   GError **error);

/**
 * VtrExplainFlags:
 * @VTR_EXPLAIN_DEFAULT: maps, attention of the query, logits
 * @VTR_EXPLAIN_MATRIX: also the whole attention matrices of the asked layers, n_tokens² each
 * @VTR_EXPLAIN_SCORE: also what each summary is worth, which takes about a hundred times as long as
 *   the model does: vtr_explanation_get_score()
 * @VTR_EXPLAIN_PROOF: also which patches the decision for the target's class hangs on; the model is
 *   asked again some times for each patch of the proof: vtr_explanation_get_proof().  Fails with
 *   %VTR_ERROR_USAGE where the target is no decision between classes
 * @VTR_EXPLAIN_KEEP: also what the model computed, on the device: the next call with this flag for
 *   the same #VtrInput (that very object) and the same temperature goes on from there and does not
 *   run the model again, whatever the method, its layers, heads, query and target.  Answers are the
 *   same to the bit.  It is kept until a call with this flag has another picture or temperature,
 *   until other runs need its memory, or until the session goes; also where the call fails or is
 *   cancelled after the model has run.  The #VtrInput is kept with it.  It takes as much memory as
 *   gradients through all layers with every layer's attention; where there is too little for that,
 *   and with several pictures, nothing is kept.  While one thread's call uses it, others run the
 *   model for themselves
 * @VTR_EXPLAIN_IMPORTANCE: also how much the target hangs on each head, and what each block
 * changes: vtr_explanation_get_importance().  Takes a way back through all layers.  The target is
 * that of the method, also of one that takes none; by default the class that the picture is taken
 * for, of a model without classes its embedding (%VTR_TARGET_LENGTH)
 */
typedef enum
{
  VTR_EXPLAIN_DEFAULT = 0,
  VTR_EXPLAIN_MATRIX = 1 << 0,
  VTR_EXPLAIN_SCORE = 1 << 1,
  VTR_EXPLAIN_PROOF = 1 << 2,
  VTR_EXPLAIN_KEEP = 1 << 3,
  VTR_EXPLAIN_IMPORTANCE = 1 << 4,
} VtrExplainFlags;

/**
 * vtr_session_explain:
 * @self: a session
 * @method: how to explain
 * @inputs: (array length=n_inputs): prepared pictures of the session's model
 * @n_inputs: how many, 1..%VTR_MAX_BATCH; those of one grid are computed together
 * @flags: what else to keep
 * @progress: (nullable) (scope call): told of progress
 * @progress_data: its data
 * @cancellable: (nullable): stops between two submissions to the device
 * @error: return location
 *
 * Runs the model and explains each picture.  Where the device has too little
 * memory for all of them at once, they are computed in smaller batches.
 *
 * The memory of a run is kept for the next one of the same grid and batch, until
 * another needs it or the session goes.
 *
 * Returns: (transfer full) (element-type VtrExplanation): @n_inputs explanations, in order
 */
VTR_AVAILABLE_IN_0_1
GPtrArray *vtr_session_explain (VtrSession *self,
                                VtrMethod *method,
                                VtrInput *const *inputs,
                                guint n_inputs,
                                VtrExplainFlags flags,
                                VtrProgressFunc progress,
                                gpointer progress_data,
                                GCancellable *cancellable,
                                GError **error);

/**
 * vtr_session_suggest_batch:
 * @self: a session
 * @method: how pictures are to be explained
 * @n_rows: rows of patches of a picture
 * @n_columns: columns of patches
 * @flags: what else is to be kept
 *
 * How many pictures of a grid are best given to vtr_session_explain() together: as many as fill
 * the device, and no more than it has memory for.
 *
 * Returns: 1..%VTR_MAX_BATCH
 */
VTR_AVAILABLE_IN_0_1
guint vtr_session_suggest_batch (VtrSession *self,
                                 VtrMethod *method,
                                 guint n_rows,
                                 guint n_columns,
                                 VtrExplainFlags flags);

/**
 * vtr_session_get_n_runs:
 * @self: a session
 *
 * How many threads that call vtr_session_explain() keep the device busy all the time: while it
 * computes for one, the others upload and read back.  With more, some only wait.
 *
 * Returns: 1 or more
 */
VTR_AVAILABLE_IN_0_1
guint vtr_session_get_n_runs (VtrSession *self);

/**
 * vtr_session_get_n_passes:
 * @self: a session
 *
 * How often vtr_session_explain() has run the model so far, a batch counted once: with
 * %VTR_EXPLAIN_KEEP that is less often than it was called.  What scores and proofs ask the model
 * about parts of a picture is not counted.
 *
 * Returns: 0 or more
 */
VTR_AVAILABLE_IN_0_1
guint vtr_session_get_n_passes (VtrSession *self);

/**
 * VtrOpTiming:
 * @name: the kernel ("matmul", "attention", ...)
 * @calls: how often it ran
 * @seconds: device time, by timestamps
 * @flops: floating-point operations it did, multiply and add counted apart
 */
typedef struct
{
  const char *name;
  guint64 calls;
  double seconds;
  double flops;
} VtrOpTiming;

/**
 * VtrBenchmark:
 * @seconds: wall time of one run of the batch, the median of all runs
 * @min_seconds: the least of them, which other programs disturbed least
 * @flops: floating-point operations of one run
 * @peak_bytes: device memory in use at most, weights included
 * @planned_bytes: what was planned for activations before the run
 * @n_runs: entries of @run_seconds
 * @run_seconds: wall time of each run of the batch, in order
 * @n_ops: entries of @ops
 * @ops: sums over one more run, in which every kernel was timed
 */
typedef struct
{
  double seconds;
  double min_seconds;
  double flops;
  guint64 peak_bytes;
  guint64 planned_bytes;
  guint n_runs;
  double *run_seconds;
  guint n_ops;
  VtrOpTiming *ops;
} VtrBenchmark;

/**
 * vtr_session_benchmark:
 * @self: a session
 * @n_rows: rows of patches
 * @n_columns: columns of patches
 * @batch: pictures in a batch, 1..%VTR_MAX_BATCH
 * @n_runs: timed runs, after one that is not counted
 * @capture: whether Q, K and the log-sum-exp of every layer are kept, as for explaining
 *
 * Times the forward pass on made-up pixels.
 *
 * Returns: (transfer full): the figures
 */
VTR_AVAILABLE_IN_0_1
VtrBenchmark *vtr_session_benchmark (VtrSession *self,
                                     guint n_rows,
                                     guint n_columns,
                                     guint batch,
                                     guint n_runs,
                                     gboolean capture,
                                     VtrProgressFunc progress,
                                     gpointer progress_data,
                                     GCancellable *cancellable,
                                     GError **error);

VTR_AVAILABLE_IN_0_1
void vtr_benchmark_free (VtrBenchmark *self);

VTR_AVAILABLE_IN_0_1
VtrModel *vtr_session_get_model (VtrSession *self);
VTR_AVAILABLE_IN_0_1
VtrDevice *vtr_session_get_device (VtrSession *self);
VTR_AVAILABLE_IN_0_1
VtrPrecision vtr_session_get_precision (VtrSession *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrSession, g_object_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrBenchmark, vtr_benchmark_free)

G_END_DECLS
