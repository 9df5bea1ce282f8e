"""Moving pictures made from the portrait, and frames of a stream that never ran."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.streaming.capture import Captured

Pixels = npt.NDArray[np.uint8]


def moving_face(portrait: Path, count: int, *, size: tuple[int, int] = (320, 240), face: int = 150) -> list[Pixels]:
    """``count`` frames in which the portrait, ``face`` pixels wide, wanders to the right and back in a ``size`` frame."""
    picture = np.asarray(cv2.imread(str(portrait)), np.uint8)
    width, height = size
    small = cv2.resize(picture, (face, min(height, round(face * picture.shape[0] / picture.shape[1]))))
    frames = []
    for index in range(count):
        frame = np.full((height, width, 3), (90, 110, 120), np.uint8)
        left = round((width - face) * (0.5 - 0.5 * np.cos(index / 30)))
        frame[: small.shape[0], left : left + face] = small
        frames.append(frame)
    return frames


def write_video(path: Path, frames: Iterable[Pixels], *, fps: float = 30.0, codec: str = "mp4v") -> Path:
    """Write a video file with OpenCV; the suffix names the container."""
    writer: cv2.VideoWriter | None = None
    for frame in frames:
        if writer is None:
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, (frame.shape[1], frame.shape[0]))
            assert writer.isOpened()
        writer.write(frame)
    assert writer is not None
    writer.release()
    return path


def write_long_video(path: Path, portrait: Path) -> Path:
    """Write 15,000 frames, one second again and again: a bare sequence of JPEGs."""
    second = b"".join(cv2.imencode(".jpg", frame)[1].tobytes() for frame in moving_face(portrait, 30))
    path.with_suffix(".mjpeg").write_bytes(500 * second)
    return path.with_suffix(".mjpeg")


def captured(pixels: Pixels, index: int, *, fps: float = 30.0) -> Captured:
    """Frame ``index`` of a file."""
    return Captured(pixels, index, index / fps, 1.7e9 + index / fps, arrived=0.0, read_ms=1.0)
