"""Frames out of an open ``cv2.VideoCapture``."""

from __future__ import annotations

from collections.abc import Callable

import cv2

from edgefake.errors import InputError
from edgefake.images import MAX_PIXELS
from edgefake.streaming.decoding import Decoder, Undecoded, Video
from edgefake.streaming.sources.base import DEFAULT_FPS, Frames, Reader, SourceAwayError, public_name


def open_capture(source: int | str, backend: int) -> cv2.VideoCapture:
    """Raises ``SourceAwayError`` when it does not open: OpenCV does not tell why."""
    capture = cv2.VideoCapture(source, backend)
    if not capture.isOpened():
        capture.release()
        kind = "camera " if isinstance(source, int) else ""
        told = f"{kind}{public_name(source)} does not answer"
        raise SourceAwayError(f"{told}: check that it is there, not in use elsewhere, and that you may open it")
    return capture


def read_video(
    capture: Video,
    name: str,
    *,
    live: bool,
    ffmpeg: bool = True,
    again: Callable[[], cv2.VideoCapture] | None = None,
) -> Reader:
    """Its frames; the reader releases it. ``again`` opens the same once more."""
    width, height = (round(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    if width * height > MAX_PIXELS:
        capture.release()
        raise InputError(f"expected frames of at most {MAX_PIXELS // 1_000_000} megapixels, got {width}×{height} in {name}")
    frames, rate = capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)
    total = round(frames) if 0 < frames < 1e12 and not live else None
    fps = rate if 0 < rate < 1000 else None
    decoder = Decoder(capture, name, live=live, ffmpeg=ffmpeg, again=again)
    return Reader(
        _read(capture, decoder, fps or DEFAULT_FPS, live=live),
        total,
        fps,
        total / fps if total and fps else None,
        (width, height),
    )


def _read(capture: Video, decoder: Decoder, fps: float, *, live: bool) -> Frames:
    step = 1.0 / fps
    seconds, lost = -step, 0
    try:
        for frame in decoder.frames():
            if isinstance(frame, Undecoded):
                lost += 1
                yield frame, None
                continue
            if not live:
                told = capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
                seconds = told if told > seconds else seconds + step * (1 + lost)  # joined and damaged files jump back
            lost = 0
            yield frame, None if live else seconds
    finally:
        capture.release()
