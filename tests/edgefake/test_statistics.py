from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefake.errors import InputError
from edgefake.statistics import Interval, Summary, auc, exact_share


def test_an_interval_is_the_middle_95_percent_of_the_resamples() -> None:
    found = Interval.of(0.5, np.linspace(0.0, 1.0, 1001))
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.025, 0.975))
    assert found.holds(0.025) and not found.holds(0.02)


def test_an_interval_holds_its_value() -> None:
    assert Interval.of(2.0, [0.0, 1.0]).high == 2.0
    assert Interval.of(-1.0, [0.0, 1.0]).low == -1.0


def test_an_interval_is_written_in_one_format() -> None:
    interval = Interval(0.95, 0.9, 1.0)
    assert str(interval) == f"{interval}" == "0.9500 [0.9000, 1.0000]"
    assert f"{interval:.2f}" == "0.95 [0.90, 1.00]"


def test_a_summary_is_of_all_samples() -> None:
    found = Summary.of([float(n) for n in range(1, 101)])
    assert (found.runs, found.mean, found.median, found.max) == (100, 50.5, 50.5, 100.0)
    assert (found.p90, found.p95, found.p99) == pytest.approx((90.1, 95.05, 99.01))


scores = st.lists(st.integers(0, 4), min_size=1, max_size=12)


@given(scores, scores)
def test_auc_is_the_share_of_pairs_in_order_and_ties_count_half(real: list[int], fake: list[int]) -> None:
    pairs = [1.0 if f > r else 0.5 if f == r else 0.0 for r in real for f in fake]
    labels = np.array([0] * len(real) + [1] * len(fake))
    assert auc(labels, np.array(real + fake, np.float32)) == sum(pairs) / len(pairs)


@pytest.mark.parametrize(
    ("labels", "values", "fact"), [([1, 1], [0.1, 0.2], "0 real and 2 fake"), ([0, 1], [0.1, np.nan], "NaN for 1 of 2")]
)
def test_no_auc_of_one_class_or_of_nan(labels: list[int], values: list[float], fact: str) -> None:
    with pytest.raises(InputError, match=fact):
        auc(np.array(labels), np.array(values))


def test_the_exact_interval_of_a_share() -> None:
    assert exact_share(0, 300).low == 0.0 and exact_share(300, 300).high == 1.0
    assert exact_share(0, 300).high == pytest.approx(1 - 0.025 ** (1 / 300))
    found = exact_share(7, 20)  # Clopper & Pearson as R's binom.test gives it
    assert (found.value, found.low, found.high) == pytest.approx((0.35, 0.1539, 0.5922), abs=1e-4)
    assert exact_share(1, 1).low == pytest.approx(0.025)
    assert exact_share(0, 1) == Interval(0.0, 0.0, pytest.approx(0.975))


@given(st.integers(1, 3000), st.floats(0, 1))
def test_an_exact_interval_holds_its_share_and_mirrors(count: int, share: float) -> None:
    hits = round(share * count)
    one, other = exact_share(hits, count), exact_share(count - hits, count)
    assert 0.0 <= one.low <= one.value <= one.high <= 1.0
    assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low), abs=1e-9)
