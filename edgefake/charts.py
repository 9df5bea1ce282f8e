"""Line charts drawn with OpenCV, which every device has."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.pixels import Pixels

Colour = tuple[int, int, int]
"""BGR."""
BLACK, GREY, LIGHT, RED, GREEN = (40, 40, 40), (120, 120, 120), (225, 225, 225), (60, 60, 230), (50, 155, 40)
_PALETTE: tuple[Colour, ...] = (
    (180, 119, 31), (14, 127, 255), (44, 160, 44), (189, 103, 148), (75, 86, 140), (194, 119, 227), (34, 189, 188), (207, 190, 23)
)  # fmt: skip
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def colour(index: int) -> Colour:
    """That of the line of this number; none of them is ``RED``."""
    return _PALETTE[index % len(_PALETTE)]


@dataclass(frozen=True, slots=True)
class Axis:
    """From data, ``low`` to ``high``, to pixels, ``start`` to ``end``."""

    low: float
    high: float
    start: int
    end: int
    is_log: bool = False

    def __call__(self, value: float) -> float:
        low, high, value = map(math.log, (self.low, self.high, value)) if self.is_log else (self.low, self.high, value)
        return self.start + (self.end - self.start) * (value - low) / (high - low)

    def ticks(self) -> list[float]:
        """A few round values."""
        if self.is_log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            values = [step * 10.0**decade for decade in decades for step in (1, 2, 5)]
        else:
            step = 10.0 ** math.floor(math.log10((self.high - self.low) / 2))
            step *= next(factor for factor in (1, 2, 5, 10) if (self.high - self.low) / (step * factor) <= 8)
            values = [step * n for n in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]
        return [value for value in values if self.low <= value <= self.high]


class Chart:
    """A white picture with two axes, on which lines are drawn by what they mean."""

    def __init__(self, width: int, height: int, x: Axis, y: Axis) -> None:
        self.picture: Pixels = np.full((height, width, 3), 255, np.uint8)
        self.x, self.y = x, y

    def grid(self, x_ticks: Iterable[tuple[float, str]], y_ticks: Iterable[tuple[float, str]]) -> None:
        """A thin line at each tick, with its text beside the axes."""
        x, y = self.x, self.y
        for value, text in x_ticks:
            place = round(x(value))
            cv2.line(self.picture, (place, y.start), (place, y.end), LIGHT)
            self.write(text, (place - _width(text) // 2, y.start + 22), GREY)
        for value, text in y_ticks:
            place = round(y(value))
            cv2.line(self.picture, (x.start, place), (x.end, place), LIGHT)
            self.write(text, (x.start - 8 - _width(text), place + 5), GREY)

    def line(self, points: npt.NDArray[np.float64] | list[tuple[float, float]], colour: Colour) -> None:
        """A line through ``points`` (N, 2): x and y as the axes have them."""
        places = [(self.x(x), self.y(y)) for x, y in points]
        fine = np.round(np.asarray(places) * 16).astype(np.int32)  # sixteenths of a pixel
        cv2.polylines(self.picture, [fine.reshape(-1, 1, 2)], False, colour, 2, cv2.LINE_AA, 4)

    def dot(self, x: float, y: float, colour: Colour, *, radius: int = 4) -> None:
        cv2.circle(self.picture, (round(self.x(x)), round(self.y(y))), radius, colour, cv2.FILLED, cv2.LINE_AA)

    def dashes(self, y: float, colour: Colour) -> None:
        """A level line over the whole width."""
        height = round(self.y(y))
        for x in range(self.x.start, self.x.end, 12):
            cv2.line(self.picture, (x, height), (x + 6, height), colour)

    def write(self, text: str, place: tuple[int, int], colour: Colour, *, size: float = 0.5) -> None:
        """Put ``text`` at ``place``, in pixels: its left end, and the line that it stands on."""
        cv2.putText(self.picture, text, place, _FONT, size, colour, 1, cv2.LINE_AA)


def _width(text: str) -> int:
    (width, _), _ = cv2.getTextSize(text, _FONT, 0.5, 1)
    return int(width)
