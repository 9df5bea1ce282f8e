"""How much of the code the tests run: told by ``python -m tests --coverage``, which fails where it falls."""

from __future__ import annotations

import json
from pathlib import Path

FLOORS = {"edgefake": 95.0, "benchmarks": 80.0}
"""Percent of the lines of each package that must run inside pytest. What tests start as programs of their own does not count."""


def shortfalls(measured: Path) -> list[str]:
    """Tell the coverage of each package, and return what fell below its floor; ``measured`` is SlipCover's JSON file."""
    if not measured.exists():
        return ["coverage: the tests came to no end"]
    files = json.loads(measured.read_text())["files"]
    found = []
    for package, floor in FLOORS.items():
        of_package = {name: counts for name, counts in files.items() if name.split("/")[0] == package}
        ran, missed = (sum(len(c[which]) for c in of_package.values()) for which in ("executed_lines", "missing_lines"))
        percent = 100 * ran / max(1, ran + missed)
        print(f"coverage of {package}: {percent:.1f} % of {ran + missed} lines")
        if percent < floor:
            for name, counts in sorted(of_package.items(), key=lambda file: -len(file[1]["missing_lines"]))[:8]:
                lines = counts["missing_lines"]
                print(f"  {name}: {len(lines)} lines never ran, such as {sorted(lines)[:12]}")
            found.append(f"coverage of {package} fell to {percent:.1f} %, below {floor} %")
    return found
