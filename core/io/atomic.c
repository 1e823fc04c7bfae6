/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "io/io.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

static gboolean
write_all (int fd, GBytes *bytes)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  while (size > 0)
    {
      const gssize n_written = write (fd, data, size);
      if (n_written < 0 && errno == EINTR)
        continue;
      if (n_written < 0)
        return FALSE;
      data += n_written;
      size -= (gsize) n_written;
    }
  return fsync (fd) == 0;
}

/* Makes the new name survive a power cut; the file is complete even if this fails. */
static void
sync_folder (const char *folder)
{
  const int fd = g_open (folder, O_RDONLY | O_CLOEXEC, 0);

  if (fd < 0)
    return;
  if (fsync (fd) != 0)
    g_debug ("cannot sync %s: %s", folder, g_strerror (errno));
  close (fd);
}

gboolean
vtr_write_atomically (const char *path, GBytes *bytes, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *temporary = g_build_filename (folder, ".vitreous-XXXXXX", NULL);
  const int fd = g_mkstemp_full (temporary, O_WRONLY | O_CLOEXEC, 0666);
  gboolean written = FALSE;
  int cause = errno;

  if (fd >= 0)
    {
      written = write_all (fd, bytes);
      cause = errno;
      if (close (fd) != 0 && written)
        {
          written = FALSE;
          cause = errno;
        }
      if (written && g_rename (temporary, path) != 0)
        {
          written = FALSE;
          cause = errno;
        }
      if (!written)
        g_unlink (temporary);
    }
  if (!written)
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_IO,
                   "The file %s cannot be written: %s; make room there or choose another folder.",
                   path, g_strerror (cause));
      return FALSE;
    }
  sync_folder (folder);
  return TRUE;
}
