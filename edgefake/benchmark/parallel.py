"""Streams that run at once in one process, as when a device watches several cameras, each in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from edgefake.benchmark.energy import PERIOD_S
from edgefake.benchmark.repeat import Clock, repeated, warm_up

Lap = tuple[float, float]
"""When a run began and when it ended, in seconds."""


@dataclass(frozen=True, slots=True)
class Together:
    """What was measured."""

    ms: tuple[tuple[float, ...], ...]
    """Per stream, every run that lay wholly in the window, in order, milliseconds."""
    runs_done: float
    """By all streams in the window; a run that its edge cuts counts by the part inside, or few runs would seem slower."""
    window_s: float
    """How long all streams were warm and running; of a single one, the time that its runs took."""
    is_steady: bool
    """Whether every warm-up ended because successive windows agreed."""


def together(
    actions: Sequence[Callable[[], object]],
    *,
    min_runs: int,
    min_seconds: float,
    meanwhile: Callable[[], object] = lambda: None,
    clock: Clock = time.perf_counter,
) -> Together:
    """Run all ``actions`` at once, over and over, until each has reached both minima; none pauses before the last one has.

    They start together and warm up together: the window that counts opens when the last of them is warm. ``meanwhile`` is called
    by this thread every ``PERIOD_S`` of it; of a single action, which needs no other thread, between the runs. Raises what an
    action raises.
    """
    if len(actions) == 1:
        alone = repeated(actions[0], min_runs=min_runs, min_seconds=min_seconds, between=meanwhile, clock=clock)
        return Together((alone.ms,), len(alone.ms), sum(alone.ms) / 1e3, alone.is_steady)
    streams = _Streams(len(actions), min_runs, min_seconds, clock)
    with ThreadPoolExecutor(len(actions)) as pool:
        try:
            running = [pool.submit(streams.run, action) for action in actions]
            streams.warm.opened.wait()
            meanwhile()
            while not streams.done.opened.wait(PERIOD_S):
                meanwhile()
        finally:
            streams.stop()
    if streams.error:
        raise streams.error
    is_steady, laps = zip(*(stream.result() for stream in running), strict=True)
    window = streams.warm.at, streams.done.at
    return Together(
        ms=tuple(_inside(stream, *window) for stream in laps),
        runs_done=sum(_done(stream, *window) for stream in laps),
        window_s=window[1] - window[0],
        is_steady=all(is_steady),
    )


def _inside(laps: Sequence[Lap], start: float, end: float) -> tuple[float, ...]:
    """The milliseconds of those that are wholly between ``start`` and ``end``."""
    return tuple(round(1e3 * (ended - began), 5) for began, ended in laps if start <= began and ended <= end)


def _done(laps: Sequence[Lap], start: float, end: float) -> float:
    """How many runs were done between ``start`` and ``end``, parts of runs included."""
    return sum(max(0.0, min(ended, end) - max(began, start)) / (ended - began) for began, ended in laps)


class _Gate:
    """Opens when all streams have arrived; they go on running until then."""

    def __init__(self, streams: int, clock: Clock) -> None:
        self._missing = streams
        self._clock = clock
        self._lock = threading.Lock()
        self.opened = threading.Event()
        self.at = 0.0

    def arrive(self) -> None:
        with self._lock:
            self._missing -= 1
            if not self._missing:
                self.at = self._clock()
                self.opened.set()


class _Streams:
    """What the threads share."""

    def __init__(self, count: int, min_runs: int, min_seconds: float, clock: Clock) -> None:
        self._start = threading.Barrier(count)
        self.warm, self.done = _Gate(count, clock), _Gate(count, clock)
        self.error: BaseException | None = None
        self._min_runs, self._min_seconds, self._clock = min_runs, min_seconds, clock

    def run(self, action: Callable[[], object]) -> tuple[bool, list[Lap]]:
        """One stream: whether its warm-up settled, and the runs that touch the window, in order."""
        try:
            return self._run(action)
        except BaseException as error:
            self.error = self.error or error  # what others meet when they are stopped comes later
            self.stop()
            raise

    def stop(self) -> None:
        """Let no stream wait for another one any longer."""
        self._start.abort()
        self.warm.opened.set()
        self.done.opened.set()

    def _run(self, action: Callable[[], object]) -> tuple[bool, list[Lap]]:
        laps: list[Lap] = []

        def lap() -> None:
            began = self._clock()
            action()
            laps.append((began, self._clock()))

        warm, done = self.warm, self.done
        self._start.wait()
        is_steady = warm_up(action, self._clock)
        warm.arrive()
        while not warm.opened.is_set():
            lap()
        del laps[:-1]  # only the last one reached into the window
        while not done.opened.is_set() and (len(laps) <= self._min_runs or self._clock() - warm.at < self._min_seconds):
            lap()
        done.arrive()
        while not done.opened.is_set():
            lap()
        return is_steady, laps
