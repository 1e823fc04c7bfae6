#!/bin/sh
# SPDX-License-Identifier: LGPL-3.0-or-later
# Each shell script is one that a plain POSIX sh reads.
# usage: scripts.sh SOURCE_ROOT
set -eu
cd "$1"
plain=sh
! command -v dash >/dev/null || plain=dash
find .ci/run cli gimp-plugin tests -name '*.sh' -o -path .ci/run | while read -r script; do
  echo "$script"
  "$plain" -n "$script"
done
