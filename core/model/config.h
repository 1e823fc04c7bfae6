/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * VtrConfig: a JSON object beside the weights, read with bounds on size and depth and with types
 * checked: a key that is absent or null leaves the value alone, one of the wrong type is an error.
 */
#include "model/families.h"

typedef struct _VtrConfig VtrConfig;

/* @label names the file in messages. */
VtrConfig *vtr_config_parse (GBytes *bytes, const char *label, GError **error);
VtrConfig *vtr_config_read (const char *path, GError **error);

/* The object under @key, or NULL without error where there is none. */
VtrConfig *vtr_config_get_child (VtrConfig *self, const char *key, GError **error);
void vtr_config_unref (VtrConfig *self);

const char *vtr_config_get_label (VtrConfig *self);
gboolean vtr_config_has (VtrConfig *self, const char *key);

gboolean vtr_config_get_uint (VtrConfig *self, const char *key, guint *value, GError **error);
gboolean vtr_config_get_double (VtrConfig *self, const char *key, double *value, GError **error);
gboolean vtr_config_get_boolean (VtrConfig *self, const char *key, gboolean *value, GError **error);

/* Owned by @self. */
gboolean
vtr_config_get_string (VtrConfig *self, const char *key, const char **value, GError **error);

/* Strings of a list, or of an object that maps "0", "1", … to strings; NULL where a number is left
 * out.  *values stays NULL where the key is absent. */
gboolean
vtr_config_get_strings (VtrConfig *self, const char *key, GPtrArray **values, GError **error);

/* Names of the keys, in order; transfer container. */
GPtrArray *vtr_config_get_keys (VtrConfig *self);

/* Whole numbers of a list; *values, g_free () it, stays NULL where the key is absent. */
gboolean vtr_config_get_uints (VtrConfig *self,
                               const char *key,
                               guint **values,
                               guint *n_values,
                               GError **error);

/* A list of @n numbers, or one number that stands for all of them. */
gboolean
vtr_config_get_numbers (VtrConfig *self, const char *key, double *values, guint n, GError **error);

/* A list of @n numbers that must be there; null becomes NaN. */
gboolean
vtr_config_get_table (VtrConfig *self, const char *key, double *values, gsize n, GError **error);

/* [height, width] from a number, or from a list of two (or of three: channels first). */
gboolean
vtr_config_get_size (VtrConfig *self, const char *key, guint *height, guint *width, GError **error);

/* What the configuration files of one checkpoint say, before the weights have been looked at. */
typedef struct
{
  VtrArch arch;       /* the family's defaults, then what config.json states */
  guint32 stated;     /* VtrStated */
  guint32 no_bias;    /* 1 << VtrPart: config says that these have no bias */
  guint image_height; /* pixels of training pictures; 0: not stated */
  guint image_width;
  const char *licence; /* owned by the configuration */
  const char *architecture;
  GPtrArray *labels;       /* of strings, NULL: none */
  gboolean no_embed_class; /* timm: positions without rows for the prefix */
  const char *pool;        /* timm's global_pool */
  guint *layer_heads;      /* [n_layer_heads], owned; NULL: not stated */
  guint n_layer_heads;
  guint natural_width; /* timm: hidden size that the architecture has by itself; 0: not known */
} VtrStatement;

typedef enum
{
  VTR_STATED_HIDDEN_SIZE = 1 << 0,
  VTR_STATED_N_LAYERS = 1 << 1,
  VTR_STATED_MLP_SIZE = 1 << 2,
  VTR_STATED_PATCH_SIZE = 1 << 3,
  VTR_STATED_N_REGISTERS = 1 << 4,
  VTR_STATED_N_HEADS = 1 << 5,
  VTR_STATED_LABELS = 1 << 6,
  VTR_STATED_NO_EMBED_CLASS = 1 << 7,
  VTR_STATED_GATED = 1 << 8,
  VTR_STATED_N_CLASSES = 1 << 9,
} VtrStated;

void vtr_statement_clear (VtrStatement *self);

/* config.json of transformers; @self starts as @family says. */
gboolean vtr_statement_read_hf (VtrStatement *self,
                                const VtrFamily *family,
                                VtrConfig *config,
                                GError **error);

/* config.json of timm. */
gboolean vtr_statement_read_timm (VtrStatement *self,
                                  const VtrFamily *family,
                                  VtrConfig *config,
                                  GPtrArray *reasons,
                                  GError **error);

/* The key of what only Vitreous states in a config.json, of whatever world, and what it says:
 * "heads", how many each layer has. */
#define VTR_CONFIG_OWN "vitreous"
gboolean vtr_statement_read_own (VtrStatement *self, VtrConfig *config, GError **error);

/* preprocessor_config.json; @preprocess starts as the family's. */
gboolean vtr_preprocess_read_hf (VtrPreprocess *preprocess, VtrConfig *config, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VtrConfig, vtr_config_unref)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VtrStatement, vtr_statement_clear)
