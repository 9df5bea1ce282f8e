"""Judging frames that somebody else's thread brings, one answer for each."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import SimpleQueue

from edgefake.detector import Detector
from edgefake.pixels import Pixels
from edgefake.streaming.overlay import draw
from edgefake.streaming.pipeline import watch
from edgefake.streaming.result import FrameResult


class LiveJudge:
    """``watch`` turned round: give it a frame, get the frame with its faces marked."""

    def __init__(self, detector: Detector) -> None:
        self._frames: SimpleQueue[Pixels | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._stream = watch(self._arriving(), detector, live=True)
        self._closed = False
        self.result: FrameResult | None = None
        """Of the latest frame."""

    def _arriving(self) -> Iterator[Pixels]:
        while (frame := self._frames.get()) is not None:
            yield frame

    def judge(self, frame: Pixels) -> Pixels:
        """``frame`` (uint8, H×W×3, BGR) with its faces marked; itself after ``close``. From one thread at a time."""
        with self._lock:
            if self._closed:
                return frame
            self._frames.put(frame)
            seen, self.result = next(self._stream)
        return draw(seen, self.result)

    def close(self) -> None:
        """Twice is fine."""
        with self._lock:
            self._closed, self.result = True, None
            self._frames.put(None)
            self._stream.close()
