#!/bin/sh
# SPDX-License-Identifier: LGPL-3.0-or-later
# Lets a fuzzer loose for some seconds, from the committed corpus.
# usage: run-fuzzer.sh FUZZER CORPUS SCRATCH
#
# What breaks the parser is kept in SCRATCH as crash-*: once mended, add it to the corpus as
# found-WHAT.  For a longer run call the fuzzer with -max_total_time of your own.
set -eu
mkdir -p "$3/new"
# Exit statuses: libFuzzer's own for a crash is Meson's for a skipped test.
# A fixed seed: the same tree gets the same inputs, so that a run can be repeated.
exec "$1" -seed=1 -max_total_time="${VTR_FUZZ_SECONDS:-15}" -max_len=8192 -rss_limit_mb=2048 -timeout=10 \
  -error_exitcode=1 -timeout_exitcode=1 -print_final_stats=1 -verbosity=0 \
  -artifact_prefix="$3/" "$3/new" "$2"
