/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/* A golden case: a checkpoint and what PyTorch says of it; make-golden.py writes them. */
#include <json-glib/json-glib.h>
#include <vitreous/vitreous.h>

typedef struct
{
  char *directory;
  JsonParser *parser;
  JsonObject *facts; /* owned by the parser */
  guint8 *data;      /* expected.bin */
  gsize n_bytes;
  VtrModel *model;
} GoldenCase;

/* Numbers of one input; the arrays are owned by the case. */
typedef struct
{
  const float *values;
  gsize n_values;
  guint shape[4];
  guint n_dims;
} GoldenArray;

/* NULL with a failed test where the model cannot be opened. */
GoldenCase *golden_case_open (const char *name);
void golden_case_close (GoldenCase *self);

guint golden_case_n_inputs (const GoldenCase *self);
JsonObject *golden_case_input (const GoldenCase *self, guint index);

/* The picture of an input as the library prepares it. */
VtrInput *golden_case_prepare (const GoldenCase *self, JsonObject *input);

/* The array @member of @object; FALSE where it has none. */
gboolean golden_case_get_array (const GoldenCase *self,
                                JsonObject *object,
                                const char *member,
                                GoldenArray *array);

/* [height][width][3], or NULL with a failed test where the shape is another. */
const guint8 *
golden_case_get_pixels (const GoldenCase *self, JsonObject *input, guint width, guint height);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GoldenCase, golden_case_close)
