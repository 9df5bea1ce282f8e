"""What becomes of the workers' rows: duplicates get their result, the clips of a video come together, parts are written."""

from __future__ import annotations

import time
from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from typing import Any

from edgefake.scan import rows
from edgefake.scan.films import PART
from edgefake.scan.index import Entry, Index
from edgefake.scan.parts import Parts
from edgefake.scan.reading import Work
from edgefake.scan.rows import Row
from edgefake.scan.settings import Fingerprint
from edgefake.thresholds import Thresholds

PART_FILES = 1000
PART_SECONDS = 30.0
"""A part is written when it has so many rows, or its first one is so old: more is never lost, whatever ends the scan."""

_TABLES = 4
"""So many parts are kept open for duplicates of their files."""


@dataclass(slots=True)
class Collector:
    """Takes rows as workers give them, in any order."""

    parts: Parts
    index: Index
    fingerprint: Fingerprint
    thresholds: Thresholds
    part_files: int = PART_FILES
    extra: list[Work] = field(default_factory=list)
    """What is to be judged before all else: the clips of long videos."""
    finished: int = 0
    shared: int = 0
    failed: int = 0
    _rows: list[Row] = field(default_factory=list)
    _since: float = 0.0
    _by_key: dict[str, Row] = field(default_factory=dict)
    _waiting: defaultdict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    _films: defaultdict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    _tables: OrderedDict[int, Any] = field(default_factory=OrderedDict)

    @property
    def waiting(self) -> int:
        """How many files wait for the result of another."""
        return sum(map(len, self._waiting.values()))

    def add(self, row: Row) -> None:
        """Take in a row. Raises ``InputError`` where a part cannot be written."""
        if row["status"] == "same":
            self._share(row)
        elif row["status"] == "split":
            self.extra += _clips_of(row)
        elif row["clips"] is not None:
            film = self._films[row["path"]]
            film.append(row)
            if sum(part["end"] - part["first"] for part in film) == row["clips"]:
                del self._films[row["path"]]
                self._finish(rows.merged(sorted(film, key=_first), self.thresholds, self.fingerprint.prior))
        else:
            self._finish(row)
        self.write_if_due()

    def write_if_due(self) -> None:
        old = bool(self._rows) and time.monotonic() - self._since > PART_SECONDS
        if len(self._rows) >= self.part_files or old:
            self.write()

    def write(self) -> None:
        """Write what there is. Raises ``InputError`` where it cannot be."""
        if self._rows:
            number = self.parts.write(self._rows, self.fingerprint)
            self.index.add(number, [Entry(row["path"], rows.keys_of(row)) for row in self._rows])
            self._rows, self._by_key = [], {}

    def _finish(self, row: Row) -> None:
        row = rows.finished(row, model=self.fingerprint.model, fingerprint=self.fingerprint.id)
        self._since = self._since if self._rows else time.monotonic()
        self._rows.append(row)
        self.finished += 1
        self.failed += row["status"] == "error"
        for key in rows.keys_of(row):
            self._by_key.setdefault(key, row)
            for other in self._waiting.pop(key, ()):
                self._finish_shared(row, other)

    def _share(self, row: Row) -> None:
        known = self._by_key.get(row["same_as"]) or self._from_part(row["same_as"])
        if known is None:
            self._waiting[row["same_as"]].append(row)
        else:
            self._finish_shared(known, row)

    def _finish_shared(self, known: Row, row: Row) -> None:
        self.shared += 1
        self._finish(rows.shared(known, row))

    def _from_part(self, key: str) -> Row | None:
        number = self.index.part_of(key=key)
        if number is None:
            return None
        if number not in self._tables:
            self._tables[number] = self.parts.table(number)
            if len(self._tables) > _TABLES:
                self._tables.popitem(last=False)
        table = self._tables[number]
        self._tables.move_to_end(number)
        for column in ("sha256", "look"):
            values = table.column(column).to_pylist()
            if key in values:
                found: Row = table.slice(values.index(key), 1).to_pylist()[0]
                return found
        return None


def _clips_of(row: Row) -> list[Work]:
    clips = row["clips"]
    return [
        Work(row["path"], sha256=row["sha256"], size=row["size"], clips=clips, first=first, end=min(first + PART, clips))
        for first in range(0, clips, PART)
    ]


def _first(row: Row) -> int:
    return int(row["first"])
