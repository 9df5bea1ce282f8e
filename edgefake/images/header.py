"""What a picture file declares of itself, read before anything is decoded."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from edgefake.errors import InputError
from edgefake.images.tiff import Tags, Tiff, exif_orientation

# EXIF's orientations as quarter turns against the clock, then a flip of an axis (0: top and bottom, 1: left and right).
TURNS: dict[int, tuple[int, int | None]] = {
    1: (0, None),
    2: (0, 1),
    3: (2, None),
    4: (0, 0),
    5: (1, 0),
    6: (3, None),
    7: (3, 0),
    8: (1, None),
}


@dataclass(frozen=True, slots=True)
class Header:
    """One picture, or an animation whose pictures can only be decoded together."""

    format: str
    width: int
    height: int
    turn: tuple[int, int | None] = (0, None)
    """What the decoder leaves to be done to show it upright, as in ``TURNS``."""
    frames: int = 1
    """Above 1 in an animation."""
    alpha: bool = False
    premultiplied: bool = False
    bits: int = 8
    """Per sample."""
    white: float | None = None
    """The sample value of white, where the file declares another than the largest that fits."""
    transparent_grey: int | None = None
    """The grey that a PNG calls transparent."""
    hidden: bool = False
    """Whether an animated PNG hides one more picture, shown where animations are not."""
    tags: Tags | None = None
    """Of a TIFF's page, without the long ones."""
    start: int = 0
    """Where the bytes of this picture begin in the file: further pictures in a JPEG; the directory of a TIFF's page."""

    @property
    def count(self) -> int:
        """How many pictures are decoded together."""
        return self.frames + self.hidden

    @property
    def pixels(self) -> int:
        return self.width * self.height * self.count


def read_headers(data: bytes) -> list[Header]:
    """The pictures in a file; empty where it is no picture of a known format.

    Raises ``ValueError``, ``struct.error``, ``IndexError`` or ``KeyError`` where it is damaged, ``InputError`` without a name for
    raw files of cameras.
    """
    return next((read(data) for pattern, read in _FORMATS if pattern.match(data)), [])


def begins_as_picture(data: bytes) -> bool:
    """Whether a file that begins so is one that ``read_headers`` knows."""
    return any(pattern.match(data) for pattern, _ in _FORMATS)


def _jpeg(data: bytes) -> list[Header]:
    first = _one_jpeg(data, 0)
    return [
        first,
        *(further for further in _further_jpegs(data) if (further.width, further.height) == (first.width, first.height)),
    ]


def _one_jpeg(data: bytes, start: int) -> Header:
    orientation = 1
    for marker, body in jpeg_segments(data, start):
        if marker == 0xE1 and body.startswith(b"Exif\0\0") and orientation == 1:
            orientation = exif_orientation(body)
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            bits, height, width = struct.unpack_from(">BHH", body)
            return Header("JPEG", width, height, TURNS[orientation], bits=bits, start=start)
    raise ValueError("it has no frame header")


def jpeg_segments(data: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """The marker and content of each segment up to the first scan's."""
    at = start + 2
    while True:
        while data[at] == 0xFF and data[at + 1] == 0xFF:  # padding
            at += 1
        if data[at] != 0xFF:
            raise ValueError("a marker is missing in its header")
        marker = data[at + 1]
        (length,) = struct.unpack_from(">H", data, at + 2)
        yield marker, data[at + 4 : at + 2 + length]
        if marker == 0xDA:
            return
        at += 2 + length


def _further_jpegs(data: bytes) -> Iterator[Header]:
    """The other pictures that a multi-picture file (MPO) lists, without thumbnails and gain maps."""
    at = data.find(b"MPF\0", 0, 1 << 20)
    if at < 0:
        return
    base = at + 4
    try:
        tiff = Tiff.of(data[base : base + (1 << 16)])
        entries = bytes(tiff.tags(next(tiff.directories()), longest=4096).get(0xB002, ()))
    except (ValueError, struct.error, StopIteration):
        return
    for kind, _, offset, *_ in struct.iter_unpack(f"{tiff.order}IIIHH", entries[: len(entries) // 16 * 16]):
        start = base + offset
        thumbnail = kind & 0xFF0000 == 0x010000
        if offset and not thumbnail and data.startswith(b"\xff\xd8", start):
            segments = b"".join(body for marker, body in jpeg_segments(data, start) if marker in (0xE1, 0xE2))
            if b"hdrgm:" not in segments and b"21496" not in segments and b"HDRGainMap" not in segments:
                yield _one_jpeg(data, start)


def _png(data: bytes) -> list[Header]:
    chunks = [(kind, body) for kind, body, _ in png_chunks(data)]
    kinds = [kind for kind, _ in chunks]
    if kinds[0] != b"IHDR" or kinds.count(b"IHDR") > 1 or b"IDAT" not in kinds:
        raise ValueError("its parts are in disorder")
    width, height, bits, colour = struct.unpack_from(">IIBB", chunks[0][1])
    frames, hidden = _png_frames(chunks, width, height) if b"acTL" in kinds[: kinds.index(b"IDAT")] else (1, False)
    header = Header("PNG", width, height, frames=frames, hidden=hidden, alpha=colour in (4, 6), bits=bits)
    for kind, body in chunks:
        if kind == b"tRNS":
            header = replace(header, alpha=True, transparent_grey=struct.unpack(">H", body[:2])[0] if colour == 0 else None)
        elif kind == b"eXIf":
            header = replace(header, turn=TURNS[exif_orientation(bytes(body))])
        elif kind == b"sBIT" and bits == 16:
            header = replace(header, white=(1 << max(body)) - 1.0)
    return [header]


def _png_frames(chunks: list[tuple[bytes, memoryview]], width: int, height: int) -> tuple[int, bool]:
    """How many frames an animated PNG has, and whether it hides a further picture.

    Raises ``ValueError`` where they are not as they must be.
    """
    kinds = [kind for kind, _ in chunks]
    (declared,) = struct.unpack_from(">I", chunks[kinds.index(b"acTL")][1])
    controls = [body for kind, body in chunks if kind == b"fcTL"]
    numbers = [struct.unpack_from(">I", body)[0] for kind, body in chunks if kind in (b"fcTL", b"fdAT")]
    if kinds.count(b"acTL") > 1 or len(controls) != declared or not controls or numbers != list(range(len(numbers))):
        raise ValueError("its frames are in disorder")
    for control in controls:
        across, down, left, top, _, _, dispose, blend = struct.unpack_from(">IIIIHHBB", control, 4)
        if not (0 < across <= width - left and 0 < down <= height - top and dispose <= 2 and blend <= 1):
            raise ValueError("a frame of it lies outside the picture")
    for kind, following in pairwise(kinds):
        if kind == b"fcTL" and following not in (b"IDAT", b"fdAT"):
            raise ValueError("a frame of it has no pixels")
    return declared, b"fcTL" not in kinds[: kinds.index(b"IDAT")]


def png_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview, int]]:
    """The type, the content and the checksum of each chunk up to the end mark. Raises ``ValueError`` where that is missing."""
    view, at = memoryview(data), 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data):
            break
        if not kind.isalpha():
            raise ValueError("a part of it has no name")
        yield kind, view[at + 8 : at + 8 + length], struct.unpack_from(">I", data, at + 8 + length)[0]
        if kind == b"IEND":
            return
        at += 12 + length
    raise ValueError("it is cut short (no end mark)")


def png_of(chunks: Iterable[tuple[bytes, memoryview]]) -> bytes:
    """The PNG that has these chunks."""
    parts: list[bytes | memoryview] = [b"\x89PNG\r\n\x1a\n"]
    for kind, body in chunks:
        parts += [struct.pack(">I", len(body)), kind, body, struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))]
    return b"".join(parts)


def _bmp(data: bytes) -> list[Header]:
    if struct.unpack_from("<I", data, 14)[0] == 12:  # OS/2
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return [Header("BMP", abs(width), abs(height))]


def _webp(data: bytes) -> list[Header]:
    width = height = frames = 0
    alpha, animated, orientation = False, False, 1
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + min(length, 1 << 16)]
        if kind == b"VP8X":
            alpha, animated = bool(body[0] & 0x10), bool(body[0] & 0x02)
            width, height = 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
        elif kind == b"VP8 " and not width:
            width, height = (size & 0x3FFF for size in struct.unpack_from("<HH", body, 6))
        elif kind == b"VP8L" and not width:
            sizes = int.from_bytes(body[1:5], "little")
            width, height, alpha = 1 + (sizes & 0x3FFF), 1 + (sizes >> 14 & 0x3FFF), bool(sizes >> 28 & 1)
        elif kind == b"EXIF":
            orientation = exif_orientation(body)
        frames += kind == b"ANMF"
        at += 8 + length + length % 2
    if not width:
        raise ValueError("it has no picture in it")
    return [Header("WebP", width, height, TURNS[orientation], frames=max(frames, 1) if animated else 1, alpha=alpha)]


def _gif(data: bytes) -> list[Header]:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at, frames, alpha = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0), 0, False
    while data[at] != 0x3B:
        if data[at] == 0x21:
            alpha |= data[at + 1] == 0xF9 and bool(data[at + 3] & 1)
            at += 2
        elif data[at] == 0x2C:
            frames += 1
            left, top, across, down, flags = struct.unpack_from("<HHHHB", data, at + 1)
            alpha |= (left, top, across, down) != (0, 0, width, height)  # nothing lies around it
            at += 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
        else:
            raise ValueError("it has an unknown block")
        while data[at]:
            at += 1 + data[at]
        at += 1
    return [Header("GIF", width, height, frames=max(frames, 1), alpha=alpha)]


def _tiff(data: bytes) -> list[Header]:
    tiff = Tiff.of(data)
    found: list[Header] = []
    for directory in tiff.directories():
        tags = tiff.tags(directory)
        if not found and tags.get(254, (0,))[0] & 1 and 330 in tags:  # a reduced copy; the whole picture is in a subdirectory
            raise InputError("is a camera's raw file (DNG, NEF, ARW …) that begins with a thumbnail: save it as JPEG or PNG")
        reduced_or_mask = tags.get(254, (0,))[0] & 5 or tags.get(255, (0,))[0] == 2
        if found and (reduced_or_mask or 256 not in tags):
            continue
        samples, colour, extra = tags.get(277, (1,))[0], tags.get(262, (2,))[0], tags.get(338, ())
        bits, white = tags.get(258, (1,))[0], tags.get(341) or tags.get(281)
        alpha = extra[:1] in ((1,), (2,)) or (colour == 2 and samples == 4 and not extra)
        # Of 8-bit samples, libtiff multiplies all that are declared to be alpha; others come as they are stored.
        premultiplied = extra[:1] == (1,) or (extra[:1] == (2,) and bits == 8)
        found.append(
            Header(
                "TIFF",
                tags[256][0],
                tags[257][0],
                alpha=alpha,
                premultiplied=premultiplied,
                bits=bits,
                white=float(max(white)) if white else None,
                tags=tags,
                start=directory,
            )
        )
    return found


def _iso(data: bytes) -> list[Header]:
    """AVIF and HEIC; JPEG 2000 is built of the same boxes."""
    boxes = {kind: body for kind, body in _boxes(memoryview(data))}
    brands = bytes(boxes[b"ftyp"])
    meta = {kind: body for kind, body in _boxes(boxes[b"meta"][4:])}
    (primary,) = struct.unpack_from(">H" if meta[b"pitm"][0] == 0 else ">I", meta[b"pitm"], 4)
    described = {kind: body for kind, body in _boxes(meta[b"iprp"])}
    properties = list(_boxes(described[b"ipco"]))
    mine = [properties[index - 1] for index in _associations(described[b"ipma"], primary) if index]
    sizes = [struct.unpack_from(">II", body, 4) for kind, body in mine if kind == b"ispe"]
    turns = next((body[0] & 3 for kind, body in mine if kind == b"irot"), 0)
    flip = next((body[0] & 1 for kind, body in mine if kind == b"imir"), None)
    bits = next((body[5] for kind, body in mine if kind == b"pixi"), 8)
    alpha = any(kind == b"auxC" and b"alpha" in bytes(body) for kind, body in properties)
    width, height = max(sizes)
    if b"avif" in brands or b"avis" in brands:
        frames = _samples(boxes[b"moov"]) if b"avis" in brands and b"moov" in boxes else 1
        return [Header("AVIF", width, height, (turns, flip), frames=frames, alpha=alpha, bits=bits)]
    return [Header("HEIC", width, height)]  # its decoder turns it, and says what else there is


def _associations(ipma: memoryview, item: int) -> list[int]:
    """Which properties the item has, counted from 1."""
    version, wide = ipma[0], ipma[3] & 1
    (count,) = struct.unpack_from(">I", ipma, 4)
    at = 8
    for _ in range(count):
        (found,) = struct.unpack_from(">I" if version else ">H", ipma, at)
        at += 4 if version else 2
        number, at = ipma[at], at + 1
        indices = struct.unpack_from(f">{number}{'H' if wide else 'B'}", ipma, at)
        at += number * (2 if wide else 1)
        if found == item:
            return [index & (0x7FFF if wide else 0x7F) for index in indices]
    return []


def _samples(box: memoryview, path: tuple[bytes, ...] = (b"trak", b"mdia", b"minf", b"stbl", b"stsz")) -> int:
    """How many frames the longest track has."""
    if not path:
        return int(struct.unpack_from(">I", box, 8)[0])
    return max([1, *(_samples(body, path[1:]) for kind, body in _boxes(box) if kind == path[0])])


def _boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if length == 1:
            (length,), start = struct.unpack_from(">Q", data, start), at + 16
        length = length or len(data) - at
        if length < start - at:
            raise ValueError("a box has no size")
        yield kind, data[start : at + length]
        at += length


def _jpeg_2000(data: bytes) -> list[Header]:
    at = data.index(b"\xff\x4f\xff\x51", 0, 1 << 20)
    right, bottom, left, top = struct.unpack_from(">IIII", data, at + 8)
    samples, depth = struct.unpack_from(">HB", data, at + 40)
    bits = (depth & 0x7F) + 1
    return [Header("JPEG 2000", right - left, bottom - top, alpha=samples in (2, 4), bits=bits, white=(1 << bits) - 1.0)]


def _pnm(data: bytes) -> list[Header]:
    tokens = re.match(rb"P(.)" + rb"(?:\s|#[^\n]*\n)+(\d{1,9})" * (2 if data[1:2] in b"14" else 3) + rb"\s", data[:4096])
    if tokens is None:
        raise ValueError("its header is damaged")
    width, height, *white = map(int, tokens.groups()[1:])
    return [Header("PNM", width, height, bits=16 if white and white[0] > 255 else 8, white=float(white[0]) if white else None)]


_FORMATS: tuple[tuple[re.Pattern[bytes], Callable[[bytes], list[Header]]], ...] = tuple(
    (re.compile(pattern, re.DOTALL), read)
    for pattern, read in (
        (rb"\xff\xd8\xff", _jpeg),
        (rb"\x89PNG\r\n\x1a\n", _png),
        (rb"BM", _bmp),
        (rb"RIFF....WEBP", _webp),
        (rb"GIF8[79]a", _gif),
        (rb"II[*+]\0|MM\0[*+]", _tiff),
        (rb"....ftyp(?:.{4}){0,30}?(?:avif|avis|heic|heix|hevc|heim|heis|mif1|msf1)", _iso),
        (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", _jpeg_2000),
        (rb"P[1-6]\s", _pnm),
    )
)
