/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* Opening checkpoints: what is read, and what is refused with which words. */
#include "model-fixture.h"

#include <math.h>
#include <string.h>

static void
write_all (Fixture *fixture)
{
  fixture_write_weights (fixture, "model.safetensors", 0, fixture->names->len);
}

static float *
read_weight (VtrModel *model, VtrWeight weight, guint layer)
{
  g_autoptr (GError) error = NULL;
  float *values = g_new (float, vtr_model_get_weight_size (model, weight, layer));

  g_assert_true (vtr_model_read_weight (model, weight, layer, values, &error));
  g_assert_no_error (error);
  return values;
}

static void
test_weights (gconstpointer data)
{
  const gboolean new_names = GPOINTER_TO_INT (data);
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (new_names);
  g_autoptr (GError) error = NULL;
  g_autoptr (VtrModel) model = fixture_open (fixture, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (vtr_model_get_family (model), ==, "dinov2");
  g_assert_cmpuint (vtr_model_get_n_layers (model), ==, 2);
  g_assert_cmpuint (vtr_model_get_arch (model)->mlp_size, ==, 16);
  g_assert_cmpuint (vtr_model_get_arch (model)->grid_columns, ==, 3);

  g_autofree float *qkv = read_weight (model, VTR_WEIGHT_QKV, 1);
  const char *key = new_names ? "encoder.layer.1.attention.k_proj.weight"
                              : "encoder.layer.1.attention.attention.key.weight";
  for (guint i = 0; i < 64; i++)
    g_assert_cmpfloat (qkv[64 + i], ==, fixture_get_value (fixture, key, i));

  g_autofree float *norm = read_weight (model, VTR_WEIGHT_NORM2, 0);
  g_assert_cmpfloat (norm[3], ==, fixture_get_value (fixture, "encoder.layer.0.norm2.weight", 3));
  g_assert_cmpfloat (norm[11], ==, fixture_get_value (fixture, "encoder.layer.0.norm2.bias", 3));

  g_autofree float *prefix = vtr_model_make_prefix (model, &error);
  g_autofree float *positions = vtr_model_make_positions (model, 3, 3, &error);
  const char *table = "embeddings.position_embeddings";
  g_assert_cmpfloat (prefix[5], ==,
                     fixture_get_value (fixture, "embeddings.cls_token", 5) +
                         fixture_get_value (fixture, table, 5));
  for (guint i = 0; i < 72; i++)
    g_assert_cmpfloat (positions[i], ==, fixture_get_value (fixture, table, 8 + i));
  g_assert_false (vtr_model_has_weight (model, VTR_WEIGHT_HEAD));
  g_assert_cmpuint (strlen (vtr_model_get_hash (model)), ==, 64);
}

static void
test_shards (void)
{
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (FALSE);
  g_autoptr (GString) map = g_string_new ("{\"weight_map\": {");
  g_autoptr (GError) error = NULL;
  const guint half = fixture->names->len / 2;

  for (guint i = 0; i < fixture->names->len; i++)
    g_string_append_printf (map, "%s\"%s\": \"%s\"", i > 0 ? ", " : "",
                            (char *) fixture->names->pdata[i],
                            i < half ? "a.safetensors" : "b.safetensors");
  g_string_append (map, "}}");
  fixture_write (fixture, "model.safetensors.index.json", map->str);
  fixture_write_weights (fixture, "a.safetensors", 0, half);
  fixture_assert_refused (fixture, VTR_ERROR_NOT_FOUND, "b.safetensors", "missing", NULL);
  fixture_write_weights (fixture, "b.safetensors", half, fixture->names->len - half - 1);
  fixture_assert_refused (fixture, VTR_ERROR_MISSING_TENSOR, "layernorm.bias", "b.safetensors",
                          NULL);
  fixture_write_weights (fixture, "b.safetensors", half, fixture->names->len - half);
  g_autoptr (VtrModel) model = vtr_model_open (fixture->directory, &error);
  g_assert_no_error (error);
  g_assert_nonnull (model);

  fixture_write (fixture, "model.safetensors.index.json",
                 "{\"weight_map\": {\"a\": \"../a.safetensors\"}}");
  fixture_assert_refused (fixture, VTR_ERROR_CORRUPT, "../a.safetensors", NULL);
}

static void
test_missing (void)
{
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (FALSE);

  fixture_remove (fixture, "encoder.layer.1.attention.attention.key.weight");
  write_all (fixture);
  fixture_assert_refused (fixture, VTR_ERROR_MISSING_TENSOR, "key", "layer 1",
                          "encoder.layer.1.attention.attention.key.weight",
                          "encoder.layer.1.attention.k_proj.weight", NULL);
}

static void
test_missing_bias (void)
{
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (FALSE);

  fixture_remove (fixture, "encoder.layer.0.mlp.fc2.bias");
  write_all (fixture);
  fixture_assert_refused (fixture, VTR_ERROR_MISSING_TENSOR, "encoder.layer.0.mlp.fc2.bias", NULL);
}

/* What the configuration says against what the tensors are. */
static void
test_config_against_shapes (void)
{
  static const struct
  {
    const char *more;
    VtrError code;
    const char *word;
  } cases[] = {
    { ", \"hidden_size\": 16", VTR_ERROR_CORRUPT, "hidden_size is 16" },
    { ", \"num_hidden_layers\": 3", VTR_ERROR_MISSING_TENSOR, "3 layers" },
    { ", \"num_attention_heads\": 3", VTR_ERROR_CORRUPT, "3 heads" },
    { ", \"mlp_ratio\": 4", VTR_ERROR_CORRUPT, "MLP is 32" },
    { ", \"patch_size\": 4", VTR_ERROR_CORRUPT, "patch_size is 4" },
    { ", \"use_swiglu_ffn\": true, \"mlp_ratio\": 3", VTR_ERROR_CORRUPT, "gated" },
    { ", \"hidden_act\": \"relu\"", VTR_ERROR_UNSUPPORTED, "relu" },
    { ", \"hidden_size\": \"eight\"", VTR_ERROR_CORRUPT, "hidden_size" },
    { ", \"hidden_size\": -8", VTR_ERROR_CORRUPT, "hidden_size" },
    { ", \"model_type\": \"swin\"", VTR_ERROR_UNSUPPORTED, "swin" },
    { ", \"num_channels\": 1", VTR_ERROR_UNSUPPORTED, "1 channels" },
    { ", \"id2label\":", VTR_ERROR_CORRUPT, "JSON" },
  };
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (FALSE);

  write_all (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      fixture_write_config (fixture, cases[i].more);
      fixture_assert_refused (fixture, cases[i].code, cases[i].word, NULL);
    }
}

static void
test_leftover (void)
{
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (FALSE);

  fixture_add (fixture, "encoder.layer.0.attention.q_norm.weight", "[4]");
  write_all (fixture);
  fixture_assert_refused (fixture, VTR_ERROR_UNSUPPORTED, "encoder.layer.0.attention.q_norm.weight",
                          NULL);
}

static void
test_bad_values (void)
{
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (FALSE);
  g_autoptr (GError) error = NULL;
  float values[3 * 8 * 8];

  fixture_set_value (fixture, "encoder.layer.1.attention.attention.value.weight", 2 * 8 + 5, NAN);
  g_autoptr (VtrModel) model = fixture_open (fixture, &error);
  g_assert_no_error (error);
  g_assert_true (vtr_model_read_weight (model, VTR_WEIGHT_QKV, 0, values, &error));
  g_assert_false (vtr_model_read_weight (model, VTR_WEIGHT_QKV, 1, values, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_BAD_VALUES);
  g_assert_nonnull (strstr (error->message, "encoder.layer.1.attention.attention.value.weight"));
  g_assert_nonnull (strstr (error->message, "[2, 5]"));
}

static void
test_truncated (void)
{
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (FALSE);
  g_autofree char *path = g_build_filename (fixture->directory, "model.safetensors", NULL);
  g_autofree char *contents = NULL;
  gsize n;

  write_all (fixture);
  g_assert_true (g_file_get_contents (path, &contents, &n, NULL));
  g_assert_true (g_file_set_contents (path, contents, (gssize) n - 10, NULL));
  fixture_assert_refused (fixture, VTR_ERROR_CORRUPT, "download it again", NULL);
  g_assert_true (g_file_set_contents (path, contents, 100, NULL));
  fixture_assert_refused (fixture, VTR_ERROR_CORRUPT, "cut off", NULL);
  g_assert_true (g_file_set_contents (path, contents, 0, NULL));
  fixture_assert_refused (fixture, VTR_ERROR_CORRUPT, "0 bytes", NULL);
}

static void
test_pickle (void)
{
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (FALSE);
  g_autoptr (VtrModel) model = NULL;
  g_autofree char *path = g_build_filename (fixture->directory, "pytorch_model.bin", NULL);
  g_autoptr (GError) error = NULL;

  fixture_assert_refused (fixture, VTR_ERROR_NOT_FOUND, "no weights", NULL);
  fixture_write (fixture, "pytorch_model.bin", "PK");
  fixture_assert_refused (fixture, VTR_ERROR_UNSUPPORTED, "pickle", "python3 -c", path, NULL);
  model = vtr_model_open (path, &error);
  g_assert_null (model);
  g_assert_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED);
}

/* Names alone: the family is known, the number of heads of such a width is not. */
static void
test_without_config (void)
{
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (FALSE);
  g_autofree char *config = g_build_filename (fixture->directory, "config.json", NULL);

  write_all (fixture);
  fixture_remove_tree (config);
  fixture_assert_refused (fixture, VTR_ERROR_NOT_FOUND, "heads", "config.json", NULL);

  fixture_remove (fixture, "embeddings.patch_embeddings.projection.weight");
  write_all (fixture);
  fixture_assert_refused (fixture, VTR_ERROR_UNSUPPORTED, "embeddings.cls_token", "dinov2", NULL);
}

static void
test_preprocess (void)
{
  static const struct
  {
    const char *text;
    VtrResize resize;
    guint size;
    VtrFilter filter;
    gboolean crop;
  } cases[] = {
    { "{\"size\": 7, \"feature_extractor_type\": \"ViTFeatureExtractor\"}", VTR_RESIZE_EXACT, 7,
      VTR_FILTER_BICUBIC, TRUE },
    { "{\"size\": 7, \"do_center_crop\": false, \"resample\": 2}", VTR_RESIZE_SHORT_EDGE, 7,
      VTR_FILTER_BILINEAR, FALSE },
    { "{\"size\": {\"shortest_edge\": 9}, \"crop_size\": null}", VTR_RESIZE_SHORT_EDGE, 9,
      VTR_FILTER_BICUBIC, TRUE },
    { "{\"size\": {\"height\": 9, \"width\": 9}, \"resample\": 1}", VTR_RESIZE_EXACT, 9,
      VTR_FILTER_LANCZOS, TRUE },
    { "{\"do_resize\": false}", VTR_RESIZE_NONE, 256, VTR_FILTER_BICUBIC, TRUE },
  };
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (FALSE);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      fixture_write (fixture, "preprocessor_config.json", cases[i].text);
      g_autoptr (VtrModel) model = fixture_open (fixture, &error);
      g_assert_no_error (error);
      const VtrPreprocess *preprocess = &vtr_model_get_arch (model)->preprocess;
      g_assert_cmpuint (preprocess->resize, ==, cases[i].resize);
      g_assert_cmpuint (preprocess->resize_height, ==, cases[i].size);
      g_assert_cmpuint (preprocess->filter, ==, cases[i].filter);
      g_assert_cmpuint (preprocess->crop, ==, cases[i].crop);
    }
  fixture_write (fixture, "preprocessor_config.json", "{\"image_std\": [1, 0, 1]}");
  fixture_assert_refused (fixture, VTR_ERROR_CORRUPT, "image_std", NULL);
}

/* What was computed before is found again, and not for other weights in the same file. */
static void
test_hash (void)
{
  g_autoptr (Fixture) fixture = fixture_new_dinov2 (FALSE);
  g_autoptr (GError) error = NULL;
  g_autofree char *cache = g_build_filename (g_get_user_cache_dir (), "vitreous", "hashes", NULL);
  g_autoptr (VtrModel) first = fixture_open (fixture, &error);
  g_autofree char *hash = g_strdup (vtr_model_get_hash (first));

  g_autofree char *remembered = NULL;
  g_assert_true (g_file_get_contents (cache, &remembered, NULL, &error));
  g_assert_nonnull (strstr (remembered, hash));

  g_autoptr (VtrModel) again = vtr_model_open (fixture->directory, &error);
  g_assert_cmpstr (vtr_model_get_hash (again), ==, hash);
  g_autofree char *stamp = vtr_hash_cache_stamp (again);
  g_autofree char *found = vtr_hash_cache_find (stamp);
  g_assert_cmpstr (found, ==, hash);

  fixture_set_value (fixture, "layernorm.bias", 0, 7.0f);
  g_autoptr (VtrModel) changed = fixture_open (fixture, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (vtr_model_get_hash (changed), !=, hash);

  /* Replaced after it was opened: what is mapped no longer is what lies there. */
  fixture_set_value (fixture, "layernorm.bias", 0, 8.0f);
  g_autoptr (VtrModel) replaced = fixture_open (fixture, &error);
  fixture_set_value (fixture, "layernorm.bias", 0, 9.0f);
  g_autoptr (VtrModel) latest = fixture_open (fixture, &error);
  g_autofree char *latest_stamp = vtr_hash_cache_stamp (latest);
  vtr_model_get_hash (replaced);
  g_assert_null (vtr_hash_cache_find (latest_stamp));

  g_assert_true (g_file_set_contents (cache, "nonsense", -1, &error));
  g_assert_cmpuint (strlen (vtr_model_get_hash (latest)), ==, 64);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/model/weights/legacy-names", GINT_TO_POINTER (FALSE), test_weights);
  g_test_add_data_func ("/model/weights/new-names", GINT_TO_POINTER (TRUE), test_weights);
  g_test_add_func ("/model/hash", test_hash);
  g_test_add_func ("/model/shards", test_shards);
  g_test_add_func ("/model/missing", test_missing);
  g_test_add_func ("/model/missing-bias", test_missing_bias);
  g_test_add_func ("/model/config-against-shapes", test_config_against_shapes);
  g_test_add_func ("/model/leftover", test_leftover);
  g_test_add_func ("/model/bad-values", test_bad_values);
  g_test_add_func ("/model/truncated", test_truncated);
  g_test_add_func ("/model/pickle", test_pickle);
  g_test_add_func ("/model/without-config", test_without_config);
  g_test_add_func ("/model/preprocess", test_preprocess);
  return g_test_run ();
}
