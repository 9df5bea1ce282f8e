"""Counters, rates and stage timings, from several threads and against a clock that the test moves."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from edgefake.streaming import health
from edgefake.streaming.health import RATE_S, STAGES, WINDOW, Health


class FakeClock:
    """Stands for the module ``time``, where seconds pass as the test says."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    perf_counter = monotonic


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr(health, "time", clock)
    return clock


def test_nothing_has_happened_yet(clock: FakeClock) -> None:
    stream = Health()
    clock.now += 2
    report = stream.report()
    assert (report.uptime_s, report.fps_in, report.fps_out) == (2.0, 0.0, 0.0)
    assert (report.frames_in, report.frames_out, report.dropped, report.reconnects) == (0, 0, 0, 0)
    assert report.stages == {} and report.lost == {}


def test_what_is_counted() -> None:
    stream = Health()
    stream.count("frames_in")
    stream.count("frames_in")
    stream.count("dropped", 7)
    stream.lose("mqtt", 3)
    stream.lose("mqtt")
    report = stream.report()
    assert (report.frames_in, report.frames_out, report.dropped, report.reconnects) == (2, 0, 7, 0)
    assert report.lost == {"mqtt": 4}


def test_timings_are_those_of_the_last_runs_and_memory_is_bounded() -> None:
    stream = Health()
    for _ in range(WINDOW):
        stream.time("infer", 9.0)  # long ago
    recent = np.linspace(0.001, 0.1, WINDOW)
    for seconds in recent:
        stream.time("infer", float(seconds))
    times = stream.report().stages["infer"]
    assert times.runs == 2 * WINDOW
    assert times.total_s == pytest.approx(9 * WINDOW + recent.sum())
    assert times.recent_ms.median == pytest.approx(50.5)
    assert times.recent_ms.p95 == pytest.approx(95.05, abs=0.01)
    assert len(stream._stages["infer"].recent) == WINDOW


def test_stages_come_in_the_order_of_the_stream() -> None:
    stream = Health()
    for stage in reversed(STAGES):
        stream.time(stage, 0.001)
    assert tuple(stream.report().stages) == STAGES


def test_a_block_is_timed(clock: FakeClock) -> None:
    stream = Health()
    with stream.timed("detect"):
        clock.now += 0.02
    assert stream.report().stages["detect"].recent_ms.median == pytest.approx(20)


def test_a_block_that_raises_is_not_timed() -> None:
    stream = Health()
    with pytest.raises(KeyError), stream.timed("detect"):
        raise KeyError
    assert stream.report().stages == {}


def test_the_rate_is_that_of_the_last_seconds(clock: FakeClock) -> None:
    stream = Health()
    for pause in [1.0] * 20 + [0.1] * 100:  # slow first, then ten per second
        clock.now += pause
        stream.count("frames_in")
    report = stream.report()
    assert report.fps_in == pytest.approx(10)
    assert report.fps_out == 0


def test_the_rate_sinks_when_frames_stay_out(clock: FakeClock) -> None:
    stream = Health()
    for _ in range(50):
        clock.now += 0.1
        stream.count("frames_out")
    clock.now += RATE_S / 2
    assert 0 < stream.report().fps_out < 6
    clock.now += RATE_S
    assert stream.report().fps_out == 0


def test_a_rate_beyond_the_window(clock: FakeClock) -> None:
    stream = Health()
    for _ in range(5000):
        clock.now += 0.001
        stream.count("frames_in")
    assert stream.report().fps_in == pytest.approx(1000, rel=0.01)


def test_many_threads_lose_no_count() -> None:
    stream = Health()

    def work() -> None:
        for _ in range(2000):
            stream.count("frames_in")
            stream.lose("a")
            stream.time("sink", 0.001)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        stream.report()
    report = stream.report()
    assert (report.frames_in, report.lost, report.stages["sink"].runs) == (8000, {"a": 8000}, 8000)
