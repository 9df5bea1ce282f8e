"""How a running stream is doing: counters, rates and rolling stage timings."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from edgefake.statistics import Summary
from edgefake.system import temperature_c
from edgefake.thresholds import Verdict

Stage = Literal["capture", "detect", "track", "preprocess", "infer", "sink", "latency"]
"""What is timed; ``sink`` is one delivery in a sink's own thread, ``latency`` from the frame's capture to its result."""

Counted = Literal["frames_in", "frames_out", "dropped", "reconnects"]
"""What is counted: frames captured, frames judged, frames thrown away or unreadable, connections made again."""

STAGES: tuple[Stage, ...] = get_args(Stage)
WINDOW = 512
"""Medians, percentiles and rates look at so many values at most."""
RATE_S = 5.0
"""Rates look back so many seconds at most."""
CAPTURE = "capture"
"""The queue of the frames that wait to be judged."""


@dataclass(frozen=True, slots=True)
class StageTimes:
    """One stage: how often it ran and how long in all, and what its last ``WINDOW`` runs took."""

    runs: int
    total_s: float
    recent_ms: Summary


@dataclass(frozen=True, slots=True)
class HealthReport:
    """A stream's health at one moment. Stages that have not run and sinks that have lost nothing are absent."""

    uptime_s: float
    fps_in: float
    """Frames captured per second, over the last ``RATE_S`` seconds."""
    fps_out: float
    """Frames judged per second, over the last ``RATE_S`` seconds."""
    frames_in: int
    frames_out: int
    dropped: int
    reconnects: int
    lost: dict[str, int]
    """Results that could not be delivered, by sink."""
    faces: dict[Verdict, int]
    """How many faces were given which verdict; one whose verdict changes counts again."""
    frame_age_s: float | None
    """Since the last frame was captured; None before the first."""
    judged_age_s: float | None
    """Since the last frame was judged; None before the first."""
    queues: dict[str, int]
    """What waits: frames to be judged (``CAPTURE``), and by sink what is not delivered yet."""
    ended: bool
    """Whether the stream came to its end, or was stopped."""
    stages: dict[Stage, StageTimes]
    temperature_c: float | None


class Health:
    """Counts and times one stream, from any of its threads, in about a microsecond per call and bounded memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._counts: Counter[Counted] = Counter()
        self._lost: Counter[str] = Counter()
        self._faces: Counter[Verdict] = Counter()
        self._queues: dict[str, int] = {}
        self._ended = False
        self._stages: dict[Stage, _Stage] = {}
        self._moments: dict[Counted, deque[float]] = {name: deque(maxlen=WINDOW) for name in ("frames_in", "frames_out")}

    def count(self, what: Counted, number: int = 1) -> None:
        """``number`` more of ``what``, now."""
        with self._lock:
            self._counts[what] += number
            if what in self._moments:
                self._moments[what].append(time.monotonic())

    def lose(self, sink: str, number: int = 1) -> None:
        """The sink of this name could not deliver ``number`` more results."""
        with self._lock:
            self._lost[sink] += number

    def give(self, verdict: Verdict) -> None:
        """One more face was given this verdict."""
        with self._lock:
            self._faces[verdict] += 1

    def queued(self, queue: str, number: int) -> None:
        """So many wait in the queue of this name now: ``CAPTURE``, or a sink's."""
        with self._lock:
            self._queues[queue] = number

    def end(self, ended: bool = True) -> None:
        """The stream has ended, or begins anew."""
        with self._lock:
            self._ended = ended

    def time(self, stage: Stage, seconds: float) -> None:
        """``stage`` has run once more and took so long."""
        with self._lock:
            self._stages.setdefault(stage, _Stage()).add(seconds)

    @contextmanager
    def timed(self, stage: Stage) -> Iterator[None]:
        """Times its block as one run of ``stage``, unless the block raises."""
        started = time.perf_counter()
        yield
        self.time(stage, time.perf_counter() - started)

    def fps_out(self) -> float:
        """Frames judged per second, as in the report, but cheap enough to ask for every frame."""
        with self._lock:
            return _rate(self._moments["frames_out"], time.monotonic())

    def report(self) -> HealthReport:
        """The present state; takes about half a millisecond, so ask once a second rather than once a frame."""
        temperature = temperature_c()
        with self._lock:
            now = time.monotonic()
            counts, lost, faces, queues = Counter(self._counts), dict(self._lost), dict(self._faces), dict(self._queues)
            ages = {event: now - moments[-1] if moments else None for event, moments in self._moments.items()}
            ended = self._ended
            rates = {event: _rate(moments, now) for event, moments in self._moments.items()}
            stages = {name: (s.runs, s.total_s, list(s.recent)) for name, s in self._stages.items()}
        return HealthReport(
            uptime_s=now - self._started,
            fps_in=rates["frames_in"],
            fps_out=rates["frames_out"],
            frames_in=counts["frames_in"],
            frames_out=counts["frames_out"],
            dropped=counts["dropped"],
            reconnects=counts["reconnects"],
            lost=lost,
            faces=faces,
            frame_age_s=ages["frames_in"],
            judged_age_s=ages["frames_out"],
            queues=queues,
            ended=ended,
            stages={name: _times(*stages[name]) for name in STAGES if name in stages},
            temperature_c=temperature,
        )


@dataclass(slots=True)
class _Stage:
    runs: int = 0
    total_s: float = 0.0
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))

    def add(self, seconds: float) -> None:
        self.runs += 1
        self.total_s += seconds
        self.recent.append(seconds)


def _times(runs: int, total_s: float, recent: list[float]) -> StageTimes:
    return StageTimes(runs, total_s, Summary.of(np.asarray(recent) * 1e3))


def _rate(moments: deque[float], now: float) -> float:
    """Events per second since the first one of the last ``RATE_S`` seconds: it sinks as soon as events stay out."""
    recent = [moment for moment in moments if now - moment <= RATE_S]
    return (len(recent) - 1) / (now - recent[0]) if len(recent) > 1 and now > recent[0] else 0.0
