"""Crop geometry, and finding faces."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cv2
import cv2.data
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edgefake import Box, InputError, read_image, yunet_faces
from edgefake import faces as faces_module
from edgefake.faces import crop_square, face_finder, haar_faces, one_per_face, overlap, square_around, whole_frame

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


@pytest.mark.parametrize("corner", [(-20.0, 0.0), (90.0, 0.0), (0.0, -20.0), (0.0, 60.0), (1e300, 1e300)])
def test_box_outside_the_frame_is_refused(corner: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="lies outside the 90×60 frame"):
        crop_square(FRAME, Box(*corner, 20.0, 20.0), 0.0)


@pytest.mark.parametrize("size", [361.0, 1e9, 1.7e308])
def test_oversized_box_is_refused_before_memory_is_taken(size: float) -> None:
    with pytest.raises(InputError, match="more than 2 times as large"):
        crop_square(FRAME, Box(0.0, 0.0, size, size), 0.5)


@pytest.mark.parametrize("bad", [(0, 0, 0, 5), (0, 0, 5, -1), (float("nan"), 0, 5, 5), (0, float("inf"), 5, 5)])
def test_impossible_boxes_are_refused(bad: tuple[float, float, float, float]) -> None:
    with pytest.raises(InputError, match="finite numbers with width and height above 0"):
        Box(*bad)


def test_whole_frame() -> None:
    assert whole_frame(FRAME) == [Box(0.0, 0.0, 90.0, 60.0)]
    assert face_finder("frame")(FRAME) == whole_frame(FRAME)


def test_haar_finds_the_face_of_the_portrait(portrait: Path) -> None:
    frame = read_image(portrait)
    found = haar_faces()(frame)
    assert len(found) == 1 and type(found[0].x) is float
    width = frame.shape[1]
    box = found[0]
    assert abs(box.x + box.width / 2 - width / 2) < 0.1 * width  # a frontal face in the middle
    assert 0.3 * width < box.width < width


def test_haar_boxes_scale_with_the_frame(portrait: Path) -> None:
    frame = read_image(portrait)
    large = cv2.resize(frame, None, fx=3, fy=3)
    one, three = haar_faces()(frame)[0], haar_faces()(np.asarray(large, np.uint8))[0]
    assert three.width / one.width == pytest.approx(3, rel=0.1)
    assert three.x / one.x == pytest.approx(3, rel=0.15)


def test_haar_finds_nothing_in_noise_or_in_tiny_frames() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    assert haar_faces()(noise) == []
    assert haar_faces()(np.zeros((1, 1, 3), np.uint8)) == []
    assert haar_faces()(np.zeros((1, 5000, 3), np.uint8)) == []


@pytest.mark.parametrize("found", [[Box(1, 2, 3, 4)], ((1, 2, 3, 4),), np.array([[1, 2, 3, 4]]), (box for box in [[1, 2, 3, 4]])])
def test_own_function_finds_faces(found: object) -> None:
    assert face_finder(lambda frame: found)(FRAME) == [Box(1, 2, 3, 4)]  # type: ignore[arg-type,return-value]


def test_own_function_that_returns_no_boxes() -> None:
    for found, message in [
        (None, "expected what the faces= function returned to be a list of face boxes, got None"),
        (7, "to be a list of face boxes, got 7"),
        ([(1, 2, 3)], r"expected a face box \(x, y, width, height\), got \(1, 2, 3\) in what the faces= function returned"),
        ((1, 2, 3, 4), "expected a face box .*, got 1 in what"),
        ([None], "got None in what"),
        ([(0, 0, 10**400, 5)], "expected a face box"),
        ("face", "expected a face box"),
        ([(0, 0, float("nan"), 5)], "finite numbers"),
    ]:
        with pytest.raises(InputError, match=message):
            face_finder(lambda frame, found=found: found)(FRAME)  # type: ignore[misc]


def test_boxes_inside_a_larger_one_are_of_the_same_face() -> None:
    large, inside, astride, beside = Box(2, -5, 198, 199), Box(110, 33, 76, 76), Box(170, 20, 80, 80), Box(201, 0, 190, 200)
    assert one_per_face([inside, large]) == [large]
    assert one_per_face([large, large]) == [large]
    assert one_per_face([astride, beside, large]) == [large, beside, astride]  # people close together stay apart
    assert one_per_face([]) == []
    assert face_finder(lambda frame: [inside, large])(FRAME) == [large]


def test_unknown_finder_is_refused() -> None:
    with pytest.raises(InputError, match='"haar", "frame", the path of a YuNet'):
        face_finder("retina")


YUNET = os.environ.get("EDGEFAKE_TEST_YUNET", "")


@pytest.mark.skipif(not YUNET, reason="OpenCV ships no YuNet model: set EDGEFAKE_TEST_YUNET to its .onnx file")
def test_yunet_finds_the_face_of_the_portrait(portrait: Path) -> None:
    frame = read_image(portrait)
    by_yunet, by_haar = yunet_faces(YUNET)(frame), haar_faces()(frame)
    assert len(by_yunet) == 1
    assert by_yunet[0].width == pytest.approx(by_haar[0].width, rel=0.4)


def test_boxes_that_no_crop_can_be_taken_of_are_left_out() -> None:
    inf, nan = float("inf"), float("nan")
    good = (-10.0, 20.0, 30.0, 30.0)
    odd = [
        (-inf, -inf, inf, inf),
        (nan, 0, 5, 5),
        (0, 0, nan, 5),
        (0, 0, 0, 5),
        (90, 0, 5, 5),
        (-5, 0, 5, 5),
        (0, -9, 9, 9),
        (0, 0, 180, 9),
    ]
    found = np.array([good, *odd], np.float32)
    assert list(faces_module._usable(found, 90, 60)) == [Box(*good)]


@pytest.mark.skipif(not YUNET, reason="OpenCV ships no YuNet model: set EDGEFAKE_TEST_YUNET to its .onnx file")
def test_yunet_on_pieces_of_a_portrait_finds_faces_that_can_be_cropped(portrait: Path) -> None:
    frame, rng, find = read_image(portrait), np.random.default_rng(0), yunet_faces(YUNET)
    for _ in range(300):
        (x, y), (w, h) = rng.integers(0, 330, 2), rng.integers(8, 250, 2)
        piece = np.ascontiguousarray(frame[y : y + h, x : x + w])
        for box in find(piece):
            assert crop_square(piece, box, 0.3).size


def test_the_cascades_of_a_distribution_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, portrait: Path) -> None:
    (tmp_path / "haarcascades").symlink_to(cv2.data.haarcascades)
    monkeypatch.delattr(cv2, "data")
    monkeypatch.setitem(sys.modules, "cv2.data", None)  # as in OpenCV that is not from PyPI
    monkeypatch.setattr(faces_module, "SYSTEM_CASCADES", tmp_path / "haarcascades")
    assert len(haar_faces()(read_image(portrait))) == 1
    monkeypatch.setattr(faces_module, "SYSTEM_CASCADES", tmp_path / "absent")
    with pytest.raises(InputError, match=r"is missing: .*opencv-data.*YuNet"):
        haar_faces()


def test_a_missing_a_damaged_and_a_dropped_cascade_are_told_when_the_finder_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cv2.data, "haarcascades", f"{tmp_path}/")
    with pytest.raises(InputError, match=r"is missing: .*YuNet.*\"frame\""):
        haar_faces()
    (tmp_path / "haarcascade_frontalface_default.xml").write_text("<opencv_storage>")
    with pytest.raises(InputError, match="damaged"):
        haar_faces()
    monkeypatch.delattr(cv2, "CascadeClassifier")  # as in OpenCV 5
    with pytest.raises(InputError, match=r"5\.0 dropped.*YuNet.*\"frame\""):
        haar_faces()


@given(boxes, boxes)
def test_overlap_is_a_symmetric_fraction(a: Box, b: Box) -> None:
    assert 0.0 <= overlap(a, b) <= 1.0 + 1e-9
    assert overlap(a, b) == pytest.approx(overlap(b, a))
    assert overlap(a, a) == pytest.approx(1.0)


def test_overlap_of_half_shifted_boxes() -> None:
    assert overlap(Box(0, 0, 2, 2), Box(1, 0, 2, 2)) == pytest.approx(1 / 3)
    assert overlap(Box(0, 0, 2, 2), Box(2, 0, 2, 2)) == 0.0
