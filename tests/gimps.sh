# SPDX-License-Identifier: LGPL-3.0-or-later
#
# The two GIMPs that the tests run the plug-in in.  Sourced by tests/run.sh after cli/system.sh
# and tests/drivers.sh, POSIX sh.
#
#   GIMP 2.10  the system's, as in Debian 12
#   GIMP 3     a Debian 13 with GIMP in a folder of the user's cache, used with chroot: no mounts, no
#              second kernel, no change to the system; the system's compiler builds against it
#
# What is in the cache is used as it is; remove the folder for a newer one.
#
# Exports: VTR_TEST_GIMP3, the folder with Vitreous installed in it.  Set wherever such a folder is
# to be had, so that the tests fail, and are not skipped, when it was not made.

gimp3_suite=trixie
# GIMP with its headers, what else Vitreous is built with, a Vulkan driver, what draws icons.
gimp3_packages='gimp libgimp-3.0-dev
  libjson-glib-dev libpng-dev libgdk-pixbuf-2.0-dev libzip-dev libvulkan-dev libvulkan-volk-dev
  liblbfgs-dev libgomp1
  mesa-vulkan-drivers adwaita-icon-theme librsvg2-common'
gimp3_build=build-gimp3

gimp_needs ()
{
  want 'GIMP 2.10 and its headers' 'gimp libgimp2.0-dev' has_gimp2
  want 'what shows and drives windows' 'xvfb xauth xdotool imagemagick' has_window_tools
  want 'GTK 3 and its headers' libgtk-3-dev has_library gtk+-3.0
  want 'gettext' gettext has_command msgfmt
  want 'mmdebstrap, for a folder with GIMP 3' 'mmdebstrap eatmydata' has_folder_maker
}

has_gimp2 () { has_library gimp-2.0 && has_library gimpui-2.0 && has_command gimp-console-2.10; }

has_window_tools ()
{
  has_command Xvfb && has_command xauth && has_command xdotool && has_command import
}

has_folder_maker () { has_command mmdebstrap && has_command eatmydata; }

# Makes the folder unless it is in the cache.  Needs root, as installing packages does.
provide_gimp3 ()
{
  VTR_TEST_GIMP3=''
  grep -qs '^ID=debian$' /etc/os-release && has_folder_maker || return 0
  gimp3_cache=${XDG_CACHE_HOME:-$HOME/.cache}/vitreous-tests
  gimp3_folder=$gimp3_cache/gimp3-$(gimp3_key)
  VTR_TEST_GIMP3=$(pwd)/$gimp3_build/root
  export VTR_TEST_GIMP3
  mkdir -p "$gimp3_cache"
  [ -e "$gimp3_folder/usr/bin/gimp-console-3.0" ] ||
    attempt 'making a folder with GIMP 3 for the tests, some minutes' make_gimp3 || true
}

# The same wherever the same packages were asked for.
gimp3_key ()
{
  printf '%s\n' "$gimp3_suite" "$(dpkg --print-architecture)" $gimp3_packages |
    sha256sum | cut -c 1-16
}

# The folder appears when all is in it.
make_gimp3 ()
{
  gimp3_list=$(printf '%s,' $gimp3_packages)
  gimp3_mirror=$(debian_mirror) || return 1
  as_root rm -rf "$gimp3_folder" "$gimp3_folder.new"
  as_root eatmydata mmdebstrap --variant=minbase --mode=root \
    --aptopt='APT::Install-Recommends "false"' --dpkgopt='force-unsafe-io' \
    --include="${gimp3_list%,}" "$gimp3_suite" "$gimp3_folder.new" "$gimp3_mirror" &&
    as_root mv "$gimp3_folder.new" "$gimp3_folder"
}

# build_gimp3: Vitreous for that folder, and a copy of the folder, made of hard links where they can
# be, with it installed; /work in it is for the tests to write to.
build_gimp3 ()
{
  [ -n "$VTR_TEST_GIMP3" ] && [ -e "$gimp3_folder" ] || return 0
  step "configuring $gimp3_build" configure_gimp3
  step "building $gimp3_build" ninja -C "$gimp3_build"
  step 'installing Vitreous beside GIMP 3' install_gimp3
}

configure_gimp3 ()
{
  write_cross_file >"$gimp3_folder.cross" || return 1
  # Of another folder than last time: from the start.
  grep -qsF "$gimp3_folder.cross" "$gimp3_build/meson-private/cmd_line.txt" ||
    as_root rm -rf "$gimp3_build"
  configure "$gimp3_build" cc --cross-file "$gimp3_folder.cross" --prefix /usr \
    --libdir "lib/$(cc -print-multiarch)" -Dtests=false -Dwerror=true -Dgimp3=enabled -Dgimp2=disabled
}

# The compiler may be of several words: "ccache gcc".
write_cross_file ()
{
  cross_compiler=$(printf "'%s', " ${CC:-cc})
  sed -e "s|@ROOT@|$gimp3_folder|g" -e "s|@CC@|${cross_compiler%, }|" \
    -e "s|@MULTIARCH@|$(cc -print-multiarch)|" -e "s|@CPU@|$(uname -m)|" tests/gimp/gimp3.cross.in
}

install_gimp3 ()
{
  as_root rm -rf "$VTR_TEST_GIMP3"
  as_root cp -al "$gimp3_folder" "$VTR_TEST_GIMP3" ||
    { as_root rm -rf "$VTR_TEST_GIMP3" && as_root cp -a "$gimp3_folder" "$VTR_TEST_GIMP3"; } || return 1
  as_root meson install -C "$gimp3_build" --no-rebuild --destdir "$VTR_TEST_GIMP3" &&
    as_root install -d -m 1777 "$VTR_TEST_GIMP3/work"
}
