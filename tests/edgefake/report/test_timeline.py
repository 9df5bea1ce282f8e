"""The timeline of a page: shapes that a browser draws."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from edgefake import Thresholds
from edgefake.report.timeline import COLOURED, HEIGHT, WIDTH, time_chart
from edgefake.streaming.timeline import Line


def line(id: int, count: int, *, p_fake: float = 0.5, start: float = 0.0, fps: float = 30.0) -> Line:
    return Line(id, (np.column_stack((start + np.arange(count) / fps, np.full(count, p_fake))),))


def points(path: str) -> list[tuple[float, float]]:
    return [tuple(map(float, point.split(","))) for point in path.split()]  # type: ignore[misc]


def test_no_peak_of_a_long_video_is_lost_and_few_points_are_drawn() -> None:
    hour = line(1, 108_000, p_fake=0.1)
    hour.parts[0][70_001, 1] = 0.9
    chart = time_chart([hour], Thresholds.two_way(0.5), [1])
    assert chart is not None
    (path,) = chart.strokes[0].paths
    drawn = points(path)
    assert len(drawn) < 1000 and all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in drawn)
    assert min(y for _, y in drawn) == round(chart.bottom - 0.9 * (chart.bottom - chart.top), 1)
    assert [x for x, _ in drawn] == sorted(x for x, _ in drawn)


def test_the_worst_are_coloured_on_top_and_their_numbers_apart() -> None:
    ids = [*range(10, 20)]
    chart = time_chart([line(id, 30) for id in ids], Thresholds(0.8, 0.2), ids)
    assert chart is not None and chart.fake < chart.real
    assert [stroke.id for stroke in chart.strokes] == ids[::-1]
    assert [stroke.colour for stroke in chart.strokes[-3:]] == [2, 1, 0] and chart.strokes[0].colour == COLOURED
    heights = sorted(stroke.label for stroke in chart.strokes if stroke.colour < COLOURED)
    assert all(b - a >= 13 for a, b in pairwise(heights)) and heights[-1] <= chart.bottom


def test_a_track_that_was_away_is_broken_and_a_moment_is_drawn() -> None:
    parts = (np.array([[0.0, 0.1], [1.0, 0.2]]), np.array([[9.0, 0.3]]))
    chart = time_chart([Line(1, parts)], Thresholds.two_way(0.5), [1])
    assert chart is not None and [len(points(path)) for path in chart.strokes[0].paths] == [2, 2]
    assert 2 <= len(chart.times) <= 12


def test_without_time_there_is_no_chart() -> None:
    assert time_chart([], Thresholds.two_way(0.5), []) is None
    assert time_chart([line(1, 1)], Thresholds.two_way(0.5), [1]) is None
