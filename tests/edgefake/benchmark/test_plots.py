"""Plots: which there are, and that their lines are where the figures say."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from edgefake import Detector
from edgefake.benchmark.accuracy import Accuracy
from edgefake.benchmark.picture import drawn_frame
from edgefake.benchmark.plots import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, plots
from edgefake.charts import Axis
from edgefake.pixels import Pixels
from edgefake.prediction import Status
from edgefake.statistics import Interval
from tests.edgefake.benchmark.reports import report, row, sample


def accuracy(auc: float) -> Accuracy:
    return Accuracy("val", 9, 9, 0, 0.5, Interval(auc, auc - 0.02, auc + 0.02), Interval(0.5, 0.4, 0.6))


def coloured(picture: Pixels) -> npt.NDArray[np.bool_]:
    """Where lines are inside the axes: the grid is grey."""
    inside = picture[TOP : BOTTOM + 1, LEFT : RIGHT + 1].astype(int)
    found: npt.NDArray[np.bool_] = np.ptp(inside, axis=2) > 80
    return found


def test_only_what_there_is_to_show() -> None:
    assert plots(report()) == {}
    assert list(plots(report(row()))) == ["latency.png"]
    assert list(plots(report(row(accuracy=accuracy(0.9)), row(threads=2)))) == ["latency.png", "accuracy.png", "threads.png"]
    assert list(plots(report(row(), row(streams=2)))) == ["latency.png", "streams.png"]


@pytest.mark.parametrize("count", [1, 40])
def test_any_number_of_rows(count: int) -> None:
    rows = [row(model=f"model{index}", threads=1 + index % 4, accuracy=accuracy(0.9 + index / 500)) for index in range(count)]
    for picture in plots(report(*rows)).values():
        assert picture.shape == (HEIGHT, WIDTH, 3) and picture.dtype == np.uint8
        assert coloured(picture).any()


def test_the_median_is_where_half_of_the_runs_are() -> None:
    picture = plots(report(row(sample(np.geomspace(1.0, 100.0, 301).tolist()))))["latency.png"]
    lines = coloured(picture)
    columns = np.flatnonzero(lines[lines.shape[0] // 2])
    assert columns.mean() == pytest.approx((RIGHT - LEFT) / 2, abs=4)


@pytest.mark.parametrize("dimension", ["threads", "streams"])
def test_twice_as_many_faces_are_twice_as_high(dimension: str) -> None:
    one, two = row(sample([4.0] * 4), **{dimension: 1}), row(sample([4.0] * 4, [4.0] * 4), **{dimension: 2})
    lines = coloured(plots(report(two, one))[f"{dimension}.png"])
    x, height = Axis(0, 2.5, 0, RIGHT - LEFT), BOTTOM - TOP
    tops = [height - np.flatnonzero(lines[:, round(x(count))]).mean() for count in (1, 2)]
    assert tops[1] / tops[0] == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize(("low", "high", "is_log"), [(0, 0.3, False), (0, 7000, False), (0.85, 1, False), (0.3, 4, True)])
def test_axes_have_a_few_round_ticks(low: float, high: float, is_log: bool) -> None:
    ticks = Axis(low, high, 0, 100, is_log).ticks()
    assert 2 <= len(ticks) <= 12 and all(low <= tick <= high for tick in ticks)
    assert all(float(f"{tick:.2g}") == pytest.approx(tick) for tick in ticks)


def test_the_drawn_picture_holds_one_face_that_can_be_scored() -> None:
    frame = drawn_frame()
    assert frame.shape == (720, 1280, 3) and np.array_equal(frame, drawn_frame())
    with Detector("cnn_int8") as detector:
        prediction = detector.predict(frame)
    assert (prediction.status, len(prediction.faces)) == (Status.OK, 1)
