/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "fields.h"
#include "i18n.h"

#include <string.h>
#include <vitreous/vitreous.h>

#define EVERYWHERE (VGP_HEATMAPS | VGP_SELECT)

static const char *const fits[] = { "cover", "train", "stretch", NULL };
static const char *const fit_labels[] = {
  N_ ("Whole picture, trained scale"),
  N_ ("Resize and crop of the training"),
  N_ ("Squashed to the trained size"),
  NULL,
};

static const char *const devices[] = { "auto", "cpu", "vulkan", NULL };
static const char *const precisions[] = { "f32", "f16", NULL };

static const char *const shows[] = { "fused", "layers", "heads", NULL };
static const char *const show_labels[] = {
  N_ ("All, fused"),
  N_ ("Each layer of the model"),
  N_ ("Each head of each layer"),
  NULL,
};

static const char *const styles[] = { "colour", "alpha", "grey", NULL };
static const char *const style_labels[] = {
  N_ ("Colours"),
  N_ ("Colours, transparent where the map is low"),
  N_ ("Grey values"),
  NULL,
};

static const char *const modes[] = { "normal",     "screen",   "multiply", "overlay", "soft-light",
                                     "hard-light", "addition", "lighten",  "darken",  NULL };
static const char *const mode_labels[] = {
  N_ ("Normal"),     N_ ("Screen"),   N_ ("Multiply"),     N_ ("Overlay"),     N_ ("Soft light"),
  N_ ("Hard light"), N_ ("Addition"), N_ ("Lighten only"), N_ ("Darken only"), NULL,
};

static const char *const keeps[] = { "mass", "value", NULL };
static const char *const keep_labels[] = {
  N_ ("Share of the attention"),
  N_ ("Share of the range of values"),
  NULL,
};

static const char *const results[] = { "selection", "channel", "layer-mask", NULL };
static const char *const result_labels[] = {
  N_ ("Selection"),
  N_ ("Channel"),
  N_ ("Layer mask"),
  NULL,
};

static const char *const operations[] = { "replace", "add", "subtract", "intersect", NULL };
static const char *const operation_labels[] = {
  N_ ("Replace what is there"),
  N_ ("Add to it"),
  N_ ("Subtract from it"),
  N_ ("Intersect with it"),
  NULL,
};

static const char *const contrasts[] = { "rest", NULL };

/* The rows before those of the methods' parameters; choices of “method” come from the library. */
static const VgpField first_fields[] = {
  { .name = "model",
    .label = N_ ("_Model"),
    .summary = N_ ("An installed model, or a checkpoint's folder or file. Empty: the only one "
                   "installed, else “starter”."),
    .kind = VGP_FIELD_MODEL,
    .group = VGP_GROUP_MODEL,
    .procedures = EVERYWHERE },
  { .name = "head",
    .label = N_ ("Classifier head"),
    .summary = N_ ("A head that “vitreous head train” wrote, in the place of the model's own."),
    .kind = VGP_FIELD_FILE,
    .group = VGP_GROUP_MODEL,
    .procedures = EVERYWHERE },
  { .name = "device",
    .label = N_ ("De_vice"),
    .summary = N_ ("Where to compute: auto takes a GPU, else the processor; vulkan:N is the N-th "
                   "Vulkan device."),
    .default_text = "auto",
    .choices = devices,
    .kind = VGP_FIELD_TEXT,
    .group = VGP_GROUP_MODEL,
    .procedures = EVERYWHERE },
  { .name = "precision",
    .label = N_ ("_Precision"),
    .summary = N_ ("What weights, and on a GPU activations, are stored as. f16 takes half the "
                   "memory."),
    .default_text = "f32",
    .choices = precisions,
    .kind = VGP_FIELD_CHOICE,
    .group = VGP_GROUP_MODEL,
    .procedures = EVERYWHERE },
  { .name = "method",
    .label = N_ ("Metho_d"),
    .summary = N_ ("How maps are made of attention."),
    .kind = VGP_FIELD_CHOICE,
    .group = VGP_GROUP_METHOD,
    .procedures = EVERYWHERE },
};

static const VgpField last_fields[] = {
  { .name = "target",
    .label = N_ ("Tar_get"),
    .summary = N_ ("The class to explain: its label, the first letters of it, its index, or top1, "
                   "top2, … for what ranks there. For models without a classifier image:FILE or "
                   "patch:X,Y. Empty: top1."),
    .kind = VGP_FIELD_CLASS,
    .group = VGP_GROUP_TARGET,
    .procedures = EVERYWHERE },
  { .name = "contrast",
    .label = N_ ("Rather tha_n"),
    .summary = N_ ("The class that the target is held against, or “rest” for all others. Empty: "
                   "none."),
    .choices = contrasts,
    .kind = VGP_FIELD_CLASS,
    .group = VGP_GROUP_TARGET,
    .procedures = EVERYWHERE },
  { .name = "fit",
    .label = N_ ("_Fit"),
    .summary = N_ ("How the picture is brought to the model's scale."),
    .default_text = "cover",
    .choices = fits,
    .choice_labels = fit_labels,
    .kind = VGP_FIELD_CHOICE,
    .group = VGP_GROUP_PICTURE,
    .procedures = EVERYWHERE },
  { .name = "size",
    .label = N_ ("Si_ze"),
    .summary = N_ ("The short edge the model sees, in pixels; 0 is the trained size. More shows "
                   "finer detail and takes longer."),
    .default_text = "0",
    .max = 4096,
    .kind = VGP_FIELD_NUMBER,
    .group = VGP_GROUP_PICTURE,
    .procedures = EVERYWHERE },
  { .name = "selection-only",
    .label = N_ ("Onl_y the selection"),
    .summary = N_ ("Explain the part of the layer that the selection's bounds enclose, as if it "
                   "were the picture."),
    .default_text = "no",
    .kind = VGP_FIELD_SWITCH,
    .group = VGP_GROUP_PICTURE,
    .procedures = EVERYWHERE },
  { .name = "show",
    .label = N_ ("L_ayers for"),
    .summary = N_ ("What gets a layer of its own. Methods that follow attention through all layers "
                   "have one map anyway."),
    .default_text = "fused",
    .choices = shows,
    .choice_labels = show_labels,
    .kind = VGP_FIELD_CHOICE,
    .group = VGP_GROUP_RESULT,
    .procedures = VGP_HEATMAPS },
  { .name = "style",
    .label = N_ ("Styl_e"),
    .summary = N_ ("How a map is shown."),
    .default_text = "colour",
    .choices = styles,
    .choice_labels = style_labels,
    .kind = VGP_FIELD_CHOICE,
    .group = VGP_GROUP_RESULT,
    .procedures = VGP_HEATMAPS },
  { .name = "colormap",
    .label = N_ ("Colour_s"),
    .summary = N_ ("The colours from the least value to the greatest."),
    .kind = VGP_FIELD_CHOICE,
    .group = VGP_GROUP_RESULT,
    .procedures = VGP_HEATMAPS },
  { .name = "opacity",
    .label = N_ ("Opac_ity"),
    .summary = N_ ("Of the new layers, in percent."),
    .default_text = "60",
    .max = 100,
    .kind = VGP_FIELD_NUMBER,
    .group = VGP_GROUP_RESULT,
    .procedures = VGP_HEATMAPS },
  { .name = "mode",
    .label = N_ ("_Blend mode"),
    .summary = N_ ("How the new layers are laid over the picture."),
    .default_text = "normal",
    .choices = modes,
    .choice_labels = mode_labels,
    .kind = VGP_FIELD_CHOICE,
    .group = VGP_GROUP_RESULT,
    .procedures = VGP_HEATMAPS },
  { .name = "score",
    .label = N_ ("Measure _what the map is worth"),
    .summary = N_ ("Asks the model again without the patches that the map points to and with those "
                   "alone, and so for ten random orders; the layer's name tells the result. Takes "
                   "about a hundred times as long."),
    .default_text = "no",
    .kind = VGP_FIELD_SWITCH,
    .group = VGP_GROUP_RESULT,
    .procedures = VGP_HEATMAPS },
  { .name = "keep",
    .label = N_ ("_Keep by"),
    .summary = N_ ("What is selected: the fewest pixels that hold a share of the attention, or all "
                   "above a share of the way from the least value to the greatest."),
    .default_text = "mass",
    .choices = keeps,
    .choice_labels = keep_labels,
    .kind = VGP_FIELD_CHOICE,
    .group = VGP_GROUP_RESULT,
    .procedures = VGP_SELECT },
  { .name = "amount",
    .label = N_ ("_Amount"),
    .summary = N_ ("That share, in percent."),
    .default_text = "50",
    .max = 100,
    .n_digits = 1,
    .kind = VGP_FIELD_NUMBER,
    .group = VGP_GROUP_RESULT,
    .procedures = VGP_SELECT },
  { .name = "result",
    .label = N_ ("Make _it a"),
    .summary = N_ ("What becomes of the selected pixels."),
    .default_text = "selection",
    .choices = results,
    .choice_labels = result_labels,
    .kind = VGP_FIELD_CHOICE,
    .group = VGP_GROUP_RESULT,
    .procedures = VGP_SELECT },
  { .name = "operation",
    .label = N_ ("Op_eration"),
    .summary = N_ ("What happens to the selection or the layer mask there is."),
    .default_text = "replace",
    .choices = operations,
    .choice_labels = operation_labels,
    .kind = VGP_FIELD_CHOICE,
    .group = VGP_GROUP_RESULT,
    .procedures = VGP_SELECT },
};

/* Labels of the methods' parameters; one that is not here has its name for a label. */
static const struct
{
  const char *name;
  const char *label;
} param_labels[] = {
  { "layers", N_ ("_Layers") },
  { "heads", N_ ("_Heads") },
  { "query", N_ ("_Query") },
  { "temperature", N_ ("Temperat_ure") },
  { "discard-ratio", N_ ("Discard ra_tio") },
  { "start-layer", N_ ("Start _layer") },
  { "features", N_ ("Fea_tures") },
};

/* What the plug-in understands of the query besides what the methods do (picture.h). */
static const char *const own_queries[] = { "selection", "middle" };

static const char *
find_param_label (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (param_labels); i++)
    if (strcmp (param_labels[i].name, name) == 0)
      return param_labels[i].label;
  return name;
}

/* Whether an alternative of a syntax can be written as it stands: "last", "0-11", not "X,Y". */
static gboolean
is_literal (const char *alternative)
{
  for (const char *at = alternative; *at != '\0'; at++)
    if (g_ascii_isupper (*at) || !g_ascii_isprint (*at) || *at == ' ')
      return FALSE;
  return *alternative != '\0';
}

/* "last|all|0-11" as suggestions; they live as long as the table. */
static const char *const *
make_suggestions (const VtrMethodParam *param)
{
  g_auto (GStrv) alternatives = g_strsplit (param->syntax, "|", -1);
  GPtrArray *suggestions = g_ptr_array_new ();

  for (guint i = 0; alternatives[i] != NULL; i++)
    if (is_literal (alternatives[i]))
      g_ptr_array_add (suggestions, g_strdup (alternatives[i]));
  for (guint i = 0; strcmp (param->name, "query") == 0 && i < G_N_ELEMENTS (own_queries); i++)
    g_ptr_array_add (suggestions, (gpointer) own_queries[i]);
  g_ptr_array_add (suggestions, NULL);
  return (const char *const *) g_ptr_array_free (suggestions, FALSE);
}

/* A number as the library says; a text is empty where the method's own default is meant, which
 * methods may have each of their own. */
static VgpField
make_param_field (const VtrMethodParam *param)
{
  VgpField field = {
    .name = param->name,
    .label = find_param_label (param->name),
    .summary = param->summary,
    .default_text = "",
    .group = VGP_GROUP_METHOD,
    .procedures = EVERYWHERE,
    .of_method = TRUE,
  };

  if (param->min < param->max)
    {
      field.kind = VGP_FIELD_NUMBER;
      field.min = param->min;
      field.max = param->max;
      field.n_digits = 3;
      field.default_text = param->default_text;
      return field;
    }
  field.kind = VGP_FIELD_TEXT;
  field.choices = make_suggestions (param);
  return field;
}

static gboolean
has_field (const GArray *fields, const char *name)
{
  for (guint i = 0; i < fields->len; i++)
    if (strcmp (g_array_index (fields, VgpField, i).name, name) == 0)
      return TRUE;
  return FALSE;
}

static void
add_params (GArray *fields, const char *method)
{
  guint n_params;
  const VtrMethodParam *const *params = vtr_method_get_params (method, &n_params);

  for (guint i = 0; i < n_params; i++)
    if (!has_field (fields, params[i]->name))
      {
        const VgpField field = make_param_field (params[i]);
        g_array_append_val (fields, field);
      }
}

/* A field whose choices the library has; the first is the default. */
static void
set_choices (VgpField *field, const char *const *choices)
{
  field->choices = choices;
  field->default_text = choices[0];
}

static GArray *
make_fields (void)
{
  GArray *fields = g_array_new (FALSE, FALSE, sizeof (VgpField));
  const char *const *methods = vtr_method_list ();

  g_array_append_vals (fields, first_fields, G_N_ELEMENTS (first_fields));
  for (guint i = 0; methods[i] != NULL; i++)
    add_params (fields, methods[i]);
  g_array_append_vals (fields, last_fields, G_N_ELEMENTS (last_fields));
  for (guint i = 0; i < fields->len; i++)
    {
      VgpField *field = &g_array_index (fields, VgpField, i);

      if (strcmp (field->name, "method") == 0)
        set_choices (field, methods);
      if (strcmp (field->name, "colormap") == 0)
        set_choices (field, vtr_colormap_list ());
      if (field->default_text == NULL)
        field->default_text = "";
    }
  return fields;
}

const VgpField *
vgp_fields_get (guint *n_fields)
{
  static GArray *fields;
  static gsize once;

  if (g_once_init_enter (&once))
    {
      fields = make_fields ();
      g_once_init_leave (&once, 1);
    }
  *n_fields = fields->len;
  return (const VgpField *) (gpointer) fields->data;
}

const VgpField *
vgp_fields_find (const char *name)
{
  guint n_fields;
  const VgpField *fields = vgp_fields_get (&n_fields);

  for (guint i = 0; i < n_fields; i++)
    if (strcmp (fields[i].name, name) == 0)
      return &fields[i];
  return NULL;
}

const char *
vgp_fields_get_group_label (VgpFieldGroup group)
{
  static const char *const labels[VGP_N_GROUPS] = {
    [VGP_GROUP_MODEL] = N_ ("Model"),     [VGP_GROUP_METHOD] = N_ ("Method"),
    [VGP_GROUP_TARGET] = N_ ("Question"), [VGP_GROUP_PICTURE] = N_ ("Picture"),
    [VGP_GROUP_RESULT] = N_ ("Result"),
  };

  return labels[group];
}
