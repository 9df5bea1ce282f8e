"""Tracks on a frame: colours, labels, and what stands in the corner."""

from __future__ import annotations

import numpy as np
import pytest

from edgefake import Box, Status
from edgefake.drawing import Mark, draw_marks
from edgefake.pixels import Pixels
from edgefake.streaming.overlay import draw
from edgefake.streaming.result import TrackResult
from edgefake.thresholds import Verdict
from tests.edgefake.streaming.results import result, track

FRAME = np.full((480, 640, 3), 90, np.uint8)
BOX = Box(200, 150, 100, 120)


def drawn(text: str, verdict: Verdict | None, corner: str = "") -> Pixels:
    return draw_marks(FRAME, [Mark(BOX, text, verdict)], corner=corner)


@pytest.mark.parametrize(
    ("shown", "text", "verdict"),
    [
        (track(7, 0.934, box=BOX), "#7 fake, 93 %", Verdict.FAKE),
        (track(12, 0.04, box=BOX), "#12 real, 4 % fake", Verdict.REAL),
        (track(1, 0.6, box=BOX, decided=False), "#1 undecided", None),
        (track(1, None, box=BOX, status=Status.FACE_TOO_SMALL), "#1 face too small", None),
        (track(3, 0.9, box=BOX, status=Status.FACE_TOO_BLURRED), "#3 fake, 90 %", Verdict.FAKE),  # of the frames before
    ],
)
def test_a_track_tells_its_number_and_verdict(shown: TrackResult, text: str, verdict: Verdict | None) -> None:
    assert np.array_equal(draw(FRAME, result(0, shown)), drawn(text, verdict))


def test_the_corner() -> None:
    assert np.array_equal(
        draw(FRAME, result(0, track(1, 0.9, box=BOX)), fps=29.94), drawn("#1 fake, 90 %", Verdict.FAKE, "29.9 fps")
    )
    assert np.array_equal(draw(FRAME, result(0)), draw_marks(FRAME, [], corner="no face"))
    assert np.array_equal(draw(FRAME, result(0), fps=7), draw_marks(FRAME, [], corner="no face  7.0 fps"))


@pytest.mark.parametrize("ground", [0, 255])
def test_it_is_legible_on_dark_and_on_light(ground: int) -> None:
    frame = np.full((480, 640, 3), ground, np.uint8)
    picture = draw(frame, result(0, track(1, 0.9, box=BOX)), fps=30).astype(int)
    bar, corner, side = picture[128:148, 200:300], picture[2:18, 2:60], picture[200:230, 195:206]
    for part in (bar, corner, side):
        assert np.ptp(part.sum(axis=2)) > 200


def test_the_frame_is_left_alone() -> None:
    frame = FRAME.copy()
    frame.setflags(write=False)
    assert draw(frame, result(0, *(track(i, box=Box(20 * i, 15 * i, 60, 60)) for i in range(30)))).shape == frame.shape
    assert np.array_equal(frame, FRAME)
