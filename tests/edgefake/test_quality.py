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
    assert sharpness(np.full((64, 64, 3), 200, np.uint8)) == 0.0


def test_blur_lowers_sharpness_until_the_face_is_refused(face: np.ndarray) -> None:
    values = [sharpness(face), *(sharpness(np.asarray(cv2.GaussianBlur(face, (0, 0), s))) for s in (3, 6, 16))]
    assert values == sorted(values, reverse=True) and len(set(values)) == 4
    assert values[0] > MIN_SHARPNESS > values[-1]


def test_brightness_and_contrast_hardly_change_sharpness(face: np.ndarray) -> None:
    dim = (face * 0.4 + 20).astype(np.uint8)
    assert sharpness(dim) == pytest.approx(sharpness(face), rel=0.15)


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
