/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * To be preloaded under the program: makes happen what a test cannot wait for.  Keys of
 * VITREOUS_TEST_FAULT, one at a time:
 *
 *   no-loader  there is no Vulkan loader
 *   lost       the device is lost in the first run
 *   gone       the device is lost in the first run and cannot be opened again
 *   memory     pictures that are taller than wide are too much for the device
 *   full       the disk is full: of a file in the folder vitreous-out the first bytes are written
 *   slow       every run takes at least a tenth of a second
 *   wrong      of the ops that are verified, the first comes out wrong and the second failed; the
 *              others are the processor's
 */
#include <vitreous/vitreous.h>

#include <dlfcn.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

/* What a full disk still takes of a file. */
#define LAST_BYTES 100

static gboolean
fault_is (const char *name)
{
  return g_strcmp0 (g_getenv ("VITREOUS_TEST_FAULT"), name) == 0;
}

void *
dlopen (const char *name, int flags)
{
  static void *(*next) (const char *, int);

  if (next == NULL)
    *(void **) &next = dlsym (RTLD_NEXT, "dlopen");
  if (name != NULL && strstr (name, "libvulkan.so") != NULL && fault_is ("no-loader"))
    return NULL;
  return next (name, flags);
}

static gboolean
is_output (int fd)
{
  g_autofree char *link = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autofree char *path = g_file_read_link (link, NULL);

  return path != NULL && strstr (path, "/vitreous-out/") != NULL;
}

ssize_t
write (int fd, const void *data, size_t size)
{
  static ssize_t (*next) (int, const void *, size_t);

  if (next == NULL)
    *(void **) &next = dlsym (RTLD_NEXT, "write");
  if (fault_is ("full") && is_output (fd))
    {
      if (lseek (fd, 0, SEEK_CUR) == 0 && size > LAST_BYTES)
        return next (fd, data, LAST_BYTES);
      errno = ENOSPC;
      return -1;
    }
  return next (fd, data, size);
}

VtrSession *
vtr_session_new (VtrDevice *device,
                 VtrModel *model,
                 VtrPrecision precision,
                 VtrProgressFunc progress,
                 gpointer progress_data,
                 GCancellable *cancellable,
                 GError **error)
{
  static __typeof__ (vtr_session_new) *next;
  static guint n_sessions;

  if (next == NULL)
    *(void **) &next = dlsym (RTLD_NEXT, "vtr_session_new");
  if (n_sessions++ > 0 && fault_is ("gone"))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_NO_DEVICE, "The device is gone.");
      return NULL;
    }
  return next (device, model, precision, progress, progress_data, cancellable, error);
}

GPtrArray *
vtr_session_explain (VtrSession *self,
                     VtrMethod *method,
                     VtrInput *const *inputs,
                     guint n_inputs,
                     VtrExplainFlags flags,
                     VtrProgressFunc progress,
                     gpointer progress_data,
                     GCancellable *cancellable,
                     GError **error)
{
  static __typeof__ (vtr_session_explain) *next;
  static guint n_runs;

  if (next == NULL)
    *(void **) &next = dlsym (RTLD_NEXT, "vtr_session_explain");
  if (n_runs++ == 0 && (fault_is ("lost") || fault_is ("gone")))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_DEVICE_LOST, "The device stopped responding.");
      return NULL;
    }
  for (guint i = 0; i < n_inputs && fault_is ("memory"); i++)
    if (vtr_input_get_n_rows (inputs[i]) > vtr_input_get_n_columns (inputs[i]))
      {
        g_set_error (error, VTR_ERROR, VTR_ERROR_OUT_OF_MEMORY,
                     "The device has too little memory.");
        return NULL;
      }
  if (fault_is ("slow"))
    g_usleep (G_USEC_PER_SEC / 10);
  return next (self, method, inputs, n_inputs, flags, progress, progress_data, cancellable, error);
}

VtrObservation *
vtr_session_observe (VtrSession *self,
                     VtrInput *input,
                     double temperature,
                     VtrProgressFunc progress,
                     gpointer progress_data,
                     GCancellable *cancellable,
                     GError **error)
{
  static __typeof__ (vtr_session_observe) *next;

  if (next == NULL)
    *(void **) &next = dlsym (RTLD_NEXT, "vtr_session_observe");
  if (fault_is ("lost"))
    {
      g_set_error (error, VTR_ERROR, VTR_ERROR_DEVICE_LOST, "The device stopped responding.");
      return NULL;
    }
  if (fault_is ("slow"))
    g_usleep (G_USEC_PER_SEC / 10);
  return next (self, input, temperature, progress, progress_data, cancellable, error);
}

VtrVerification *
vtr_device_verify (VtrDevice *self,
                   VtrProgressFunc progress,
                   gpointer progress_data,
                   GCancellable *cancellable,
                   GError **error)
{
  static __typeof__ (vtr_device_verify) *next;

  if (next == NULL)
    *(void **) &next = dlsym (RTLD_NEXT, "vtr_device_verify");
  if (!fault_is ("wrong"))
    return next (self, progress, progress_data, cancellable, error);

  /* What is right is said of the processor, which takes a twentieth of the time. */
  g_autoptr (VtrDevice) cpu = vtr_device_open ("cpu", error);
  VtrVerification *found =
      cpu != NULL ? next (cpu, progress, progress_data, cancellable, error) : NULL;
  if (found == NULL)
    return NULL;
  found->verdict = found->ops[0].verdict = VTR_VERDICT_WRONG;
  found->ops[0].nmse = found->ops[0].max_error = INFINITY;
  found->ops[0].problem = g_strdup ("In the case “odd”: there is no number.");
  found->ops[1].verdict = VTR_VERDICT_FAILED;
  found->ops[1].problem = g_strdup ("In the case “even”: there is no memory.");
  return found;
}
