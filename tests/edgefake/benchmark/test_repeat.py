"""Warm-up and measuring, on a clock that only moves when something is run."""

from __future__ import annotations

import pytest

from edgefake.benchmark.repeat import WARM_UP_LIMIT_S, WINDOW_RUNS, repeated


class FakeClock:
    """Seconds that pass only in ``spend``."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def spend(self, seconds: float) -> None:
        self.now += seconds


class FakeWork:
    """Takes the given seconds, call by call, and then the last of them for ever."""

    def __init__(self, clock: FakeClock, *seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self.calls = 0

    def __call__(self) -> None:
        self._clock.spend(self._seconds[min(self.calls, len(self._seconds) - 1)])
        self.calls += 1


def test_both_minima_are_reached() -> None:
    clock = FakeClock()
    runs = repeated(FakeWork(clock, 0.03), min_runs=7, min_seconds=0.0, clock=clock)
    assert runs.ms == pytest.approx([30.0] * 7)
    clock = FakeClock()
    assert len(repeated(FakeWork(clock, 0.0625), min_runs=7, min_seconds=1.0, clock=clock).ms) == 16


def test_warm_up_lasts_until_windows_agree_and_does_not_count() -> None:
    clock = FakeClock()
    slow_start = [1.0] * WINDOW_RUNS + [0.5] * WINDOW_RUNS + [0.03125]
    runs = repeated(FakeWork(clock, *slow_start), min_runs=3, min_seconds=0.0, clock=clock)
    assert runs.is_steady is False  # seven and a half seconds are over the limit
    clock = FakeClock()
    slow_start = [0.1] * WINDOW_RUNS + [0.05] * WINDOW_RUNS + [0.03125]
    runs = repeated(FakeWork(clock, *slow_start), min_runs=3, min_seconds=0.0, clock=clock)
    assert runs.is_steady is True
    assert runs.ms == pytest.approx([31.25] * 3)


def test_what_never_settles_is_measured_all_the_same() -> None:
    clock = FakeClock()
    halving = [0.1 * 1.1**n for n in range(200)]
    runs = repeated(FakeWork(clock, *halving), min_runs=2, min_seconds=0.0, clock=clock)
    assert not runs.is_steady and len(runs.ms) == 2
    assert clock.now >= WARM_UP_LIMIT_S


def test_what_is_done_between_runs_is_not_timed() -> None:
    clock = FakeClock()
    between: list[float] = []

    def look() -> None:
        clock.spend(5.0)
        between.append(clock.now)

    runs = repeated(FakeWork(clock, 0.25), min_runs=4, min_seconds=0.0, between=look, clock=clock)
    assert runs.ms == pytest.approx([250.0] * 4)
    assert len(between) == 4
