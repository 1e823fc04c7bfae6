/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* Observations of many pictures added up: numbers that can be had by hand. */
#include "analysis/analysis.h"
#include "analysis/observation.h"
#include "model-fixture.h"

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#define N_LAYERS 2
#define N_HEADS 2

/* A model, a picture of it, and observations of one that say what a test wants. */
typedef struct
{
  Fixture *files;
  VtrModel *model;
  VtrInput *input;
  VtrTokenGrid grid;
} World;

static void
world_init (World *self)
{
  guint8 rgba[6 * 6 * 4];
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < sizeof rgba; i++)
    rgba[i] = i % 4 == 3 ? 255 : (guint8) (i * 7);
  self->files = fixture_new_dinov2 (FALSE);
  self->model = fixture_open (self->files, &error);
  g_assert_no_error (error);
  g_autoptr (VtrImage) image = vtr_image_new (6, 6, rgba, 24);
  self->input = vtr_input_new (self->model, image, VTR_FIT_STRETCH, 0, &error);
  g_assert_no_error (error);
  self->grid = (VtrTokenGrid){
    .n_prefix = vtr_model_get_n_prefix_tokens (self->model),
    .has_cls = TRUE,
    .n_rows = vtr_input_get_n_rows (self->input),
    .n_columns = vtr_input_get_n_columns (self->input),
  };
  self->grid.n_tokens = self->grid.n_prefix + self->grid.n_rows * self->grid.n_columns;
}

static void
world_clear (World *self)
{
  vtr_input_unref (self->input);
  g_object_unref (self->model);
  fixture_free (self->files);
}

/* All numbers 0. */
static VtrObservation *
make_observation (const World *self)
{
  static const guint first_head[] = { 0, N_HEADS, 2 * N_HEADS };
  g_autoptr (GError) error = NULL;
  VtrObservation *observation =
      vtr_observation_new (self->input, &self->grid, N_LAYERS, first_head, &error);

  g_assert_no_error (error);
  memset (observation->heads, 0, 2 * N_HEADS * sizeof *observation->heads);
  memset (observation->tokens, 0, N_LAYERS * sizeof *observation->tokens);
  for (guint i = 0; i < 6; i++) /* pairs of four heads */
    observation->divergences[i] = observation->ckas[i] = 0.0f;
  return observation;
}

static double *
value_of (VtrObservation *observation,
          VtrStatistic statistic,
          VtrReading reading,
          guint layer,
          guint head)
{
  return &observation->heads[observation->first_head[layer] + head].values[statistic][reading];
}

/* A picture whose entropy is @entropy in all heads. */
static void
add_entropy (VtrAnalysis *analysis, const World *world, double entropy)
{
  g_autoptr (VtrObservation) observation = make_observation (world);

  for (guint i = 0; i < N_LAYERS * N_HEADS; i++)
    *value_of (observation, VTR_STATISTIC_ENTROPY, VTR_READING_ALL, i / N_HEADS, i % N_HEADS) =
        entropy;
  vtr_analysis_add (analysis, observation);
}

static VtrDistribution
entropy_of (const VtrAnalysis *analysis)
{
  return vtr_analysis_get (analysis, VTR_STATISTIC_ENTROPY, VTR_READING_ALL, 1, 0);
}

static void
assert_near (double value, double expected)
{
  g_assert_cmpfloat_with_epsilon (value, expected, 1e-6);
}

/* ---- numbers ---- */

static void
test_distribution (void)
{
  static const double values[] = { 0.4, 0.1, NAN, 0.3, 0.2, 0.5 };
  World world;

  world_init (&world);
  g_autoptr (VtrAnalysis) analysis = vtr_analysis_new (world.model, 1.0);
  g_assert_true (isnan (entropy_of (analysis).mean));
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    add_entropy (analysis, &world, values[i]);

  const VtrDistribution all = entropy_of (analysis);
  g_assert_cmpuint (vtr_analysis_get_n_pictures (analysis), ==, 6);
  g_assert_cmpuint (all.n, ==, 5); /* NaN counts for nothing */
  assert_near (all.mean, 0.3);
  assert_near (all.deviation, sqrt (0.025));
  assert_near (all.percentiles[0], 0.12);
  assert_near (all.percentiles[1], 0.2);
  assert_near (all.percentiles[2], 0.3);
  assert_near (all.percentiles[3], 0.4);
  assert_near (all.percentiles[4], 0.48);

  /* Does not exist in this reading. */
  g_assert_cmpuint (vtr_analysis_get (analysis, VTR_STATISTIC_GINI, VTR_READING_ALL, 0, 0).n, ==,
                    0);
  world_clear (&world);
}

/* Of more pictures than are kept, an even sample. */
static void
test_many (void)
{
  const guint n = 40 * VTR_ANALYSIS_N_KEPT;
  World world;

  world_init (&world);
  g_autoptr (VtrAnalysis) analysis = vtr_analysis_new (world.model, 1.0);
  for (guint i = 0; i < n; i++)
    add_entropy (analysis, &world, i / (n - 1.0));
  const VtrDistribution all = entropy_of (analysis);
  g_assert_cmpuint (all.n, ==, n);
  assert_near (all.mean, 0.5);
  g_assert_cmpfloat_with_epsilon (all.deviation, sqrt (1.0 / 12), 1e-3);
  g_assert_cmpfloat_with_epsilon (all.percentiles[0], 0.05, 0.05);
  g_assert_cmpfloat_with_epsilon (all.percentiles[2], 0.5, 0.1);
  g_assert_cmpfloat_with_epsilon (all.percentiles[4], 0.95, 0.05);
  world_clear (&world);
}

/* Every number of a picture comes back from its own place. */
static void
test_places (void)
{
  World world;

  world_init (&world);
  g_autoptr (VtrAnalysis) analysis = vtr_analysis_new (world.model, 1.0);
  g_autoptr (VtrObservation) observation = make_observation (&world);
  for (guint i = 0; i < VTR_N_STATISTICS * VTR_N_READINGS * N_LAYERS * N_HEADS; i++)
    *value_of (observation, i / (VTR_N_READINGS * N_LAYERS * N_HEADS),
               i / (N_LAYERS * N_HEADS) % VTR_N_READINGS, i / N_HEADS % N_LAYERS, i % N_HEADS) =
        i + 1;
  for (guint i = 0; i < VTR_N_TOKEN_STATISTICS * N_LAYERS; i++)
    observation->tokens[i % N_LAYERS][i / N_LAYERS] = 1000 + i;
  vtr_analysis_add (analysis, observation);

  for (guint i = 0; i < VTR_N_STATISTICS * VTR_N_READINGS * N_LAYERS * N_HEADS; i++)
    {
      const guint statistic = i / (VTR_N_READINGS * N_LAYERS * N_HEADS);
      const guint reading = i / (N_LAYERS * N_HEADS) % VTR_N_READINGS;
      const VtrDistribution found =
          vtr_analysis_get (analysis, statistic, reading, i / N_HEADS % N_LAYERS, i % N_HEADS);

      if (vtr_statistic_get_info (statistic)->readings >> reading & 1)
        assert_near (found.mean, i + 1);
      else
        g_assert_cmpuint (found.n, ==, 0);
    }
  for (guint i = 0; i < VTR_N_TOKEN_STATISTICS * N_LAYERS; i++)
    assert_near (vtr_analysis_get_of_tokens (analysis, i / N_LAYERS, i % N_LAYERS).mean, 1000 + i);
  world_clear (&world);
}

static void
test_pixels (void)
{
  World world;
  guint width, height;

  world_init (&world);
  g_autoptr (VtrAnalysis) analysis = vtr_analysis_new (world.model, 1.0);
  add_entropy (analysis, &world, 0.5);
  const float *pixels = vtr_input_get_pixels (world.input, &width, &height);
  for (guint channel = 0; channel < 3; channel++)
    {
      const guint n = width * height;
      double sum = 0.0, squares = 0.0;

      for (guint i = 0; i < n; i++)
        {
          sum += pixels[channel * n + i];
          squares += (double) pixels[channel * n + i] * pixels[channel * n + i];
        }
      g_assert_cmpfloat_with_epsilon (vtr_analysis_get_pixel_mean (analysis, channel).mean, sum / n,
                                      1e-5);
      g_assert_cmpfloat_with_epsilon (vtr_analysis_get_pixel_deviation (analysis, channel).mean,
                                      sqrt (squares / n - sum * sum / n / n), 1e-5);
    }
  world_clear (&world);
}

static void
test_uniform_distance (void)
{
  static const guint grids[][2] = { { 1, 1 }, { 1, 7 }, { 3, 5 }, { 8, 8 } };

  for (guint g = 0; g < G_N_ELEMENTS (grids); g++)
    {
      const guint columns = grids[g][1], n = grids[g][0] * columns;
      double sum = 0.0;

      for (guint a = 0; a < n; a++)
        for (guint b = 0; b < n; b++)
          sum += hypot ((double) (a / columns) - b / columns, (double) (a % columns) - b % columns);
      assert_near (vtr_uniform_distance (grids[g][0], columns), sum / n / n);
    }
}

static void
test_similarity (void)
{
  World world;
  double divergence, cka;

  world_init (&world);
  g_autoptr (VtrAnalysis) analysis = vtr_analysis_new (world.model, 1.0);
  for (guint picture = 0; picture < 2; picture++)
    {
      g_autoptr (VtrObservation) observation = make_observation (&world);

      for (guint b = 1; b < 4; b++)
        for (guint a = 0; a < b; a++)
          {
            observation->divergences[vtr_observation_pair (a, b)] = 0.1f * a + 0.01f * b + picture;
            observation->ckas[vtr_observation_pair (a, b)] = 0.2f * a - 0.01f * b;
          }
      vtr_analysis_add (analysis, observation);
    }
  vtr_analysis_get_similarity (analysis, 1, 1, 0, 1, &divergence, &cka); /* 3 and 1, any order */
  assert_near (divergence, 0.1 + 0.03 + 0.5);
  assert_near (cka, 0.2 - 0.03);
  vtr_analysis_get_similarity (analysis, 1, 0, 1, 0, &divergence, &cka);
  assert_near (divergence, 0.0);
  assert_near (cka, 1.0);
  assert_near (vtr_analysis_get_divergence_within (analysis, 1), 0.2 + 0.03 + 0.5);
  world_clear (&world);
}

/* ---- patterns, evolution ---- */

/* What a head is like, and what that makes it. */
static const struct
{
  double artifact, cls, registers, entropy, positional, distance, support; /* the last two: relative
                                                                              to uniform */
  VtrPattern pattern;
} heads[] = {
  { 0.3, 0.6, 0.0, 0.5, 0.1, 0.7, 0.5, VTR_PATTERN_ARTIFACT_SINK },
  { 0.2, 0.3, 0.2, 0.5, 0.1, 0.7, 0.5, VTR_PATTERN_PREFIX_SINK },
  { 0.0, 0.1, NAN, 0.99, 0.9, 0.7, 1.0, VTR_PATTERN_UNIFORM },
  { 0.0, 0.1, NAN, 0.5, 0.7, 0.3, 0.5, VTR_PATTERN_POSITIONAL },
  { 0.0, 0.1, NAN, 0.5, 0.1, 0.4, 0.1, VTR_PATTERN_LOCAL },
  { 0.0, 0.1, NAN, 0.9, 0.7, 0.9, 0.9, VTR_PATTERN_GLOBAL },
  { 0.0, NAN, NAN, 0.5, 0.1, 0.7, 0.1, VTR_PATTERN_FOCUSED },
  { 0.0, 0.1, NAN, 0.5, 0.1, 0.9, 0.5, VTR_PATTERN_GLOBAL },
  { 0.0, 0.1, 0.1, 0.5, 0.1, 0.7, 0.5, VTR_PATTERN_MIXED },
  { 0.0, 0.1, 0.1, 0.5, NAN, 0.7, 0.5, VTR_PATTERN_MIXED },
};

static void
test_patterns (void)
{
  World world;

  world_init (&world);
  const guint n_patches = world.grid.n_rows * world.grid.n_columns;
  const double uniform = vtr_uniform_distance (world.grid.n_rows, world.grid.n_columns) *
                         vtr_model_get_patch_size (world.model);
  for (guint i = 0; i < G_N_ELEMENTS (heads); i++)
    {
      g_autoptr (VtrAnalysis) analysis = vtr_analysis_new (world.model, 1.0);
      g_autoptr (VtrObservation) observation = make_observation (&world);

      *value_of (observation, VTR_STATISTIC_ARTIFACT_MASS, VTR_READING_ALL, 1, 0) =
          heads[i].artifact;
      *value_of (observation, VTR_STATISTIC_CLS_MASS, VTR_READING_ALL, 1, 0) = heads[i].cls;
      *value_of (observation, VTR_STATISTIC_REGISTER_MASS, VTR_READING_ALL, 1, 0) =
          heads[i].registers;
      *value_of (observation, VTR_STATISTIC_ENTROPY, VTR_READING_ALL_PATCHES, 1, 0) =
          heads[i].entropy;
      *value_of (observation, VTR_STATISTIC_POSITIONAL, VTR_READING_ALL_PATCHES, 1, 0) =
          heads[i].positional;
      *value_of (observation, VTR_STATISTIC_DISTANCE, VTR_READING_ALL_PATCHES, 1, 0) =
          heads[i].distance * uniform;
      *value_of (observation, VTR_STATISTIC_SUPPORT, VTR_READING_ALL_PATCHES, 1, 0) =
          heads[i].support * n_patches;
      vtr_analysis_add (analysis, observation);
      g_assert_cmpstr (vtr_pattern_get_name (vtr_analysis_get_pattern (analysis, 1, 0)), ==,
                       vtr_pattern_get_name (heads[i].pattern));
    }
  world_clear (&world);
}

static void
test_evolution (void)
{
  World world;

  world_init (&world);
  g_autoptr (VtrAnalysis) analysis = vtr_analysis_new (world.model, 1.0);
  g_autoptr (VtrObservation) observation = make_observation (&world);
  for (guint layer = 0; layer < N_LAYERS; layer++)
    for (guint head = 0; head < N_HEADS; head++)
      *value_of (observation, VTR_STATISTIC_ENTROPY, VTR_READING_ALL, layer, head) =
          layer == 0 ? 0.9 : 0.5;
  observation->divergences[vtr_observation_pair (0, 1)] = 0.1f;
  observation->divergences[vtr_observation_pair (2, 3)] = 0.4f;
  observation->tokens[0][VTR_TOKEN_CHANGE] = NAN;
  observation->tokens[1][VTR_TOKEN_CHANGE] = 0.3;
  vtr_analysis_add (analysis, observation);

  const VtrEvolution evolution = vtr_analysis_get_evolution (analysis);
  g_assert_cmpint (evolution.entropy_falls, ==, 1);
  assert_near (evolution.entropy_fall, 0.4);
  g_assert_cmpint (evolution.heads_specialise, ==, 1);
  g_assert_cmpint (evolution.maps_settle, ==, -1);

  /* Nothing falls, nothing differs. */
  g_autoptr (VtrAnalysis) flat = vtr_analysis_new (world.model, 1.0);
  add_entropy (flat, &world, 0.7);
  g_assert_cmpint (vtr_analysis_get_evolution (flat).entropy_falls, ==, -1);
  g_assert_cmpint (vtr_analysis_get_evolution (flat).heads_specialise, ==, -1);
  world_clear (&world);
}

/* ---- advice ---- */

/* Heads 0, 1 and 3 in a row: 0 is like 1, 1 like 3, and 0 not like 3. */
static void
test_groups (void)
{
  World world;

  world_init (&world);
  g_autoptr (VtrAnalysis) analysis = vtr_analysis_new (world.model, 1.0);
  g_autoptr (VtrObservation) observation = make_observation (&world);
  for (guint i = 0; i < 6; i++)
    {
      observation->divergences[i] = 0.5f;
      observation->ckas[i] = 0.95f;
    }
  observation->divergences[vtr_observation_pair (0, 1)] = 0.02f;
  observation->divergences[vtr_observation_pair (1, 3)] = 0.01f;
  observation->divergences[vtr_observation_pair (0, 3)] = 0.06f;
  observation->divergences[vtr_observation_pair (2, 3)] = 0.001f; /* but not what they give */
  observation->ckas[vtr_observation_pair (2, 3)] = 0.5f;
  vtr_analysis_add (analysis, observation);

  g_autoptr (GPtrArray) groups = vtr_analysis_find_groups (analysis, 0.05, 0.9);
  g_assert_cmpuint (groups->len, ==, 1);
  const VtrHeadGroup *group = g_ptr_array_index (groups, 0);
  g_assert_cmpuint (group->n, ==, 2);
  g_assert_cmpuint (group->layers[0] * N_HEADS + group->heads[0], ==, 1);
  g_assert_cmpuint (group->layers[1] * N_HEADS + group->heads[1], ==, 3);
  assert_near (group->divergence, 0.01);
  assert_near (group->cka, 0.95);

  g_autoptr (GPtrArray) larger = vtr_analysis_find_groups (analysis, 0.06001, 0.9);
  g_assert_cmpuint (larger->len, ==, 1);
  group = g_ptr_array_index (larger, 0);
  g_assert_cmpuint (group->n, ==, 3);
  assert_near (group->divergence, 0.06);
  g_autoptr (GPtrArray) none = vtr_analysis_find_groups (analysis, 0.05, 0.96);
  g_assert_cmpuint (none->len, ==, 0);
  world_clear (&world);
}

static void
test_regularization (void)
{
  static const double healthy[N_LAYERS] = { 0.5, 0.7 };
  World world;

  world_init (&world);
  g_autoptr (VtrAnalysis) analysis = vtr_analysis_new (world.model, 1.0);
  add_entropy (analysis, &world, 0.99);
  add_entropy (analysis, &world, 0.97);

  g_autoptr (VtrRegularization) own = vtr_regularization_new (analysis, NULL);
  assert_near (own->present[1], 0.98);
  assert_near (own->targets[1], VTR_MOST_TARGET);
  assert_near (own->penalty, 0.03 * 0.03);
  assert_near (own->weight, VTR_PENALTY_SHARE / (0.05 * 0.05)); /* no classes */

  g_autoptr (VtrRegularization) other = vtr_regularization_new (analysis, healthy);
  assert_near (other->targets[0], 0.5);
  assert_near (other->penalty, (0.48 * 0.48 + 0.28 * 0.28) / 2);
  assert_near (other->weight, VTR_PENALTY_SHARE / other->penalty);
  g_autofree char *python = vtr_regularization_to_python (other);
  g_assert_nonnull (strstr (python, "    0.5000,  # now 0.9800\n    0.7000,  # now 0.9800\n"));
  world_clear (&world);
}

/* ---- files ---- */

static void
test_save (void)
{
  World world;
  g_autoptr (GError) error = NULL;

  world_init (&world);
  g_autofree char *path = g_build_filename (world.files->directory, "analysis.state", NULL);
  g_autoptr (VtrAnalysis) analysis = vtr_analysis_new (world.model, 1.0);
  g_autoptr (VtrAnalysis) half = vtr_analysis_new (world.model, 1.0);
  for (guint i = 0; i < 10; i++)
    {
      add_entropy (analysis, &world, 0.1 * i);
      if (i < 5)
        add_entropy (half, &world, 0.1 * i);
    }
  vtr_analysis_mark (half, "photo ä.png");
  g_assert_true (vtr_analysis_save (half, path, &error));
  g_assert_no_error (error);

  g_autoptr (VtrAnalysis) loaded = vtr_analysis_load (world.model, 1.0, path, &error);
  g_assert_no_error (error);
  g_assert_true (vtr_analysis_is_marked (loaded, "photo ä.png"));
  g_assert_false (vtr_analysis_is_marked (loaded, "photo.png"));
  for (guint i = 5; i < 10; i++)
    add_entropy (loaded, &world, 0.1 * i);
  g_autofree char *expected = vtr_analysis_to_json (analysis);
  g_autofree char *found = vtr_analysis_to_json (loaded);
  g_assert_cmpstr (found, ==, expected);

  g_assert_null (vtr_analysis_load (world.model, 0.5, path, &error));
  g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
  g_assert_nonnull (strstr (error->message, "temperature"));
  world_clear (&world);
}

/* Files with a byte changed, or cut short: refused, or at least finite. */
static void
test_damage (void)
{
  World world;
  char *data;
  gsize size;

  world_init (&world);
  g_autofree char *path = g_build_filename (world.files->directory, "analysis.state", NULL);
  g_autoptr (VtrAnalysis) analysis = vtr_analysis_new (world.model, 1.0);
  add_entropy (analysis, &world, 0.25);
  g_assert_true (vtr_analysis_save (analysis, path, NULL));
  g_assert_true (g_file_get_contents (path, &data, &size, NULL));
  g_autofree char *whole = data;
  for (gsize i = 0; i < size; i += i < 256 || i + 256 > size ? 1 : 61)
    {
      g_autofree char *damaged = g_memdup2 (whole, size);

      damaged[i] ^= 0x55;
      g_assert_true (g_file_set_contents (path, damaged, (gssize) (i % 2 ? size : i), NULL));
      g_autoptr (GError) error = NULL;
      g_autoptr (VtrAnalysis) loaded = vtr_analysis_load (world.model, 1.0, path, &error);
      if (loaded == NULL)
        g_assert_error (error, VTR_ERROR, VTR_ERROR_USAGE);
      else
        g_assert_true (i % 2 == 1 && isfinite (entropy_of (loaded).mean));
    }
  world_clear (&world);
}

static void
test_reports (void)
{
  World world;
  g_autoptr (GError) error = NULL;

  world_init (&world);
  g_autoptr (VtrAnalysis) analysis = vtr_analysis_new (world.model, 1.0);
  add_entropy (analysis, &world, 0.25);
  add_entropy (analysis, &world, 1e-9); /* json-glib alone would write what is no JSON */

  g_autofree char *json = vtr_analysis_to_json (analysis);
  g_autoptr (JsonNode) root = json_from_string (json, &error);
  g_assert_no_error (error);
  JsonObject *statistics =
      json_object_get_object_member (json_node_get_object (root), "statistics");
  g_assert_cmpuint (json_object_get_size (statistics), ==, VTR_N_STATISTICS);

  g_autofree char *csv = vtr_analysis_to_csv (analysis);
  g_auto (GStrv) lines = g_strsplit (csv, "\n", -1);
  g_assert_true (g_str_has_prefix (lines[0], "statistic,reading,layer,head,pictures,mean"));
  for (guint i = 0; lines[i + 1] != NULL; i++)
    {
      g_auto (GStrv) cells = g_strsplit (lines[i], ",", -1);
      g_assert_cmpuint (g_strv_length (cells), ==, 12);
    }
  g_assert_true (g_str_has_prefix (lines[1], "entropy,all,0,0,2,0.125"));

  /* Names that are not meant for a page do it no harm. */
  g_autofree char *html = vtr_analysis_to_html (analysis, "a <b> & \"c\" \xff");
  g_assert_nonnull (strstr (html, "a &lt;b&gt; &amp; &quot;c&quot; \xef\xbf\xbd"));
  g_assert_null (strstr (html, "<b>"));
  g_assert_null (strstr (html, "http"));
  g_assert_null (strstr (html, "<script"));
  g_assert_null (strstr (html, ">nan<"));
  g_assert_true (g_utf8_validate (html, -1, NULL));
  world_clear (&world);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/analysis/distribution", test_distribution);
  g_test_add_func ("/analysis/many", test_many);
  g_test_add_func ("/analysis/places", test_places);
  g_test_add_func ("/analysis/pixels", test_pixels);
  g_test_add_func ("/analysis/uniform-distance", test_uniform_distance);
  g_test_add_func ("/analysis/similarity", test_similarity);
  g_test_add_func ("/analysis/patterns", test_patterns);
  g_test_add_func ("/analysis/evolution", test_evolution);
  g_test_add_func ("/analysis/groups", test_groups);
  g_test_add_func ("/analysis/regularization", test_regularization);
  g_test_add_func ("/analysis/save", test_save);
  g_test_add_func ("/analysis/damage", test_damage);
  g_test_add_func ("/analysis/reports", test_reports);
  return g_test_run ();
}
