/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Verifying a device: one that computes on the processor, with faults planted in it. */
#include "cpu/cpu.h"
#include "run/verify.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- a device with a fault ---- */

typedef enum
{
  SOUND,
  FLIPS_A_BIT,      /* of a value in the middle of each result */
  GIVES_NAN,        /* in its place */
  WRITES_TOO_FAR,   /* by one value */
  CHANGES_AN_INPUT, /* its first value */
  HAS_NO_MEMORY,    /* for the kernel */
  IS_LOST,          /* at the kernel, and then for good */
} Fault;

typedef struct
{
  VtrDevice parent_instance;
  VtrDevice *cpu;
  Fault faults[VTR_N_KERNELS]; /* of each kernel */
  gboolean lost;
} FaultyDevice;

typedef VtrDeviceClass FaultyDeviceClass;
static GType faulty_device_get_type (void);
G_DEFINE_FINAL_TYPE (FaultyDevice, faulty_device, VTR_TYPE_DEVICE)

typedef struct
{
  VtrStream parent;
  VtrStream *inner; /* on the processor */
} FaultyStream;

static VtrStream *
inner_of (VtrStream *stream)
{
  return ((FaultyStream *) stream)->inner;
}

static void
stream_free (VtrStream *self)
{
  vtr_stream_free (inner_of (self));
  g_free (self);
}

/* Changes the bits of value @index of @tensor, which may lie behind its end. */
static void
change_value (VtrStream *stream, const VtrTensor *tensor, gsize index, Fault fault)
{
  const guint32 bit = 1 << 22; /* the highest of a float's mantissa */
  VtrTensor longer = *tensor;
  guint32 bits;
  g_autoptr (GError) error = NULL;

  longer.n_dims = 1;
  longer.shape[0] = (guint32) index + 1;
  vtr_stream_read (stream, &longer, index * sizeof bits, &bits, sizeof bits, &error);
  g_assert_no_error (error);
  bits = fault == GIVES_NAN ? 0x7fc00000 : bits ^ bit;
  vtr_stream_write (stream, &longer, index * sizeof bits, &bits, sizeof bits, &error);
  g_assert_no_error (error);
}

static void
plant_fault (VtrStream *stream,
             Fault fault,
             const VtrKernelInfo *kernel,
             const VtrTensor *const *tensors)
{
  for (guint i = 0; i < kernel->n_tensors; i++)
    {
      const gsize n_values = vtr_tensor_n_values (tensors[i]);
      const gboolean written = kernel->writes >> i & 1;

      if (written && (fault == FLIPS_A_BIT || fault == GIVES_NAN))
        change_value (stream, tensors[i], n_values / 2, fault);
      if (written && fault == WRITES_TOO_FAR)
        change_value (stream, tensors[i], n_values, fault);
      if (!written && fault == CHANGES_AN_INPUT)
        change_value (stream, tensors[i], 0, fault);
    }
}

static gboolean
check_lost (const FaultyDevice *self, GError **error)
{
  if (self->lost)
    g_set_error (error, VTR_ERROR, VTR_ERROR_DEVICE_LOST, "The device is lost.");
  return !self->lost;
}

static gboolean
stream_dispatch (VtrStream *self,
                 VtrKernel kernel,
                 const VtrTensor *const *tensors,
                 guint n_tensors,
                 gconstpointer params,
                 gsize params_size,
                 GError **error)
{
  FaultyDevice *device = (FaultyDevice *) self->device;
  const Fault fault = device->faults[kernel];

  if (fault == IS_LOST)
    device->lost = TRUE;
  if (!check_lost (device, error))
    return FALSE;
  if (fault == HAS_NO_MEMORY)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY, "There is no memory.");
      return FALSE;
    }
  if (!vtr_stream_dispatch (inner_of (self), kernel, tensors, n_tensors, params, params_size, 0.0,
                            error))
    return FALSE;
  plant_fault (inner_of (self), fault, vtr_kernel_get_info (kernel), tensors);
  return TRUE;
}

static gboolean
stream_write (VtrStream *self,
              const VtrTensor *dst,
              gsize offset,
              gconstpointer data,
              gsize n_bytes,
              GError **error)
{
  return check_lost ((FaultyDevice *) self->device, error) &&
         vtr_stream_write (inner_of (self), dst, offset, data, n_bytes, error);
}

static gboolean
stream_read (VtrStream *self,
             const VtrTensor *src,
             gsize offset,
             gpointer data,
             gsize n_bytes,
             GError **error)
{
  return check_lost ((FaultyDevice *) self->device, error) &&
         vtr_stream_read (inner_of (self), src, offset, data, n_bytes, error);
}

static gboolean
stream_copy (VtrStream *self, const VtrTensor *src, const VtrTensor *dst, GError **error)
{
  return check_lost ((FaultyDevice *) self->device, error) &&
         vtr_stream_copy (inner_of (self), src, dst, error);
}

static gboolean
stream_wait (VtrStream *self, GError **error)
{
  return vtr_stream_wait (inner_of (self), error);
}

static VtrStream *
faulty_device_stream_new (VtrDevice *device, GError **error)
{
  static const VtrStreamClass klass = {
    stream_free, stream_dispatch, stream_write, stream_read, stream_copy, stream_wait, stream_wait,
  };
  FaultyStream *self = g_new0 (FaultyStream, 1);

  self->parent.klass = &klass;
  self->inner = vtr_stream_new (((FaultyDevice *) device)->cpu, error);
  return &self->parent;
}

static VtrDeviceClass *
class_of (VtrDevice *device)
{
  return G_TYPE_INSTANCE_GET_CLASS (device, VTR_TYPE_DEVICE, VtrDeviceClass);
}

static gpointer
faulty_device_block_new (VtrDevice *device, gsize n_bytes, const char *name, GError **error)
{
  VtrDevice *cpu = ((FaultyDevice *) device)->cpu;

  return class_of (cpu)->block_new (cpu, n_bytes, name, error);
}

static void
faulty_device_block_free (VtrDevice *device, gpointer block)
{
  VtrDevice *cpu = ((FaultyDevice *) device)->cpu;

  class_of (cpu)->block_free (cpu, block);
}

static void
faulty_device_finalize (GObject *object)
{
  g_object_unref (((FaultyDevice *) object)->cpu);
  G_OBJECT_CLASS (faulty_device_parent_class)->finalize (object);
}

static void
faulty_device_class_init (FaultyDeviceClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = faulty_device_finalize;
  klass->block_new = faulty_device_block_new;
  klass->block_free = faulty_device_block_free;
  klass->stream_new = faulty_device_stream_new;
}

static void
faulty_device_init (FaultyDevice *self)
{
  VtrDevice *device = &self->parent_instance;
  g_autoptr (GError) error = NULL;

  self->cpu = vtr_cpu_open (&error);
  g_assert_no_error (error);
  device->info = vtr_cpu_describe ();
  device->tensor_alignment = self->cpu->tensor_alignment;
  device->max_tensor_bytes = self->cpu->max_tensor_bytes;
  device->max_block_bytes = self->cpu->max_block_bytes;
}

static FaultyDevice *
open_faulty (void)
{
  return g_object_new (faulty_device_get_type (), NULL);
}

/* ---- what is found ---- */

/* What is found of @device, which is freed. */
static VtrVerification *
verify (FaultyDevice *device)
{
  g_autoptr (GError) error = NULL;
  VtrVerification *found = vtr_device_verify (&device->parent_instance, NULL, NULL, NULL, &error);

  g_assert_no_error (error);
  g_object_unref (device);
  return found;
}

static const VtrOpCheck *
find_op (const VtrVerification *found, const char *op)
{
  for (guint i = 0; i < found->n_ops; i++)
    if (g_str_equal (found->ops[i].op, op))
      return &found->ops[i];
  g_assert_not_reached ();
}

static void
test_sound (void)
{
  g_autoptr (VtrVerification) found = verify (open_faulty ());

  g_assert_cmpint (found->verdict, ==, VTR_VERDICT_RIGHT);
  for (guint i = 0; i < found->n_ops; i++)
    {
      const VtrOpCheck *check = &found->ops[i];
      g_assert_cmpint (check->verdict, ==, VTR_VERDICT_RIGHT);
      g_assert_null (check->problem);
      g_assert_nonnull (check->worst_case);
      g_assert_cmpuint (check->n_cases, >=, 5);
      g_assert_cmpfloat (check->nmse, ==, 0.0); /* the same processor twice */
      g_assert_cmpfloat (check->max_error, ==, 0.0);
    }
}

/* ---- no kernel may be wrong unseen ---- */

typedef struct
{
  const char *name; /* NULL: that of the only kernel */
  VtrKernel kernels[11];
  guint n_kernels;
  const char *ops[11]; /* those that run them */
} WrongKernels;

#define ALONE(kernel, ...)                                                                         \
  {                                                                                                \
    NULL, { VTR_KERNEL_##kernel }, 1, { __VA_ARGS__ }                                              \
  }

static const WrongKernels wrong_kernels[] = {
  { "forward",
    { VTR_KERNEL_PATCHIFY, VTR_KERNEL_EMBED_TOKENS, VTR_KERNEL_LAYER_NORM, VTR_KERNEL_MATMUL,
      VTR_KERNEL_SWIGLU, VTR_KERNEL_ROPE, VTR_KERNEL_ATTENTION, VTR_KERNEL_POOL,
      VTR_KERNEL_ATTENTION_ROWS, VTR_KERNEL_ATTENTION_APPLY, VTR_KERNEL_ATTENTION_STATISTICS },
    11,
    { "patchify", "embed-tokens", "layer-norm", "matmul", "swiglu", "rope", "attention", "pool",
      "attention-rows", "attention-apply", "attention-statistics" } },
  { "backward",
    { VTR_KERNEL_LAYER_NORM_BACKWARD, VTR_KERNEL_MATMUL_BACKWARD, VTR_KERNEL_ACTIVATION_BACKWARD,
      VTR_KERNEL_SWIGLU_BACKWARD, VTR_KERNEL_ATTENTION_BACKWARD, VTR_KERNEL_POOL_BACKWARD },
    6,
    { "layer-norm-backward", "matmul-backward", "activation-backward", "swiglu-backward",
      "attention-backward", "pool-backward" } },
  ALONE (GATHER_TOKENS, "gather-tokens"),
  ALONE (ATTENTION_BACKWARD_ROWS, "attention-backward"),
  ALONE (ROLLOUT_ROW_SUMS, "rollout-step", "grad-rollout-step"),
  ALONE (ROLLOUT_HISTOGRAM,
         "rollout-histogram",
         "rollout-cutoff",
         "rollout-step",
         "grad-rollout-step"),
  ALONE (ROLLOUT_SELECT, "rollout-select", "rollout-cutoff", "rollout-step"),
  ALONE (ROLLOUT_WEIGHTS, "rollout-step", "grad-rollout-step", "relevance-step"),
  ALONE (ROLLOUT_STEP,
         "rollout-step",
         "grad-rollout-step",
         "relevance-step",
         "attention-sensitivity"),
  ALONE (REDUCE_PARTIALS,
         "attention-apply",
         "rollout-step",
         "grad-rollout-step",
         "relevance-step",
         "attention-sensitivity"),
};

static gboolean
is_among (const char *op, const char *const *some)
{
  for (guint i = 0; i < G_N_ELEMENTS (wrong_kernels[0].ops); i++)
    if (g_strcmp0 (some[i], op) == 0)
      return TRUE;
  return FALSE;
}

static void
test_wrong_kernels (gconstpointer data)
{
  const WrongKernels *test = data;
  FaultyDevice *device = open_faulty ();

  for (guint i = 0; i < test->n_kernels; i++)
    device->faults[test->kernels[i]] = FLIPS_A_BIT;
  g_autoptr (VtrVerification) found = verify (device);

  g_assert_cmpint (found->verdict, ==, VTR_VERDICT_WRONG);
  for (guint i = 0; i < found->n_ops; i++)
    {
      const VtrOpCheck *check = &found->ops[i];
      const gboolean wrong = is_among (check->op, test->ops);
      g_test_message ("%s: %s", check->op, check->problem);
      g_assert_cmpint (check->verdict, ==, wrong ? VTR_VERDICT_WRONG : VTR_VERDICT_RIGHT);
      g_assert_cmpint (check->problem != NULL, ==, wrong);
      g_assert_cmpint (check->nmse > check->max_nmse, ==, wrong);
    }
}

static void
add_wrong_kernels (void)
{
  guint n_kernels = 0;

  for (guint i = 0; i < G_N_ELEMENTS (wrong_kernels); i++)
    {
      const WrongKernels *test = &wrong_kernels[i];
      g_autofree char *path =
          g_strdup_printf ("/verify/wrong/%s", test->name != NULL
                                                   ? test->name
                                                   : vtr_kernel_get_info (test->kernels[0])->name);
      g_test_add_data_func (path, test, test_wrong_kernels);
      n_kernels += test->n_kernels;
    }
  /* A kernel that is new belongs in the table. */
  g_assert_cmpuint (n_kernels, ==, VTR_N_KERNELS);
}

/* ---- kinds of faults ---- */

static const struct
{
  VtrKernel kernel;
  Fault fault;
  const char *op;
  VtrVerdict verdict;
  const char *problem;
} kinds[] = {
  { VTR_KERNEL_SWIGLU, GIVES_NAN, "swiglu", VTR_VERDICT_WRONG, "of “hidden” is no number." },
  { VTR_KERNEL_PATCHIFY, FLIPS_A_BIT, "patchify", VTR_VERDICT_WRONG, "has to be exact." },
  { VTR_KERNEL_LAYER_NORM, FLIPS_A_BIT, "layer-norm", VTR_VERDICT_WRONG, "“y” has an NMSE of " },
  { VTR_KERNEL_ROPE, WRITES_TOO_FAR, "rope", VTR_VERDICT_WRONG,
    "value 0 behind the end of “qkv”." },
  { VTR_KERNEL_ROLLOUT_SELECT, WRITES_TOO_FAR, "rollout-select", VTR_VERDICT_WRONG,
    "behind the end of “histogram”." },
  { VTR_KERNEL_POOL, CHANGES_AN_INPUT, "pool", VTR_VERDICT_WRONG,
    "value 0 of its input “tokens”." },
  { VTR_KERNEL_MATMUL, HAS_NO_MEMORY, "matmul", VTR_VERDICT_FAILED, ": There is no memory." },
};

static void
test_kinds (void)
{
  FaultyDevice *device = open_faulty ();

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    device->faults[kinds[i].kernel] = kinds[i].fault;
  g_autoptr (VtrVerification) found = verify (device);

  g_assert_cmpint (found->verdict, ==, VTR_VERDICT_WRONG);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      const VtrOpCheck *check = find_op (found, kinds[i].op);
      g_test_message ("%s: %s", check->op, check->problem);
      g_assert_cmpint (check->verdict, ==, kinds[i].verdict);
      g_assert_true (g_str_has_prefix (check->problem, "In the case “"));
      g_assert_nonnull (strstr (check->problem, kinds[i].problem));
    }
  g_assert_true (isinf (find_op (found, "swiglu")->nmse));
  g_assert_cmpint (find_op (found, "attention")->verdict, ==, VTR_VERDICT_RIGHT);
}

/* What cannot be planned is as much a failure as what cannot be run; the rest is verified. */
static void
test_tensors_too_large (void)
{
  FaultyDevice *device = open_faulty ();
  device->parent_instance.max_tensor_bytes = 1 << 20;
  g_autoptr (VtrVerification) found = verify (device);

  g_assert_cmpint (found->verdict, ==, VTR_VERDICT_FAILED);
  g_assert_cmpint (find_op (found, "layer-norm")->verdict, ==, VTR_VERDICT_FAILED);
  g_assert_cmpint (find_op (found, "pool")->verdict, ==, VTR_VERDICT_FAILED);
  g_assert_cmpint (find_op (found, "rollout-select")->verdict, ==, VTR_VERDICT_RIGHT);
  const VtrOpCheck *check = find_op (found, "matmul");
  g_assert_cmpint (check->verdict, ==, VTR_VERDICT_FAILED);
  g_assert_nonnull (strstr (check->problem, "larger than"));
}

/* It stays lost: what comes after cannot be computed either. */
static void
test_lost_device (void)
{
  FaultyDevice *device = open_faulty ();
  device->faults[VTR_KERNEL_ATTENTION] = IS_LOST;
  g_autoptr (VtrVerification) found = verify (device);
  gboolean lost = FALSE;

  for (guint i = 0; i < found->n_ops; i++)
    {
      lost = lost || g_str_equal (found->ops[i].op, "attention");
      g_assert_cmpint (found->ops[i].verdict, ==, lost ? VTR_VERDICT_FAILED : VTR_VERDICT_RIGHT);
    }
  g_assert_true (lost);
}

/* ---- progress ---- */

typedef struct
{
  GCancellable *cancellable;
  double last;
  double stop_at;
} Watcher;

static void
watch (double done, const char *what, gpointer data)
{
  Watcher *self = data;

  g_assert_nonnull (what);
  g_assert_cmpfloat (done, >=, self->last);
  g_assert_cmpfloat (done, <=, 1.0);
  self->last = done;
  if (done >= self->stop_at)
    g_cancellable_cancel (self->cancellable);
}

static void
test_cancel (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  FaultyDevice *device = open_faulty ();
  g_autoptr (GError) error = NULL;
  Watcher watcher = { cancellable, 0.0, 0.5 };

  g_assert_null (
      vtr_device_verify (&device->parent_instance, watch, &watcher, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpfloat (watcher.last, <, 0.6);
  g_object_unref (device);
}

int
main (int argc, char **argv)
{
  g_autoptr (VtrDeviceInfo) cpu = vtr_cpu_describe ();

  if (cpu == NULL)
    {
      printf ("1..0 # SKIP this build has no device “cpu”\n");
      return 0;
    }
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/verify/sound", test_sound);
  add_wrong_kernels ();
  g_test_add_func ("/verify/kinds", test_kinds);
  g_test_add_func ("/verify/tensors-too-large", test_tensors_too_large);
  g_test_add_func ("/verify/lost-device", test_lost_device);
  g_test_add_func ("/verify/cancel", test_cancel);
  return g_test_run ();
}
