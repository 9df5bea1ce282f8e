"""MPEG-4 frames as they are encoded, for files that can be played at any moment.

OpenCV's own files cannot: FFmpeg holds back a quarter of a megabyte, and its ``.mp4`` is worth nothing without an end. Here it
encodes into a pipe, as AVI, where it holds nothing back, and what comes out is put into a file frame by frame.
"""

from __future__ import annotations

import os
import tempfile
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import cv2

from edgefake.pixels import Pixels

_HEADER_BYTES = 8
"""The name and the size of a part of an AVI; one of zeros is an empty part of no meaning."""


class EncodedFile(ABC):
    """Writes MPEG-4 frames (uint8, H×W×3, BGR; an odd side is cut by one), about ``fps`` per second, to the existing ``path``.

    Raises ``ValueError`` when frames of such a size cannot be encoded, and ``OSError`` when the file cannot be opened. What goes
    wrong with it later is kept in ``error``.
    """

    def __init__(self, path: Path, size: tuple[int, int], fps: float) -> None:
        self.written = 0
        self.error: OSError | None = None
        self._fps, self._size = fps, (size[0] & -2, size[1] & -2)
        self._times: deque[float] = deque()
        with tempfile.TemporaryDirectory(prefix="edgefake-") as folder:
            pipe = os.path.join(folder, "frames.avi")
            os.mkfifo(pipe, 0o600)
            source = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
            self._encoder = cv2.VideoWriter(pipe, cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
            self._wake = os.open(pipe, os.O_WRONLY)
        self._source = os.fdopen(source, "rb")
        try:
            if not self._encoder.isOpened():
                raise ValueError(f"no video of {size[0]}×{size[1]} can be encoded")
            self._file = path.open("wb", buffering=0)
        except (OSError, ValueError):
            self._encoder.release()
            self._close_pipe()
            raise
        os.set_blocking(source, True)
        self._thread = threading.Thread(target=self._run, name="encoder", daemon=True)
        self._thread.start()

    def write(self, picture: Pixels, seconds: float) -> None:
        """Encode the next frame, which was seen ``seconds`` after the first one."""
        self._times.append(seconds)
        self._encoder.write(picture)

    def close(self) -> None:
        """Write what is encoded, and the index."""
        self._encoder.release()
        # All is in the pipe now. Its end may not come: a process that was forked meanwhile has it open too.
        os.set_blocking(self._source.fileno(), False)
        os.write(self._wake, bytes(_HEADER_BYTES))
        self._thread.join()
        self._close_pipe()
        with suppress(OSError):  # it can be played without
            if self.error is None and self.written:
                self._finish()
        self._file.close()

    @abstractmethod
    def _head(self, codec: bytes) -> bytes:
        """All that stands before the first frame; ``codec`` is what a decoder needs to know before it."""

    @abstractmethod
    def _append(self, packet: bytes, seconds: float, is_whole: bool) -> None:
        """Write one frame; one that ``is_whole`` needs no other to be decoded."""

    @abstractmethod
    def _finish(self) -> None:
        """Write what is known only at the end."""

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def _patch(self, place: int, data: bytes) -> None:
        end = self._file.tell()
        self._file.seek(place)
        self._write(data)
        self._file.seek(end)

    def _close_pipe(self) -> None:
        os.close(self._wake)
        self._source.close()

    def _run(self) -> None:
        for packet in _packets(self._source):
            if self.error is None and self._times:
                end = self._file.tell()
                try:
                    self._take(packet, self._times.popleft())
                except OSError as error:  # the rest is read all the same: the encoder must not wait for it
                    self.error = error
                    with suppress(OSError):
                        self._file.truncate(end)

    def _take(self, packet: bytes, seconds: float) -> None:
        picture = packet.find(b"\0\0\1\xb6")
        if not self.written:
            self._write(self._head(packet[:picture]))
        self._append(packet, seconds, picture >= 0 and packet[picture + 4] >> 6 == 0)
        self.written += 1


def _packets(source: BinaryIO) -> Iterator[bytes]:
    """The frames in an AVI stream, until there is nothing more to read: None where that does not block."""
    source.read(12)
    while len(header := source.read(_HEADER_BYTES) or b"") == _HEADER_BYTES:
        name, size = header[:4], int.from_bytes(header[4:], "little")
        if name == b"LIST" and source.read(4) == b"movi":
            continue
        data = source.read(size - 4 if name == b"LIST" else size + size % 2) or b""
        if name == b"00dc" and 0 < size <= len(data):
            yield data[:size]
