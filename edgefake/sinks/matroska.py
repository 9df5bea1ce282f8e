"""Matroska (``.mkv``) that can be played at any moment."""

from __future__ import annotations

import struct
from pathlib import Path

from edgefake.sinks.encoder import EncodedFile

CLUSTER_MS = 2000
"""A cluster is a place that a player may jump to; it begins with a whole picture, the first one after so long."""
LONGEST_CLUSTER_MS = 30_000
"""Times in a cluster have 16 bits."""

_VOID_BYTES = 64
"""Kept free in front for the place of the index, which is known at the end."""
_UNKNOWN_SIZE = b"\x01" + b"\xff" * 7


class MatroskaFile(EncodedFile):
    """A Matroska file whose clusters begin with whole pictures, with an index of them at its end."""

    def __init__(self, path: Path, size: tuple[int, int], fps: float) -> None:
        super().__init__(path, size, fps)
        self._last = -1
        self._cluster = -1
        self._cues: list[tuple[int, int]] = []
        """Time and place of each cluster."""
        self._segment = self._duration = 0

    def _append(self, packet: bytes, seconds: float, is_whole: bool) -> None:
        ms = self._last = max(self._last + 1, round(1000 * seconds))
        begin, since = b"", ms - self._cluster
        if not self._cues or (is_whole and since >= CLUSTER_MS) or since > LONGEST_CLUSTER_MS:
            self._end_cluster()
            self._cues.append((ms, self._file.tell()))
            begin = b"\x1f\x43\xb6\x75" + _UNKNOWN_SIZE + _element(0xE7, _number(ms))
            self._cluster, since = ms, 0
        block = b"\x81" + struct.pack(">hB", since, 0x80 if is_whole else 0) + packet
        self._write(begin + _element(0xA3, block))

    def _end_cluster(self) -> None:
        """Tell the size of the last cluster, which was unknown."""
        if self._cues:
            end, size_at = self._file.tell(), self._cues[-1][1] + 4
            self._patch(size_at, _size_of_8(end - size_at - 8))

    def _head(self, codec: bytes) -> bytes:
        kind = _element(0x4282, b"matroska") + _element(0x4287, b"\x04") + _element(0x4285, b"\x02")
        info = _element(0x2AD7B1, _number(1_000_000)) + _element(0x4D80, b"edgefake") + _element(0x5741, b"edgefake")
        info += _element(0x4489, struct.pack(">d", 0.0))  # the duration, told at the end
        video = _element(0xB0, _number(self._size[0])) + _element(0xBA, _number(self._size[1]))
        track = _element(0xD7, b"\x01") + _element(0x73C5, b"\x01") + _element(0x83, b"\x01") + _element(0x9C, b"\0")
        track += _element(0x23E383, _number(round(1e9 / self._fps))) + _element(0x86, b"V_MPEG4/ISO/ASP")
        track += _element(0x63A2, codec) + _element(0xE0, video)
        before = _element(0x1A45DFA3, kind) + b"\x18\x53\x80\x67" + _UNKNOWN_SIZE
        self._segment = len(before)
        self._duration = self._segment + _VOID_BYTES + len(_element(0x1549A966, info)) - 8
        return before + _void(_VOID_BYTES) + _element(0x1549A966, info) + _element(0x1654AE6B, _element(0xAE, track))

    def _finish(self) -> None:
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


def _element(name: int, content: bytes) -> bytes:
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + (len(content) | 1 << 28).to_bytes(4, "big") + content


def _number(value: int) -> bytes:
    return value.to_bytes(8, "big")


def _size_of_8(size: int) -> bytes:
    return b"\x01" + size.to_bytes(7, "big")


def _void(size: int) -> bytes:
    return _element(0xEC, bytes(size - 5))
