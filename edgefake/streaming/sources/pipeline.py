"""GStreamer pipelines, such as those that decode on a Jetson's NVDEC."""

from __future__ import annotations

import queue
import threading
from typing import Any

import cv2

from edgefake.errors import InputError
from edgefake.streaming.sources.base import TIMEOUT_MS, Asked, Reader, Source, SourceAwayError, public_name
from edgefake.streaming.sources.opencv import read_video

MOST_HANGING = 20
"""So many of one source may hang in GStreamer at once; no more are opened, or a day without the camera would take all memory."""

OPEN_S = 20.0
"""A pipeline that does not run by then is away: decoders of a GPU take their time."""

RELEASE_S = 1.0
"""It is waited so long for one to be released."""


def find(text: str, asked: Asked) -> Source:
    """A pipeline that ends in an ``appsink``, which takes BGR. Raises ``InputError`` where OpenCV has no GStreamer."""
    if not cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
        raise InputError(
            "this OpenCV was built without GStreamer, as those from PyPI are: "
            "use the OpenCV of JetPack or of your distribution for pipelines, or give a camera or URL"
        )
    name = public_name(text)
    opened: list[_Pipeline] = []
    return Source(name, True, True, lambda: _open(text, name, opened))


def _open(text: str, name: str, opened: list[_Pipeline]) -> Reader:
    """``opened`` are those that were before, and perhaps hang."""
    opened[:] = [pipeline for pipeline in opened if pipeline.is_alive]
    if len(opened) >= MOST_HANGING:
        raise SourceAwayError(
            f"{name} hangs in GStreamer, {len(opened)} times by now: start edgefake again, or check its elements"
        )
    capture = _Pipeline(text)
    opened.append(capture)
    if not capture.is_open:
        capture.release()
        raise SourceAwayError(f"{name} does not start: check its elements with gst-launch-1.0, and that its source is there")
    return read_video(capture, name, live=True, ffmpeg=False)


class _Pipeline:
    """In the place of a ``cv2.VideoCapture``, whose opening and reading may wait for ever in GStreamer: here they end in time.

    All happens in a thread of its own. One that waits too long is left to itself: it releases the pipeline when it comes back.
    """

    def __init__(self, text: str) -> None:
        self._goes_on: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._given: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, args=(text,), name="pipeline", daemon=True)
        self._thread.start()
        self._capture = self._next(OPEN_S)
        self.is_open = self._capture is not None and self._capture.isOpened()

    @property
    def is_alive(self) -> bool:
        """Whether it is not released yet."""
        return self._thread.is_alive()

    def read(self) -> tuple[bool, Any]:
        """As that of ``cv2.VideoCapture``; what comes too late is a failed read."""
        self._goes_on.put(True)
        return self._next(TIMEOUT_MS / 1e3) or (False, None)

    def get(self, name: int) -> float:
        return float(self._capture.get(name))

    def release(self) -> None:
        self._goes_on.put(False)
        self._thread.join(RELEASE_S)

    def _next(self, seconds: float) -> Any:
        try:
            return self._given.get(timeout=seconds)
        except queue.Empty:
            return None

    def _run(self, text: str) -> None:
        capture = cv2.VideoCapture(text, cv2.CAP_GSTREAMER)
        self._given.put(capture)
        while self._goes_on.get():
            self._given.put(capture.read())
        capture.release()
