"""Which faces are too small or too blurred to be judged."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import Box, Quality, Status, read_image
from edgefake.preprocessing import face_pixels
from edgefake.quality import MIN_SHARPNESS, MIN_SIZE, face_status, sharpness


@pytest.fixture(scope="module")
def face(portrait: Path) -> np.ndarray:
    return face_pixels(read_image(portrait), Box(90, 120, 300, 300), size=224, margin=0.3)


def test_flat_pictures_have_no_sharpness() -> None:
    assert sharpness(np.full((64, 64, 3), 200, np.uint8), 64) == 0.0


def test_blur_lowers_sharpness_until_the_face_is_refused(face: np.ndarray) -> None:
    values = [sharpness(face, 390), *(sharpness(np.asarray(cv2.GaussianBlur(face, (0, 0), s)), 390) for s in (1, 3, 8))]
    assert values == sorted(values, reverse=True) and len(set(values)) == 4
    assert values[0] > MIN_SHARPNESS > values[-1]


@pytest.mark.parametrize("size", [36, 60, 100, 300, 600])
@pytest.mark.parametrize("model_input", [96, 128, 160, 224])
def test_blur_is_refused_at_every_face_size(portrait: Path, size: int, model_input: int) -> None:
    k = size / 300
    frame = np.asarray(cv2.resize(read_image(portrait), None, fx=k, fy=k, interpolation=cv2.INTER_AREA), np.uint8)
    box = Box(90 * k, 120 * k, size, size)

    def status(sigma: float) -> Status:
        blurred = np.asarray(cv2.GaussianBlur(frame, (0, 0), sigma * size), np.uint8) if sigma else frame
        pixels = face_pixels(blurred, box, size=model_input, margin=0.3)
        return face_status(Quality(size, sharpness(pixels, 1.3 * size)))

    assert status(0.0) is Status.OK
    assert status(0.04 if size >= 60 else 0.08) is Status.FACE_TOO_BLURRED


def test_brightness_and_contrast_hardly_change_sharpness(face: np.ndarray) -> None:
    dim = (face * 0.4 + 20).astype(np.uint8)
    assert sharpness(dim, 390) == pytest.approx(sharpness(face, 390), rel=0.15)


@pytest.mark.parametrize(
    ("size", "sharp", "status"),
    [
        (MIN_SIZE, MIN_SHARPNESS, Status.OK),
        (MIN_SIZE - 0.1, 1.0, Status.FACE_TOO_SMALL),
        (MIN_SIZE, MIN_SHARPNESS - 1e-6, Status.FACE_TOO_BLURRED),
        (MIN_SIZE - 0.1, 0.0, Status.FACE_TOO_SMALL),
    ],
)
def test_status(size: float, sharp: float, status: Status) -> None:
    assert face_status(Quality(size, sharp)) is status
