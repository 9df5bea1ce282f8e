"""Summaries and intervals: hand-counted ones, and how often intervals hold the truth."""

from __future__ import annotations

import numpy as np
import pytest

from edgefake.benchmark.figures import _student, in_order, latency, ratio


def test_a_summary_is_of_all_runs_of_all_processes() -> None:
    found = latency([list(range(1, 51)), list(range(51, 101))])
    summary = found.summary
    assert (summary.runs, summary.mean, summary.median, found.median.value, summary.max) == (100, 50.5, 50.5, 50.5, 100.0)
    assert (summary.p90, summary.p95, summary.p99) == pytest.approx((90.1, 95.05, 99.01))
    assert found.median.low <= 50.5 <= found.median.high


def test_runs_of_streams_stand_in_the_order_in_which_they_ended() -> None:
    assert in_order([[2.0, 1.0, 5.0], [1.0, 3.0]]) == [1.0, 2.0, 1.0, 3.0, 5.0]  # after 1, 2, 3, 4 and 8 ms
    assert in_order([[3.0, 1.0, 2.0]]) == [3.0, 1.0, 2.0]


def test_one_run_is_enough() -> None:
    found = latency([[3.0]])
    assert (found.median.low, found.median.value, found.median.high, found.summary.p99) == (3.0, 3.0, 3.0, 3.0)


def test_runs_that_are_all_alike_have_no_width() -> None:
    found = ratio([[2.0] * 9] * 3, [[3.0] * 9] * 4)
    assert (found.low, found.value, found.high) == pytest.approx((1.5, 1.5, 1.5))


def test_runs_agree_but_processes_differ() -> None:
    found = latency([[level] * 50 for level in (1.0, 1.5, 2.0, 2.5, 3.0)]).median
    assert found.low < 1.5 and found.high > 2.5


def test_few_processes_have_wider_intervals() -> None:
    levels = (1.9, 2.0, 2.1)
    few, many = (latency([[level] * 20 for level in levels * times]).median for times in (1, 6))
    assert few.high / few.low > many.high / many.low


@pytest.mark.parametrize(("freedom", "quantile"), [(3, 3.182), (4, 2.776), (8, 2.306), (30, 2.042)])
def test_quantiles_of_student(freedom: int, quantile: float) -> None:
    assert _student(freedom) == pytest.approx(quantile, rel=0.04)


@pytest.mark.parametrize("processes", [2, 5])
def test_intervals_of_equal_things_hold_one_nineteen_times_of_twenty(processes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgefake.benchmark.figures.RESAMPLES", 80)
    rng = np.random.default_rng(0)

    def measured() -> list[list[float]]:
        """Processes differ by 3 %, and runs have a tail."""
        return [(rng.lognormal(0, 0.03) * (1 + rng.exponential(0.03, 20))).tolist() for _ in range(processes)]

    held = [ratio(measured(), measured()).holds(1.0) for _ in range(60)]
    assert 0.89 <= np.mean(held) < 1.0


def test_a_true_difference_is_found() -> None:
    rng = np.random.default_rng(0)
    base, other = ([rng.normal(level, 0.02, 50).tolist() for _ in range(5)] for level in (1.0, 1.1))
    found = ratio(base, other)
    assert not found.holds(1.0) and found.holds(1.1)
    assert ratio(other, base).value == pytest.approx(1 / found.value)
