/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* The table of rules.  docs/diagnosis.md has it for people; tests/diagnosis compares the two. */
#include "analysis/diagnosis.h"

#include <string.h>

#define BY_EXPERIMENT "the distance to the reference before and after, and on how many pictures"

static const VtrRule rules[VTR_N_RULES] = {
  [VTR_RULE_BAD_VALUES] = {
    .name = "bad-values",
    .title = "Numbers that are not finite",
    .severity = VTR_SEVERITY_FAULT,
    .condition = "A weight is NaN or infinite, or the model computes such numbers from a picture.",
    .evidence = "the tensor and the place in it",
    .cause = "Training that diverged, a damaged file, or weights so large that products overflow.",
    .remedy = "Take an earlier checkpoint, or fetch the file again.",
    .source = "IEEE 754",
  },
  [VTR_RULE_POSITIONS_MISSING] = {
    .name = "positions-missing",
    .title = "The position table says nothing",
    .severity = VTR_SEVERITY_FAULT,
    .condition = "The table's rows differ from each other by less than a thousandth of what patches "
                 "embed to.",
    .evidence = "the deviation of the table's rows and the size of an embedded patch",
    .cause = "The table was not loaded and kept the zeros it was made with, or was overwritten.",
    .remedy = "Convert the checkpoint again and see that its position table is in it.",
    .source = "Dosovitskiy et al. 2021, D.4",
  },
  [VTR_RULE_POSITIONS_SHUFFLED] = {
    .name = "positions-shuffled",
    .title = "The position table is not in the order of the grid",
    .severity = VTR_SEVERITY_FAULT,
    .condition = "Rows of the table that are neighbours in the grid are no more alike than distant "
                 "ones: mean cosine less than 0.1 above theirs.",
    .evidence = "mean cosine of neighbours in a row, in a column, and of distant patches",
    .cause = "The table was reordered, is of a model that was not trained, or belongs to another one.",
    .remedy = "Take the table of the original checkpoint, in row-major order of the patches.",
    .source = "Dosovitskiy et al. 2021, fig. 7: similarity of learned positions follows the grid",
  },
  [VTR_RULE_POSITIONS_MISALIGNED] = {
    .name = "positions-misaligned",
    .title = "The position table is interpolated or laid out wrongly",
    .severity = VTR_SEVERITY_FAULT,
    .condition = "Each row of the table is most like the row above it when shifted by one patch or "
                 "more, or two columns in it are no neighbours.",
    .evidence = "mean cosine of vertical neighbours as they are and at the best shift, or of the "
                "columns at the seam",
    .cause = "The table was interpolated as one line instead of a grid, with the wrong width, or "
             "with the row of CLS counted as a patch.",
    .remedy = "Take the original table and interpolate it as a grid [rows][columns], without the "
              "rows of CLS and registers.",
    .source = "Dosovitskiy et al. 2021, 3.2: positions are interpolated in two dimensions",
  },
  [VTR_RULE_PIXEL_RANGE] = {
    .name = "pixel-range",
    .title = "Pixels are in another range than in training",
    .severity = VTR_SEVERITY_FAULT,
    .condition = "Normalised pixels lie far outside of what any normalisation gives, or the model "
                 "comes clearly nearer to the reference with pixels of the other range (0..1 or "
                 "0..255).",
    .evidence = "mean and deviation of normalised pixels; " BY_EXPERIMENT,
    .cause = "The factor that makes 0..1 of 0..255 is missing in the preprocessing, or there twice.",
    .remedy = "Correct rescale_factor, do_rescale, image_mean and image_std in "
              "preprocessor_config.json.",
    .source = "experiment",
  },
  [VTR_RULE_NORMALIZATION] = {
    .name = "normalization",
    .title = "Pixels are normalised by another mean and deviation than in training",
    .severity = VTR_SEVERITY_FAULT,
    .condition = "With a common mean and deviation of the channels, or the reference's, the model "
                 "comes clearly nearer to the reference; a warning where only the patch kernel is the "
                 "reference's and its normalisation is not.",
    .evidence = "which mean and deviation; " BY_EXPERIMENT,
    .cause = "The preprocessing is that of another family of models.",
    .remedy = "Write the mean and deviation named into preprocessor_config.json.",
    .source = "experiment",
  },
  [VTR_RULE_CHANNEL_ORDER] = {
    .name = "channel-order",
    .title = "Red and blue are exchanged",
    .severity = VTR_SEVERITY_FAULT,
    .condition = "With red and blue exchanged the model comes clearly nearer to the reference, or "
                 "its patch kernel is the reference's with these exchanged.",
    .evidence = BY_EXPERIMENT "; correlation of the kernels",
    .cause = "The model was trained or converted with pictures as BGR, as OpenCV reads them.",
    .remedy = "Exchange the first and the last input channel of the patch embedding's kernel.",
    .source = "experiment",
  },
  [VTR_RULE_INPUT_SIZE] = {
    .name = "input-size",
    .title = "Pictures have another size than in training",
    .severity = VTR_SEVERITY_WARNING,
    .condition = "The model reads another grid of patches than the reference did, and with that grid "
                 "it comes clearly nearer to the reference.",
    .evidence = "both grids and that of the position table; " BY_EXPERIMENT,
    .cause = "size or crop_size in the preprocessing is not that of the training.",
    .remedy = "Correct size and crop_size in preprocessor_config.json.",
    .source = "experiment",
  },
  [VTR_RULE_POSITIONS_TRANSPOSED] = {
    .name = "positions-transposed",
    .title = "Rows and columns of the position table are exchanged",
    .severity = VTR_SEVERITY_FAULT,
    .condition = "With rows and columns of patches exchanged, each patch as it is, the model comes "
                 "clearly nearer to the reference, or its table is the reference's so exchanged.",
    .evidence = BY_EXPERIMENT "; correlation of the tables",
    .cause = "The table was read or written in column-major order.",
    .remedy = "Transpose the grid of the position table.",
    .source = "experiment",
  },
  [VTR_RULE_PATCH_ORDER] = {
    .name = "patch-order",
    .title = "Pixels within a patch are in the wrong order",
    .severity = VTR_SEVERITY_FAULT,
    .condition = "With rows and columns of pixels exchanged within each patch the model comes clearly "
                 "nearer to the reference, or its patch kernel is the reference's so exchanged.",
    .evidence = BY_EXPERIMENT "; correlation of the kernels",
    .cause = "The kernel of the patch embedding was converted with height and width exchanged.",
    .remedy = "Transpose the last two axes of the patch embedding's kernel.",
    .source = "experiment",
  },
  [VTR_RULE_PICTURE_TRANSPOSED] = {
    .name = "picture-transposed",
    .title = "Rows and columns of pictures are exchanged",
    .severity = VTR_SEVERITY_FAULT,
    .condition = "With whole pictures transposed the model comes clearly nearer to the reference, or "
                 "kernel and table are both the reference's transposed.",
    .evidence = BY_EXPERIMENT "; correlation of kernels and tables",
    .cause = "The model was trained or converted with [width][height] in the place of "
             "[height][width].",
    .remedy = "Transpose the patch embedding's kernel and the grid of the position table.",
    .source = "experiment",
  },
  [VTR_RULE_TEMPERATURE] = {
    .name = "temperature",
    .title = "Attention is too sharp or too soft throughout",
    .severity = VTR_SEVERITY_FAULT,
    .condition = "At another temperature of the softmax the model comes clearly nearer to the "
                 "reference.",
    .evidence = "the temperature that is nearest; " BY_EXPERIMENT,
    .cause = "Attention logits are scaled by another factor than in training: of another head size, "
             "twice, or not at all.",
    .remedy = "Use --temperature with the number named, or multiply the weights and biases of all "
              "queries by its inverse.",
    .source = "experiment",
  },
  [VTR_RULE_PRECISION_LOSS] = {
    .name = "precision-loss",
    .title = "Weights have lost precision",
    .severity = VTR_SEVERITY_WARNING,
    .condition = "A matrix has 256 different values or fewer, or fewer than 5 bits of mantissa, or "
                 "numbers that f16 cannot hold, or the model answers otherwise in f16. A note where "
                 "weights were only rounded to bf16.",
    .evidence = "the matrix with its values, bits or range; cosine of embeddings and correlation of "
                "maps between f32 and f16",
    .cause = "The checkpoint was quantised, or saved in a type too small for its range.",
    .remedy = "Take the weights as they were trained; run in f32 what f16 cannot hold.",
    .source = "IEEE 754; Micikevicius et al. 2018 and 2022",
  },
  [VTR_RULE_DEAD_HEADS] = {
    .name = "dead-heads",
    .title = "Heads that add nothing",
    .severity = VTR_SEVERITY_WARNING,
    .condition = "What a head can give, the norm of its values' weights times that of its part of "
                 "the projection, is below a thousandth of the layer's median.",
    .evidence = "the head's norm and the layer's median",
    .cause = "The head was pruned, or its weights fell to zero by weight decay.",
    .remedy = "Leave it out: “vitreous prune” makes the model smaller at no loss.",
    .source = "Michel et al. 2019",
  },
  [VTR_RULE_DUPLICATE_HEADS] = {
    .name = "duplicate-heads",
    .title = "Heads that are the same",
    .severity = VTR_SEVERITY_WARNING,
    .condition = "Weights of queries, keys and values of two heads of a layer differ by less than a "
                 "thousandth of their norm.",
    .evidence = "the two heads and their relative difference",
    .cause = "A conversion copied a head, or groups of heads share weights that were written out.",
    .remedy = "Keep one and add the other's part of the projection to its: “vitreous prune”.",
    .source = "Voita et al. 2019",
  },
  [VTR_RULE_RANK_COLLAPSE] = {
    .name = "rank-collapse",
    .title = "Tokens are all alike",
    .severity = VTR_SEVERITY_FAULT,
    .condition = "The mean cosine of patch tokens is above 0.95 in a layer, and above what the "
                 "reference has there. A fault from a quarter of the layers on.",
    .evidence = "the layers, their cosine and the reference's",
    .cause = "Attention averages all tokens, or a bias outweighs them: skip connections or MLPs do "
             "not work as they should.",
    .remedy = "Look at the first layer named: its projection, its MLP and its layer scale.",
    .source = "Dong et al. 2021; field experience: 0.95",
  },
  [VTR_RULE_REGISTER_ARTIFACTS] = {
    .name = "register-artifacts",
    .title = "Patch tokens that the model uses as registers",
    .severity = VTR_SEVERITY_WARNING,
    .condition = "In half of the pictures or more some patches, fewer than a tenth, have norms of "
                 "three times the others' or more after the last block, and the reference has not.",
    .evidence = "the share of the patches",
    .cause = "Large models without registers keep global facts in patches of the background.",
    .remedy = "Do not trust raw attention at these patches; use a model with registers, or a method "
              "with gradients.",
    .source = "Darcet et al. 2024",
  },
  [VTR_RULE_ENTROPY_COLLAPSE] = {
    .name = "entropy-collapse",
    .title = "Attention has collapsed onto single tokens",
    .severity = VTR_SEVERITY_FAULT,
    .condition = "The mean normalised entropy of a head is below 0.02, and below the reference's. A "
                 "warning from a twentieth of the heads on, a fault from a quarter.",
    .evidence = "how many heads, and the first of them with its entropy",
    .cause = "Weights of queries and keys grew without bound in training.",
    .remedy = "Train with a bound on their spectral norm, QK-norm, a longer warm-up or a smaller "
              "rate; take an earlier checkpoint.",
    .source = "Zhai et al. 2023; field experience: 0.02",
  },
  [VTR_RULE_ATTENTION_SINK] = {
    .name = "attention-sink",
    .title = "One token gets most of the attention",
    .severity = VTR_SEVERITY_WARNING,
    .condition = "A single key gets more than half of what all queries of a head give, and more than "
                 "in the reference. A warning from a tenth of the heads on, from a quarter "
                 "without a reference.",
    .evidence = "how many heads, and the first of them with its mass",
    .cause = "A head that has nothing to say rests on one token, or its queries do not depend on "
             "what they are of.",
    .remedy = "Leave such heads out with --heads when looking at maps.",
    .source = "Xiao et al. 2024; Gu et al. 2025",
  },
  [VTR_RULE_TOO_CONCENTRATED] = {
    .name = "too-concentrated",
    .title = "Attention is more concentrated than in healthy models",
    .severity = VTR_SEVERITY_WARNING,
    .condition = "The median entropy of a head lies below the reference's 5th percentile and a "
                 "quarter of the range. A warning from a fifth of the heads on.",
    .evidence = "how many heads, and the farthest of them with its range",
    .cause = "Some layers' queries or keys are too large: wrong scaling, or training that went on "
             "too long.",
    .remedy = "Look at the layers named; for all layers alike --temperature above 1 makes up for it.",
    .source = "reference",
  },
  [VTR_RULE_TOO_DISPERSED] = {
    .name = "too-dispersed",
    .title = "Attention is more dispersed than in healthy models",
    .severity = VTR_SEVERITY_WARNING,
    .condition = "The median entropy of a head lies above the reference's 95th percentile and a "
                 "quarter of the range, a warning from a fifth of the heads on; or, without a "
                 "reference, more than 90 % of its rows have an entropy above 0.98, a warning from a "
                 "quarter of the heads on.",
    .evidence = "how many heads, and the farthest of them with its range",
    .cause = "Some layers' queries or keys are too small: not trained, not loaded, or decayed.",
    .remedy = "Look at the layers named; for all layers alike --temperature below 1 makes up for it.",
    .source = "reference; field experience: 0.98",
  },
  [VTR_RULE_UNLIKE_REFERENCE] = {
    .name = "unlike-reference",
    .title = "The model is not like the reference, and no rule says why",
    .severity = VTR_SEVERITY_WARNING,
    .condition = "The distance to the reference is above what is healthy, and nothing else was found.",
    .evidence = "the distance, what is healthy, and the statistic that is farthest off",
    .cause = "Pictures of quite another kind than the reference's, another training, or damaged "
             "weights.",
    .remedy = "Try pictures like the reference's; make a reference of a healthy model of your own.",
    .source = "reference",
  },
};

guint
vtr_rule_get_count (void)
{
  return VTR_N_RULES;
}

const VtrRule *
vtr_rule_get (guint index)
{
  g_return_val_if_fail (index < VTR_N_RULES, NULL);

  return &rules[index];
}

gboolean
vtr_rule_explains (VtrRuleId rule, VtrRuleId other)
{
  if (rule < VTR_RULE_PRECISION_LOSS)
    return other >= VTR_RULE_RANK_COLLAPSE;
  return rule >= VTR_RULE_RANK_COLLAPSE && rule < VTR_RULE_TOO_CONCENTRATED &&
         other >= VTR_RULE_TOO_CONCENTRATED;
}

static const char *const severities[] = {
  [VTR_SEVERITY_NOTE] = "note",
  [VTR_SEVERITY_WARNING] = "warning",
  [VTR_SEVERITY_FAULT] = "fault",
};

const char *
vtr_severity_get_name (VtrSeverity severity)
{
  g_return_val_if_fail ((guint) severity < G_N_ELEMENTS (severities), NULL);

  return severities[severity];
}

gboolean
vtr_severity_parse (const char *text, VtrSeverity *severity, GError **error)
{
  g_return_val_if_fail (text != NULL && severity != NULL, FALSE);

  for (guint i = 0; i < G_N_ELEMENTS (severities); i++)
    if (strcmp (text, severities[i]) == 0)
      {
        *severity = (VtrSeverity) i;
        return TRUE;
      }
  g_set_error (error, VTR_ERROR, VTR_ERROR_USAGE,
               "There is no severity “%s”: it is note, warning or fault.", text);
  return FALSE;
}

char *
vtr_rules_to_json (void)
{
  g_autoptr (JsonBuilder) json = json_builder_new ();
  g_autoptr (JsonGenerator) generator = json_generator_new ();

  json_builder_begin_array (json);
  for (guint i = 0; i < VTR_N_RULES; i++)
    {
      const VtrRule *rule = &rules[i];
      json_builder_begin_object (json);
      vtr_json_add_text (json, "name", rule->name);
      vtr_json_add_text (json, "title", rule->title);
      vtr_json_add_text (json, "severity", vtr_severity_get_name (rule->severity));
      vtr_json_add_text (json, "condition", rule->condition);
      vtr_json_add_text (json, "evidence", rule->evidence);
      vtr_json_add_text (json, "cause", rule->cause);
      vtr_json_add_text (json, "remedy", rule->remedy);
      vtr_json_add_text (json, "source", rule->source);
      json_builder_end_object (json);
    }
  json_builder_end_array (json);
  g_autoptr (JsonNode) root = json_builder_get_root (json);
  json_generator_set_root (generator, root);
  json_generator_set_pretty (generator, TRUE);
  return json_generator_to_data (generator, NULL);
}
