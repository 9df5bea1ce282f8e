"""Where a face is: boxes, faces, and the square that is cut out around one – the one definition of all three."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from edgefake import odds
from edgefake.arguments import listed
from edgefake.errors import InputError
from edgefake.pixels import Pixels
from edgefake.text import printable

_INF = math.inf


@dataclass(frozen=True, slots=True)
class Box:
    """A face: top-left corner, width and height, in pixels of the frame; may reach outside it."""

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        # Comparisons, which NaN fails too: of what is done for every face, a call of isfinite per number would be the slowest.
        if not (-_INF < self.x < _INF and -_INF < self.y < _INF and 0 < self.width < _INF and 0 < self.height < _INF):
            raise InputError(
                f"expected a face box (x, y, width, height) of finite numbers with width and height above 0, "
                f"got ({self.x}, {self.y}, {self.width}, {self.height})"
            )

    @property
    def size(self) -> float:
        """The longer side, in pixels."""
        return max(self.width, self.height)

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom."""
        return self.x, self.y, self.x + self.width, self.y + self.height


Landmarks = tuple[tuple[float, float], ...]
"""Five points (x, y) in pixels of the frame: right eye, left eye, tip of the nose, right and left corner of the mouth.

Right and left are the person's.
"""


@dataclass(frozen=True, slots=True)
class Face:
    """A face that was found."""

    box: Box
    score: float = 1.0
    """How sure the finder is, 0…1; 1 where it does not say."""
    landmarks: Landmarks | None = None
    """None where the finder gives none."""


FaceLike = Face | Box | Iterable[float]
"""A ``Face``, a ``Box``, or x, y, width and height: a tuple, a row of an array …"""


def as_faces(values: Iterable[FaceLike], what: str) -> list[Face]:
    """The faces in any iterable, as a list. Raises ``InputError``, which calls them ``what``, where one is none."""
    listed_values = listed(values, f"{what} to be a list of face boxes")
    return [_checked(value, what) if isinstance(value, Face) else Face(_as_box(value, what)) for value in listed_values]


def _checked(face: Face, what: str) -> Face:
    """``face`` itself, whose box and score are sorted by and drawn; a ``Box`` has checked itself."""
    if not isinstance(face.box, Box) or not odds.is_p_fake(face.score):
        raise InputError(f"expected a Face with a Box and a score in 0…1, got {printable(repr(face))} in {what}")
    return face


def _as_box(value: Box | Iterable[float], what: str) -> Box:
    if isinstance(value, Box):
        return value
    try:
        if isinstance(value, str | bytes):  # its letters would be taken for numbers
            raise TypeError
        x, y, width, height = map(float, value)
    except (TypeError, ValueError, OverflowError):
        message = f"expected a face box (x, y, width, height), got {reprlib.repr(value)} in {what}"
        raise InputError(message) from None
    try:
        return Box(x, y, width, height)
    except InputError:
        box = f"({x}, {y}, {width}, {height})"
        raise InputError(f"expected finite numbers with width and height above 0 in a face box, got {box} in {what}") from None


def _common(a: Box, b: Box) -> float:
    """Area that both cover."""
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    return width * height if width > 0 and height > 0 else 0.0


def overlap(a: Box, b: Box) -> float:
    """Intersection over union, 0…1."""
    common = _common(a, b)
    return common / (a.width * a.height + b.width * b.height - common)


NESTED = 0.7
"""Share of a box inside a larger one from which both are of one face.

Of 3,896 hand-drawn faces, most of them in crowds, four lie that deep in another. Of two such boxes of the Haar cascade the larger
one is nearly always the better.
"""


def one_per_face(faces: Iterable[Face]) -> list[Face]:
    """``faces``, best first, without those of which ``NESTED`` or more lies in a larger one; of equal scores the larger first."""
    kept: list[Face] = []
    for face in sorted(faces, key=_area, reverse=True):
        box = face.box
        if all(_common(box, larger.box) < NESTED * box.width * box.height for larger in kept):
            kept.append(face)
    return sorted(kept, key=lambda face: -face.score)


def _area(face: Face) -> float:
    return face.box.width * face.box.height


def largest(faces: Iterable[Face]) -> Face | None:
    """The face with the largest box; None without any."""
    return max(faces, key=_area, default=None)


MAX_REACH = 2.0
"""A face box longer than this many frames is a mistake: it is in pixels of another frame."""


CropMode = Literal["inside", "reflect", "constant"]
"""What a crop does where its square would leave the frame.

``inside`` moves the square into the frame, so that no border is invented: repeated edges around faces in tight pictures
(passports, avatars) look like forgery to the models tried. ``reflect`` and ``constant`` leave it where it is and show the frame
mirrored at its edge, or grey.
"""
BORDERS: dict[str, int] = {"reflect": cv2.BORDER_REFLECT_101, "constant": cv2.BORDER_CONSTANT}
GREY = (128, 128, 128)
"""Of a constant border: 0 to a network that sees (pixel - 128) / 128."""


def square_around(box: Box, margin: float, *, width: int, height: int, mode: CropMode = "inside") -> tuple[int, int, int]:
    """The square to crop from a frame of this size: ``(left, top, side)`` in whole pixels.

    Its side is the longer side of the box times ``1 + margin``, at least one pixel. It is centred on the box. ``inside``: it is
    always in the frame, its side at most the frame's shorter one, shifted by as much as it would leave the frame. With a border
    its side is at most twice the frame's shorter one, and it has at least a pixel of the frame.
    """
    frames = 1 if mode == "inside" else 2
    side = max(1, round(min(box.size * (1.0 + margin), frames * width, frames * height)))
    left = round(box.x + box.width / 2.0 - side / 2.0)
    top = round(box.y + box.height / 2.0 - side / 2.0)
    if mode == "inside":
        return max(0, min(left, width - side)), max(0, min(top, height - side)), side
    return max(1 - side, min(left, width - 1)), max(1 - side, min(top, height - 1)), side


def middle_square(width: int, height: int) -> tuple[int, int, int]:
    """The square that is taken of a frame of this size which is a face with its context already: ``(left, top, side)``."""
    return square_around(Box(0.0, 0.0, float(width), float(height)), 0.0, width=width, height=height)


def crop_square(frame: Pixels, box: Box | None, margin: float, mode: CropMode = "inside") -> Pixels:
    """Cut the square around ``box`` out of the frame, see ``square_around``: uint8, side×side×3, a view of ``frame`` where it has
    no border.

    None: ``frame`` is a face with its context already; its middle is taken, with no margin. Raises ``InputError`` when the box
    does not touch the frame, or is more than ``MAX_REACH`` times as large.
    """
    height, width = frame.shape[:2]
    if box is None:
        if height == width:
            return frame
        left, top, side = middle_square(width, height)
        return frame[top : top + side, left : left + side]
    if box.size > MAX_REACH * max(height, width):
        raise InputError(
            f"the face {box} is more than {MAX_REACH:g} times as large as the {width}×{height} frame: "
            f"give boxes in pixels of this frame"
        )
    if box.x >= width or box.y >= height or box.x + box.width <= 0 or box.y + box.height <= 0:
        raise InputError(f"the face {box} lies outside the {width}×{height} frame: give boxes in pixels of this frame")
    left, top, side = square_around(box, margin, width=width, height=height, mode=mode)
    if mode == "inside":
        return frame[top : top + side, left : left + side]
    return bordered(frame, (left, top, side, side), mode)


def bordered(frame: Pixels, window: tuple[int, int, int, int], mode: CropMode) -> Pixels:
    """What ``frame`` (uint8, H×W×3) shows in ``window`` (left, top, width, height in pixels, which may reach outside it): uint8.

    The one definition of the borders ``reflect`` and ``constant``. A view of ``frame`` where the window lies inside it.
    """
    left, top, width, height = window
    y, up, down, below = _stretch(top, height, frame.shape[0])
    x, before, after, beside = _stretch(left, width, frame.shape[1])
    part = frame[y:below, x:beside]
    if up or down or before or after:
        part = np.asarray(cv2.copyMakeBorder(part, up, down, before, after, BORDERS[mode], value=GREY), np.uint8)
    y, x = top - y + up, left - x + before
    return part[y : y + height, x : x + width]


def _stretch(start: int, length: int, size: int) -> tuple[int, int, int, int]:
    """What a window shows or mirrors of an axis of ``size`` pixels: (first pixel, border before and behind, last + 1)."""
    before, after = max(0, -start), max(0, start + length - size)
    return max(0, min(start, size - 1 - after)), before, after, min(size, max(start + length, before + 1))
