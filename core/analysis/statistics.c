/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* What statistics are called, and what they are. */
#include "analysis/observation.h"

static const char *const readings[] = {
  [VTR_READING_ALL] = "all",
  [VTR_READING_ALL_PATCHES] = "all-patches",
  [VTR_READING_CLS] = "cls",
  [VTR_READING_CLS_PATCHES] = "cls-patches",
};
G_STATIC_ASSERT (G_N_ELEMENTS (readings) == VTR_N_READINGS);

const char *
vtr_reading_get_name (VtrReading reading)
{
  g_return_val_if_fail ((guint) reading < VTR_N_READINGS, NULL);

  return readings[reading];
}

#define ALL (1u << VTR_READING_ALL)
#define ALL_PATCHES (1u << VTR_READING_ALL_PATCHES)
#define CLS (1u << VTR_READING_CLS)
#define CLS_PATCHES (1u << VTR_READING_CLS_PATCHES)

static const VtrStatisticInfo statistics[] = {
  [VTR_STATISTIC_ENTROPY] = { "entropy", "Entropy", "",
                              "How evenly a row is spread: 0 on one key, 1 on all alike.",
                              ALL | ALL_PATCHES | CLS | CLS_PATCHES },
  [VTR_STATISTIC_SUPPORT] = { "support", "Effective support", "tokens",
                              "As many keys with equal shares have the entropy of the row.",
                              ALL | ALL_PATCHES | CLS | CLS_PATCHES },
  [VTR_STATISTIC_MAXIMUM] = { "maximum", "Maximum", "", "The most that one key gets of a row.",
                              ALL | ALL_PATCHES | CLS | CLS_PATCHES },
  [VTR_STATISTIC_PARTICIPATION] = { "participation", "Participation", "tokens",
                                    "As many keys with equal shares have the sum of squares of the "
                                    "row.",
                                    ALL | ALL_PATCHES | CLS | CLS_PATCHES },
  [VTR_STATISTIC_HOYER] = { "hoyer", "Hoyer sparsity", "",
                            "How sparse a row is, by its norms: 0 for all alike, 1 for one key.",
                            ALL | ALL_PATCHES | CLS | CLS_PATCHES },
  [VTR_STATISTIC_GINI] = { "gini", "Gini coefficient", "",
                           "How unequal the shares of the keys are: 0 for all alike.",
                           CLS | CLS_PATCHES },
  [VTR_STATISTIC_TOP_MASS] = { "top-mass", "Mass of the top tenth", "",
                               "What the tenth of the keys with the largest shares gets.",
                               CLS | CLS_PATCHES },
  [VTR_STATISTIC_DISTANCE] = { "distance", "Mean distance", "px",
                               "How far from a patch what it looks at is, in pixels of the "
                               "prepared "
                               "picture.",
                               ALL | ALL_PATCHES },
  [VTR_STATISTIC_CLS_MASS] = { "cls-mass", "Mass on CLS", "", "What the CLS token gets of a row.",
                               ALL | CLS },
  [VTR_STATISTIC_REGISTER_MASS] = { "register-mass", "Mass on registers", "",
                                    "What registers and other prefix tokens but CLS get of a row.",
                                    ALL | CLS },
  [VTR_STATISTIC_SELF_MASS] = { "self-mass", "Mass on itself", "", "What a token gives to itself.",
                                ALL | ALL_PATCHES | CLS },
  [VTR_STATISTIC_NEIGHBOUR_MASS] = { "neighbour-mass", "Mass on neighbours", "",
                                     "What a patch gives to the up to 8 patches around it.",
                                     ALL | ALL_PATCHES },
  [VTR_STATISTIC_UNIFORM_ROWS] = { "uniform-rows", "Uniform rows", "",
                                   "The share of rows with an entropy above 0.98.",
                                   ALL | ALL_PATCHES },
  [VTR_STATISTIC_COLLAPSED_ROWS] = { "collapsed-rows", "Collapsed rows", "",
                                     "The share of rows with an entropy below 0.02.",
                                     ALL | ALL_PATCHES },
  [VTR_STATISTIC_SINK] = { "sink", "Strongest sink", "",
                           "The most that one key gets of all rows together.", ALL },
  [VTR_STATISTIC_ARTIFACT_MASS] = { "artifact-mass", "Mass on artifacts", "",
                                    "What patches with the norm of an artifact get of a row.",
                                    ALL | CLS },
  [VTR_STATISTIC_POSITIONAL] = { "positional", "Positional", "",
                                 "How far rows are the same for every patch, seen from the patch: "
                                 "1 "
                                 "for the same.",
                                 ALL_PATCHES },
};
G_STATIC_ASSERT (G_N_ELEMENTS (statistics) == VTR_N_STATISTICS);

const VtrStatisticInfo *
vtr_statistic_get_info (VtrStatistic statistic)
{
  g_return_val_if_fail ((guint) statistic < VTR_N_STATISTICS, NULL);

  return &statistics[statistic];
}

static const VtrStatisticInfo token_statistics[] = {
  [VTR_TOKEN_NORM] = { "norm", "Norm of patches", "", "The mean norm of the patches' tokens.", 0 },
  [VTR_TOKEN_NORM_MAXIMUM] = { "norm-maximum", "Largest norm", "",
                               "The largest norm of a patch's token.", 0 },
  [VTR_TOKEN_ARTIFACTS] = { "artifacts", "Artifact tokens", "",
                            "The share of patches beyond a valley of the norms, far above the "
                            "others.",
                            0 },
  [VTR_TOKEN_COSINE] = { "cosine", "Similarity of patches", "",
                         "The mean cosine of two patches' tokens; 1 where all point the same way.",
                         0 },
  [VTR_TOKEN_RESIDUAL] = { "residual", "Residual beyond rank one", "",
                           "What is left of the patches' tokens without their mean; 0 where all "
                           "are "
                           "the same.",
                           0 },
  [VTR_TOKEN_CHANGE] = { "change", "Change of attention", "bits",
                         "How far the mean attention of the heads is from that of the layer before "
                         "(Jensen-Shannon).",
                         0 },
  [VTR_TOKEN_UPDATE] = { "update", "Update of tokens", "",
                         "How large what the block adds is beside what it gives.", 0 },
};
G_STATIC_ASSERT (G_N_ELEMENTS (token_statistics) == VTR_N_TOKEN_STATISTICS);

const VtrStatisticInfo *
vtr_token_statistic_get_info (VtrTokenStatistic statistic)
{
  g_return_val_if_fail ((guint) statistic < VTR_N_TOKEN_STATISTICS, NULL);

  return &token_statistics[statistic];
}
