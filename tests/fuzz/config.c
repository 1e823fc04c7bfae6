/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* The JSON beside the weights, as config.json and as preprocessor_config.json of a small DINOv2. */
#include "fuzz.h"
#include "model/detect.h"

/* What corpus/config/good-transformers describes. */
static const struct
{
  const char *name;
  guint n_dims;
  guint64 shape[4];
} weights[] = {
  { "embeddings.cls_token", 3, { 1, 1, 6 } },
  { "embeddings.position_embeddings", 3, { 1, 5, 6 } },
  { "embeddings.patch_embeddings.projection.weight", 4, { 6, 3, 2, 2 } },
  { "embeddings.patch_embeddings.projection.bias", 1, { 6 } },
  { "encoder.layer.0.norm1.weight", 1, { 6 } },
  { "encoder.layer.0.norm1.bias", 1, { 6 } },
  { "encoder.layer.0.attention.attention.query.weight", 2, { 6, 6 } },
  { "encoder.layer.0.attention.attention.query.bias", 1, { 6 } },
  { "encoder.layer.0.attention.attention.key.weight", 2, { 6, 6 } },
  { "encoder.layer.0.attention.attention.key.bias", 1, { 6 } },
  { "encoder.layer.0.attention.attention.value.weight", 2, { 6, 6 } },
  { "encoder.layer.0.attention.attention.value.bias", 1, { 6 } },
  { "encoder.layer.0.attention.output.dense.weight", 2, { 6, 6 } },
  { "encoder.layer.0.attention.output.dense.bias", 1, { 6 } },
  { "encoder.layer.0.layer_scale1.lambda1", 1, { 6 } },
  { "encoder.layer.0.norm2.weight", 1, { 6 } },
  { "encoder.layer.0.norm2.bias", 1, { 6 } },
  { "encoder.layer.0.mlp.fc1.weight", 2, { 24, 6 } },
  { "encoder.layer.0.mlp.fc1.bias", 1, { 24 } },
  { "encoder.layer.0.mlp.fc2.weight", 2, { 6, 24 } },
  { "encoder.layer.0.mlp.fc2.bias", 1, { 6 } },
  { "encoder.layer.0.layer_scale2.lambda1", 1, { 6 } },
  { "layernorm.weight", 1, { 6 } },
  { "layernorm.bias", 1, { 6 } },
};

static VtrStore *
make_store (void)
{
  static const float zeros[24 * 6];
  VtrStore *store = vtr_store_new ("safetensors", "fuzzed.safetensors");

  for (guint i = 0; i < G_N_ELEMENTS (weights); i++)
    {
      VtrStored stored = {
        .name = weights[i].name,
        .dtype = VTR_DTYPE_F32,
        .dtype_name = "F32",
        .n_dims = weights[i].n_dims,
      };
      gsize n_bytes = sizeof (float);

      for (guint dim = 0; dim < stored.n_dims; dim++)
        n_bytes *= stored.shape[dim] = weights[i].shape[dim];
      g_autoptr (GBytes) bytes = g_bytes_new_static (zeros, n_bytes);
      stored.bytes = bytes;
      g_assert_true (vtr_store_add (store, &stored, NULL));
    }
  return store;
}

/* transformers' configurations; one of timm's is known by its keys and so read by detection. */
static void
read_as_family (VtrConfig *config, const VtrFamily *family)
{
  g_auto (VtrStatement) statement = { 0 };
  g_autoptr (GError) error = NULL;

  if (family->naming == &vtr_naming_timm)
    return;
  const gboolean read = vtr_statement_read_hf (&statement, family, config, &error);
  fuzz_assert_answered (read, error);
}

void
fuzz_input (GBytes *bytes)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) detection_error = NULL;
  g_autoptr (VtrConfig) config = vtr_config_parse (bytes, "fuzzed.json", &error);
  g_autoptr (VtrStore) store = make_store ();
  g_auto (VtrDetection) detection = { 0 };

  fuzz_assert_answered (config != NULL, error);
  if (config == NULL)
    return;
  const gboolean detected =
      vtr_detection_init (&detection, store, config, config, &detection_error);
  fuzz_assert_answered (detected, detection_error);

  for (guint i = 0; i < vtr_n_families; i++)
    read_as_family (config, &vtr_families[i]);
}
