"""The timeline of a video as shapes for a page: what ``edgefake.streaming.timeline`` plots, to be drawn by the browser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgefake.charts import Axis
from edgefake.streaming.timeline import Line, clock, time_ticks
from edgefake.thresholds import Thresholds

WIDTH, HEIGHT = 900, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 862, 14, 218
COLOURED = 6
"""So many lines have a colour and a number of their own."""
_LETTER = 13
_STEPS = 400
"""A line has no more points than twice this: the lowest and the highest in each step."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """The line of one track."""

    id: int
    colour: int
    """From 0, or ``COLOURED`` for those that have none of their own."""
    paths: tuple[str, ...]
    """Points of polylines."""
    label: float
    """How high its number stands, beside the chart: where the line ends, as near as the others' numbers allow."""


@dataclass(frozen=True, slots=True)
class TimeChart:
    """p_fake over time, in units of a picture of ``WIDTH`` × ``HEIGHT``."""

    strokes: tuple[Stroke, ...]
    """The most important last, on top of the others."""
    times: tuple[tuple[float, str], ...]
    """Where the round times are, and what they are called."""
    levels: tuple[tuple[float, str], ...]
    fake: float
    real: float
    """Where a face's thresholds are; the same where nothing is unsure."""
    left: float = _LEFT
    right: float = _RIGHT
    top: float = _TOP
    bottom: float = _BOTTOM


def time_chart(lines: Sequence[Line], thresholds: Thresholds, worst_first: Sequence[int]) -> TimeChart | None:
    """The chart of ``lines``, whose tracks stand in ``worst_first``; None where there are no two moments."""
    if not lines:
        return None
    first = min(line.parts[0][0, 0] for line in lines)
    last = max(line.parts[-1][-1, 0] for line in lines)
    if not last > first:
        return None
    x, y = Axis(first, last, _LEFT, _RIGHT), Axis(0.0, 1.0, _BOTTOM, _TOP)
    rank = {id: place for place, id in enumerate(worst_first)}
    ordered = sorted(lines, key=lambda line: -rank[line.id])
    labels = _labels({line.id: y(line.parts[-1][-1, 1]) for line in ordered if rank[line.id] < COLOURED})
    strokes = tuple(
        Stroke(line.id, min(rank[line.id], COLOURED), _paths(line, x, y, (last - first) / _STEPS), labels.get(line.id, 0.0))
        for line in ordered
    )
    times = tuple((x(second), clock(second)) for second in time_ticks(first, last))
    levels = tuple((y(level), f"{level:g}") for level in (0.0, 0.25, 0.5, 0.75, 1.0))
    return TimeChart(strokes, times, levels, y(thresholds.fake), y(thresholds.real))


def _labels(ends: dict[int, float]) -> dict[int, float]:
    """Heights at least ``_LETTER`` apart, inside the chart, in the order of ``ends``."""
    placed: dict[int, float] = {}
    lowest = float(_TOP - _LETTER)
    for place, (id, end) in enumerate(sorted(ends.items(), key=lambda item: item[1])):
        below = len(ends) - 1 - place  # these still need room
        placed[id] = lowest = min(max(end, lowest + _LETTER), _BOTTOM - below * _LETTER)
    return placed


def _paths(line: Line, x: Axis, y: Axis, step_s: float) -> tuple[str, ...]:
    paths = [[(x(second), y(p_fake)) for second, p_fake in _thinned(part, step_s)] for part in line.parts]
    # A single moment is drawn as a short line: one point alone is none.
    paths = [points if len(points) > 1 else [points[0], (points[0][0] + 2, points[0][1])] for points in paths]
    return tuple(" ".join(f"{a:.1f},{b:.1f}" for a, b in points) for points in paths)


def _thinned(points: npt.NDArray[np.float64], step_s: float) -> npt.NDArray[np.float64]:
    """Of ``points`` (N, 2) the lowest and the highest in each step of time, so that no peak is lost; all where they are few."""
    if len(points) <= 2 * _STEPS:
        return points
    steps = np.floor((points[:, 0] - points[0, 0]) / step_s)
    kept = []
    for part in np.split(np.arange(len(points)), np.flatnonzero(np.diff(steps)) + 1):
        scores = points[part, 1]
        kept += sorted({part[scores.argmin()], part[scores.argmax()]})
    return points[kept]
