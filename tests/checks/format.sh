#!/bin/sh
# SPDX-License-Identifier: LGPL-3.0-or-later
# All C is as clang-format 14 writes it; other versions differ in small things.
# usage: format.sh SOURCE_ROOT
set -eu
command -v clang-format-14 >/dev/null || { echo 'clang-format-14 is not installed'; exit 77; }
cd "$1"
for folder in core cli gimp-plugin tests; do
  [ ! -d "$folder" ] || find "$folder" -name '*.[ch]' -print0
done | xargs -0 clang-format-14 --dry-run -Werror
