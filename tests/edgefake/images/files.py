"""Picture files for the tests, built by hand where OpenCV cannot write them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import cv2
import numpy as np


def encoded(suffix: str, image: np.ndarray, options: Sequence[int] = ()) -> bytes:
    return cv2.imencode(suffix, image, options)[1].tobytes()


def exif(orientation: int) -> bytes:
    return b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, bits: int, colour: int, rows: bytes, *before: bytes) -> bytes:
    """``rows`` without filter bytes; ``before`` are chunks."""
    length = len(rows) // height
    filtered = b"".join(b"\0" + rows[at : at + length] for at in range(0, len(rows), length))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    parts = [header, *before, chunk(b"IDAT", zlib.compress(filtered)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def with_chunks(data: bytes, *chunks: bytes) -> bytes:
    """A PNG with more chunks behind its header."""
    return data[:33] + b"".join(chunks) + data[33:]


def apng(frames: Sequence[np.ndarray], *, hidden: np.ndarray | None = None) -> bytes:
    """An animated PNG of BGR frames of one size, with a default picture of its own where ``hidden`` is given."""
    height, width = frames[0].shape[:2]

    def packed(frame: np.ndarray) -> bytes:
        rows = np.hstack([np.zeros((height, 1), np.uint8), frame[:, :, ::-1].reshape(height, -1)])
        return zlib.compress(rows.tobytes())

    parts = [
        chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        chunk(b"acTL", struct.pack(">II", len(frames), 0)),
    ]
    if hidden is not None:
        parts.append(chunk(b"IDAT", packed(hidden)))
    number = 0
    for index, frame in enumerate(frames):
        parts.append(chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, width, height, 0, 0, 1, 10, 0, 0)))
        number += 1
        if index == 0 and hidden is None:
            parts.append(chunk(b"IDAT", packed(frame)))
        else:
            parts.append(chunk(b"fdAT", struct.pack(">I", number) + packed(frame)))
            number += 1
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def tiff(image: np.ndarray, *, big_endian: bool = False, **more: tuple[int, ...]) -> bytes:
    """An uncompressed TIFF of one strip; ``more`` are further tags (SHORT), named ``t281=(4095,)``."""
    return tiff_of([image], big_endian=big_endian, **more)


def tiff_of(pages: Sequence[np.ndarray], *, big_endian: bool = False, **more: tuple[int, ...]) -> bytes:
    order = ">" if big_endian else "<"
    data = bytearray((b"MM\0*" if big_endian else b"II*\0") + bytes(4))
    link = 4
    for page in pages:
        height, width, samples = page.shape if page.ndim == 3 else (*page.shape, 1)
        kind = {"u": 1, "i": 2, "f": 3}[page.dtype.kind]
        pixels = np.ascontiguousarray(page if samples == 1 else page[:, :, [2, 1, 0, 3][:samples]])
        start = len(data)
        data += pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
        tags = {
            256: (width,),
            257: (height,),
            258: (page.dtype.itemsize * 8,) * samples,
            259: (1,),
            262: (1 if samples == 1 else 2,),
            273: (start,),
            277: (samples,),
            278: (height,),
            279: (len(data) - start,),
            284: (1,),
            339: (kind,) * samples,
            **{int(name[1:]): value for name, value in more.items()},
        }
        tables, entries = b"", b""
        room = len(data) + 2 + 12 * len(tags) + 4
        for tag, values in sorted(tags.items()):
            wide = tag in (273, 279)
            packed = struct.pack(f"{order}{len(values)}{'I' if wide else 'H'}", *values)
            if len(packed) > 4:
                packed, tables = struct.pack(f"{order}I", room + len(tables)), tables + packed
            entries += struct.pack(f"{order}HHI", tag, 4 if wide else 3, len(values)) + packed.ljust(4, b"\0")
        struct.pack_into(f"{order}I", data, link, len(data))
        data += struct.pack(f"{order}H", len(tags)) + entries
        link = len(data)
        data += bytes(4) + tables
    return bytes(data)
