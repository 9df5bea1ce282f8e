"""A camera that can be unplugged, in the place of ``cv2.VideoCapture``."""

from __future__ import annotations

import time
from collections.abc import Sequence

import cv2
import numpy as np
import pytest


class FakeCamera:
    """What ``cv2.VideoCapture`` gives for one camera of 320×240 at about 200 fps. Frame n is filled with n modulo 256."""

    plugged = True
    size = (320, 240)
    opened = 0
    released = 0
    frames = 0

    def __init__(self, device: int | str, backend: int, parameters: Sequence[int] = ()) -> None:
        self._is_open = type(self).plugged
        type(self).opened += self._is_open
        self._wanted: dict[int, float] = {}

    def isOpened(self) -> bool:
        return self._is_open

    def read(self) -> tuple[bool, np.ndarray | None]:
        time.sleep(0.005)
        if not type(self).plugged:
            return False, None
        type(self).frames += 1
        width, height = type(self).size
        return True, np.full((height, width, 3), type(self).frames % 256, np.uint8)

    def get(self, name: int) -> float:
        return {cv2.CAP_PROP_FRAME_WIDTH: 320.0, cv2.CAP_PROP_FRAME_HEIGHT: 240.0, cv2.CAP_PROP_FPS: 30.0}.get(name, 0.0)

    def set(self, name: int, value: float) -> bool:
        return False

    def release(self) -> None:
        type(self).released += self._is_open
        self._is_open = False


def plug_in(monkeypatch: pytest.MonkeyPatch) -> type[FakeCamera]:
    """Put a new fake camera in the place of every camera."""
    camera = type("FakeCamera", (FakeCamera,), {})
    monkeypatch.setattr(cv2, "VideoCapture", camera)
    return camera
