"""p_fake of every track over time, as a picture."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.pixels import Pixels
from edgefake.streaming.result import FrameResult

Colour = tuple[int, int, int]  # BGR

SIZE = (1280, 480)
"""Width and height of the picture."""
LEFT, TOP, RIGHT, BOTTOM = 60, 44, 1190, 430
"""Where p_fake is 1 and 0, and time begins and ends."""
GAP_S = 1.0
"""A line is broken where its track was away for longer than this."""
STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400)

_BLACK, _GREY, _LIGHT, _RED = (40, 40, 40), (120, 120, 120), (225, 225, 225), (60, 60, 230)
_PALETTE: tuple[Colour, ...] = (
    (180, 119, 31), (14, 127, 255), (44, 160, 44), (189, 103, 148), (75, 86, 140), (194, 119, 227), (34, 189, 188), (207, 190, 23)
)  # fmt: skip
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(slots=True)
class Timeline:
    """Collects results, 16 bytes per frame and face, and plots them."""

    _tracks: dict[int, tuple[array[float], array[float]]] = field(default_factory=dict)
    """Seconds and p_fake of each track by its number."""
    _first: float = math.inf
    _last: float = -math.inf
    _source: str = ""
    _threshold: float = 0.5

    def add(self, result: FrameResult) -> None:
        """Take in one frame."""
        self._source, self._threshold = result.source, result.threshold
        self._first, self._last = min(self._first, result.seconds), max(self._last, result.seconds)
        for track in result.tracks:
            if track.p_fake is not None:
                seconds, scores = self._tracks.setdefault(track.id, (array("d"), array("d")))
                seconds.append(result.seconds)
                scores.append(track.p_fake)

    def plot(self) -> Pixels:
        """The picture so far (uint8, H×W×3, BGR): a line per track, and the threshold."""
        picture = np.full((SIZE[1], SIZE[0], 3), 255, np.uint8)
        axis = _Axis(self._first, self._last)
        _draw_frame(picture, axis, self._threshold)
        note = "" if self._tracks else ": no face was scored"
        _write(picture, f"p_fake  {self._source}{note}", LEFT, 28, _BLACK)
        for index, (seconds, scores) in enumerate(self._tracks.values()):
            _draw_line(picture, axis, np.asarray(seconds), np.asarray(scores), _colour(index))
        _draw_numbers(picture, [(number, scores[-1]) for number, (_, scores) in self._tracks.items()])
        return picture


@dataclass(frozen=True, slots=True)
class _Axis:
    """Time from left to right; not yet anything when no frame came."""

    first: float
    last: float

    def x(self, seconds: npt.NDArray[np.float64] | float) -> npt.NDArray[np.float64]:
        return LEFT + (RIGHT - LEFT) * (np.asarray(seconds, np.float64) - self.first) / max(self.last - self.first, 1e-3)

    def ticks(self) -> list[float]:
        """At most a dozen round times."""
        if not self.last > self.first:
            return []
        step = next((step for step in STEPS_S if (self.last - self.first) / step <= 12), (self.last - self.first) / 12)
        return [step * n for n in range(math.ceil(self.first / step), math.floor(self.last / step) + 1)]


def _y(p_fake: npt.NDArray[np.float64] | float) -> npt.NDArray[np.float64]:
    return BOTTOM - (BOTTOM - TOP) * np.asarray(p_fake, np.float64)


def _draw_frame(picture: Pixels, axis: _Axis, threshold: float) -> None:
    """Grid, numbers on the axes, and where fake begins."""
    for p_fake in (0, 0.25, 0.5, 0.75, 1):
        cv2.line(picture, (LEFT, round(float(_y(p_fake)))), (RIGHT, round(float(_y(p_fake)))), _LIGHT)
        _write(picture, f"{p_fake:g}", LEFT - 44, round(float(_y(p_fake))) + 5, _GREY)
    for seconds in axis.ticks():
        x = round(float(axis.x(seconds)))
        cv2.line(picture, (x, TOP), (x, BOTTOM), _LIGHT)
        _write(picture, _clock(seconds), x - 18, BOTTOM + 22, _GREY)
    height = round(float(_y(threshold)))
    for x in range(LEFT, RIGHT, 12):
        cv2.line(picture, (x, height), (x + 6, height), _RED)
    _write(picture, f"fake from {threshold:.2f}", RIGHT - 110, 28, _RED)


def _draw_line(
    picture: Pixels, axis: _Axis, seconds: npt.NDArray[np.float64], scores: npt.NDArray[np.float64], colour: Colour
) -> None:
    points = np.column_stack((axis.x(seconds), _y(scores)))
    for part in np.split(points, np.flatnonzero(np.diff(seconds) > GAP_S) + 1):
        fine = np.round(part * 16).astype(np.int32)  # sixteenths of a pixel
        cv2.polylines(picture, [fine.reshape(-1, 1, 2)], False, colour, 2, cv2.LINE_AA, 4)
        if len(part) == 1:
            cv2.circle(picture, (round(part[0, 0]), round(part[0, 1])), 3, colour, cv2.FILLED, cv2.LINE_AA)


def _draw_numbers(picture: Pixels, ends: list[tuple[int, float]]) -> None:
    """The tracks' numbers at the right, each as near to its line's end as the others allow."""
    room = (BOTTOM - TOP) // 18
    shown = sorted(enumerate(ends[:room]), key=lambda end: -end[1][1])
    lowest = TOP - 13
    for place, (index, (number, p_fake)) in enumerate(shown):
        below = len(shown) - 1 - place  # these still need room
        height = min(max(round(float(_y(p_fake))) + 5, lowest + 18), BOTTOM + 5 - 18 * below)
        _write(picture, f"#{number}", RIGHT + 10, height, _colour(index))
        lowest = height
    if len(ends) > room:
        _write(picture, f"+{len(ends) - room}", RIGHT + 10, BOTTOM + 26, _GREY)


def _colour(index: int) -> Colour:
    return _PALETTE[index % len(_PALETTE)]


def _clock(seconds: float) -> str:
    if seconds >= 3600:
        return f"{seconds // 3600:.0f}:{seconds % 3600 // 60:02.0f}:{seconds % 60:02.0f}"
    digits = f"{seconds % 60:04.1f}" if seconds % 1 > 0.01 else f"{seconds % 60:02.0f}"
    return f"{seconds // 60:.0f}:{digits}"


def _write(picture: Pixels, text: str, x: int, y: int, colour: Colour) -> None:
    cv2.putText(picture, text, (x, y), _FONT, 0.5, colour, 1, cv2.LINE_AA)
