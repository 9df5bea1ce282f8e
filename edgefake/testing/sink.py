"""The contract of sinks."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import get_args

import numpy as np

from edgefake.faces.geometry import Box
from edgefake.pixels import Pixels
from edgefake.prediction import Status
from edgefake.sinks.base import Every, Sink, StreamInfo, TryLater
from edgefake.streaming.events import Event, EventKind, TrackSummary
from edgefake.streaming.result import FrameResult, StreamTimings, TrackResult
from edgefake.testing.clauses import clause, drawn, expect, frozen
from edgefake.thresholds import Thresholds, Verdict

RESULTS = 6
"""Of each stream that a sink is given."""
PATIENCE_S = 30.0
"""How long a sink may put off a result, and a result may be on its way."""


def check_sink(sink: Sink, *, arrived: Callable[[], int] | None = None) -> None:
    """Check the contract of ``edgefake.sinks.Sink``: two streams of six results (events) each, the second like that of a camera.

    - ``derived from Sink``: with a text as its name, a ``uses_frame`` that is True or False, and ``every`` "event" or "frame".
    - ``close before open``: is fine, as when a stream ends before it began.
    - ``open``, ``send`` or ``send_event``, ``close``: in a thread of their own, for streams that tell their rate and length or
      neither, with faces or without, and with None for a frame where ``uses_frame`` is False. Results may be put off
      (``TryLater``) a while.
    - ``frames are not changed``: others look at them too.
    - ``close twice``: is fine.
    - ``another stream``: a sink that was closed can be opened again, in another thread.
    - ``all results arrive``: each that ``send`` took is there after ``close``.

    Args:
        sink: not open, of a receiver that is there: a real file in an empty folder, a server that the test started.
        arrived: how many results the receiver has in all, asked until they are twelve; None leaves out ``all results arrive``.
    """
    with clause("derived from Sink"):
        expect(isinstance(sink, Sink), f"{type(sink).__name__} is not")
        expect(isinstance(sink.name, str), f"its name is {sink.name!r}, expected a text")
        expect(isinstance(sink.uses_frame, bool), f"uses_frame is {sink.uses_frame!r}, expected True or False")
        expect(sink.every in get_args(Every), f"every is {sink.every!r}, expected one of {', '.join(get_args(Every))}")
    with clause("close before open"):
        sink.close()
    file, camera = StreamInfo("clip.mp4", fps=25.0, total=RESULTS), StreamInfo("rtsp://door/main")
    _apart(lambda: _stream(sink, file, drawn(RESULTS, 120, 160)))
    _apart(lambda: _stream(sink, camera, drawn(RESULTS, 96, 128), again="another stream: "))
    if arrived is not None:
        with clause("all results arrive"):
            deadline = time.monotonic() + PATIENCE_S
            while (count := arrived()) < 2 * RESULTS and time.monotonic() < deadline:
                time.sleep(0.02)
            expect(count == 2 * RESULTS, f"{count} of {2 * RESULTS}")


def _stream(sink: Sink, stream: StreamInfo, frames: Pixels, again: str = "") -> None:
    """A stream of so many results, as a queue gives them to ``sink``."""
    with clause(f"{again}open"):
        sink.open(stream)
    for index, frame in enumerate(frames):
        given = frozen(frame) if index % 2 else frame.copy()
        result = _result(stream, index)
        with clause(f"{again}send"):
            _send(sink, _event(result) if sink.every == "event" else (given if sink.uses_frame else None, result))
        with clause("frames are not changed"):
            expect(np.array_equal(given, frame), f"send changed frame {index}")
    with clause(f"{again}close"):
        sink.close()
    with clause("close twice"):
        sink.close()


def _send(sink: Sink, what: Event | tuple[Pixels | None, FrameResult]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return sink.send_event(what) if isinstance(what, Event) else sink.send(*what)
        except TryLater as reason:
            expect(time.monotonic() < deadline, f"a result was put off for {PATIENCE_S:g} s ({reason})")
            time.sleep(0.02)


def _result(stream: StreamInfo, index: int) -> FrameResult:
    """With no face at first, then one that has no score yet, then that with its verdict and another."""
    new = TrackResult(1, Box(30.0, 20.0, 40.0, 50.0), Status.FACE_TOO_BLURRED, None, None, None, scored=0)
    judged = TrackResult(1, new.box, Status.OK, 0.875, 0.9, Verdict.FAKE, scored=9)
    tracks = ((), (new,), (judged, replace(new, id=2)))[min(index, 2)]
    verdict = Verdict.FAKE if index > 1 else None
    timings, seconds, half = StreamTimings(1.0, 2.0, 0.1, 0.5, 3.0), index / 25, Thresholds.two_way(0.5)
    return FrameResult(index, seconds, 1.7e9 + seconds, tracks, timings, 12.0, 0, 0, stream.name, "tested", half, half, verdict)


def _event(result: FrameResult) -> Event:
    """What happens to a face in that frame: it appears, gets a verdict, another one, and is gone."""
    kind, index = list(EventKind)[min(result.index, 3)], result.index
    verdict = (None, Verdict.REAL, Verdict.FAKE, Verdict.FAKE)[min(index, 3)]
    seen = TrackResult(1, Box(30.0, 20.0, 40.0, 50.0), Status.OK, None, 0.75 if verdict else None, verdict, scored=index)
    track = TrackSummary(seen, 0.0, result.seconds, index + 1, verdict)
    previous = Verdict.REAL if kind is EventKind.CHANGED else None
    return Event(f"tested-{index + 1}", kind, "tested", track, previous, result)


def _apart(call: Callable[[], None]) -> None:
    """``call`` in a thread of its own; what it raises is raised here."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(call).result()
