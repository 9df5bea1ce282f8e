"""Network cameras: what FFmpeg opens by an address."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

from edgefake.errors import InputError
from edgefake.streaming.reasons import why_silent
from edgefake.streaming.sources.base import TIMEOUT_MS, Asked, Reader, Source, SourceAwayError, public_name
from edgefake.streaming.sources.opencv import read_video

SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "udp", "rtp", "srt", "tcp")

_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
_USUAL = "rtsp_flags;prefer_tcp"
"""What OpenCV asks for by itself."""
_QUICK = f"{_USUAL}|probesize;32768|formatprobesize;32768|analyzeduration;0"


def find(text: str, asked: Asked) -> Source:
    """A camera, or with ``live=False`` a file. Raises ``InputError`` for other protocols than ``SCHEMES``."""
    scheme, rest = text.split("://", 1)
    scheme = scheme.lower()  # FFmpeg knows its protocols in lower case only
    if scheme not in SCHEMES:
        raise InputError(f"expected an address of {', '.join(SCHEMES)} to watch, got {public_name(text)}")
    live = asked.live is not False
    name, address = public_name(text), f"{scheme}://{rest}"
    return Source(name, live, live, lambda: _open(address, name, live=live))


def _open(address: str, name: str, *, live: bool) -> Reader:
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, TIMEOUT_MS]
    with _quickly(address):
        capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, limits)
    if not capture.isOpened():
        capture.release()
        reason, is_away = why_silent(address)
        raise (SourceAwayError if is_away else InputError)(f"{name} {reason}")
    return read_video(capture, name, live=live)


@contextmanager
def _quickly(address: str) -> Iterator[None]:
    """Let FFmpeg look at little of a bare stream, as rpicam-vid sends it, before it says what it is: by itself it looks for 5 s.

    OpenCV takes that from the environment alone, which is the process's: should another stream open meanwhile, the same is enough
    for it. What the user has set there stays.
    """
    if not address.startswith("tcp://") or os.environ.get(_OPTIONS, _USUAL) not in (_USUAL, _QUICK):
        yield
        return
    os.environ[_OPTIONS] = _QUICK
    try:
        yield
    finally:
        os.environ[_OPTIONS] = _USUAL  # not taken out again: that is not safe beside threads that read the environment
