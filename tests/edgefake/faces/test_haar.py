"""The Haar cascade: it finds the frontal face, and its missing or damaged file is told."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import cv2.data
import numpy as np
import pytest

from edgefake import Box, InputError, read_image
from edgefake.faces import haar
from edgefake.faces.haar import HaarFinder
from edgefake.testing import check_finder


def test_haar_finds_the_face_of_the_portrait(portrait: Path) -> None:
    frame = read_image(portrait)
    found = HaarFinder().find(frame)
    assert len(found) == 1 and found[0].score == 1.0 and found[0].landmarks is None
    width = frame.shape[1]
    box = found[0].box
    assert type(box.x) is float
    assert abs(box.x + box.width / 2 - width / 2) < 0.1 * width  # a frontal face in the middle
    assert 0.3 * width < box.width < width


def test_haar_boxes_scale_with_the_frame(portrait: Path) -> None:
    frame = read_image(portrait)
    large = cv2.resize(frame, None, fx=3, fy=3)
    one, three = HaarFinder().find(frame)[0].box, HaarFinder().find(np.asarray(large, np.uint8))[0].box
    assert three.width / one.width == pytest.approx(3, rel=0.1)
    assert three.x / one.x == pytest.approx(3, rel=0.15)


def test_haar_finds_nothing_in_noise_or_in_tiny_frames() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    assert HaarFinder().find(noise) == []
    assert HaarFinder().find(np.zeros((1, 1, 3), np.uint8)) == []
    assert HaarFinder().find(np.zeros((1, 5000, 3), np.uint8)) == []


def test_the_cascades_of_a_distribution_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, portrait: Path) -> None:
    (tmp_path / "haarcascades").symlink_to(cv2.data.haarcascades)
    monkeypatch.delattr(cv2, "data")
    monkeypatch.setitem(sys.modules, "cv2.data", None)  # as in OpenCV that is not from PyPI
    monkeypatch.setattr(haar, "SYSTEM_CASCADES", tmp_path / "haarcascades")
    assert len(HaarFinder().find(read_image(portrait))) == 1
    monkeypatch.setattr(haar, "SYSTEM_CASCADES", tmp_path / "absent")
    with pytest.raises(InputError, match=r"is missing: .*opencv-data.*YuNet"):
        HaarFinder()


def test_a_missing_a_damaged_and_a_dropped_cascade_are_told_when_the_finder_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cv2.data, "haarcascades", f"{tmp_path}/")
    with pytest.raises(InputError, match=r"is missing: .*YuNet.*\"frame\""):
        HaarFinder()
    (tmp_path / "haarcascade_frontalface_default.xml").write_text("<opencv_storage>")
    with pytest.raises(InputError, match="damaged"):
        HaarFinder()
    monkeypatch.delattr(cv2, "CascadeClassifier")  # as in OpenCV 5
    with pytest.raises(InputError, match=r"5\.0 dropped.*YuNet.*\"frame\""):
        HaarFinder()


def test_the_contract(portrait: Path) -> None:
    check_finder(HaarFinder(), read_image(portrait), box=Box(120, 170, 230, 290))
