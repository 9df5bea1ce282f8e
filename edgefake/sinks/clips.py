"""Short videos of what happened, from a little before it."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Literal, get_args

import cv2
import numpy as np

from edgefake.errors import InputError
from edgefake.pixels import Pixels
from edgefake.sinks.base import StreamInfo
from edgefake.sinks.recordings import RecordingsSink
from edgefake.streaming.events import Event, EventKind, Events
from edgefake.streaming.result import FrameResult

Trigger = Literal["fake", "verdict", "appeared"]
"""What a clip is made of: a face that is called fake, one that gets any verdict, or any."""

LONGEST_S = 60.0
"""No clip is longer: another follows it while there is something to show."""
MAX_BYTES = 64 << 20
"""What is kept in memory of the time before, at most."""
QUALITY = 90


class ClipsSink(RecordingsSink):
    """Writes a video into ``folder`` whenever a face is called fake, or by ``on`` gets any verdict or appears.

    It begins ``before_s`` seconds earlier, for which frames are kept in memory as JPEG (at most ``MAX_BYTES``), and ends
    ``after_s`` seconds after the last such event. Files, their names and ``keep_days`` and ``keep_mb`` are as of
    ``RecordingsSink``, with the number of the face and what happened to it in the name: ``CAMERA-NUMBER-TIME-face3-fake.mkv``.
    """

    name = "clips"
    _labelled = True

    def __init__(
        self,
        folder: str | Path,
        *,
        on: Trigger = "fake",
        before_s: float = 3.0,
        after_s: float = 5.0,
        keep_days: float | None = None,
        keep_mb: float | None = None,
        footer: bool = False,
    ) -> None:
        super().__init__(folder, segment_minutes=LONGEST_S / 60, keep_days=keep_days, keep_mb=keep_mb, footer=footer)
        if on not in get_args(Trigger):
            raise InputError(f"expected on to be one of {', '.join(get_args(Trigger))}, got {on!r}")
        for name, value in (("before_s", before_s), ("after_s", after_s)):
            if not 0 <= value <= LONGEST_S:
                raise InputError(f"expected {name} in 0…{LONGEST_S:g} seconds, got {value!r}")
        self._on, self._before_s, self._after_s = on, before_s, after_s

    def open(self, stream: StreamInfo) -> None:
        super().open(stream)
        self._events = Events(stream.camera or stream.name)
        self._kept: deque[tuple[bytes, FrameResult]] = deque()
        self._bytes = 0
        self._until: float | None = None

    def send(self, frame: Pixels | None, result: FrameResult) -> None:
        assert frame is not None
        news = [event for event in self._events.update(result) if self._counts(event)]
        if news:
            self._until = result.seconds + self._after_s
            if self._file is None:
                self._label = f"face{news[0].track.seen.id}-{news[0].verdict.value if news[0].verdict else 'appeared'}"
        if self._until is not None and result.seconds <= self._until:
            while self._kept:
                jpeg, before = self._kept.popleft()
                self._bytes -= len(jpeg)
                super().send(np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8), before)
            super().send(frame, result)
            return
        self._until = None
        if self._file is not None:
            self._finish(lost=0)
        self._keep(frame, result)

    def _counts(self, event: Event) -> bool:
        if self._on == "appeared":
            return event.event is EventKind.APPEARED
        told = event.event in (EventKind.VERDICT, EventKind.CHANGED)
        return told and (self._on == "verdict" or (event.verdict is not None and event.verdict.value == "fake"))

    def _keep(self, frame: Pixels, result: FrameResult) -> None:
        """Remember the frame for a clip that may come."""
        if not self._before_s:
            return
        _, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        self._kept.append((data.tobytes(), result))
        self._bytes += len(self._kept[-1][0])
        while result.seconds - self._kept[0][1].seconds > self._before_s or self._bytes > MAX_BYTES:
            self._bytes -= len(self._kept.popleft()[0])
