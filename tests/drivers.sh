# SPDX-License-Identifier: LGPL-3.0-or-later
#
# The Vulkan drivers the tests run on, beside whatever the system has.  Sourced by tests/run.sh
# after cli/system.sh, POSIX sh.
#
#   lavapipe and RADV  of the Mesa in Debian's backports: the everyday driver, eight times faster
#                      than bookworm's; RADV compiles for AMD GPUs without one ("null hardware")
#   SwiftShader        of Debian's chromium-common: a second implementation of everything
#
# Their packages are downloaded and unpacked into a folder of the user's cache, never installed;
# apt's sources and lists are neither changed nor locked: apt is given private ones, made of the
# mirror that the user has.  What is in the cache is used as it is; remove the folder for newer.
#
# Exports, each empty where the driver is not to be had:
#   VTR_TEST_LAVAPIPE VTR_TEST_RADV VTR_TEST_SWIFTSHADER  driver manifests, for VK_ICD_FILENAMES
#   VTR_TEST_MESA_LIBS                                    for LD_LIBRARY_PATH with the first two

mesa_packages='mesa-vulkan-drivers mesa-libgallium libdrm-common libdrm2 libdrm-amdgpu1
  libdrm-intel1 libdrm-nouveau2 libdrm-radeon1'

# What the unpacked drivers link: the system's older Mesa brings the same libraries.
driver_needs ()
{
  want 'libraries of the Vulkan software drivers' 'mesa-vulkan-drivers libsensors5' \
    has_driver_libraries
}

has_driver_libraries ()
{
  has_file "/usr/lib/$(cc -print-multiarch)/libvulkan_lvp.so" &&
    has_file "/usr/lib/$(cc -print-multiarch)/libsensors.so.5"
}

provide_drivers ()
{
  drivers=${XDG_CACHE_HOME:-$HOME/.cache}/vitreous-tests/drivers-$(driver_platform)
  mkdir -p "$drivers"
  VTR_TEST_LAVAPIPE='' VTR_TEST_RADV='' VTR_TEST_SWIFTSHADER='' VTR_TEST_MESA_LIBS=''

  if is_debian; then
    [ -e "$drivers/mesa/versions" ] ||
      attempt 'fetching a newer Mesa for the tests, not installed' \
        unpack_packages "$drivers/mesa" $mesa_packages || true
    [ -e "$drivers/swiftshader/versions" ] ||
      attempt 'fetching SwiftShader for the tests, not installed' \
        unpack_packages "$drivers/swiftshader" chromium-common || true
  fi
  # Mesa's compiled kernels, which all builds have alike, and keep from run to run.
  MESA_SHADER_CACHE_DIR=${XDG_CACHE_HOME:-$HOME/.cache}/vitreous-tests/shaders
  export MESA_SHADER_CACHE_DIR
  mkdir -p "$MESA_SHADER_CACHE_DIR"
  use_mesa "$drivers/mesa"
  use_swiftshader "$drivers/swiftshader"
  export VTR_TEST_LAVAPIPE VTR_TEST_RADV VTR_TEST_SWIFTSHADER VTR_TEST_MESA_LIBS
}

# on_lavapipe COMMAND...: with that driver for all that asks for none; without it, as things are.
on_lavapipe ()
{
  [ -n "$VTR_TEST_LAVAPIPE" ] || { "$@"; return; }
  env VK_ICD_FILENAMES="$VTR_TEST_LAVAPIPE" VK_DRIVER_FILES="$VTR_TEST_LAVAPIPE" \
    LD_LIBRARY_PATH="$VTR_TEST_MESA_LIBS${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" "$@"
}

# bookworm-amd64: what the packages were made for.
driver_platform ()
{
  is_debian || { uname -m; return; }
  printf '%s-%s' "$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)" \
    "$(dpkg --print-architecture)"
}

use_mesa ()
{
  lavapipe=$(find "$1" -name libvulkan_lvp.so 2>/dev/null | head -n 1)
  if [ -n "$lavapipe" ] && links_all "$lavapipe"; then
    VTR_TEST_MESA_LIBS=$(dirname "$lavapipe")
    VTR_TEST_LAVAPIPE=$(manifest_for "$lavapipe" "$1"/usr/share/vulkan/icd.d/lvp_icd.*)
    VTR_TEST_RADV=$(manifest_for "$VTR_TEST_MESA_LIBS/libvulkan_radeon.so" \
      "$1"/usr/share/vulkan/icd.d/radeon_icd.*)
    return
  fi
  for manifest in /usr/share/vulkan/icd.d/lvp_icd.*; do
    [ ! -e "$manifest" ] || VTR_TEST_LAVAPIPE=$manifest
  done
}

use_swiftshader ()
{
  swiftshader=$(find "$1" -name libvk_swiftshader.so 2>/dev/null | head -n 1)
  [ -z "$swiftshader" ] ||
    VTR_TEST_SWIFTSHADER=$(manifest_for "$swiftshader" "$(dirname "$swiftshader")"/*_icd.json)
}

# links_all LIBRARY: whether all that it links is there, beside it or in the system.
links_all () { ! LD_LIBRARY_PATH=$(dirname "$1") ldd "$1" | grep 'not found'; }

# manifest_for LIBRARY MANIFEST: prints the path of a copy of the package's manifest that names the
# library where it lies unpacked.
manifest_for ()
{
  sed "s|\"library_path\": *\"[^\"]*\"|\"library_path\": \"$1\"|" "$2" >"${1%.so}.json"
  printf '%s' "${1%.so}.json"
}

# ---------------------------------------------------------------- packages, not installed

# unpack_packages DIRECTORY PACKAGE...: newest of the release and its backports.  DIRECTORY appears
# when all is in it; its file "versions" says what that is.
unpack_packages ()
(
  target=$1
  shift
  private=$drivers/apt
  mkdir -p "$private/lists/partial" "$private/archives"
  write_private_sources "$private/sources.list" || exit 1
  cd "$private/archives"
  private_apt -q update || exit 1
  release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  rm -f ./*.deb
  private_apt -q -t "$release-backports" download "$@" || exit 1
  rm -rf "$target" "$target.new"
  mkdir "$target.new"
  for deb in ./*.deb; do
    dpkg -x "$deb" "$target.new" || exit 1
    printf '%s\n' "${deb##*/}" >>"$target.new/versions"
  done
  rm -f ./*.deb
  mv "$target.new" "$target"
)

private_apt ()
{
  apt-get -o APT::Sandbox::User="$(id -un)" -o Dir::Etc::sourcelist="$private/sources.list" \
    -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$private/lists" \
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= "$@"
}

# The release and its backports, from the mirror that the user's own sources name for the release.
write_private_sources ()
{
  release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  mirror=$(debian_mirror) || return 1
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  trust=''
  [ ! -e "$keyring" ] || trust="[signed-by=$keyring] "
  printf "deb $trust%s %s main\n" "$mirror" "$release" "$mirror" "$release-backports" >"$1"
}

# Prints where the user's sources have the release from; it has the other releases, too.
debian_mirror ()
{
  release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  apt-get indextargets --format '$(RELEASE) $(SITE)' 'Created-By: Packages' |
    sed -n "s/^$release //p" | head -n 1 | grep . && return 0
  printf 'apt knows no source for %s.\n' "$release" >&2
  return 1
}
