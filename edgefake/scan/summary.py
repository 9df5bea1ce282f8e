"""What a scan found, in figures, and the files to look at first."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from edgefake.defaults import DEFAULT_MARGIN
from edgefake.errors import InputError
from edgefake.faces.geometry import Box, crop_square
from edgefake.images import read_image
from edgefake.report.cutouts import jpeg_of
from edgefake.scan.index import Index
from edgefake.scan.judge import THUMBNAIL_SIDE
from edgefake.scan.parts import Parts
from edgefake.scan.reading import Work
from edgefake.scan.rows import Row
from edgefake.scan.settings import Fingerprint
from edgefake.schema import SCHEMA
from edgefake.text import printable

TOP = 20
"""So many files are told, those with the highest p_fake."""

ERRORS = 20

BARS = 20
"""The histogram of p_fake has so many."""

COLUMNS = ("path", "sha256", "size", "kind", "status", "verdict", "p_fake", "error")


@dataclass(frozen=True, slots=True)
class Findings:
    """Of all rows of a scan."""

    folder: Path
    fingerprint: Fingerprint
    files: int
    bytes: int
    kinds: Counter[str]
    """How many pictures and videos; ``file`` where it could not be read."""
    outcomes: Counter[str]
    """How many files have which verdict, or, without one, which status."""
    different: int
    """How many files are no copy of another, as far as they could be read."""
    histogram: tuple[int, ...]
    """How many files have a p_fake in each of ``BARS`` equal parts of 0…1."""
    worst: tuple[Row, ...]
    """Whole rows, the highest p_fake first."""
    errors: tuple[Row, ...]
    """Rows of some files that could not be judged."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values only; ``docs/archives.md`` describes the keys."""
        told = ("path", "sha256", "kind", "verdict", "p_fake", "frames")
        return {
            "schema": SCHEMA,
            "out": str(self.folder),
            "fingerprint": self.fingerprint.id,
            "model": self.fingerprint.model,
            "files": self.files,
            "bytes": self.bytes,
            "different": self.different,
            "kinds": dict(self.kinds),
            "outcomes": dict(self.outcomes),
            "histogram": list(self.histogram),
            "worst": [{name: row[name] for name in told} for row in self.worst],
            "errors": [{"path": row["path"], "error": row["error"]} for row in self.errors],
        }


def findings_of(folder: Path, *, top: int = TOP) -> Findings:
    """That of the scan in ``folder``. Raises ``InputError`` where there is none."""
    parts = Parts(folder)
    fingerprint = parts.fingerprint()
    if fingerprint is None:
        raise InputError(f"expected the folder of a scan, got {printable(folder)}, which has no results: give the --out of one")
    kinds: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    bars = [0] * BARS
    index = Index()
    best: list[tuple[float, str, int]] = []
    errors: list[Row] = []
    files = size = different = 0
    for number, rows in _rows(parts):
        for row in rows:
            files += 1
            size += row["size"] or 0
            kinds[row["kind"] or "file"] += 1
            outcomes[row["verdict"] or row["status"]] += 1
            different += bool(row["sha256"]) and index.claim([(row["sha256"], row["path"])])[0]
            if row["status"] == "error" and len(errors) < ERRORS:
                errors.append(row)
            if row["p_fake"] is not None:
                bars[min(int(row["p_fake"] * BARS), BARS - 1)] += 1
                heapq.heappush(best, (row["p_fake"], row["path"], number))
                if len(best) > top:
                    heapq.heappop(best)
    index.close()
    worst = [_whole(parts, number, path) for _, path, number in sorted(best, reverse=True)]
    found = (files, size, kinds, outcomes, different, tuple(bars), tuple(worst), tuple(errors))
    return Findings(folder, fingerprint, *found)


def outcomes_of(parts: Parts) -> Counter[str]:
    """See ``Findings.outcomes``."""
    counts: Counter[str] = Counter()
    for _, table in parts.read(["status", "verdict"]):
        columns = (table.column(name).to_pylist() for name in ("status", "verdict"))
        counts.update(verdict or status for status, verdict in zip(*columns, strict=True))
    return counts


def top_face(row: Row) -> Row | None:
    """The face of a file that has the highest p_fake."""
    scored = [face for face in row["faces"] or () if face["p_fake"] is not None]
    return max(scored, key=lambda face: face["p_fake"], default=None)


def thumbnail_of(row: Row) -> bytes | None:
    """A JPEG of the top face of a file: the one that was kept, else from the picture itself, where that still can be read."""
    face = top_face(row)
    if face is None:
        return None
    if face["thumbnail"]:
        return bytes(face["thumbnail"])
    path = Work(row["path"]).local
    if row["kind"] != "picture" or row["frames"] != 1 or path is None:
        return None
    try:
        box = Box(face["x"], face["y"], face["width"], face["height"])
        return jpeg_of(crop_square(read_image(path), box, DEFAULT_MARGIN), THUMBNAIL_SIDE)
    except (InputError, MemoryError, cv2.error):  # gone, or another file by now
        return None


def _rows(parts: Parts) -> Iterator[tuple[int, list[Row]]]:
    for number, table in parts.read(COLUMNS):
        yield number, table.to_pylist()


def _whole(parts: Parts, number: int, path: str) -> Row:
    table = parts.table(number)
    found: Row = table.slice(table.column("path").to_pylist().index(path), 1).to_pylist()[0]
    return found
