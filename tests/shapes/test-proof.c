/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * Proofs where it is known what a decision hangs on: of two shapes in a picture the model says one,
 * and without the patches of a proof, which should lie on that shape, the other.  Whether it does
 * is asked of plain.c.
 */
#include "pictures.h"
#include "plain.h"
#include "explain/proof.h"

/* Of logits, between f32 and plain.c. */
#define TOLERANCE 1e-4

/* plain.c takes its time: one picture of each class is enough. */
#define STEP 7

/* In place of a patch that is put back. */
#define NONE_BACK (-1)

/* How many times as many patches a random order must need. */
#define MIN_RATIO 5.0

/* The methods whose map is on the shape that is asked for, by test-pointing.c. */
static const char *const methods[] = { "relevance", "legrad" };

/* Least share of a proof's patches that touch the shape, of all pictures and of each: all of them
 * do (README.md), but one that only the shape's attention passed through would be no fault. */
#define MIN_SHARE 0.95
#define MIN_SHARE_OF_EACH 0.5

/* ---- asking again ---- */

/* Logits [n_classes] without the patches of the proof but @back; NONE_BACK: without all. */
static double *
ask_without (const Pictures *pictures, VtrInput *input, const VtrProof *proof, gint back)
{
  g_autofree guint32 *kept = g_new (guint32, proof->n_all);
  double *logits = g_new (double, vtr_model_get_n_classes (pictures->model));
  guint n_kept = 0, n_gone = 0;

  for (guint patch = 0; patch < proof->n_all; patch++)
    {
      const gboolean gone = n_gone < proof->n_patches && proof->patches[n_gone] == patch;

      n_gone += gone;
      if (!gone || (gint) patch == back)
        kept[n_kept++] = patch;
    }
  g_assert_cmpuint (n_gone, ==, proof->n_patches);
  plain_answer (pictures->model, input, kept, n_kept, logits);
  return logits;
}

/* Without S the other class wins, by the logits that were said; with any patch of it, it does not.
 */
static void
check_flip (const Pictures *pictures, VtrInput *input, const VtrProof *proof)
{
  g_autofree double *logits = ask_without (pictures, input, proof, NONE_BACK);

  g_assert_cmpfloat (proof->y_after, <, 0.0);
  g_assert_cmpfloat_with_epsilon (proof->y_after, proof->a_after - proof->b_after, 1e-12);
  g_assert_cmpfloat_with_epsilon (proof->a_after, logits[proof->a], TOLERANCE);
  g_assert_cmpfloat_with_epsilon (proof->b_after, logits[proof->b], TOLERANCE);
  for (guint i = 0; i < proof->n_patches; i++)
    {
      g_autofree double *with_one = ask_without (pictures, input, proof, (gint) proof->patches[i]);
      g_assert_cmpfloat (with_one[proof->a] - with_one[proof->b], >, -TOLERANCE);
    }
}

/* ---- one picture ---- */

static VtrMethod *
make_method (const char *name)
{
  g_autoptr (GError) error = NULL;
  VtrMethod *method = vtr_method_new (name, &error);

  g_assert_no_error (error);
  return method;
}

static VtrExplanation *
prove (const Pictures *pictures, VtrMethod *method, guint picture, guint shape)
{
  g_autoptr (VtrTarget) target = pictures_make_contrast (pictures, picture, shape);

  return pictures_explain (pictures, picture, method, target, VTR_EXPLAIN_PROOF);
}

/* What the model takes the picture for: its proof.  For the other shape there is nothing to prove.
 * @shape: (out): the shape it is taken for */
static VtrExplanation *
prove_decision (const Pictures *pictures, VtrMethod *method, guint picture, guint *shape)
{
  g_autoptr (VtrExplanation) first = prove (pictures, method, picture, 0);
  g_autoptr (VtrExplanation) second = prove (pictures, method, picture, 1);
  const VtrProof *of_first = vtr_explanation_get_proof (first);
  const VtrProof *of_second = vtr_explanation_get_proof (second);
  guint n_classes;
  const float *logits = vtr_explanation_get_logits (first, &n_classes);

  *shape = logits[of_first->a] > logits[of_first->b] ? 0 : 1;
  const VtrProof *decided = *shape == 0 ? of_first : of_second;
  const VtrProof *other = *shape == 0 ? of_second : of_first;
  g_assert_cmpint (decided->outcome, ==, VTR_PROOF_FLIPPED);
  g_assert_cmpint (other->outcome, ==, VTR_PROOF_NOT_PREFERRED);
  g_assert_cmpfloat (decided->y_before, ==, -other->y_before);
  g_assert_cmpfloat (decided->a_before, ==, logits[decided->a]);
  g_assert_cmpfloat (decided->b_before, ==, logits[decided->b]);
  return vtr_explanation_ref (*shape == 0 ? first : second);
}

/* Whether the shape reaches into the patch. */
static gboolean
touches (VtrInput *input, guint patch, JsonArray *mask)
{
  const guint n_columns = vtr_input_get_n_columns (input);
  const guint width = vtr_image_get_width (vtr_input_get_image (input));
  VtrRect rect;

  vtr_input_get_patch_rect (input, patch / n_columns, patch % n_columns, &rect);
  for (guint y = (guint) rect.y; y < rect.y + rect.height; y++)
    for (guint x = (guint) rect.x; x < rect.x + rect.width; x++)
      if (pictures_is_inside (mask, (gsize) y * width + x))
        return TRUE;
  return FALSE;
}

static guint
count_touching (VtrInput *input, const VtrProof *proof, JsonObject *shape)
{
  JsonArray *mask = json_object_get_array_member (shape, "mask");
  guint n = 0;

  for (guint i = 0; i < proof->n_patches; i++)
    n += touches (input, proof->patches[i], mask);
  return n;
}

/* ---- tests ---- */

static void
pictures_open (Pictures *self)
{
  g_autofree char *path = pictures_path_to ("model");

  pictures_init (self, path);
}

/* By the order of any method a proof lies on the shape the model said. */
static void
test_place (gconstpointer name)
{
  g_autoptr (VtrMethod) method = make_method (name);
  guint n_patches = 0, n_touching = 0;
  Pictures pictures;

  pictures_open (&pictures);
  for (guint i = 0; i < pictures.inputs->len; i++)
    {
      guint shape;
      g_autoptr (VtrExplanation) explanation = prove_decision (&pictures, method, i, &shape);
      const VtrProof *proof = vtr_explanation_get_proof (explanation);
      const guint n = count_touching (g_ptr_array_index (pictures.inputs, i), proof,
                                      pictures_get_shape (&pictures, i, shape));

      g_assert_cmpfloat (n, >=, MIN_SHARE_OF_EACH * proof->n_patches);
      n_patches += proof->n_patches;
      n_touching += n;
    }
  g_test_message ("%u of %u patches touch the shape", n_touching, n_patches);
  g_assert_cmpfloat (n_touching, >=, MIN_SHARE * n_patches);
  pictures_clear (&pictures);
}

static void
test_flip (void)
{
  g_autoptr (VtrMethod) method = make_method ("relevance");
  guint n_pruned = 0;
  Pictures pictures;

  pictures_open (&pictures);
  for (guint i = 0; i < pictures.inputs->len; i += STEP)
    {
      guint shape;
      g_autoptr (VtrExplanation) explanation = prove_decision (&pictures, method, i, &shape);
      const VtrProof *proof = vtr_explanation_get_proof (explanation);

      check_flip (&pictures, g_ptr_array_index (pictures.inputs, i), proof);
      n_pruned += proof->n_patches < proof->n_greedy;
    }
  /* Else nothing was put back, and that none is left to be would say little. */
  g_assert_cmpuint (n_pruned, >=, 2);
  pictures_clear (&pictures);
}

/* Patches that a random order takes away until the decision flips; all where it never does. */
static guint
count_at_random (const Pictures *pictures, VtrExplanation *explanation, GRand *rand)
{
  const VtrMap *map = vtr_explanation_get_summary (explanation);
  const guint n_rows = vtr_map_get_n_rows (map), n_columns = vtr_map_get_n_columns (map);
  g_autofree float *values = g_new (float, n_rows *n_columns);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < n_rows * n_columns; i++)
    values[i] = (float) g_rand_double (rand);
  vtr_explanation_take_summary (explanation, vtr_map_new (n_rows, n_columns, values, VTR_FUSED,
                                                          VTR_FUSED, "random"));
  vtr_prove_explanation (pictures->session, explanation, NULL, &error);
  g_assert_no_error (error);

  const VtrProof *proof = vtr_explanation_get_proof (explanation);
  return proof->outcome == VTR_PROOF_FLIPPED ? proof->n_greedy : proof->n_all;
}

static void
test_random (void)
{
  g_autoptr (VtrMethod) method = make_method ("relevance");
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  double of_map = 0.0, of_random = 0.0;
  guint n_asked = 0;
  Pictures pictures;

  pictures_open (&pictures);
  for (guint i = 0; i < pictures.inputs->len; i += 2)
    {
      guint shape;
      g_autoptr (VtrExplanation) explanation = prove_decision (&pictures, method, i, &shape);

      of_map += vtr_explanation_get_proof (explanation)->n_greedy;
      of_random += count_at_random (&pictures, explanation, rand);
      n_asked++;
    }
  g_test_message ("patches until it flips: %.1f by the map, %.1f at random", of_map / n_asked,
                  of_random / n_asked);
  g_assert_cmpfloat (of_random, >, MIN_RATIO * of_map);
  pictures_clear (&pictures);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/proof/flip", test_flip);
  g_test_add_func ("/proof/random", test_random);
  for (guint i = 0; i < G_N_ELEMENTS (methods); i++)
    {
      g_autofree char *path = g_strdup_printf ("/proof/place/%s", methods[i]);
      g_test_add_data_func (path, methods[i], test_place);
    }
  return g_test_run ();
}
