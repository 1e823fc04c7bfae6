#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Each language of the plug-in has all that it shows, no more, and nothing that is only guessed.

usage: translations.py SOURCE_ROOT
"""

import gettext
import io
import pathlib
import shutil
import subprocess
import sys

SKIPPED = 77
TOOLS = ("xgettext", "msgmerge", "msgen", "msgfmt")
COPIES = "merged with the template: sh gimp-plugin/po/extract.sh tells how"


def output_of(*command, text=b""):
    """Standard output, as bytes; what the tool has to say against its input is an error."""
    ran = subprocess.run(command, input=text, capture_output=True, check=False)
    if ran.returncode:
        raise ValueError(ran.stderr.decode().strip())
    return ran.stdout


def read_catalogue(po, *checks):
    """What a program would find: msgid → msgstr, without what is fuzzy or not translated."""
    mo = output_of("msgfmt", *checks, "--output-file=-", "-", text=po)
    catalogue = gettext.GNUTranslations(io.BytesIO(mo))._catalog
    return {msgid: msgstr for msgid, msgstr in catalogue.items() if msgid != ""}


def label_complaints(msgid, msgstr, language):
    """Of labels: what of them belongs to the menu stays; Chinese has no letters to underline."""
    if msgid.endswith("...") and not msgstr.endswith("..."):
        yield f"“{msgstr}” does not end in ... as “{msgid}” does."
    if msgid.startswith("<") and msgid.rpartition("/")[0] != msgstr.rpartition("/")[0]:
        yield f"“{msgstr}” is no place in the menu that “{msgid}” is in."
    bare = msgstr[:-3] if msgstr.endswith("...") else msgstr
    if language.startswith("zh") and "_" in msgid and bare[-4:-2] + bare[-1:] != "(_)":
        yield f"“{msgstr}” does not end in (_X), so “{msgid}” has no letter to press."


def complaints(po_folder, language, template):
    merged = output_of("msgmerge", "--quiet", "--no-fuzzy-matching", "--output-file=-",
                       po_folder / f"{language}.po", "-", text=template)
    wanted = read_catalogue(output_of("msgen", "-", text=template))
    written = (po_folder / f"{language}.po").read_bytes()
    found = read_catalogue(written)
    # The flags that say what is a format are the template's.
    read_catalogue(merged, "--check", "--check-accelerators=_")
    yield from (f"“{msgid}” is not translated." for msgid in wanted if msgid not in found)
    yield from (f"“{msgid}” is shown nowhere." for msgid in found if msgid not in wanted)
    if b"\n#~ " in written:
        yield f"keeps what is shown no more; it wants to be {COPIES}."
    for msgid, msgstr in found.items():
        yield from label_complaints(msgid, msgstr, language)


def main(root):
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        print(f"{', '.join(missing)} not found: install gettext")
        return SKIPPED
    po_folder = pathlib.Path(root) / "gimp-plugin/po"
    template = output_of("sh", po_folder / "extract.sh")
    languages = (po_folder / "LINGUAS").read_text(encoding="utf-8").split()
    wrong = []
    for language in languages:
        try:
            wrong += [f"{language}: {what}" for what in complaints(po_folder, language, template)]
        except ValueError as error:
            wrong.append(f"{language}: {error}")
    if {path.stem for path in po_folder.glob("*.po")} != set(languages):
        wrong.append("LINGUAS does not name the .po files that there are.")
    print("\n".join(wrong))
    return 1 if wrong or not languages else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
