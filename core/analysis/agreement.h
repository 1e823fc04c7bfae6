/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * What two explanations of a picture have in common.
 *
 *   agreement.c          vtr_explanations_compare, VtrAgreements
 *   agreement-numbers.c  measures of two lists of numbers
 *   agreement-maps.c     two maps on one grid
 *   agreement-row.c      a picture, both maps and their difference, drawn small
 *   agreement-sheet.c    those of several pictures on one
 */
#include "analysis/analysis.h"

/* ---- agreement-numbers.c; @n: 1 or more ---- */

/* NaN where one of them is flat. */
double vtr_numbers_correlate (const float *a, const float *b, gsize n);
double vtr_numbers_correlate_ranks (const float *a, const float *b, gsize n);

/* Of the ⌈n / 5⌉ highest of each, of equal ones the first. */
double vtr_numbers_overlap (const float *a, const float *b, gsize n);

/* 0..1; NaN where one of them has nothing above 0. */
double vtr_numbers_diverge (const float *a, const float *b, gsize n);

/* NaN where one of them is all 0. */
double vtr_numbers_cosine (const float *a, const float *b, gsize n);

/* Index of the greatest, of equal ones the first; the softmax of that one. */
gsize vtr_numbers_find_greatest (const float *values, gsize n, double *softmax);

/* ---- agreement-maps.c ---- */

/* Two maps on the grid of one of them. */
typedef struct
{
  const VtrInput *input; /* whose grid it is */
  guint n_rows;
  guint n_columns;
  float *values[2];  /* [n_rows][n_columns]; NaN where not both maps cover the patch */
  float *covered[2]; /* [n_covered], in reading order: those that both cover */
  guint n_covered;
} VtrMapPair;

/* Clear @self afterwards, also on failure. */
gboolean vtr_map_pair_init (VtrMapPair *self,
                            const VtrExplanation *a,
                            const VtrExplanation *b,
                            GError **error);
void vtr_map_pair_clear (VtrMapPair *self);

/* ---- agreement-row.c ---- */

#define VTR_ROW_N_PANELS 4 /* picture, A, B, difference */
#define VTR_ROW_EDGE 260   /* long edge of a panel, pixels */

/* Of what one side gives more to, 0xrrggbb. */
#define VTR_COLOR_A 0xff9a2e
#define VTR_COLOR_B 0x4aa8ff

struct _VtrAgreementRow
{
  VtrImage *panels[VTR_ROW_N_PANELS]; /* of one size */
  VtrAgreement agreement;
  char *name;
  char *labels[2];   /* of the classes; NULL where there are none */
  double difference; /* that full colour stands for, a share of all attention */
};
