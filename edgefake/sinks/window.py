"""The stream in a window, with what was found drawn in."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import cv2

from edgefake.errors import SinkError
from edgefake.pixels import Pixels
from edgefake.streaming import overlay
from edgefake.streaming.result import FrameResult


class WindowSink:
    """Shows each frame in a window with this ``title``; q, Esc or closing it calls ``on_quit``.

    Raises ``SinkError`` when there is no screen, or OpenCV has no windows: ``opencv-python-headless``, which edgefake installs.
    """

    name = "window"
    uses_frame = True

    def __init__(
        self, title: str = "edgefake", *, on_quit: Callable[[], object], shown_fps: Callable[[], float] | None = None
    ) -> None:
        if not cv2.currentUIFramework():
            raise SinkError(
                "this OpenCV was built without windows: pip uninstall opencv-python-headless, "
                "then pip install 'opencv-python<5', or write a video file"
            )
        if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise SinkError("there is no screen to show a window on: set DISPLAY, or write a video file")
        self._title = title
        self._on_quit = on_quit
        self._shown_fps = shown_fps
        self._open = False

    def send(self, frame: Pixels, result: FrameResult) -> None:
        fps = None if self._shown_fps is None else self._shown_fps()
        if self._open and not self._is_visible():  # shown now, it would open again
            self._on_quit()
            return
        cv2.imshow(self._title, overlay.draw(frame, result, fps=fps))
        self._open = True
        if cv2.waitKey(1) & 0xFF in (ord("q"), 27):
            self._on_quit()

    def close(self) -> None:
        if self._open:
            cv2.destroyAllWindows()

    def _is_visible(self) -> bool:
        try:
            return cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:  # Qt, after its last window was closed
            return False
