/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * Hashes of checkpoints that were computed before, in ~/.cache/vitreous/hashes: summing up the
 * weights takes longer than a forward pass.  A checkpoint is known again by what the system says
 * of its files; any change to one of them changes that.
 */
#include "model/private.h"

#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#define GROUP "sha256"

/* Entries kept, the latest ones. */
#define MAX_ENTRIES 256

static char *
cache_path (void)
{
  return g_build_filename (g_get_user_cache_dir (), "vitreous", "hashes", NULL);
}

char *
vtr_hash_cache_stamp (VtrModel *self)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < self->files->len; i++)
    {
      struct stat info;

      if (stat (g_ptr_array_index (self->files, i), &info) != 0)
        return NULL;
      g_string_append_printf (text, "%ju %ju %jd %jd.%09ld %jd.%09ld\n", (uintmax_t) info.st_dev,
                              (uintmax_t) info.st_ino, (intmax_t) info.st_size,
                              (intmax_t) info.st_mtim.tv_sec, info.st_mtim.tv_nsec,
                              (intmax_t) info.st_ctim.tv_sec, info.st_ctim.tv_nsec);
    }
  return text->len > 0 ? g_compute_checksum_for_string (G_CHECKSUM_SHA256, text->str, -1) : NULL;
}

static gboolean
is_hash (const char *text)
{
  return text != NULL && strlen (text) == 64 && strspn (text, "0123456789abcdef") == 64;
}

static GKeyFile *
read_cache (void)
{
  g_autofree char *path = cache_path ();
  GKeyFile *cache = g_key_file_new ();

  /* One that is not there, or broken, is empty. */
  g_key_file_load_from_file (cache, path, G_KEY_FILE_NONE, NULL);
  return cache;
}

static void
drop_oldest (GKeyFile *cache)
{
  gsize n_keys = 0;
  g_auto (GStrv) keys = g_key_file_get_keys (cache, GROUP, &n_keys, NULL);

  for (gsize i = 0; i + MAX_ENTRIES < n_keys; i++)
    g_key_file_remove_key (cache, GROUP, keys[i], NULL);
}

char *
vtr_hash_cache_find (const char *stamp)
{
  g_autoptr (GKeyFile) cache = read_cache ();
  g_autofree char *hash = g_key_file_get_string (cache, GROUP, stamp, NULL);

  return is_hash (hash) ? g_steal_pointer (&hash) : NULL;
}

/* What cannot be written is computed again next time. */
void
vtr_hash_cache_add (const char *stamp, const char *hash)
{
  g_autofree char *path = cache_path ();
  g_autofree char *folder = g_path_get_dirname (path);
  g_autoptr (GKeyFile) cache = read_cache ();
  g_autoptr (GError) error = NULL;

  g_key_file_set_string (cache, GROUP, stamp, hash);
  drop_oldest (cache);
  if (g_mkdir_with_parents (folder, 0755) != 0 || !g_key_file_save_to_file (cache, path, &error))
    g_info ("A hash is not remembered: %s",
            error != NULL ? error->message : "there is no folder for it");
}
