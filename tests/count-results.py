#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Adds up Meson's test logs: each TAP line is a test, a program without TAP is one.

usage: count-results.py TESTLOG.json...

Prints "N passed, N failed" (", N skipped" if any were) and exits with 1 if any failed or none ran.
"""

import json
import re
import sys

TAP_LINE = re.compile(r"^\s*(not )?ok\b[^#]*(#\s*(skip|todo))?", re.IGNORECASE | re.MULTILINE)
OUTCOME = {"OK": "passed", "EXPECTEDFAIL": "passed", "SKIP": "skipped"}


def count_test(test):
    """What one entry of the log adds: {"passed": n, "failed": n, "skipped": n}."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    outcome = OUTCOME.get(test["result"], "failed")
    for line in TAP_LINE.finditer(test["stdout"] or ""):
        if line[3] and line[3].lower() == "skip":
            counts["skipped"] += 1
        else:
            counts["failed" if line[1] and not line[3] else "passed"] += 1
    # A program without TAP, or one that crashed between its lines.
    if not any(counts.values()) or (outcome == "failed" and not counts["failed"]):
        counts[outcome] += 1
    return counts


def main(paths):
    total = {"passed": 0, "failed": 0, "skipped": 0}
    failed = []
    for path in paths:
        with open(path, encoding="utf-8") as log:
            for line in log:
                test = json.loads(line)
                counts = count_test(test)
                for outcome, count in counts.items():
                    total[outcome] += count
                if counts["failed"]:
                    failed.append(test["name"])
    for name in failed:
        print(f"failed: {name}")
    skipped = f", {total['skipped']} skipped" if total["skipped"] else ""
    print(f"{total['passed']} passed, {total['failed']} failed{skipped}")
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
