"""A fake ``picamera2``, for there is no camera of a Raspberry Pi here: the few calls of its documentation that edgefake makes.

``python -c`` programs get it by the name ``picamera2``; in the tests it is put in the place of that module.
"""

from __future__ import annotations

import time
from typing import Any, ClassVar

import numpy as np


class Picamera2:
    """Frame n is blue with the value n, at about 200 frames per second; ``hangs`` is a camera that sends nothing any more."""

    cameras = 1
    busy = False
    hangs = False
    sizes = ((1280, 720), (640, 480))
    opened = 0
    closed = 0
    configured: ClassVar[dict[str, Any]] = {}

    def __init__(self, camera_num: int = 0) -> None:
        if type(self).busy:
            raise RuntimeError("Camera __init__ sequence did not complete.")
        type(self).opened += 1
        self._frames, self._started = 0, False

    @classmethod
    def global_camera_info(cls) -> list[dict[str, Any]]:
        return [{"Model": "imx708", "Id": "/base/soc/i2c0mux/i2c@1/imx708@1a", "Num": n} for n in range(cls.cameras)]

    def create_video_configuration(self, main: dict[str, Any], controls: dict[str, Any]) -> dict[str, Any]:
        return {"main": main, "controls": controls}

    def configure(self, configuration: dict[str, Any]) -> None:
        assert not self._started
        type(self).configured = configuration

    def camera_configuration(self) -> dict[str, Any]:
        main = dict(type(self).configured["main"])
        main["size"] = main["size"] if main["size"] in self.sizes else self.sizes[0]
        return {"main": main}

    def start(self) -> None:
        self._started = True

    def capture_array(self, name: str = "main", wait: float | None = None) -> np.ndarray:
        assert self._started and name == "main" and wait is not None
        if type(self).hangs:
            raise TimeoutError
        time.sleep(0.005)
        width, height = self.camera_configuration()["main"]["size"]
        frame = np.zeros((height, width, 3), np.uint8)
        frame[..., 0] = self._frames % 256  # the first byte of what libcamera calls RGB888 is blue
        self._frames += 1
        return frame

    def stop(self) -> None:
        self._started = False

    def close(self) -> None:
        assert not self._started
        type(self).closed += 1
