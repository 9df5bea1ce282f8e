"""Tables of measurements that are kept as files."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks.figures import scans, speed
from edgefake.errors import InputError
from edgefake.tables import markdown_table

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "benchmarks" / "results", ROOT / "training" / "results")


def of_csv(path: Path) -> list[str]:
    """The table that a CSV is, its first line the heading. Raises ``InputError`` for a row that is longer or shorter."""
    with path.open(encoding="utf-8", newline="") as file:
        heading, *rows = csv.reader(file)
    for row in rows:
        if len(row) != len(heading):
            raise InputError(
                f"expected {len(heading)} values in each row of {path}, got {len(row)} in that of {row[:1]}: "
                "put quotation marks around values with commas"
            )
    return markdown_table(heading, rows)


_SPEED = [path for path in sorted(speed.FOLDER.glob("*.json")) if '"edgefake benchmark"' in path.read_text("utf-8")[:200]]
_SERVED = sorted(speed.FOLDER.glob("serve-*.json"))
_SCANNED = sorted(speed.FOLDER.glob("scan-*.json"))
_RAY = sorted(speed.FOLDER.glob("ray-*.json"))
_KILLED = sorted(speed.FOLDER.glob("kills-*.json"))
_MEMORY = sorted(speed.FOLDER.glob("memory-*.json"))

TABLES: Mapping[str, Callable[[], list[str]]] = {
    **{f"speed {path.stem}": partial(speed.table, path.name) for path in _SPEED},
    **{path.stem: partial(speed.service, path.name) for path in _SERVED},
    **{path.stem: partial(scans.engines, path.name) for path in _SCANNED},
    **{f"cost {path.stem}": partial(scans.cost, path.name) for path in _SCANNED},
    **{path.stem: partial(scans.ray, path.name) for path in _RAY},
    **{path.stem: partial(scans.kills, path.name) for path in _KILLED},
    **{path.stem: partial(scans.memory, path.name) for path in _MEMORY},
    **{path.stem: partial(of_csv, path) for folder in FOLDERS for path in sorted(folder.glob("*.csv"))},
}
