"""p_fake of every track over time, as a picture."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edgefake.charts import BLACK, GREEN, GREY, RED, Axis, Chart, Colour, colour
from edgefake.pixels import Pixels
from edgefake.streaming.result import FrameResult
from edgefake.thresholds import Thresholds

SIZE = (1280, 480)
"""Width and height of the picture."""
LEFT, TOP, RIGHT, BOTTOM = 60, 44, 1190, 430
"""Where p_fake is 1 and 0, and time begins and ends."""
GAP_S = 1.0
"""A line is broken where its track was away for longer than this."""
STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400)


@dataclass(frozen=True, slots=True)
class Line:
    """p_fake of one track over time, in parts between which it was away."""

    id: int
    parts: tuple[npt.NDArray[np.float64], ...]
    """(N, 2) each: seconds and p_fake."""


@dataclass(slots=True)
class Timeline:
    """Collects results, 16 bytes per frame and face, and plots them."""

    _tracks: dict[int, tuple[array[float], array[float]]] = field(default_factory=dict)
    """Seconds and p_fake of each track by its number."""
    _first: float = math.inf
    _last: float = -math.inf
    _source: str = ""
    _thresholds: Thresholds = field(default_factory=lambda: Thresholds.two_way(0.5))

    def add(self, result: FrameResult) -> None:
        """Take in one frame."""
        self._source, self._thresholds = result.source, result.thresholds
        self._first, self._last = min(self._first, result.seconds), max(self._last, result.seconds)
        for track in result.tracks:
            if track.p_fake is not None:
                seconds, scores = self._tracks.setdefault(track.id, (array("d"), array("d")))
                seconds.append(result.seconds)
                scores.append(track.p_fake)

    @property
    def lines(self) -> tuple[Line, ...]:
        """One for each track that was scored."""
        return tuple(Line(id, _parts(*map(np.asarray, points))) for id, points in self._tracks.items())

    def plot(self) -> Pixels:
        """The picture so far (uint8, H×W×3, BGR): a line per track, and a face's thresholds."""
        first, last = (self._first, self._last) if self._last > self._first else (0.0, 0.0)
        chart = Chart(*SIZE, Axis(first, max(last, first + 1e-3), LEFT, RIGHT), Axis(0, 1, BOTTOM, TOP))
        chart.grid([(s, clock(s)) for s in time_ticks(first, last)], [(p, f"{p:g}") for p in (0, 0.25, 0.5, 0.75, 1)])
        fake, real = self._thresholds.fake, self._thresholds.real
        chart.dashes(fake, RED)
        chart.write(f"fake from {fake:.3g}", (RIGHT - 110, 28), RED)
        if real < fake:
            chart.dashes(real, GREEN)
            chart.write(f"real below {real:.3g}", (RIGHT - 280, 28), GREEN)
        note = "" if self._tracks else ": no face was scored"
        chart.write(f"p_fake  {self._source}{note}", (LEFT, 28), BLACK)
        for index, line in enumerate(self.lines):
            _draw_line(chart, line, colour(index))
        _draw_numbers(chart, [(number, scores[-1]) for number, (_, scores) in self._tracks.items()])
        return chart.picture


def time_ticks(first: float, last: float) -> list[float]:
    """At most a dozen round times; none where no time passed."""
    if not last > first:
        return []
    step = next((step for step in STEPS_S if (last - first) / step <= 12), (last - first) / 12)
    return [step * n for n in range(math.ceil(first / step), math.floor(last / step) + 1)]


def _parts(seconds: npt.NDArray[np.float64], scores: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], ...]:
    return tuple(np.split(np.column_stack((seconds, scores)), np.flatnonzero(np.diff(seconds) > GAP_S) + 1))


def _draw_line(chart: Chart, line: Line, colour: Colour) -> None:
    for part in line.parts:
        chart.line(part, colour)
        if len(part) == 1:
            chart.dot(part[0, 0], part[0, 1], colour, radius=3)


def _draw_numbers(chart: Chart, ends: list[tuple[int, float]]) -> None:
    """The tracks' numbers at the right, each as near to its line's end as the others allow."""
    room = (BOTTOM - TOP) // 18
    shown = sorted(enumerate(ends[:room]), key=lambda end: -end[1][1])
    lowest = TOP - 13
    for place, (index, (number, p_fake)) in enumerate(shown):
        below = len(shown) - 1 - place  # these still need room
        height = min(max(round(chart.y(p_fake)) + 5, lowest + 18), BOTTOM + 5 - 18 * below)
        chart.write(f"#{number}", (RIGHT + 10, height), colour(index))
        lowest = height
    if len(ends) > room:
        chart.write(f"+{len(ends) - room}", (RIGHT + 10, BOTTOM + 26), GREY)


def clock(seconds: float) -> str:
    if seconds >= 3600:
        return f"{seconds // 3600:.0f}:{seconds % 3600 // 60:02.0f}:{seconds % 60:02.0f}"
    digits = f"{seconds % 60:04.1f}" if seconds % 1 > 0.01 else f"{seconds % 60:02.0f}"
    return f"{seconds // 60:.0f}:{digits}"
