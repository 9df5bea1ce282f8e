"""Fragmented MP4 (``.mp4``, ``.mov``): every frame is a fragment of its own, so that the file can be played at any moment."""

from __future__ import annotations

import struct
from pathlib import Path

from edgefake.sinks.encoder import EncodedFile

TICKS = 90_000
"""Per second, as in MPEG."""

_UNITY = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_SYNC, _NO_SYNC = 0x02000000, 0x01010000


class Mp4File(EncodedFile):
    """An MP4 that grows by one fragment a frame, with an index of the whole pictures at its end."""

    def __init__(self, path: Path, size: tuple[int, int], fps: float) -> None:
        super().__init__(path, size, fps)
        self._ticks = -1
        self._duration = 0
        """Where the duration stands."""
        self._whole: list[tuple[int, int]] = []
        """Time and place of the fragments that a player may jump to."""

    def _append(self, packet: bytes, seconds: float, is_whole: bool) -> None:
        self._ticks = max(self._ticks + 1, round(seconds * TICKS))
        if is_whole:
            self._whole.append((self._ticks, self._file.tell()))

        def fragment(data_at: int) -> bytes:
            run = struct.pack(">IiIII", 1, data_at, self._step, len(packet), _SYNC if is_whole else _NO_SYNC)
            track = _full("tfhd", 0, 0x020000, _u32(1)) + _full("tfdt", 1, 0, struct.pack(">Q", self._ticks))
            track += _full("trun", 0, 0x000701, run)
            return _box("moof", _full("mfhd", 0, 0, _u32(self.written + 1)), _box("traf", track))

        self._write(fragment(len(fragment(0)) + 8) + _box("mdat", packet))

    @property
    def _step(self) -> int:
        return max(1, round(TICKS / self._fps))

    def _head(self, codec: bytes) -> bytes:
        width, height = self._size
        zero = bytes(8)
        entry = bytes(6) + b"\0\1" + bytes(16) + struct.pack(">HH", width, height) + _u32(0x480000) * 2 + bytes(4) + b"\0\1"
        entry += bytes(32) + b"\0\x18\xff\xff" + _full("esds", 0, 0, _descriptors(codec))
        tables = _full("stsd", 0, 0, _u32(1), _box("mp4v", entry)) + _full("stts", 0, 0, zero[:4]) + _full("stsc", 0, 0, zero[:4])
        tables += _full("stsz", 0, 0, zero) + _full("stco", 0, 0, zero[:4])
        where = _box("dinf", _full("dref", 0, 0, _u32(1), _full("url ", 0, 1)))
        media = _full("mdhd", 0, 0, zero, _u32(TICKS), bytes(4), b"\x55\xc4\0\0")
        media += _full("hdlr", 0, 0, bytes(4), b"vide", bytes(12), b"edgefake\0")
        media += _box("minf", _full("vmhd", 0, 1, zero), where, _box("stbl", tables))
        track = _full("tkhd", 0, 3, zero, _u32(1), bytes(8), bytes(16), _UNITY, _u32(width << 16), _u32(height << 16))
        movie = _full("mvhd", 0, 0, zero, _u32(TICKS), bytes(4), _u32(0x10000), b"\1\0", bytes(10), _UNITY, bytes(24), _u32(2))
        extends = _full("mehd", 1, 0, zero) + _full("trex", 0, 0, _u32(1), _u32(1), _u32(self._step), bytes(8))
        before = _box("ftyp", b"isom", _u32(512), b"isomiso2iso6mp41")
        tracks = movie + _box("trak", track, _box("mdia", media))
        self._duration = len(before) + 8 + len(tracks) + 8 + 12
        return before + _box("moov", tracks, _box("mvex", extends))

    def _finish(self) -> None:
        self._patch(self._duration, struct.pack(">Q", self._ticks + self._step))
        places = b"".join(struct.pack(">QQBBB", ticks, place, 1, 1, 1) for ticks, place in self._whole)
        index = _full("tfra", 1, 0, _u32(1), _u32(0), _u32(len(self._whole)), places)
        self._write(_box("mfra", index, _full("mfro", 0, 0, _u32(len(index) + 24))))


def _box(name: str, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return _u32(len(content) + 8) + name.encode() + content


def _full(name: str, version: int, flags: int, *contents: bytes) -> bytes:
    return _box(name, _u32(version << 24 | flags), *contents)


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def _descriptors(codec: bytes) -> bytes:
    """What the stream is: MPEG-4 video, and what its decoder needs to know."""

    def descriptor(tag: int, content: bytes) -> bytes:
        size = len(content)
        return bytes([tag, size >> 21 & 0x7F | 0x80, size >> 14 & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size & 0x7F]) + content

    decoder = descriptor(4, b"\x20\x11" + bytes(11) + descriptor(5, codec))
    return descriptor(3, b"\0\1\0" + decoder + descriptor(6, b"\2"))
