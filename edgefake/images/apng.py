"""Animated PNG: each frame is decoded as a PNG of its own and laid over those before it.

OpenCV decodes them too, but some versions end the process at a damaged one, and read no hidden picture.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import numpy as np

from edgefake.images.header import png_chunks, png_of
from edgefake.pixels import Pixels

_SHARED = (b"PLTE", b"tRNS", b"sBIT")
_CLEARED, _RESTORED = 1, 2


def apng_frames(data: bytes, decode: Callable[[bytes], Pixels], *, hidden: bool) -> Iterator[Pixels]:
    """The hidden picture, where there is one, then each frame as it is shown: uint8, BGRA.

    ``decode`` makes BGRA of a PNG. ``data`` has frames inside the picture, as ``read_headers`` makes sure.
    """
    chunks = [(kind, body) for kind, body, _ in png_chunks(data)]
    width, height = struct.unpack_from(">II", chunks[0][1])
    shared = [(kind, body) for kind, body in chunks if kind in _SHARED]
    canvas = np.zeros((height, width, 4), np.uint8)
    control = memoryview(struct.pack(">IIIIIHHBB", 0, width, height, 0, 0, 0, 0, _CLEARED, 0)) if hidden else None
    packed: list[memoryview] = []
    for kind, body in chunks:
        if kind == b"IDAT":
            packed.append(body)
        elif kind == b"fdAT":
            packed.append(body[4:])
        elif kind in (b"fcTL", b"IEND"):
            if control is not None:
                across, down, left, top, _, _, dispose, blend = struct.unpack_from(">IIIIHHBB", control, 4)
                head = memoryview(struct.pack(">II", across, down) + bytes(chunks[0][1][8:]))
                pixels = [(b"IDAT", part) for part in packed]
                frame = decode(png_of([(b"IHDR", head), *shared, *pixels, (b"IEND", memoryview(b""))]))
                before = canvas.copy()
                region = canvas[top : top + down, left : left + across]
                region[:] = _over(frame, region) if blend else frame
                yield canvas.copy()
                if dispose == _CLEARED:
                    region[:] = 0
                elif dispose == _RESTORED:
                    canvas = before
            control, packed = body, []


def _over(frame: Pixels, behind: Pixels) -> Pixels:
    """Both BGRA, not multiplied by their alpha."""
    front = frame[:, :, 3:].astype(np.float32) / 255
    back = behind[:, :, 3:].astype(np.float32) / 255 * (1 - front)
    alpha = front + back
    colours = (frame[:, :, :3] * front + behind[:, :, :3] * back) / np.maximum(alpha, 1e-6)
    return np.asarray(np.rint(np.dstack([colours, alpha * 255])), np.uint8)
