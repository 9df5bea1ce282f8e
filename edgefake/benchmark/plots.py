"""Pictures of a report: how latencies are distributed, what accuracy costs, how threads and streams scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from edgefake.benchmark.plan import case_name
from edgefake.benchmark.report import Report, Row
from edgefake.pixels import Pixels

Colour = tuple[int, int, int]  # BGR
Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 1100, 560
LEFT, TOP, RIGHT, BOTTOM = 70, 60, 660, 500
"""Where the axes are; names stand at their right."""

_BLACK, _GREY, _LIGHT = (40, 40, 40), (120, 120, 120), (225, 225, 225)
_PALETTE: tuple[Colour, ...] = (
    (180, 119, 31), (14, 127, 255), (44, 160, 44), (189, 103, 148), (75, 86, 140), (194, 119, 227), (34, 189, 188), (60, 60, 230)
)  # fmt: skip
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def plots(report: Report) -> dict[str, Pixels]:
    """The pictures (uint8, H×W×3, BGR) by file name; those that the report has nothing for are left out."""
    found = {}
    if report.rows:
        found["latency.png"] = _distribution(report.rows)
    if any(row.accuracy for row in report.rows):
        found["accuracy.png"] = _front([row for row in report.rows if row.accuracy])
    for dimension in ("threads", "streams"):
        if len({row.case.numbers[dimension] for row in report.rows}) > 1:
            found[f"{dimension}.png"] = _scaling(report.rows, dimension)
    return found


@dataclass(frozen=True, slots=True)
class _Axis:
    """From data to pixels."""

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


def _distribution(rows: Sequence[Row]) -> Pixels:
    """Cumulative: the share of runs that took at most so long."""
    runs = [np.sort(np.concatenate([sample.ms for sample in row.samples])) for row in rows]
    x = _Axis(min(each[0] for each in runs) * 0.95, max(each[-1] for each in runs) * 1.05, LEFT, RIGHT, is_log=True)
    y = _Axis(0, 1, BOTTOM, TOP)
    picture = _frame("share of runs that took at most so many ms per batch", x, y)
    for (index, row), each in zip(enumerate(rows), runs, strict=True):
        points = [(x(float(ms)), y((place + 1) / len(each))) for place, ms in enumerate(each)]
        _line(picture, [(points[0][0], y(0)), *points], _colour(index))
        _name(picture, str(row.case), index)
    return picture


def _front(rows: Sequence[Row]) -> Pixels:
    """AUC over latency, with its interval; a line joins the rows that no other beats in both."""
    scored = [(row, row.latency.median.value / row.case.batch, row.accuracy.auc) for row in rows if row.accuracy]
    latencies = [ms for _, ms, _ in scored]
    x = _Axis(min(latencies) * 0.8, max(latencies) * 1.25, LEFT, RIGHT, is_log=True)
    y = _Axis(max(0.0, min(auc.low for _, _, auc in scored) - 0.01), 1.0, BOTTOM, TOP)
    picture = _frame("AUC over ms per face (bars: 95 % intervals; line: the best of each speed)", x, y)
    best = [(ms, auc.value) for _, ms, auc in scored if not any(m < ms and a.value >= auc.value for _, m, a in scored)]
    _line(picture, [(x(ms), y(auc)) for ms, auc in sorted(best)], _GREY)
    for index, (row, ms, auc) in enumerate(scored):
        _line(picture, [(x(ms), y(auc.low)), (x(ms), y(auc.high))], _colour(index))
        cv2.circle(picture, (round(x(ms)), round(y(auc.value))), 5, _colour(index), cv2.FILLED, cv2.LINE_AA)
        _name(picture, str(row.case), index)
    return picture


def _scaling(rows: Sequence[Row], dimension: str) -> Pixels:
    """Faces per second over threads or streams; a line for each combination of the rest."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        rest = {name: number for name, number in row.case.numbers.items() if name != dimension}
        points = lines.setdefault(case_name(row.case.model, row.case.backend, rest), [])
        points.append((row.case.numbers[dimension], row.faces_per_second))
    x = _Axis(0, max(row.case.numbers[dimension] for row in rows) + 0.5, LEFT, RIGHT)
    y = _Axis(0, max(row.faces_per_second for row in rows) * 1.05, BOTTOM, TOP)
    picture = _frame(f"faces per second over {dimension}", x, y)
    for index, (name, figures) in enumerate(lines.items()):
        places = [(x(count), y(faces)) for count, faces in sorted(figures)]
        _line(picture, places, _colour(index))
        for place in places:
            cv2.circle(picture, (round(place[0]), round(place[1])), 4, _colour(index), cv2.FILLED, cv2.LINE_AA)
        _name(picture, name, index)
    return picture


def _frame(title: str, x: _Axis, y: _Axis) -> Pixels:
    picture = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    for value in x.ticks():
        place = round(x(value))
        cv2.line(picture, (place, TOP), (place, BOTTOM), _LIGHT)
        _write(picture, f"{value:g}", (place - 10, BOTTOM + 22), _GREY)
    for value in y.ticks():
        place = round(y(value))
        cv2.line(picture, (LEFT, place), (RIGHT, place), _LIGHT)
        _write(picture, f"{value:.4g}", (LEFT - 50, place + 5), _GREY)
    _write(picture, title, (LEFT, 34), _BLACK)
    return picture


def _line(picture: Pixels, points: Points, colour: Colour) -> None:
    fine = np.round(np.asarray(points) * 16).astype(np.int32)  # sixteenths of a pixel
    cv2.polylines(picture, [fine.reshape(-1, 1, 2)], False, colour, 2, cv2.LINE_AA, 4)


def _name(picture: Pixels, text: str, index: int) -> None:
    place = TOP + 10 + 20 * index
    if place < HEIGHT - 10:  # the report's table names the others
        cv2.putText(picture, text, (RIGHT + 14, place), _FONT, 0.4, _colour(index), 1, cv2.LINE_AA)


def _colour(index: int) -> Colour:
    return _PALETTE[index % len(_PALETTE)]


def _write(picture: Pixels, text: str, place: tuple[int, int], colour: Colour) -> None:
    cv2.putText(picture, text, place, _FONT, 0.5, colour, 1, cv2.LINE_AA)
