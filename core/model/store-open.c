/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "model/store.h"

#include <string.h>

static GBytes *
map_file (const char *path, GError **error)
{
  g_autoptr (GError) why = NULL;
  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, &why);

  if (file == NULL)
    {
      const gboolean missing = g_error_matches (why, G_FILE_ERROR, G_FILE_ERROR_NOENT);
      g_set_error (error, VTR_ERROR, missing ? VTR_ERROR_NOT_FOUND : VTR_ERROR_IO,
                   "%s cannot be read: %s.", path, why->message);
      return NULL;
    }
  return g_mapped_file_get_bytes (file);
}

static gboolean
has_suffix (const char *path, const char *const suffixes[])
{
  g_autofree char *lower = g_ascii_strdown (path, -1);

  for (guint i = 0; suffixes[i] != NULL; i++)
    if (g_str_has_suffix (lower, suffixes[i]))
      return TRUE;
  return FALSE;
}

static gboolean
refuse_pickle (const char *path, GError **error)
{
  g_autofree char *quoted = g_shell_quote (path);

  g_set_error (
      error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
      "%s is a Python pickle, which can run code when it is read, so Vitreous does not read it.  "
      "Convert it once, where PyTorch is installed:\n  python3 -c \"import sys, torch; from "
      "safetensors.torch import save_file; d = torch.load(sys.argv[1], map_location='cpu', "
      "weights_only=True); d = d.get('state_dict', d.get('model', d)); save_file({k: "
      "v.contiguous().clone() for k, v in d.items() if torch.is_tensor(v)}, sys.argv[2], "
      "metadata={'format': 'pt'})\" %s model.safetensors",
      path, quoted);
  return FALSE;
}

static gboolean
starts_with (GBytes *bytes, const char *magic, gsize n)
{
  gsize size;
  const char *data = g_bytes_get_data (bytes, &size);

  return size >= n && memcmp (data, magic, n) == 0;
}

static VtrStore *
read_file (GBytes *bytes, const char *path, GError **error)
{
  static const char *const pickles[] = { ".bin", ".pth", ".pt", ".ckpt", ".pkl", ".pth.tar", NULL };
  static const char *const npz[] = { ".npz", NULL };
  static const char *const onnx[] = { ".onnx", NULL };
  static const char *const safetensors[] = { ".safetensors", NULL };

  if (has_suffix (path, safetensors))
    return vtr_store_from_safetensors (bytes, path, error);
  if (has_suffix (path, npz))
    return vtr_store_from_npz (bytes, path, error);
  if (has_suffix (path, onnx))
    return vtr_store_from_onnx (bytes, path, error);
  /* Pickles since protocol 2 start with 0x80; PyTorch's newer files are zips. */
  if (has_suffix (path, pickles) || starts_with (bytes, "\x80", 1) || starts_with (bytes, "PK", 2))
    {
      refuse_pickle (path, error);
      return NULL;
    }
  g_set_error (error, VTR_ERROR, VTR_ERROR_UNSUPPORTED,
               "%s: Vitreous reads .safetensors, .npz (vit_jax) and .onnx files, and directories "
               "with config.json and model.safetensors; this is none of them.",
               path);
  return NULL;
}

VtrStore *
vtr_store_open_file (const char *path, GError **error)
{
  g_autoptr (GBytes) bytes = map_file (path, error);
  VtrStore *store = bytes != NULL ? read_file (bytes, path, error) : NULL;

  if (store != NULL)
    vtr_store_set_mapped (store, bytes);
  return store;
}
