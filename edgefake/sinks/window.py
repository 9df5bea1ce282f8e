"""The stream in a window, with what was found drawn in."""

from __future__ import annotations

import os
import sys

import cv2

from edgefake.errors import SinkError
from edgefake.pixels import Pixels
from edgefake.sinks.base import Sink, StreamInfo
from edgefake.streaming import overlay
from edgefake.streaming.result import FrameResult


class WindowSink(Sink):
    """Shows each frame, and how many are judged per second, in a window; q, Esc or closing it stops the stream.

    ``open`` raises ``SinkError`` when there is no screen, or OpenCV has no windows: ``opencv-python-headless``, which edgefake
    installs.
    """

    name = "window"
    uses_frame = True

    def __init__(self, title: str = "edgefake") -> None:
        self._title = title
        self._shown = False

    def open(self, stream: StreamInfo) -> None:
        if not cv2.currentUIFramework():
            raise SinkError(
                "this OpenCV was built without windows: pip uninstall opencv-python-headless, "
                "then pip install 'opencv-python<5', or write a video file"
            )
        if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise SinkError("there is no screen to show a window on: set DISPLAY, or write a video file")
        self._stream = stream

    def send(self, frame: Pixels | None, result: FrameResult) -> None:
        assert frame is not None
        if self._shown and not self._is_visible():  # shown now, it would open again
            self._stream.stop()
            return
        cv2.imshow(self._title, overlay.draw(frame, result, fps=self._stream.judged_fps()))
        self._shown = True
        if cv2.waitKey(1) & 0xFF in (ord("q"), 27):
            self._stream.stop()

    def close(self) -> None:
        if self._shown:
            cv2.destroyAllWindows()
            self._shown = False

    def _is_visible(self) -> bool:
        try:
            return cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:  # Qt, after its last window was closed
            return False
