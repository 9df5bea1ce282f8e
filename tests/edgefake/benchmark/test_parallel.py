"""Streams that run at once: what is counted, and that they do run at once, start together and end together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from edgefake.benchmark import parallel
from edgefake.benchmark.parallel import _done, _inside, _Streams, together
from edgefake.benchmark.repeat import WINDOW_RUNS

LAPS = [(0.0, 2.0), (2.0, 3.0), (3.0, 7.0)]


def test_latencies_are_of_runs_inside_the_window() -> None:
    assert _inside(LAPS, 0.0, 7.0) == (2000.0, 1000.0, 4000.0)
    assert _inside(LAPS, 0.5, 6.0) == (1000.0,)
    assert _inside(LAPS, 2.0, 3.0) == (1000.0,)


def test_a_run_that_an_edge_cuts_is_done_in_part() -> None:
    assert _done(LAPS, 0.0, 7.0) == 3.0
    assert _done(LAPS, 0.5, 6.0) == pytest.approx(1.5 / 2 + 1 + 3 / 4)
    assert _done(LAPS, 4.0, 5.0) == pytest.approx(1 / 4)  # the window may lie in one run
    assert _done(LAPS, 8.0, 9.0) == 0.0


WARM_UP_RUNS = 2 * WINDOW_RUNS


@pytest.fixture(autouse=True)
def short_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes ``WARM_UP_RUNS``, steady or not."""
    monkeypatch.setattr("edgefake.benchmark.repeat.WINDOW_S", 0.0)
    monkeypatch.setattr("edgefake.benchmark.repeat.WARM_UP_LIMIT_S", 0.0)


class Work:
    """Counts its runs and the threads that they were in."""

    def __init__(self, deed: Callable[[], object] = lambda: None) -> None:
        self._deed = deed
        self.runs = 0
        self.threads: set[int] = set()

    def __call__(self) -> None:
        self.threads.add(threading.get_ident())
        self._deed()
        self.runs += 1


class FakeClock:
    """Every look at it is a second later than the one before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 0.0

    def __call__(self) -> float:
        with self._lock:
            self._now += 1
            return self._now


def test_streams_run_at_once() -> None:
    meeting = threading.Barrier(3, timeout=30)  # it breaks when one of the streams is not there
    works: list[Work] = []

    def meet(index: int) -> None:
        if works[index].runs < WARM_UP_RUNS + 4:  # which every stream reaches, whenever it ends
            meeting.wait()

    works += [Work(partial(meet, index)) for index in range(3)]
    found = together(works, min_runs=4, min_seconds=0.0)
    assert [len(ms) >= 4 for ms in found.ms] == [True] * 3
    assert len(set.union(*(work.threads for work in works)) - {threading.get_ident()}) == 3


def test_no_stream_starts_before_all_are_there() -> None:
    before = set(threading.enumerate())
    there: list[int] = []

    def look() -> None:
        if len(there) < 4:
            there.append(len(set(threading.enumerate()) - before))

    together([Work(look)] * 4, min_runs=1, min_seconds=0.0)
    assert there[0] == 4


def test_a_fast_stream_goes_on_until_the_slow_one_is_done() -> None:
    fast = Work()

    def wait_for_five() -> None:
        goal, patience = fast.runs + 5, time.monotonic() + 30
        while fast.runs < goal:
            assert time.monotonic() < patience, "the fast stream stopped"
            time.sleep(0)

    found = together([Work(wait_for_five), fast], min_runs=3, min_seconds=0.0)
    slow_ms, fast_ms = found.ms
    assert len(slow_ms) >= 3 and len(fast_ms) >= 4 * len(slow_ms)
    assert len(slow_ms) + len(fast_ms) <= found.runs_done <= len(slow_ms) + len(fast_ms) + 4
    assert sum(fast_ms) <= 1e3 * found.window_s


def test_of_the_runs_before_the_window_the_one_that_reaches_into_it_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    is_running = threading.Event()
    late = Work()

    def run_into_the_window() -> None:
        if early.runs == 3:
            is_running.set()
        patience = time.monotonic() + 30
        while early.runs > 2 and late.runs < 3:
            assert time.monotonic() < patience, "the window never opened"
            time.sleep(0)

    early = Work(run_into_the_window)
    monkeypatch.setattr(parallel, "warm_up", lambda action, clock: action is early or is_running.wait(30))
    streams = _Streams(2, 1, 0.0, time.perf_counter)
    with ThreadPoolExecutor(2) as pool:
        (_, laps), _ = pool.map(streams.run, [early, late])
    assert early.runs > len(laps)
    assert laps[0][0] < streams.warm.at < laps[0][1] and streams.warm.at <= laps[1][0]


def test_both_minima_are_reached() -> None:
    found = together([Work(), Work()], min_runs=200, min_seconds=0.0, clock=FakeClock())
    assert all(len(ms) >= 200 for ms in found.ms)
    found = together([Work(), Work()], min_runs=1, min_seconds=300.0, clock=FakeClock())
    assert found.window_s >= 300


def test_the_caller_looks_at_the_meter_meanwhile() -> None:
    works, look = [Work(), Work()], Work()
    together(works, min_runs=1, min_seconds=2.5 * parallel.PERIOD_S, meanwhile=look)
    assert look.runs >= 2 and look.threads == {threading.get_ident()}
    assert all(work.threads.isdisjoint(look.threads) for work in works)


def test_a_single_stream_needs_no_other_thread() -> None:
    work, look = Work(), Work()
    found = together([work], min_runs=4, min_seconds=0.0, meanwhile=look, clock=FakeClock())
    assert (found.ms, found.runs_done, found.window_s) == (((1000.0,) * 4,), 4, 4.0)
    assert work.threads == look.threads == {threading.get_ident()} and look.runs == 4


@pytest.mark.parametrize("after", [0, WARM_UP_RUNS, WARM_UP_RUNS + 5])
def test_what_an_action_raises_ends_all(after: int) -> None:
    def fail() -> None:
        if failing.runs == after:
            raise ValueError("no memory")

    failing = Work(fail)
    with pytest.raises(ValueError, match="no memory"):
        together([Work(), failing, Work()], min_runs=10**9, min_seconds=0.0)


def test_an_interrupted_caller_is_not_kept_waiting() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        together([Work(), Work()], min_runs=10**9, min_seconds=0.0, meanwhile=interrupt)


def test_warm_up_is_steady_where_that_of_every_stream_is(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = iter([True, False, True, True])
    monkeypatch.setattr(parallel, "warm_up", lambda action, clock: next(outcomes))
    assert not together([Work(), Work()], min_runs=1, min_seconds=0.0).is_steady
    assert together([Work(), Work()], min_runs=1, min_seconds=0.0).is_steady
