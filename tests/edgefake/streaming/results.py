"""Results of a stream that never ran."""

from __future__ import annotations

from typing import TypeVar

from edgefake import Box, Status, Thresholds, Verdict
from edgefake.sinks import Sink, StreamInfo
from edgefake.streaming.result import FrameResult, StreamTimings, TrackResult
from edgefake.thresholds import worst_verdict

STREAM = StreamInfo("clip.mp4", fps=10)
S = TypeVar("S", bound=Sink)


def opened(sink: S, *, fps: float = 10) -> S:
    """``sink``, which was told of a stream of so many frames per second."""
    sink.open(StreamInfo("clip.mp4", fps=fps))
    return sink


def track(
    id: int = 1, p_fake: float | None = 0.9, *, box: Box | None = None, status: Status = Status.OK, decided: bool = True
) -> TrackResult:
    """A face whose verdict follows from ``p_fake``, unless it has none or is not ``decided``."""
    verdict = None
    if p_fake is not None and decided:
        verdict = Verdict.FAKE if p_fake >= 0.5 else Verdict.REAL
    return TrackResult(id, box or Box(100, 80, 60, 60), status, p_fake, p_fake, verdict, scored=0 if p_fake is None else 9)


def result(index: int = 0, *tracks: TrackResult, seconds: float | None = None) -> FrameResult:
    """Frame ``index`` of a stream at 10 fps."""
    return FrameResult(
        index=index,
        seconds=index / 10 if seconds is None else seconds,
        captured=1.7e9 + index / 10,
        tracks=tracks,
        timings=StreamTimings(1.0, 2.0, 0.1, 0.5, 3.0),
        latency=12.0,
        dropped=0,
        reconnects=0,
        source="clip.mp4",
        model="tiny",
        thresholds=Thresholds.two_way(0.5),
        whole=Thresholds.two_way(0.5),
        verdict=worst_verdict(track.verdict for track in tracks),
    )
