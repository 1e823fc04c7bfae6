#!/bin/sh
# SPDX-License-Identifier: LGPL-3.0-or-later
#
# with-driver.sh [--tap] DRIVER COMMAND...: runs COMMAND with one Vulkan driver and no other.
#
# DRIVER is lavapipe, swiftshader or radv; tests/run.sh says where each lies:
#   VTR_TEST_LAVAPIPE, VTR_TEST_SWIFTSHADER, VTR_TEST_RADV  the driver's ICD file, by absolute path
#   VTR_TEST_MESA_LIBS                                      folder of the libraries Mesa's want
# Without it the command is skipped: exit status 77, or with --tap a plan that says so.
set -eu

protocol=exit
if [ "$1" = --tap ]; then
  protocol=tap
  shift
fi
driver=$1
shift

case $driver in
  lavapipe) variable=VTR_TEST_LAVAPIPE icd=${VTR_TEST_LAVAPIPE-} ;;
  swiftshader) variable=VTR_TEST_SWIFTSHADER icd=${VTR_TEST_SWIFTSHADER-} ;;
  radv) variable=VTR_TEST_RADV icd=${VTR_TEST_RADV-} ;;
  *)
    echo "with-driver.sh: $driver is none of lavapipe, swiftshader, radv" >&2
    exit 2
    ;;
esac

if [ ! -f "$icd" ]; then
  reason="$variable names no driver; tests/run.sh fetches it"
  if [ $protocol = tap ]; then
    echo "1..0 # SKIP $reason"
    exit 0
  fi
  echo "$reason"
  exit 77
fi

export VK_ICD_FILENAMES="$icd" VK_DRIVER_FILES="$icd"
if [ "$driver" != swiftshader ] && [ -n "${VTR_TEST_MESA_LIBS-}" ]; then
  export LD_LIBRARY_PATH="$VTR_TEST_MESA_LIBS${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
fi
exec "$@"
