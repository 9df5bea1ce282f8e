"""Moving pictures made from the portrait, and frames of a stream that never ran."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from edgefake.pixels import Pixels
from edgefake.streaming.capture import Captured


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


def interlaced(path: Path, frames: Iterable[Pixels]) -> Path:
    """Write ``frames`` (their height a multiple of 32) as MPEG-2 of which every frame says that it is interlaced."""
    data = bytearray(write_video(path, frames, codec="mpg2").read_bytes())
    for extension in re.finditer(rb"\x00\x00\x01\xb5", bytes(data)):
        at = extension.end()
        if data[at] >> 4 == 1:
            data[at + 1] &= ~0x08  # progressive_sequence
        elif data[at] >> 4 == 8:
            data[at + 3] &= ~0x01  # chroma_420_type, which must be that of progressive_frame
            data[at + 4] &= ~0x80  # progressive_frame
    path.write_bytes(data)
    return path


def wide_pixels(path: Path, frames: Iterable[Pixels]) -> Path:
    """Write ``frames`` as MPEG-2 that is to be shown in 4:3, whatever their shape."""
    data = bytearray(write_video(path, frames, codec="mpg2").read_bytes())
    for header in re.finditer(rb"\x00\x00\x01\xb3", bytes(data)):
        data[header.end() + 3] = 2 << 4 | data[header.end() + 3] & 0x0F
    path.write_bytes(data)
    return path


def damage(path: Path, numbers: Iterable[int]) -> Path:
    """Replace the packets with these ``numbers`` in an ``.avi`` by noise."""
    data, noise = bytearray(path.read_bytes()), np.random.default_rng(0)
    packets, at = [], data.index(b"movi") + 4
    while data[at : at + 4] == b"00dc":
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        packets.append((at + 8, size))
        at += 8 + size + size % 2
    for number in numbers:
        at, size = packets[number]
        data[at : at + size] = noise.bytes(size)
    path.write_bytes(data)
    return path


def announce(path: Path, fps: float) -> Path:
    """Let an ``.mkv`` say that it has ``fps`` frames per second, whatever the times of its frames are."""
    data = bytearray(path.read_bytes())
    at = data.index(b"\x23\xe3\x83") + 3  # DefaultDuration, nanoseconds
    size = data[at] & 0x7F
    data[at + 1 : at + 1 + size] = round(1e9 / fps).to_bytes(size, "big")
    path.write_bytes(data)
    return path


def captured(pixels: Pixels, index: int, *, fps: float = 30.0) -> Captured:
    """Frame ``index`` of a file."""
    return Captured(pixels, index, index / fps, 1.7e9 + index / fps, arrived=0.0, read_ms=1.0)
