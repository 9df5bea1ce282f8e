"""The way from a frame to a model's pixels, against what it was when models were trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import BackendError, Detector, preprocessing
from edgefake.faces.geometry import Box, crop_square
from edgefake.models import golden_pixels
from edgefake.models.golden_pixels import TOLERANCE, check_pixels, pixel_errors


@pytest.fixture(autouse=True)
def unchecked() -> Iterator[None]:
    check_pixels.cache_clear()
    yield
    check_pixels.cache_clear()


def test_this_opencv_makes_the_golden_pixels() -> None:
    assert max(pixel_errors()) <= 1
    check_pixels()


def changed_resize(change: Callable[[np.ndarray, int], np.ndarray | int]) -> Callable[..., np.ndarray]:
    resize = cv2.resize

    def changed(image: np.ndarray, size: tuple[int, int], *, interpolation: int) -> np.ndarray:
        found = change(image, interpolation)
        return (
            resize(image, size, interpolation=found)
            if isinstance(found, int)
            else resize(found, size, interpolation=interpolation)
        )

    return changed


@pytest.mark.parametrize(
    "fault",
    [
        ("resize", changed_resize(lambda image, _: cv2.INTER_NEAREST)),
        ("resize", changed_resize(lambda image, kind: cv2.INTER_CUBIC if kind == cv2.INTER_LINEAR else kind)),
        ("resize", changed_resize(lambda image, kind: cv2.INTER_LINEAR if kind == cv2.INTER_AREA else kind)),
        ("resize", changed_resize(lambda image, _: np.roll(image, 1, axis=1))),
        ("cvtColor", lambda image, _: image),
    ],
    ids=["nearest", "cubic", "no area mean", "a pixel aside", "colours not swapped"],
)
def test_a_fault_on_the_way_is_noticed(
    fault: tuple[str, Callable[..., object]], monkeypatch: pytest.MonkeyPatch, model: Path
) -> None:
    monkeypatch.setattr(preprocessing.cv2, *fault)
    assert max(pixel_errors()) > 2 * TOLERANCE
    with pytest.raises(BackendError, match=rf"OpenCV \({cv2.__version__}, .* \d+ levels .* 2 "):
        Detector(model)


def test_a_crop_beside_the_face_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def beside(frame: np.ndarray, box: Box, margin: float, mode: str) -> np.ndarray:
        return crop_square(frame, Box(box.x + 2, box.y, box.width, box.height), margin)

    monkeypatch.setattr(preprocessing, "crop_square", beside)
    assert min(pixel_errors()[::2]) > 5 * TOLERANCE


def test_the_last_bit_is_forgiven(monkeypatch: pytest.MonkeyPatch) -> None:
    colours = cv2.cvtColor
    monkeypatch.setattr(preprocessing.cv2, "cvtColor", lambda image, code: cv2.subtract(colours(image, code), (TOLERANCE,) * 3))
    check_pixels()


def test_it_is_checked_once(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(golden_pixels, "pixel_errors", lambda: calls.append(1) or [0])
    Detector(model).close()
    Detector(model).close()
    assert len(calls) == 1
