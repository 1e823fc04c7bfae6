#!/bin/sh
# SPDX-License-Identifier: LGPL-3.0-or-later
# A program elsewhere finds the installed library through pkg-config, compiles and runs.
# usage: pkg-config.sh BUILD_ROOT PREFIX PROGRAM.c COMPILER...
set -eu
build=$1 prefix=$2 program=$3
shift 3

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
meson install -C "$build" --no-rebuild --quiet --destdir "$stage"

pc=$(find "$stage" -name vitreous.pc)
# Installed for real the prefix is right; here everything lies below the stage.
sed -i "s|^prefix=.*|prefix=$stage$prefix|" "$pc"
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH

# The flags are words.
"$@" -Werror -o "$stage/program" "$program" $(pkg-config --cflags --libs vitreous)
LD_LIBRARY_PATH=$(pkg-config --variable=libdir vitreous) "$stage/program"
