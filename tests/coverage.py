"""How much of the code the tests run: told by ``python -m tests``, which fails where it falls."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

FLOORS = {"edgefake": 0.0, "training": 0.0, "convert": 0.0, "benchmarks": 0.0}
"""Percent of the lines of each package that must run inside pytest. What tests start as programs of their own does not count."""

Lines = dict[str, tuple[set[int], set[int]]]
"""Of each file the lines that ran and those that did not."""


def shortfalls(measured: Sequence[Path]) -> list[str]:
    """Tell the coverage of each package, and return what fell below its floor; ``measured`` are SlipCover's JSON files."""
    if not all(file.exists() for file in measured):
        return ["coverage: a part of the tests came to no end"]
    lines = united(measured)
    found = []
    for package, floor in FLOORS.items():
        files = {name: counted for name, counted in lines.items() if name.split("/")[0] == package}
        percent = share(files)
        print(f"coverage of {package}: {percent:.1f} % of {sum(len(ran | missed) for ran, missed in files.values())} lines")
        if percent < floor:
            for name, (_, missed) in sorted(files.items(), key=lambda file: -len(file[1][1]))[:8]:
                print(f"  {name}: {len(missed)} lines never ran, such as {sorted(missed)[:12]}")
            found.append(f"coverage of {package} fell to {percent:.1f} %, below {floor} %")
    return found


def united(measured: Sequence[Path]) -> Lines:
    """A line ran if it ran in any part."""
    lines: Lines = {}
    for file in measured:
        for name, counts in json.loads(file.read_text())["files"].items():
            ran, missed = lines.get(name, (set(), set()))
            ran = ran | {*counts["executed_lines"]}
            lines[name] = ran, (missed | {*counts["missing_lines"]}) - ran
    return lines


def share(files: Lines) -> float:
    ran, missed = (sum(len(counted[which]) for counted in files.values()) for which in (0, 1))
    return 100 * ran / max(1, ran + missed)
