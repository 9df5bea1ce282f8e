"""Boxes, overlaps and the square around a face."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edgefake import Box, Face, InputError
from edgefake.faces.geometry import CropMode, crop_square, largest, one_per_face, overlap, square_around

FRAME = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)

corners = st.floats(-60.0, 120.0)
lengths = st.floats(0.01, 150.0)
boxes = st.builds(Box, corners, corners, lengths, lengths)
margins = st.floats(0.0, 1.0)


@given(boxes, margins)
def test_square_is_inside_the_frame_and_as_close_to_the_box_as_that_allows(box: Box, margin: float) -> None:
    left, top, side = square_around(box, margin, width=90, height=60)
    assert 0 <= left <= 90 - side and 0 <= top <= 60 - side and side >= 1
    assert abs(side - min(box.size * (1 + margin), 60)) <= max(0.5, 1 - box.size)
    for start, corner, length, frame in ((left, box.x, box.width, 90), (top, box.y, box.height, 60)):
        off = start + side / 2 - (corner + length / 2)
        assert abs(off) <= 0.5 or (off > 0 and start == 0) or (off < 0 and start == frame - side)


def test_square_that_would_leave_the_frame_is_shifted_and_one_too_large_is_shrunk() -> None:
    assert square_around(Box(40, 20, 20, 10), 0.0, width=90, height=60) == (40, 15, 20)
    assert square_around(Box(-5, 45, 20, 20), 0.5, width=90, height=60) == (0, 30, 30)
    assert square_around(Box(70, -8, 20, 20), 0.0, width=90, height=60) == (70, 0, 20)
    assert square_around(Box(0, 0, 90, 60), 0.3, width=90, height=60) == (15, 0, 60)
    assert square_around(Box(0, 0, 40000, 10), 0.3, width=40000, height=10) == (19995, 0, 10)


@given(boxes, margins)
def test_crop_is_a_view_of_the_square(box: Box, margin: float) -> None:
    assume(box.x < 90 and box.y < 60 and box.x + box.width > 0 and box.y + box.height > 0)
    left, top, side = square_around(box, margin, width=90, height=60)
    crop = crop_square(FRAME, box, margin)
    assert np.shares_memory(crop, FRAME)
    assert np.array_equal(crop, FRAME[top : top + side, left : left + side])


BORDERED = {
    mode: cv2.copyMakeBorder(FRAME, 400, 400, 400, 400, border, value=(128, 128, 128))
    for mode, border in (("reflect", cv2.BORDER_REFLECT_101), ("constant", cv2.BORDER_CONSTANT))
}
"""The frame with so wide a border that no crop leaves it."""
borders = st.sampled_from(["reflect", "constant"])


@given(boxes, margins, borders)
def test_with_a_border_the_square_stays_on_the_box(box: Box, margin: float, mode: CropMode) -> None:
    assume(box.x < 90 and box.y < 60 and box.x + box.width > 0 and box.y + box.height > 0)
    left, top, side = square_around(box, margin, width=90, height=60, mode=mode)
    assert abs(side - min(box.size * (1 + margin), 120)) <= max(0.5, 1 - box.size)
    for start, middle, frame in ((left, box.x + box.width / 2, 90), (top, box.y + box.height / 2, 60)):
        assert abs(start + side / 2 - middle) <= 0.5 or start in (1 - side, frame - 1)  # at least a pixel is seen
    crop = crop_square(FRAME, box, margin, mode)
    np.testing.assert_array_equal(crop, BORDERED[mode][top + 400 :, left + 400 :][:side, :side])


def test_what_is_seen_beyond_the_edge() -> None:
    row = np.repeat(np.arange(10, 90, 10, dtype=np.uint8)[None, :, None], 8, axis=0).repeat(3, axis=2)  # 10, 20 … 80
    shown = {mode: crop_square(row, Box(-2, 2, 4, 4), 0.5, mode)[0, :, 0].tolist() for mode in ("inside", "reflect", "constant")}
    assert shown == {
        "inside": [10, 20, 30, 40, 50, 60],
        "reflect": [40, 30, 20, 10, 20, 30],  # the edge itself is not repeated
        "constant": [128, 128, 128, 10, 20, 30],
    }


@pytest.mark.parametrize("mode", ["inside", "reflect", "constant"])
def test_all_modes_are_one_where_the_square_lies_inside(mode: CropMode) -> None:
    crop = crop_square(FRAME, Box(30, 20, 20, 16), 0.3, mode)
    assert np.shares_memory(crop, FRAME) and np.array_equal(crop, crop_square(FRAME, Box(30, 20, 20, 16), 0.3))
    np.testing.assert_array_equal(crop_square(FRAME, None, 0.3, mode), FRAME[:, 15:75])  # a face with its context already


@pytest.mark.parametrize("mode", ["reflect", "constant"])
def test_a_border_takes_no_more_memory_than_a_few_frames(mode: CropMode) -> None:
    strip = np.zeros((10, 40_000, 3), np.uint8)
    assert crop_square(strip, Box(0, 0, 80_000, 20), 3.0, mode).shape == (20, 20, 3)


@pytest.mark.parametrize("corner", [(-20.0, 0.0), (90.0, 0.0), (0.0, -20.0), (0.0, 60.0), (1e300, 1e300)])
def test_box_outside_the_frame_is_refused(corner: tuple[float, float]) -> None:
    with pytest.raises(InputError, match=r"outside .*90×60"):
        crop_square(FRAME, Box(*corner, 20.0, 20.0), 0.0)


@pytest.mark.parametrize("size", [361.0, 1e9, 1.7e308])
def test_oversized_box_is_refused_before_memory_is_taken(size: float) -> None:
    with pytest.raises(InputError, match=r"2 times .*90×60"):
        crop_square(FRAME, Box(0.0, 0.0, size, size), 0.5)


@pytest.mark.parametrize("bad", [(0, 0, 0, 5), (0, 0, 5, -1), (float("nan"), 0, 5, 5), (0, float("inf"), 5, 5)])
def test_impossible_boxes_are_refused(bad: tuple[float, float, float, float]) -> None:
    with pytest.raises(InputError, match=r"finite .*above 0"):
        Box(*bad)


@given(boxes, boxes)
def test_overlap_is_a_symmetric_fraction(a: Box, b: Box) -> None:
    assert 0.0 <= overlap(a, b) <= 1.0 + 1e-9
    assert overlap(a, b) == pytest.approx(overlap(b, a))
    assert overlap(a, a) == pytest.approx(1.0)


def test_overlap_of_half_shifted_boxes() -> None:
    assert overlap(Box(0, 0, 2, 2), Box(1, 0, 2, 2)) == pytest.approx(1 / 3)
    assert overlap(Box(0, 0, 2, 2), Box(2, 0, 2, 2)) == 0.0


LARGE, INSIDE, ASTRIDE, BESIDE = Box(2, -5, 198, 199), Box(110, 33, 76, 76), Box(170, 20, 80, 80), Box(201, 0, 190, 200)


def test_boxes_inside_a_larger_one_are_of_the_same_face() -> None:
    def kept(*boxes: Box) -> list[Box]:
        return [face.box for face in one_per_face(map(Face, boxes))]

    assert kept(INSIDE, LARGE) == [LARGE]
    assert kept(LARGE, LARGE) == [LARGE]
    assert kept(ASTRIDE, BESIDE, LARGE) == [LARGE, BESIDE, ASTRIDE]  # people close together stay apart
    assert kept() == []


def test_the_best_face_comes_first_and_the_largest_can_be_asked_for() -> None:
    faces = [Face(BESIDE, 0.7), Face(ASTRIDE, 0.9), Face(INSIDE, 0.99), Face(LARGE, 0.7)]
    assert one_per_face(faces) == [Face(ASTRIDE, 0.9), Face(LARGE, 0.7), Face(BESIDE, 0.7)]
    assert largest(faces) == Face(LARGE, 0.7)
    assert largest([]) is None
