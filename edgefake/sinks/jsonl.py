"""Events or results as JSON lines, in a file or on stdout; ``docs/schema.md`` has their keys."""

from __future__ import annotations

import errno
import io
import json
import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from edgefake.errors import InputError, SinkError
from edgefake.pixels import Pixels
from edgefake.sinks.base import Every, Sink, StreamInfo, checked_every
from edgefake.sinks.retention import Series
from edgefake.streaming.events import Event
from edgefake.streaming.pictures import PictureKind
from edgefake.streaming.result import FrameResult


class JsonLinesSink(Sink):
    """Appends one line per event, or per frame with ``every="frame"``, to the file ``path`` (``"-"``: stdout), each
    handed to the system at once.

    The file is made for its owner's eyes alone, and anew when it was moved away or deleted. A line that was cut off by a crash is
    ended before the next, so that a reader loses no other. ``open`` raises ``SinkError`` when the file cannot be opened, ``send``
    when that was not called.

    Before it grows beyond ``rotate_mb`` (10⁶ bytes), and with ``rotate_daily`` at the first line of a day, it is put aside as
    ``NAME-NUMBER-TIME.SUFFIX`` (the time in UTC). Of such files ``keep_days`` and ``keep_mb`` are kept, without them all; the
    oldest go when the disk is full. Raises ``InputError`` for limits that are not above 0, or without a file to rotate.
    """

    name = "jsonl"

    def __init__(
        self,
        path: str | Path,
        *,
        every: Every = "event",
        picture: PictureKind | None = None,
        rotate_mb: float | None = None,
        rotate_daily: bool = False,
        keep_days: float | None = None,
        keep_mb: float | None = None,
    ) -> None:
        self.every, self.picture = checked_every(every), picture
        self._path = None if path == "-" else Path(path)
        self._file: _Appended | _Printed | None = None
        if rotate_mb is not None and not rotate_mb > 0:
            raise InputError(f"expected rotate_mb above 0, got {rotate_mb!r}: leave it out for one file without end")
        rotates = rotate_mb is not None or rotate_daily
        if not rotates and (keep_days or keep_mb):
            raise InputError("expected rotate_mb or rotate_daily with keep_days and keep_mb, got neither")
        if rotates and self._path is None:
            raise InputError("expected a file to rotate, got stdout: leave rotate_mb and rotate_daily out")
        self._rotation = None
        if rotates and self._path is not None:
            aside = Series(self._path.parent, self._path.stem, self._path.suffix, keep_days=keep_days, keep_mb=keep_mb)
            self._rotation = _Rotation(aside, None if rotate_mb is None else round(rotate_mb * 1e6), rotate_daily)

    def open(self, stream: StreamInfo) -> None:
        self._file = _Printed() if self._path is None else _Appended(self._path, self._rotation)

    def send(self, frame: Pixels | None, result: FrameResult) -> None:
        self._write(result.to_dict())

    def send_event(self, event: Event) -> None:
        self._write(event.to_dict())

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _write(self, line: dict[str, Any]) -> None:
        if self._file is None:
            raise SinkError(f"expected open() before results for {self._path or 'stdout'}, got a result: give the sink to watch")
        self._file.write(json.dumps(line))


@dataclass(frozen=True, slots=True)
class _Rotation:
    """When a file is put aside, and where."""

    aside: Series
    most: int | None
    """Bytes."""
    daily: bool

    def is_due(self, size: int, more: int, day: date) -> bool:
        """Whether it is, with ``size`` bytes of ``day`` in the file and ``more`` to come."""
        return size > 0 and ((self.most is not None and size + more > self.most) or (self.daily and day != date.today()))


class _Printed:
    """stdout, which stays open."""

    def write(self, line: str) -> None:
        print(line, flush=True)

    def close(self) -> None:
        """There is nothing to close."""


class _Appended:
    """A file that grows by whole lines."""

    def __init__(self, path: Path, rotation: _Rotation | None) -> None:
        self._path = path
        self._rotation = rotation
        self._torn, self._day = False, date.today()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._raw = _opened(path)
            self._begin()
        except OSError as error:
            raise SinkError(f"{path} cannot be written ({error.strerror or error}): give another file") from error

    def write(self, line: str) -> None:
        data = f"{line}\n".encode()
        while True:
            try:
                return self._append(data)
            except OSError as error:
                if error.errno == errno.ENOSPC and self._rotation and self._rotation.aside.make_room():
                    continue
                remedy = "make its folder again" if isinstance(error, FileNotFoundError) else "make room"
                raise SinkError(f"{self._path} cannot be written ({error.strerror or error}): {remedy}") from error

    def close(self) -> None:
        self._raw.close()

    def _append(self, data: bytes) -> None:
        """Write all of it or nothing; raises ``OSError``."""
        if not self._is_there():
            self._again()
        if self._rotation and self._rotation.is_due(os.fstat(self._raw.fileno()).st_size, len(data), self._day):
            os.rename(self._path, self._rotation.aside.next())
            self._again()
            self._rotation.aside.tidy()
        if self._torn:
            self._raw.write(b"\n")
            self._torn = False
        written = self._raw.write(data) or 0
        if written != len(data):
            self._torn = not self._took_back(written)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._day = date.today()

    def _took_back(self, written: int) -> bool:
        """Cut off what has been written of a line; whether that could be done."""
        try:
            os.ftruncate(self._raw.fileno(), os.fstat(self._raw.fileno()).st_size - written)
        except OSError:  # a pipe
            return written == 0
        return True

    def _again(self) -> None:
        """Open the file that is, or is made, at the path now."""
        fresh = _opened(self._path)
        self._raw.close()
        self._raw = fresh
        self._begin()

    def _begin(self) -> None:
        self._torn = not _ends_whole(self._path)
        self._day = date.fromtimestamp(os.fstat(self._raw.fileno()).st_mtime)

    def _is_there(self) -> bool:
        """Whether its path still leads to it: a deleted file takes lines that nobody will read."""
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._raw.fileno()))
        except FileNotFoundError:
            return False


def _opened(path: Path) -> io.FileIO:
    """To append to, unbuffered: a buffer would keep a line that failed and write it again."""
    return io.FileIO(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


def _ends_whole(path: Path) -> bool:
    """Whether the file is empty or ends with a line end; what is no regular file is taken as such."""
    if not path.is_file() or path.stat().st_size == 0:
        return True
    with path.open("rb") as stream:
        stream.seek(-1, 2)
        return stream.read() == b"\n"
