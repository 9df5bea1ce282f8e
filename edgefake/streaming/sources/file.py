"""Video files, and animated pictures."""

from __future__ import annotations

import logging
import os
import re
from dataclasses import replace
from pathlib import Path

import cv2

from edgefake.errors import InputError
from edgefake.files import plain_path
from edgefake.images import IMAGE_SUFFIXES, PictureFile
from edgefake.streaming.reasons import HEAD_BYTES, is_picture, why_not_a_video, why_not_opened
from edgefake.streaming.sources.base import Asked, Reader, Source, public_name, timed
from edgefake.streaming.sources.opencv import read_video
from edgefake.text import portable_path, printable

_log = logging.getLogger(__name__)

SIZE_PLACES = 8
"""In so many places of a stream file the picture size is looked up."""

ANIMATION_FPS = 10.0
"""At which the frames of animated pictures follow each other."""

RATE_FRAMES = 8
"""A file's real frame rate is taken from so many of its frames."""


def find(path: str, asked: Asked) -> Source:
    """A video file, or what there would have to be."""

    def capture_file() -> cv2.VideoCapture:
        with plain_path(path) as name:
            return cv2.VideoCapture(name, cv2.CAP_FFMPEG)

    def open_file() -> Reader:
        if not os.path.isfile(path):
            raise InputError(f"there is no video file {public_name(path)}: give a file, folder, camera, URL or pipeline to watch")
        name = printable(path)
        head, tail = _ends(path)
        if is_picture(head) and not (head[:2] == b"\xff\xd8" and Path(path).suffix.lower() not in IMAGE_SUFFIXES):
            return _animation(path)
        if no_video := why_not_a_video(head):
            raise InputError(f"{name} {no_video}")
        capture = capture_file()
        if not capture.isOpened():
            capture.release()
            raise InputError(f"{name} {why_not_opened(head, tail)}")
        reader = read_video(capture, name, live=False, again=capture_file)
        if len(sizes := _sizes(path, head)) > 1:
            shown = ", then ".join(f"{width}×{height}" for width, height in sizes)
            _log.warning("%s changes its picture size (%s): later sizes are stretched to the first, cut it there", name, shown)
        reader = replace(reader, fps=_first_rate(capture_file(), reader.fps))
        if reader.total and reader.seconds and 0 < (start := _start(head)) < reader.seconds:
            rest = 1 - start / reader.seconds
            reader = replace(reader, total=max(1, round(reader.total * rest)), seconds=reader.seconds * rest)
        return reader

    return Source(portable_path(path), False, False, open_file)


def _animation(path: str) -> Reader:
    """The frames of an animated picture; the pages of others are no film."""
    pictures = PictureFile.open(path)
    if len(pictures) < 2 or len(pictures.headers) > 1:
        raise InputError(f"{pictures.name} is a picture: judge it with `edgefake predict`, or give a folder of pictures to watch")
    return Reader(timed(pictures, ANIMATION_FPS, live=False), len(pictures), ANIMATION_FPS)


def _ends(path: str) -> tuple[bytes, bytes]:
    """The first and the last bytes of a file."""
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
            file.seek(max(len(head), os.fstat(file.fileno()).st_size - HEAD_BYTES))
            return head, file.read(HEAD_BYTES)
    except OSError as error:
        raise InputError(f"{printable(path)} cannot be read: {error.strerror or error}") from error


def _start(head: bytes) -> float:
    """At what second a Matroska file begins: what it announces as its length is where it ends, counted from 0.

    Parts of longer recordings keep its time.
    """
    number = rb"(?:\x10\0\0)?([\x01-\x08\x81-\x88])(.{8})"  # its length in bytes, in two ways of writing, and what begins with it
    cluster = re.search(rb"\x1f\x43\xb6\x75.{1,8}?(?:\xbf\x84.{4})?\xe7" + number, head, re.DOTALL)
    if not head.startswith(b"\x1a\x45\xdf\xa3") or cluster is None:
        return 0.0
    scale = re.search(rb"\x2a\xd7\xb1" + number, head, re.DOTALL)
    ticks, nanoseconds = (int.from_bytes(of[2][: of[1][0] & 15], "big") if of else 1_000_000 for of in (cluster, scale))
    return ticks * nanoseconds / 1e9


def _sizes(path: str, head: bytes) -> list[tuple[int, int]]:
    """The picture sizes in a transport or programme stream, which may change, as FFmpeg finds them at a few places of it.

    OpenCV gives every frame in the first size, and says nothing.
    """
    sizes: dict[tuple[int, int], None] = {}
    if head[:4] != b"\0\0\1\xba" and head[:1] + head[188:189] != b"\x47\x47" and head[4:5] + head[196:197] != b"\x47\x47":
        return []
    with plain_path(path) as name:
        length = os.path.getsize(path)
        for part in range(SIZE_PLACES):
            start = length * part // SIZE_PLACES
            capture = cv2.VideoCapture(f"subfile,,start,{start},end,{length},,:{name}", cv2.CAP_FFMPEG)
            size = round(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), round(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
            capture.release()
            if min(size) > 0:
                sizes[size] = None
    return list(sizes)


def _first_rate(capture: cv2.VideoCapture, announced: float | None) -> float | None:
    """The rate of the first frames where it is above the one announced, which may be wrong or a mean; closes ``capture``."""
    times: list[float] = []
    while len(times) <= RATE_FRAMES and capture.grab():
        times.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3)
    capture.release()
    if len(times) <= RATE_FRAMES or times[-1] <= times[0]:
        return announced
    rate = RATE_FRAMES / (times[-1] - times[0])
    rate = round(rate) if abs(rate - round(rate)) < 0.01 * rate else rate  # containers round times to milliseconds
    return rate if announced is None or 1.02 * announced < rate < 1000 else announced
