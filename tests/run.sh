#!/bin/sh
# SPDX-License-Identifier: LGPL-3.0-or-later
#
# Installs what the tests need, builds, runs all tests; the last line is "N passed, N failed".
#
#   sh tests/run.sh
#
# Builds: build-tests, as released but with warnings as errors, runs everything;
# build-sanitized, under AddressSanitizer and UndefinedBehaviorSanitizer and with CBLAS, runs the
# suites unit, gpu, ops-cpu and fuzz, where each fuzzer is let loose for some seconds.
# A third, build-gimp3, is for the GIMP 3 that build-tests runs the suite gimp in, beside 2.10.

set -eu
cd "$(dirname "$0")/.."
. cli/system.sh
. cli/fetch.sh
. tests/drivers.sh
. tests/gimps.sh
. tests/python.sh

step_log=$(mktemp "${TMPDIR:-/tmp}/vitreous-tests.XXXXXX.log")

test_needs ()
{
  need 'the SPIR-V validator' spirv-tools has_command spirv-val
  want 'the SPIR-V reflector' spirv-cross has_command spirv-cross
  want 'the Vulkan validation layers' vulkan-validationlayers has_validation_layers
  need 'a browser and what reads its screenshots' 'chromium imagemagick' has_browser
  want 'OpenBLAS' libopenblas-dev has_library openblas
  want 'clang-format 14' clang-format-14 has_command clang-format-14
  want 'clang 14 with its fuzzer' 'clang-14 libclang-rt-14-dev' has_fuzzer
}

has_validation_layers ()
{
  has_file /usr/share/vulkan/explicit_layer.d/VkLayer_khronos_validation.json
}

has_browser () { has_command chromium && has_command convert; }

# provide_patients: the starter and photos that the suite cli finds planted faults with, fetched once
# into the cache of the tests; what the user has installed is left alone.
provide_patients ()
{
  vitreous=$PWD/build-tests/cli/vitreous
  patients=${XDG_CACHE_HOME:-$HOME/.cache}/vitreous-tests/patients
  (
    XDG_DATA_HOME=$patients
    export XDG_DATA_HOME
    trap remove_fetched EXIT
    provide_starter
    provide_photos "$patients/photos" chelsea.png astronaut.png coffee.png rocket.jpg
  ) || exit 1
  VTR_TEST_STARTER=$patients/vitreous/models/starter VTR_TEST_PHOTOS=$patients/photos
  export VTR_TEST_STARTER VTR_TEST_PHOTOS
}

# Whether the sanitized build is the one with CBLAS.
choose_blas () { if has_library openblas; then echo enabled; else echo auto; fi; }

has_fuzzer ()
{
  has_command clang-14 &&
    has_file "$(clang-14 -print-file-name="libclang_rt.fuzzer-$(uname -m).a")"
}

# Where GIMP 2.10 can be installed, it is no matter of luck whether its plug-in is tested.
choose_gimp2 () { if is_debian; then echo enabled; else echo auto; fi; }

# configure DIRECTORY COMPILER OPTION...: a new build folder, or that of last time.
configure ()
{
  configure_build=$1 configure_compiler=$2
  shift 2
  if [ -e "$configure_build/build.ninja" ]; then
    meson setup --reconfigure "$configure_build" "$@"
  else
    rm -rf "$configure_build"
    CC=$configure_compiler meson setup "$configure_build" "$@"
  fi
}

# run_suites DIRECTORY LOG ARGUMENT...: meson test there, a line a test, a failed one with its output.
# That one failed is not the end: the count tells it.  Tests that name no driver run on lavapipe.
run_suites ()
{
  suites_build=$1 suites_log=$2
  shift 2
  say ''
  on_lavapipe meson test -C "$suites_build" --logbase "$suites_log" --no-rebuild \
    --print-errorlogs --timeout-multiplier 3 "$@" || true
}

satisfy build_needs test_needs driver_needs gimp_needs python_needs
provide_drivers
provide_python
provide_gimp3
rm -f build-tests/meson-logs/testlog*.json build-sanitized/meson-logs/testlog*.json

step 'configuring build-tests' configure build-tests cc -Dtests=true -Dwerror=true \
  -Dgimp2="$(choose_gimp2)"
step 'building build-tests' ninja -C build-tests
build_gimp3
provide_patients
run_suites build-tests testlog

if has_fuzzer; then
  step 'configuring build-sanitized' configure build-sanitized clang-14 -Dtests=true -Dfuzz=true \
    -Dbuildtype=debugoptimized -Db_lundef=false -Dblas="$(choose_blas)" -Db_sanitize=address,undefined
  step 'building build-sanitized' ninja -C build-sanitized
  run_suites build-sanitized testlog --suite unit --suite ops-cpu --suite fuzz --no-suite gpu
  # Drivers leak, and are gone from memory when it is told what leaked.
  export ASAN_OPTIONS=detect_leaks=0
  run_suites build-sanitized testlog-gpu --suite gpu
fi

say ''
rm -f "$step_log"
exec python3 tests/count-results.py \
  $(find build-tests build-sanitized -path '*/meson-logs/testlog*.json' 2>/dev/null)
