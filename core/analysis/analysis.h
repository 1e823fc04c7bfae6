/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * analysis: explanations of many pictures → what methods are worth.
 *
 *   estimate.c        means and their intervals, as numbers come
 *   evaluation.c      VtrEvaluation: pictures added up, methods compared
 *   measures.c        names and points of measures, contests
 *   findings.c        one picture: all methods and random orders measured
 *   agreement*.c      two explanations of a picture (agreement.h)
 *   augment.c         training pictures made by attention
 *   augment-spots.c   where in a picture it is
 *   accumulate.c      VtrAnalysis: observations of many pictures added up
 *   analysis-save.c   and kept in a file
 *   patterns.c        what kind of attention a head pays
 *   evolution.c       how attention changes from layer to layer
 *   head-groups.c     which heads do the same
 *   regularization.c  a term for the loss of a training run
 *   analysis-json.c   all that as JSON
 *   analysis-csv.c    as CSV
 *   report.c          and as a page for people
 *   report-charts.c   its charts
 *   report-examples.c its pictures
 *   chart.c           where what goes on a chart
 *   chart-panels.c    curves and bars
 *   drawing.c         areas, lines and text
 *   drawing-svg.c     as SVG
 *   drawing-raster.c  as pixels
 */
#include "render/render.h"

/* ---- estimate.c ---- */

/* Mean and variance of numbers that are not kept (Welford 1962). */
typedef struct
{
  guint n;
  double mean;
  double squares; /* sum of squared distances to the mean */
} VtrRunning;

void vtr_running_add (VtrRunning *self, double value);
VtrEstimate vtr_running_estimate (const VtrRunning *self);

/* Student's t for a two-sided probability of 95 %, to 1e-5. */
double vtr_student_t (guint n_freedom);

/* ---- accumulate.c ---- */

/* Numbers for each layer and head that are there beside the statistics. */
typedef enum
{
  VTR_RELATIVE_DISTANCE, /* VTR_STATISTIC_DISTANCE (all-patches) by that of uniform attention */
  VTR_RELATIVE_SUPPORT,  /* VTR_STATISTIC_SUPPORT (all-patches) by the number of patches */
  VTR_N_RELATIVES
} VtrRelative;

struct _VtrAnalysis
{
  VtrModel *model;
  double temperature;
  guint n_layers;
  guint n_heads;
  guint n_pictures;
  guint n_cells;           /* numbers of a picture */
  VtrRunning *running;     /* [n_cells]; pictures where the number is NaN do not count */
  float *kept;             /* [VTR_ANALYSIS_N_KEPT][n_cells] */
  gsize n_pairs;           /* of heads of all layers, a < b */
  VtrRunning *divergences; /* [n_pairs] */
  VtrRunning *ckas;        /* [n_pairs] */
  GHashTable *marked;      /* of strings */
  GPtrArray *examples;     /* of VtrObservation: the first pictures, for people to look at */
};

/* Heads that a layer has. */
guint vtr_analysis_get_n_heads_in (const VtrAnalysis *self, guint layer);

/* Means over the pictures, as in their distributions, which take sorting. */
double vtr_analysis_get_mean (const VtrAnalysis *self,
                              VtrStatistic statistic,
                              VtrReading reading,
                              guint layer,
                              guint head);
double
vtr_analysis_get_relative (const VtrAnalysis *self, VtrRelative which, guint layer, guint head);

/* Mean divergence of the pairs of heads within a layer; NaN with a single head. */
double vtr_analysis_get_divergence_within (const VtrAnalysis *self, guint layer);

/* Mean over the heads a layer has of the means over the pictures. */
double vtr_analysis_get_layer_mean (const VtrAnalysis *self,
                                    VtrStatistic statistic,
                                    VtrReading reading,
                                    guint layer);

/* Mean distance of two patches of a grid, in patches, a patch to itself included. */
double vtr_uniform_distance (guint n_rows, guint n_columns);

/* ---- report-charts.c: parts of a page of HTML, as SVG that is in it ---- */

/* "0.123", with a point in any locale; @text has G_ASCII_DTOSTR_BUF_SIZE bytes. */
const char *vtr_report_format (double value, char *text);

/* The colour of a pattern, 0xrrggbb. */
guint32 vtr_report_get_color (VtrPattern pattern);

/* A dot for each head over depth, and the line of their means. */
void vtr_report_add_heads_chart (GString *html,
                                 const VtrAnalysis *analysis,
                                 VtrStatistic statistic,
                                 VtrReading reading);

/* A line over depth, in its band of 90 % of the pictures. */
void vtr_report_add_tokens_chart (GString *html,
                                  const VtrAnalysis *analysis,
                                  VtrTokenStatistic statistic);

/* A field for each layer and head, in the colour of its number. */
void vtr_report_add_grid (GString *html,
                          const VtrAnalysis *analysis,
                          VtrStatistic statistic,
                          VtrReading reading);

/* A field for each layer and head, in the colour of its pattern, and what the colours mean. */
void vtr_report_add_patterns (GString *html, const VtrAnalysis *analysis);

/* Divergences of all pairs of heads, as a picture. */
void vtr_report_add_similarity (GString *html, const VtrAnalysis *analysis);

/* ---- report-examples.c ---- */

#define VTR_REPORT_N_EXAMPLES 4

/* Some pictures, each with the attention of every layer laid over it. */
void vtr_report_add_examples (GString *html, const VtrAnalysis *analysis);

/* A picture in the page itself. */
void vtr_report_add_image (GString *html, const VtrImage *image, const char *attributes);

/* ---- measures.c ---- */

/* The most points a mean curve has. */
#define VTR_MAX_POINTS 57

static inline gboolean
vtr_measures_have (VtrMeasures self, VtrMeasure measure)
{
  return (self >> measure & 1) != 0;
}

/* @curve between its points, at each point of @measure. */
void vtr_curve_sample (const VtrCurve *curve, VtrMeasure measure, double *values);

/* ---- findings.c ---- */

struct _VtrFindings
{
  guint n_methods;
  VtrMeasures measures;
  VtrQuantity quantity;
  VtrCurve **curves; /* [n_methods + VTR_EVALUATION_N_ORDERS][VTR_N_MEASURES], NULL if not asked */
};

/* No curves so far. */
VtrFindings *vtr_findings_new (guint n_methods, VtrMeasures measures);

/* @runner: a method, or n_methods and up for random orders. */
VtrCurve **vtr_findings_get_place (const VtrFindings *self, guint runner, VtrMeasure measure);

/* ---- evaluation.c ---- */

guint32 vtr_evaluation_get_seed (const VtrEvaluation *self, guint number, guint order);

/* ---- drawing.c ---- */

typedef struct
{
  double x;
  double y;
} VtrPoint;

typedef enum
{
  VTR_SHAPE_AREA, /* what points enclose */
  VTR_SHAPE_LINE, /* what joins points */
  VTR_SHAPE_TEXT, /* one point, on the line that letters stand on */
} VtrShapeKind;

typedef enum
{
  VTR_ANCHOR_START,
  VTR_ANCHOR_MIDDLE,
  VTR_ANCHOR_END,
} VtrAnchor;

typedef struct
{
  VtrShapeKind kind;
  guint32 color; /* 0xrrggbb */
  guint first;   /* of its points */
  guint n_points;
  double width;     /* of a line, pixels */
  guint scale;      /* of text, pixels of a dot */
  VtrAnchor anchor; /* of text */
  char *text;
} VtrShape;

/* Shapes one over the other; places in pixels from the top left corner. */
typedef struct
{
  guint width;
  guint height;
  guint32 color;  /* of the ground */
  GArray *shapes; /* of VtrShape */
  GArray *points; /* of VtrPoint */
} VtrDrawing;

void vtr_drawing_init (VtrDrawing *self, guint width, guint height, guint32 color);
void vtr_drawing_clear (VtrDrawing *self);
void vtr_drawing_add_area (VtrDrawing *self, const VtrPoint *points, guint n, guint32 color);
void vtr_drawing_add_box (VtrDrawing *self,
                          double left,
                          double top,
                          double right,
                          double bottom,
                          guint32 color);
void vtr_drawing_add_line (VtrDrawing *self,
                           const VtrPoint *points,
                           guint n,
                           double width,
                           guint32 color);
void vtr_drawing_add_text (VtrDrawing *self,
                           VtrPoint place,
                           guint scale,
                           VtrAnchor anchor,
                           guint32 color,
                           const char *text);

/* ---- drawing-svg.c ---- */

char *vtr_drawing_to_svg (const VtrDrawing *self);

/* ---- drawing-raster.c ---- */

VtrImage *vtr_drawing_to_image (const VtrDrawing *self, GError **error);

/* ---- chart.c ---- */

void vtr_chart_init (VtrDrawing *drawing, const VtrEvaluation *evaluation, const char *title);

/* ---- chart-panels.c ---- */

/* Where curves or bars are drawn, names and numbers around them. */
typedef struct
{
  double left;
  double top;
  double right;
  double bottom;
} VtrFrame;

/* Of the method at that place in the list of all. */
guint32 vtr_chart_get_color (const VtrEvaluation *evaluation, guint method);

/* @ranks: [n_methods], best first. */
void vtr_chart_draw_curves (VtrDrawing *drawing,
                            const VtrFrame *frame,
                            const VtrEvaluation *evaluation,
                            const guint *ranks,
                            VtrContest contest,
                            VtrMeasure measure);
void vtr_chart_draw_bars (VtrDrawing *drawing,
                          const VtrFrame *frame,
                          const VtrEvaluation *evaluation,
                          const guint *ranks,
                          VtrContest contest);
