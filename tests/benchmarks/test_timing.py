from __future__ import annotations

import time

import pytest

from benchmarks.timing import interleaved, milliseconds


def test_summary_is_in_milliseconds() -> None:
    summary = milliseconds([0.001 * n for n in range(1, 101)])
    assert summary.runs == 100
    assert summary.median == pytest.approx(50.5)
    assert summary.p90 == pytest.approx(90.1)
    assert summary.p99 == pytest.approx(99.01)


def test_actions_take_turns_in_going_first_and_warm_up_does_not_count() -> None:
    calls: list[str] = []
    seconds = interleaved([lambda: calls.append("a"), lambda: calls.append("b") or time.sleep(0.002)], runs=2, warm_up=2)
    assert calls == ["a", "b", "b", "a"] * 2
    assert [len(each) for each in seconds] == [2, 2]
    assert min(seconds[1]) >= 0.002
