"""Cameras on the ribbon cable of a Raspberry Pi, through libcamera: the package ``picamera2`` of its system."""

from __future__ import annotations

import concurrent.futures
import importlib
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

import numpy as np

from edgefake.errors import InputError
from edgefake.streaming.sources.base import TIMEOUT_MS, Asked, Frames, Reader, Source, SourceAwayError
from edgefake.streaming.sources.camera import CameraHere
from edgefake.text import printable

SIZE = (1280, 720)
FPS = 30.0
"""What a camera is asked for where nobody says."""


def find(text: str, asked: Asked) -> Source:
    """``picamera2`` is the first camera, ``picamera2:1`` the second. Raises ``InputError`` for what is no number."""
    _, colon, told = text.partition(":")
    if colon and not (told.isdecimal() and told.isascii()):
        raise InputError(f"expected the number of a camera, as in picamera2:0, got {printable(text)}")
    number = int(told or 0)
    name = f"picamera2:{number}"
    return Source(name, True, True, lambda: _open(number, name, asked))


def cameras_here() -> list[CameraHere]:
    """Those that libcamera finds and V4L2 does not give; none without picamera2."""
    if find_spec("picamera2") is None:
        return []
    with suppress(InputError):
        told = enumerate(_picamera2().global_camera_info())
        return [CameraHere(f"picamera2:{n}", str(about.get("Model"))) for n, about in told if "usb" not in str(about.get("Id"))]
    return []


def _picamera2() -> Any:
    try:
        return importlib.import_module("picamera2").Picamera2
    except Exception as error:  # of any kind, where its compiled parts and NumPy do not fit
        raise InputError(
            f"picamera2 cannot be imported ({type(error).__name__}: {error}): sudo apt install python3-picamera2, make the "
            "virtual environment with --system-site-packages, and keep the system's NumPy in it"
        ) from error


def _open(number: int, name: str, asked: Asked) -> Reader:
    kind = _picamera2()
    size, fps = asked.size or SIZE, asked.fps or FPS
    if number >= (count := len(kind.global_camera_info())):
        raise SourceAwayError(
            f"{name} does not answer: libcamera finds {count} cameras, check the cable and `rpicam-hello --list`"
        )
    try:
        camera = kind(number)
    except (RuntimeError, IndexError) as error:
        raise SourceAwayError(f"{name} does not answer ({error}): check that nothing else uses it") from error
    try:
        period = round(1e6 / fps)
        # What libcamera calls RGB888 has blue in its first byte.
        wanted = {"main": {"size": size, "format": "RGB888"}, "controls": {"FrameDurationLimits": (period, period)}}
        camera.configure(camera.create_video_configuration(**wanted))
        given = tuple(camera.camera_configuration()["main"]["size"])
        if given != tuple(size):
            raise InputError(f"{name} gives {given[0]}×{given[1]}, not {size[0]}×{size[1]}: ask for a size that it has")
        camera.start()
    except BaseException as error:
        camera.close()
        if isinstance(error, RuntimeError):
            raise SourceAwayError(f"{name} does not start ({error}): check that nothing else uses it") from error
        raise
    return Reader(_frames(camera), fps=fps, size=size)


def _frames(camera: Any) -> Frames:
    try:
        while True:
            try:
                frame = camera.capture_array("main", wait=TIMEOUT_MS / 1e3)
            except (TimeoutError, concurrent.futures.TimeoutError, RuntimeError):
                return
            yield np.ascontiguousarray(frame, np.uint8), None
    finally:
        camera.stop()
        camera.close()
