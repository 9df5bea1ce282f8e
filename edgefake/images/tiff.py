"""The structure of TIFF files, which EXIF shares: directories of tags."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Tags = dict[int, tuple[Any, ...]]

# How struct reads the field types BYTE, ASCII, SHORT, LONG, SBYTE, UNDEFINED, SSHORT, SLONG, FLOAT, DOUBLE, IFD, and BigTIFF's.
_TYPES = {1: "B", 2: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q"}

MOST_PAGES = 10_000


@dataclass(frozen=True, slots=True)
class Tiff:
    """A TIFF, or the content of an EXIF block. Raises ``ValueError`` or ``struct.error`` where it is damaged."""

    data: bytes
    order: str
    """``<`` or ``>``, for struct."""
    big: bool
    """BigTIFF, with offsets of 64 bits."""

    @classmethod
    def of(cls, data: bytes) -> Tiff:
        order = {b"II": "<", b"MM": ">"}.get(data[:2])
        if order is None:
            raise ValueError("no TIFF")
        (magic,) = struct.unpack_from(f"{order}H", data, 2)
        if magic not in (42, 43):
            raise ValueError("no TIFF")
        return cls(data, order, magic == 43)

    def directories(self) -> Iterator[int]:
        """Where each directory begins."""
        seen: set[int] = set()
        offset = self._number(8, "Q") if self.big else self._number(4, "I")
        while offset:
            if offset in seen or len(seen) == MOST_PAGES:
                raise ValueError("its directories never end")
            seen.add(offset)
            yield offset
            offset = self._after(offset)

    def tags(self, directory: int, *, longest: int = 16) -> Tags:
        """The values of each tag that holds numbers, of at most ``longest`` each: many tags may point at the same many bytes."""
        found: Tags = {}
        count, first, size = self._entries(directory)
        for at in range(first, first + count * size, size):
            tag, kind = struct.unpack_from(f"{self.order}HH", self.data, at)
            number = self._number(at + 4, "Q" if self.big else "I")
            if kind not in _TYPES or number > longest or tag in found:
                continue
            where, room = (at + 12, 8) if self.big else (at + 8, 4)
            layout = f"{self.order}{number}{_TYPES[kind]}"
            if number * struct.calcsize(self.order + _TYPES[kind]) > room:
                where = self._number(where, "Q" if self.big else "I")
            if where + number > len(self.data):
                raise ValueError(f"its tag {tag} lies outside the file")
            found[tag] = struct.unpack_from(layout, self.data, where)
        return found

    def beginning_with(self, directory: int) -> bytes:
        """The file with ``directory`` as its first one."""
        if self.big:
            return self.data[:8] + struct.pack(f"{self.order}Q", directory) + self.data[16:]
        return self.data[:4] + struct.pack(f"{self.order}I", directory) + self.data[8:]

    def _entries(self, directory: int) -> tuple[int, int, int]:
        """How many there are, where the first lies and how long each is."""
        return (
            (self._number(directory, "Q"), directory + 8, 20) if self.big else (self._number(directory, "H"), directory + 2, 12)
        )

    def _after(self, directory: int) -> int:
        count, first, size = self._entries(directory)
        return self._number(first + count * size, "Q" if self.big else "I")

    def _number(self, at: int, kind: str) -> int:
        number: int = struct.unpack_from(f"{self.order}{kind}", self.data, at)[0]
        return number


def exif_orientation(block: bytes) -> int:
    """The orientation (1…8) that an EXIF block gives; 1 where it gives none or is damaged."""
    try:
        tiff = Tiff.of(block.removeprefix(b"Exif\0\0"))
        (orientation,) = tiff.tags(next(tiff.directories())).get(0x0112, (1,))[:1]
    except (ValueError, struct.error, StopIteration):
        return 1
    return int(orientation) if orientation in range(1, 9) else 1
