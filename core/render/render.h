/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * render: map → pixels → files.
 *
 *   colormap.c   tables of colours
 *   upsample.c   a map on the pixels of a canvas
 *   overlay.c    a map in colours, alone and over the picture; as 16-bit grey
 *   font.c       letters
 *   canvas.c     rectangles, pictures and text on a picture
 *   sheet.c      all maps of an explanation on one picture
 *   metadata.c   how a file came about, as PNG text
 *   json.c       and as JSON
 *   layers.c     OpenRaster: the photo and the maps over it
 *   proof.c      the patches of a proof as a mask and as a layer
 *   export.c     vtr_export
 */
#include "explain/explain.h"

/* ---- colormap.c ---- */

#define VTR_N_COLORS 256

/* [VTR_N_COLORS][3], from least to greatest; @name NULL means the default. */
gboolean vtr_colormap_fill (const char *name, guint8 colors[VTR_N_COLORS][3], GError **error);

/* ---- upsample.c ---- */

/* As vtr_map_upsample (), on a canvas that shows the picture scaled to @width × @height. */
void vtr_map_sample (const VtrMap *self,
                     const VtrInput *input,
                     guint width,
                     guint height,
                     float *values);

/* The same, on a canvas that shows a part of the picture. */
void vtr_map_sample_part (const VtrMap *self,
                          const VtrInput *input,
                          const VtrRect *part,
                          guint width,
                          guint height,
                          float *values);

/* ---- overlay.c ---- */

/* A map over @below, which shows the whole picture at any size; of that size. */
VtrImage *vtr_map_draw_over (const VtrMap *map,
                             const VtrInput *input,
                             const VtrImage *below,
                             guint8 colors[VTR_N_COLORS][3],
                             double opacity,
                             GError **error);

/* [height][width] of the picture: 0 at the map's least value, 65535 at its greatest; 0 where no
 * patch covers the picture.  NULL if memory runs out. */
guint16 *vtr_map_to_grey16 (const VtrMap *self, const VtrInput *input, GError **error);

/* The picture scaled to @width × @height, opaque. */
VtrImage *vtr_image_scale (const VtrImage *self, guint width, guint height, GError **error);

/* Width and height, at least 1, of the picture scaled so that its long edge is @edge. */
void vtr_image_fit (const VtrImage *self, guint edge, guint *width, guint *height);

/* ---- font.c ---- */

#define VTR_GLYPH_WIDTH 5 /* dots */
#define VTR_GLYPH_HEIGHT 9
#define VTR_GLYPH_ADVANCE 6

/* How dark a glyph is at a point, in dots from its top left corner: 0..1, smooth between dots. */
float vtr_glyph_get_coverage (gunichar character, float x, float y);

/* ---- canvas.c: drawing on an opaque picture; what lies outside is left out ---- */

typedef struct
{
  guint width; /* pixels */
  guint height;
  guint8 *rgba; /* [height][width][4] */
} VtrCanvas;

/* Colours are 0xrrggbb. */
gboolean
vtr_canvas_init (VtrCanvas *self, guint width, guint height, guint32 color, GError **error);
void vtr_canvas_clear (VtrCanvas *self);

/* @share: 0..1 of the new colour */
void vtr_canvas_mix (VtrCanvas *self, int x, int y, guint32 color, float share);
void vtr_canvas_fill (VtrCanvas *self, int x, int y, int width, int height, guint32 color);
void vtr_canvas_outline (VtrCanvas *self, int x, int y, int width, int height, guint32 color);
void vtr_canvas_draw_image (VtrCanvas *self, int x, int y, const VtrImage *image);

/* @scale: pixels of a dot.  Text is as wide as vtr_text_width () says and VTR_GLYPH_HEIGHT·@scale
 * high. */
void
vtr_canvas_draw_text (VtrCanvas *self, int x, int y, guint scale, guint32 color, const char *text);
int vtr_text_width (const char *text, guint scale);

/* The same, cut off where it would be wider than @width. */
void vtr_canvas_draw_text_within (VtrCanvas *self,
                                  int x,
                                  int y,
                                  int width,
                                  guint scale,
                                  guint32 color,
                                  const char *text);

/* ---- metadata.c ---- */

/* The entries for a file that shows @map, or all maps where it is NULL; free with g_array_unref ().
 */
GArray *vtr_metadata_new (const VtrExplanation *explanation,
                          const VtrMap *map,
                          const VtrExportOptions *options);

/* "11", "0,3-5", or what the method was asked for where several are fused; g_free () them. */
char *vtr_metadata_format_layer (const VtrExplanation *explanation, const VtrMap *map);
char *vtr_metadata_format_head (const VtrExplanation *explanation, const VtrMap *map);

/* Whose attention it is: "cls", "mean" or "X,Y", NULL where the method does not ask; g_free () it.
 */
char *vtr_metadata_format_query (const VtrExplanation *explanation);

/* Whether @map shows the same as the summary. */
gboolean vtr_metadata_is_summary (const VtrExplanation *explanation, const VtrMap *map);

/* ---- json.c ---- */

/* @files: names of what is written along with it, NULL-terminated; may be NULL. */
char *vtr_json_new (const VtrExplanation *explanation,
                    const VtrExportOptions *options,
                    const char *const *files);

/* ---- proof.c ---- */

/* The proof where the explanation has one that flips, else NULL. */
const VtrProof *vtr_proof_get_flipped (const VtrExplanation *explanation);

/* A PNG: white where the patches of the proof are, else black. */
GBytes *vtr_proof_encode_mask (const VtrExplanation *explanation,
                               const VtrExportOptions *options,
                               GError **error);

/* Nothing where the patches of the proof are, darkness elsewhere. */
VtrImage *vtr_proof_make_layer (const VtrExplanation *explanation, GError **error);

/* ---- sheet.c ---- */
VtrImage *
vtr_sheet_new (const VtrExplanation *explanation, const VtrExportOptions *options, GError **error);

/* ---- layers.c ---- */
GBytes *vtr_layers_encode (const VtrExplanation *explanation,
                           const VtrExportOptions *options,
                           GError **error);
