/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* The ops that go backward refuse tensors that do not fit, and half floats, before they record
 * anything: so these need no device that computes. */
#include "ops/ops.h"

#include <string.h>

#define MAX_TENSORS 6

/* ---- a device that takes all halves of the forward pass ---- */

typedef struct
{
  VtrDevice parent_instance;
} HalfDevice;

typedef VtrDeviceClass HalfDeviceClass;
static GType half_device_get_type (void);
G_DEFINE_FINAL_TYPE (HalfDevice, half_device, VTR_TYPE_DEVICE)

static void
half_device_class_init (G_GNUC_UNUSED HalfDeviceClass *klass)
{
}

static void
half_device_init (HalfDevice *self)
{
  self->parent_instance.f16 = VTR_F16_ACTIVATIONS;
}

static VtrArena *arena; /* on such a device */

/* ---- ops ---- */

/* An op on tensors that fit, given as @t. */
typedef struct
{
  const char *name;
  gboolean (*run) (const VtrTensor *t, GError **error);
  guint n_tensors;
  guint32 shapes[MAX_TENSORS][VTR_MAX_DIMS]; /* 0 ends a shape */
  guint8 free_axes[MAX_TENSORS];             /* bit i: any size fits on axis i */
} Op;

static gboolean
run_layer_norm (const VtrTensor *t, GError **error)
{
  return vtr_op_layer_norm_backward (NULL, &t[0], &t[1], 1e-6f, &t[2], FALSE, &t[3], error);
}

static gboolean
run_matmul (const VtrTensor *t, GError **error)
{
  return vtr_op_matmul_backward (NULL, &t[0], &t[1], &t[2], error);
}

static gboolean
run_activation (const VtrTensor *t, GError **error)
{
  return vtr_op_activation_backward (NULL, &t[0], &t[1], VTR_ACTIVATION_TANH, &t[2], &t[3], error);
}

static gboolean
run_swiglu (const VtrTensor *t, GError **error)
{
  return vtr_op_swiglu_backward (NULL, &t[0], &t[1], &t[2], error);
}

static gboolean
run_attention (const VtrTensor *t, GError **error)
{
  return vtr_op_attention_backward (NULL, &t[0], &t[1], 1.0f, &t[2], &t[3], &t[4], &t[5], error);
}

static gboolean
run_pool (const VtrTensor *t, GError **error)
{
  return vtr_op_pool_backward (NULL, &t[0], 1, VTR_POOL_CLS_AND_MEAN, FALSE, &t[1], error);
}

#define OP(name_, run_, n, ...)                                                                    \
  .name = name_ "-backward", .run = run_, .n_tensors = n, .shapes = { __VA_ARGS__ }

static const Op ops[] = {
  { OP ("layer-norm", run_layer_norm, 4, { 2, 5, 8 }, { 2, 8 }, { 2, 5, 8 }, { 10, 8 }) },
  { OP ("matmul", run_matmul, 3, { 2, 5, 12 }, { 12, 8 }, { 10, 8 }) },
  { OP ("activation", run_activation, 4, { 5, 8 }, { 2, 8 }, { 5, 8 }, { 5, 8 }) },
  { OP ("swiglu", run_swiglu, 3, { 5, 16 }, { 5, 8 }, { 5, 16 }) },
  { OP ("attention",
        run_attention,
        6,
        { 2, 5, 3, 3, 4 },
        { 2, 3, 5 },
        { 2, 5, 12 },
        { 2, 5, 12 },
        { 2, 3, 5, 2 },
        { 2, 5, 3, 3, 4 }) },
  { OP ("pool", run_pool, 2, { 2, 16 }, { 2, 5, 8 }), .free_axes = { 0, 1 << 1 } },
};

static void
make_tensors (const Op *op, VtrTensor *tensors)
{
  memset (tensors, 0, MAX_TENSORS * sizeof *tensors);
  for (guint i = 0; i < op->n_tensors; i++)
    {
      tensors[i].arena = arena;
      tensors[i].dtype = VTR_DTYPE_F32;
      for (guint axis = 0; axis < VTR_MAX_DIMS && op->shapes[i][axis] > 0; axis++)
        tensors[i].shape[tensors[i].n_dims++] = op->shapes[i][axis];
      g_snprintf (tensors[i].name, sizeof tensors[i].name, "tensor-%u", i);
    }
}

static void
assert_refused (const Op *op, const VtrTensor *tensors)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (op->run (tensors, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, op->name));
}

static void
test_refusal (gconstpointer data)
{
  const Op *op = data;
  VtrTensor tensors[MAX_TENSORS];

  for (guint i = 0; i < op->n_tensors; i++)
    {
      make_tensors (op, tensors);
      tensors[i].dtype = VTR_DTYPE_F16;
      assert_refused (op, tensors);

      const guint n_dims = tensors[i].n_dims;
      for (guint axis = 0; axis < n_dims; axis++)
        {
          make_tensors (op, tensors);
          tensors[i].shape[axis]++;
          if ((op->free_axes[i] >> axis & 1) == 0)
            assert_refused (op, tensors);
        }
    }
}

int
main (int argc, char **argv)
{
  g_autoptr (VtrDevice) device = g_object_new (half_device_get_type (), NULL);

  g_test_init (&argc, &argv, NULL);
  arena = vtr_arena_new (device, "test");
  for (guint i = 0; i < G_N_ELEMENTS (ops); i++)
    {
      g_autofree char *path = g_strdup_printf ("/ops-shapes/%s", ops[i].name);
      g_test_add_data_func (path, &ops[i], test_refusal);
    }

  const int status = g_test_run ();
  vtr_arena_free (arena);
  return status;
}
