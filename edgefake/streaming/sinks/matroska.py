"""Matroska (``.mkv``) that can be played at any moment: every frame is in the file as soon as it was encoded.

OpenCV's own files cannot: FFmpeg holds back a quarter of a megabyte, and an ``.mp4`` is worth nothing without its end. Here it
encodes into a pipe, as AVI, where it holds nothing back, and the frames that come out are put into the file with their own times.
"""

from __future__ import annotations

import os
import struct
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import numpy.typing as npt

CLUSTER_MS = 2000
"""A cluster is a place that a player may jump to; it begins with a whole picture, the first one after so long."""
LONGEST_CLUSTER_MS = 30_000
"""Times in a cluster have 16 bits."""

_VOID_BYTES = 64
"""Kept free in front for the place of the index, which is known at the end."""
_UNKNOWN_SIZE = b"\x01" + b"\xff" * 7


class MatroskaWriter:
    """Writes MPEG-4 frames (uint8, H×W×3, BGR; an odd side is cut by one), about ``fps`` per second, to the existing ``path``.

    Raises ``ValueError`` when frames of such a size cannot be encoded, and ``OSError`` when the file cannot be opened. What goes
    wrong with it later is kept in ``error``.
    """

    def __init__(self, path: Path, size: tuple[int, int], fps: float) -> None:
        self.written = 0
        self.error: OSError | None = None
        self._fps, self._size = fps, (size[0] & -2, size[1] & -2)
        self._times: deque[int] = deque()
        self._last = -1
        self._cluster = -1
        self._cues: list[tuple[int, int]] = []
        """Time and place of each cluster."""
        self._segment = self._duration = 0
        with tempfile.TemporaryDirectory(prefix="edgefake-") as folder:
            pipe = os.path.join(folder, "frames.avi")
            os.mkfifo(pipe, 0o600)
            source = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
            self._encoder = cv2.VideoWriter(pipe, cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
        if not self._encoder.isOpened():
            os.close(source)
            raise ValueError(f"no video of {size[0]}×{size[1]} can be encoded")
        os.set_blocking(source, True)
        self._file = path.open("wb", buffering=0)
        self._thread = threading.Thread(target=self._run, args=(os.fdopen(source, "rb"),), name="matroska", daemon=True)
        self._thread.start()

    def write(self, picture: npt.NDArray[np.uint8], seconds: float) -> None:
        """Encode the next frame, which was seen ``seconds`` after the first one."""
        self._last = max(self._last + 1, round(1000 * seconds))
        self._times.append(self._last)
        self._encoder.write(picture)

    def close(self) -> None:
        """Write what is encoded, and the index."""
        self._encoder.release()
        self._thread.join()
        with suppress(OSError):  # it can be played without
            if self.error is None and self.written:
                self._finish()
        self._file.close()

    def _run(self, source: BinaryIO) -> None:
        with source:
            for packet in _packets(source):
                if self.error is None and self._times:
                    end = self._file.tell()
                    try:
                        self._append(packet, self._times.popleft())
                    except OSError as error:  # the rest is read all the same: the encoder must not wait for it
                        self.error = error
                        with suppress(OSError):
                            self._file.truncate(end)

    def _append(self, packet: bytes, ms: int) -> None:
        picture = packet.find(b"\0\0\1\xb6")
        is_whole = picture >= 0 and packet[picture + 4] >> 6 == 0
        begin = b"" if self.written else self._head(packet[:picture])
        since = ms - self._cluster
        if not self.written or (is_whole and since >= CLUSTER_MS) or since > LONGEST_CLUSTER_MS:
            self._end_cluster()
            self._cues.append((ms, self._file.tell() + len(begin)))
            begin += b"\x1f\x43\xb6\x75" + _UNKNOWN_SIZE + _element(0xE7, _number(ms))
            self._cluster, since = ms, 0
        block = b"\x81" + struct.pack(">hB", since, 0x80 if is_whole else 0) + packet
        self._write(begin + _element(0xA3, block))
        self.written += 1

    def _end_cluster(self) -> None:
        """Tell the size of the last cluster, which was unknown."""
        if self._cues:
            end, size_at = self._file.tell(), self._cues[-1][1] + 4
            self._patch(size_at, _size_of_8(end - size_at - 8))

    def _patch(self, place: int, data: bytes) -> None:
        end = self._file.tell()
        self._file.seek(place)
        self._write(data)
        self._file.seek(end)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def _head(self, codec_private: bytes) -> bytes:
        """All that stands before the first cluster."""
        kind = _element(0x4282, b"matroska") + _element(0x4287, b"\x04") + _element(0x4285, b"\x02")
        info = _element(0x2AD7B1, _number(1_000_000)) + _element(0x4D80, b"edgefake") + _element(0x5741, b"edgefake")
        info += _element(0x4489, struct.pack(">d", 0.0))  # the duration, told at the end
        video = _element(0xB0, _number(self._size[0])) + _element(0xBA, _number(self._size[1]))
        track = _element(0xD7, b"\x01") + _element(0x73C5, b"\x01") + _element(0x83, b"\x01") + _element(0x9C, b"\0")
        track += _element(0x23E383, _number(round(1e9 / self._fps))) + _element(0x86, b"V_MPEG4/ISO/ASP")
        track += _element(0x63A2, codec_private) + _element(0xE0, video)
        before = _element(0x1A45DFA3, kind) + b"\x18\x53\x80\x67" + _UNKNOWN_SIZE
        self._segment = len(before)
        self._duration = self._segment + _VOID_BYTES + len(_element(0x1549A966, info)) - 8
        return before + _void(_VOID_BYTES) + _element(0x1549A966, info) + _element(0x1654AE6B, _element(0xAE, track))

    def _finish(self) -> None:
        """The index, and in front where it is, how long the video is and how large the file."""
        self._end_cluster()
        index = self._file.tell()
        points = b""
        for ms, place in self._cues:
            where = _element(0xF7, b"\x01") + _element(0xF1, _number(place - self._segment))
            points += _element(0xBB, _element(0xB3, _number(ms)) + _element(0xB7, where))
        self._write(_element(0x1C53BB6B, points))
        size = self._file.tell() - self._segment
        seek = _element(0x4DBB, _element(0x53AB, b"\x1c\x53\xbb\x6b") + _element(0x53AC, _number(index - self._segment)))
        head = _element(0x114D9B74, seek)
        self._patch(self._segment, head + _void(_VOID_BYTES - len(head)))
        self._patch(self._duration, struct.pack(">d", self._last + 1000 / self._fps))
        self._patch(self._segment - 8, _size_of_8(size))


def _packets(source: BinaryIO) -> Iterator[bytes]:
    """The frames in an AVI stream that has no end yet."""
    source.read(12)
    while len(header := source.read(8)) == 8:
        name, size = header[:4], int.from_bytes(header[4:], "little")
        if name == b"LIST" and source.read(4) == b"movi":
            continue
        data = source.read(size - 4 if name == b"LIST" else size + size % 2)
        if name == b"00dc" and size:
            yield data[:size]


def _element(name: int, content: bytes) -> bytes:
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + (len(content) | 1 << 28).to_bytes(4, "big") + content


def _number(value: int) -> bytes:
    return value.to_bytes(8, "big")


def _size_of_8(size: int) -> bytes:
    return b"\x01" + size.to_bytes(7, "big")


def _void(size: int) -> bytes:
    return _element(0xEC, bytes(size - 5))
