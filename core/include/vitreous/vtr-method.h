/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vtr-types.h>

G_BEGIN_DECLS

#define VTR_TYPE_METHOD (vtr_method_get_type ())

/**
 * VtrMethod:
 *
 * A way to turn attention into maps ("raw", "relevance") with its parameters.
 * Each parameter has a text form, the same on the command line, in dialogs
 * and in JSON.  docs/methods.md has the equations.
 */
VTR_AVAILABLE_IN_0_1
GType vtr_method_get_type (void);

/**
 * VtrMethodParam:
 * @name: "layers", "heads", "query", "temperature", "discard-ratio", "start-layer",
 *   "features"
 * @syntax: what may be written, for a usage line ("last|all|0-11|3,7")
 * @default_text: the value it has unless set
 * @summary: one sentence
 * @min: least value, for numbers; equal to @max for anything else
 * @max: greatest value, for numbers
 */
typedef struct
{
  const char *name;
  const char *syntax;
  const char *default_text;
  const char *summary;
  double min;
  double max;
} VtrMethodParam;

/* The names of all methods, in the order to offer them; NULL-terminated, static. */
VTR_AVAILABLE_IN_0_1
const char *const *vtr_method_list (void);

/* One sentence on a method, or NULL if there is none of that name; static. */
VTR_AVAILABLE_IN_0_1
const char *vtr_method_get_summary (const char *name);

/* The parameters of a method, @n_params of them; static. */
VTR_AVAILABLE_IN_0_1
const VtrMethodParam *const *vtr_method_get_params (const char *name, guint *n_params);

/**
 * vtr_method_new:
 * @name: which method
 * @error: return location
 *
 * Returns: (transfer full): the method, every parameter at its default
 */
VTR_AVAILABLE_IN_0_1
VtrMethod *vtr_method_new (const char *name, GError **error);

/**
 * vtr_method_set:
 * @self: a method that no session uses at the moment
 * @param: a parameter of this method
 * @text: its value
 * @error: return location
 *
 * Sets a parameter; %VTR_ERROR_USAGE says what would have been understood.
 * What depends on the model (a layer it has not got) is checked by the session.
 */
VTR_AVAILABLE_IN_0_1
gboolean vtr_method_set (VtrMethod *self, const char *param, const char *text, GError **error);

/* Whether a method explains a target; "raw" and "rollout" show attention whatever is asked. */
VTR_AVAILABLE_IN_0_1
gboolean vtr_method_takes_target (const char *name);

/**
 * vtr_method_set_target:
 * @self: a method that no session uses at the moment
 * @target: (nullable): what to explain; %NULL for "top1"
 *
 * A method that takes no target keeps it all the same: it is what its maps are scored by.
 */
VTR_AVAILABLE_IN_0_1
void vtr_method_set_target (VtrMethod *self, VtrTarget *target);

/* NULL unless set; owned by @self. */
VTR_AVAILABLE_IN_0_1
VtrTarget *vtr_method_get_target (VtrMethod *self);

VTR_AVAILABLE_IN_0_1
const char *vtr_method_get_name (VtrMethod *self);

/* The value a parameter has, as text, or NULL if the method has none of that name. */
VTR_AVAILABLE_IN_0_1
const char *vtr_method_get (VtrMethod *self, const char *param);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrMethod, g_object_unref)

G_END_DECLS
