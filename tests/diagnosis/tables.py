#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Writes the tables of docs/diagnosis.md: rules as the program has them, and what is found of what
is planted.

    tables.py rules|findings...

wants VITREOUS (the program), VITREOUS_TEST_SHAPES, VTR_TEST_STARTER and VTR_TEST_PHOTOS.
"""

import json
import pathlib
import re
import sys
import tempfile

import clinic
import plants

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs/diagnosis.md"
FIELDS = [("when", "condition"), ("evidence", "evidence"), ("cause", "cause"),
          ("remedy", "remedy"), ("source", "source")]


def put(text, name, table):
    """The document with the table between its marks."""
    marks = f"<!-- {name} -->", f"<!-- end of {name} -->"
    pattern = re.compile(f"{re.escape(marks[0])}.*?{re.escape(marks[1])}", re.DOTALL)
    assert pattern.search(text), f"{DOCUMENT} has no place for {name}"
    return pattern.sub(lambda _: f"{marks[0]}\n\n{table}\n\n{marks[1]}", text)


def format_rules():
    result = clinic.run("diagnose", "--rules", "--json")
    assert result.returncode == 0, result.stderr
    lines = ["| rule | at worst | when | evidence | cause | remedy | source |",
             "|---|---|---|---|---|---|---|"]
    for rule in json.loads(result.stdout):
        cells = [f"`{rule['name']}`: {rule['title']}", rule["severity"],
                 *(rule[field] for _, field in FIELDS)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def examine(patients, names):
    """Rows: a plant, and of each patient what is named."""
    rows = []
    for name in names:
        expected, _ = plants.PLANTS[name]
        found = [clinic.name_findings(patient.plant(name)) for patient in patients]
        rows.append((name, expected, found))
        print(name, expected, found, file=sys.stderr, flush=True)
    return rows


def format_cell(expected, found):
    if not found:
        return "nothing"
    first, *others = found
    text = "found" if first == expected else f"**{first}**"
    return text + (", also " + ", ".join(others) if others else "")


def format_findings(patients, names, with_healthy):
    rows = examine(patients, names)
    lines = ["| planted | rule | " + " | ".join(p.name for p in patients) + " |",
             "|---|---|" + "---|" * len(patients)]
    if with_healthy:
        healthy = [clinic.name_findings(p.diagnose(p.model)) for p in patients]
        lines.append("| nothing: the healthy model | none | "
                     + " | ".join(", ".join(names) or "nothing" for names in healthy) + " |")
    for name, expected, found in rows:
        cells = " | ".join(format_cell(expected, f) for f in found)
        lines.append(f"| {name} | `{expected}` | {cells} |")
    counts = [sum(found[i][:1] == [expected] for _, expected, found in rows)
              for i in range(len(patients))]
    lines.append("| **found by name** | | "
                 + " | ".join(f"**{n} of {len(rows)}**" for n in counts) + " |")
    return "\n".join(lines)


def make_findings():
    with tempfile.TemporaryDirectory(prefix="vitreous-tables-") as folder:
        folder = pathlib.Path(folder)
        patients = [clinic.make_shapes(folder / "shapes"), clinic.make_starter()]
        assert patients[1], "VTR_TEST_STARTER and VTR_TEST_PHOTOS name no starter and photos"
        strangers = [clinic.without_sketch(patient, folder) for patient in patients]
        yield "findings", format_findings(patients, plants.PLANTS, True)
        yield "experiments", format_findings(strangers, clinic.REORDERINGS, True)


def main(*wanted):
    tables = [("rules", format_rules())] if "rules" in wanted else []
    if "findings" in wanted:
        tables += make_findings()
    text = DOCUMENT.read_text(encoding="utf-8")
    for name, table in tables:
        text = put(text, name, table)
    DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 2 or not set(sys.argv[1:]) <= {"rules", "findings"}:
        sys.exit(__doc__)
    main(*sys.argv[1:])
