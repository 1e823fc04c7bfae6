/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* What the weights of each layer say: heads, and the precision that numbers have. */
#include "analysis/agreement.h"
#include "analysis/diagnosis.h"

#include <math.h>
#include <string.h>

/* What a head can give, as a share of the layer's median, below which it gives nothing. */
#define DEAD_SHARE 1e-3

/* Relative difference of weights below which two heads are the same. */
#define SAME_SHARE 1e-3

/* Different values that a matrix has at least, and of how many numbers that is asked. */
#define LEAST_VALUES 256
#define N_SAMPLED 32768
#define LEAST_SAMPLED 8192

/* Bits of the mantissa behind the point: fewer than these are a warning, up to those a note. */
#define LEAST_BITS 5
#define BF16_BITS 7

/* Largest number of f16; the least that does not become 0; the share of numbers that may. */
#define F16_MAX 65504.0
#define F16_LEAST 2.98e-8
#define VANISHING_SHARE 0.1

/* What f16 may change in the answer to a picture. */
#define LEAST_COSINE 0.999
#define LEAST_CORRELATION 0.99

/* ---- heads ---- */

/* Weights of one layer. */
typedef struct
{
  guint layer;
  guint n_heads;
  guint head_size;
  guint d;
  gsize width; /* n_heads·head_size */
  float *qkv;  /* [3][n_heads][head_size][d] */
  float *proj; /* [d][n_heads][head_size] */
} Heads;

static double
get_value_norm (const Heads *self, guint head)
{
  const gsize n = (gsize) self->head_size * self->d;
  const float *values = self->qkv + 2 * self->width * self->d + head * n;
  double sum = 0.0;

  for (gsize i = 0; i < n; i++)
    sum += (double) values[i] * values[i];
  return sqrt (sum);
}

static double
get_projection_norm (const Heads *self, guint head)
{
  double sum = 0.0;

  for (guint row = 0; row < self->d; row++)
    for (guint i = 0; i < self->head_size; i++)
      {
        const double weight = self->proj[row * self->width + (gsize) head * self->head_size + i];
        sum += weight * weight;
      }
  return sqrt (sum);
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  const double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

static void
find_dead (VtrDiagnosis *diagnosis, const Heads *self)
{
  g_autofree double *gains = g_new (double, self->n_heads);
  g_autofree double *sorted = NULL;

  for (guint head = 0; head < self->n_heads; head++)
    gains[head] = get_value_norm (self, head) * get_projection_norm (self, head);
  sorted = g_memdup2 (gains, self->n_heads * sizeof *gains);
  qsort (sorted, self->n_heads, sizeof *sorted, compare_doubles);

  const double median = sorted[self->n_heads / 2];
  for (guint head = 0; head < self->n_heads; head++)
    if (!(gains[head] > DEAD_SHARE * median))
      {
        VtrSymptom *symptom = vtr_diagnosis_tell (
            diagnosis, VTR_RULE_DEAD_HEADS, VTR_SEVERITY_WARNING, (int) self->layer, (int) head,
            "The weights of its values and its projection have norms whose product is %.2g; the "
            "median of the layer is %.2g.",
            gains[head], median);
        symptom->value = gains[head];
        symptom->low = DEAD_SHARE * median;
      }
}

/* Of queries, keys and values. */
static double
get_difference (const Heads *self, guint a, guint b)
{
  const gsize n = (gsize) self->head_size * self->d;
  double difference = 0.0, size = 0.0;

  for (guint part = 0; part < 3; part++)
    {
      const float *x = self->qkv + part * self->width * self->d + a * n;
      const float *y = self->qkv + part * self->width * self->d + b * n;
      for (gsize i = 0; i < n; i++)
        {
          difference += ((double) x[i] - y[i]) * ((double) x[i] - y[i]);
          size += (double) x[i] * x[i] + (double) y[i] * y[i];
        }
    }
  return size > 0.0 ? sqrt (2.0 * difference / size) : NAN;
}

static void
find_duplicates (VtrDiagnosis *diagnosis, const Heads *self)
{
  for (guint b = 1; b < self->n_heads; b++)
    for (guint a = 0; a < b; a++)
      {
        const double difference = get_difference (self, a, b);
        if (!(difference < SAME_SHARE))
          continue;
        VtrSymptom *symptom = vtr_diagnosis_tell (diagnosis, VTR_RULE_DUPLICATE_HEADS,
                                                  VTR_SEVERITY_WARNING, (int) self->layer, (int) b,
                                                  "Its weights of queries, keys and values differ "
                                                  "from those of head %u by %.2g of their "
                                                  "norm.",
                                                  a, difference);
        symptom->value = difference;
        symptom->low = SAME_SHARE;
        break;
      }
}

/* ---- precision ---- */

/* The worst of all matrices. */
typedef struct
{
  char *values_of; /* the matrix with the fewest values; NULL: none has been looked at */
  guint n_values;
  char *bits_of;
  guint n_bits;
  char *largest_of;
  double largest;
  char *vanishing_of;
  double vanishing; /* share of its numbers */
} Precision;

static int
compare_floats (gconstpointer a, gconstpointer b)
{
  const float x = *(const float *) a, y = *(const float *) b;

  return (x > y) - (x < y);
}

/* Of numbers spread evenly over the matrix, at most N_SAMPLED; 0 is no value. */
static guint
count_values (const float *values, gsize n)
{
  const gsize n_sampled = MIN (n, N_SAMPLED);
  g_autofree float *sample = g_new (float, n_sampled);
  guint n_values = 0;

  for (gsize i = 0; i < n_sampled; i++)
    sample[i] = values[(gsize) ((double) i * (double) n / (double) n_sampled)];
  qsort (sample, n_sampled, sizeof *sample, compare_floats);
  for (gsize i = 0; i < n_sampled; i++)
    n_values += sample[i] != 0.0f && (i == 0 || sample[i] != sample[i - 1]);
  return n_values;
}

/* Bits behind the point that any of the numbers needs, 0..23. */
static guint
count_bits (const float *values, gsize n)
{
  guint32 used = 0;

  for (gsize i = 0; i < n; i++)
    {
      guint32 bits;
      memcpy (&bits, &values[i], sizeof bits);
      used |= bits & 0x7fffff;
    }
  return used == 0 ? 0 : 23 - (guint) g_bit_nth_lsf (used, -1);
}

static void
keep (char **kept, const char *name)
{
  g_free (*kept);
  *kept = g_strdup (name);
}

static void
look_at_matrix (Precision *self, const char *name, const float *values, gsize n)
{
  const guint n_bits = count_bits (values, n);
  const guint n_values = n < LEAST_SAMPLED ? G_MAXUINT : count_values (values, n);
  double largest = 0.0;
  gsize n_vanishing = 0, n_used = 0;

  for (gsize i = 0; i < n; i++)
    {
      const double size = fabs ((double) values[i]);
      largest = MAX (largest, size);
      n_used += size > 0.0;
      n_vanishing += size > 0.0 && size < F16_LEAST;
    }
  if (n_used == 0)
    return;
  if (n >= LEAST_SAMPLED && (self->values_of == NULL || n_values < self->n_values))
    {
      keep (&self->values_of, name);
      self->n_values = n_values;
    }
  if (self->bits_of == NULL || n_bits < self->n_bits)
    {
      keep (&self->bits_of, name);
      self->n_bits = n_bits;
    }
  if (largest > self->largest)
    {
      keep (&self->largest_of, name);
      self->largest = largest;
    }
  if ((double) n_vanishing > self->vanishing * (double) n_used)
    {
      keep (&self->vanishing_of, name);
      self->vanishing = (double) n_vanishing / (double) n_used;
    }
}

static void
tell_precision (VtrDiagnosis *diagnosis, const Precision *self)
{
  if (self->values_of != NULL && self->n_values <= LEAST_VALUES)
    vtr_diagnosis_tell (diagnosis, VTR_RULE_PRECISION_LOSS, VTR_SEVERITY_WARNING, -1, -1,
                        "The matrix of %s has %u different values: it was quantised to 8 bits or "
                        "fewer.",
                        self->values_of, self->n_values)
        ->value = self->n_values;
  else if (self->bits_of != NULL && self->n_bits < LEAST_BITS)
    vtr_diagnosis_tell (diagnosis, VTR_RULE_PRECISION_LOSS, VTR_SEVERITY_WARNING, -1, -1,
                        "The matrix of %s has numbers of %u bits behind the point.", self->bits_of,
                        self->n_bits)
        ->value = self->n_bits;
  else if (self->bits_of != NULL && self->n_bits <= BF16_BITS)
    vtr_diagnosis_tell (diagnosis, VTR_RULE_PRECISION_LOSS, VTR_SEVERITY_NOTE, -1, -1,
                        "The matrix of %s has numbers of %u bits behind the point, as bf16 has: "
                        "training them further wants an f32 copy.",
                        self->bits_of, self->n_bits)
        ->value = self->n_bits;
  if (self->largest > F16_MAX)
    vtr_diagnosis_tell (diagnosis, VTR_RULE_PRECISION_LOSS, VTR_SEVERITY_WARNING, -1, -1,
                        "The matrix of %s has a number of size %.3g, and f16 ends at 65504.",
                        self->largest_of, self->largest)
        ->value = self->largest;
  else if (self->vanishing > VANISHING_SHARE)
    vtr_diagnosis_tell (diagnosis, VTR_RULE_PRECISION_LOSS, VTR_SEVERITY_WARNING, -1, -1,
                        "%.0f %% of the numbers in the matrix of %s are so small that f16 makes 0 "
                        "of them.",
                        100.0 * self->vanishing, self->vanishing_of)
        ->value = self->vanishing;
}

static void
precision_clear (Precision *self)
{
  g_free (self->values_of);
  g_free (self->bits_of);
  g_free (self->largest_of);
  g_free (self->vanishing_of);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Precision, precision_clear)

/* ---- all layers ---- */

/* The weights as f32, g_free () them; NULL where they cannot be read. */
static float *
read_matrix (VtrDiagnosis *diagnosis,
             Precision *precision,
             VtrWeight weight,
             guint layer,
             const char *what,
             GError **error)
{
  const gsize n = vtr_model_get_weight_size (diagnosis->model, weight, layer);
  g_autofree float *values = g_try_new (float, n);
  g_autofree char *name = weight == VTR_WEIGHT_PATCH
                              ? g_strdup (what)
                              : g_strdup_printf ("%s of layer %u", what, layer);

  if (values == NULL)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY,
                   "There is not enough memory to look at %s.", name);
      return NULL;
    }
  if (!vtr_model_read_weight (diagnosis->model, weight, layer, values, error))
    return NULL;
  look_at_matrix (precision, name, values, n);
  return g_steal_pointer (&values);
}

static gboolean
check_layer (VtrDiagnosis *self, Precision *precision, guint layer, GError **error)
{
  const VtrArch *arch = vtr_model_get_arch (self->model);
  g_autofree float *qkv =
      read_matrix (self, precision, VTR_WEIGHT_QKV, layer, "queries, keys and values", error);
  if (qkv == NULL)
    return FALSE;
  g_autofree float *proj =
      read_matrix (self, precision, VTR_WEIGHT_PROJ, layer, "the projection", error);
  if (proj == NULL)
    return FALSE;
  g_autofree float *fc1 =
      read_matrix (self, precision, VTR_WEIGHT_FC1, layer, "the MLP's first half", error);
  if (fc1 == NULL)
    return FALSE;
  g_autofree float *fc2 =
      read_matrix (self, precision, VTR_WEIGHT_FC2, layer, "the MLP's second half", error);
  if (fc2 == NULL)
    return FALSE;

  const guint n_heads = vtr_arch_n_heads (arch, layer);
  const Heads heads = {
    .layer = layer,
    .n_heads = n_heads,
    .head_size = arch->head_size,
    .d = arch->hidden_size,
    .width = (gsize) n_heads * arch->head_size,
    .qkv = qkv,
    .proj = proj,
  };
  find_dead (self, &heads);
  find_duplicates (self, &heads);
  return TRUE;
}

gboolean
vtr_diagnosis_check_weights (VtrDiagnosis *self, const VtrProgress *progress, GError **error)
{
  const guint n_layers = vtr_model_get_n_layers (self->model);
  g_auto (Precision) precision = { 0 };
  g_autofree float *patch =
      read_matrix (self, &precision, VTR_WEIGHT_PATCH, 0, "the patch embedding", error);

  if (patch == NULL)
    return FALSE;
  for (guint layer = 0; layer < n_layers; layer++)
    if (!vtr_progress_step (progress, (double) layer / n_layers, "looking at the weights", error) ||
        !check_layer (self, &precision, layer, error))
      return FALSE;
  tell_precision (self, &precision);
  return TRUE;
}

/* ---- f16 against f32 ---- */

/* Of the maps of the last layer. */
static double
get_correlation (const VtrObservation *a, const VtrObservation *b)
{
  VtrInput *input = vtr_observation_get_input (a);
  const guint n = vtr_input_get_n_rows (input) * vtr_input_get_n_columns (input);
  const guint layer = vtr_observation_get_n_layers (a) - 1;

  return vtr_numbers_correlate (vtr_observation_get_map (a, layer),
                                vtr_observation_get_map (b, layer), n);
}

/* Both sessions on one picture. */
static gboolean
compare_sessions (VtrDiagnosis *self,
                  VtrSession *halves,
                  const VtrProgress *progress,
                  GError **error)
{
  VtrImage *image = g_array_index (self->probes, VtrProbe, 0).image;
  g_autoptr (VtrInput) input = vtr_input_new (self->model, image, VTR_FIT_TRAIN, 0, error);
  if (input == NULL)
    return FALSE;
  const VtrProgress quiet = vtr_progress_whole (NULL, NULL, progress->cancellable);
  g_autoptr (VtrObservation) whole =
      vtr_observe (self->session, input, self->temperature, FALSE, &quiet, error);
  if (whole == NULL)
    return FALSE;
  g_autoptr (VtrObservation) half =
      vtr_observe (halves, input, self->temperature, FALSE, &quiet, error);
  if (half == NULL)
    return FALSE;

  guint n;
  const float *embedding = vtr_observation_get_embedding (whole, &n);
  const double similarity =
      vtr_numbers_cosine (embedding, vtr_observation_get_embedding (half, &n), n);
  const double correlation = get_correlation (whole, half);
  if (similarity < LEAST_COSINE || correlation < LEAST_CORRELATION)
    {
      VtrSymptom *symptom =
          vtr_diagnosis_tell (self, VTR_RULE_PRECISION_LOSS, VTR_SEVERITY_WARNING, -1, -1,
                              "In f16 the embedding of a picture has a cosine of %.4f with that in "
                              "f32, and the map of "
                              "the last layer a correlation of %.4f.",
                              similarity, correlation);
      symptom->value = similarity;
      symptom->low = LEAST_COSINE;
    }
  return TRUE;
}

gboolean
vtr_diagnosis_check_halves (VtrDiagnosis *self, const VtrProgress *progress, GError **error)
{
  g_autoptr (GError) problem = NULL;

  if (self->probes->len == 0)
    return TRUE;
  g_autoptr (VtrSession) halves = vtr_session_new (self->device, self->model, VTR_PRECISION_F16,
                                                   NULL, NULL, progress->cancellable, &problem);
  if (halves != NULL && compare_sessions (self, halves, progress, &problem))
    return TRUE;

  /* What f16 cannot hold is what is looked for; what cannot do f16 at all has nothing to say. */
  if (g_error_matches (problem, VTR_ERROR, VTR_ERROR_BAD_VALUES))
    {
      if (!vtr_diagnosis_has (self, VTR_RULE_PRECISION_LOSS, VTR_SEVERITY_WARNING))
        vtr_diagnosis_tell (self, VTR_RULE_PRECISION_LOSS, VTR_SEVERITY_WARNING, -1, -1,
                            "In f16 the model cannot run: %s", problem->message);
      return TRUE;
    }
  if (g_error_matches (problem, VTR_ERROR, VTR_ERROR_UNSUPPORTED) ||
      g_error_matches (problem, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&problem));
  return FALSE;
}
