#!/bin/sh
# SPDX-License-Identifier: LGPL-3.0-or-later
#
# The template of the translations: all that the plug-in shows, to standard output.
#
#   sh gimp-plugin/po/extract.sh >vitreous.pot
#   msgmerge --update --no-fuzzy-matching --add-location=file gimp-plugin/po/de.po vitreous.pot
set -eu
cd "$(dirname "$0")/../.."
xgettext --from-code=UTF-8 --language=C --keyword=_ --keyword=N_ --add-comments=TRANSLATORS \
  --add-location=file --sort-by-file --package-name=Vitreous --output=- \
  core/explain/*.c gimp-plugin/*.[ch]
