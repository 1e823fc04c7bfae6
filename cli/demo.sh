#!/bin/sh
# SPDX-License-Identifier: LGPL-3.0-or-later
#
# From nothing to the attention layers of a photo:
#
#   sh cli/demo.sh [PHOTO...]
#
# Installs what the build needs (Debian and Ubuntu), builds in build-demo, imports the starter
# model, explains each photo on a Vulkan device and names the files written, which go to
# vitreous-out in the folder you call it from.  Without a PHOTO it takes one that scikit-image
# ships.  What is there already is not installed, fetched or built again.

set -eu
here=$PWD
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/cli/system.sh"
. "$root/cli/fetch.sh"

build=$root/build-demo
vitreous=$build/cli/vitreous
photo=astronaut.png
out=$here/vitreous-out
step_log=$(mktemp "${TMPDIR:-/tmp}/vitreous-demo.XXXXXX.log")
trap remove_fetched EXIT

configure ()
{
  [ -e "$build/build.ninja" ] || meson setup "$build" "$root" --buildtype release -Dtests=false
}

has_vulkan_device () { "$vitreous" devices 2>/dev/null | grep -q 'vulkan:'; }

vulkan_driver_needs ()
{
  need 'a Vulkan driver; this software one works on any machine' mesa-vulkan-drivers \
    has_vulkan_device
}

satisfy build_needs
step 'configuring' configure
step 'building' ninja -C "$build"

provide_starter
if [ $# = 0 ]; then
  provide_photos "$fetch_cache" "$photo"
  set -- "$fetch_cache/$photo"
fi

satisfy vulkan_driver_needs
say "* explaining $*"
status=0
files=$("$vitreous" explain -m starter --device vulkan -o "$out" "$@") || status=$?
rm -f "$step_log"
[ -z "$files" ] || say "
Written:
$files"
exit "$status"
