"""Damage that OpenCV's decoders pass over: they give what they have, and the rest is grey, black or shifted.

PNG has checksums, a TIFF's strips say how long they must be. WebP, AVIF, GIF, BMP and PNM have neither: there, only what the
decoder itself refuses is seen.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

import numpy as np

from edgefake.images.header import Header, png_chunks
from edgefake.images.tiff import Tags, Tiff

_PIXELS_DEPEND_ON = {b"IHDR", b"PLTE", b"IDAT", b"tRNS", b"eXIf", b"fcTL", b"fdAT"}
_JPEG = 7
_EXACT = (5, 8, 32946)
"""Compressions whose encoders never pack more than they should."""


def check_png(data: bytes) -> None:
    """Raises ``ValueError`` when a chunk that pixels depend on has another checksum than it says."""
    for kind, body, checksum in png_chunks(data):
        if kind in _PIXELS_DEPEND_ON and zlib.crc32(body, zlib.crc32(kind)) != checksum:
            raise ValueError(f"the checksum of a part ({kind.decode()}) is wrong")


def check_tiff(data: bytes, header: Header) -> None:
    """Raises ``ValueError`` when a strip or tile of this page is incomplete or cannot be unpacked."""
    tags = Tiff.of(data).tags(header.start, longest=1 << 20)
    compression = tags.get(259, (1,))[0]
    measure = _MEASURES.get(compression)
    if measure is None:
        return  # fax codes and the like have no length to hold them to
    if tags.get(262, (2,))[0] == 6 and compression != _JPEG:
        return  # YCbCr with fewer colour samples than pixels: how long its strips are is another sum
    for number, (part, least, most) in enumerate(_parts(data, header, tags), 1):
        if compression == _JPEG and 347 in tags:
            part = bytes(tags[347][:-2]) + part[2:]  # tables that the parts share
        length = measure(part, most)
        if length < least or (length > most and compression in _EXACT):
            raise ValueError(f"its part {number} holds {length} of {least} bytes")


def _parts(data: bytes, header: Header, tags: Tags) -> Iterator[tuple[bytes, int, int]]:
    """The bytes of each strip or tile, and how many they must unpack to: the last strip may be as long as the others."""
    samples, bits = tags.get(277, (1,))[0], header.bits
    planes = samples if tags.get(284, (1,))[0] == 2 else 1
    if 322 in tags:
        across, down = tags[322][0], tags[323][0]
        offsets, lengths = tags[324], tags[325]
        if across * down > max(header.pixels, 1 << 24):
            raise ValueError(f"it declares tiles of {across}×{down} pixels")
        rows = [down] * len(offsets)
    else:
        across, down = header.width, min(tags.get(278, (header.height,))[0], header.height)
        offsets, lengths = tags[273], tags.get(279) or (len(data),)
        whole, rest = divmod(header.height, max(down, 1))
        rows = ([down] * whole + [rest] * (rest > 0)) * planes
    if not len(offsets) == len(lengths) == len(rows):
        raise ValueError("the number of its parts is wrong")
    row_bytes = (across * bits * samples // planes + 7) // 8
    for offset, length, height in zip(offsets, lengths, rows, strict=True):
        yield data[offset : offset + length], height * row_bytes, down * row_bytes


def _inflated(part: bytes, most: int) -> int:
    try:
        return len(zlib.decompressobj().decompress(part, most + 1))  # one more, so that it gets to the checksum
    except zlib.error as error:
        raise ValueError(str(error)) from error


def _jpeg_checked(part: bytes, most: int) -> int:
    from edgefake.images.jpeg import check_jpeg

    check_jpeg(part)
    return most


def _packbits_length(part: bytes, most: int) -> int:
    at = length = 0
    while at < len(part):
        head = part[at]
        literal = head < 128
        length += head + 1 if literal else 257 - head if head > 128 else 0
        at += 2 + head if literal else 2 if head > 128 else 1
    return length


def _lzw_length(part: bytes, most: int) -> int:
    """How many bytes an LZW strip unpacks to, without unpacking it. Raises ``ValueError`` for codes that mean nothing.

    Between two clear codes (256) each code adds one to the table, so that where each lies and how wide it is is known
    beforehand: they are cut out together.
    """
    widths = np.repeat([9, 10, 11, 12], [254, 512, 1024, 2049])  # one code earlier than the table asks for, as TIFF does
    starts = np.concatenate([[0], np.cumsum(widths)[:-1]])
    padded = np.frombuffer(part + bytes(8), np.uint8).astype(np.uint32)
    total, bit, end = 0, 0, len(part) * 8
    while bit < end and total <= most:
        at = bit + starts[: int(np.searchsorted(starts, end - bit))]
        byte = at >> 3
        window = padded[byte] << 16 | padded[byte + 1] << 8 | padded[byte + 2]
        codes = window >> (24 - (at & 7) - widths[: len(at)]).astype(np.uint32) & ((1 << widths[: len(at)]) - 1).astype(np.uint32)
        if codes[0] == 256:
            bit += 9
            continue
        stops = np.flatnonzero((codes == 256) | (codes == 257))
        used = int(stops[0]) if len(stops) else len(codes)
        if used == 0 or codes[0] > 257 or (codes[:used] > 257 + np.arange(used)).any():
            raise ValueError("an LZW code means nothing")
        lengths = [1] * 256 + [0, 0]
        previous = 0
        for code in codes[:used].tolist():
            if previous:
                lengths.append(previous + 1)
            previous = lengths[code]
            total += previous
        if not len(stops) or codes[used] == 257:
            break
        bit = int(at[used]) + int(widths[used])
    return total


_MEASURES: dict[int, Callable[[bytes, int], int]] = {
    1: lambda part, _: len(part),
    5: _lzw_length,
    _JPEG: _jpeg_checked,
    8: _inflated,
    32773: _packbits_length,
    32946: _inflated,
}
"""By the number of a compression: how many bytes a part unpacks to, of so many at most that it should."""
