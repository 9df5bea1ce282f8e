"""Running something over and over: warm-up until it is steady, then a minimum of runs and of time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]

WINDOW_RUNS, WINDOW_S = 5, 0.1
"""Warm-up compares windows of at least so many runs and seconds."""
STEADY = 0.03
"""It is over when the medians of two successive windows differ by at most this fraction,"""
WARM_UP_LIMIT_S = 3.0
"""or after so many seconds, and at least two windows."""


@dataclass(frozen=True, slots=True)
class Runs:
    """What was measured."""

    ms: tuple[float, ...]
    """Every run that counted, in order, milliseconds."""
    is_steady: bool
    """Whether the warm-up ended because successive windows agreed."""


def repeated(
    action: Callable[[], object],
    *,
    min_runs: int,
    min_seconds: float,
    between: Callable[[], object] = lambda: None,
    clock: Clock = time.perf_counter,
) -> Runs:
    """Warm ``action`` up, then time it until both minima are reached, as MLPerf's single stream does (Reddi et al. 2020).

    ``between`` is called after every run that counts, and not timed.
    """
    is_steady = warm_up(action, clock)
    seconds: list[float] = []
    started = clock()
    while len(seconds) < min_runs or clock() - started < min_seconds:
        seconds.append(_timed(action, clock))
        between()
    return Runs(tuple(round(1e3 * each, 5) for each in seconds), is_steady)


def warm_up(action: Callable[[], object], clock: Clock) -> bool:
    """Run ``action`` until it is steady, or for long enough; whether it became steady."""
    started = clock()
    before = _window(action, clock)
    while True:
        median = _window(action, clock)
        if abs(median - before) <= STEADY * before:
            return True
        if clock() - started >= WARM_UP_LIMIT_S:
            return False
        before = median


def _window(action: Callable[[], object], clock: Clock) -> float:
    """The median of one window, in seconds."""
    seconds: list[float] = []
    started = clock()
    while len(seconds) < WINDOW_RUNS or clock() - started < WINDOW_S:
        seconds.append(_timed(action, clock))
    return statistics.median(seconds)


def _timed(action: Callable[[], object], clock: Clock) -> float:
    started = clock()
    action()
    return clock() - started
