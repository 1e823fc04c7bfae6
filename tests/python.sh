# SPDX-License-Identifier: LGPL-3.0-or-later
#
# A Python with PyTorch and transformers, for tests of what is written for them.  Sourced by
# tests/run.sh after cli/system.sh, POSIX sh.  In the user's cache, made anew when the list of
# packages changes.
#
# Exports: VTR_TEST_PYTHON, empty where it could not be made; what needs it is then skipped.

python_requirements=tests/cli/requirements.txt

python_needs ()
{
  want 'what makes a Python environment' python3-venv has_venv
}

has_venv () { python3 -c 'import ensurepip' 2>/dev/null; }

provide_python ()
{
  python_cache=${XDG_CACHE_HOME:-$HOME/.cache}/vitreous-tests
  python_folder=$python_cache/python-$(sha256sum "$python_requirements" | cut -c 1-16)
  VTR_TEST_PYTHON=$python_folder/bin/python
  export VTR_TEST_PYTHON
  mkdir -p "$python_cache"
  [ -e "$python_folder/complete" ] ||
    attempt 'installing PyTorch for the tests, a minute or more' make_python ||
    VTR_TEST_PYTHON=''
}

make_python ()
{
  rm -rf "$python_folder" &&
    python3 -m venv "$python_folder" &&
    "$python_folder/bin/pip" install --quiet --no-compile --requirement "$python_requirements" &&
    touch "$python_folder/complete"
}
