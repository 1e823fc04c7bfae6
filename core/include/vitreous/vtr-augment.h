/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vtr-input.h>
#include <vitreous/vtr-types.h>

G_BEGIN_DECLS

/**
 * VtrAugmentKind:
 * @VTR_AUGMENT_CROP: the smallest cutout of the picture's shape that holds a share of the attention
 * @VTR_AUGMENT_ERASE: the picture without the patches that get most attention
 * @VTR_AUGMENT_PASTE: the picture with what gets most attention in another one pasted over what
 *   gets least in this one
 *
 * How a training picture is made of others.
 */
typedef enum
{
  VTR_AUGMENT_CROP,
  VTR_AUGMENT_ERASE,
  VTR_AUGMENT_PASTE,
} VtrAugmentKind;

#define VTR_N_AUGMENT_KINDS (VTR_AUGMENT_PASTE + 1)

/* "crop", "erase", "paste" */
VTR_AVAILABLE_IN_0_1
const char *vtr_augment_kind_get_name (VtrAugmentKind kind);

/* The kind of that name; fails with %VTR_ERROR_USAGE where there is none. */
VTR_AVAILABLE_IN_0_1
gboolean vtr_augment_kind_parse (const char *text, VtrAugmentKind *kind, GError **error);

/**
 * VtrFill:
 * @VTR_FILL_MEAN: the mean colour of the picture
 * @VTR_FILL_NOISE: each pixel and channel at random, as far around the mean as the picture's are
 * @VTR_FILL_BLUR: the picture so blurred that nothing of a patch's size is left
 *
 * What patches are erased with.
 */
typedef enum
{
  VTR_FILL_MEAN,
  VTR_FILL_NOISE,
  VTR_FILL_BLUR,
} VtrFill;

/* "mean", "noise", "blur" */
VTR_AVAILABLE_IN_0_1
const char *vtr_fill_get_name (VtrFill fill);

/* The fill of that name; fails with %VTR_ERROR_USAGE where there is none. */
VTR_AVAILABLE_IN_0_1
gboolean vtr_fill_parse (const char *text, VtrFill *fill, GError **error);

/**
 * VtrSpot:
 * @rect: whole pixels of the picture, inside of it
 * @mass: the share of the map that lies in it, 0..1
 *
 * A part of a picture and the attention it gets.
 */
typedef struct
{
  VtrRect rect;
  double mass;
} VtrSpot;

/**
 * vtr_map_get_mass:
 * @self: a map
 * @input: the prepared picture it is of
 * @rect: a part of the picture
 *
 * What the patches in a rectangle have of all that the map has: each counts as much as of it lies
 * inside.  Values below 0 count as 0; where none is above, all patches count alike.
 *
 * Returns: 0..1
 */
VTR_AVAILABLE_IN_0_1
double vtr_map_get_mass (const VtrMap *self, const VtrInput *input, const VtrRect *rect);

/**
 * vtr_map_find_hotspot:
 * @self: a map
 * @input: the prepared picture it is of
 * @mass: how much of the map it is to hold, 0..1
 * @least: least edge, as a share of the picture's, above 0 to 1
 * @spot: (out caller-allocates): the smallest rectangle of the shape of what the patches cover
 *
 * Of equally good places the first in reading order.
 */
VTR_AVAILABLE_IN_0_1
void vtr_map_find_hotspot (const VtrMap *self,
                           const VtrInput *input,
                           double mass,
                           double least,
                           VtrSpot *spot);

/**
 * vtr_map_find_square:
 * @self: a map
 * @input: the prepared picture it is of
 * @area: of the square, as a share of the patches, above 0 to 1
 * @coldest: whether it is the one with the least of the map, else the one with the most
 * @spot: (out caller-allocates): the square, of whole patches, as many in both directions
 *
 * Of equally good places the first in reading order.
 */
VTR_AVAILABLE_IN_0_1
void vtr_map_find_square (const VtrMap *self,
                          const VtrInput *input,
                          double area,
                          gboolean coldest,
                          VtrSpot *spot);

/* A part of a picture as a picture; @rect: whole pixels, inside of it. */
VTR_AVAILABLE_IN_0_1
VtrImage *vtr_image_crop (const VtrImage *self, const VtrRect *rect);

/**
 * vtr_image_paste:
 * @self: a picture
 * @place: whole pixels, inside of it
 * @other: another picture
 * @part: whole pixels, inside of @other
 * @error: return location
 *
 * Returns: (transfer full): @self with @part of @other, scaled to @place, there
 */
VTR_AVAILABLE_IN_0_1
VtrImage *vtr_image_paste (const VtrImage *self,
                           const VtrRect *place,
                           const VtrImage *other,
                           const VtrRect *part,
                           GError **error);

/**
 * vtr_map_erase:
 * @self: a map
 * @input: the prepared picture it is of
 * @share: of the patches, rounded up: those with the greatest values, of equal ones the first
 * @fill: what they are erased with
 * @seed: of noise: other noise for another number
 * @mass: (out) (optional): the share of the map that is erased
 * @error: return location
 *
 * A pixel is of the patch that covers its middle.
 *
 * Returns: (transfer full): the picture without those patches
 */
VTR_AVAILABLE_IN_0_1
VtrImage *vtr_map_erase (const VtrMap *self,
                         const VtrInput *input,
                         double share,
                         VtrFill fill,
                         guint64 seed,
                         double *mass,
                         GError **error);

/**
 * vtr_augment_weigh:
 * @covered: the share of a picture's attention that something is pasted over, 0..1
 * @pasted: the share of another's attention that is pasted, 0..1
 *
 * How much of the mixed picture is the pasted one's label: λ = p / (p + 1 − c), so that both labels
 * weigh as their attention that is to be seen, and 1 together.  The label of the picture below
 * weighs 1 − λ.
 *
 * After SnapMix (Huang, Wang & Tao 2021), whose labels weigh 1 − c and p, not scaled to 1, and
 * TransMix (Chen et al. 2022), which weighs them by the attention of the mixed picture.
 *
 * Returns: λ, 0..1; one half where nothing of either is to be seen
 */
VTR_AVAILABLE_IN_0_1
double vtr_augment_weigh (double covered, double pasted);

/**
 * vtr_augment_draw:
 * @seed: other choices for another number
 * @name: of the picture, the same wherever its folder is
 * @kind: what is made of it
 * @variant: which one of that kind
 * @draw: which number
 *
 * A random number for a choice that depends on nothing else: not on which pictures there are beside
 * it, nor on their order.
 *
 * Returns: 0 to 2⁶⁴ − 1, evenly
 */
VTR_AVAILABLE_IN_0_1
guint64
vtr_augment_draw (guint32 seed, const char *name, VtrAugmentKind kind, guint variant, guint draw);

G_END_DECLS
