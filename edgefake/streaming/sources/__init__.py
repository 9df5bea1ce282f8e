"""Where frames come from: camera, video file, image folder, URL, GStreamer pipeline, or any iterable of frames."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgefake.errors import InputError
from edgefake.pixels import Pixels
from edgefake.streaming.sources.base import DEFAULT_FPS, Asked, Reader, Source, SourceAwayError, public_name, timed
from edgefake.streaming.sources.camera import CameraHere

__all__ = [
    "DEFAULT_FPS",
    "SOURCES",
    "CameraHere",
    "Reader",
    "Source",
    "SourceAwayError",
    "SourceKind",
    "SourceLike",
    "cameras_here",
    "find_source",
    "is_path",
]

SourceLike = int | str | Path | Iterable[Pixels]


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A row of ``SOURCES``."""

    module: str
    """Its ``find(text, asked)`` gives the ``Source``."""
    pattern: str | None
    """How such a source is written; None: what is there under this path."""
    examples: tuple[str, ...]
    help: str
    is_camera: bool = False
    """Whether it can be asked for a size and a frame rate."""


SOURCES = {
    "camera": SourceKind(
        "edgefake.streaming.sources.camera",
        r"\d+|/dev/(video|v4l/).+",
        ("0", "/dev/video0", "/dev/v4l/by-id/…"),
        "a camera by its number or V4L2 device; those of by-id stay the same when cameras are replugged",
        is_camera=True,
    ),
    "picamera2": SourceKind(
        "edgefake.streaming.sources.picamera2",
        r"picamera2(:.*)?",
        ("picamera2:0",),
        "a camera on the ribbon cable of a Raspberry Pi, by the system's package python3-picamera2",
        is_camera=True,
    ),
    "folder": SourceKind(
        "edgefake.streaming.sources.folder",
        None,
        ("incoming/",),
        "a folder: each picture is judged by itself, as `edgefake predict` does it, and with --follow those that come later too; "
        "with --fps the pictures are a film",
    ),
    "file": SourceKind("edgefake.streaming.sources.file", None, ("clip.mp4",), "a video file"),
    "pipeline": SourceKind(
        "edgefake.streaming.sources.pipeline",
        r".*\s!\s.*",
        ('"nvarguscamerasrc ! … ! appsink"',),
        "a GStreamer pipeline, where OpenCV was built with GStreamer",
    ),
    "url": SourceKind(
        "edgefake.streaming.sources.url",
        r"[A-Za-z][A-Za-z0-9+.-]*://.*",
        ("rtsp://door/main", "http://door/stream.mjpg", "tcp://pi:8888"),
        "a network camera by RTSP, HTTP (MJPEG) or as `rpicam-vid --listen` sends it; it is connected again whenever it is lost",
    ),
}
"""By name; of those that a text may stand for, the first is meant."""


def find_source(
    source: SourceLike, *, size: tuple[int, int] | None = None, fps: float | None = None, live: bool | None = None
) -> Source:
    """What ``source`` stands for.

    Args:
        source: a camera (``0`` or ``/dev/video0``; ``/dev/v4l/by-id/…`` stays the same when cameras are replugged;
            ``picamera2:0`` on a Raspberry Pi), a URL, a GStreamer pipeline (``v4l2src ! … ! appsink``), a video file, a folder of
            pictures in the order of their numbers, or an iterable of frames (uint8, H×W×3, BGR), which must not be changed after
            they were handed out. Pictures are judged each by itself, unless ``fps`` makes them a film.
        size: (width, height) to ask of a camera.
        fps: frames per second to ask of a camera, or at which pictures and frames of an iterable follow each other.
        live: whether late frames are dropped. Cameras and pipelines are live, files are not; URLs are unless this says that there
            is a video file behind it; iterables are when this says so. A folder that is live is watched for new pictures until
            it is stopped, and none is dropped.

    Raises ``InputError`` for anything else, and for ``size`` or ``fps`` where they mean nothing.
    """
    _check(size, fps)
    found = _find(source, Asked(size, fps, live))
    if live is not None and live != found.live and not (live and found.stills):
        does, option = ("does not come", "live=True (--follow)") if live else ("always comes", "live=False (--not-live)")
        raise InputError(f"{found.name} {does} live: leave {option} out")
    return found


def is_path(source: int | str) -> bool:
    """Whether ``source`` means a file or folder, which need not be there."""
    return SOURCES[_kind(source)].pattern is None


def cameras_here() -> list[CameraHere]:
    """The cameras that this machine has itself, by what ``find_source`` takes; none is opened."""
    kinds = [importlib.import_module(kind.module) for kind in SOURCES.values() if kind.is_camera]
    return [camera for kind in kinds for camera in kind.cameras_here()]


def _find(source: SourceLike, asked: Asked) -> Source:
    if isinstance(source, bool) or not isinstance(source, int | str | Path | Iterable):
        raise InputError(f"expected a camera number, a path, a URL or an iterable of frames to watch, got {source!r}")
    if isinstance(source, np.ndarray) and source.ndim < 4:
        raise InputError(f"expected frames to watch, got one array of shape {source.shape}: judge it with Detector.predict")
    name = _kind(source) if isinstance(source, int | str | Path) else None
    if asked.size is not None and not (name and SOURCES[name].is_camera):
        size = f"{asked.size[0]}×{asked.size[1]}"
        raise InputError(f"expected a camera to ask for a size, got {size} for another source: leave it out")
    if isinstance(source, int | str | Path):
        assert name is not None
        kind = SOURCES[name]
        if asked.fps is not None and not (kind.is_camera or kind is SOURCES["folder"]):
            raise InputError(f"{public_name(source)} comes with its own frame rate: leave fps={asked.fps:g} out")
        return importlib.import_module(kind.module).find(str(source), asked)  # type: ignore[no-any-return]
    frames: Iterable[Pixels] = source
    live = bool(asked.live)
    return Source("iterable", live, False, lambda: Reader(timed(iter(frames), asked.fps, live=live), fps=asked.fps))


def _kind(source: int | str | Path) -> str:
    """The row of ``SOURCES`` that is meant; a ``Path`` is a path, or the device of a camera."""
    if isinstance(source, int):
        return "camera"
    text = str(source)
    may_be = isinstance(source, str) or text.startswith("/dev/")
    rows = SOURCES.items() if may_be else ()
    written = next((name for name, kind in rows if kind.pattern and re.fullmatch(kind.pattern, text, re.DOTALL)), "file")
    if SOURCES[written].is_camera:
        return written
    if os.path.isdir(text):  # unlike Path.is_dir it takes strings that are too long for a path, as pipelines may be
        return "folder"
    return "file" if os.path.isfile(text) else written


def _check(size: tuple[int, int] | None, fps: float | None) -> None:
    if size is not None and not (len(size) == 2 and all(isinstance(n, int) and n > 0 for n in size)):
        raise InputError(f"expected a size as (width, height) in whole pixels, got {size!r}")
    if fps is not None and not 0 < fps < 1000:
        raise InputError(f"expected a frame rate above 0 and below 1000 per second, got {fps!r}")
