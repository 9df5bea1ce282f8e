"""Tables of measurements that are kept as files."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks.figures import speed
from edgefake.tables import markdown_table

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "benchmarks" / "results", ROOT / "training" / "results")


def of_csv(path: Path) -> list[str]:
    """The table that a CSV is, its first line the heading."""
    with path.open(encoding="utf-8", newline="") as file:
        heading, *rows = csv.reader(file)
    return markdown_table(heading, rows)


_JSON = sorted(path.name for path in speed.FOLDER.glob("*.json"))
_SERVED = [name for name in _JSON if name.startswith("serve")]

TABLES: Mapping[str, Callable[[], list[str]]] = {
    **{f"speed {Path(name).stem}": partial(speed.table, name) for name in _JSON if name not in _SERVED},
    **{Path(name).stem: partial(speed.service, name) for name in _SERVED},
    **{path.stem: partial(of_csv, path) for folder in FOLDERS for path in sorted(folder.glob("*.csv"))},
}
