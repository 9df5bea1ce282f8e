"""Cameras of this machine by their V4L2 device: webcams, capture cards."""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2

from edgefake.errors import InputError
from edgefake.streaming.sources.base import Asked, Reader, Source, SourceAwayError
from edgefake.streaming.sources.opencv import open_capture, read_video

BY_ID = Path("/dev/v4l/by-id")
"""Names that stay the same when cameras are replugged or the machine starts in another order."""
DEVICES = Path("/sys/class/video4linux")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CameraHere:
    """A camera of this machine."""

    source: str
    """How ``find_source`` is told of it."""
    name: str
    """What it calls itself."""


def find(text: str, asked: Asked) -> Source:
    """The camera of this number or device."""
    device = int(text) if text.isdecimal() else text
    return Source(str(device), True, True, lambda: _open(device, asked))


def cameras_here(by_id: Path = BY_ID, devices: Path = DEVICES) -> list[CameraHere]:
    """The V4L2 cameras, by the name that stays where they have one."""
    names = {folder.name: _text(folder / "name") for folder in devices.glob("video*") if _text(folder / "index") == "0"}
    lasting = {link.resolve().name: str(link) for link in sorted(by_id.glob("*"))}
    shown = {device: name for device, name in names.items() if device in lasting} or names
    return [CameraHere(lasting.get(device, f"/dev/{device}"), name) for device, name in sorted(shown.items())]


def _open(device: int | str, asked: Asked) -> Reader:
    if isinstance(device, str) and not os.path.exists(device):
        others = ", ".join(camera.source for camera in cameras_here()) or "none"
        raise SourceAwayError(f"there is no camera {device}: plug it in, or give another one (here: {others})")
    camera = open_capture(device, cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY)
    if asked.size is not None:
        camera.set(cv2.CAP_PROP_FRAME_WIDTH, asked.size[0])
        camera.set(cv2.CAP_PROP_FRAME_HEIGHT, asked.size[1])
        width, height = round(camera.get(cv2.CAP_PROP_FRAME_WIDTH)), round(camera.get(cv2.CAP_PROP_FRAME_HEIGHT))
        if (width, height) != tuple(asked.size):
            camera.release()
            raise InputError(
                f"camera {device} gives {width}×{height}, not {asked.size[0]}×{asked.size[1]}: ask for a size that it has"
            )
    if asked.fps is not None and not camera.set(cv2.CAP_PROP_FPS, asked.fps):
        _log.warning("camera %s does not let its frame rate be set: it gives %g", device, camera.get(cv2.CAP_PROP_FPS))
    return read_video(camera, str(device), live=True, ffmpeg=False)


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
