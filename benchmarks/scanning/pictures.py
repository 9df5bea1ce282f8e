"""An archive of JPEGs that all show one picture, and of which no two have the same bytes."""

from __future__ import annotations

from pathlib import Path

import cv2

from edgefake.benchmark.picture import drawn_frame

PER_FOLDER = 1000


def make_archive(folder: Path, count: int, *, width: int | None) -> list[Path]:
    """``count`` files, each with its number in a comment; ``width`` in pixels, None for 1280."""
    frame = drawn_frame()
    if width is not None:
        frame = cv2.resize(frame, (width, round(width * frame.shape[0] / frame.shape[1])), interpolation=cv2.INTER_AREA)
    jpeg = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
    paths = []
    for number in range(count):
        path = folder / f"{number // PER_FOLDER:04}" / f"{number:08}.jpg"
        if number % PER_FOLDER == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg[:2] + b"\xff\xfe\x00\x0a" + f"{number:08}".encode() + jpeg[2:])
        paths.append(path)
    return paths
