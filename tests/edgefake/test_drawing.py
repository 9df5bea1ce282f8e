"""Boxes and labels: the right colour in the right place, and never outside the picture."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from edgefake import Box, FaceScore, Prediction, Quality, Status, Thresholds, Timings, Verdict
from edgefake.drawing import footer_text, plain_verdict

FRAME = np.full((240, 320, 3), 100, np.uint8)


def prediction(*faces: FaceScore) -> Prediction:
    p_fake = max((f.p_fake for f in faces if f.p_fake is not None), default=None)
    status = faces[0].status if faces else Status.NO_FACE
    verdict, half = faces[0].verdict if faces else None, Thresholds.two_way(0.5)
    return Prediction(status, p_fake, verdict, faces, half, Timings(0, 0, 0), "tiny", half)


def face(box: Box, verdict: Verdict | None) -> FaceScore:
    if verdict is None:
        return FaceScore(box, Status.FACE_TOO_BLURRED, None, None, Quality(box.size, 0.0))
    return FaceScore(box, Status.OK, 0.9 if verdict is Verdict.FAKE else 0.1, verdict, Quality(box.size, 0.3))


def changed(picture: np.ndarray) -> np.ndarray:
    return np.any(picture != FRAME, axis=2)


@pytest.mark.parametrize(("verdict", "strongest"), [(Verdict.FAKE, 2), (Verdict.REAL, 1)])
def test_fake_is_red_and_real_is_green(verdict: Verdict, strongest: int) -> None:
    picture = prediction(face(Box(100, 100, 80, 80), verdict)).draw(FRAME)
    edge = picture[140, 100].astype(int)  # on the left edge of the box
    assert edge.argmax() == strongest and edge[strongest] > 150
    assert not changed(picture)[110:170, 110:170].any()  # the face itself stays visible


def test_unscored_faces_are_grey() -> None:
    edge = prediction(face(Box(100, 100, 80, 80), None)).draw(FRAME)[140, 100]
    assert np.ptp(edge) == 0 and edge[0] != 100


def test_without_faces_the_status_stands_in_the_corner() -> None:
    picture = prediction().draw(FRAME)
    assert changed(picture)[:40, :120].any() and not changed(picture)[60:].any()


def test_the_frame_is_left_alone() -> None:
    frame = FRAME.copy()
    frame.setflags(write=False)
    picture = prediction(face(Box(10, 10, 50, 50), Verdict.FAKE)).draw(frame)
    assert picture.shape == frame.shape and picture.dtype == np.uint8
    assert np.array_equal(frame, FRAME)


def test_any_strides_can_be_drawn_on() -> None:
    wide = np.full((240, 640, 3), 100, np.uint8)
    expected = prediction(face(Box(100, 100, 80, 80), Verdict.REAL)).draw(FRAME)
    for view in (wide[:, ::2], wide[::-1, :320], wide[:, 320:0:-1]):
        assert np.array_equal(prediction(face(Box(100, 100, 80, 80), Verdict.REAL)).draw(view), expected)


@pytest.mark.parametrize(
    "box", [Box(-30, -30, 60, 60), Box(300, 220, 60, 60), Box(-500, -500, 1280, 1280), Box(319, 0, 0.2, 0.2)]
)
@pytest.mark.parametrize("size", [(1, 1), (240, 320), (20, 2000)])
def test_boxes_across_the_edge_and_tiny_pictures(box: Box, size: tuple[int, int]) -> None:
    frame = np.zeros((*size, 3), np.uint8)
    assert prediction(face(box, Verdict.FAKE)).draw(frame).shape == frame.shape


def test_the_label_of_a_face_at_the_edge_is_moved_inside() -> None:
    at_edge = prediction(face(Box(290, 0, 60, 60), Verdict.FAKE)).draw(FRAME)
    white = np.all(at_edge > 240, axis=2)
    assert white[:20, 200:].sum() > 20  # the label's letters


def test_a_label_covers_neither_its_neighbour_nor_another_label() -> None:
    """The second label would stand on the first face, and the third on the second's label: both go below their boxes."""
    frame = np.full((720, 1280, 3), 100, np.uint8)
    faces = [Box(320, 200, 190, 190), Box(450, 330, 200, 200)]
    picture = prediction(*(face(box, Verdict.FAKE) for box in faces)).draw(frame)
    alone = prediction(face(faces[0], Verdict.FAKE)).draw(frame)
    assert np.array_equal(picture[:320, :440], alone[:320, :440])
    assert np.any(picture[540:560, 460:560] != 100)  # below the second
    beside = prediction(*(face(Box(x, 200, 60, 60), Verdict.FAKE) for x in (300, 380))).draw(frame)
    assert np.any(beside[185, 310:360] != 100) and np.any(beside[275, 390:440] != 100) and np.all(beside[185, 480:] == 100)


@pytest.mark.parametrize(
    ("verdict", "p_fake", "text"),
    [
        (Verdict.REAL, 0.03, "real, 3 % fake"),
        (Verdict.REAL, 0.0099, "real, <1 % fake"),
        (Verdict.UNSURE, 0.454, "unsure, 45 % fake"),
        (Verdict.FAKE, 0.99, "fake, 99 %"),
        (Verdict.FAKE, 0.9901, "fake, >99 %"),
    ],
)
def test_marks_speak_plainly_and_never_of_certainty(verdict: Verdict, p_fake: float, text: str) -> None:
    assert plain_verdict(verdict, p_fake) == text


def test_the_footer_tells_what_the_verdict_stands_on() -> None:
    today = date.today().isoformat()
    assert footer_text("tiny", Thresholds.two_way(0.57)) == f"tiny, fake from 57 %, {today}"
    assert footer_text("größe", Thresholds(0.9, 0.2)) == f"gr??e, fake from 90 %, real below 20 %, {today}"
    plain, signed = (prediction(face(Box(100, 60, 80, 80), Verdict.FAKE)).draw(FRAME, footer=footer) for footer in (False, True))
    assert np.array_equal(plain[:210], signed[:210]) and np.any(plain[225:] != signed[225:])


@pytest.mark.parametrize("size", [(1, 1), (40, 30), (2000, 20)])
def test_a_footer_fits_into_small_pictures(size: tuple[int, int]) -> None:
    frame = np.zeros((*size, 3), np.uint8)
    assert prediction().draw(frame, footer=True).shape == frame.shape
