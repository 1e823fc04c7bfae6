#!/bin/sh
# SPDX-License-Identifier: LGPL-3.0-or-later
#
# Measures Vitreous against what one would use instead, side by side, and writes the figures into
# docs/benchmarks.md:
#
#   sh tests/bench/run.sh [--quick] [PART...]
#
# PART is any of agreement, roofline, forward, attention, photo, folder, explain, explain-memory,
# lavapipe; all by default.  --quick sees whether all runs, in some minutes, and only prints.
# Builds in build-bench; the peers and all that is made for them, some 8 GB, is kept in
# ~/.cache/vitreous-bench (remove it to have it anew).  explain takes 20 minutes, and its peers up
# to 16 GiB of memory.
#
# Close other programs.  VITREOUS_BENCH_LOCK=FILE takes an exclusive lock on FILE while it measures,
# for machines that several people share.

set -eu
cd "$(dirname "$0")/../.."
. cli/system.sh
. cli/fetch.sh
. tests/drivers.sh

here=tests/bench
build=$PWD/build-bench
vitreous=$build/cli/vitreous
bench_cache=${XDG_CACHE_HOME:-$HOME/.cache}/vitreous-bench
pictures='chelsea.png astronaut.png coffee.png rocket.jpg'
step_log=$(mktemp "${TMPDIR:-/tmp}/vitreous-bench.XXXXXX.log")
trap remove_fetched EXIT

bench_needs ()
{
  need 'the module venv of Python 3' python3-venv has_venv
  need 'OpenBLAS' libopenblas-dev has_library openblas
}

has_venv () { python3 -c 'import ensurepip, venv' 2>/dev/null; }

configure ()
{
  [ -e "$build/build.ninja" ] || meson setup "$build" --buildtype release -Dtests=true
}

# has_peers: whether what requirements.txt says was installed, and nothing since asks for other.
has_peers () { cmp -s "$here/requirements.txt" "$bench_cache/venv/requirements.txt"; }

install_peers ()
{
  [ -e "$bench_cache/venv/bin/python" ] || python3 -m venv "$bench_cache/venv"
  "$bench_cache/venv/bin/python" -m pip install --disable-pip-version-check -r \
    "$here/requirements.txt"
  cp "$here/requirements.txt" "$bench_cache/venv"
}

starter_path ()
{
  "$vitreous" inspect --json starter |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["path"])'
}

prepare ()
{
  set --
  for picture in $pictures; do
    set -- "$@" "$bench_cache/pictures/$picture"
  done
  "$bench_cache/venv/bin/python" "$here/prepare.py" "$(starter_path)" "$@"
}

results=$bench_cache/results
quick=''
if [ "${1-}" = --quick ]; then
  quick=--quick results=$bench_cache/results-quick
  shift
fi

satisfy build_needs bench_needs wheel_needs driver_needs
provide_drivers
mkdir -p "$bench_cache"
step 'configuring build-bench' configure
step 'building' ninja -C "$build" cli/vitreous tests/bench/bench-kernels
provide_starter
has_peers || step 'installing the peers, which are large' install_peers
provide_photos "$bench_cache/pictures" $pictures

export VITREOUS_BENCH_CACHE="$bench_cache" VITREOUS="$vitreous"
export VITREOUS_BENCH_KERNELS="$build/tests/bench/bench-kernels"
export HF_HUB_OFFLINE=1 HF_HUB_DISABLE_PROGRESS_BARS=1 TRANSFORMERS_VERBOSITY=error
step 'making models, graphs and photos' prepare
python3 "$here/measure.py" $quick "$results" "$@"
rm -f "$step_log"
if [ -n "$quick" ]; then
  exec python3 "$here/report.py" "$results"
fi
exec python3 "$here/report.py" "$results" docs/benchmarks.md
