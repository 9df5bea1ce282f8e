"""The plot: lines where p_fake was, in colours of their own, and nothing where it was not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from edgefake.pixels import Pixels
from edgefake.streaming.timeline import BOTTOM, LEFT, RIGHT, SIZE, TOP, Timeline, clock
from tests.edgefake.streaming.results import result, track


def plotted(scores: list[dict[int, float]], *, step_s: float = 0.1) -> Pixels:
    """The timeline of frames that have these p_fake by track."""
    timeline = Timeline()
    for index, frame in enumerate(scores):
        timeline.add(result(index, *(track(id, p_fake) for id, p_fake in frame.items()), seconds=index * step_s))
    return timeline.plot()


def coloured(picture: Pixels) -> npt.NDArray[np.bool_]:
    """Where lines are inside the axes: grid and letters are grey, the threshold is red."""
    inside = picture[TOP : BOTTOM + 1, LEFT : RIGHT + 1].astype(int)
    red = (inside[..., 2] - inside[..., 0] > 100) & (abs(inside[..., 0] - inside[..., 1]) < 20)
    found: npt.NDArray[np.bool_] = (np.ptp(inside, axis=2) > 80) & ~red
    return found


def test_a_line_goes_from_p_fake_to_p_fake() -> None:
    lines = coloured(plotted([{1: index / 100} for index in range(101)]))
    height, width = lines.shape
    for part in (0.1, 0.5, 0.9):
        rows = np.flatnonzero(lines[:, round(part * (width - 1))])
        assert rows.mean() == pytest.approx((1 - part) * (height - 1), abs=2)
        assert len(rows) < 8


def test_nothing_is_drawn_while_a_track_is_away() -> None:
    lines = coloured(plotted([{1: 0.2} if index <= 20 or index >= 80 else {} for index in range(101)]))
    columns = lines.any(axis=0)
    width = len(columns) - 1
    assert columns[: round(0.2 * width)].all() and columns[round(0.8 * width) :].all()
    assert not columns[round(0.22 * width) : round(0.78 * width)].any()


def test_short_occlusions_do_not_break_the_line() -> None:
    assert coloured(plotted([{1: 0.2} if index % 8 < 2 or index == 100 else {} for index in range(101)])).any(axis=0).all()


def test_tracks_differ_in_colour() -> None:
    picture = plotted([{1: 0.1, 2: 0.9} for _ in range(50)])
    upper, lower = (picture[round(BOTTOM - (BOTTOM - TOP) * p_fake), 600].astype(int) for p_fake in (0.9, 0.1))
    assert abs(upper - lower).max() > 60


def test_a_single_score_is_a_dot() -> None:
    assert 10 < coloured(plotted([{1: 0.3} if index == 50 else {} for index in range(101)])).sum() < 60


@pytest.mark.parametrize(
    "scores",
    [[], [{}], [{1: 0.5}], [{}] * 5, [{id: 0.5 for id in range(40)} for _ in range(3)], [{id: 1.0} for id in range(500)]],
    ids=["nothing", "one frame", "one score", "no scores", "many faces", "many short tracks"],
)
def test_any_amount(scores: list[dict[int, float]]) -> None:
    picture = plotted(scores)
    assert picture.shape == (SIZE[1], SIZE[0], 3) and picture.dtype == np.uint8


@pytest.mark.parametrize("step_s", [0.001, 0.04, 2.0, 3000.0])
def test_any_duration_has_a_few_ticks(step_s: float) -> None:
    below = plotted([{}] * 100, step_s=step_s)[BOTTOM + 6 : BOTTOM + 30, :, :]
    written = (below < 200).any(axis=(0, 2))
    groups = np.flatnonzero(written[1:] & ~written[:-1])
    assert 1 < len(groups) < 150  # letters, not a black bar
    assert written.mean() < 0.6


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (0.5, "0:00.5"), (75, "1:15"), (3599, "59:59"), (7322, "2:02:02")])
def test_times_are_written_as_on_a_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_scores_that_are_missing_are_left_out() -> None:
    timeline = Timeline()
    for index in range(10):
        timeline.add(result(index, track(1, None)))
    assert not coloured(timeline.plot()).any()
