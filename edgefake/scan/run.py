"""``scan``: sources → work that has no row yet → workers → rows → parts."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgefake.arguments import whole_number
from edgefake.errors import InputError
from edgefake.scan import rows
from edgefake.scan.collect import PART_FILES, Collector
from edgefake.scan.engines import LocalEngine, RayEngine
from edgefake.scan.extra import required
from edgefake.scan.index import Entry, Index
from edgefake.scan.limits import Limits
from edgefake.scan.parts import Parts
from edgefake.scan.reading import Work, local_path
from edgefake.scan.rows import File
from edgefake.scan.settings import Fingerprint, Settings
from edgefake.scan.sources import Unreadable, counted, listed, portable
from edgefake.text import printable


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a scan is."""

    done: int
    """Files that have a row, those from before included, as far as the sources were listed."""
    judged: int
    """Rows since the start."""
    failed: int
    total: int | None
    """None as long as it is not known."""
    seconds: float
    """Since the first file was handed out."""

    @property
    def per_second(self) -> float:
        return self.judged / self.seconds if self.seconds > 0 else 0.0

    @property
    def left_s(self) -> float | None:
        """So long it will take, as it was going so far."""
        if self.total is None or not self.judged:
            return None
        return max(0, self.total - self.done) / self.per_second


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scan has done."""

    fingerprint: Fingerprint
    judged: int
    """Rows that were added."""
    shared: int
    """So many of them have the result of another file."""
    failed: int
    there: int
    """Files that had a row before."""
    waiting: int
    """Files without a row, since the one whose result they share has none: another scan judges them."""
    seconds: float
    skipped: Counter[str]
    """The suffixes of files that were passed over."""


def scan(
    sources: Sequence[str],
    out: Path,
    settings: Settings | None = None,
    *,
    engine: str = "local",
    address: str | None = None,
    workers: int | None = None,
    limits: Limits | None = None,
    retry_failed: bool = False,
    part_files: int = PART_FILES,
    progress: Callable[[Progress], None] = lambda progress: None,
) -> Scanned:
    """Judge all files of ``sources`` that have no row in ``out`` yet.

    Args:
        sources: see ``sources.listed``.
        out: the folder for the results.
        settings: how files are judged.
        engine: ``local``, or ``ray`` with the ``address`` of a cluster; one is started on this machine where that is None.
        workers: how many processes judge; None: one for each core.
        limits: how much of the machine each may take.
        retry_failed: judge files again whose row says that they could not be.
        part_files: a part is written when it has so many rows, or is ``PART_SECONDS`` old.
        progress: called now and then.

    Raises ``InputError`` where the results in ``out`` follow from other settings, and what opening a ``Detector`` raises.
    """
    required("pyarrow")
    settings, limits = settings or Settings(), limits or Limits()
    workers = None if workers is None else whole_number("workers", workers)
    part_files = whole_number("part_files", part_files)
    if engine not in ("local", "ray"):
        raise InputError(f"expected an engine of local, ray, got {printable(engine)}")
    if engine == "local" and address is not None:
        raise InputError(f"expected the engine ray with an address, got {printable(address)} with local: leave it out")
    with settings.open() as detector:
        fingerprint, thresholds = Fingerprint.of(detector, settings), detector.thresholds
    parts, index = Parts(out), Index()
    parts.lock()
    running: LocalEngine | RayEngine | None = None
    try:
        _check(parts, fingerprint)
        _settle(parts, index, enter(parts, index))
        outdated: set[int] = set()
        if retry_failed:
            index.close()
            index = Index()
            outdated = enter(parts, index, forget_failed=True)
        if engine == "local":
            running = LocalEngine(settings, fingerprint, index, workers=workers, limits=limits)
        else:
            running = RayEngine(
                settings, fingerprint, parts, workers=workers, limits=limits, address=address, forget_failed=retry_failed
            )
        job = _Scan(sources, index, Collector(parts, index, fingerprint, thresholds, part_files), progress)
        try:
            result = job.run(running)
        finally:
            job.collector.write()
        _settle(parts, index, outdated, listed_again=sources)
        return result
    finally:
        if running is not None:
            running.close()
        index.close()
        parts.close()


def enter(parts: Parts, index: Index, *, forget_failed: bool = False) -> set[int]:
    """Enter the rows of all parts into ``index``; the numbers of parts with rows that have, or will have, newer ones."""
    outdated: set[int] = set()
    for number, table in parts.read(["path", "sha256", "look", "status"]):
        entries = []
        for row in table.to_pylist():
            if forget_failed and row["status"] == "error":
                outdated.add(number)
            else:
                entries.append(Entry(row["path"], rows.keys_of(row)))
        outdated |= index.add(number, entries)
    return outdated


def _settle(parts: Parts, index: Index, outdated: set[int], listed_again: Sequence[str] = ()) -> None:
    """Take rows away that have a newer one, and those of sources that could not be listed and now were."""
    again = {portable(source) for source in listed_again}

    def wanted(path: str, number: int) -> bool:
        part = index.part_of(path=path)
        return part == number or (part is None and not _is_listed(path, again))

    for number in sorted(outdated):
        parts.keep(number, lambda path: wanted(path, number))  # noqa: B023


def _is_listed(path: str, sources: set[str]) -> bool:
    """Whether ``path`` is no file but one of ``sources`` or a folder in one: only what fails to be listed has a row itself."""
    if path in sources:
        return True
    return any(path.startswith(f"{source.rstrip('/')}/") for source in sources) and os.path.isdir(local_path(path))


def _check(parts: Parts, fingerprint: Fingerprint) -> None:
    there = parts.fingerprint()
    if there is not None and there != fingerprint:
        raise InputError(
            f"{printable(parts.folder)} has results that follow from other settings ({'; '.join(fingerprint.differs(there))}): "
            "give --out another folder, or the settings of then"
        )


class _Scan:
    def __init__(self, sources: Sequence[str], index: Index, collector: Collector, progress: Callable[[Progress], None]) -> None:
        self._sources, self._index, self._progress = sources, index, progress
        self.collector = collector
        self._skipped: Counter[str] = Counter()
        self._there = 0
        self._total: int | None = None
        self._found = self._new_work()
        self._started = 0.0

    def run(self, engine: LocalEngine | RayEngine) -> Scanned:
        threading.Thread(target=self._count, daemon=True, name="counter").start()
        self._started = time.monotonic()
        collector = self.collector
        more = True
        while more:
            for judged in engine.stream(self._batches(engine.batch)):
                for row in judged:
                    collector.add(row)
                self._progress(self._now())
            more = bool(collector.extra)
        seconds = time.monotonic() - self._started
        told = (collector.finished, collector.shared, collector.failed, self._there, collector.waiting)
        return Scanned(collector.fingerprint, *told, seconds, self._skipped)

    def _batches(self, size: int) -> Iterator[list[Work]]:
        """What comes up while others are judged comes first."""
        while True:
            batch: list[Work] = []
            while len(batch) < size:
                work = self.collector.extra.pop(0) if self.collector.extra else next(self._found, None)
                if work is None:
                    break
                batch.append(work)
                if work.clips is not None:
                    break  # clips take long: each worker gets some
            if not batch:
                return
            yield batch

    def _new_work(self) -> Iterator[Work]:
        for source in self._sources:
            for found in listed(source, skipped=self._skipped):
                path = found.path
                assert path is not None
                if not self._index.take(path):
                    self._there += 1
                elif isinstance(found, Unreadable):
                    self.collector.add(rows.error_row(File(path), found.error))
                else:
                    yield found

    def _count(self) -> None:
        self._total = counted(self._sources)

    def _now(self) -> Progress:
        judged, failed = self.collector.finished, self.collector.failed
        return Progress(self._there + judged, judged, failed, self._total, time.monotonic() - self._started)
