"""Events or results as JSON lines, in a file or on stdout; ``docs/schema.md`` has their keys."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

from edgefake.errors import SinkError
from edgefake.pixels import Pixels
from edgefake.sinks.base import Every, Sink, StreamInfo, checked_every
from edgefake.streaming.events import Event
from edgefake.streaming.pictures import PictureKind
from edgefake.streaming.result import FrameResult


class JsonLinesSink(Sink):
    """Appends one line per event, or per frame with ``every="frame"``, to the file ``path`` (``"-"``: stdout), each
    handed to the system at once.

    The file is made for its owner's eyes alone, and anew when it was moved away or deleted. A line that was cut off, by a crash
    or a full disk, is ended before the next, so that a reader loses no other. ``open`` raises ``SinkError`` when the file cannot
    be opened, ``send`` when that was not called.
    """

    name = "jsonl"

    def __init__(self, path: str | Path, *, every: Every = "event", picture: PictureKind | None = None) -> None:
        self.every, self.picture = checked_every(every), picture
        self._path = None if path == "-" else Path(path)
        self._file: _Appended | _Printed | None = None

    def open(self, stream: StreamInfo) -> None:
        self._file = _Printed() if self._path is None else _Appended(self._path)

    def send(self, frame: Pixels | None, result: FrameResult) -> None:
        self._write(result.to_dict())

    def send_event(self, event: Event) -> None:
        self._write(event.to_dict())

    def _write(self, line: dict[str, Any]) -> None:
        if self._file is None:
            raise SinkError(f"expected open() before results for {self._path or 'stdout'}, got a result: give the sink to watch")
        self._file.write(json.dumps(line))

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


class _Printed:
    """stdout, which stays open."""

    def write(self, line: str) -> None:
        print(line, flush=True)

    def close(self) -> None:
        """There is nothing to close."""


class _Appended:
    """A file that grows by whole lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._raw = _opened(path)
            self._torn = not _ends_whole(path)
        except OSError as error:
            raise SinkError(f"{path} cannot be written ({error.strerror or error}): give another file") from error

    def write(self, line: str) -> None:
        data = f"{line}\n".encode()
        try:
            if not self._is_there():
                fresh = _opened(self._path)
                self._raw.close()
                self._raw, self._torn = fresh, not _ends_whole(self._path)
            if self._torn:
                self._raw.write(b"\n")
                self._torn = False
            written = self._raw.write(data)
        except OSError as error:
            remedy = "make its folder again" if isinstance(error, FileNotFoundError) else "make room"
            raise SinkError(f"{self._path} cannot be written ({error.strerror or error}): {remedy}") from error
        if written != len(data):
            self._torn = True
            raise SinkError(f"{self._path} took {written} of {len(data)} bytes: make room")

    def close(self) -> None:
        self._raw.close()

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
