"""Where a network of one small input looks for faces of many sizes: reduced copies of the frame, and tiles of them.

The whole frame is always looked at in one piece. ``fast`` does little more, for streams; ``full`` looks at larger copies too,
tile by tile, until faces of ``SMALLEST_FACE`` pixels of the frame are large enough to be found. Tiles overlap, so that a face
lies wholly in one of them, or is large enough to be found in a smaller copy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from edgefake.faces.finders import Find
from edgefake.pixels import Pixels

SMALLEST_FACE = 32.0
"""Pixels of the frame: ``full`` finds such faces, within ``MOST_TILES``. Smaller ones are not scored."""
SEEN, WELL_SEEN = 14.4, 24.0
"""Pixels of the input in which a face is found, and from which more would hardly help; smaller ones sometimes are.

``full`` makes ``SMALLEST_FACE`` as large as the first, and up to the second as far as ``CHEAP_TILES`` allow.
"""
CHEAP_TILES = 4
SAVING = (1.0, 0.98, 0.96)
LAP = 60
"""Pixels that neighbouring tiles share: with ``SEEN``, four tiles cover a frame of 16:9."""
LARGEST_IN_TILE = 96.0
"""Larger faces are left to the smaller copies: of what is cut, parts would be taken for faces."""
STEP = 4.0
"""A copy is at most so many times as large as the next: ``LAP`` has room for the faces that are too small in that one."""
FAST_TILES, MOST_TILES = 8, 128
"""Of the largest copy; where it would need more, it is made smaller, and the smallest face that is found larger."""
FAST_SHARE = 0.75
"""``fast`` looks at a second copy where the frame fits the input so badly that the first has less than this share of the scale at
which both have the same area: in tall pictures and panoramas."""
WORTH = 1.1
"""A copy that is not even so many times as large as the next shows nothing more."""
HUGE = 32 << 20
"""Pixels of a frame that is reduced in one pass, without copies in between."""


@dataclass(frozen=True, slots=True)
class Level:
    """A reduced copy of the frame, and what is looked at of it."""

    width: int
    height: int
    tiles: tuple[tuple[int, int], ...]
    """(left, top) in pixels of the copy, each of the input's size, or what the copy has."""


@lru_cache(64)
def plan(width: int, height: int, *, input_width: int, input_height: int, find: Find) -> tuple[Level, ...]:
    """The copies of a frame of this size, the largest first; the last is the frame in one piece."""

    def level(scale: float) -> Level:
        w, h = max(1, round(width * scale)), max(1, round(height * scale))
        return Level(w, h, tuple((x, y) for y in _starts(h, input_height) for x in _starts(w, input_width)))

    def within(wanted: float, tiles: int) -> float:
        """A scale of ``wanted``, or as much smaller as it must be for so many tiles; a little smaller where that saves some."""
        while len(level(wanted).tiles) > tiles:
            wanted *= 0.97
        return min((wanted * share for share in SAVING), key=lambda scale: len(level(scale).tiles))

    whole = min(1.0, input_width / width, input_height / height)

    wanted = within(min(1.0, FAST_SHARE * math.sqrt(input_width * input_height / (width * height))), FAST_TILES)
    if find == "full":
        cheap = within(WELL_SEEN / SMALLEST_FACE, CHEAP_TILES)
        wanted = max(wanted, cheap, within(SEEN / SMALLEST_FACE, MOST_TILES))
    if wanted < WORTH * whole:
        return (level(whole),)
    count = math.ceil(math.log(wanted / whole) / math.log(STEP) - 1e-9)
    return tuple(level(whole * (wanted / whole) ** (index / count)) for index in range(count, -1, -1))


def _starts(length: int, tile: int) -> list[int]:
    """Where tiles begin that cover ``length``, evenly spaced."""
    if length <= tile:
        return [0]
    count = math.ceil((length - LAP) / (tile - LAP))
    return [round(index * (length - tile) / (count - 1)) for index in range(count)]


def reduced(picture: Pixels, width: int, height: int) -> Pixels:
    """``picture`` (uint8, H×W×3) at this size, not larger than it: means over areas down to twice the size, then bilinear.

    Plain bilinear resizing skips pixels below half size, and small faces come out ragged; INTER_AREA alone costs five times this.
    """
    ratio = min(picture.shape[1] // width, picture.shape[0] // height)
    if picture.shape[0] * picture.shape[1] > HUGE and ratio >= 2:
        picture = _mean(picture, ratio)
    while min(picture.shape[1] // width, picture.shape[0] // height) >= 2:
        picture = _mean(picture, 2)
    if picture.shape[:2] == (height, width):
        return picture
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _mean(picture: Pixels, ratio: int) -> Pixels:
    """Means over squares of this side; what is left over on the right and at the bottom is left out."""
    height, width = (side // ratio for side in picture.shape[:2])
    whole = picture[: height * ratio, : width * ratio]
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
